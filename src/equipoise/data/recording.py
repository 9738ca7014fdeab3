"""One spectrogram as people have it: a FITS file of the e-CALLISTO kind, or a CSV file that is one window already."""

from __future__ import annotations

import csv
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from equipoise.data.corpus import DataError
from equipoise.data.numbers import is_number

FITS_ENDINGS = (".fit", ".fits", ".fts", ".fit.gz", ".fits.gz", ".fts.gz")
CSV_ENDINGS = (".csv",)
POLARISATION = ("%", "polar")
"""Either in a file's unit: percent of polarisation, from -100 to 100, and no intensity."""
HOUR_S = 3600.0


class UnreadableError(Exception):
    """This file is no spectrogram; the message is the reason."""


@dataclass(frozen=True, eq=False)
class Recording:
    """Values [frequencies, times]."""

    values: NDArray[np.float32]
    unit: str = ""
    step_s: float | None = None
    """From one column to the next; None where the file does not say."""
    frequencies_mhz: NDArray[np.float64] | None = None
    event: str = ""
    """Day and hour of the observation: stations that saw one burst wrote it down within the same hour."""

    @property
    def is_polarisation(self) -> bool:
        return any(word in self.unit.lower() for word in POLARISATION)


def read_fits(path: Path) -> Recording:
    """Raises `UnreadableError`, and `DataError` where astropy is missing."""
    try:
        from astropy.io import fits
        from astropy.utils.exceptions import AstropyWarning
    except ImportError as error:
        raise DataError("FITS files need astropy: pip install equipoise[fits]") from error
    import warnings

    try:
        with warnings.catch_warnings(action="ignore", category=AstropyWarning), fits.open(path, memmap=False) as file:
            header, data = file[0].header, file[0].data
            axes = file[1].data if len(file) > 1 else None
            return _recording(header, data, axes)
    except (OSError, EOFError, ValueError, KeyError, IndexError, TypeError, zlib.error) as error:
        raise UnreadableError(
            f"unreadable: {str(error).splitlines()[0] if str(error) else type(error).__name__}"
        ) from None


def _recording(header: Any, data: Any, axes: Any) -> Recording:
    if data is None or data.ndim != 2:
        raise UnreadableError(f"has {0 if data is None else data.ndim} dimensions, not 2")
    step_s = float(header["CDELT1"]) if "CDELT1" in header else None
    return Recording(
        np.asarray(data, dtype=np.float32),
        str(header.get("BUNIT", "")).strip(),
        step_s,
        _frequencies(header, axes, len(data)),
        f"{str(header.get('DATE-OBS', '')).replace('/', '-')[:10]} {str(header.get('TIME-OBS', ''))[:2]}".strip(),
    )


def _frequencies(header: Any, axes: Any, count: int) -> NDArray[np.float64] | None:
    """Of each row in MHz: from the table of axes, which may be uneven; otherwise from the header."""
    names = [] if axes is None or axes.names is None else [name.upper() for name in axes.names]
    if "FREQUENCY" in names:
        found: NDArray[np.float64] = np.asarray(axes["FREQUENCY"], dtype=np.float64).reshape(-1)
        if len(found) == count:
            return found
    if "CRVAL2" in header and "CDELT2" in header and "MHZ" in str(header.get("CTYPE2", "")).upper():
        first = float(header["CRVAL2"]) - (float(header.get("CRPIX2", 1)) - 1) * float(header["CDELT2"])
        steps: NDArray[np.float64] = np.arange(count, dtype=np.float64)
        return first + float(header["CDELT2"]) * steps
    return None


def read_csv(path: Path) -> Recording:
    """Rows of numbers, all of one length, parted by commas, semicolons, tabs or blanks.  Raises `UnreadableError`."""
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise UnreadableError(f"unreadable: {error}") from None
    lines = [line for line in text.splitlines() if line.strip()]
    if not lines:
        raise UnreadableError("is empty")
    mark = next((mark for mark in (",", ";", "\t") if mark in lines[0]), None)
    rows: list[list[str]] = (
        [line.split() for line in lines] if mark is None else list(csv.reader(lines, delimiter=mark))
    )
    values: list[list[float]] = []
    for number, row in enumerate(rows, start=1):
        if len(row) != len(rows[0]):
            raise UnreadableError(f"line {number} has {len(row)} values, and line 1 has {len(rows[0])}")
        try:
            values.append([float(cell) for cell in row])
        except ValueError:
            bad = next(cell for cell in row if not is_number(cell))
            raise UnreadableError(f"line {number} has {bad!r} where a number belongs") from None
    with np.errstate(over="ignore"):  # what is too large is no number, and is said to be none
        found = np.array(values, dtype=np.float32)
    if not np.isfinite(found).all():
        raise UnreadableError("has values that are no numbers")
    return Recording(found)
