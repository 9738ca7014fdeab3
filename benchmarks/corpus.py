"""How fast a folder of pictures becomes a corpus, and how fast the corpus becomes batches.

    python benchmarks/corpus.py [--pictures 20000] [--rounds 5] [--json rows.jsonl]

Makes PNGs of 64 px in a temporary folder (a figure with a noisy gradient on a plain ground, about 4 KB each, as sprites
are), then measures in one run, in turns.  Other guests of a machine can only slow a round down, so the fastest of each
is compared beside the medians:

- Pillow alone: a pool of two processes doing ``np.asarray(Image.open(path).convert("RGB"))`` and nothing else;
- the first build of a corpus from the same files, everything included: listing, fingerprints, starting processes,
  decoding, finding duplicates, writing, syncing;
- opening it again, once by its listing and once by its content;
- one epoch of batches from the feed, kept whole in memory and streamed from the map, against decoding again: as bytes,
  which is what decoding gives too, and scaled to float32 in [-1, 1], which is what the networks get.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import shutil
import tempfile
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import numpy as np
import torch
from PIL import Image

from equipoise.data import Corpus, Images
from equipoise.data.feed import Feed
from equipoise.data.listing import SETTLED_S
from results import Result, report

SIDE, BATCH, PROCESSES = 64, 64, 2
SOURCE = Images(size=SIDE, fit="exact")
TARGETS = {"build": 0.9, "open": 0.2, "epoch": 50.0}


@dataclass(frozen=True)
class Row:
    """One line of the table.  `target` is in words."""

    name: str
    value: float
    unit: str
    target: str = ""


def figure(source: np.random.Generator) -> Image.Image:
    """A noisy, shaded disc on white."""
    y, x = np.mgrid[0:SIDE, 0:SIDE] / (SIDE - 1.0)
    slope = source.uniform(-80, 80, (2, 3))
    shade = source.integers(40, 220, 3) + slope[0] * x[..., None] + slope[1] * y[..., None]
    centre, radius = source.uniform(0.35, 0.65, 2), source.uniform(0.2, 0.45)
    inside = (x - centre[0]) ** 2 + (y - centre[1]) ** 2 < radius**2
    pixels = np.where(inside[..., None], shade + source.normal(0, 12, (SIDE, SIDE, 3)), 255.0)
    return Image.fromarray(pixels.clip(0, 255).astype(np.uint8))


def make_pictures(folder: Path, count: int) -> list[str]:
    source, paths = np.random.default_rng(0), []
    for at in range(count):
        place = folder / f"{at // 1000:03}"
        place.mkdir(parents=True, exist_ok=True)
        figure(source).save(place / f"{at:06}.png")
        paths.append(str(place / f"{at:06}.png"))
    return paths


def decode_alone(paths: list[str]) -> int:
    return sum(np.asarray(Image.open(path).convert("RGB")).nbytes for path in paths)


def pillow_alone(paths: list[str]) -> None:
    """Two processes that decode and throw away."""
    chunks = [paths[at : at + 128] for at in range(0, len(paths), 128)]
    with multiprocessing.get_context("fork").Pool(PROCESSES) as pool:
        for _ in pool.imap_unordered(decode_alone, chunks):
            pass


def seconds(action: Callable[[], object]) -> float:
    began = time.perf_counter()
    action()
    return time.perf_counter() - began


def epoch(corpus: Corpus, resident: bool, scaled: bool) -> float:
    """Seconds for all batches of an epoch, on one thread; the fastest of a few, after one to warm up."""
    device, layout = torch.device("cpu"), torch.channels_last
    with closing(Feed(corpus, BATCH, 0, device, memory_format=layout, resident=resident)) as feed:
        read = feed.batch if scaled else feed.rows
        count = feed.batches_per_epoch
        timed = []
        for number in range(4):
            began = time.perf_counter()
            for index in range(number * count, (number + 1) * count):
                read(index)
            timed.append(time.perf_counter() - began)
        return min(timed[1:])


def measure(work: Path, pictures: int, rounds: int) -> list[Row]:
    paths, cache = make_pictures(work / "pictures", pictures), work / "cache"
    os.sync()  # what was just written must not be in the way of what is measured
    time.sleep(SETTLED_S)
    decode_alone(paths)  # the files are in the page cache for both
    alone, built = [], []
    for _ in range(rounds):
        alone.append(seconds(lambda: pillow_alone(paths)))
        shutil.rmtree(cache, ignore_errors=True)
        built.append(seconds(lambda: SOURCE.corpus(work / "pictures", cache)))
    torch.set_num_threads(1)  # a batch is copied in 0.1 ms: two threads would mostly wait for each other
    corpus = SOURCE.corpus(work / "pictures", cache)
    by_listing = min(seconds(lambda: SOURCE.corpus(work / "pictures", cache)) for _ in range(rounds))
    os.utime(paths[0])
    by_content = seconds(lambda: SOURCE.corpus(work / "pictures", cache))
    stored, streamed = epoch(corpus, resident=True, scaled=False), epoch(corpus, resident=False, scaled=False)
    scaled = epoch(corpus, resident=True, scaled=True)
    again = median(alone)
    ratios = [before / after for before, after in zip(alone, built, strict=True)]
    wanted_of_build = f"at least {TARGETS['build']}"
    return [
        Row("pictures", pictures, ""),
        Row("Pillow alone, 2 processes", pictures / again, "pictures/s"),
        Row("first build", pictures / median(built), "pictures/s"),
        Row("first build against Pillow alone, the fastest of each", min(alone) / min(built), "x", wanted_of_build),
        Row("the same, median of the ratios of neighbours", median(ratios), "x", wanted_of_build),
        Row("opening again, known by its listing", by_listing, "s", f"below {TARGETS['open']}"),
        Row("opening again, known by its content", by_content, "s"),
        Row("epoch of bytes, kept in memory", stored, "s"),
        Row("epoch of bytes, streamed", streamed, "s"),
        Row("epoch of scaled float32, in memory", scaled, "s"),
        Row("epoch of bytes against decoding again", again / stored, "x", f"at least {TARGETS['epoch']:.0f}"),
        Row("the same, streamed", again / streamed, "x"),
        Row("the same, scaled to float32", again / scaled, "x"),
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pictures", type=int, default=20_000)
    parser.add_argument("--rounds", type=int, default=5)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="equipoise-corpus-") as work:
        rows = measure(Path(work), asked.pictures, asked.rounds)
    report(
        f"Reading {asked.pictures} pictures of 64 pixels",
        [Result(row.name, f"{row.value:.3f} {row.unit}", row.target) for row in rows],
    )


if __name__ == "__main__":
    main()
