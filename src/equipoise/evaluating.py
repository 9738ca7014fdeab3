"""``equipoise evaluate``: what a run's best generator makes, measured beside what real data give at the same sizes."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from equipoise.data.codec import to_world
from equipoise.data.corpus import Corpus
from equipoise.data.degrade import Reduction
from equipoise.data.split import Split
from equipoise.engine.asking import arguments, plane
from equipoise.engine.export import Sampler
from equipoise.engine.look import draw, fixed_arguments, fixed_latents, reals
from equipoise.engine.machine import choose_device
from equipoise.errors import RequestError
from equipoise.folder import RunFolder
from equipoise.measures.enlarged import MEANINGS, Enlarged, enlarged
from equipoise.measures.obeyed import Obeyed, obeyed
from equipoise.measures.reading import DEFAULT_NUMBERS, Interval, Reading
from equipoise.measures.standard import BY_NAME, Invalid, Number, is_closer, standard
from equipoise.measures.wider import further, wider
from equipoise.recipe import Recipe
from equipoise.run import Where, data_of, digest_of_data, open_corpus
from equipoise.sampling import open_run
from equipoise.space import Space
from equipoise.spec import Json
from equipoise.view import Batch, Samples

MOST_SAMPLES = 2000
"""Of each kind.  More would narrow the intervals by less than they cost: at 64 pixels these take 17 s on two cores."""
MOST_VALUES = 2**27
"""Of each kind, in all samples together: 512 MiB."""

SHOWN, POINTS_SHOWN = 24, 500
GROUPS, LATENTS_PER_GROUP = 4, 16
"""Steps from one end of a condition to the other, and samples for each place that they make."""
ASKED_FOR_REALS = "each fake is to be the real picture it was asked for, so that to be near it is no copying"


@dataclass(frozen=True, slots=True)
class Examples:
    """Some of the samples that were measured, in units of the world, [n, C, H, W]."""

    real: NDArray[np.float32]
    fake: NDArray[np.float32]
    space: Space


@dataclass(frozen=True, slots=True)
class Evaluation:
    """What all measures say of one generator."""

    run: Path
    step: int
    recipe: Recipe
    num_samples: int
    """Of reals and of fakes, each."""
    num_held_out: int | None
    """Of these reals, those that the run was not trained on; None where that is not known."""
    results: tuple[Reading | Invalid, ...]
    numbers: Mapping[str, Number]
    """What the results are called and mean, by name."""
    seconds: float
    examples: Examples
    notes: tuple[str, ...] = ()
    """About the reading of other data than the run's own."""
    enlarged: tuple[Enlarged | Invalid, ...] = ()
    """Pair by pair, where samples are made from smaller pictures; of pairs that were never trained on, if there are."""
    obeyed: Obeyed | None = None
    """Of a generator that is asked by conditions."""

    def lines(self) -> Iterator[str]:
        """A table, and what it comes to."""
        held_out = "" if self.num_held_out is None else f" ({self.num_held_out} never trained on)"
        yield (
            f"{self.run}, step {self.step}: {self.num_samples} fakes against {self.num_samples} real samples"
            f"{held_out}, halves of each, {self.seconds:.0f} s"
        )
        yield from (f"note: {note}" for note in self.notes)
        width = max(len(result.name) for result in self.results)
        yield f"{'':<{width}} {'fakes':>10}   {'95 % interval':<21}{'real data':>10}"
        for result in self.results:
            yield f"{result.name:<{width}} {_row(result)}   {self.numbers[result.name].meaning}"
        yield from self.summary()
        if self.obeyed is not None:
            yield from _of_conditions(self.obeyed, width)
        if self.enlarged:
            yield f"{'':<{width}} {'enlarged':>10}   {'95 % interval':<21}{'bicubic':>10}   gain"
            yield from (f"{number.name:<{width}} {_enlarged_row(number)}" for number in self.enlarged)

    def summary(self) -> Iterator[str]:
        """Which numbers tell the fakes from real data."""
        readings = [result for result in self.results if isinstance(result, Reading)]
        told = [reading.name for reading in readings if reading.tells and not is_closer(reading, self.numbers)]
        closer = [reading.name for reading in readings if is_closer(reading, self.numbers)]
        if not readings:
            yield "nothing could be measured"
        elif not told and not closer:
            yield "no number tells these fakes from real data; with more samples one might"
        if told:
            yield f"told from real data by: {', '.join(told)}"
        if closer:
            yield f"closer to these data than other real data are, as copies would be, by: {', '.join(closer)}"

    def to_json(self) -> Json:
        return {
            "run": str(self.run),
            "step": self.step,
            "num_samples": self.num_samples,
            "num_held_out": self.num_held_out,
            "seconds": round(self.seconds, 3),
            "measures": {result.name: _as_json(result) for result in self.results},
            "conditions": _conditions_json(self.obeyed),
            "enlarged": {number.name: _enlarged_json(number) for number in self.enlarged},
        }


