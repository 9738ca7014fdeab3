"""Samples from a trained run: single pictures, sheets, walks between latents, and the arrays themselves."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import file_digest
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from equipoise import pictures
from equipoise.data.codec import to_world
from equipoise.data.writing import Place, refuse, usual_format, write
from equipoise.engine.asking import Arguments, arguments
from equipoise.engine.asking import plane as conditions_over_plane
from equipoise.engine.export import Sampler, load_generator
from equipoise.engine.look import draw, fixed_latents
from equipoise.engine.machine import choose_device
from equipoise.errors import RequestError
from equipoise.files import refuse_file, write_whole_unsynced
from equipoise.folder import RunFolder
from equipoise.randomness import mix
from equipoise.space import Space
from equipoise.view import Batch, Conditions, Latents

PLANE_SIDE = 8
"""Steps from one end of a condition to the other."""
WALK_STEPS = 8
"""Pictures between two latents, ends included: one row of a sheet."""


NAMES = re.compile(r"(tiles/)?\d{5}(-.*)?\.(png|tif|npz|csv|fits)|sheet\.png|samples\.npz")
"""Of all that may be written.  Data sets have such names too: ``00000.png``."""
WRITTEN = "equipoise-samples.json"
"""The names of what was written, each with a digest: only what is still the same may be deleted by a later call."""
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
        if not folder.has_checkpoints:
            raise RequestError(folder.without_checkpoints())
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
    plane: bool = False,
    condition: Mapping[str, float] | None = None,
    tiles: Tiles | None = None,
    device: str = "auto",
) -> Written:
    """Write `count` samples of a run to the folder `out`: a sheet, the arrays in units of the world, single pictures,
    and with `tiles` single files in ``tiles/``.

    What an earlier call has written there is replaced; a folder with other files of such names is refused, and nothing
    in it is touched.

    `condition` asks for samples by the conditions that the run was trained with, each from 0 to 1; those not named are
    as in real samples.  `plane` asks for one latent by conditions from one end to the other, 64 samples, so that the
    sheet shows what they do; it changes nothing for a run without conditions.  What was asked for lies beside the
    arrays as `conditions`, in units of the data.  Raises `RequestError`.
    """
    sampler = open_run(run, device)
    refuse_file(out)
    replaced = _written_before(out)
    if "given" in sampler.recipe.generator.takes:
        raise RequestError(f"{run} makes pictures from smaller ones: equipoise upscale {run} PICTURE OUT")
    if tiles is not None:
        refuse(sampler.space, tiles.format or usual_format(sampler.space), tiles.at)
    asked, conditions = _asked(sampler, count, seed, condition or {}, walk=walk, plane=plane)
    samples = to_world(draw(sampler.module, asked, choose_device(device)), sampler.space)
    out.mkdir(parents=True, exist_ok=True)
    for path in replaced:
        path.unlink()
    try:
        num_files = _write(samples, conditions, sampler.space, out, tiles, singles=singles)
    finally:
        _remember(out)
    return Written(out, out / "sheet.png", len(samples), sampler.step, num_files)


def _write(
    samples: NDArray[np.float32],
    conditions: Conditions | None,
    space: Space,
    out: Path,
    tiles: Tiles | None,
    *,
    singles: bool,
) -> int:
    """How many files are in ``tiles/``."""
    pictures.save(pictures.sheet(samples, space), out / "sheet.png")
    names = np.array([item.name for item in space.channels])
    arrays: dict[str, Any] = {"samples": samples, "channels": names, **_in_units(conditions, space)}
    np.savez_compressed(out / "samples.npz", **arrays)
    if singles and not space.is_points:
        for index, item in enumerate(samples):
            pictures.save(pictures.picture(item, space), out / f"{index:05d}.png")
    return _write_tiles(samples, space, out / "tiles", tiles) if tiles is not None else 0


def _in_folder(out: Path) -> dict[str, Path]:
    """What lies there under a name that may be written."""
    found = (path for place in (out, out / "tiles") if place.is_dir() for path in sorted(place.iterdir()))
    named = {path.relative_to(out).as_posix(): path for path in found}
    return {name: path for name, path in named.items() if NAMES.fullmatch(name)}


def _written_before(out: Path) -> list[Path]:
    """By an earlier call.  Raises `RequestError` where something else lies there, or something was changed since."""
    found, written = _in_folder(out), _remembered(out / WRITTEN)
    foreign = [
        name
        for name, path in found.items()
        if name not in written or not path.is_file() or _digest(path) != written[name]
    ]
    if foreign:
        others = f" and {len(foreign) - 1} more files" if len(foreign) > 1 else ""
        raise RequestError(
            f"--out {out} holds {foreign[0]}{others} that no earlier 'equipoise sample' has written as they are now; "
            "give another folder, or move them away"
        )
    return list(found.values())


def _remembered(file: Path) -> dict[str, str]:
    if not file.is_file():
        return {}
    try:
        return dict(json.loads(file.read_bytes()))
    except (ValueError, TypeError) as error:
        raise RequestError(f"{file} is no list of samples; give another folder, or move it away") from error


def _remember(out: Path) -> None:
    """All that lies there now, as nothing else did before."""
    digests = {name: _digest(path) for name, path in _in_folder(out).items()}
    write_whole_unsynced(out / WRITTEN, (json.dumps(digests, indent=1) + "\n").encode())


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return file_digest(file, "sha256").hexdigest()


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


def _asked(
    sampler: Sampler, count: int, seed: int, condition: Mapping[str, float], *, walk: bool, plane: bool
) -> tuple[Arguments, Conditions | None]:
    """What the generator is called with, and the conditions among it."""
    space, takes = sampler.space, sampler.recipe.generator.takes
    refuse_unknown(condition, sampler)
    if "conditions" not in takes:
        return (_latents(sampler, count, seed, walk),), None
    if plane:
        conditions = conditions_over_plane(space, PLANE_SIDE)
        latents = _latents(sampler, 1, seed, walk=False).expand(len(conditions), -1)
    else:
        latents = _latents(sampler, count, seed, walk)
        conditions = _as_in_real_samples(sampler, len(latents), seed, repeats=WALK_STEPS if walk else 1)
    for at, item in enumerate(space.conditions):
        if item.name in condition:
            conditions[:, at] = condition[item.name]
    return arguments(takes, latents, Batch(torch.empty(len(latents), 0, 0, 0), conditions)), conditions


def _in_units(conditions: Conditions | None, space: Space) -> dict[str, NDArray[Any]]:
    """Conditions [N, K] in units of the data, and their names [K]; nothing where nothing was asked for."""
    if conditions is None:
        return {}
    low, high = (np.array([getattr(item, end) for item in space.conditions], np.float32) for end in ("low", "high"))
    names = np.array([item.name for item in space.conditions])
    return {"conditions": low + conditions.numpy() * (high - low), "condition_names": names}


def _as_in_real_samples(sampler: Sampler, count: int, seed: int, repeats: int) -> Conditions:
    """Conditions [count, K] of real samples drawn by the seed, each `repeats` times in a row."""
    assert sampler.conditions is not None
    source = torch.Generator().manual_seed(mix(seed, "conditions"))
    places = torch.randint(len(sampler.conditions), (-(-count // repeats),), generator=source)
    return sampler.conditions[places].repeat_interleave(repeats, dim=0)[:count]


def refuse_unknown(condition: Mapping[str, float], sampler: Sampler) -> None:
    """Conditions by name, each from 0 to 1.  Raises `RequestError`."""
    space = sampler.space
    known = [item.name for item in space.conditions] if "conditions" in sampler.recipe.generator.takes else []
    for name, value in condition.items():
        if name not in known:
            has = f"its conditions are {', '.join(known)}" if known else "its generator is asked by none"
            raise RequestError(f"this run knows no condition {name!r}; {has}")
        item = space.conditions[known.index(name)]
        if not 0.0 <= value <= 1.0:
            raise RequestError(
                f"--condition {name}={value:g}: from 0, which is {item.low:g} in the data, to 1, which is {item.high:g}"
            )


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
