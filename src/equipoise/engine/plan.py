"""What does not change while a run trains: the recipe, the data's shape, the machine and the arithmetic."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import torch

from equipoise.engine.precision import Arithmetic
from equipoise.engine.world import World
from equipoise.recipe import Phase, Recipe
from equipoise.space import Space


@dataclass(frozen=True, slots=True)
class Plan:
    recipe: Recipe
    space: Space
    num_samples: int
    """Samples that are trained on."""
    device: torch.device
    world: World = field(default_factory=World)
    arithmetic: Arithmetic = field(default_factory=Arithmetic)
    readers: int = 1
    """Threads that read batches ahead, where the data does not fit onto the device."""
    rules: Mapping[str, str] = field(default_factory=dict)
    """How long a new run was to be, and by what rule settings follow from it, by their paths."""

    @property
    def local_batch(self) -> int:
        """Samples that this process handles in an update."""
        return self.recipe.batch // self.world.size

    @property
    def epoch_images(self) -> int:
        """Real samples that make an epoch."""
        return self.recipe.epoch_images(self.num_samples)

    def phase(self, index: int) -> Phase:
        """The phase of that number; the last one goes on for as long as the run does."""
        phases = list(self.recipe.phases.values())
        return phases[min(index, len(phases) - 1)]
