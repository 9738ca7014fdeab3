"""The averaged generator as one safetensors file that knows how to build itself."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import nn

from equipoise.errors import RequestError
from equipoise.files import write_whole
from equipoise.recipe import Recipe
from equipoise.space import Space
from equipoise.spec import decode, encode
from equipoise.view import Conditions

FORMAT = 1
METADATA = "equipoise"
"""One key for everything: the library writes several in no fixed order, and equal generators should be equal files."""


@dataclass(frozen=True)
class Sampler:
    """A generator ready to draw from."""

    module: nn.Module
    recipe: Recipe
    space: Space
    step: int
    score: float | None
    conditions: Conditions | None = None
    """Of some real samples [n, K], for fakes that are asked for as often as such samples occur."""


def save_generator(
    path: Path,
    average: nn.Module,
    recipe: Recipe,
    space: Space,
    step: int,
    score: float | None,
    conditions: Conditions | None = None,
) -> None:
    """Write the averaged generator with its recipe, the kind of sample it makes, and conditions of real samples."""
    tensors = {name: tensor.detach().cpu().contiguous() for name, tensor in average.state_dict().items()}
    about = {"format": FORMAT, "recipe": encode(recipe), "space": asdict(space), "step": step, "score": score}
    about["conditions"] = conditions.tolist() if conditions is not None else None
    write_whole(path, save(tensors, {METADATA: json.dumps(about)}))


def load_generator(path: Path, device: torch.device) -> Sampler:
    """Build the generator that a file describes.  Raises `RequestError`."""
    try:
        with safe_open(path, framework="pt") as file:
            metadata = file.metadata() or {}
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - not a mapping
    except (SafetensorError, OSError) as error:
        raise RequestError(f"{path} cannot be read as a generator: {error}") from error
    about = json.loads(metadata.get(METADATA, "{}"))
    if about.get("format") != FORMAT:
        raise RequestError(f"{path} is not a generator saved by this version (format {FORMAT})")
    recipe = decode(about["recipe"], Recipe)
    space = Space.from_json(about["space"])
    module = recipe.generator.build(space)
    module.load_state_dict(tensors)
    rows = about.get("conditions")
    conditions = torch.tensor(rows) if rows is not None else None
    return Sampler(module.to(device).eval(), recipe, space, about["step"], about["score"], conditions)
