"""Whole scenes enlarged: seams, memory, time, and the place on the ground.

    python benchmarks/upscaling.py --run RUN [--sides 600 20000] [--work FOLDER]

RUN is a run of recipe ``sentinel2_sr`` that was trained on colours, such as ``benchmarks/superresolution.py`` leaves.
For each side a square GeoTIFF is made up, waves and noise with hard edges, and enlarged by ``equipoise upscale`` in a
process of its own, whose largest memory is told.  A scene small enough to be enlarged in one piece is also enlarged in
float32, and both results are compared with that piece, byte by byte.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import rasterio
import torch
from numpy.typing import NDArray
from rasterio.crs import CRS
from rasterio.transform import Affine, from_origin
from rasterio.windows import Window

from equipoise.engine.export import Sampler
from equipoise.engine.look import draw
from equipoise.sampling import open_run
from results import Result, report

STRIP = 512
"""Rows of a scene that are made up at a time."""
MEASURED = """
import resource, subprocess, sys
code = subprocess.call([sys.executable, "-m", "equipoise", *sys.argv[1:]])
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)
sys.exit(code)
"""
"""A small parent, for a process begins with the largest memory that its parent has had."""
IN_ONE_PIECE = 1000
"""Pixels a side up to which a scene is also enlarged without tiles."""
METRES = 10.0
PLACE, GROUND = CRS.from_epsg(32633), from_origin(499980.0, 5300040.0, METRES, METRES)
GIB = 2.0**30
Bytes = NDArray[np.uint8]


def made_up(side: int, path: Path) -> Path:
    """A scene of three bands of 8 bits, written strip by strip."""
    form = {"driver": "GTiff", "height": side, "width": side, "count": 3, "dtype": "uint8", "crs": PLACE}
    noise = np.random.default_rng(0)
    with rasterio.open(path, "w", **form, transform=GROUND, tiled=True, blockxsize=STRIP, blockysize=STRIP) as file:
        for top in range(0, side, STRIP):
            rows, columns = np.mgrid[top : min(top + STRIP, side), 0:side].astype(np.float32)
            fields = 40.0 * ((rows // 37 + columns // 53) % 2)
            bands = [90 + fields + 40 * np.sin(rows / at) * np.cos(columns / (at + 4)) for at in (7, 11, 23)]
            strip = np.stack(bands) + noise.normal(0.0, 8.0, (3, *rows.shape)).astype(np.float32)
            file.write(strip.clip(0, 255).astype(np.uint8), window=Window(0, top, side, len(rows)))
    return path


def enlarged(run: Path, scene: Path, out: Path, compute: str) -> tuple[float, float]:
    """By the command line: how many seconds it took, and the largest memory of its process in GiB."""
    began = time.monotonic()
    words = ["upscale", str(run), str(scene), str(out), "--device", "cpu", "--compute", compute]
    done = subprocess.run([sys.executable, "-c", MEASURED, *words], stdout=subprocess.PIPE, text=True)
    if done.returncode != 0:
        sys.exit(f"equipoise upscale ended with {done.returncode}")
    return time.monotonic() - began, int(done.stdout.split()[-1]) * 1024 / GIB


def in_one_piece(sampler: Sampler, scene: Bytes) -> Bytes:
    """[3, h, w] to [3, scale h, scale w], all at once."""
    planes = torch.from_numpy(scene[None]).float() / 127.5 - 1.0
    made = draw(sampler.module, (planes,), torch.device("cpu"))[0]
    whole: Bytes = ((made + 1.0) * 127.5).round().clamp(0, 255).byte().numpy()
    return whole


def rows_of(side: int, compute: str, options: argparse.Namespace) -> list[Result]:
    sampler = open_run(options.run, "cpu")
    scale, words = sampler.space.scale, f"{side}x{side}, {compute}"
    scene = made_up(side, options.work / f"scene-{side}.tif")
    out = options.work / f"large-{side}.tif"
    seconds, memory = enlarged(options.run, scene, out, compute)
    rows = [
        Result(f"{words}: minutes", f"{seconds / 60:.1f}"),
        Result(f"{words}: million pixels of the scene a second", f"{side**2 / 1e6 / seconds:.3f}"),
        Result(f"{words}: largest memory, GiB", f"{memory:.2f}", "bounded"),
        Result(f"{words}: size of the file, GiB", f"{out.stat().st_size / GIB:.2f}"),
    ]
    with rasterio.open(out) as large:
        is_in_place = large.crs == PLACE and large.transform.almost_equals(GROUND * Affine.scale(1.0 / scale))
        is_whole = large.shape == (side * scale, side * scale) and large.count == len(sampler.space.channels)
        rows.append(Result(f"{words}: in its place, and whole", str(is_in_place and is_whole), "True"))
        if side <= IN_ONE_PIECE:
            with rasterio.open(scene) as small:
                different = np.abs(large.read().astype(int) - in_one_piece(sampler, small.read()).astype(int))
            wanted = "at most 1, by rounding" if compute == "float32" else ""
            rows.append(Result(f"{words}: largest difference from one piece, of 255", str(different.max()), wanted))
            rows.append(Result(f"{words}: mean difference from one piece, of 255", f"{different.mean():.4f}"))
    out.unlink()
    scene.unlink()
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--run", type=Path, required=True)
    parser.add_argument("--sides", type=int, nargs="+", default=[600, 20000])
    parser.add_argument("--work", type=Path, default=Path(tempfile.gettempdir()) / "equipoise-upscaling")
    options = parser.parse_args()
    options.work.mkdir(parents=True, exist_ok=True)
    sampler = open_run(options.run, "cpu")
    weights = sum(tensor.numel() for tensor in sampler.module.parameters())
    rows = [Result("threads", str(torch.get_num_threads())), Result("weights of the generator", str(weights))]
    for side in options.sides:
        for compute in ("float32", "auto") if side <= IN_ONE_PIECE else ("auto",):
            rows += rows_of(side, compute, options)
    report(f"Scenes enlarged x{sampler.space.scale}", rows)


if __name__ == "__main__":
    main()
