"""Samples from a trained run: single pictures, sheets, walks between latents, and the arrays themselves."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from equipoise import pictures
from equipoise.engine.export import Sampler, load_generator
from equipoise.engine.look import draw, fixed_latents, to_stored
from equipoise.engine.machine import choose_device
from equipoise.errors import RequestError
from equipoise.folder import RunFolder
from equipoise.view import Latents

WALK_STEPS = 8
"""Pictures between two latents, ends included: one row of a sheet."""


SAME_DIRECTION = 1e-4
"""Below this angle in radians the sphere is flat to float32."""


@dataclass(frozen=True, slots=True)
class Written:
    """What `sample` has made."""

    folder: Path
    sheet: Path
    count: int
    step: int


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
    device: str = "auto",
) -> Written:
    """Write `count` samples of a run to the folder `out`: a sheet, the arrays in stored units, and single pictures."""
    if out.exists() and not out.is_dir():
        raise RequestError(f"--out {out} is a file; give a folder")
    sampler = open_run(run, device)
    latents = _latents(sampler, count, seed, walk)
    samples = to_stored(draw(sampler.module, latents, choose_device(device)), sampler.space)
    out.mkdir(parents=True, exist_ok=True)
    sheet = out / "sheet.png"
    pictures.save(pictures.sheet(samples, sampler.space), sheet)
    np.savez_compressed(out / "samples.npz", samples=samples, channels=[item.name for item in sampler.space.channels])
    if singles and not sampler.space.is_points:
        for index, item in enumerate(samples):
            pictures.save(pictures.picture(item, sampler.space), out / f"{index:05d}.png")
    return Written(out, sheet, len(samples), sampler.step)


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
