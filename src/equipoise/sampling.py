"""Samples from a trained run: single pictures, sheets, walks between latents, and the arrays themselves."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from equipoise import pictures
from equipoise.data.codec import to_world
from equipoise.data.writing import Place, usual_format, write
from equipoise.engine.export import Sampler, load_generator
from equipoise.engine.look import draw, fixed_latents
from equipoise.engine.machine import choose_device
from equipoise.errors import RequestError
from equipoise.folder import RunFolder
from equipoise.space import Space
from equipoise.view import Latents

WALK_STEPS = 8
"""Pictures between two latents, ends included: one row of a sheet."""


SAME_DIRECTION = 1e-4
"""Below this angle in radians the sphere is flat to float32."""


@dataclass(frozen=True, slots=True)
class Tiles:
    """Samples as files in units of the world, beside the pictures."""

    format: str = ""
    """tif, npz, csv or fits; empty for what users of such samples expect."""
    at: Place | None = None
    """Where on the ground the first one's upper left corner is to be; the others follow to the east."""


@dataclass(frozen=True, slots=True)
class Written:
    """What `sample` has made."""

    folder: Path
    sheet: Path
    count: int
    step: int
    tiles: int = 0
    """Files in ``tiles/``."""


def open_run(path: Path, device: str = "auto") -> Sampler:
    """The best averaged generator of a run, or of a ``.safetensors`` file.  Raises `RequestError`."""
    if path.suffix == ".safetensors":
        return load_generator(path, choose_device(device))
    folder = RunFolder(path)
    folder.read_recipe()
    if not folder.best_generator.is_file():
        raise RequestError(
            f"{path} has made no sheet yet, so there is no best generator; train on: equipoise resume {path}"
        )
    return load_generator(folder.best_generator, choose_device(device))


def sample(
    run: Path,
    out: Path,
    count: int = 64,
    seed: int = 0,
    *,
    walk: bool = False,
    singles: bool = True,
    tiles: Tiles | None = None,
    device: str = "auto",
) -> Written:
    """Write `count` samples of a run to the folder `out`: a sheet, the arrays in units of the world, single pictures,
    and with `tiles` single files in ``tiles/``.  Raises `RequestError`."""
    if out.exists() and not out.is_dir():
        raise RequestError(f"--out {out} is a file; give a folder")
    sampler = open_run(run, device)
    latents = _latents(sampler, count, seed, walk)
    samples = to_world(draw(sampler.module, latents, choose_device(device)), sampler.space)
    out.mkdir(parents=True, exist_ok=True)
    sheet = out / "sheet.png"
    pictures.save(pictures.sheet(samples, sampler.space), sheet)
    np.savez_compressed(out / "samples.npz", samples=samples, channels=[item.name for item in sampler.space.channels])
    if singles and not sampler.space.is_points:
        for index, item in enumerate(samples):
            pictures.save(pictures.picture(item, sampler.space), out / f"{index:05d}.png")
    num_files = _write_tiles(samples, sampler.space, out / "tiles", tiles) if tiles is not None else 0
    return Written(out, sheet, len(samples), sampler.step, num_files)


def _write_tiles(samples: NDArray[np.float32], space: Space, folder: Path, tiles: Tiles) -> int:
    """How many files were written."""
    folder.mkdir(parents=True, exist_ok=True)
    kind = tiles.format or usual_format(space)
    across = space.width * (space.columns.step if space.columns is not None else 1.0)
    count = 0
    for index, item in enumerate(samples):
        place = None if tiles.at is None else (tiles.at[0] + index * across, tiles.at[1])
        count += len(write(item, space, folder, f"{index:05d}", kind, place))
    return count


def _latents(sampler: Sampler, count: int, seed: int, walk: bool) -> Latents:
    dimension = sampler.recipe.generator.latent
    if not walk:
        return fixed_latents(seed, "sample", count, dimension)
    ends = fixed_latents(seed, "sample", 2 * max(1, count // WALK_STEPS), dimension)
    return torch.cat([_great_circle(first, last) for first, last in ends.view(-1, 2, dimension)])


def _great_circle(first: Tensor, last: Tensor) -> Latents:
    """Latents [WALK_STEPS, dimension] between two, along the sphere (White 2016, arXiv:1609.04468)."""
    share = torch.linspace(0, 1, WALK_STEPS)[:, None]
    angle = torch.acos(torch.nn.functional.cosine_similarity(first, last, dim=0).clamp(-1, 1))
    if angle < SAME_DIRECTION:
        return torch.lerp(first, last, share)
    return (torch.sin((1 - share) * angle) * first + torch.sin(share * angle) * last) / torch.sin(angle)
