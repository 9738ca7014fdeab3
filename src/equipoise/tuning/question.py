"""What a study asks: fixed when it begins, the same for every worker and every sitting."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal, Self, get_args

from equipoise.doctor.scores import HIGHER_IS_BETTER
from equipoise.errors import RequestError
from equipoise.recipe import Recipe
from equipoise.spec import Json, decode, did_you_mean, digest, encode
from equipoise.tuning.knobs import Tuned, tuned

Strategy = Literal["one", "random", "tpe", "nsga"]
Objective = Literal["quality", "diversity", "no-collapse"]
OBJECTIVES: Final = get_args(Objective)


@dataclass(frozen=True, slots=True)
class Question:
    """A recipe, what of it is tuned, and how."""

    recipe: Recipe
    """Fitted to the data and to the length of a trial."""
    knobs: tuple[Tuned, ...]
    strategy: Strategy
    objectives: tuple[Objective, ...]
    """The first decides; none of the others may get worse."""
    measure: str
    """What quality is here: the recipe's measure of held-out samples."""
    num_seeds: int
    warm_up_steps: int
    """Trained once, with the recipe's own settings; every trial goes on from there."""
    horizon_steps: int
    """That a trial trains beyond the warm-up."""
    data: str
    """The digest of the corpus."""
    asked: tuple[Tuned, ...] = ()
    """The knobs of the recipe as it was asked for, before it was fitted."""
    named: str = ""
    """The recipe as it was asked for: a name, a file, file:function; empty where nobody said."""

    @property
    def steps(self) -> int:
        """Of a run at the end of its trial."""
        return self.warm_up_steps + self.horizon_steps

    @property
    def signs(self) -> tuple[float, ...]:
        """What each objective is multiplied by so that less of it is better."""
        return tuple(self._sign(objective) for objective in self.objectives)

    def _sign(self, objective: Objective) -> float:
        if objective == "quality":
            return -1.0 if self.measure in HIGHER_IS_BETTER else 1.0
        return -1.0 if objective == "diversity" else 1.0

    def names(self) -> tuple[str, ...]:
        """Of the objectives, for a table."""
        words = {"quality": self.measure, "diversity": "diversity", "no-collapse": "collapses"}
        return tuple(words[objective] for objective in self.objectives)

    def in_words(self, settings: Mapping[str, Json]) -> str:
        """Tuned settings in one line; what they are where nothing was changed."""
        said = [f"{knob.path}={knob.words(settings[knob.path])}" for knob in self.knobs if knob.path in settings]
        return ", ".join(said) or "the recipe's own"

    def to_json(self) -> dict[str, Json]:
        return {
            "recipe": encode(self.recipe),
            "knobs": [knob.to_json() for knob in self.knobs],
            "strategy": self.strategy,
            "objectives": [*self.objectives],
            "measure": self.measure,
            "num_seeds": self.num_seeds,
            "warm_up_steps": self.warm_up_steps,
            "horizon_steps": self.horizon_steps,
            "data": self.data,
            "asked": [knob.to_json() for knob in self.asked],
            "named": self.named,
        }

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> Self:
        return cls(
            **{
                **document,
                "recipe": decode(document["recipe"], Recipe),
                "knobs": tuple(map(Tuned.from_json, document["knobs"])),
                "asked": tuple(map(Tuned.from_json, document.get("asked", ()))),
                "objectives": tuple(document["objectives"]),
            }
        )

    def refuse_other(self, asked: Asked) -> None:
        """Raise `RequestError` where a command asks for something else than the study that it names."""
        mine = {
            "--knobs": [knob.to_json() for knob in self.asked or self.knobs],
            "--strategy": self.strategy,
            "--objective": [*self.objectives],
            "--seeds": self.num_seeds,
        }
        theirs = {
            "--knobs": [knob.to_json() for knob in asked.knobs],
            "--strategy": asked.strategy,
            "--objective": [*asked.objectives],
            "--seeds": asked.num_seeds,
        }
        differing = [option for option, value in mine.items() if theirs[option] != value]
        if asked.horizon_steps is not None and asked.horizon_steps != self.horizon_steps:
            differing.append(f"--horizon (it has {self.horizon_steps} steps)")
        if asked.warm_up_steps is not None and asked.warm_up_steps != self.warm_up_steps:
            differing.append(f"--warm-up (it has {self.warm_up_steps} steps)")
        if differing:
            raise RequestError(
                f"this study was begun with other {', '.join(differing)}: say the same, or begin another with "
                "another --out or --study"
            )


@dataclass(frozen=True, slots=True)
class Asked:
    """What a command says of a study; what it leaves out is decided when the study begins."""

    recipe: Recipe
    knobs: tuple[Tuned, ...]
    words: tuple[str, ...] = ()
    """After ``--knobs``; none: what the notes tune first."""
    strategy: Strategy = "one"
    objectives: tuple[Objective, ...] = ("quality",)
    num_seeds: int = 3
    warm_up_steps: int | None = None
    horizon_steps: int | None = None
    named: str = ""
    """The recipe, in the words of the command."""

    @classmethod
    def parse(
        cls,
        recipe: Recipe,
        *,
        knobs: Sequence[str],
        strategy: Strategy,
        objective: Sequence[str],
        seeds: int,
        warm_up: int | None,
        horizon: int | None,
        named: str = "",
    ) -> Self:
        """From the words of a command.  Raises `RequestError`."""
        for option, number, least in (("--seeds", seeds, 2), ("--warm-up", warm_up, 1), ("--horizon", horizon, 1)):
            if number is not None and number < least:
                raise RequestError(f"{option} {number}: at least {least}")
        found = tuned(recipe, knobs)
        return cls(recipe, found, tuple(knobs), strategy, objectives(objective), seeds, warm_up, horizon, named)

    @property
    def digest(self) -> str:
        """Of the recipe, as it was asked for."""
        return digest(self.recipe)


def objectives(words: Sequence[str]) -> tuple[Objective, ...]:
    """What ``--objective`` says, with commas between.  Raises `RequestError`."""
    found: list[Objective] = []
    for word in (part.strip() for text in words for part in text.split(",")):
        meant = next((objective for objective in OBJECTIVES if objective == word), None)
        if meant is None:
            known = ", ".join(OBJECTIVES)
            raise RequestError(f"--objective {word}: there are {known}{did_you_mean(word, OBJECTIVES)}")
        found.append(meant)
    return tuple(dict.fromkeys(found)) or ("quality",)
