"""The averaged generator as one safetensors file that knows how to build itself."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor, nn

from equipoise.errors import RequestError
from equipoise.files import write_whole
from equipoise.recipe import Recipe
from equipoise.space import Space
from equipoise.spec import decode, encode
from equipoise.view import Conditions

FORMAT = 1
ENCODER = "encoder/"
"""Before the names of the encoder's tensors; the generator's have nothing before them."""
METADATA = "equipoise"
"""One key for everything: the library writes several in no fixed order, and equal generators should be equal files."""


@dataclass(frozen=True)
class Sampler:
    """A generator ready to draw from, and what is known of it."""

    module: nn.Module
    recipe: Recipe
    space: Space
    step: int
    score: float | None
    conditions: Conditions | None = None
    """Of some real samples [n, K], for fakes that are asked for as often as such samples occur."""
    encoder: nn.Module | None = None
    """As it was at that step, where the recipe has one."""
    data: str = ""
    """Digest of the corpus that it was trained on."""
    measure: str = ""
    """Of the score."""
    ruler: str = ""
    """The same for two scores that may be compared."""


@dataclass(frozen=True, slots=True)
class Mark:
    """How good a generator was when it was kept."""

    step: int
    score: float | None
    measure: str = ""
    ruler: str = ""


def save_generator(path: Path, sampler: Sampler) -> None:
    """Write an averaged generator with all that is known of it."""
    tensors = dict(sampler.module.state_dict())
    if sampler.encoder is not None:
        tensors |= {f"{ENCODER}{name}": tensor for name, tensor in sampler.encoder.state_dict().items()}
    about = {
        "format": FORMAT,
        "recipe": encode(sampler.recipe),
        "space": asdict(sampler.space),
        "step": sampler.step,
        "score": sampler.score,
        "measure": sampler.measure,
        "ruler": sampler.ruler,
        "data": sampler.data,
        "conditions": sampler.conditions.tolist() if sampler.conditions is not None else None,
    }
    whole = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
    write_whole(path, save(whole, {METADATA: json.dumps(about)}))


def read_mark(path: Path) -> Mark | None:
    """What a generator's file says of how good it is; None where there is no file.  Raises `RequestError`."""
    if not path.is_file():
        return None
    about, _ = _read(path, with_tensors=False)
    return Mark(about["step"], about["score"], about.get("measure", ""), about.get("ruler", ""))


def load_generator(path: Path, device: torch.device) -> Sampler:
    """Build the generator that a file describes.  Raises `RequestError`."""
    about, tensors = _read(path)
    recipe, space = decode(about["recipe"], Recipe), Space.from_json(about["space"])
    of_encoder = {name.removeprefix(ENCODER): tensors.pop(name) for name in list(tensors) if name.startswith(ENCODER)}
    encoder = None
    if of_encoder and recipe.encoder is not None:
        encoder = _ready(recipe.encoder.build(space, recipe.generator.latent), of_encoder, device)
    module = _ready(recipe.generator.build(space), tensors, device)
    conditions = torch.tensor(rows) if (rows := about.get("conditions")) is not None else None
    return Sampler(
        module,
        recipe,
        space,
        about["step"],
        about["score"],
        conditions,
        encoder,
        about.get("data", ""),
        about.get("measure", ""),
        about.get("ruler", ""),
    )


def _read(path: Path, *, with_tensors: bool = True) -> tuple[dict[str, Any], dict[str, Tensor]]:
    """What a file says of its generator, and the weights."""
    try:
        with safe_open(path, framework="pt") as file:
            metadata = file.metadata() or {}
            names = file.keys() if with_tensors else ()
            tensors = {name: file.get_tensor(name) for name in names}
    except (SafetensorError, OSError) as error:
        raise RequestError(f"{path} cannot be read as a generator: {error}") from error
    about = json.loads(metadata.get(METADATA, "{}"))
    if about.get("format") != FORMAT:
        raise RequestError(f"{path} is not a generator saved by this version (format {FORMAT})")
    return about, tensors


def _ready(module: nn.Module, tensors: dict[str, Tensor], device: torch.device) -> nn.Module:
    module.load_state_dict(tensors)
    return module.to(device).eval().requires_grad_(False)
