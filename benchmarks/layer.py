"""Memory: a layer of 21 600 by 14 400 pixels, 311 MB decoded, becomes a corpus.

    python benchmarks/layer.py [--rows 14400] [--columns 21600]

Land cover in patches, as a compressed GeoTIFF, made for the purpose; the peak is the resident memory of a process of
its own, imports included, as Linux counts it (VmHWM; what `wait4` says includes the parent's at the fork).
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import rasterio

from results import Result, report

PEAK = """
import re
print(re.search(r"VmHWM:\\s+([0-9]+)", open("/proc/self/status").read())[1])
"""
BUILD = """
import sys
from pathlib import Path
from equipoise.data import Layer, Raster
source = Raster({"cover": Layer("cover.tif", "categorical", table="nlcd")})
source.corpus(Path(sys.argv[1]), Path(sys.argv[2]))
"""
CHECK = """
import sys
from equipoise.cli import run_command
assert run_command(["check", *sys.argv[1:]]) == 0
"""
RECIPE = """
from dataclasses import replace
from equipoise import recipes
from equipoise.data import Layer, Raster

def cover():
    source = Raster({"cover": Layer("cover.tif", "categorical", table="nlcd")})
    return replace(recipes.load("terrain"), source=source, reasons={})
"""
CODES = np.array([11, 21, 41, 42, 52, 71, 81, 82], np.uint8)
PATCH, STRIP = 40, 480
"""Pixels: a side of a patch of one class, and rows that are written at once."""


def make(path: Path, rows: int, columns: int) -> None:
    """A GeoTIFF of patches, strip by strip."""
    chance = np.random.default_rng(0)
    grid = {"crs": "EPSG:32611", "transform": rasterio.Affine(30.0, 0.0, 5e5, 0.0, -30.0, 4e6)}
    shape = {"height": rows, "width": columns, "count": 1, "dtype": "uint8"}
    with rasterio.open(path, "w", "GTiff", compress="deflate", tiled=True, **grid, **shape) as file:
        for top in range(0, rows, STRIP):
            height = min(STRIP, rows - top)
            coarse = chance.choice(CODES, (-(-height // PATCH), -(-columns // PATCH)))
            strip = coarse.repeat(PATCH, 0).repeat(PATCH, 1)[:height, :columns]
            file.write(strip, 1, window=((top, top + height), (0, columns)))


def peak_mb(code: str, words: list[str], cache: Path) -> float:
    """Of a process of its own, which must end well."""
    command = [sys.executable, "-c", code + PEAK, *words]
    surroundings = {**os.environ, "XDG_CACHE_HOME": str(cache)}
    printed = subprocess.run(command, check=True, capture_output=True, text=True, env=surroundings).stdout
    return int(printed.splitlines()[-1]) * 1024 / 1e6


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=14_400)
    parser.add_argument("--columns", type=int, default=21_600)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        make(folder / "cover.tif", options.rows, options.columns)
        (folder / "recipe.py").write_text(RECIPE)
        data, recipe = str(folder), f"{folder / 'recipe.py'}:cover"
        build = peak_mb(BUILD, [data, str(folder / "cache")], folder / "one")
        sheet = str(folder / "sheet.png")
        check = peak_mb(CHECK, [data, "--recipe", recipe, "--sheet", sheet], folder / "other")
    decoded = options.rows * options.columns / 1e6
    rows = [
        Result("building the corpus", f"{build:.0f} MB", "below 600 MB"),
        Result("check, which builds it and looks at every tile", f"{check:.0f} MB"),
    ]
    corpus = (
        "The corpus, two bytes a pixel, is mapped into memory; what `check` has looked at of it counts as resident."
    )
    report(f"Memory for a layer of {decoded:.0f} MB", rows, corpus)


if __name__ == "__main__":
    main()
