"""Weights of ESRGAN under the names of its public code, into our network.

Three namings are about: that of the first release, that of the later one, and BasicSR's, in which Real-ESRGAN's and
most newer weights are written.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import product
from typing import Any

from torch import Tensor

from equipoise.errors import RequestError
from equipoise.networks.rrdb import DENSE_LAYERS, SuperResolver

WRAPPERS = ("params_ema", "params")
"""Under which BasicSR puts all tensors; the averaged ones are the better."""
UNSHUFFLED = (4, 16)
"""How many times more channels BasicSR's first layer takes at x2 and x1, where it un-shuffles pixels."""
NAMED_IN_ERRORS = 3
"""Names shown of each kind; hundreds may be wrong, and a few say what is."""


@dataclass(frozen=True, slots=True)
class Naming:
    """What the layers are called.  Blocks, dense blocks and convolutions are counted as each naming does."""

    first: str
    conv: str
    trunk_end: str
    up: str
    fine: str
    last: str

    def layers(self, blocks: int, doublings: int) -> Iterator[tuple[str, str]]:
        """(our name, its name) of each layer."""
        after = 3 * doublings + 2
        yield "first", self.first
        for block, dense, conv in product(range(blocks), range(1, 4), range(1, DENSE_LAYERS + 2)):
            ours = f"grow.{conv - 1}" if conv <= DENSE_LAYERS else "last"
            yield f"trunk.{block}.block{dense}.{ours}", self.conv.format(block=block, dense=dense, conv=conv)
        yield "trunk_end", self.trunk_end.format(blocks=blocks)
        for up in range(1, doublings + 1):
            yield f"tail.up{up}.conv", self.up.format(up=up, place=3 * up)
        yield "tail.fine", self.fine.format(place=after)
        yield "tail.last", self.last.format(place=after + 2)


NAMINGS = (
    Naming(
        "model.0",
        "model.1.sub.{block}.RDB{dense}.conv{conv}.0",
        "model.1.sub.{blocks}",
        "model.{place}",
        "model.{place}",
        "model.{place}",
    ),
    Naming("conv_first", "RRDB_trunk.{block}.RDB{dense}.conv{conv}", "trunk_conv", "upconv{up}", "HRconv", "conv_last"),
    Naming("conv_first", "body.{block}.rdb{dense}.conv{conv}", "conv_body", "conv_up{up}", "conv_hr", "conv_last"),
)


def load_esrgan(module: SuperResolver, tensors: Mapping[str, Any]) -> None:
    """Set the weights of `module` to `tensors`, as `torch.load` reads them from one of ESRGAN's files.

    The module must be ESRGAN's generator: ``branch=0``, ``upsampling="nearest"``, ``base="none"``.  The public weights
    were trained on RGB in [0, 1], so they need ``values="unit"`` as well.  Raises `RequestError` when anything is
    missing, left over or of another shape; the module is then as it was.
    """
    settings = module.settings
    if (settings.branch, settings.upsampling, settings.base) != (0, "nearest", "none"):
        raise RequestError(
            "ESRGAN's weights fit ESRGAN's network alone: set generator.branch to 0, "
            'generator.upsampling to "nearest" and generator.base to "none"'
        )
    theirs = _unwrapped(tensors)
    names = _names(module, theirs)
    _refuse_unshuffled(module, theirs, names)
    _refuse_misfits(module, theirs, names)
    module.load_state_dict({ours: theirs[name] for ours, name in names.items()}, strict=True)


def _unwrapped(tensors: Mapping[str, Any]) -> Mapping[str, Tensor]:
    wrapper = next((name for name in WRAPPERS if name in tensors), None)
    return tensors if wrapper is None else tensors[wrapper]


def _names(module: SuperResolver, theirs: Mapping[str, Tensor]) -> dict[str, str]:
    """Their name of each of our tensors, in the naming that most of theirs agree with."""
    candidates = []
    for naming in NAMINGS:
        layers = naming.layers(len(module.trunk), int(math.log2(module.scale)))
        candidates.append({f"{ours}.{kind}": f"{its}.{kind}" for ours, its in layers for kind in ("weight", "bias")})
    best = max(candidates, key=lambda names: len(theirs.keys() & set(names.values())))
    if not theirs.keys() & set(best.values()):
        raise RequestError(
            f"these are not ESRGAN's weights: {_some(theirs)} are there, "
            "and model.0.weight or conv_first.weight should be"
        )
    return best


def _refuse_unshuffled(module: SuperResolver, theirs: Mapping[str, Tensor], names: Mapping[str, str]) -> None:
    name = names["first.weight"]
    ours = module.first.weight.shape[1]
    if name in theirs and theirs[name].shape[1] in [ours * times for times in UNSHUFFLED]:
        raise RequestError(
            f"{name} takes {theirs[name].shape[1]} channels where the network is given {ours}: these weights are for "
            "pictures whose pixels were un-shuffled first, as BasicSR does at x2, which this network does not do; "
            "take weights for x4"
        )


def _refuse_misfits(module: SuperResolver, theirs: Mapping[str, Tensor], names: Mapping[str, str]) -> None:
    shapes = {names[ours]: tuple(tensor.shape) for ours, tensor in module.state_dict().items()}
    missing = [name for name in shapes if name not in theirs]
    spare = [name for name in theirs if name not in shapes]
    other = [
        f"{name} {_by(theirs[name].shape)} for {_by(shape)}"
        for name, shape in shapes.items()
        if name in theirs and tuple(theirs[name].shape) != shape
    ]
    kinds = {"missing": missing, "left over": spare, "of another shape": other}
    faults = [f"{len(found)} {kind} ({_some(found)})" for kind, found in kinds.items() if found]
    if faults:
        raise RequestError(
            f"the weights do not fit the network: {', '.join(faults)}; "
            "build it with the blocks, width, growth, scale and channels that they were trained with"
        )


def _some(names: Mapping[str, Any] | list[str]) -> str:
    shown = list(names)[:NAMED_IN_ERRORS]
    return ", ".join([*shown, "..."] if len(names) > NAMED_IN_ERRORS else shown)


def _by(shape: tuple[int, ...]) -> str:
    return "x".join(map(str, shape))
