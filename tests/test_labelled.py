"""Pictures with labels: tables as people write them give the same corpus, and bad ones are refused in one line."""

from __future__ import annotations

import codecs
import csv
import io
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from equipoise.cli import run_command
from equipoise.data import Corpus, DataError, Images, LabelledImages, Scale
from equipoise.data.check import examine
from equipoise.finding import Finding
from equipoise.space import Channel, Condition, Space
from equipoise.spec import SpecError, decode, encode

RATINGS = {
    "Bar 1.png": (1.25, 2.0),
    "Sea, calm.png": (7.0, 1.0),
    "Öde; leer.png": (3.5, 6.75),
    "War 2.png": (2.0, 5.5),
}
SOURCE = LabelledImages({"valence": Scale(1, 7), "arousal": Scale(1, 7)}, Images(size=8))

Rows = Sequence[Sequence[str]]


def draw(folder: Path, names: Sequence[str], seed: int = 0) -> Path:
    """A picture of noise for each name, each another one."""
    for at, name in enumerate(names):
        pixels = np.random.default_rng(seed + at).integers(0, 256, (8, 8, 3), dtype=np.uint8)
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(pixels).save(folder / name)
    return folder


def rows(rename: Callable[[str], str] = str, number: Callable[[float], str] = str) -> list[list[str]]:
    return [["name", "valence", "arousal"], *([rename(name), *map(number, of)] for name, of in RATINGS.items())]


def text(cells: Rows, separator: str = ",", end: str = "\n", quoting: Any = csv.QUOTE_MINIMAL) -> str:
    written = io.StringIO(newline="")
    csv.writer(written, delimiter=separator, lineterminator=end, quoting=quoting).writerows(cells)
    return written.getvalue()


def with_comma(number: float) -> str:
    return str(number).replace(".", ",")


def read(folder: Path, table: str | bytes, source: LabelledImages = SOURCE, name: str = "labels.csv") -> Corpus:
    data = table.encode() if isinstance(table, str) else table
    (folder / name).write_bytes(data)
    return source.corpus(folder, folder.parent / "cache")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return draw(tmp_path / "data", list(RATINGS))


def conditions(corpus: Corpus) -> NDArray[np.float32]:
    assert corpus.conditions is not None
    return corpus.conditions


def scaled(names: Sequence[str]) -> Any:
    """The closed form: 1 becomes 0 and 7 becomes 1."""
    return (np.array([RATINGS[name] for name in names]) - 1.0) / 6.0


def test_each_picture_has_its_own_conditions_from_0_to_1(folder: Path) -> None:
    corpus = read(folder, text(rows()))
    assert corpus.names == tuple(sorted(RATINGS))
    assert conditions(corpus).dtype == np.float32
    np.testing.assert_allclose(conditions(corpus), scaled(corpus.names), rtol=1e-6)
    assert conditions(corpus)[corpus.names.index("Sea, calm.png")].tolist() == [1.0, 0.0]
    assert corpus.space.conditions == (Condition("valence", 1.0, 7.0), Condition("arousal", 1.0, 7.0))
    plain = SOURCE.pictures.corpus(folder, folder.parent / "cache")
    np.testing.assert_array_equal(corpus.samples, plain.samples)
    np.testing.assert_array_equal(corpus.identities, plain.identities)


def test_conditions_are_in_the_order_of_the_settings(folder: Path) -> None:
    turned = replace(SOURCE, conditions={"arousal": Scale(1, 7, unit="points"), "valence": Scale(1, 7)})
    corpus = read(folder, text(rows()), turned)
    assert corpus.space.conditions == (Condition("arousal", 1.0, 7.0, "points"), Condition("valence", 1.0, 7.0))
    np.testing.assert_allclose(conditions(corpus), scaled(corpus.names)[:, ::-1], rtol=1e-6)


