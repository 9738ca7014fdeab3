"""From recordings to windows: what fits, its range and scale, and what is left out, in two passes over the files."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from equipoise.data.corpus import SAMPLES, DataError, Description, LeftOut, checksums, describe
from equipoise.data.recording import Recording, UnreadableError, read_csv, read_fits
from equipoise.data.split import identities
from equipoise.data.store import HEADER_BYTES, header
from equipoise.space import Axis, Channel, Space
from equipoise.spec import encode

if TYPE_CHECKING:
    from equipoise.data.spectrogram import Spectrogram

FEWEST = 2
SAMPLED = 4096
"""Values of each file from which the range is told."""
PATCH = 8
"""Pixels a side over which a peak is averaged: a burst is larger, a spark is not."""
KNEE_STDS, STD_OF_MEDIAN, LEAST_KNEE = 3.0, 1.4826, 0.01
"""The knee in standard deviations of the noise; theirs from the median distance to the median (as of a normal
distribution); the knee as a share of the range where most values are the same."""
SAME_MHZ = 0.5
LISTED = 4
SAME_STEP = 1e-3
"""Seconds by which two time steps may differ and be the same."""

Windows = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Job:
    """What to read, and how."""

    source: Spectrogram
    root: Path
    names: tuple[str, ...]
    reads_csv: bool
    num_beside: int
    """CSV files that are not read, because there are FITS files."""

    def read(self, name: str) -> Recording:
        """With its background taken off.  Raises `UnreadableError`."""
        if self.reads_csv:
            return read_csv(self.root / name)
        found = _highest_first(read_fits(self.root / name))
        if self.source.background == "none":
            return found
        middle = np.median if self.source.background == "median" else np.mean
        return replace(found, values=found.values - middle(found.values, axis=1, keepdims=True).astype(np.float32))


def _highest_first(found: Recording) -> Recording:
    """As e-CALLISTO writes its files: a burst that drifts down goes down in every window."""
    frequencies = found.frequencies_mhz
    if frequencies is None or frequencies[0] >= frequencies[-1]:
        return found
    return replace(found, values=found.values[::-1], frequencies_mhz=frequencies[::-1])


@dataclass(slots=True)
class Survey:
    """What the first pass over the files has found."""

    reasons: dict[str, str] = field(default_factory=dict)
    """Why a file is not used."""
    units: dict[str, str] = field(default_factory=dict)
    sampled: list[NDArray[np.float32]] = field(default_factory=list)
    axes: list[tuple[float, float] | None] = field(default_factory=list)
    """Frequencies of the first and the last row of windows of each file that is used, in MHz."""
    num_rows: list[int] = field(default_factory=list)


def build(
    folder: Path, job: Job, digest: str, require: Callable[[int], None], progress: Callable[[int, int], None] | None
) -> None:
    """Fill an empty folder with the corpus.  Raises `DataError` where fewer than two windows remain."""
    survey = _surveyed(job)
    used = [name for name in job.names if name not in survey.reasons]
    if not used:
        raise DataError(_nothing(job, survey))
    unit = "" if job.reads_csv else next(iter(survey.units.values()))
    channel = _channel(job.source, np.concatenate(survey.sampled), unit)
    height, width = (side // job.source.average for side in job.source.shape)
    left_out = [LeftOut(name, reason) for name, reason in survey.reasons.items()]
    origins: list[str] = []
    names: list[str] = []
    sums: list[NDArray[np.uint32]] = []
    quiet = beyond = total = 0
    with (folder / SAMPLES).open("wb") as file:
        file.write(bytes(HEADER_BYTES))
        for done, name in enumerate(used):
            recording = job.read(name)
            windows, places = _windows(recording.values, job.source)
            loud = (_peaks(windows) >= job.source.least_peak) | (job.source.least_peak == 0.0)
            quiet += int((~loud).sum())
            windows = _averaged(windows[loud], job.source.average)
            require(windows.size * 2)
            beyond += int(((windows < channel.low) | (windows > channel.high)).sum())
            total += windows.size
            scaled = channel.to_scale(windows.clip(channel.low, channel.high)).astype(np.float16)[..., None]
            file.write(np.ascontiguousarray(scaled).tobytes())
            sums.append(checksums(scaled))
            kept = [place for place, is_loud in zip(places, loud, strict=True) if is_loud]
            names += [f"{name} column {place}" for place in kept]
            origins += [recording.event or name] * len(kept)
            if progress is not None:
                progress(done + 1, len(used))
        if len(names) < FEWEST:
            raise DataError(f"only {len(names)} windows can be used, and {FEWEST} are needed; {quiet} were too quiet")
        file.seek(0)
        file.write(header((len(names), height, width, 1), np.dtype(np.float16)))
    if quiet:
        reason = " ".join(f"no patch {job.source.least_peak:g} {unit} above the median".split())
        left_out.append(LeftOut(f"{quiet} windows", reason, quiet, is_asked=True))
    space = Space((channel,), height, width, "spectrogram", *_axes(job, survey))
    notes = (
        f"{len(names)} windows from {len(used)} {'CSV' if job.reads_csv else 'FITS'} files",
        f"{beyond / total:.2%} of all values lie beyond {channel.low:g} to {channel.high:g} {unit}".rstrip()
        + " and are cut off",
        f"values are kept to within {channel.float16_error:.2g} {unit}".rstrip(),
        *_notes_on_scale(channel),
        *([f"{job.num_beside} CSV files are not read; source.files=csv reads them instead"] if job.num_beside else []),
        *_notes_on_frequencies(job, survey),
    )
    made_from = str(job.root.resolve())
    description = Description(
        digest, space, names, tuple(left_out), notes, encode(job.source), made_from, 0 if job.reads_csv else len(used)
    )
    describe(folder, description, np.concatenate(sums), identities(origin.encode() for origin in origins))


def _surveyed(job: Job) -> Survey:
    """The first pass."""
    survey = Survey()
    rows, columns = job.source.shape
    for at, name in enumerate(job.names):
        try:
            recording = job.read(name)
        except UnreadableError as error:
            survey.reasons[name] = str(error)
            continue
        reason = _unsuitable(recording, job, rows, columns)
        if reason:
            survey.reasons[name] = reason
            continue
        survey.units[name] = recording.unit
        chance = np.random.default_rng(at)
        survey.sampled.append(chance.choice(recording.values[:rows].ravel(), SAMPLED))
        survey.axes.append(_frequency_axis(recording, job.source))
        survey.num_rows.append(len(recording.values))
    _leave_out_other_units(survey)
    return survey


def _unsuitable(recording: Recording, job: Job, rows: int, columns: int) -> str:
    height, width = recording.values.shape
    if job.reads_csv and (height, width) != (rows, columns):
        return f"has {height}x{width} values, not {rows}x{columns}"
    if height < rows or width < columns:
        return f"has {height}x{width} values: no window of {rows}x{columns} fits"
    if not np.isfinite(recording.values).all():
        return "has values that are no numbers"
    if recording.is_polarisation:
        return "is polarisation, not intensity"
    wanted = job.source.step_s
    if wanted is not None and recording.step_s is not None and abs(recording.step_s - wanted) > SAME_STEP:
        return f"has a time step of {recording.step_s:g} s, not {wanted:g} s"
    return ""


def _leave_out_other_units(survey: Survey) -> None:
    """One scale for all: files in another unit than most are left out."""
    if not survey.units:
        return
    usual = Counter(survey.units.values()).most_common(1)[0][0]
    names = list(survey.units)
    keep = [survey.units[name] == usual for name in names]
    survey.reasons |= {
        name: f"is in {survey.units[name] or 'no unit'}, most are in {usual or 'none'}"
        for name, kept in zip(names, keep, strict=True)
        if not kept
    }
    survey.sampled = [values for values, kept in zip(survey.sampled, keep, strict=True) if kept]
    survey.axes = [axis for axis, kept in zip(survey.axes, keep, strict=True) if kept]
    survey.num_rows = [count for count, kept in zip(survey.num_rows, keep, strict=True) if kept]
    survey.units = {name: usual for name, kept in zip(names, keep, strict=True) if kept}


def _range(source: Spectrogram, values: NDArray[np.float32]) -> tuple[float, float]:
    least, most = np.quantile(values, [source.cut, 1.0 - source.cut]).tolist()
    low = least if source.low is None else source.low
    high = most if source.high is None else source.high
    if low >= high and least < most:
        raise DataError(f"nearly all values lie from {least:g} to {most:g}, and source.low and high say otherwise")
    if low >= high:
        raise DataError(f"nearly all values are {low:g}: there is nothing to learn; look at the files")
    return low, high


def _channel(source: Spectrogram, values: NDArray[np.float32], unit: str) -> Channel:
    """Its range and its scale, by some of all values."""
    low, high = _range(source, values)
    if source.scale == "linear":
        return Channel("intensity", low, high, "continuous", unit, "scaled")
    middle = float(np.median(values))
    noise = STD_OF_MEDIAN * float(np.median(np.abs(values - middle)))
    knee = source.knee or float(f"{KNEE_STDS * noise or LEAST_KNEE * (high - low):.3g}")
    digits = 2 - math.floor(math.log10(knee))  # a hundredth of the knee
    origin = round(middle, digits) if source.origin is None else source.origin
    return Channel("intensity", low, high, "continuous", unit, "scaled", knee=knee, origin=origin)


def _notes_on_scale(channel: Channel) -> Iterator[str]:
    if channel.knee is not None:
        knee = f"{channel.knee:g} {channel.unit}".rstrip()
        yield f"the scale is asinh: even up to {knee} from {channel.origin:g}, logarithmic beyond"


def _windows(values: NDArray[np.float32], source: Spectrogram) -> tuple[Windows, list[int]]:
    """[n, rows, columns] from the top rows, and the first column of each."""
    rows, columns = source.shape
    places = list(range(0, values.shape[1] - columns + 1, source.stride or columns))
    return np.stack([values[:rows, place : place + columns] for place in places]), places


def _peaks(windows: Windows) -> NDArray[np.float32]:
    """How far the brightest patch of each window stands above its median."""
    patches = _averaged(windows[:, : windows.shape[1] // PATCH * PATCH, : windows.shape[2] // PATCH * PATCH], PATCH)
    peaks: NDArray[np.float32] = patches.max(axis=(1, 2)) - np.median(windows, axis=(1, 2))
    return peaks


def _averaged(windows: Windows, factor: int) -> Windows:
    count, rows, columns = windows.shape
    blocks = windows.reshape(count, rows // factor, factor, columns // factor, factor)
    means: Windows = blocks.mean(axis=(2, 4), dtype=np.float32)
    return means


def _frequency_axis(recording: Recording, source: Spectrogram) -> tuple[float, float] | None:
    if recording.frequencies_mhz is None:
        return None
    shown = recording.frequencies_mhz[: source.shape[0]]
    return float(shown[0]), float(shown[-1])


def _axes(job: Job, survey: Survey) -> tuple[Axis | None, Axis | None]:
    """Frequencies, where all files have the same, and times."""
    rows = None
    if len(known := _kinds_of_axes(survey)) == 1 and None not in survey.axes:
        first, last = known[0]
        step = (last - first) / (job.source.shape[0] - 1)
        rows = Axis("frequency", "MHz", step * job.source.average, first)
    step_s = job.source.step_s
    columns = None if job.reads_csv or step_s is None else Axis("time", "s", step_s * job.source.average)
    return rows, columns


def _kinds_of_axes(survey: Survey) -> list[tuple[float, float]]:
    """Those that differ by more than half a megahertz at the top or at the bottom, each by the first of its kind."""
    kinds: list[tuple[float, float]] = []
    for axis in survey.axes:
        if axis is not None and not any(np.allclose(axis, kind, rtol=0.0, atol=SAME_MHZ) for kind in kinds):
            kinds.append(axis)
    return kinds


def _notes_on_frequencies(job: Job, survey: Survey) -> Iterator[str]:
    """What of the files is not in the windows, and where the same row is not the same frequency."""
    rows = job.source.shape[0]
    below = max(survey.num_rows) - rows
    if below > 0 and not job.reads_csv:
        yield f"windows are the {rows} channels of highest frequency: up to {below} below them are not used"
    kinds = _kinds_of_axes(survey)
    if len(kinds) > 1:
        spans = [f"{first:.0f} to {last:.0f} MHz" for first, last in kinds]
        yield f"frequencies differ from file to file ({'; '.join(_some(spans))}): windows have no frequency axis"


def _some(texts: Sequence[str]) -> Sequence[str]:
    return texts if len(texts) <= LISTED else [*texts[:LISTED], f"{len(texts) - LISTED} more"]


def _nothing(job: Job, survey: Survey) -> str:
    reasons = Counter(reason.partition(":")[0] for reason in survey.reasons.values()).most_common(2)
    first = next(iter(survey.reasons.items()))
    listed = ", ".join(f"{count} {reason}" for reason, count in reasons)
    return f"none of {len(job.names)} files can be used ({listed}); {first[0]}: {first[1]}"
