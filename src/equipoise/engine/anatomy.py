"""What modules are made of, for the rules that are told before the first step (`equipoise.doctor.lint`)."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import nn

from equipoise.doctor.lint.built import Anatomy
from equipoise.recipe import Recipe
from equipoise.space import Space

_BATCH_NORMS = (nn.BatchNorm1d, nn.BatchNorm2d)
_IDLE = (nn.Identity, nn.Flatten, nn.Unflatten, nn.Dropout)
_TRANSPOSED = (nn.ConvTranspose1d, nn.ConvTranspose2d)


def anatomy(generator: nn.Module, critic: nn.Module) -> Anatomy:
    """What is in these modules; of what a `forward` does beside them nothing is known."""
    both = {"generator": generator, "critic": critic}
    return Anatomy(
        generator_parameters=sum(each.numel() for each in generator.parameters()),
        critic_parameters=sum(each.numel() for each in critic.parameters()),
        batch_norms=tuple(_places(both, _BATCH_NORMS)),
        uneven=tuple(name for name, module in _modules({"generator": generator}) if _is_uneven(module)),
        generator_end=_end(generator),
        critic_end=_end(critic),
    )


def anatomy_of(recipe: Recipe, space: Space) -> Anatomy:
    """Of networks that are built for this and dropped; no random number of anybody's is drawn."""
    with torch.random.fork_rng(devices=[]):
        return anatomy(recipe.generator.build(space), recipe.critic.build(space))


def _places(networks: dict[str, nn.Module], kinds: tuple[type[nn.Module], ...]) -> Iterator[str]:
    return (name for name, module in _modules(networks) if isinstance(module, kinds))


def _modules(networks: dict[str, nn.Module]) -> Iterator[tuple[str, nn.Module]]:
    for role, network in networks.items():
        yield from network.named_modules(prefix=role)


def _is_uneven(module: nn.Module) -> bool:
    return isinstance(module, _TRANSPOSED) and any(
        kernel % stride for kernel, stride in zip(module.kernel_size, module.stride, strict=True)
    )


def _end(network: nn.Module) -> str:
    """The class of the last module without parts of its own that changes numbers, in the order of their making."""
    leaves = [module for module in network.modules() if not list(module.children())]
    acting = [module for module in leaves if not isinstance(module, _IDLE)]
    return type(acting[-1]).__name__ if acting else ""