PLAIN = text(rows())
WRITTEN: Mapping[str, bytes] = {
    "CRLF": text(rows(), end="\r\n").encode(),
    "bare CR": text(rows(), end="\r").encode(),
    "UTF-8 with its mark": codecs.BOM_UTF8 + PLAIN.encode(),
    "UTF-16": PLAIN.encode("utf-16"),
    "UTF-16, high byte first": codecs.BOM_UTF16_BE + PLAIN.encode("utf-16-be"),
    "Western Europe": PLAIN.encode("cp1252"),
    "Latin-1, with a byte that Windows has not": b"\x81 ratings\n" + PLAIN.encode("latin-1"),
    "semicolons": text(rows(), ";").encode(),
    "tabs": text(rows(), "\t").encode(),
    "bars": text(rows(), "|").encode(),
    "everything in quotes": text(rows(), quoting=csv.QUOTE_ALL).encode(),
    "decimal commas between semicolons": text(rows(number=with_comma), ";").encode(),
    "decimal commas between tabs": text(rows(number=with_comma), "\t").encode(),
    "numbers with exponents": text(rows(number="{:+.4e}".format)).encode(),
    "blanks around cells": text([[f"  {cell}\t " for cell in row] for row in rows()], end=" \n").encode(),
    "blanks before quotes": text(rows(), quoting=csv.QUOTE_ALL).replace(',"', ', "').encode(),
    "empty lines": ("\n\n" + PLAIN.replace("\n", "\n\n,,\n")).encode(),
    "a comment above": b"# rated in 2017, by 100 people\n" + PLAIN.encode(),
    "a title above": b"Ratings\n\n" + PLAIN.encode(),
    "the separator above": ("sep=;\n" + text(rows(), ";")).encode(),
    "columns as a comment": ("# " + PLAIN).encode(),
    "separators at the ends of lines": PLAIN.replace("\n", ",,\n").encode(),
    "columns in other case and with underscores": PLAIN.replace("valence,arousal", "VALENCE , Arou_sal").encode(),
    "columns that take two lines": PLAIN.replace("name,valence", 'name,"Va\nlence"').encode(),
    "other columns between": text([[row[1], "9", *row[:1], "", row[2]] for row in rows()]).encode(),
    "upper case": text(rows(str.upper)).replace("NAME", "name").encode(),
    "no suffixes": text(rows(lambda name: name.removesuffix(".png"))).encode(),
    "blanks at the ends of names": text(rows(lambda name: name.removesuffix(".png") + "  ")).encode(),
    "folders before names": text(rows(lambda name: f"/home/ann/photos/{name}")).encode(),
    "folders of Windows": text(rows(lambda name: f"C:\\Photos\\{name}")).encode(),
    "decomposed letters": PLAIN.replace("Ö", "O\u0308").encode(),
    "the same row twice": text([*rows(), rows()[2]]).encode(),
}


@pytest.mark.parametrize("written", WRITTEN.values(), ids=list(WRITTEN))
def test_a_table_means_the_same_however_it_is_written(folder: Path, written: bytes) -> None:
    plain, corpus = read(folder, PLAIN), read(folder, written)
    np.testing.assert_array_equal(conditions(corpus), conditions(plain))
    assert (corpus.names, corpus.left_out, corpus.digest) == (plain.names, (), plain.digest)


def test_another_encoding_than_utf_is_told(folder: Path) -> None:
    assert "labels.csv is no UTF-8; it was read as cp1252" in read(folder, PLAIN.encode("cp1252")).notes
    assert not any("UTF-8" in note for note in read(folder, PLAIN.encode("utf-16")).notes)


# Names.


def numbered(tmp_path: Path, pictures: Sequence[str], names: Sequence[str]) -> Corpus:
    """Rated 1, 2, 3 ... in the order of names."""
    folder = draw(tmp_path / "data", pictures)
    cells = [["id", "valence"], *([name, str(at)] for at, name in enumerate(names, start=1))]
    return read(folder, text(cells), LabelledImages({"valence": Scale(0, 10)}, Images(size=8)))


@pytest.mark.parametrize("names", [("2", "12"), ("2.0", "12.0"), ("0002", "0012"), ("2.png", "12.png"), ("I2", "I12")])
def test_numbers_name_pictures_however_a_spreadsheet_writes_them(tmp_path: Path, names: tuple[str, ...]) -> None:
    corpus = numbered(tmp_path, ("2.png", "12.png"), names)
    assert dict(zip(corpus.names, conditions(corpus).ravel().tolist(), strict=True)) == pytest.approx(
        {"2.png": 0.1, "12.png": 0.2}
    )


