"""Adaptive augmentation for any recipe: which changes are valid for which samples."""

from __future__ import annotations

from dataclasses import dataclass, replace

from equipoise.augment import ColourJitter, Flip, QuarterTurns, Rotate, Scale, Translate
from equipoise.recipe import Adaptive, Augment, Circumstances, Fitting, Operation, Recipe, Tailor
from equipoise.space import Space
from equipoise.spec import Problem, SpecError, encode

SHIFT_IN_TIME = Translate(horizontal=0.125, vertical=0.0, padding="reflection")
COLOURS = ColourJitter(brightness=0.2, contrast=0.5, saturation=0.5, hue=0.5, keep_range=False)
GAIN = ColourJitter(brightness=0.1, contrast=0.1, keep_range=False)


@dataclass(frozen=True)
class FitAugmentation(Tailor):
    """Chooses the operations that are valid for the data, and leaves everything else to `then`, if there is one."""

    then: Tailor | None = None

    def fit_source(self, fitting: Fitting, native_side: int | None) -> None:
        if self.then is not None:
            self.then.fit_source(fitting, native_side)

    def fit(self, fitting: Fitting, at: Circumstances) -> None:
        choose_operations(fitting, at.space)
        if self.then is not None:
            self.then.fit(fitting, at)


def with_ada(recipe: Recipe) -> Recipe:
    """The recipe with adaptive augmentation in place of its own, fitted to the data before the first step.

    Strengths, operations and pace stay open to edits.  A recipe that fits itself anyway goes on doing so.
    """
    augment = Augment(valid_operations(Space((), 0, 0)), "both", Adaptive())
    return replace(recipe, augment=augment, tailor=_with_operations(recipe.tailor))


def _with_operations(tailor: Tailor | None) -> FitAugmentation:
    return tailor if isinstance(tailor, FitAugmentation) else FitAugmentation(tailor)


def choose_operations(fitting: Fitting, space: Space) -> None:
    """Raises `SpecError` for points: nothing would be augmented, and in silence."""
    if fitting.recipe.augment is not None and not valid_operations(space):
        raise SpecError([Problem("augment", f"has no change that keeps {space} plausible; leave augmentation away")])
    operations = [encode(operation) for operation in valid_operations(space)]
    fitting.choose("augment.operations", operations, f"what keeps {space} plausible")


def valid_operations(space: Space) -> tuple[Operation, ...]:
    """The changes that adaptive augmentation may make to such samples.

    Pixels may be moved whatever the channels mean; between them is interpolated, and colours are changed, only where
    all channels are continuous.  What samples are asked for by may be about their colours, which then stay.

    A spectrogram is shifted in time and changed in gain, and nothing else: its axes mean different things.  Strengths
    are those of Karras et al. 2020 (appendix B), or below.  Points have none.
    """
    if space.is_points:
        return ()
    if space.shown == "spectrogram":
        return SHIFT_IN_TIME, GAIN
    moves: tuple[Operation, ...] = (Flip(), QuarterTurns(), Translate(padding="reflection"))
    if any(channel.kind == "categorical" for channel in space.channels):
        return moves
    moves += (Scale(reach=0.2, padding="reflection"), Rotate(degrees=180.0, padding="reflection"))
    return moves if space.conditions else (*moves, COLOURS)
