"""The settings of a recipe that are the same whatever its parts: lengths, optimisers, averaging, cadence."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Annotated, Literal

from equipoise.recipe._parts import Adversarial, Needed, Operation, Term
from equipoise.schedule import Rate, Schedule, Unit
from equipoise.spec import Knob, Part, Problem


@dataclass(frozen=True)
class Adaptive(Part):
    """Adaptive discriminator augmentation (ADA; Karras et al. 2020, arXiv:2006.06676, section 3).

    Every operation is made with a probability p that is raised while the critic overfits and lowered while it does not.
    Two signs of overfitting, both 0 without any and 1 at the worst:

    - ``held_out``: how much higher the critic ranks training samples than held-out ones, against how much higher than
      fakes.  Their r_v, by ranks in place of means.  Direct, whatever the loss; it needs held-out samples, and ``sign``
      takes its place where there are none.
    - ``sign``: the mean sign of D(x) - D(G(z)) over all pairs, which is 2 AUC - 1.  Their r_t, freed of the critic's
      zero, which a relativistic or Wasserstein loss leaves open.  A critic that is merely far ahead has it high too.

    Over `images` real samples p may go from 0 to 1.  Above 0.8 the changes leak into the fakes (their section 2.2).
    """

    signal: Literal["held_out", "sign"] = "held_out"
    target: Annotated[float, Knob("sign of overfitting that is let be", low=0, high=1, source="their section 3")] = 0.6
    images: Annotated[
        float, Knob("real samples over which p may go from 0 to 1", above=0, log=True, source="their section 3")
    ] = 500_000.0
    every: Annotated[int, Knob("critic updates between adjustments", low=1, high=1024, source="their section 3")] = 4
    most: Annotated[float, Knob("largest p", low=0, high=1, source="their section 2.2: beyond, changes leak")] = 0.8


@dataclass(frozen=True)
class Categories(Part):
    """How the classes of real samples are shown to the critic, whose planes are otherwise exactly 0 and 1.

    A generator's shares never are, so a critic could tell the two apart by that alone (notes).
    """

    pull: Annotated[float, Knob("how far 0 and 1 are pulled towards even shares", low=0, high=0.5, source="notes")] = (
        0.01
    )
    noise: Annotated[float, Knob("deviation of noise on the shares", low=0, high=0.5, source="notes")] = 0.01
    span: Literal["0 to 1", "-1 to 1"] = "0 to 1"
    """``-1 to 1`` is shown for fakes as well.  It did badly (notes) and is kept to be compared with."""


@dataclass(frozen=True)
class Augment(Part):
    """Operations applied in order, to the real samples alone or to everything the critic sees."""

    operations: tuple[Operation, ...]
    applies_to: Literal["real", "both", "critic", "pairs"] = "real"
    """``pairs``: to real samples and to the pictures they are to be made from, alike, before anything sees them.
    ``critic``: to all that the critic learns from, and to nothing that the generator is scored by (notes: scored on
    noisy samples, it learned to make up for noise that was not its own)."""
    adaptive: Adaptive | None = None

    def problems(self) -> Iterator[Problem]:
        if self.adaptive is not None and self.applies_to != "both":
            yield Problem("applies_to", 'must be "both" when adaptive, or the generator learns the changes')
        for at, operation in enumerate(self.operations):
            if self.applies_to == "pairs" and not operation.keeps_pairs:
                yield Problem(f"operations.{at}", "does not keep pairs; flips and turns by quarters do")


@dataclass(frozen=True)
class Adam(Part):
    """Adam (Kingma & Ba 2015, arXiv:1412.6980); with `decoupled` decay AdamW (arXiv:1711.05101)."""

    lr: Annotated[
        Rate, Knob("learning rate", low=0, high=1, log=True, source="Radford et al. 2016, arXiv:1511.06434")
    ] = 2e-4
    beta1: Annotated[float, Knob("decay of the first moment", low=0, high=0.9999, source="Gulrajani et al. 2017")] = 0.0
    beta2: Annotated[
        float, Knob("decay of the second moment", low=0, high=0.999999, source="Karras et al. 2020, arXiv:1912.04958")
    ] = 0.99
    eps: Annotated[float, Knob("added to the denominator", above=0, high=1e-2, log=True, source="Kingma & Ba 2015")] = (
        1e-8
    )
    weight_decay: Annotated[float, Knob("strength of weight decay", low=0, high=1, log=True, source="off")] = 0.0
    decoupled: bool = False
    clip_norm: Annotated[float | None, Knob("gradients are scaled down to this norm", above=0)] = None


@dataclass(frozen=True)
class Retuned(Part):
    """What a phase sets in place of the recipe's optimiser; what is left out stays as it is there.

    The optimiser and its moments go on from phase to phase (docs/decisions/0015-a-phase-may-retune.md).
    """

    lr: Annotated[
        Rate | None,
        Knob("learning rate in this phase", low=0, high=1, log=True, source="the optimiser's own"),
    ] = None
    weight_decay: Annotated[
        float | None,
        Knob("strength of weight decay in this phase", low=0, high=1, log=True, source="the optimiser's own"),
    ] = None


@dataclass(frozen=True)
class Average(Part):
    """Exponential moving average of the generator's weights and buffers, used for every sample that is shown.

    With `ramp` the decay grows as (1 + t) / (10 + t) until it reaches `decay`, so that the first averages are not
    dominated by the initial weights.
    """

    decay: Annotated[
        float, Knob("share of the old average kept at each step", low=0, high=0.999999, source="notes: 0.999")
    ] = 0.999
    ramp: bool = True


@dataclass(frozen=True)
class Span(Part):
    """A length of training."""

    amount: Annotated[float, Knob("how much", above=0)]
    unit: Unit = "steps"

    def __str__(self) -> str:
        return f"{self.amount:g} {self.unit}"


BestBy = Literal["kernel", "frechet", "sliced_wasserstein", "psnr", "ssim", "rebuilt"]


@dataclass(frozen=True)
class Phase(Part):
    """A stretch of training with its own terms and its own rhythm of critic and generator updates.

    Without an adversarial term no critic learns, and `d_updates` does not count.  Updates a step need not be whole: 0.5
    is one at every other step (`equipoise.schedule.turns_at`).

    Schedules inside a phase are measured from its beginning, those of what it retunes too; those of the recipe's
    optimisers from the beginning of the run.
    """

    length: Span
    terms: Mapping[str, Term]
    d_updates: Annotated[
        float | Schedule, Knob("critic updates a step", low=0, high=64, unit="updates", source="one each")
    ] = 1.0
    g_updates: Annotated[
        float | Schedule, Knob("generator updates a step", low=0, high=64, unit="updates", source="one each")
    ] = 1.0
    share_fakes: bool = False
    """Whether the generator's update scores the fakes that the critic has just learned from, as DCGAN does, which
    saves one pass through the generator, rather than fresh ones."""

    g_optim: Retuned = Retuned()
    """In place of the recipe's, for generator and encoder."""
    d_optim: Retuned = Retuned()

    best_by: BestBy | None = None
    """The measure that chooses the best generator of this phase; none: that of the recipe."""

    @property
    def adversarial(self) -> Adversarial | None:
        """The phase's game, if one is played."""
        return next((term for term in self.terms.values() if isinstance(term, Adversarial)), None)

    @property
    def game(self) -> str | None:
        """The name of its adversarial term."""
        return next((name for name, term in self.terms.items() if isinstance(term, Adversarial)), None)

    @property
    def needs(self) -> frozenset[Needed]:
        """What its terms ask for, together."""
        return frozenset().union(*(term.needs for term in self.terms.values()))

    def problems(self) -> Iterator[Problem]:
        games = [name for name, term in self.terms.items() if isinstance(term, Adversarial)]
        if not self.terms:
            yield Problem("terms", "is empty; nothing would be learned")
        elif len(games) > 1 or (not games and "critic" in self.needs):
            yield Problem("terms", f"has {len(games)} adversarial losses; a critic needs exactly one")
        of_generator = [name for name, term in self.terms.items() if "G" in term.sides and name not in games]
        if self.adversarial is not None and self.adversarial.share is not None and not of_generator:
            yield Problem("terms", "has a share for the game, and nothing else that pulls at the generator")
        for name in games:
            if self.terms[name].every != 1:
                yield Problem(f"terms.{name}.every", "must be 1: the game is played at every update")
        if self.d_updates == 0 and self.g_updates == 0:
            yield Problem("d_updates", "and g_updates are both 0; nothing would learn")