def test_leading_zeros_that_a_spreadsheet_dropped_do_not_count(tmp_path: Path) -> None:
    corpus = numbered(tmp_path, ("0002.png", "0012.png", "1000.png"), ("2", "12", "1000.0"))
    np.testing.assert_allclose(conditions(corpus)[:, 0], [0.1, 0.2, 0.3])


def test_a_letter_before_a_number_counts_unless_no_name_fits(tmp_path: Path) -> None:
    corpus = numbered(tmp_path, ("a1.png", "a2.png"), ("b1", "a1", "b2", "a2"))
    np.testing.assert_allclose(conditions(corpus)[:, 0], [0.2, 0.4])
    swapped = numbered(tmp_path / "swapped", ("I1.png", "I2.png"), ("1", "2"))
    assert "names in labels.csv are others by a letter: '1' was taken for I1.png" in swapped.notes


def test_folders_tell_pictures_of_one_name_apart(tmp_path: Path) -> None:
    corpus = numbered(tmp_path, ("a/1.png", "b/1.png"), ("x/b/1.png", "x/a/1.png", "x/c/1.png"))
    np.testing.assert_allclose(conditions(corpus)[:, 0], [0.2, 0.1])
    assert any(note.startswith("1 of 3 rows") for note in corpus.notes)


def test_folders_do_not_count_where_none_agrees(tmp_path: Path) -> None:
    corpus = numbered(tmp_path, ("new/1.png", "new/2.png"), ("old/1.png", "old/2.png"))
    np.testing.assert_allclose(conditions(corpus)[:, 0], [0.1, 0.2])


def test_a_name_that_two_pictures_could_have_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"labels.csv, line 3: '1' may be a/1.png or b/1.png; write names with folder"):
        numbered(tmp_path, ("a/1.png", "b/1.png", "2.png"), ("2", "1"))


def test_the_column_of_names_is_the_one_that_names_most(tmp_path: Path) -> None:
    """Ages are numbers too, and some are those of pictures."""
    folder = draw(tmp_path / "data", [f"{at}.png" for at in range(1, 9)])
    cells = [["age", "file", "valence"], *([str(at % 2 + 1), str(at), str(at)] for at in range(1, 9))]
    source = LabelledImages({"valence": Scale(0, 10)}, Images(size=8))
    corpus = read(folder, text(cells), source)
    np.testing.assert_allclose(conditions(corpus)[:, 0], np.arange(1, 9) / 10)
    assert "labels are those of labels.csv; its column 'file' names the pictures" in corpus.notes
    with pytest.raises(DataError, match=r"lines 2 and 4 are both 2.png, with other values"):
        read(folder, text(cells), replace(source, name_column="age"))


def test_two_columns_that_name_different_pictures_are_refused(tmp_path: Path) -> None:
    folder = draw(tmp_path / "data", ["1.png", "2.png", "3.png"])
    cells = [["rank", "id", "valence"], *([str(at), str(4 - at), "5"] for at in (1, 2, 3))]
    source = LabelledImages({"valence": Scale(0, 10)}, Images(size=8))
    with pytest.raises(DataError, match=r"columns 'rank' and 'id' name different pictures; set source.name_column"):
        read(folder, text(cells), source)
    assert len(read(folder, text(cells), replace(source, name_column="ID"))) == 3


def test_a_second_column_of_names_does_not_matter_while_it_agrees(tmp_path: Path) -> None:
    folder = draw(tmp_path / "data", ["1.png", "2.png", "3.png"])
    source = LabelledImages({"valence": Scale(0, 10)}, Images(size=8))
    agreeing = [["old name", "id", "valence"], *([f"{at}.png" if at > 1 else "", str(at), str(at)] for at in (1, 2, 3))]
    looser = [["rater", "id", "valence"], *([f"P{4 - at}", str(at), str(at)] for at in (1, 2, 3))]
    for cells in (agreeing, looser):
        np.testing.assert_allclose(conditions(read(folder, text(cells), source))[:, 0], [0.1, 0.2, 0.3])


# What is left out.


def reasons(corpus: Corpus) -> dict[str, str]:
    return {item.name: item.reason for item in corpus.left_out}


