"""Anybody's generator, judged by a folder of its pictures beside a folder of real ones.

::

    pictures of both, at the samples' size -> three parts of the samples, each without another third
    each part measured as a run's samples are -> a trace whose steps mean nothing -> the doctor

Rules about samples want several evaluations that agree.  Here the parts have to agree, and since when something is so
cannot be known.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray

from equipoise.data import Corpus, Images
from equipoise.data.codec import to_planes
from equipoise.data.listing import list_pictures
from equipoise.data.sides import Shape, shapes, typical_shape
from equipoise.doctor.limits import WARM_UP
from equipoise.doctor.readers.runs import floors_of, signals_of
from equipoise.doctor.trace import NO_SAMPLES, Series, Trace
from equipoise.engine.score import MOST, MOST_VALUES, Score, Scored
from equipoise.errors import RequestError
from equipoise.journal import Measured
from equipoise.measures.copying import twins
from equipoise.view import Samples

PARTS: Final = 3
"""As many as the strictest rule wants evaluations in a row."""
FEWEST: Final = 48
"""Of each: halves of real pictures, and two thirds of samples, then have neighbours."""
FEWEST_TRUSTED: Final = 200
"""Below, every number is rough, and that is said.  A guess."""
LARGEST_SIDE: Final = 256
"""Larger pictures are looked at in this size: what shows a fault shows it here as well, but for the finest detail."""
MOST_COPIED: Final = 8192
"""Real pictures among which copies are looked for: 2 GiB would be the distances of three times as many."""
LAYOUT_SIDE, CHUNK = 8, 256
ONCE: Final = (
    f"the samples were looked at once, in {PARTS} parts that have to agree: since when something is so, and whether it "
    "comes and goes, cannot be told"
)

Progress = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class _Pictures:
    """Of both folders, in one size, in [-1, 1]; and what a person should know of that."""

    samples: Samples
    real: Samples
    corpus: Corpus
    """Of all real pictures."""
    made: Corpus
    notes: tuple[str, ...]


def trace_of(samples: Path, real: Path, log: Trace | None = None, progress: Progress | None = None) -> Trace:
    """What pictures say; with `log` they are the last evaluation of that run.

    Raises `RequestError`, one line, for folders in which there are too few pictures, or the same folder twice.
    """
    for option, folder in (("--samples", samples), ("--real", real)):
        if not folder.exists():
            raise RequestError(f"{option} {folder}: there is no such folder")
    if samples.resolve() == real.resolve():
        raise RequestError(
            f"--samples and --real are the same folder, {samples}: samples have to be told from the data"
        )
    pictures = _pictures(samples, real, progress)
    log = log if log is not None else Trace({}, source="")
    step = log.last_step if log.source else WARM_UP
    found = _measured(pictures, round(step))
    known = {name for name in found.signals if log.get(name) is not None}
    if log.get("fid") is not None:
        known.add("distance")
    signals = {name: series for name, series in found.signals.items() if name not in known}
    unknown = [gap for gap in log.unknown if not gap.startswith(NO_SAMPLES)]
    others = [f"the log's own {', '.join(sorted(known))} counts, not the pictures'"] if known else []
    return replace(
        log,
        signals={**log.signals, **signals},
        floors={**found.floors, **log.floors},
        at_once=frozenset(signals),
        source=" and ".join(part for part in (log.source, found.source) if part),
        unknown=(*unknown, ONCE, *pictures.notes, *others),
    )


def _measured(pictures: _Pictures, step: int) -> Trace:
    """A trace of samples alone, all at one step."""
    judged = _parts(pictures.samples)
    score = Score(
        pictures.real[0::2],
        (),
        space=pictures.corpus.space,
        others=_evenly(pictures.real[1::2], max(FEWEST // 2, len(judged[0]))),
    )
    floor = score.floor("kernel")
    assert floor is not None  # there are enough real pictures
    floors = {floor.name: floor.value, **floor.beside}
    events = [_event(score.of(part, "kernel"), floors, step) for part in judged]
    copied = _copied(_layouts(pictures.corpus, MOST_COPIED), _layouts(pictures.made, MOST))
    parts = [{name: float(series.values[-1]) for name, series in signals_of([event]).items()} for event in events]
    values = {name: [part[name] for part in parts] for name in parts[0]} | {"twins": [copied] * PARTS}
    signals = {name: Series.of([step] * PARTS, each) for name, each in values.items()}
    counted = (
        f"{_of(pictures.samples, pictures.made)} samples beside {_of(pictures.real, pictures.corpus)} real pictures"
    )
    return Trace(signals, floors=floors_of(events), source=counted)


def _event(found: Scored, floors: dict[str, float], step: int) -> Measured:
    return Measured(step=step, name=found.name, value=found.value, seconds=0.0, beside=found.beside, floors=floors)


def _evenly(real: Samples, most: int) -> Samples:
    """At most so many: fewer pictures are farther from any others, so floors are those of as many as are judged."""
    return real[torch.linspace(0, len(real) - 1, min(most, len(real))).round().long()]


def _parts(samples: Samples) -> list[Samples]:
    """Each without another third of the samples."""
    places = torch.arange(len(samples))
    return [samples[places % PARTS != at] for at in range(PARTS)]


def _pictures(samples: Path, real: Path, progress: Progress | None) -> _Pictures:
    made, found = (shapes(list_pictures(folder)) for folder in (samples, real))
    shape, at_first = _bounded(typical_shape(made)), typical_shape(made)
    source = Images(size=shape, drop_duplicates=False)
    corpora = [source.corpus(folder, None, progress) for folder in (samples, real)]
    if len({corpus.space for corpus in corpora}) > 1:
        source = replace(source, channels="rgb")
        corpora = [source.corpus(folder, None, progress) for folder in (samples, real)]
    for folder, corpus in zip((samples, real), corpora, strict=True):
        if len(corpus) < FEWEST:
            raise RequestError(
                f"{folder}: {len(corpus)} pictures are too few to judge by, at least {FEWEST} are needed; "
                "a sheet of many samples counts as one picture"
            )
    most = max(FEWEST, min(MOST, MOST_VALUES // math.prod(corpora[0].space.shape)))
    planes = [_planes(corpus, count) for corpus, count in zip(corpora, (most, 2 * most), strict=True)]
    notes = [*_scaled("samples", made, shape), *_scaled("real pictures", found, shape)]
    notes += [f"they were looked at as {shape[1]}x{shape[0]} pixels"] if shape != at_first else []
    for folder, corpus in zip((samples, real), corpora, strict=True):
        if lost := corpus.num_left_out:
            notes.append(
                f"of {folder} could not be used: {lost}, such as {corpus.left_out[0].name}: {corpus.left_out[0].reason}"
            )
    if (fewest := min(map(len, corpora))) < FEWEST_TRUSTED:
        notes.append(f"{fewest} pictures are few: every number is rough, and {FEWEST_TRUSTED} would be better")
    return _Pictures(planes[0], planes[1], corpora[1], corpora[0], tuple(notes))


def _bounded(shape: Shape) -> Shape:
    factor = min(1.0, LARGEST_SIDE / max(shape))
    height, width = (max(1, round(side * factor)) for side in shape)
    return height, width


def _scaled(what: str, seen: list[Shape], shape: Shape) -> list[str]:
    others = [each for each in seen if each != shape]
    if not others:
        return []
    height, width = max(set(others), key=others.count)
    return [
        f"{what} were scaled to {shape[1]}x{shape[0]} pixels, most of them from {width}x{height}: fine detail and "
        "patterns are partly those of the scaling"
    ]


def _of(looked_at: Samples, corpus: Corpus) -> str:
    return f"{len(corpus)}" if len(looked_at) == len(corpus) else f"{len(looked_at)} of {len(corpus)}"


def _copied(real: Samples, made: Samples) -> float:
    """The share of samples that are copies, as they are or mirrored."""
    return twins(real.flatten(1), made.flatten(1), made.flip(3).flatten(1))


def _planes(corpus: Corpus, most: int) -> Samples:
    return _at(corpus, _places(corpus, most))


def _layouts(corpus: Corpus, most: int) -> Samples:
    """What is where in a picture, [N, C, 8, 8], without its details: copies that were blurred or have noise on them
    keep it."""
    chunks = np.array_split(places := _places(corpus, most), -(-len(places) // CHUNK))
    return torch.cat([F.adaptive_avg_pool2d(_at(corpus, chunk), LAYOUT_SIDE) for chunk in chunks])


def _places(corpus: Corpus, most: int) -> NDArray[np.intp]:
    """At most so many, evenly."""
    return np.unique(np.linspace(0, len(corpus) - 1, min(len(corpus), most)).round().astype(np.intp))


def _at(corpus: Corpus, places: NDArray[np.intp]) -> Samples:
    return to_planes(torch.from_numpy(np.ascontiguousarray(corpus.samples[places])), corpus.space)
