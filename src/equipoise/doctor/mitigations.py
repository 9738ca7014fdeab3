"""What a cure does to the numbers: which rule may not read which of them while it is active, or soon after it began.

A doctor that reads its own medicine as a new disease prescribes for ever.  Noise makes every critic look blind; a norm
before clipping may be large and do no harm.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Final

from equipoise.doctor.remedies.paths import is_number, terms_of
from equipoise.doctor.symptom import Settings
from equipoise.doctor.trace import Trace
from equipoise.edit import Edit

SETTLED: Final = 200.0
"""Steps after which a network has answered to a new loss or rate: a window of the doctor's (guess)."""
HALF_LIVES: Final = 5.0
"""Of an average, after which what came before is 3 % of it."""
_NOISE: Final = "equipoise.augment.Noise"
_OF_THE_GAME: Final = ("d_loss", "g_loss", "auc", "auc_held_out", "score_real", "score_fake")
_OF_GRADIENTS: Final = ("grad_d", "grad_g", "grad_at_output", "moved_d", "moved_g")


@dataclass(frozen=True, slots=True)
class Mitigation:
    """One kind of cure."""

    key: str
    is_active: Callable[[Settings], bool]
    changed_by: re.Pattern[str]
    """Paths of edits that begin it, or change how strong it is."""
    blinds: Mapping[str, frozenset[str]] = field(default_factory=dict)
    """By symptom: signals that its rule may not read while this is active."""
    unsettles: tuple[str, ...] = ()
    """Signals that nobody may read at first after it has changed."""
    settles: Callable[[Settings], float] = lambda settings: SETTLED
    """For how many steps."""


def _penalised(settings: Settings) -> bool:
    return bool(terms_of(settings, "penalties."))


def _noisy(settings: Settings) -> bool:
    return _NOISE in settings.values()


def _adapts(settings: Settings) -> bool:
    return "augment.adaptive.target" in settings


def _softened(settings: Settings) -> bool:
    return any(settings.get(f"{term}.real_label") != 1.0 for term in terms_of(settings, "adversarial.BCE"))


def _clips(settings: Settings) -> bool:
    return any(is_number(settings.get(f"{network}.clip_norm")) for network in ("d_optim", "g_optim"))


def _averaging(settings: Settings) -> float:
    decay = settings.get("average.decay")
    return HALF_LIVES * math.log(2) / -math.log(decay) if isinstance(decay, float) and 0 < decay < 1 else 0.0


BLURRED: Final = {name: frozenset({"auc", "d_loss"}) for name in ("critic-blind", "generator-wins")}
"""Where real and fake are made to overlap, a good critic is unsure."""

MITIGATIONS: Final[tuple[Mitigation, ...]] = (
    Mitigation(
        "penalty",
        _penalised,
        re.compile(r"phases\..*\.terms\..*"),
        unsettles=(*_OF_THE_GAME, *_OF_GRADIENTS, "penalty", "slope"),
    ),
    Mitigation("noise", _noisy, re.compile(r"augment(\..*)?"), BLURRED, _OF_THE_GAME),
    Mitigation(
        "adaptive augmentation",
        _adapts,
        re.compile(r"augment(\..*)?"),
        {**BLURRED, "overfitting": frozenset({"overfitting"})},
        (*_OF_THE_GAME, "augment_p", "overfitting"),
    ),
    Mitigation("label smoothing", _softened, re.compile(r".*\.real_label"), unsettles=(*_OF_THE_GAME, "d_real")),
    Mitigation(
        "rhythm", lambda settings: True, re.compile(r".*\.[dg]_updates"), unsettles=(*_OF_THE_GAME, *_OF_GRADIENTS)
    ),
    Mitigation(
        "clipping",
        _clips,
        re.compile(r".*\.clip_norm"),
        {"exploding": frozenset({"grad_d", "grad_g"})},  # they are taken before clipping, which is what makes them safe
        ("moved_d", "moved_g"),
    ),
    Mitigation(
        "average",
        lambda settings: True,
        re.compile(r"average\..*"),
        unsettles=("distance_raw",),
        settles=_averaging,
    ),
    Mitigation("rates", lambda settings: True, re.compile(r".*optim.*"), unsettles=(*_OF_THE_GAME, *_OF_GRADIENTS)),
)


def blinds(settings: Settings, mitigations: Iterable[Mitigation] = MITIGATIONS) -> dict[str, frozenset[str]]:
    """By symptom: what its rule may not read under these settings."""
    found: dict[str, frozenset[str]] = {}
    for mitigation in mitigations:
        if mitigation.is_active(settings):
            for symptom, signals in mitigation.blinds.items():
                found[symptom] = found.get(symptom, frozenset()) | signals
    return found


def settled(trace: Trace, edits: Iterable[Edit], begin: float) -> Trace:
    """The trace without what these edits, made at step `begin`, have unsettled."""
    signals = dict(trace.signals)
    paths = [edit.path for edit in edits]
    for mitigation in MITIGATIONS:
        if any(mitigation.changed_by.fullmatch(path) for path in paths):
            first = begin + mitigation.settles(trace.settings)
            signals |= {name: signals[name].after(first) for name in mitigation.unsettles if name in signals}
    return replace(trace, signals=signals)
