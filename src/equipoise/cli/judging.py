"""Verbs that judge: doctor, report, journal, evaluate, compare."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from equipoise.cli.words import NOT_WELL, OK, AsJson, Device, app, flag, print_json, reading_bar
from equipoise.errors import RequestError


@app.command
def doctor(
    *paths: Path,
    loss: Annotated[str | None, Parameter(name="--loss", help="bce, lsgan, hinge, wgan, relativistic ...")] = None,
    phase: Annotated[
        str | None, Parameter(name="--phase", help="another phase of a run than the last, or another pair of networks")
    ] = None,
    samples: Annotated[
        Path | None, Parameter(name="--samples", help="a folder of any generator's pictures, with or without a log")
    ] = None,
    real: Annotated[
        Path | None, Parameter(name="--real", help="real pictures beside them; best ones not trained on")
    ] = None,
    everything: Annotated[bool, flag("--all", "all that could be tried, for every diagnosis")] = False,
    page: Annotated[Path | None, Parameter(name="--page", help="also write this HTML file, with plots")] = None,
    json_: AsJson = False,
) -> int:
    """Say what is wrong with a run, by its folder, any program's log or pictures, how that is known, what to change."""
    from equipoise.doctor import telling
    from equipoise.doctor.diagnosing import examined
    from equipoise.doctor.examining import examine
    from equipoise.files import refuse_folder

    if page is not None:
        refuse_folder(page)
    if (samples is None) != (real is None):
        raise RequestError("--samples and --real go together: samples are judged beside real pictures")
    if not paths and samples is None:
        raise RequestError("doctor needs a run's folder or a log: a table, a text, a notebook, TensorBoard's events")
    trace, examination = examined(paths, loss, phase) if paths else (None, None)
    if samples is not None and real is not None:
        from equipoise.sampled import trace_of

        with reading_bar() as progress:
            trace = trace_of(samples, real, trace, progress)
        examination = examine(trace)
    assert trace is not None
    assert examination is not None
    if json_:
        print_json(telling.to_json(examination, trace))
    else:
        sys.stdout.writelines(f"{line}\n" for line in telling.lines(examination, trace, everything=everything))
    sys.stdout.flush()
    if page is not None:
        from equipoise.report.page import Dossier
        from equipoise.report.writing import write_page

        named = [*paths, samples] if samples is not None else paths
        write_page(Dossier(", ".join(path.name for path in named), trace, examination), page)
    return NOT_WELL if examination.verdict in ("ill", "suspect") else OK


@app.command
def report(
    run_folder: Path,
    *,
    out: Annotated[Path | None, Parameter(name="--out", help="file to write; default report.html in the run")] = None,
) -> int:
    """Write a run as one page: verdict, evidence, samples over time, curves, settings with their reasons."""
    from equipoise.report.writing import write_report

    sys.stdout.write(f"{write_report(run_folder, out)}\n")
    return OK


@app.command
def journal(
    folder: Path = Path("runs"),
    *,
    out: Annotated[
        list[Path] | None,
        Parameter(name="--out", negative=(), help="write a page instead: FILE.md or FILE.html; may be given twice"),
    ] = None,
    json_: AsJson = False,
) -> int:
    """The attempt log of one run or of a folder of runs: what was changed, why, what came of it, kept or reverted."""
    from equipoise.attempts import telling
    from equipoise.attempts.judging import log_of
    from equipoise.attempts.page import refuse, write

    for page in out or []:
        refuse(page)
    log = log_of(folder)
    written = [write(log, page) for page in out or []]
    if json_:
        print_json(telling.to_json(log))
    else:
        texts = map(str, written) if written else telling.lines(log)
        sys.stdout.writelines(f"{text}\n" for text in texts)
    return OK


@app.command
def evaluate(
    run_folder: Path,
    *,
    data: Annotated[
        Path | None, Parameter(name="--data", help="pictures the run has not seen; default its own")
    ] = None,
    n: Annotated[int | None, Parameter(name="--n", help="how many at most of each kind; default 2000")] = None,
    seed: Annotated[int, Parameter(name="--seed", help="which samples, which halves")] = 0,
    everything: Annotated[
        bool, flag("--all", "more numbers: faults by name, sizes of detail, channels, a classifier")
    ] = False,
    json_: AsJson = False,
    device: Device = "auto",
) -> int:
    """Measure a run's best generator, each number beside what real data give."""
    from equipoise import evaluating, showing

    if n is not None and n < 1:
        raise RequestError(f"--n {n}: at least one sample is needed")
    with reading_bar() as progress:
        count = n or evaluating.MOST_SAMPLES
        result = evaluating.evaluate(run_folder, data, count, seed, device, progress, everything=everything)
    if json_:
        print_json(result.to_json())
    else:
        showing.lines(result.lines())
    return OK


@app.command
def compare(
    *runs: Path,
    data: Annotated[Path | None, Parameter(name="--data", help="other pictures; default the runs' own")] = None,
    n: Annotated[int | None, Parameter(name="--n", help="how many at most of each kind; default 2000")] = None,
    seed: Annotated[int, Parameter(name="--seed", help="which samples, which halves")] = 0,
    sheet: Annotated[Path, Parameter(name="--sheet", help="where to put the samples of all")] = Path("compare.png"),
    json_: AsJson = False,
    device: Device = "auto",
) -> int:
    """Say which of several runs is better, by which numbers, and what differs in their settings."""
    from equipoise import comparing, evaluating, showing
    from equipoise.files import refuse_folder

    refuse_folder(sheet)
    if n is not None and n < 1:
        raise RequestError(f"--n {n}: at least one sample is needed")
    with reading_bar() as progress:
        result = comparing.compare(runs, data, n or evaluating.MOST_SAMPLES, seed, device, progress)
    if json_:
        print_json(result.to_json() | {"sheet": str(sheet)})
    else:
        showing.lines([*result.lines(), "", f"samples side by side: {sheet}"])
    result.draw(sheet)
    return OK
