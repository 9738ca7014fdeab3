"""Everything that changes while a run trains, and nothing else."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any, NamedTuple

import torch
from torch import nn

from equipoise.engine.adaptation import Adaptation
from equipoise.engine.average import averaged_copy
from equipoise.engine.plan import Plan
from equipoise.engine.precision import lay_out
from equipoise.engine.seeding import seed_everything
from equipoise.randomness import mix
from equipoise.recipe import Adam, Retuned
from equipoise.schedule import Progress, value_at


@dataclass(slots=True)
class Counters:
    """Where the run is.  `images` counts real samples shown to the critic, over all processes."""

    steps: int = 0
    images: int = 0
    batches: int = 0
    phase: int = 0
    phase_steps: int = 0
    phase_images: int = 0
    """Steps and images at which the phase began."""
    skipped: int = 0
    """Updates that were left out for a number that was not finite."""

    def progress(self, epoch_images: int) -> Progress:
        return Progress(self.steps, self.images, self.images / epoch_images)

    def progress_in_phase(self, epoch_images: int) -> Progress:
        images = self.images - self.phase_images
        return Progress(self.steps - self.phase_steps, images, images / epoch_images)


class Player:
    """A network that learns: its module, its optimiser, and how often it has been updated."""

    def __init__(self, module: nn.Module, settings: Adam) -> None:
        self.module = module
        self.parameters = tuple(module.parameters())
        """Walking the module for them at each update would take longer than a small network's forward pass."""
        self.settings = settings
        self.updates = 0
        kind = torch.optim.AdamW if settings.decoupled else torch.optim.Adam
        self.optimiser = kind(
            self.parameters,
            lr=1.0,
            betas=(settings.beta1, settings.beta2),
            eps=settings.eps,
            weight_decay=settings.weight_decay,
            fused=True,
        )

    def forget_gradients(self) -> None:
        for parameter in self.parameters:
            parameter.grad = None

    @property
    def learning_rate(self) -> float:
        """What the optimiser holds now, read back."""
        return float(self.optimiser.param_groups[0]["lr"])

    def write_settings(self, progress: Progress, retuned: Retuned, in_phase: Progress) -> None:
        """Write what recipe and phase say at this point of the run, and of the phase, into the optimiser."""
        rate = value_at(self.settings.lr, progress) if retuned.lr is None else value_at(retuned.lr, in_phase)
        decay = self.settings.weight_decay if retuned.weight_decay is None else retuned.weight_decay
        for group in self.optimiser.param_groups:
            group["lr"] = rate
            group["betas"] = (self.settings.beta1, self.settings.beta2)
            group["eps"] = self.settings.eps
            group["weight_decay"] = decay

    def snapshot(self) -> dict[str, Any]:
        return {
            "module": self.module.state_dict(),
            "optimiser": self.optimiser.state_dict(),
            "updates": self.updates,
        }

    def restore(self, snapshot: dict[str, Any]) -> None:
        self.module.load_state_dict(snapshot["module"])
        settings = self.optimiser.state_dict()["param_groups"]  # always the recipe's, never the file's
        self.optimiser.load_state_dict({"state": snapshot["optimiser"]["state"], "param_groups": settings})
        for parameter, moments in self.optimiser.state.items():
            for name, value in moments.items():
                if value.shape == parameter.shape:  # fused kernels take it for granted that memory orders agree
                    moments[name] = torch.empty_like(parameter).copy_(value)
        self.updates = int(snapshot["updates"])


class Networks(NamedTuple):
    """The modules of a run."""

    generator: nn.Module
    critic: nn.Module
    encoder: nn.Module | None = None


@dataclass(slots=True)
class State:
    """The state of a run: the players, the averaged generator, the counters and the controller of augmentation."""

    generator: Player
    critic: Player
    average: nn.Module
    encoder: Player | None = None
    """Learns with the generator, where the recipe has one."""
    counters: Counters = field(default_factory=Counters)
    adaptation: Adaptation = field(default_factory=Adaptation)
    skips: list[str] = field(default_factory=list)
    """What was not finite in each update left out since somebody looked; in no snapshot."""

    def snapshot(self) -> dict[str, Any]:
        """Plain tensors and numbers under stable names.  The tensors are those in use: copy before the next step."""
        return {
            "generator": self.generator.snapshot(),
            "critic": self.critic.snapshot(),
            "average": self.average.state_dict(),
            "encoder": self.encoder.snapshot() if self.encoder is not None else None,
            "counters": asdict(self.counters),
            "adaptation": asdict(self.adaptation),
        }

    def restore(self, snapshot: dict[str, Any]) -> None:
        """Take over a snapshot.  Raises `RuntimeError` when shapes or names differ."""
        self.generator.restore(snapshot["generator"])
        self.critic.restore(snapshot["critic"])
        self.average.load_state_dict(snapshot["average"])
        if self.encoder is not None:
            if snapshot.get("encoder") is None:
                raise RuntimeError("the snapshot has no encoder")
            self.encoder.restore(snapshot["encoder"])
        self.counters = Counters(**snapshot["counters"])
        self.adaptation = Adaptation(**snapshot["adaptation"])


def initial_networks(plan: Plan) -> Networks:
    """The networks with the weights that the recipe's seed gives, on the plan's device."""
    recipe = plan.recipe
    seed_everything(mix(recipe.seed, "weights"), plan.device)
    generator = recipe.generator.build(plan.space)
    critic = recipe.critic.build(plan.space)
    encoder = recipe.encoder.build(plan.space, recipe.generator.latent) if recipe.encoder is not None else None
    return Networks(
        generator.to(plan.device), critic.to(plan.device), encoder.to(plan.device) if encoder is not None else None
    )


def initial_state(plan: Plan, networks: Networks) -> State:
    """The state before the first step."""
    recipe = plan.recipe

    def player(module: nn.Module, settings: Adam) -> Player:
        return Player(lay_out(module, plan.arithmetic.memory_format).train(), settings)

    return State(
        generator=player(networks.generator, recipe.g_optim),
        critic=player(networks.critic, recipe.d_optim),
        average=averaged_copy(networks.generator),
        encoder=player(networks.encoder, recipe.g_optim) if networks.encoder is not None else None,
    )
