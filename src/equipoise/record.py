"""What the leading process of a run writes and says: the journal, the table of losses, and whoever listens."""

from __future__ import annotations

import contextlib
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack

from equipoise.folder import RunFolder
from equipoise.journal import Event, Journal, Tick
from equipoise.losses import LossTable
from equipoise.recipe import Recipe

Listener = Callable[[Event], None]
"""What it raises ends the run, for it may be one that decides.  Whoever only shows belongs in an `Onlooker`."""


class Onlooker:
    """A listener that only shows what happens, as a terminal does: one that fails is dropped, and the run trains on.

    That is said on stderr, once.
    """

    def __init__(self, name: str, listener: Listener) -> None:
        self._name = name
        self._listener: Listener | None = listener

    def __call__(self, event: Event) -> None:
        if self._listener is None:
            return
        try:
            self._listener(event)
        except (Exception, SystemExit) as error:  # noqa: BLE001 - a tracker raises what it likes, rich exits at a closed pipe
            self._listener = None
            with contextlib.suppress(OSError):  # a terminal that is gone takes this line no more than the others
                said = f"{self._name} failed ({type(error).__name__}: {error}) and is told nothing more"
                sys.stderr.write(f"equipoise: {' '.join(said.split())}; the run trains on\n")


class Record:
    """What the leading process writes and says: the journal, the table of losses, and whoever listens."""

    def __init__(self, folder: RunFolder, recipe: Recipe, listeners: Iterable[Listener]) -> None:
        """Raises `RequestError` where another process trains this run."""
        self._listeners = tuple(listeners)
        with ExitStack() as opened:
            opened.enter_context(folder.held())
            self._journal = opened.enter_context(Journal(folder.path))
            self._losses = LossTable(folder.path, columns(recipe))
            opened.callback(self._losses.close)
            self._opened = opened.pop_all()

    def announce(self, event: Event) -> None:
        self._journal.append(event)
        for listener in self._listeners:
            listener(event)

    def row(self, tick: Tick) -> None:
        self._losses.append(tick.step, tick.images, tick.epoch, tick.values)

    def close(self) -> None:
        self._opened.close()


class Pace:
    """Images a second and the share of time spent waiting for data, between two moments."""

    def __init__(self) -> None:
        self.reset(0, 0.0)

    def reset(self, images: int, waited_s: float) -> None:
        self._began, self._images, self._waited_s = time.perf_counter(), images, waited_s

    def since_reset(self, images: int, waited_s: float) -> tuple[float, float]:
        took = max(time.perf_counter() - self._began, 1e-9)
        return (images - self._images) / took, (waited_s - self._waited_s) / took


def columns(recipe: Recipe) -> list[str]:
    """The columns of ``losses.csv`` for a recipe, after step, images and epoch."""
    names = ["loss_d", "loss_g", "d_x", "d_g_z1", "d_g_z2", "grad_d", "grad_g", "lr_d", "lr_g"]
    if recipe.encoder is not None:
        names.append("grad_e")
    if recipe.augment is not None and recipe.augment.adaptive is not None:
        names += ["augment_p", "overfitting"]
    for phase in recipe.phases.values():
        for name, term in phase.terms.items():
            names += [f"{side.lower()}.{name}" for side in sorted(term.sides)]
            names += term.notes
    names += recipe.generator.watches
    names += _signals(recipe)
    return list(dict.fromkeys(names))


def _signals(recipe: Recipe) -> Iterator[str]:
    """What is written down for a doctor, docs/signals.md."""
    yield from (
        f"clipped_{side}" for side, adam in zip("dg", (recipe.d_optim, recipe.g_optim), strict=True) if adam.clip_norm
    )
    is_game = any(phase.adversarial is not None for phase in recipe.phases.values())
    if is_game:
        yield from ("score_real", "score_fake", "auc")
    if recipe.cadence.probe_steps is None:
        return
    yield from ("moved_d", "moved_g")
    if is_game:
        yield from ("grad_at_output", "auc_held_out") if recipe.held_out else ("grad_at_output",)
    for phase in recipe.phases.values():
        pulling = [name for name, term in phase.terms.items() if "G" in term.sides]
        yield from (f"share.{name}" for name in pulling if len(pulling) > 1)
