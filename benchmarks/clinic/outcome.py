"""How good a generator's samples really are, by means that no rule and no signal of a run has: lower is better.

::

    modes      Gaussians in the plane: the share of samples that is not where the data are, by exact modes
    features   Fréchet distance on what a classifier of the data's labels makes of them (`judge`)
    channels   the same of three digits, each by a classifier of single digits
    asked      the same, with how far the ink of each digit is from what was asked for
    pairs      root mean squared error against the pictures that fakes should be

It is measured on the averaged generator, with data that have no bug.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from clinic.base import Base
from clinic.bases import data_of
from clinic.sources import ink
from equipoise.data import Digits
from equipoise.data.codec import to_world
from equipoise.data.corpus import Corpus
from equipoise.data.points import Points
from equipoise.engine.look import draw, fixed_arguments, reals
from equipoise.measures.frechet import frechet
from equipoise.recipe import Generator
from equipoise.space import Condition
from equipoise.view import Batch, Samples
from judge import Judge, look, make_body, train_judge

COUNTS = {"modes": 2500, "features": 512, "channels": 512, "asked": 512, "pairs": 64}
"""Samples of an outcome."""
HIGH_QUALITY_STDS = 3.0
LEAST_MISPLACED = 0.05
"""Below, the share of misplaced samples is chance."""
OBEDIENCE = 10.0
"""Weight of the error of what was asked for: full range counts as much as a class does among features."""
FAILS = 1.5
"""Times the healthy control's outcome (the clinic's rules)."""
SEED = 11

Numbers = Mapping[str, float]


@dataclass(frozen=True)
class Truth:
    """Measures generators of one base.  `numbers` holds ``harm``, and what explains it."""

    beside: Batch
    count: int
    numbers: Callable[[Samples, Batch], Numbers]

    def __call__(self, generator: Generator, average: nn.Module) -> Numbers:
        asked = fixed_arguments(generator, SEED, "outcome", self.count, self.beside)
        made = draw(average, asked, torch.device("cpu"))
        if not made.isfinite().all():
            return {"harm": float("inf")}
        return self.numbers(made, self.beside)


def truth_of(base: Base, shared: Path | None, kept: Path) -> Truth:
    """`kept` is the folder for judges, which take a while to train."""
    corpus = base.recipe.source.corpus(data_of(base, shared), kept / "corpora")
    count = COUNTS[base.truth]
    beside = reals(corpus, corpus.split(0.0), count, SEED)
    if base.truth == "modes":
        assert isinstance(base.recipe.source, Points)
        return Truth(beside, count, _modes(base.recipe.source, corpus))
    if base.truth == "pairs":
        return Truth(beside, count, lambda made, real: {"harm": float((made - real.real).square().mean().sqrt())})
    judge = judge_of(_labelled(base, corpus), kept / "judges")
    if base.truth == "channels":
        return Truth(beside, count, _channels(judge))
    if base.truth == "asked":
        return Truth(beside, count, _asked(judge, corpus.space.conditions[0]))
    return Truth(beside, count, lambda made, _: _features(judge, made))


def _modes(source: Points, corpus: Corpus) -> Callable[[Samples, Batch], Numbers]:
    centres = source.centres()

    def numbers(made: Samples, _: Batch) -> Numbers:
        places = to_world(made, corpus.space).reshape(len(made), 2)
        far = np.linalg.norm(places[:, None, :] - centres[None], axis=2)
        near = far.argmin(axis=1)[far.min(axis=1) <= HIGH_QUALITY_STDS * source.std]
        shares = np.bincount(near, minlength=len(centres)) / len(made)
        placed = float(np.minimum(shares, 1.0 / len(centres)).sum())
        present = shares[shares > 0] / max(shares.sum(), 1e-12)
        kl = float((present * np.log(present * len(centres))).sum()) if len(present) else float("nan")
        harm = max(1.0 - placed, LEAST_MISPLACED)
        return {"harm": harm, "modes": float((shares > 0).sum()), "high_quality": float(shares.sum()), "kl": kl}

    return numbers


def _features(judge: Judge, made: Samples) -> Numbers:
    return {"harm": judge.distance(made)}


def _channels(judge: Judge) -> Callable[[Samples, Batch], Numbers]:
    def numbers(made: Samples, real: Batch) -> Numbers:
        ours, theirs = (_of_each(judge, samples) for samples in (made, real.real))
        return {"harm": frechet(theirs, ours)}

    return numbers


def _of_each(judge: Judge, samples: Samples) -> Tensor:
    return torch.cat([look(judge.body, samples[:, at : at + 1]) for at in range(samples.shape[1])], dim=1)


def _asked(judge: Judge, of_ink: Condition) -> Callable[[Samples, Batch], Numbers]:
    def numbers(made: Samples, real: Batch) -> Numbers:
        assert real.conditions is not None
        asked = real.conditions[torch.arange(len(made)) % len(real.real), 0]
        seen = torch.from_numpy(ink(((made + 1) * 127.5).numpy())).float() - of_ink.low
        seen /= of_ink.high - of_ink.low
        error = float((seen - asked).abs().mean())
        return {"harm": judge.distance(made) + OBEDIENCE * error, "error": error}

    return numbers


def _labelled(base: Base, corpus: Corpus) -> Corpus:
    """The corpus to learn labels from."""
    if base.truth == "channels":
        corpus = Digits(size=corpus.space.width).corpus()
    if any("/" in name for name in corpus.names):
        return corpus
    return replace(corpus, names=tuple(f"{label}/{at}" for at, label in enumerate(Digits.labels())))


def judge_of(corpus: Corpus, kept: Path) -> Judge:
    """Trained now, or by an earlier call."""
    return _judge(_Of(corpus), kept)


@dataclass(frozen=True, eq=False)
class _Of:
    """A corpus that is known by its digest."""

    corpus: Corpus

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Of) and self.corpus.digest == other.corpus.digest

    def __hash__(self) -> int:
        return hash(self.corpus.digest)


@cache
def _judge(of: _Of, kept: Path) -> Judge:
    corpus, path = of.corpus, kept / f"{of.corpus.digest}.pt"
    if not path.exists():
        made = train_judge(corpus)
        path.parent.mkdir(parents=True, exist_ok=True)
        facts = {"accuracy": made.accuracy, "num_classes": made.num_classes, "of_real": made.of_real}
        torch.save({"body": made.body.state_dict(), **facts}, path)
    found = torch.load(path, weights_only=True)
    body = make_body(corpus.samples.shape[1])
    body.load_state_dict(found["body"])
    return Judge(body.eval(), found["accuracy"], found["num_classes"], found["of_real"])