@pytest.mark.parametrize("missing", ["", " ", "NaN", "nan", "NA", "n/a", "-"])
def test_a_picture_without_a_value_is_left_out_and_counted(folder: Path, missing: str) -> None:
    corpus = read(folder, PLAIN.replace("2.0,5.5", f"{missing},5.5"))
    assert "War 2.png" not in corpus.names
    assert reasons(corpus) == {"War 2.png": "no value: valence is not given in line 5 of labels.csv"}


def test_pictures_without_rows_and_rows_without_pictures_are_counted(folder: Path) -> None:
    draw(folder, ["new.png", "newer.png"], seed=50)
    corpus = read(folder, text([*rows(), ["lost", "3", "3"], ["also lost.png", "4", "4"]]))
    assert reasons(corpus) == dict.fromkeys(("new.png", "newer.png"), "no row in labels.csv")
    assert len(corpus) == 4
    assert "2 of 6 rows of labels.csv name pictures that are not here, the first in line 6: 'lost'" in corpus.notes
    (title,) = [finding.title for finding in examine(corpus) if "left out" in finding.title]
    assert title == "2 of 6 files were left out (2 no row in labels.csv)"


def test_pictures_without_rows_are_neither_decoded_nor_stored(folder: Path) -> None:
    (folder / "broken.png").write_bytes(b"no picture")
    corpus = read(folder, PLAIN)
    assert reasons(corpus) == {"broken.png": "no row in labels.csv"}
    (stored,) = (folder.parent / "cache").glob("*/samples.npy")
    assert len(np.load(stored, mmap_mode="r")) == 4


def test_only_pictures_within_a_range_are_kept(folder: Path) -> None:
    """In the unit of the table; the scale stays."""
    corpus = read(folder, PLAIN, replace(SOURCE, within={"arousal": (5.5, 7)}))
    assert corpus.names == ("War 2.png", "Öde; leer.png")
    np.testing.assert_allclose(conditions(corpus), scaled(corpus.names), rtol=1e-6)
    assert reasons(corpus)["Bar 1.png"] == "not within the range asked for: arousal is 2, not 5.5 to 7"
    assert read(folder, PLAIN).digest != corpus.digest


def test_duplicates_with_other_labels_are_told(folder: Path) -> None:
    (folder / "copy.png").write_bytes((folder / "Bar 1.png").read_bytes())
    same = read(folder, PLAIN + "copy,1.25,2\n")
    assert reasons(same) == {"copy.png": "duplicate of Bar 1.png"}
    assert not any("duplicates" in note for note in same.notes)
    corpus = read(folder, PLAIN + "copy,4,2\n")
    assert conditions(corpus)[0].tolist() == pytest.approx([0.25 / 6, 1 / 6])
    assert corpus.notes[-1] == (
        "1 of 1 duplicates have other labels than the picture that was kept; the first, copy.png, "
        "has valence 4, arousal 2, and Bar 1.png valence 1.25, arousal 2"
    )


def test_the_digest_follows_labels_and_scales_and_nothing_is_decoded_again(folder: Path) -> None:
    first = read(folder, PLAIN)
    calls: list[tuple[int, int]] = []
    (folder / "labels.csv").write_text(PLAIN.replace("1.25", "1.5"), encoding="utf-8")
    corrected = SOURCE.corpus(folder, folder.parent / "cache", lambda done, total: calls.append((done, total)))
    assert calls == []
    assert conditions(corrected)[0, 0] == pytest.approx(0.5 / 6)
    wider = read(folder, PLAIN, replace(SOURCE, conditions={"valence": Scale(1, 9), "arousal": Scale(1, 9)}))
    assert len({first.digest, corrected.digest, wider.digest, read(folder, PLAIN).digest}) == 3


# Where the table lies.


@pytest.mark.parametrize("place", ["table.csv", "pictures/table.tsv", "labels/table.CSV", "table.txt"])
def test_the_table_is_found_in_the_folder_or_beside_it(tmp_path: Path, place: str) -> None:
    draw(tmp_path / "pictures", list(RATINGS))
    (tmp_path / place).parent.mkdir(exist_ok=True)
    (tmp_path / place).write_text(PLAIN, encoding="utf-8")
    (tmp_path / "cache").mkdir()
    given = {"labels/table.CSV": tmp_path}.get(place, tmp_path / "pictures")
    assert len(SOURCE.corpus(given, tmp_path / "cache")) == 4
    assert SOURCE.native_side(given) == 8
    by_name = replace(SOURCE, table=(tmp_path / place).relative_to(tmp_path).as_posix())
    assert len(by_name.corpus(tmp_path, tmp_path / "cache")) == 4


