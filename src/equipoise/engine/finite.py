"""What stops a run before it reaches a weight, and is named: numbers not finite, and losses without a graph."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

import torch
from torch import Tensor, nn

from equipoise.errors import Fault
from equipoise.view import Side, View


class NonFinite(Fault):
    """An update would have used a number that is not finite."""

    def __init__(self, step: int, culprit: str, skipped: int = 0) -> None:
        self.step = step
        self.culprit = culprit
        before = f", after {skipped} others that were left out" if skipped else ""
        super().__init__(f"step {step + 1}: {culprit}; the update was not made{before}")


class Detached(Fault):
    """An update in which nothing can learn."""

    def __init__(self, step: int, side: Side, terms: Iterable[str]) -> None:
        who = "critic" if side == "D" else "generator"
        self.why = (
            f"the loss of the {who} ({', '.join(terms)}) does not depend on its weights: they are frozen, or a "
            "detach() or no_grad() lies between"
        )
        super().__init__(f"step {step + 1}: {self.why}")


def first_culprit(view: View, player: str, losses: Mapping[str, Tensor], module: nn.Module) -> str:
    """The first tensor of an update, in the order of computation, that holds a number that is not finite.

    `player` is the role of the network, `module`, whose gradient is not finite.
    """
    for name, tensor in _in_order(view, losses, module):
        if not bool(torch.isfinite(tensor).all()):
            kind = "NaN" if bool(torch.isnan(tensor).any()) else "infinite"
            return f"{name} is {kind} in the {player}'s update"
    return f"the {player}'s gradient norm overflows although each gradient is finite"


def _in_order(view: View, losses: Mapping[str, Tensor], module: nn.Module) -> Iterator[tuple[str, Tensor]]:
    yield "the batch of real samples", view.real
    yield "the generator's output", view.fake
    for name, parameter in module.named_parameters():
        yield f"the weight {name}", parameter
    for name, loss in losses.items():
        yield f"the term {name!r}", loss
    for name, parameter in reversed(list(module.named_parameters())):
        if parameter.grad is not None:
            yield f"the gradient of {name}", parameter.grad
