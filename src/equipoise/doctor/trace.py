"""What is known of a run, however it was written down: named series of numbers over steps.

Everything that judges reads a `Trace` and nothing else.  A run's folder, a foreign log, a loop that is watched and a
list made up in a test all become one, so each is judged by the same rules.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from typing import Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from equipoise.doctor.game import Game
from equipoise.spec import Json

Floats = NDArray[np.float64]

SIGNALS: Final[Mapping[str, str]] = {
    # losses
    "d_loss": "the critic's adversarial loss, penalties apart where they could be told apart",
    "g_loss": "the generator's adversarial loss",
    "d_total": "the critic's whole loss, penalties included",
    "g_total": "the generator's whole loss",
    "penalty": "the penalty on the critic's slope, unweighted",
    "slope": "norm of the critic's gradient where the penalty looks",
    "kl": "Kullback-Leibler divergence of the posterior from the prior, per latent, in nats",
    # scores
    "d_real": "mean D(x), a probability",
    "d_fake": "mean D(G(z)) in the critic's update, a probability",
    "score_real": "mean raw score of real samples",
    "score_fake": "mean raw score of fakes",
    "auc": "how often a real sample scores above a fake: 0.5 blind, 1 perfect",
    "auc_held_out": "the same for real samples that are never trained on",
    "overfitting": "of training samples' lead over fakes, the part that held-out ones lack: 0 none, 1 all",
    "augment_p": "the probability of adaptive augmentation",
    # gradients and updates
    "grad_d": "norm of the critic's gradient before clipping",
    "grad_g": "norm of the generator's gradient before clipping",
    "grad_at_output": "norm of the generator's loss's gradient at its output, per sample",
    "clipped_d": "share of the critic's updates that were clipped",
    "clipped_g": "share of the generator's updates that were clipped",
    "moved_d": "size of the critic's update over that of its weights",
    "moved_g": "size of the generator's update over that of its weights",
    "lr_d": "the critic's rate",
    "lr_g": "the generator's rate",
    "not_finite": "updates left out since the start, for a number that was not finite",
    "waiting": "share of time the device waited for data",
    # conditions and encoders
    "gamma_low": "smallest factor that a condition puts on a feature",
    "gamma_high": "largest factor that a condition puts on a feature",
    "active_units": "share of latents whose posterior differs from the prior",
    "obeyed": "rank correlation of what was asked for with what is read from the samples",
    # samples; each beside its value for real samples where that is known, see `Trace.floors`
    "distance": "from the real samples: Frechet where it was measured, else the run's own measure; lower is better",
    "distance_raw": "the same, of the generator as it is, where `distance` is of the averaged one",
    "kernel": "kernel distance from the real samples, unbiased: about 0 where fakes are as they are",
    "recall": "share of the real samples' variety that is covered, by recall or coverage: higher is better",
    "precision": "share of fakes that could be real",
    "diversity": "mean distance between two fakes over that between two real samples",
    "memory": "how much nearer fakes are to training samples than to others: 0 not at all",
    "brightness": "mean of the fakes less that of real samples, in standard deviations of real ones",
    "contrast": "standard deviation of the fakes over that of real samples",
    "flat": "share of fakes that hardly vary within themselves",
    "saturated": "share of values at the ends of the range",
    "colour": "saturation of the fakes' colour over that of real samples",
    "detail": "energy at high frequencies over that of real samples",
    "checkerboard": "energy at the frequencies of up-sampling over that of real samples",
    "blocks": "steps at block borders over those of real samples",
    "banding": "energy along rows or columns over that of real samples",
    "crosses": "energy along the diagonals over that of real samples",
    "one_class": "largest share of one class among fakes less that among real samples",
    "twins": "share of fakes that lie less than half as far from a real sample as that one lies from any other",
    "psnr": "decibels, of fakes and the real samples that they should be: higher is better",
    # in pictures' place, from other people's logs
    "fid": "Frechet distance on Inception's features: lower is better",
}
"""Every name a signal can have, and what it is.  A term's share of the generator's gradient is ``share.NAME``."""


@dataclass(frozen=True, slots=True, eq=False)
class Series:
    """Numbers over steps, in their order.  `values` may be NaN or infinite where the run's were."""

    steps: Floats
    values: Floats

    @classmethod
    def of(cls, steps: ArrayLike, values: ArrayLike) -> Series:
        """Raises `ValueError` when the two have not the same length, or the steps go back."""
        at, numbers = np.asarray(steps, np.float64), np.asarray(values, np.float64)
        if at.shape != numbers.shape or at.ndim != 1:
            raise ValueError(f"{at.shape} steps and {numbers.shape} values")
        if (np.diff(at) < 0).any():
            raise ValueError("steps go back")
        return cls(at, numbers)

    def __len__(self) -> int:
        return len(self.steps)

    @property
    def finite(self) -> Series:
        """Without what is not a number."""
        kept = np.isfinite(self.values)
        return self if kept.all() else Series(self.steps[kept], self.values[kept])

    def after(self, step: float) -> Series:
        """From this step on."""
        at = int(np.searchsorted(self.steps, step, side="left"))
        return Series(self.steps[at:], self.values[at:])

    def before(self, step: float) -> Series:
        """Up to this step, and without it."""
        at = int(np.searchsorted(self.steps, step, side="left"))
        return Series(self.steps[:at], self.values[:at])

    def smooth(self, window: float) -> Series:
        """The median of the values of the last `window` steps, at each step, or at so many as say all there is."""
        ends = np.unique(np.linspace(0, len(self) - 1, min(len(self), MOST_MEDIANS)).astype(np.intp))
        counts = ends + 1 - np.searchsorted(self.steps, self.steps[ends] - window, side="right")
        longest = int(counts.max(initial=1))
        thinned = slice(None, None, -(len(ends) * longest // MOST_SORTED + 1))
        ends, counts = ends[thinned][::-1], counts[thinned][::-1]
        back = np.maximum(ends[:, None] - np.arange(longest), 0)
        held = np.where(np.arange(longest) < counts[:, None], self.values[back], np.inf)
        held.sort(axis=1)
        each = np.arange(len(ends))
        return Series(self.steps[ends], (held[each, (counts - 1) // 2] + held[each, counts // 2]) / 2)

    def lasting(self, holds: NDArray[np.bool_], at_least: float) -> float | None:
        """The step from which on `holds`, one answer a value, is true to the end, if that is so for so many steps."""
        if not len(self) or not holds[-1]:
            return None
        wrong = np.flatnonzero(~holds)
        begin = self.steps[wrong[-1] + 1] if len(wrong) else self.steps[0]
        return float(begin) if self.steps[-1] - begin >= at_least else None


@dataclass(frozen=True, slots=True)
class Trace:
    """All that is known of one run."""

    signals: Mapping[str, Series]
    """By the names of `SIGNALS`."""
    game: Game | None = None
    """What its losses mean; none where that could not be known."""
    settings: Mapping[str, Json] = field(default_factory=dict)
    """Its recipe by path (`spec.flatten`); empty for a run of another program."""
    floors: Mapping[str, float] = field(default_factory=dict)
    """What a measure of samples says of real samples."""
    untrained: Mapping[str, float] = field(default_factory=dict)
    """What a measure said of the generator before its first step, by a few samples."""
    before: Mapping[str, float] = field(default_factory=dict)
    """What was measured last before the phase began, which its series do not hold."""
    steps_an_epoch: float | None = None
    batch: int | None = None
    begin: int = 0
    """The run's step from which on steps are counted: that at which the phase began."""
    phase: str = ""
    """Of the recipe; empty where its name is not known."""
    source: str = "numbers"
    """How it was written down, in a few words."""
    again: str = ""
    """How a new run with its recipe is begun, as it is typed; empty where it has none."""
    unknown: tuple[str, ...] = ()
    """What could not be known, each in a few words; said beside every verdict."""
    faults: tuple[str, ...] = ()
    """What its own self-tests and its end said of data, plumbing and measures that cannot be trusted.

    Each begins with `OF_DATA`, `OF_DATA_MAYBE`, `OF_PLUMBING` or `OF_MEASURE`, or is the fault that ended the run in
    its own words.
    """

    pair: str = ""
    """Of networks, of the several that its log tells of; empty where there is one."""
    other_pairs: tuple[str, ...] = ()
    of_points: bool = False
    """Whether samples are a few numbers each, and no pictures, as far as that is known."""
    sizes: Mapping[str, int] = field(default_factory=dict)
    """Numbers of parameters, by ``generator`` and ``critic``, where they are known."""
    at_once: frozenset[str] = frozenset()
    """Signals that were measured once, on samples of which nobody says when they were made: their steps mean nothing,
    and their values are those of parts of the samples."""

    @property
    def is_snapshot(self) -> bool:
        """Whether samples are all there is."""
        return bool(self.at_once) and self.at_once == self.signals.keys()

    @property
    def last_step(self) -> float:
        return max((float(series.steps[-1]) for series in self.signals.values() if len(series)), default=0.0)

    def without(self, names: Collection[str]) -> Trace:
        """As if these signals had not been written down."""
        return replace(self, signals={name: one for name, one in self.signals.items() if name not in names})

    def between(self, first: float, last: float) -> Trace:
        """From one step to another, both included."""
        cut = {name: one.after(first).before(math.nextafter(last, math.inf)) for name, one in self.signals.items()}
        return replace(self, signals=cut)

    def get(self, name: str) -> Series | None:
        """The finite values of a signal, if there are any."""
        series = self.signals.get(name)
        kept = series.finite if series is not None else None
        return kept if kept is not None and len(kept) else None

    def shares(self) -> Mapping[str, Series]:
        """Of the generator's gradient at its output, by term."""
        found = {name: self.get(name) for name in self.signals if name.startswith("share.")}
        return {name.removeprefix("share."): series for name, series in found.items() if series is not None}

    @property
    def normalised(self) -> Series | None:
        """The critic's loss between what it is when the critic is perfect, 0, and when it is blind, 1."""
        losses = self.get("d_loss")
        if losses is None or self.game is None or self.game.floor is None:
            return None
        return Series(losses.steps, self.game.normalised(losses.values))

    @property
    def window(self) -> float:
        """In steps: how long numbers of a loss are looked at together.

        An epoch, but at least `FEWEST_STEPS`, and so many that there are rows enough for a median.
        """
        return max(FEWEST_STEPS, self.steps_an_epoch or 0.0, self._steps_of_a_median)

    @property
    def _steps_of_a_median(self) -> float:
        losses = self.get("d_loss") or self.get("g_loss")
        if losses is None or len(losses) < ROWS_OF_A_MEDIAN:
            return 0.0
        apart = float(losses.steps[-1] - losses.steps[0]) / (len(losses) - 1)
        return apart * min(ROWS_OF_A_MEDIAN, len(losses) // PARTS)


NO_SAMPLES: Final = "no measure of samples"
"""How a gap begins that samples would fill."""
OF_DATA: Final = "data:"
OF_DATA_MAYBE: Final = "data, perhaps:"
OF_PLUMBING: Final = "plumbing:"
OF_MEASURE: Final = "measure:"
FEWEST_STEPS: Final = 200.0
ROWS_OF_A_MEDIAN: Final = 20
"""A median of so many is off by a third of their deviation."""
PARTS: Final = 10
"""A short log is looked at in so many parts at least."""
MOST_MEDIANS: Final = 1000
"""More of them say nothing new of a log with a row for each step."""
MOST_SORTED: Final = 2**20
"""Values sorted at once, 8 MiB."""
