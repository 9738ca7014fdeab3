"""The best generator that a run ever had, when the course that it was of is left for a fork's.

::

    best/generator.safetensors     the best of the course that the run is on
    best/left.safetensors          the best of those that it has left, unless what took its place was as good

Of one that was given up the first is the best of all.  Whatever is done here can be done twice.
"""

from __future__ import annotations

from equipoise.doctor.scores import is_worse
from equipoise.engine.export import Mark, read_mark
from equipoise.files import write_whole
from equipoise.folder import RunFolder
from equipoise.journal import PutBack


def keep_what_is_left(run: RunFolder, fork: RunFolder) -> str:
    """Before the fork's best generator takes the place of the run's: keep that, if it is better.

    What is kept, in words; nothing where the fork's is as good.
    """
    mine, theirs, left = (read_mark(path) for path in (run.best_generator, fork.best_generator, run.best_left))
    if mine is not None and _is_preferred(mine, theirs) and _is_preferred(mine, left):
        write_whole(run.best_left, run.best_generator.read_bytes())
        left = mine
    return _in_words(left) if left is not None and _is_preferred(left, theirs) else ""


def better_left(run: RunFolder) -> str:
    """In words, a generator of a course that was left, where it is better than the run's best."""
    left = read_mark(run.best_left)
    return _in_words(left) if left is not None and _is_better(left, read_mark(run.best_generator)) else ""


def put_back(run: RunFolder, step: int) -> PutBack | None:
    """Make the best generator the best that the run, which was given up at `step`, ever had; None where it is."""
    left = read_mark(run.best_left)
    if left is None or left.score is None or not _is_better(left, read_mark(run.best_generator)):
        return None
    write_whole(run.best_generator, run.best_left.read_bytes())
    return PutBack(step=step, of_step=left.step, measure=left.measure, score=left.score)


def _is_preferred(one: Mark, other: Mark | None) -> bool:
    """The better one; where the two cannot be compared, as those of two phases, the one that was trained for longer."""
    if other is None or not _are_comparable(one, other):
        return other is None or one.step > other.step
    return _is_better(one, other)


def _is_better(one: Mark, other: Mark | None) -> bool:
    if other is None or not _are_comparable(one, other):
        return False
    assert one.score is not None and other.score is not None
    return is_worse(other.score, one.score, one.measure)


def _are_comparable(one: Mark, other: Mark) -> bool:
    """Earlier versions did not say by what the score was."""
    return one.score is not None and other.score is not None and one.ruler == other.ruler != ""


def _in_words(mark: Mark) -> str:
    score = f"{mark.measure or 'score'} {mark.score:.4g} " if mark.score is not None else ""
    return f"{score}of step {mark.step}"
