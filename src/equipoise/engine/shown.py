"""What the critic is shown of a batch: softened classes, and changes for augmentation."""

from __future__ import annotations

import torch

from equipoise.augment import apply, normal_like
from equipoise.engine.plan import Plan
from equipoise.recipe import Augment, Categories
from equipoise.schedule import Progress, settled
from equipoise.space import Space
from equipoise.view import Batch, Samples, Side


def softened(real: Samples, space: Space, settings: Categories | None) -> Samples:
    """Real samples whose classes are no longer exactly 0 and 1."""
    if settings is None or not space.has_categories:
        return real
    real, at = real.clone(), 0
    for channel in space.channels:
        if channel.kind == "categorical":
            planes = real[:, at : at + channel.planes]
            planes.lerp_(torch.full_like(planes, 1.0 / channel.planes), settings.pull)
            planes.add_(settings.noise * normal_like(planes))
        at += channel.planes
    return real


def paired(batch: Batch, settings: Augment | None, progress: Progress) -> Batch:
    """The batch with real samples and given pictures changed alike, where that is asked for.

    The given pictures are enlarged by repeating pixels, changed together with the samples, and made small again by
    taking each such square's first pixel: exact for operations that move whole pixels and keep the squares whole.
    """
    if settings is None or settings.applies_to != "pairs" or batch.given is None:
        return batch
    scale = batch.real.shape[-1] // batch.given.shape[-1]
    enlarged = batch.given.repeat_interleave(scale, 2).repeat_interleave(scale, 3)
    operations = [settled(operation, progress) for operation in settings.operations]
    changed = apply(operations, torch.cat([batch.real, enlarged], dim=1), 1.0)
    planes = batch.real.shape[1]
    real, given = changed[:, :planes], changed[:, planes:, ::scale, ::scale]
    kept = torch.empty_like(batch.real).copy_(real), torch.empty_like(batch.given).copy_(given)  # in their memory order
    return batch._replace(real=kept[0], given=kept[1])


def shown(plan: Plan, side: Side, progress: Progress, probability: float, batch: Samples, *, is_real: bool) -> Samples:
    """A batch as the critic sees it in an update of that side."""
    augment, categories = plan.recipe.augment, plan.recipe.categories
    if categories is not None and categories.span == "-1 to 1":
        batch = _stretched(batch, plan.space)
    if augment is None or augment.applies_to == "pairs" or (augment.applies_to == "critic" and side == "G"):
        return batch
    if augment.applies_to == "real" and not is_real:
        return batch
    return apply([settled(operation, progress) for operation in augment.operations], batch, probability)


def _stretched(samples: Samples, space: Space) -> Samples:
    """Shares of classes from [0, 1] to [-1, 1]."""
    categorical = [channel.kind == "categorical" for channel in space.channels for _ in range(channel.planes)]
    chosen = torch.tensor(categorical, device=samples.device)[:, None, None]
    return torch.where(chosen, 2.0 * samples - 1.0, samples)
