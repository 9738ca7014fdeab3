"""Which arithmetic is fastest here: measured with the run's own networks, never guessed from the name of a chip.

bf16 pays where the hardware multiplies it (AMX, tensor cores) and costs a factor of two where it does not;
channels-last helps most convolutions and hurts a few.  Both are tried for a moment before the first step.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from itertools import product
from typing import Literal

import torch
from torch import nn

from equipoise.engine.asking import Arguments
from equipoise.engine.average import averaged_copy
from equipoise.recipe import Precision
from equipoise.space import Space
from equipoise.view import Judged

Compute = Literal["float32", "bfloat16"]
Layout = Literal["contiguous", "channels_last"]
Choice = tuple[Compute, Layout]

PROBE_BATCH = 16
PROBE_REPEATS = 3
HOPELESS = 2.0
"""A choice that takes so many times as long as another is not tried again; bf16 on a CPU without it does."""
WORTH_IT: dict[str, float] = {"bfloat16": 1.10, "channels_last": 1.02}
"""Factor by which a choice must beat the plain one: bf16 costs accuracy, channels-last nothing."""


@dataclass(frozen=True, slots=True)
class Arithmetic:
    """The decision: precision of the networks, memory order of images, precision inside gradient penalties."""

    compute: Compute = "float32"
    layout: Layout = "contiguous"
    penalties: Compute = "float32"

    def overridden(self, asked: Precision) -> Arithmetic:
        """The same, but for what a recipe now asks explicitly."""
        compute = self.compute if asked.compute == "auto" else asked.compute
        layout = self.layout if asked.layout == "auto" else asked.layout
        return Arithmetic(compute, layout, compute if asked.penalties == "same" else "float32")

    def to_json(self) -> dict[str, str]:
        return asdict(self)

    @property
    def memory_format(self) -> torch.memory_format:
        return torch.channels_last if self.layout == "channels_last" else torch.contiguous_format


def autocast(compute: Compute, device: torch.device) -> contextlib.AbstractContextManager[object]:
    """The context in which a network's forward pass runs."""
    if compute == "float32":
        return contextlib.nullcontext()
    return torch.autocast(device.type, torch.bfloat16)


def lay_out(module: nn.Module, memory_format: torch.memory_format) -> nn.Module:
    """The module with its convolutions' weights in that memory order."""
    return module.to(memory_format=memory_format)  # type: ignore[call-overload, no-any-return]  # missing in the stubs


@dataclass(frozen=True, slots=True)
class Probe:
    """What was measured: seconds for one pass through both networks, by choice."""

    seconds: dict[str, float]

    def fastest(self, choices: list[Choice]) -> Choice:
        """The first choice, unless another beats it by the factor that it must."""
        best = choices[0]
        for choice in choices[1:]:
            needed = max((WORTH_IT.get(name, 1.0) for name in choice if name not in best), default=1.0)
            if self.seconds[_key(choice)] * needed < self.seconds[_key(best)]:
                best = choice
        return best


def decide(
    asked: Precision, space: Space, generator: nn.Module, critic: nn.Module, arguments: Arguments, device: torch.device
) -> tuple[Arithmetic, Probe]:
    """The arithmetic for these networks on this device, and the measurement that it rests on.

    `arguments` are any that the generator takes, of `PROBE_BATCH` samples.
    """
    computes: list[Compute] = ["float32", "bfloat16"] if asked.compute == "auto" else [asked.compute]
    layouts: list[Layout] = ["contiguous", "channels_last"] if asked.layout == "auto" else [asked.layout]
    if space.is_points:
        computes, layouts = computes[:1], layouts[:1]
    choices = list(product(computes, layouts))
    probe = Probe({})
    if len(choices) > 1:
        probe = _measure(choices, lambda choice: _training_pass(choice, generator, critic, arguments), device)
    compute, layout = probe.fastest(choices) if probe.seconds else choices[0]
    penalties: Compute = compute if asked.penalties == "same" else "float32"
    return Arithmetic(compute, layout, penalties), probe


def fastest_to_draw(
    asked: Compute | Literal["auto"], generator: nn.Module, arguments: Arguments, device: torch.device
) -> Arithmetic:
    """The arithmetic in which a generator makes samples fastest, without gradients; measured, as by `decide`."""
    computes: tuple[Compute, ...] = ("float32", "bfloat16") if asked == "auto" else (asked,)
    layouts: tuple[Layout, ...] = ("contiguous", "channels_last")
    choices = list(product(computes, layouts))
    probe = _measure(choices, lambda choice: _drawing_pass(choice, generator, arguments), device)
    return Arithmetic(*probe.fastest(choices))


def _measure(choices: list[Choice], make: Callable[[Choice], Callable[[], None]], device: torch.device) -> Probe:
    """The fastest of several passes for each choice, taken in turns so that all see the same machine."""
    seconds = {_key(choice): float("inf") for choice in choices}
    with torch.random.fork_rng(devices=[]):
        passes = {_key(choice): make(choice) for choice in choices}
        for turn in range(1 + PROBE_REPEATS):
            for choice in choices:
                seconds[_key(choice)] = min(seconds[_key(choice)], _time(passes[_key(choice)], device))
            if turn > 0:  # the very first passes also pay for what happens once
                choices = [choice for choice in choices if seconds[_key(choice)] <= HOPELESS * min(seconds.values())]
    return Probe(seconds)


def _drawing_pass(choice: Choice, generator: nn.Module, arguments: Arguments) -> Callable[[], None]:
    compute, layout = choice
    memory_format = Arithmetic(compute, layout).memory_format
    maker = lay_out(averaged_copy(generator), memory_format)
    device = arguments[0].device

    def run() -> None:
        with torch.inference_mode(), autocast(compute, device):
            maker(*arguments)

    return run


def _training_pass(choice: Choice, generator: nn.Module, critic: nn.Module, arguments: Arguments) -> Callable[[], None]:
    compute, layout = choice
    memory_format = Arithmetic(compute, layout).memory_format
    copies = [averaged_copy(module).train().requires_grad_(True) for module in (generator, critic)]
    maker, judge = (lay_out(module, memory_format) for module in copies)
    device = arguments[0].device

    def run() -> None:
        with autocast(compute, device):
            judged = judge(maker(*arguments))
        scores = judged.scores if isinstance(judged, Judged) else judged
        scores.float().mean().backward()

    return run


def _time(run: Callable[[], None], device: torch.device) -> float:
    synchronise(device)
    begin = time.perf_counter()
    run()
    synchronise(device)
    return time.perf_counter() - begin


def synchronise(device: torch.device) -> None:
    """Wait until the device has done all it was told."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    elif device.type == "mps":
        torch.mps.synchronize()


def _key(choice: Choice) -> str:
    return f"{choice[0]} {choice[1]}"