def test_the_table_itself_may_be_given(tmp_path: Path) -> None:
    draw(tmp_path / "pictures", list(RATINGS))
    for name in ("good.csv", "other.csv"):
        (tmp_path / name).write_text(PLAIN, encoding="utf-8")
    assert len(SOURCE.corpus(tmp_path / "good.csv", tmp_path / "cache")) == 4


def test_a_table_is_no_file_of_another_kind(folder: Path) -> None:
    (folder / "readme.md").write_text("")
    assert "files of other kinds were ignored: 1 .md" in read(folder, PLAIN).notes


# What is refused, each in one line.


def refused(folder: Path | None, source: LabelledImages = SOURCE) -> str:
    with pytest.raises(DataError) as caught:
        source.corpus(folder, folder.parent / "cache" if folder else None)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_no_table_or_several(folder: Path, tmp_path: Path) -> None:
    assert refused(folder) == f"no table in {folder} nor beside it; add one (.csv, .tsv) or name it with source.table"
    for name in ("b.csv", "a.tsv"):
        (folder / name).write_text(PLAIN, encoding="utf-8")
    assert refused(folder) == f"several tables in {folder}: a.tsv, b.csv; say which with source.table"
    missing = refused(folder, replace(SOURCE, table="c.csv"))
    assert missing == f"no table c.csv in {folder} nor beside it; did you mean 'b.csv'?; set source.table"
    assert len(replace(SOURCE, table="b.csv").corpus(folder, tmp_path / "cache")) == 4


def test_no_folder(folder: Path, tmp_path: Path) -> None:
    assert "name the folder of the pictures and their table with --data" in refused(None)
    assert "no such folder" in refused(tmp_path / "nowhere")
    assert "neither a folder nor a table" in refused(folder / "Bar 1.png")


BAD: Mapping[str, tuple[str | bytes, str]] = {
    "no column": (
        PLAIN.replace("arousal", "arousal_mean"),
        " has no column 'arousal'; did you mean 'arousal_mean'?; its columns are name, valence, arousal_mean; "
        "set source.conditions.arousal.column",
    ),
    "a column twice": (
        PLAIN.replace("name", "Valence_").replace("valence,", "VALENCE,"),
        " has 2 columns 'valence'; give each a name of its own",
    ),
    "beyond the scale": (
        PLAIN.replace("7.0", "7.5"),
        ", line 3: valence is 7.5, beyond its scale of 1 to 7; "
        "set source.conditions.valence.low and high to the scale's true ends",
    ),
    "infinite": (PLAIN.replace("7.0", "1e999"), ", line 3: valence is 1e999, beyond its scale of 1 to 7"),
    "no number": (
        PLAIN.replace("5.5", "high"),
        ", line 5: arousal is 'high', which is no number; correct it, or leave the cell empty",
    ),
    "a decimal comma between commas": (PLAIN.replace("5.5", '"5,5"'), ", line 5: arousal is '5,5', which is no number"),
    "Python's own spelling": (PLAIN.replace("5.5", "0_5.5"), ", line 5: arousal is '0_5.5', which is no number"),
    "too few cells": (PLAIN.replace(",5.5", ""), ", line 5: ends before column 'arousal'"),
    "too many cells": (PLAIN.replace('"', ""), ", line 3: '1.0' stands beyond the last of 3 columns; put cells that"),
    "an open quote": (
        PLAIN.replace("War", '"War'),
        ", line 5: ends before column 'arousal'; complete it, close",
    ),
    "two rows that disagree": (
        PLAIN + "WAR 2,2.0,5.25\n",
        ": lines 5 and 6 are both War 2.png, with other values; leave one row for each picture, such as their mean",
    ),
    "no picture for any row": (
        PLAIN.replace(".png", ".gif"),
        " names a picture in ",
    ),
    "empty": ("\n\n", " is empty; it should have a line with the columns' names, then one for each picture"),
    "only names of columns": ("name,valence,arousal\n", "rows are like none at all, pictures like Bar 1.png or"),
    "a spreadsheet": (b"PK\x03\x04\0\0\0\0", " is no text; save the table as CSV, in UTF-8"),
    "half of a character": (codecs.BOM_UTF16_LE + b"a", " is no text"),
    "an endless cell": ('"' + "x" * 200_000, " cannot be read as a table: field larger than field limit"),
}


