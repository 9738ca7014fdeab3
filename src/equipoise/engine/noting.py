"""What every update leaves in the meter: numbers that are there anyway, read without waiting for the device."""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor

from equipoise.engine.meter import Meter
from equipoise.engine.ranks import auc
from equipoise.engine.state import Player
from equipoise.recipe import Phase
from equipoise.view import View

GRADIENT_OF = {"critic": "grad_d", "generator": "grad_g", "encoder": "grad_e"}
"""The column for the norm of a network's gradient."""
CLIPPED = {"critic": "clipped_d", "generator": "clipped_g"}
"""The column for the share of its updates that were clipped."""


def note_update(
    meter: Meter,
    view: View,
    phase: Phase,
    players: Mapping[str, Player],
    total: Tensor,
    losses: Mapping[str, Tensor],
    norms: Mapping[str, Tensor],
) -> None:
    """Of one update that was made: its losses, the critic's scores, and the norms of gradients before clipping."""
    side = view.side.lower()
    meter.add(f"loss_{side}", total)
    if phase.adversarial is not None:
        probability = phase.adversarial.probability
        if view.side == "D":
            meter.add("d_x", probability(view.real_scores))
            meter.add("score_real", view.real_scores)
            meter.add("score_fake", view.fake_scores)
            meter.add("auc", auc(view.real_scores.detach(), view.fake_scores.detach()))
        meter.add("d_g_z1" if view.side == "D" else "d_g_z2", probability(view.fake_scores))
    for role, norm in norms.items():
        meter.add(GRADIENT_OF[role], norm)
        limit = players[role].settings.clip_norm
        if limit is not None and role in CLIPPED:
            meter.add(CLIPPED[role], norm > limit)
    for name, loss in losses.items():
        meter.add(f"{side}.{name}", loss)
