"""The doctor in a training loop of your own: it reads numbers and samples, changes nothing, and speaks when it knows.

::

    watch = equipoise.Watch("runs/mine", loss="hinge", real=pictures)
    for step, batch in enumerate(loader):
        ...
        watch.log(step, d_loss=loss_d, g_loss=loss_g, real_logits=of_real, fake_logits=of_fake, fake=fakes)
"""

from __future__ import annotations

import contextlib
import math
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Final, Self

import torch
from torch import Tensor

from equipoise.attending import Attendant
from equipoise.doctor.game import GAMES
from equipoise.doctor.symptom import Examination
from equipoise.doctor.trace import SIGNALS
from equipoise.engine.meter import Meter
from equipoise.engine.ranks import auc
from equipoise.engine.score import Score
from equipoise.engine.world import World
from equipoise.errors import RequestError
from equipoise.journal import Faulted, Finished, Journal, Measured, Tick, Watched
from equipoise.losses import LossTable
from equipoise.space import Channel, Space
from equipoise.spec import did_you_mean
from equipoise.view import Samples

EXAMINED_EVERY: Final = 10
"""Rows: whoever has a row every 50 steps hears of something within 500."""
MOST_SAMPLES: Final = 1024
FEWEST_SAMPLES: Final = 16
"""Real samples: half of them are to be told from the other half.  And fakes.  A guess."""
INTERRUPTED: Final = "interrupted"
COLOURS: Final = (1, 3, 4)
OUTSIDE: Final = 0.01
"""How far beyond the declared range a sample may lie before it is refused."""