@pytest.mark.parametrize(("written", "words"), BAD.values(), ids=list(BAD))
def test_a_bad_table_is_refused_in_one_line(folder: Path, written: str | bytes, words: str) -> None:
    (folder / "labels.csv").write_bytes(written.encode() if isinstance(written, str) else written)
    message = refused(folder)
    assert words in message
    assert str(folder / "labels.csv") in message


def test_no_picture_for_any_row_names_two_of_each(folder: Path) -> None:
    (folder / "labels.csv").write_text(text(rows(lambda name: f"x{name[-5]}")), encoding="utf-8")
    assert refused(folder) == (
        f"no row of {folder / 'labels.csv'} names a picture in {folder}: rows are like (x1) or (xm), pictures like "
        "Bar 1.png or Sea, calm.png; give the names as they are, or set source.name_column"
    )


def test_a_column_of_names_that_is_not_there(folder: Path) -> None:
    (folder / "labels.csv").write_text(PLAIN, encoding="utf-8")
    message = refused(folder, replace(SOURCE, name_column="names"))
    assert message.endswith(
        "no column 'names'; did you mean 'name'?; its columns are name, valence, arousal; set source.name_column"
    )


def test_too_few_that_are_left(folder: Path) -> None:
    (folder / "labels.csv").write_text(PLAIN, encoding="utf-8")
    assert refused(folder, replace(SOURCE, within={"arousal": (6, 7)})) == (
        f"1 of the 4 pictures in {folder} remain, and at least 2 are needed; the first of the others: Bar 1.png, "
        "not within the range asked for: arousal is 2, not 6 to 7; "
        f"complete {folder / 'labels.csv'}, or widen source.within"
    )


# Settings.


def test_settings_survive_json_and_contradictions_are_refused() -> None:
    source = replace(SOURCE, table="a.csv", within={"arousal": (5, 7)})
    assert decode(encode(source), LabelledImages) == source
    faults = {
        "at least one condition": {"conditions": {}},
        "within.arusal: names no condition; did you mean 'arousal'": {"within": {"arusal": (1, 2)}},
        "within.arousal: is 8 to 9, which holds nothing of the scale, 1 to 7": {"within": {"arousal": (8, 9)}},
        "within.arousal: is 5 to 3": {"within": {"arousal": (5, 3)}},
    }
    for words, settings in faults.items():
        with pytest.raises(SpecError, match=words):
            replace(SOURCE, **settings)  # type: ignore[arg-type]
    with pytest.raises(SpecError, match="low: is 7, not below high, 1"):
        Scale(7, 1)


def test_other_data_are_read_onto_the_scales_of_a_space(folder: Path) -> None:
    space = read(folder, PLAIN).space
    wider = replace(SOURCE, conditions={"valence": Scale(0, 100), "arousal": Scale(0, 100)})
    assert wider.onto(space) == SOURCE


# The data check.


def with_conditions(columns: Sequence[Any], *, low: float = 1.0, high: float = 7.0) -> Corpus:
    samples = np.random.default_rng(0).integers(0, 256, (len(columns[0]), 1, 4, 4), dtype=np.uint8)
    known = tuple(Condition(name, low, high) for name in "abc"[: len(columns)])
    return Corpus(
        Space((Channel("grey"),), 4, 4, conditions=known), samples, conditions=np.stack(columns, 1).astype(np.float32)
    )


def about_conditions(corpus: Corpus) -> list[Finding]:
    return [finding for finding in examine(corpus) if "condition" in finding.title]


def test_the_check_says_what_conditions_are() -> None:
    (finding,) = about_conditions(with_conditions([np.linspace(0, 1, 201) ** 2]))
    assert finding.title == "condition a runs from 1 to 7, of 1 to 7"
    assert finding.evidence == ("mean 3", "quartiles 1.38, 2.5, 4.38")  # 1 + 6 q^2 at q = 1/4, 1/2, 3/4
    assert finding.severity == "note"


