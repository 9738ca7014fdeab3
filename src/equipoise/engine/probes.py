"""A close look at every so-many-th step, `Cadence.probe_steps`, by which a run can be judged.

::

    before the gradient:   how much of the pull on the generator's samples is each term's
    before the move:       held-out samples, scored by the critic as it is
    after the move:        how far the weights went

It changes nothing.  Gradients are taken by the samples alone, so none is left at a weight; held-out samples are drawn
and changed with random numbers of their own; and the critic's buffers are put back, which its norms write into.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator, Mapping, Sequence

import torch
from torch import Tensor

from equipoise.engine.meter import Meter
from equipoise.engine.plan import Plan
from equipoise.engine.precision import synchronise
from equipoise.engine.ranks import auc
from equipoise.engine.seeding import own_randomness
from equipoise.engine.shares import LEAST_NORM
from equipoise.engine.state import Player, State
from equipoise.randomness import mix
from equipoise.view import Samples, View

MOVED = {"critic": "moved_d", "generator": "moved_g"}
"""The column for how far a network's weights went in an update."""


class Probes:
    """The looks of one sitting, and the time they have taken."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def of_step(self, plan: Plan, state: State, held_out: Callable[[], Samples] | None) -> Probe | None:
        """The look at the step that begins now, if one is due.

        `held_out` gives samples that are never trained on, as the critic is shown them.
        """
        every = plan.recipe.cadence.probe_steps
        is_due = every is not None and (state.counters.steps + 1) % every == 0
        return Probe(self, plan, state, held_out) if is_due else None

    @contextlib.contextmanager
    def timed(self, device: torch.device) -> Iterator[None]:
        synchronise(device)
        began = time.perf_counter()
        yield
        synchronise(device)
        self.seconds += time.perf_counter() - began


class Probe:
    """A close look at the updates of one step, one after another."""

    def __init__(self, clock: Probes, plan: Plan, state: State, held_out: Callable[[], Samples] | None) -> None:
        self._clock, self._plan, self._state, self._held_out = clock, plan, state, held_out
        self._found: dict[str, Tensor] = {}
        self._before: dict[str, list[Tensor]] = {}

    def before_gradient(
        self, view: View, game: str | None, losses: Mapping[str, Tensor], factors: Mapping[str, float | Tensor]
    ) -> None:
        """While the graphs of the losses are whole.  `game` is the name of the adversarial term."""
        self._found = {}
        if view.side == "G":
            with self._clock.timed(self._plan.device):
                self._found |= at_output(view, game, losses, factors)

    def before_move(self, view: View, players: Mapping[str, Player]) -> None:
        """While the critic still is as it was when it gave the view's scores."""
        with self._clock.timed(self._plan.device):
            if view.side == "D" and self._held_out is not None:
                self._found["auc_held_out"] = self._on_held_out(view, self._held_out)
            for role in MOVED.keys() & players.keys():
                self._before[role] = [weight.detach().clone() for weight in players[role].parameters]

    def after_move(self, players: Mapping[str, Player], meter: Meter) -> None:
        """Hand over all that was seen of an update that was made."""
        with self._clock.timed(self._plan.device):
            for role in MOVED.keys() & players.keys():
                self._found[MOVED[role]] = moved(self._before[role], players[role].parameters)
            for name, value in self._found.items():
                meter.add(name, value)
        self._before = {}

    def _on_held_out(self, view: View, held_out: Callable[[], Samples]) -> Tensor:
        plan, counters = self._plan, self._state.counters
        seed = mix(plan.recipe.seed, "probe", counters.steps, plan.world.rank)
        critic = self._state.critic.module
        with torch.no_grad(), own_randomness(seed, plan.device), _buffers_kept(list(critic.buffers())):
            scores = view.critic(held_out())
        return auc(scores, view.fake_scores.detach())


def at_output(
    view: View, game: str | None, losses: Mapping[str, Tensor], factors: Mapping[str, float | Tensor]
) -> dict[str, Tensor]:
    """What pulls at the generator's samples, before augmentation: those made from latents, and those rebuilt.

    - ``grad_at_output``: the norm of the adversarial loss's gradient by a sample, without its weight, mean over samples
    - ``share.NAME``: of several terms, each one's norm of the gradient by all samples, times its weight, over the sum
      of these norms
    """
    outputs = [samples for samples in _outputs(view) if samples.requires_grad]
    if not outputs:
        return {}
    found, pulls = {}, {}
    for name, loss in losses.items():
        gradients = _gradients(loss, outputs)
        if name == game:
            found["grad_at_output"] = len(view.fake) * gradients[0].flatten(1).norm(dim=1).mean()
        norms = torch.stack([gradient.norm() for gradient in gradients])
        pulls[name] = (factors[name] * norms.norm()).abs()
    if len(pulls) > 1:
        whole = torch.stack(list(pulls.values())).sum() + LEAST_NORM
        found |= {f"share.{name}": pull / whole for name, pull in pulls.items()}
    return found


def moved(before: Sequence[Tensor], now: Sequence[Tensor]) -> Tensor:
    """The norm of the change of some weights, over the norm of the weights."""
    changes = [new.detach() - old for new, old in zip(now, before, strict=True)]
    return torch.nn.utils.get_total_norm(changes) / torch.nn.utils.get_total_norm(before)


def _outputs(view: View) -> list[Samples]:
    """The generator's samples that terms have looked at: fakes, if any were made, and what it has rebuilt."""
    made = [view.made] if view.made is not None else []
    return [*made, view.rebuilt.samples] if "rebuilt" in vars(view) else made


def _gradients(loss: Tensor, outputs: Sequence[Samples]) -> list[Tensor]:
    """Of a loss by each output; zero where it does not depend on one."""
    if not loss.requires_grad:
        return [torch.zeros_like(samples) for samples in outputs]
    found = torch.autograd.grad(loss, outputs, retain_graph=True, allow_unused=True, materialize_grads=True)
    return [gradient.float() for gradient in found]


@contextlib.contextmanager
def _buffers_kept(buffers: Sequence[Tensor]) -> Iterator[None]:
    """Whatever is written into them inside is undone."""
    kept = [buffer.clone() for buffer in buffers]
    yield
    for buffer, value in zip(buffers, kept, strict=True):
        buffer.copy_(value)