@dataclass(frozen=True)
class Precision(Part):
    """How numbers are computed.  "auto" is decided by a measurement on the machine, recorded in the journal."""

    compute: Literal["auto", "float32", "bfloat16"] = "auto"
    layout: Literal["auto", "contiguous", "channels_last"] = "auto"
    penalties: Literal["same", "float32"] = "same"
    """The critic's precision inside gradient penalties; in bf16 they err no more than the loss itself (decision 5)."""


OFTEN = "as often as one looks; it changes nothing in the training"


@dataclass(frozen=True)
class Cadence(Part):
    """How often things are written down.  None of it changes the training."""

    tick_steps: Annotated[int, Knob("steps between two rows of losses.csv", low=1, unit="steps", source=OFTEN)] = 10
    probe_steps: Annotated[
        int | None,
        Knob(
            "steps between two close looks at one, for signals that cost something; none: no looks",
            low=1,
            unit="steps",
            source="benchmarks/signals.py: below 3 % of the time",
        ),
    ] = 25
    sheet_steps: Annotated[
        int, Knob("steps between two sample sheets and scores", low=1, unit="steps", source=OFTEN)
    ] = 500
    measuring_share: Annotated[
        float, Knob("share of the time beyond which scores are left out", above=0, high=1, source="what nobody minds")
    ] = 0.05
    checkpoint_steps: Annotated[
        int | None, Knob("steps between two checkpoints", low=1, unit="steps", source=OFTEN)
    ] = None
    checkpoint_s: Annotated[
        float, Knob("longest time without a checkpoint", above=0, unit="s", source="guess: what one minds losing")
    ] = 120.0
    keep_recent: Annotated[int, Knob("recent checkpoints kept", low=1, high=100, source="one to fall back on")] = 2
    keep_best: Annotated[
        int, Knob("checkpoints of the best generators kept beside them, the latest", low=1, high=100, source="one")
    ] = 1


@dataclass(frozen=True)
class Autopilot(Part):
    """What is done when the doctor is certain that a run is ill (docs/autopilot.md).

    ``advise`` writes down and says what it would try, and touches nothing.  ``act`` goes back to the last good
    checkpoint, tries remedies one at a time in forks of the run, beside no change, and goes on with the best.  Where
    nothing is certain it tries once, early, to do without settings that often do harm.
    """

    mode: Literal["off", "advise", "act"] = "advise"
    candidates: Annotated[
        int, Knob("remedies tried side by side, each alone", low=1, high=8, source="guess: what a fork's budget bears")
    ] = 3
    of_a_kind: Annotated[
        int, Knob("interventions for one symptom", low=1, high=100, source="guess: a third failure is no accident")
    ] = 3
    in_all: Annotated[
        int, Knob("interventions in a run", low=1, high=100, source="guess: twice as many as of a kind")
    ] = 6
    extra: Annotated[
        float,
        Knob(
            "steps of forks that lose, as a share of the run's length", low=0, high=10, source="guess: worth a rescue"
        ),
    ] = 0.25
    horizon: Annotated[
        int | None,
        Knob("steps of a fork; none: until the remedy is due to show, as far as the budget goes", low=1, unit="steps"),
    ] = None
