"""Pictures from a folder, and for each of them numbers from a table."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Self

import numpy as np
from numpy.typing import NDArray

from equipoise.data.corpus import Corpus, DataError
from equipoise.data.images import Images, PictureSource
from equipoise.data.labels import Labels, Range, Scale, read_labels
from equipoise.data.listing import Listing, list_pictures
from equipoise.data.reading import DUPLICATE
from equipoise.data.store import key
from equipoise.space import Condition, Space
from equipoise.spec import Problem, Table
from equipoise.spec.knob import did_you_mean

TABLES, TEXTS = (".csv", ".tsv"), (".txt",)


@dataclass(frozen=True)
class LabelledImages(PictureSource):
    """Pictures, read as `Images` reads them, and a table that has a row for each of them, with its `conditions`.

    The data are the folder of the pictures, with the table in it, in a folder in it, or beside it; or the table itself,
    with the pictures below its folder.  `table` is its name; by default it is the only file that ends in .csv or .tsv,
    or else in .txt, in the first of these places that has one.

    `name_column` is by default the one that names most of the pictures.  Names may have folders and suffixes or do
    without; case, blanks at the ends and leading zeros do not count: 0012.jpg is also called 12, and 12.0.  Where no
    name in a column fits any picture, I12 is 12.jpg.

    The columns of the conditions are found whatever their case, blanks and underscores.  A value that is no number, or
    beyond its scale, is refused.  A picture is left out where it has no row, or where a value is empty, NaN, NA, n/a or
    -; rows without a picture are counted.

    `within` keeps only the pictures of which a condition lies in a range, ends included, in the unit of the table:
    ``{"arousal": (5, 7)}``.  What becomes 0 and 1 does not change with it.

    Pictures that are equal count as duplicates whatever the table says of them; that it says different things is noted.
    """

    conditions: Mapping[str, Scale]
    pictures: Images = Images()
    table: str = ""
    name_column: str = ""
    within: Mapping[str, Range] = Table()

    def problems(self) -> Iterator[Problem]:
        if not self.conditions:
            yield Problem("conditions", "is empty; at least one condition is needed")
        for name, (low, high) in self.within.items():
            scale = self.conditions.get(name)
            if scale is None:
                yield Problem(f"within.{name}", f"names no condition{did_you_mean(name, self.conditions)}")
            elif max(low, scale.low) > min(high, scale.high):
                of = f"{scale.low:g} to {scale.high:g}"
                yield Problem(f"within.{name}", f"is {low:g} to {high:g}, which holds nothing of the scale, {of}")

    def corpus(
        self, path: Path | None, cache: Path | None = None, progress: Callable[[int, int], None] | None = None
    ) -> Corpus:
        folder, table = find_table(path, self.table)
        listing = _without(table, list_pictures(folder))
        labels = read_labels(table, listing, self.conditions, self.name_column, self.within)
        return self._labelled(self.pictures.of(listing.only(labels.of), cache, progress), labels)

    def onto(self, space: Space) -> Self:
        wanted = {condition.name: condition for condition in space.conditions}
        scales = {
            name: replace(scale, low=wanted[name].low, high=wanted[name].high)
            for name, scale in self.conditions.items()
        }
        return replace(self, conditions=scales, pictures=self.pictures.onto(space))

    def single(self, path: Path, space: Space) -> NDArray[np.uint8]:
        return self.pictures.single(path, space)

    def native_side(self, path: Path | None) -> int | None:
        return self.pictures.native_side(find_table(path, self.table)[0])

    def _labelled(self, corpus: Corpus, labels: Labels) -> Corpus:
        """The corpus with what the table says of its pictures.  It is not stored: a corrected table acts at once."""
        conditions = tuple(
            Condition(name, scale.low, scale.high, scale.unit) for name, scale in self.conditions.items()
        )
        columns = [_scaled([labels.of[name][item.name] for name in corpus.names], item) for item in conditions]
        scaled = np.stack(columns, axis=1)
        return replace(
            corpus,
            space=replace(corpus.space, conditions=conditions),
            left_out=tuple(sorted((*corpus.left_out, *labels.left_out), key=lambda item: item.name)),
            digest=_digest(corpus, conditions, scaled),
            notes=(*corpus.notes, *labels.notes, *_mislabelled(corpus, labels)),
            conditions=scaled,
        )


def find_table(path: Path | None, name: str) -> tuple[Path, Path]:
    """The folder of the pictures, and the table: the one of this name, or else the only one.  Raises `DataError`."""
    if path is None:
        raise DataError("no data given; name the folder of the pictures and their table with --data")
    if not path.exists():
        raise DataError(f"no such folder: {path}; check the path given with --data")
    if path.is_file() and _is_table(path, (*TABLES, *TEXTS)):
        return path.parent, path
    if not path.is_dir():
        raise DataError(f"{path} is neither a folder nor a table ({', '.join(TABLES)}); give one of both with --data")
    if name:
        return path, _named_table(path, name)
    for endings in (TABLES, TEXTS):
        for there in _tables(path, endings):
            if len(there) > 1:
                several = ", ".join(item.name for item in there)
                raise DataError(f"several tables in {there[0].parent}: {several}; say which with source.table")
            if there:
                return path, there[0]
    raise DataError(f"no table in {path} nor beside it; add one ({', '.join(TABLES)}) or name it with source.table")


def _named_table(folder: Path, name: str) -> Path:
    for table in (folder / name, folder.resolve().parent / name):
        if table.is_file():
            return table
    there = [item.name for places in _tables(folder, (*TABLES, *TEXTS)) for item in places]
    meant = did_you_mean(name, there) or (f"; there are {', '.join(there)}" if there else "")
    raise DataError(f"no table {name} in {folder} nor beside it{meant}; set source.table")


def _tables(folder: Path, endings: Collection[str]) -> Iterator[list[Path]]:
    """Those in the folder, in the folders in it, and beside it."""
    for place, pattern in ((folder, "*"), (folder, "*/*"), (folder.resolve().parent, "*")):
        yield sorted(item for item in place.glob(pattern) if _is_table(item, endings))


def _is_table(path: Path, endings: Collection[str]) -> bool:
    return path.suffix.lower() in endings and not path.name.startswith(".") and path.is_file()


def _without(table: Path, listing: Listing) -> Listing:
    """The listing with one file of another kind less, where the table lies among the pictures."""
    others = Counter(dict(listing.others))
    others[table.suffix.lower()] -= table.resolve().is_relative_to(listing.root.resolve())
    return replace(listing, others=tuple((+others).most_common()))


def _scaled(values: Sequence[float], condition: Condition) -> NDArray[np.float32]:
    return ((np.array(values) - condition.low) / (condition.high - condition.low)).astype(np.float32)


def _digest(corpus: Corpus, conditions: Collection[Condition], scaled: NDArray[np.float32]) -> str:
    ranges = [(item.name, item.low, item.high) for item in conditions]
    return key(corpus.digest, repr(ranges), scaled.astype("<f4").tobytes())


def _mislabelled(corpus: Corpus, labels: Labels) -> Iterator[str]:
    """About pictures that were left out as equal to another one, though the table says something else of them."""
    duplicates = (item for item in corpus.left_out if item.reason.startswith(DUPLICATE))
    firsts = {item.name: item.reason.removeprefix(DUPLICATE) for item in duplicates}
    others = [(name, first) for name, first in firsts.items() if labels.of[name] != labels.of[first]]
    if others:
        name, first = others[0]
        yield (
            f"{len(others)} of {len(firsts)} duplicates have other labels than the picture that was kept; the first, "
            f"{name}, has {_in_words(labels.of[name])}, and {first} {_in_words(labels.of[first])}"
        )


def _in_words(values: Mapping[str, float]) -> str:
    return ", ".join(f"{name} {value:g}" for name, value in values.items())
