"""Verbs that use what has been trained: sample, upscale, project."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Parameter

from equipoise.cli.words import OK, Device, app, flag, numbers, reading_bar
from equipoise.errors import RequestError


@app.command
def sample(
    run_folder: Path,
    *,
    n: Annotated[int, Parameter(name="--n", help="how many")] = 64,
    seed: Annotated[int, Parameter(name="--seed", help="start of the randomness; the same seed, the same samples")] = 0,
    interpolate: Annotated[bool, flag("--interpolate", "rows that walk from one sample to another")] = False,
    sheet: Annotated[
        bool, flag("--sheet", "only the sheet and the arrays, no single pictures; over the conditions, if it has any")
    ] = False,
    condition: Annotated[
        str | None, Parameter(name="--condition", help="what is asked for: valence=.8,arousal=.2, each from 0 to 1")
    ] = None,
    tiles: Annotated[bool, flag("--tiles", "files in units of the world too: GeoTIFF, FITS, CSV or NPZ")] = False,
    format_: Annotated[
        Literal["tif", "npz", "csv", "fits"] | None,
        Parameter(name="--format", help="of the tiles; default by the data"),
    ] = None,
    at: Annotated[
        tuple[float, float] | None,
        Parameter(name="--at", negative=(), help="X Y of the first tile's upper left corner, for GeoTIFF"),
    ] = None,
    out: Annotated[Path | None, Parameter(name="--out", help="folder; default RUN/samples/seed-S or the like")] = None,
    device: Device = "auto",
) -> int:
    """Draw samples from a run's best generator."""
    from equipoise import sampling, showing

    if n < 1:
        raise RequestError(f"--n {n}: at least one sample is needed")
    if (format_ or at) and not tiles:
        raise RequestError(f"--{'format' if format_ else 'at'} is for tiles: add --tiles")
    asked = sampling.Tiles(format_ or "", at) if tiles else None
    home = run_folder.parent if run_folder.suffix == ".safetensors" else run_folder
    kind = "walk" if interpolate else "sheet" if sheet else "asked" if condition else "seed"
    folder = out or home / "samples" / f"{kind}-{seed}"
    written = sampling.sample(
        run_folder,
        folder,
        n,
        seed,
        walk=interpolate,
        singles=not sheet,
        plane=sheet and not interpolate,
        condition=numbers("--condition", condition),
        tiles=asked,
        device=device,
    )
    showing.lines([f"{written.count} samples of step {written.step}: {written.sheet}"])
    if tiles:
        showing.lines([f"{written.tiles} files in {written.folder / 'tiles'}"])
    return OK


@app.command
def upscale(
    run_folder: Path,
    scene: Path,
    out: Path,
    *,
    compute: Annotated[
        Literal["auto", "float32", "bfloat16"],
        Parameter(name="--compute", help="auto: bfloat16 for bytes where that is faster, float32 for all else"),
    ] = "auto",
    device: Device = "auto",
) -> int:
    """Enlarge a whole GeoTIFF or picture with a run that makes large pictures from small ones."""
    from equipoise import showing, upscaling

    with reading_bar("enlarging") as progress:
        done = upscaling.upscale(run_folder, scene, out, device, progress, compute)
    showing.lines(done.lines())
    return OK


@app.command
def project(
    run_folder: Path,
    photo: Path,
    *,
    edit: Annotated[
        str | None, Parameter(name="--edit", help="added to what is found: valence=+.3,arousal=-.1")
    ] = None,
    condition: Annotated[
        str | None, Parameter(name="--condition", help="what is known of the picture, each from 0 to 1")
    ] = None,
    seed: Annotated[int, Parameter(name="--seed", help="start of the search, where there is no encoder")] = 0,
    out: Annotated[Path | None, Parameter(name="--out", help="folder; default RUN/samples/PHOTO")] = None,
    device: Device = "auto",
) -> int:
    """Find a given picture in a run's latent space, and change its conditions."""
    from equipoise import projecting, showing

    home = run_folder.parent if run_folder.suffix == ".safetensors" else run_folder
    folder = out or home / "samples" / photo.stem
    asked, known = numbers("--edit", edit), numbers("--condition", condition)
    showing.lines(projecting.project(run_folder, photo, folder, asked, known, seed, device).lines())
    return OK
