"""``equipoise project``: a given picture found in a generator's latent space, and moved from there.

::

    z, c  from the encoder, and the middle of each condition that nobody gave
    repeat:  Adam on z and c:   L1(G(z, c), picture) + PRIOR * mean(z^2)
    picture of an edit = G(z, c + edit)

After Zhu et al. 2016 (iGAN, arXiv:1609.03552, section 4.1), who predict the latent by a network and then optimise it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from equipoise import pictures
from equipoise.data.codec import to_planes, to_world
from equipoise.data.images import PictureSource
from equipoise.engine.asking import MIDDLE, arguments, plane
from equipoise.engine.export import Sampler
from equipoise.engine.look import fixed_latents
from equipoise.engine.machine import choose_device
from equipoise.errors import RequestError
from equipoise.files import refuse_file
from equipoise.sampling import open_run, refuse_unknown
from equipoise.view import Batch, Conditions, Latents, Samples

STEPS = 300
RATE = 0.05
"""Adam's; latents are around 1, and `STEPS` of this size can go far beyond that.  Both are guesses."""
PRIOR = 1e-3
"""Keeps the latent where samples are drawn from: at z^2 = 1 it weighs as much as an error of 0.001 in [-1, 1]."""
STARTS = 4
"""Latents tried where there is no encoder to begin from."""
PLANE_SIDE = 5


@dataclass(frozen=True, slots=True)
class Projected:
    """What `project` has found, and where it lies."""

    folder: Path
    error: float
    """Mean absolute difference of the projection from the picture, values from -1 to 1."""
    conditions: dict[str, float]
    edited: dict[str, float]

    def lines(self) -> list[str]:
        found = ", ".join(f"{name} {value:.2f}" for name, value in self.conditions.items())
        asked = ", ".join(f"{name} {value:.2f}" for name, value in self.edited.items())
        return [
            f"found with a mean error of {self.error:.3f} (values from -1 to 1)" + (f"; {found}" if found else ""),
            *([f"edited: {asked}"] if asked != found else []),
            f"pictures in {self.folder}: photo.png, projected.png, edited.png, sheet.png",
        ]


def project(
    run: Path,
    photo: Path,
    out: Path,
    edit: Mapping[str, float],
    condition: Mapping[str, float] | None = None,
    seed: int = 0,
    device: str = "auto",
) -> Projected:
    """Find a picture in the latent space of a run's best generator, and write it edited.

    `edit` is added to the conditions that were found, each of which goes from 0 to 1; `condition` are those known of
    the picture, which are then not searched.  Writes the picture as the run sees it, its projection, the edit, and a
    sheet with the conditions from one end to the other.  Raises `RequestError`.
    """
    sampler, place = open_run(run, device), choose_device(device)
    refuse_file(out)
    known = dict(condition or {})
    refuse_unknown(known, sampler)
    _refuse_edit(edit, sampler)
    source = sampler.recipe.source
    if not isinstance(source, PictureSource) or "given" in sampler.recipe.generator.takes:
        raise RequestError(f"{run} was not trained on single pictures; there is nothing to project onto")
    wanted = to_planes(torch.from_numpy(source.single(photo, sampler.space)[None]), sampler.space).to(place)
    latents, conditions = search(sampler, wanted, known, seed)
    names = [item.name for item in sampler.space.conditions]
    moved = conditions + torch.tensor([edit.get(name, 0.0) for name in names], device=place)
    moved = moved.clamp(0.0, 1.0)
    made = _made(sampler, latents, conditions)
    folder = _write(sampler, out, wanted, made, _made(sampler, latents, moved), latents)
    return Projected(
        folder,
        float((made - wanted).abs().mean()),
        dict(zip(names, conditions[0].tolist(), strict=True)),
        dict(zip(names, moved[0].tolist(), strict=True)),
    )


def search(sampler: Sampler, wanted: Samples, known: Mapping[str, float], seed: int = 0) -> tuple[Latents, Conditions]:
    """Latents [N, latent] and conditions [N, K] whose samples are nearest to the wanted ones, each by itself."""
    latents = _first_latents(sampler, wanted, seed)
    repeats = len(latents) // len(wanted)
    wanted = wanted.repeat_interleave(repeats, dim=0)
    held = torch.tensor([known.get(item.name, MIDDLE) for item in sampler.space.conditions], device=wanted.device)
    names = [item.name for item in sampler.space.conditions]
    free = torch.tensor([name not in known for name in names], dtype=torch.bool, device=wanted.device)
    latents, offset = latents.clone().requires_grad_(), torch.zeros(len(wanted), len(held), device=wanted.device)
    offset.requires_grad_()
    optimiser = torch.optim.Adam([latents, offset], lr=RATE)

    def conditions() -> Conditions:
        return torch.where(free, torch.sigmoid(offset), held)

    for _ in range(STEPS):
        errors = (_made(sampler, latents, conditions()) - wanted).abs().mean((1, 2, 3))
        loss = (errors + PRIOR * latents.square().mean(1)).sum()
        optimiser.zero_grad()
        torch.autograd.backward(loss)
        optimiser.step()
    with torch.no_grad():
        errors = (_made(sampler, latents, conditions()) - wanted).abs().mean((1, 2, 3))
    best = errors.view(-1, repeats).argmin(1) + torch.arange(len(wanted) // repeats, device=wanted.device) * repeats
    return latents.detach()[best], conditions().detach()[best]


def _first_latents(sampler: Sampler, wanted: Samples, seed: int) -> Latents:
    """By the encoder, or some for each sample."""
    if sampler.encoder is not None:
        with torch.no_grad():
            mean: Tensor = sampler.encoder(wanted)[0]
        return mean
    count = STARTS * len(wanted)
    return fixed_latents(seed, "project", count, sampler.recipe.generator.latent).to(wanted.device)


def _made(sampler: Sampler, latents: Latents, conditions: Conditions) -> Samples:
    belonging = Batch(torch.empty(len(latents), 0, 0, 0), conditions)
    made: Tensor = sampler.module(*arguments(sampler.recipe.generator.takes, latents, belonging))
    return made


def _write(sampler: Sampler, out: Path, wanted: Samples, made: Samples, edited: Samples, latents: Latents) -> Path:
    out.mkdir(parents=True, exist_ok=True)
    space = sampler.space

    def world(samples: Samples) -> NDArray[np.float32]:
        return to_world(samples.detach().cpu(), space)

    for name, samples in (("photo", wanted), ("projected", made), ("edited", edited)):
        pictures.save(pictures.picture(world(samples)[0], space), out / f"{name}.png")
    parts = [("the picture, found, edited", world(torch.cat([wanted, made, edited])))]
    if space.conditions:
        over = plane(space, PLANE_SIDE).to(latents.device)
        words = " to the right, ".join(item.name for item in space.conditions[:2])
        parts.append((f"{words} upwards", world(_made(sampler, latents.expand(len(over), -1), over))))
    pictures.save(pictures.titled_sheets(parts, space, PLANE_SIDE), out / "sheet.png")
    return out


def _refuse_edit(edit: Mapping[str, float], sampler: Sampler) -> None:
    """An edit moves a condition by no more than its whole range."""
    refuse_unknown(dict.fromkeys(edit, 0.0), sampler)
    for name, by in edit.items():
        if not -1.0 <= by <= 1.0:
            raise RequestError(f"--edit {name}={by:+g}: a condition goes from 0 to 1, so an edit from -1 to 1")
