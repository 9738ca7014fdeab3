"""Which kind of patches a folder holds, and which items: told from names, without opening a file."""

from __future__ import annotations

import re
from collections import defaultdict
from pathlib import Path, PurePosixPath
from typing import Literal

from equipoise.data.band import require_rasterio
from equipoise.data.corpus import DataError
from equipoise.data.listing import Listing, list_pictures
from equipoise.data.patch_files import BandFiles, Files, Item, Mats, Pictures, Scenes

Kind = Literal["auto", "pictures", "bands", "scenes", "hdf5"]

BAND_FILE = re.compile(r"(?P<patch>.+)_(?P<band>B\d{1,2}A?)\.tiff?", re.IGNORECASE)
"""One file a band, as BigEarthNet has them: ..._B02.tif, ..._B8A.tif."""
TIFF_ENDINGS, HDF5_ENDINGS = (".tif", ".tiff"), (".mat", ".h5", ".hdf5")
HIGH_FOLDERS, LOW_FOLDERS = ("hr", "high"), ("lr", "low")
MOSTLY = 0.5
"""Share of pictures beyond which their kind is that of the folder."""


def paired_folders(path: Path | None) -> tuple[Path, Path] | None:
    """The folders of high and low resolution, where a folder holds exactly these two: hr and lr, or high and low."""
    if path is None or not path.is_dir():
        return None
    folders = {item.name.lower(): item for item in path.iterdir() if item.is_dir() and not item.name.startswith(".")}
    high, low = ([folders[name] for name in names if name in folders] for names in (HIGH_FOLDERS, LOW_FOLDERS))
    return (high[0], low[0]) if len(folders) == len(high) + len(low) == 2 and high and low else None


def find(path: Path | None, kind: Kind, nodata: tuple[float, ...]) -> Files:
    """The items in a folder and in those below it, in the order of their names.  Raises `DataError`.

    ``auto`` is one TIFF a band where names end in _B02.tif and the like, HDF5 where there is such a file, GeoTIFF where
    most pictures are TIFF, and otherwise pictures.
    """
    mats = [] if kind not in ("auto", "hdf5") or path is None else _mats(path)
    if mats:
        return Mats(tuple(mats), nodata=nodata)
    if kind == "hdf5":
        raise DataError(f"no HDF5 files ({', '.join(HDF5_ENDINGS)}) in {path}; give the folder that they lie in")
    listing = list_pictures(path)
    tiffs = [name for name in listing.names if name.lower().endswith(TIFF_ENDINGS)]
    patches = _band_files(listing, tiffs) if kind in ("auto", "bands") else []
    if kind in ("bands", "scenes") or patches or (kind == "auto" and len(tiffs) > MOSTLY * len(listing.names)):
        require_rasterio()
        if patches:
            return BandFiles(tuple(patches), listing.left_out, nodata)
        if kind == "bands" or not tiffs:
            wanted = "files of one band each, named like ..._B02.tif" if kind == "bands" else "TIFF files"
            raise DataError(f"no {wanted}, in {path}; it has {len(listing.names)} pictures of other kinds")
        return Scenes(_single(listing, tiffs), listing.left_out, nodata)
    return Pictures(_single(listing, listing.names), listing.left_out)


def _single(listing: Listing, names: tuple[str, ...] | list[str]) -> tuple[Item, ...]:
    return tuple(Item(name, {"": listing.root / name}) for name in names)


def _mats(path: Path) -> list[Item]:
    found = (file for file in path.rglob("*") if file.suffix.lower() in HDF5_ENDINGS and file.is_file())
    names = sorted(file.relative_to(path).as_posix() for file in found if not file.name.startswith("."))
    return [Item(name, {"": path / name}) for name in names]


def _band_files(listing: Listing, names: list[str]) -> list[Item]:
    """Files of one patch together; a patch whose folder has its name is called as the folder is."""
    patches: defaultdict[str, dict[str, Path]] = defaultdict(dict)
    for name in names:
        place = PurePosixPath(name)
        match = BAND_FILE.fullmatch(place.name)
        if match is not None:
            folder = place.parent if place.parent.name == match["patch"] else place.parent / match["patch"]
            patches[folder.as_posix()][match["band"].upper()] = listing.root / name
    return [Item(name, dict(sorted(files.items(), key=_place))) for name, files in sorted(patches.items())]


def _place(band: tuple[str, Path]) -> tuple[int, str]:
    """B8A stands between B08 and B09."""
    number = band[0][1:].rstrip("A")
    return int(number), band[0][1 + len(number) :]