def evaluate(
    run: Path,
    data: Path | None = None,
    count: int = MOST_SAMPLES,
    seed: int = 0,
    device: str = "auto",
    progress: Callable[[int, int], None] | None = None,
    *,
    everything: bool = False,
) -> Evaluation:
    """Measure the best averaged generator of a run, or of a ``.safetensors`` file, against real samples.

    `data` is a folder of other pictures; without it the run's own data are taken, those held out from training first.
    At most `count` real samples are used, chosen by the seed, and as many fakes; fewer of large ones, so that either
    takes at most 512 MiB.  `everything` adds the numbers of `equipoise.measures.wider`.  Raises `RequestError`.
    """
    return evaluate_all([run], data, count, seed, device, progress, everything=everything)[0]


def evaluate_all(
    runs: Sequence[Path],
    data: Path | None = None,
    count: int = MOST_SAMPLES,
    seed: int = 0,
    device: str = "auto",
    progress: Callable[[int, int], None] | None = None,
    *,
    everything: bool = False,
) -> list[Evaluation]:
    """`evaluate` for several runs, all against the same real samples, in the same halves.

    Raises `RequestError`, also where the runs make samples of different kinds or were trained on different data.
    """
    samplers = [open_run(run, device) for run in runs]
    corpora = [_corpus(run, sampler, data, device, progress) for run, sampler in zip(runs, samplers, strict=True)]
    _refuse_different(runs, corpora)
    corpus, known = corpora[0], _split(runs[0], samplers[0], corpora[0])
    split = known or Split(np.arange(len(corpus)), np.arange(0))
    most = min(count, max(1, MOST_VALUES // math.prod(corpus.space.shape)))
    batch = reals(corpus, split, most, seed)
    real = batch.real
    more_seen = reals(corpus, split, most, seed, skip=max(most, len(split.held_out))).real
    found = []
    same_split = [
        _split(run, sampler, corpus) is not None and sampler.recipe.held_out == samplers[0].recipe.held_out
        for run, sampler in zip(runs, samplers, strict=True)
    ]
    num_unseen = min(len(real), len(split.held_out)) if known else None
    num_pairs = (num_unseen if all(same_split) else None) or len(real)
    for run, sampler, is_same in zip(runs, samplers, same_split, strict=True):
        began = time.monotonic()
        asked = fixed_arguments(sampler.recipe.generator, seed, "evaluate", len(real), batch)
        fake = draw(sampler.module, asked, choose_device(device))
        held_out = num_unseen if is_same else None
        among = DEFAULT_NUMBERS + (len(further(corpus.space)) if everything else 0)
        why_no_copies = ASKED_FOR_REALS if "given" in sampler.recipe.generator.takes else ""
        results = standard(real, fake, seed, held_out, more_seen, among, why_no_copies)
        numbers = dict(BY_NAME)
        if everything:
            more = wider(real, fake, corpus.space, seed)
            results += [result for _, result in more]
            numbers |= {number.name: number for number, _ in more}
        shown = POINTS_SHOWN if corpus.space.is_points else SHOWN
        spread = np.linspace(0, len(real) - 1, min(shown, len(real))).round().astype(int)  # they may lie class by class
        beside = spread if batch.given is not None else slice(0, shown)  # each enlarged one under what it should be
        of_real, of_fake = (to_world(samples, corpus.space) for samples in (real[spread], fake[beside]))
        examples = Examples(of_real, of_fake, corpus.space)
        found.append(
            Evaluation(
                run,
                sampler.step,
                sampler.recipe,
                len(real),
                held_out,
                tuple(results),
                numbers,
                time.monotonic() - began,
                examples,
                () if known else corpus.notes,
                _enlarged(sampler, fake, batch, num_pairs, corpus.reduction),
                _obeyed(sampler, fake, batch, seed, choose_device(device)),
            )
        )
    return found


def _enlarged(
    sampler: Sampler, fake: Samples, batch: Batch, count: int, reduction: Reduction | None
) -> tuple[Enlarged | Invalid, ...]:
    """Of the first `count` pairs, where samples are made from given pictures."""
    if "given" not in sampler.recipe.generator.takes or batch.given is None:
        return ()
    return tuple(enlarged(fake[:count], batch.real[:count], batch.given[:count], sampler.space, reduction))


def _obeyed(sampler: Sampler, fake: Samples, batch: Batch, seed: int, device: torch.device) -> Obeyed | None:
    """Of samples asked for as real ones occur, and of some for each of a few conditions."""
    if "conditions" not in sampler.recipe.generator.takes or batch.conditions is None:
        return None
    groups = plane(sampler.space, GROUPS).repeat(LATENTS_PER_GROUP, 1)
    latents = fixed_latents(seed, "groups", len(groups), sampler.recipe.generator.latent)
    asked = arguments(sampler.recipe.generator.takes, latents, batch._replace(conditions=groups))
    grouped = draw(sampler.module, asked, device)
    order = torch.randperm(len(batch.real), generator=torch.Generator().manual_seed(seed))
    real, known = batch.real[order], batch.conditions[order]
    return obeyed(real, known, fake, batch.conditions, grouped, groups, sampler.space, seed)


def _refuse_different(runs: Sequence[Path], corpora: Sequence[Corpus]) -> None:
    """All runs are measured against the data of the first, so they must be those of all."""
    for run, corpus in zip(runs[1:], corpora[1:], strict=True):
        if corpus.space != corpora[0].space:
            differences = "; ".join(corpora[0].space.differences(corpus.space)) or "pieces of another place"
            raise RequestError(f"{runs[0]} and {run} make samples of different kinds: {differences}")
        if corpus.digest != corpora[0].digest:
            raise RequestError(
                f"{runs[0]} and {run} read different data, or read them differently (their settings of source); "
                "runs that read in the same way are compared by --data FOLDER"
            )


def _split(run: Path, sampler: Sampler, corpus: Corpus) -> Split | None:
    """What of these data was held out from training; None where they are not known to be the data of the run."""
    own = sampler.data if run.suffix == ".safetensors" else digest_of_data(RunFolder(run))
    if corpus.digest == own:
        return corpus.split(sampler.recipe.held_out)
    return None


def _corpus(
    run: Path, sampler: Sampler, data: Path | None, device: str, progress: Callable[[int, int], None] | None
) -> Corpus:
    """The real samples, read as the run reads its own."""
    asked = data
    if data is None and sampler.recipe.source.needs_path:
        if run.suffix == ".safetensors":
            raise RequestError(f"{run} does not know where its data are: add --data FOLDER")
        data = data_of(RunFolder(run))
    where = Where(data, device=device, progress=progress)
    corpus = open_corpus(sampler.recipe, where)
    if asked is not None and corpus.space != sampler.space:
        recipe = replace(sampler.recipe, source=sampler.recipe.source.onto(sampler.space))
        try:
            corpus = open_corpus(recipe, where)
        except RequestError as error:
            raise RequestError(f"{data} cannot be read as {run} reads its own data: {error}") from error
    differences = "; ".join(corpus.space.differences(sampler.space))
    if differences:
        raise RequestError(f"{data} is of another kind than what {run} makes: {differences}")
    if data is not None and asked is None and corpus.digest != digest_of_data(RunFolder(run)):
        raise RequestError(f"the data in {data} are not what {run} was trained on; --data {data} measures against them")
    return corpus


def _row(result: Reading | Invalid) -> str:
    if isinstance(result, Invalid):
        return f"not valid here: {result.reason}"
    value, floor = result.value, result.floor
    interval = f"{_short(value.low)} to {_short(value.high)}"
    return f"{_short(value.mean):>10}   {interval:<21}{_short(floor.mean):>10}"


def _of_conditions(found: Obeyed, width: int) -> Iterator[str]:
    for name, probe in found.probes.items():
        interval = f"{_short(probe.of_fakes.low)} to {_short(probe.of_fakes.high)}"
        yield (
            f"{name:<{width}} {_short(probe.of_fakes.mean):>10}   {interval:<21}{_short(probe.of_reals):>10}   "
            "asked for against read from the samples, rank correlation"
        )
    answers = (
        ("spread", found.spread, "share of what varies that is due to conditions"),
        ("trends", found.trend, "of traits with conditions, as in the data: 1"),
    )
    for name, answer, meaning in answers:
        interval = f"{_short(answer.interval.low)} to {_short(answer.interval.high)}"
        yield f"{name:<{width}} {_short(answer.value):>10}   {interval:<21}{'':>10}   {meaning}"


def _conditions_json(found: Obeyed | None) -> Json:
    if found is None:
        return None
    probes: dict[str, Json] = {
        name: {"fakes": _of(probe.of_fakes), "real": probe.of_reals} for name, probe in found.probes.items()
    }
    return {"probes": probes, "spread": _of(found.spread.interval), "trends": _of(found.trend.interval)}


def _enlarged_row(number: Enlarged | Invalid) -> str:
    if isinstance(number, Invalid):
        return f"not valid here: {number.reason}   {MEANINGS[number.name]}"
    interval = f"{_short(number.made.low)} to {_short(number.made.high)}"
    row = f"{_short(number.made.mean):>10}   {interval:<21}"
    if number.bicubic is None or number.gain is None:
        return f"{row}{'':>10}   {number.meaning}"
    gain = f"{number.gain.mean:+.3g} ({number.gain.low:+.3g} to {number.gain.high:+.3g})"
    return f"{row}{_short(number.bicubic.mean):>10}   {gain}   {number.meaning}"


def _enlarged_json(number: Enlarged | Invalid) -> Json:
    if isinstance(number, Invalid):
        return {"not_valid": number.reason}
    intervals = {"made": number.made, "bicubic": number.bicubic, "gain": number.gain}
    found = {name: _of(interval) for name, interval in intervals.items() if interval is not None}
    return {**found, "made_small_by": number.how} if number.how else {**found}


def _short(number: float) -> str:
    return f"{number:.3g}"


def _as_json(result: Reading | Invalid) -> Json:
    if isinstance(result, Invalid):
        return {"not_valid": result.reason}
    intervals = {"value": result.value, "floor": result.floor, "excess": result.excess}
    return {**{name: _of(interval) for name, interval in intervals.items()}, "tells": result.tells}


def _of(interval: Interval) -> Json:
    return {"mean": interval.mean, "low": interval.low, "high": interval.high}
