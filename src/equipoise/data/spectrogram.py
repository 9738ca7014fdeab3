"""Spectrograms, cut into windows of frequency and time."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Literal, Self

from equipoise.data.corpus import Corpus, DataError
from equipoise.data.recording import (
    CSV_ENDINGS,
    FITS_ENDINGS,
)
from equipoise.data.store import Store, files_key, key, settings_key
from equipoise.data.tiling import fingerprint
from equipoise.data.windowing import Job, build
from equipoise.recipe import Source
from equipoise.space import Space
from equipoise.spec import Knob, Problem
from equipoise.spec.knob import did_you_mean

NAMED_BY = 8

Pixels = Annotated[int, Knob("pixels", low=8, high=1024, unit="pixels")]


@dataclass(frozen=True)
class Spectrogram(Source):
    """Windows of `size` (one number, or (frequencies, times)), one every `stride` columns, from the top row downwards.

    FITS files of any length are cut; CSV files are a window each.  A folder that has both is read for its FITS files,
    unless `files` says otherwise.  `folders` names the classes to read, folders of that name: one or several together;
    none for all.

    `background` is taken from each frequency of a FITS file: its median or mean over the file, so that what stays is
    what rises above the quiet sun and the receiver.  CSV windows are taken as they are.  The range becomes -1 to 1:
    `low` and `high`, or all but the share `cut` of values at either end; what lies beyond is cut off, and counted.

    On a `scale` of ``asinh`` a faint burst is seen beside a bright one: even within `knee` of `origin`, logarithmic
    beyond.  They are in the data's unit; without them the median, and three times the noise around it.

    Rows go from the highest frequency down, whichever way a file has them.  Files may differ in their frequencies,
    which is told; windows then have no frequency axis.  Channels below the window's are not used, which is told too.

    A window is left out when its brightest patch of 8 by 8 pixels stands less than `least_peak` above its median, in
    the data's unit, so that a quiet sky does not outnumber bursts; 0 keeps all.  Files of another time step than
    `step_s`, in another unit than most, or of polarisation are left out, and listed.  All windows of one hour
    of FITS files are held out together; each CSV file counts by itself.
    """

    size: Pixels | tuple[Pixels, Pixels] = 128  # notes
    stride: Annotated[int | None, Knob("columns from one window to the next", low=1, high=10**5, unit="columns")] = None
    average: Annotated[int, Knob("pixels a side averaged into one", low=1, high=16, unit="pixels")] = 1
    files: Literal["auto", "fits", "csv"] = "auto"
    folders: tuple[str, ...] = ()
    background: Literal["median", "mean", "none"] = "median"
    step_s: Annotated[float | None, Knob("time step of FITS files", above=0, unit="s")] = 0.25
    least_peak: Annotated[float, Knob("of the brightest patch above the median", low=0)] = 0.0
    low: float | None = None
    high: float | None = None
    scale: Literal["linear", "asinh"] = "linear"
    knee: Annotated[float | None, Knob("from the origin, up to which asinh is even", above=0)] = None
    origin: Annotated[float | None, Knob("value that asinh counts from")] = None
    cut: Annotated[float, Knob("share of values cut off at either end", low=0, high=0.1)] = 0.001

    def problems(self) -> Iterator[Problem]:
        if self.low is not None and self.high is not None and self.low >= self.high:
            yield Problem("low", f"is {self.low:g}, not below high, {self.high:g}")
        for side in self.shape:
            if side % self.average:
                yield Problem("average", f"is {self.average}, which does not divide {side} pixels")
        if self.scale == "linear":
            for name in ("knee", "origin"):
                if getattr(self, name) is not None:
                    yield Problem(name, 'does nothing on an even scale; set scale to "asinh"')

    @property
    def shape(self) -> tuple[int, int]:
        """(frequencies, times) of a window before it is averaged."""
        return (self.size, self.size) if isinstance(self.size, int) else self.size

    def onto(self, space: Space) -> Self:
        of = space.channels[0]
        fixed = replace(self, low=of.low, high=of.high)
        return fixed if of.knee is None else replace(fixed, scale="asinh", knee=of.knee, origin=of.origin)

    def native_side(self, path: Path | None) -> int | None:
        return None

    def corpus(
        self, path: Path | None, cache: Path | None = None, progress: Callable[[int, int], None] | None = None
    ) -> Corpus:
        paths, reads_csv, num_beside = self._listed(path)
        assert path is not None
        store, settings = Store(cache), settings_key(self)
        names = [file.relative_to(path).as_posix() for file in paths]
        seen_as = files_key(settings, paths)
        known = store.remembered(seen_as)
        if known is not None:
            return known
        digest = key(
            settings, *(part for name, file in zip(names, paths, strict=True) for part in (name, fingerprint(file)))
        )
        name = f"{settings[:NAMED_BY]}-{digest}"
        corpus = store.find(name)
        if corpus is None:
            job = Job(self, path, tuple(names), reads_csv, num_beside)
            with store.aside() as made:
                build(made, job, digest, store.require, progress)
                corpus = store.settle(made, name)
        store.remember(seen_as, name)
        return corpus

    def _listed(self, path: Path | None) -> tuple[list[Path], bool, int]:
        """The files to read, whether they are CSV, and how many CSV files lie beside FITS.  Raises `DataError`."""
        if path is None:
            raise DataError("no data given; name a folder of spectrograms with --data")
        if not path.is_dir():
            raise DataError(f"{path} is no folder; give the one that the spectrograms lie in")
        everything = sorted(file for file in path.rglob("*") if file.is_file() and not file.name.startswith("."))
        there = {part for file in everything for part in file.relative_to(path).parts[:-1]}
        for folder in self.folders:
            if folder not in there:
                raise DataError(f"no folder {folder} in {path}{did_you_mean(folder, there)}")
        if self.folders:
            everything = [file for file in everything if set(self.folders) & set(file.relative_to(path).parts[:-1])]
        of_fits, of_csv = (_ending(everything, endings) for endings in (FITS_ENDINGS, CSV_ENDINGS))
        reads_csv = self.files == "csv" or (self.files == "auto" and not of_fits)
        chosen = of_csv if reads_csv else of_fits
        if not chosen:
            wanted = "FITS or CSV" if self.files == "auto" else self.files.upper()
            raise DataError(f"no {wanted} files in {path}; it has {len(everything)} files of other kinds")
        return chosen, reads_csv, 0 if reads_csv or self.files == "fits" else len(of_csv)


def _ending(files: Sequence[Path], endings: Sequence[str]) -> list[Path]:
    return [file for file in files if file.name.lower().endswith(tuple(endings))]
