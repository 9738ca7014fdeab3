"""Optimisers: rates, momentum, clipping, batches, and the average of the weights."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from equipoise.doctor.remedies.paths import games, is_number, put, scaled
from equipoise.doctor.symptom import Remedy, Settings
from equipoise.edit import Edit

CLIP: Final = 1.0
"""Norm that gradients are clipped to (notes on landscapes; notes on super-resolution: 0.1)."""
FAST_DECAY: Final = 0.99


def slower(settings: Settings, network: str, factor: float) -> tuple[Edit, ...]:
    """The rates of an optimiser (``d_optim``, ``g_optim``) in games, be they numbers or schedules, times `factor`."""
    return tuple(edit for path in rates_in_games(settings, network) for edit in scaled(settings, path, factor))


def rates_in_games(settings: Settings, network: str) -> list[str]:
    """Paths of the rates in use where a game is played: a phase's own where it has one."""
    own = [f"phases.{phase}.{network}.lr" for phase, _ in games(settings)]
    used = dict.fromkeys(path if settings.get(path) is not None else f"{network}.lr" for path in own)
    return list(used) or [f"{network}.lr"]


def slower_critic(settings: Settings, factor: float = 0.25) -> Remedy:
    return Remedy(
        f"the critic's rate times {factor:g}",
        "the critic's lead over the generator shrinks within some hundred steps",
        edits=slower(settings, "d_optim", factor),
    )


def slower_generator(settings: Settings, factor: float = 0.5) -> Remedy:
    return Remedy(
        f"the generator's rate times {factor:g}",
        "the critic has the time to follow what the generator does (two time scales, Heusel et al. 2017)",
        edits=slower(settings, "g_optim", factor),
    )


def slower_both(settings: Settings, factor: float = 0.5) -> Remedy:
    return Remedy(
        f"both rates times {factor:g}",
        "losses and norms of gradients swing less within some hundred steps",
        edits=slower(settings, "d_optim", factor) + slower(settings, "g_optim", factor),
    )


def hold_the_rate(settings: Settings, rates: Mapping[str, float]) -> Remedy:
    """In place of a schedule that has raised it; rates by their paths, both networks' where both were raised."""
    words = " and ".join(f"{_whose(path)} rate at {rate:.3g}" for path, rate in rates.items())
    return Remedy(
        f"hold {words}, as it was before it was raised",
        "the run goes on as it went before",
        look_again=200.0,
        edits=tuple(edit for path, rate in rates.items() for edit in put(settings, path, rate)),
    )


def _whose(path: str) -> str:
    return "the critic's" if "d_optim" in path else "the generator's"


def faster_critic(settings: Settings, factor: float = 2.0) -> Remedy:
    return Remedy(
        f"the critic's rate times {factor:g}",
        "it tells real from fake better than chance again",
        edits=slower(settings, "d_optim", factor),
        faster=("d",),
    )


def faster_both(settings: Settings, factor: float = 3.0) -> Remedy:
    return Remedy(
        f"both rates times {factor:g}, in a short trial beside a third of them",
        "if the rates were too low the measure falls at once; if not, this shows it",
        edits=slower(settings, "d_optim", factor) + slower(settings, "g_optim", factor),
        faster=("d", "g"),
    )


def less_momentum(settings: Settings) -> Remedy:
    """Zero, as in nearly all of the later papers."""
    return Remedy(
        "no momentum (Adam's beta1 to 0) for both networks",
        "updates no longer overshoot what the other network has answered meanwhile",
        edits=put(settings, "d_optim.beta1", 0.0) + put(settings, "g_optim.beta1", 0.0),
    )


def clip(settings: Settings) -> Remedy:
    """To a norm of 1 where nothing is clipped, else to half of what there is."""
    paths = [path for path in ("d_optim.clip_norm", "g_optim.clip_norm") if path in settings]
    clipped = [path for path in paths if is_number(settings[path])]
    ways = {"half the norm": clipped, f"a norm of {CLIP:g}": [path for path in paths if path not in clipped]}
    words = " and ".join(f"{_gradients(those)} to {norm}" for norm, those in ways.items() if those)
    edits = tuple(_clipped(settings, path) for path in paths)
    effect = "one bad batch no longer moves the weights far"
    return Remedy(f"clip {words or f'both gradients to a norm of {CLIP:g}'}", effect, edits=edits)


def _gradients(paths: Sequence[str]) -> str:
    return "both gradients" if len(paths) > 1 else f"{_whose(paths[0])} gradient"


def _clipped(settings: Settings, path: str) -> Edit:
    return Edit(path, "scale", 0.5) if is_number(settings[path]) else Edit(path, value=CLIP)


def larger_batch(settings: Settings, factor: float = 2.0) -> Remedy:
    return Remedy(
        f"batches {factor:g} times as large, if memory allows",
        "both networks see more of the data at each update, so updates are less noisy",
        edits=scaled(settings, "batch", factor),
    )


def faster_average(settings: Settings) -> Remedy:
    """For an average that lags behind, or was begun too early."""
    lagging = is_number(settings.get("average.decay")) and settings["average.decay"] > FAST_DECAY  # type: ignore[operator]
    return Remedy(
        f"average the weights with a decay of {FAST_DECAY:g}, ramped up from the start; recompute batch norm's "
        "statistics for the averaged weights",
        "the averaged generator is as good as the one that trains",
        edits=(
            *(put(settings, "average.decay", FAST_DECAY) if lagging else ()),
            *put(settings, "average.ramp", True),
        ),
    )