def test_a_condition_that_hardly_varies_is_a_warning_and_one_that_does_not_a_fault() -> None:
    """Ratings from 1 to 7, declared as 0 to 100."""
    ratings = np.random.default_rng(0).uniform(1, 7, 200)
    warning = about_conditions(with_conditions([ratings / 100], low=0, high=100))[0]
    assert (warning.severity, warning.title) == ("warning", "condition a hardly varies")
    assert "source.conditions.a is too wide a scale" in warning.advice
    assert [f.severity for f in about_conditions(with_conditions([np.full(200, 0.5)] * 2))] == [
        *["fault"] * 2,
        *["note"] * 2,
    ]


def test_conditions_that_are_nearly_the_same_are_told() -> None:
    one, other = np.random.default_rng(0).uniform(0, 1, (2, 200))
    found = about_conditions(with_conditions([one, other, 1 - one]))
    assert [finding.title for finding in found if "same" in finding.title] == ["conditions a and c are nearly the same"]
    assert found[-1].evidence == ("correlation -1.000",)


# Real pictures with ratings by people.


@pytest.mark.real
@pytest.mark.parametrize(("given", "left_out"), [("", 1), ("images", 0), ("OASIS.csv", 1)])
def test_real_landscapes(shared_data: Path, tmp_path: Path, given: str, left_out: int) -> None:
    """217 scenes of OASIS (Kurdi et al. 2017): a table with bare CR and 900 rows; two names end in a blank."""
    scales = {"valence": Scale(1, 7, "Valence_mean"), "arousal": Scale(1, 7, "arousal mean")}
    source = LabelledImages(scales, Images(size=16))
    folder = shared_data / "landscapes" / "oasis_scenery"
    corpus = source.corpus(folder / given, tmp_path)
    assert len(corpus) == 217
    assert len(corpus.left_out) == left_out
    assert any(note.startswith("683 of 900 rows of OASIS.csv name pictures that are not here") for note in corpus.notes)
    by_name = {name.rpartition("/")[2]: at for at, name in enumerate(corpus.names)}
    crosswalk = conditions(corpus)[by_name["Crosswalk 1.jpg"]]
    np.testing.assert_allclose(crosswalk, [(3.962962963 - 1) / 6, (2.317307692 - 1) / 6], rtol=1e-6)
    np.testing.assert_allclose(np.corrcoef(conditions(corpus).T), [[1, -0.09], [-0.09, 1]], atol=0.005)
    aroused = replace(source, within={"arousal": (4.5, 7)}).corpus(folder, tmp_path)
    assert len(aroused) == int((conditions(corpus)[:, 1] >= 3.5 / 6).sum())
    assert [finding for finding in examine(corpus) if finding.severity != "note"] == []


def test_what_the_check_advises_can_be_set(folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Settings of how pictures are read lie one step deeper where they have labels."""
    for name in RATINGS:
        Image.open(folder / name).convert("L").convert("RGB").save(folder / name)
    (folder / "labels.csv").write_text(text(rows()))
    words = ["check", str(folder), "--recipe", "landscapes", "--sheet", str(tmp_path / "sheet.png"), "--json"]

    def advised(*more: str) -> list[str]:
        run_command([*words, *more])
        findings = json.loads(capsys.readouterr().out)["findings"]
        return [f"{edit['path']}={edit['value']}" for finding in findings for edit in finding["remedies"]]

    assert "source.pictures.channels=grey" in advised()
    assert "source.pictures.channels=grey" not in advised("--set", "source.pictures.channels=grey")


def test_nothing_is_advised_that_a_source_does_not_have(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = draw(tmp_path / "data", [f"{at}.png" for at in range(12)])
    for at in range(12):
        ramp = np.add.outer(np.arange(32) * at % 97, np.arange(32) * 3)
        Image.fromarray(ramp.astype(np.uint8)).convert("RGB").save(folder / f"{at}.png")
    run_command(["check", str(folder), "--recipe", "sentinel2_sr", "--sheet", str(tmp_path / "s.png"), "--json"])
    findings = {finding["title"]: finding for finding in json.loads(capsys.readouterr().out)["findings"]}
    assert findings["the pictures are really grey"]["remedies"] == []
