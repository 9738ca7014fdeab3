"""The page of a run: well-formed, self-contained, escaped, and with everything that was found."""

from __future__ import annotations

import errno
import xml.etree.ElementTree as ET
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import tiny
from equipoise.cli import run_command
from equipoise.doctor.examining import examine
from equipoise.doctor.game import GAMES
from equipoise.doctor.trace import Series, Trace
from equipoise.report import writing
from equipoise.report.html import tag
from equipoise.report.page import Dossier, Sheet, page
from equipoise.report.plots import MOST_POINTS, plot, thinned
from equipoise.report.writing import evenly

STEPS = np.arange(0, 4000, 10)


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of forty steps."""
    out = tmp_path_factory.mktemp("runs") / "run"
    recipe = f"{Path(tiny.__file__)}:points"
    assert run_command(["train", recipe, "--out", str(out), "--for", "40steps", "--device", "cpu"]) == 0
    return out


def lost_game() -> Trace:
    losses = np.where(STEPS < 1000, 1.2, 0.001)
    signals = {"d_loss": Series.of(STEPS, losses), "grad_at_output": Series.of(STEPS, losses)}
    return Trace(signals, GAMES["bce"], settings={"batch": 32}, unknown=("no samples were measured",))


def parsed(document: str) -> ET.Element:
    """Raises `ParseError` for markup that is not well-formed."""
    return ET.fromstring(document.removeprefix("<!doctype html>\n"))


def test_a_page_says_what_was_found_how_it_is_known_and_what_to_change(tmp_path: Path) -> None:
    trace = lost_game()
    picture = tmp_path / "step-1.png"
    Image.new("RGB", (4, 4), "red").save(picture)
    found = examine(trace)
    dossier = Dossier(
        "runs/a", trace, found, [Sheet("step 1", picture)], {"batch": "what fits"}, remarks=("a warning",)
    )
    root = parsed(page(dossier))
    said = " ".join(root.itertext())
    diagnosis = found.diagnoses[0]
    for words in (diagnosis.symptom.title, diagnosis.remedies[0].words, "no samples were measured", "a warning"):
        assert words in said
    assert all(item.said in said for item in diagnosis.evidence)
    assert ["batch", "32", "what fits"] in [[cell.text or "" for cell in row] for row in root.iter("tr")]
    (onset,) = {line.get("x1") for line in root.iter("line") if line.get("class") == "onset"}
    assert onset is not None


def test_a_page_needs_nothing_but_itself(tmp_path: Path) -> None:
    picture = tmp_path / "reals.png"
    Image.new("RGB", (4, 4)).save(picture)
    trace = lost_game()
    root = parsed(page(Dossier("a", trace, examine(trace), [Sheet("real samples", picture)])))
    addresses = [value for item in root.iter() for key, value in item.items() if key in ("src", "href")]
    assert len(addresses) == 1 and addresses[0].startswith("data:image/png;base64,")
    assert not [item for item in root.iter() if item.tag in ("script", "link")]


def test_a_runs_page_lies_in_its_folder(trained: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_command(["report", str(trained)]) == 0
    assert capsys.readouterr().out.strip() == str(trained / "report.html")
    root = parsed((trained / "report.html").read_text(encoding="utf-8"))
    assert [figure.text for figure in root.iter("h2")][-2:] == ["Settings", "Machine"]
    titles = [caption.text for caption in root.iter("figcaption") if caption.text]
    assert titles[:2] == ["real samples", "before training"] and titles[-1] == "step 40"
    settings = {row[0].text: [cell.text for cell in row] for row in root.iter("tr") if len(row) == 3}
    assert settings["batch"][1] == str(tiny.points().batch)


def test_a_page_is_written_of_any_log(tmp_path: Path) -> None:
    log, out = tmp_path / "log.csv", tmp_path / "page.html"
    rows = [f"{step},{loss}" for step, loss in zip(STEPS, lost_game().signals["d_loss"].values, strict=True)]
    log.write_text("\n".join(["step,d_loss", *rows]))
    assert run_command(["doctor", str(log), "--loss", "bce", "--page", str(out)]) == 1
    assert "log.csv" in "".join(parsed(out.read_text(encoding="utf-8")).itertext())


def test_a_page_that_cannot_be_written_is_told_after_the_diagnosis(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    log = tmp_path / "log.csv"
    log.write_text("step,d_loss\n" + "".join(f"{step},1.0{step % 7}\n" for step in STEPS))

    def full(path: Path, content: bytes) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(writing, "write_whole", full)
    assert run_command(["doctor", str(log), "--page", str(tmp_path / "page.html")]) == 2
    said = capsys.readouterr()
    assert "read: log.csv" in said.out
    assert "page.html cannot be written" in said.err and said.err.count("\n") == 1


def test_no_page_without_a_run(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_command(["report", str(tmp_path)]) == 2
    assert "is not a run folder" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


def test_sheets_are_chosen_evenly_and_the_last_is_shown() -> None:
    drawn = [(f"step-{step}.png", step) for step in range(1, 24)]
    chosen = [step for _, step in evenly(drawn, 6)]
    assert len(chosen) == 6 and chosen[-1] == 23 and max(np.diff(chosen)) <= 5
    assert evenly(drawn[:3], 6) == drawn[:3]


def test_text_is_escaped() -> None:
    trace = lost_game()
    root = parsed(page(Dossier("<script>alert(1)</script>", trace, examine(trace))))
    assert not list(root.iter("script"))
    assert tag("p", 'a "b" <c>', title='"') == '<p title="&quot;">a &quot;b&quot; &lt;c&gt;</p>'


def test_a_line_is_drawn_where_its_numbers_are() -> None:
    drawn = ET.fromstring(plot({"loss": Series.of([0, 10, 20], [1.0, 3.0, np.nan])}, onset=10.0))
    (line,) = drawn.iter("polyline")
    points = [tuple(map(float, point.split(","))) for point in (line.get("points") or "").split()]
    assert len(points) == 2, "what is not a number leaves a gap"
    (left, low), (right, high) = points
    assert left < right and low > high, "pictures grow downwards"
    (onset,) = (mark for mark in drawn.iter("line") if mark.get("class") == "onset")
    assert float(onset.get("x1") or "nan") == pytest.approx(right, abs=0.1)


def test_nothing_is_drawn_of_nothing() -> None:
    assert plot({}) == "" and plot({"loss": Series.of([1], [np.nan])}) == ""


@pytest.mark.parametrize("values", [[5.0, 5.0], [0.0, 0.0], [1e-6, 1e6], [-3.0, 1e9]])
def test_flat_and_steep_lines_have_axes(values: list[float]) -> None:
    drawn = ET.fromstring(plot({"loss": Series.of([0, 1], values)}, levels={"level": 1.0}))
    assert "nan" not in ET.tostring(drawn, encoding="unicode")
    assert len(list(drawn.iter("text"))) >= 3


def test_a_peak_is_never_thinned_away() -> None:
    values = np.zeros(100_000)
    values[77_777] = 9.0
    thin = thinned(Series.of(np.arange(100_000), values))
    assert len(thin) <= MOST_POINTS and thin.values.max() == 9.0
    assert thin.steps[thin.values.argmax()] == 77_777