class Watch:
    """Writes a folder that ``equipoise doctor`` and ``equipoise report`` read, and asks the doctor as it grows.

    Tensors are gathered where they are and copied to the host once a row.  Nothing of the loop is changed: no gradient,
    no random number.
    """

    def __init__(
        self,
        folder: str | Path,
        *,
        loss: str | None = None,
        real: Tensor | None = None,
        value_range: tuple[float, float] = (-1.0, 1.0),
        every: int = 50,
        samples_every: int = 1000,
        tell: Callable[[str], object] = print,
    ) -> None:
        """`loss` is a key of ``equipoise.doctor.game.GAMES``: bce, lsgan, hinge, wgan, relativistic ...

        `real` are real samples [N, C, H, W] to measure fakes by, best ones that are not trained on; without them no
        samples are judged.  `value_range` is what black and white are in real and fake samples.  A row is written
        `every` so many steps, fakes are measured every `samples_every`.  `tell` is called with one line whenever the
        doctor's mind changes.

        Raises `RequestError` for an unknown loss, a folder that holds something, or samples that are too few, of
        another shape or outside their range.
        """
        if loss is not None and loss not in GAMES:
            raise RequestError(f"loss {loss!r} is none of {', '.join(GAMES)}{did_you_mean(loss, GAMES)}")
        self.folder = Path(folder)
        if self.folder.exists() and (not self.folder.is_dir() or any(self.folder.iterdir())):
            raise RequestError(f"{self.folder} exists already; give the run a folder of its own")
        self._range, self._every, self._samples_every, self._tell = value_range, every, samples_every, tell
        self._score = _score(self._measurable(real)) if real is not None else None
        self._shape = tuple(real.shape[1:]) if real is not None else ()
        self.folder.mkdir(parents=True, exist_ok=True)
        self._journal = Journal(self.folder)
        self._journal.append(Watched(loss=loss))
        self._table: LossTable | None = None
        self._meter = Meter()
        self._began = time.monotonic()
        self._rows = self._done = 0
        self._step, self._before = 0, 0
        """The last step that was told, and steps before those it counts from."""
        self._is_open = True
        self._row_at = self._measured_at = 0
        self._refused_fakes = self._went_back = False
        self._fakes: list[Tensor] = []
        self._attendant = Attendant(self.folder)

    def log(
        self,
        step: int,
        *,
        real_logits: Tensor | None = None,
        fake_logits: Tensor | None = None,
        held_out_logits: Tensor | None = None,
        fake: Tensor | None = None,
        **numbers: float | Tensor,
    ) -> Examination | None:
        """Take the numbers of one step; `step` counts from 0 and goes up, over all epochs.

        `real_logits`, `fake_logits` and `held_out_logits` are the critic's raw scores of a batch of real samples, of
        fakes, and of real samples that are never trained on.  `fake` are generated samples [N, C, H, W]; those of the
        last steps before a measuring are taken together.  All else goes by the names of
        ``equipoise.doctor.trace.SIGNALS``: ``d_loss`` and ``g_loss`` without penalties, ``grad_d``, ``lr_g`` ...

        It need not be called at every step: a row is written as soon as `every` steps have passed since the last one.
        Fakes that cannot be measured, of another shape or beyond the declared range, are told once and left out; where
        there are too few for a measuring they wait for more.  Steps that begin anew are told, and counted on.

        Returns what the doctor says, on steps on which it was asked.  Raises `RequestError` for a name that it does not
        know.
        """
        for name, value in numbers.items():
            if name not in SIGNALS and not name.startswith("share."):
                raise RequestError(f"no signal {name!r}{did_you_mean(name, SIGNALS)}")
            self._meter.add(name, torch.as_tensor(value))
        self._add_scores(real_logits, fake_logits, held_out_logits)
        if fake is not None and self._score is not None:
            self._keep(fake.detach())
        if step < self._step:
            self._begun_anew(step)
        self._step = step
        done = self._done = self._before + step + 1
        measures = done - self._measured_at >= self._samples_every
        if measures:
            self._measure(done)
            self._measured_at = done
        if done - self._row_at >= self._every:
            self._write_row(done)
            self._row_at = done
            if self._rows % EXAMINED_EVERY == 0 or measures:
                return self._examine(done)
        return None

    @property
    def examination(self) -> Examination | None:
        """What the doctor said last."""
        return self._attendant.examination

    def close(self) -> None:
        """End the run's folder, as a loop does that is through."""
        self._end(Finished(step=self._done, reason="the loop is through", seconds=time.monotonic() - self._began))

    def _begun_anew(self, step: int) -> None:
        self._before = self._done
        if not self._went_back:  # said once
            said = f"steps go back from {self._step} to {step}: they are counted on"
            self._tell(f"step {self._done}: {said}; count over all epochs to have your own")
        self._went_back = True

    def _end(self, how: Finished | Faulted) -> None:
        if not self._is_open:
            return
        self._is_open = False
        try:
            with contextlib.suppress(OSError, RuntimeError):  # a device that failed tells no more
                self._write_row(self._done)
            self._journal.append(how)
        finally:
            self._journal.close()
            if self._table is not None:
                self._table.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if isinstance(error, Exception):
            said = f"{type(error).__name__}: {error}".removesuffix(": ")
            with contextlib.suppress(OSError):  # a full disk cannot take this line, and the loop's own error counts
                self._end(Faulted(step=self._done, message=" ".join(said.split())))
        elif error is not None:
            self._end(Finished(step=self._done, reason=INTERRUPTED, seconds=time.monotonic() - self._began))
        self.close()

    def _add_scores(self, real: Tensor | None, fake: Tensor | None, held_out: Tensor | None) -> None:
        scores = {"real": real, "fake": fake, "held_out": held_out}
        known = {name: each.detach().flatten().float() for name, each in scores.items() if each is not None}
        for name in known.keys() - {"held_out"}:
            self._meter.add(f"score_{name}", known[name])
        if "fake" in known:
            for name, column in (("real", "auc"), ("held_out", "auc_held_out")):
                if name in known:
                    self._meter.add(column, auc(known[name], known["fake"]))

    def _keep(self, fake: Tensor) -> None:
        """The newest fakes, as many as are measured."""
        if not len(fake):
            return
        self._fakes.append(fake)
        while sum(map(len, self._fakes)) - len(self._fakes[0]) >= MOST_SAMPLES:
            self._fakes.pop(0)

    def _measure(self, done: int) -> None:
        if self._score is None or sum(map(len, self._fakes)) < FEWEST_SAMPLES:
            return
        began = time.monotonic()
        try:
            fakes = self._comparable(self._fakes)
        except RequestError as error:
            self._refuse_fakes(done, error)
            return
        found = self._score.of(fakes, "kernel")
        floor = self._score.floor("kernel")
        floors = {floor.name: floor.value, **floor.beside} if floor is not None else {}
        took = time.monotonic() - began
        self._journal.append(
            Measured(step=done, name=found.name, value=found.value, seconds=took, beside=found.beside, floors=floors)
        )
        self._fakes.clear()

    def _comparable(self, kept: list[Tensor]) -> Samples:
        """The newest fakes, as the real samples are.  Raises `RequestError` where they cannot stand beside them."""
        shapes = {tuple(fake.shape[1:]) for fake in kept}
        if shapes != {self._shape}:
            listed = ", ".join("x".join(map(str, shape)) for shape in sorted(shapes))
            raise RequestError(f"fakes are {listed}, and real samples {'x'.join(map(str, self._shape))}")
        return self._scaled(torch.cat(kept)[-MOST_SAMPLES:])

    def _refuse_fakes(self, done: int, error: RequestError) -> None:
        """Said once: a training is not ended because its samples cannot be measured."""
        if not self._refused_fakes:
            self._tell(f"step {done}: {error}; they are not measured")
        self._refused_fakes = True
        self._fakes.clear()

    def _write_row(self, done: int) -> None:
        values = self._meter.read(World())
        if not values:
            return
        self._rows += 1
        seconds = time.monotonic() - self._began
        tick = Tick(step=done, images=0, epoch=0.0, seconds=seconds, values=values, images_per_s=0.0, waiting=0.0)
        self._journal.append(tick)
        if self._table is None:
            self._table = LossTable(self.folder, list(values))
        self._table.append(done, 0, 0.0, values)

    def _examine(self, done: int) -> Examination:
        said = self._attendant.look(done)
        if said is not None:
            self._journal.append(said)
            self._tell(f"step {done}: {said.verdict}: {said.why}")
        assert self._attendant.examination is not None
        return self._attendant.examination

    def _measurable(self, real: Tensor) -> Samples:
        """Real samples to measure by, in [-1, 1].  Raises `RequestError`."""
        if real.ndim == 4 and len(real) < FEWEST_SAMPLES:
            raise RequestError(f"{len(real)} real samples are too few to measure by; {FEWEST_SAMPLES} are needed")
        if real.ndim == 4 and real.shape[3] in COLOURS and min(real.shape[1:3]) > max(COLOURS):
            raise RequestError(
                f"samples are [N, C, H, W]; {list(real.shape)} looks like [N, H, W, C]: permute(0, 3, 1, 2)"
            )
        if not real.isfinite().all():
            raise RequestError("real samples hold numbers that are not finite: nothing can be measured by them")
        return self._scaled(real)

    def _scaled(self, samples: Tensor) -> Samples:
        """Samples in the declared range, on the host, in [-1, 1].  Raises `RequestError` for others."""
        if samples.ndim != 4:
            raise RequestError(f"samples are [N, C, H, W]; these have shape {list(samples.shape)}")
        low, high = self._range
        scaled = (samples.float().cpu() - low) / (high - low) * 2.0 - 1.0
        ends = float(scaled.min()), float(scaled.max())
        if all(map(math.isfinite, ends)) and max(-ends[0], ends[1]) > 1.0 + OUTSIDE:
            said = f"{float(samples.min()):.3g} to {float(samples.max()):.3g}"
            raise RequestError(f"samples go from {said}, and value_range says {low:g} to {high:g}")
        return scaled


def _score(real: Samples) -> Score:
    """Half of the real samples to measure by, and half to know the floors by."""
    chosen = real[torch.linspace(0, len(real) - 1, min(len(real), 2 * MOST_SAMPLES)).long()]
    channels = tuple(Channel(f"channel {at}") for at in range(chosen.shape[1]))
    space = Space(channels, chosen.shape[2], chosen.shape[3])
    return Score(chosen[0::2], (), space=space, others=chosen[1::2])
