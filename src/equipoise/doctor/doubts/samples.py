"""What the generator has to vary by, how it makes its samples, and how many real ones there are."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Final

from equipoise.doctor import remedies
from equipoise.doctor.remedies.paths import put
from equipoise.doctor.symptom import Doubt
from equipoise.doctor.trace import Trace

FEWEST_LATENTS: Final = 7
"""Of a generator of pictures: the intrinsic dimension of MNIST, the plainest of pictures, by its three nearest
neighbours (Pope et al. 2021, arXiv:2104.08894, table 1)."""
ENOUGH_LATENTS: Final = 64
FEW_SAMPLES: Final = 1000
"""That the critic sees as they are: on 200 scenes a DCGAN reached a recall of 0.26, augmented 0.49 (LAB.md)."""
OF_PICTURES: Final = "contrast"
"""A measure that points do not have."""


def few_latents(trace: Trace) -> Iterator[Doubt]:
    latents = trace.settings.get("generator.latent")
    if isinstance(latents, int) and 0 < latents < FEWEST_LATENTS and OF_PICTURES in trace.signals:
        said = f"generator.latent is {latents}; even pictures of digits vary in {FEWEST_LATENTS} ways and more"
        more = put(trace.settings, "generator.latent", ENOUGH_LATENTS)
        remedy = replace(remedies.more_latents(trace.settings), words=f"{ENOUGH_LATENTS} latents", edits=more)
        yield Doubt(said, ("partial-collapse",), remedy)


def few_samples(trace: Trace) -> Iterator[Doubt]:
    """Of pictures that the critic sees as they are, in a run's first phase, where each step takes as many batches."""
    updates = trace.settings.get(f"phases.{trace.phase}.d_updates", 1)
    is_plain = trace.settings.get("augment", "unknown") is None and isinstance(updates, int | float)
    if trace.steps_an_epoch is None or trace.batch is None or not is_plain or trace.begin:
        return
    assert isinstance(updates, int | float)
    samples = trace.steps_an_epoch * trace.batch * max(1.0, updates)
    if samples < FEW_SAMPLES and OF_PICTURES in trace.signals:
        said = f"there are about {samples:.0f} samples, and the critic sees them as they are"
        yield Doubt(said, ("overfitting", "memorisation"), remedies.adapt_augmentation(trace.settings))


def drowned_norms(trace: Trace) -> Iterator[Doubt]:
    remedy = remedies.finer_eps(trace.settings)
    for edit in remedy.edits:
        eps = trace.settings[edit.path]
        said = f"{edit.path} is {eps:g}, beside variances of about 1; {remedies.USUAL_EPS:g} is usual"
        yield Doubt(said, ("wrong-scale",), remedy)


def hard_classes(trace: Trace) -> Iterator[Doubt]:
    if trace.settings.get("generator.hard") is True:
        said = "generator.hard is true; the gradient of hard classes is not that of what the critic saw"
        yield Doubt(said, ("one-class", "partial-collapse"), remedies.classes_by_degrees(trace.settings))


def classes_around_zero(trace: Trace) -> Iterator[Doubt]:
    if trace.settings.get("categories.span") == "-1 to 1":
        said = "categories.span is -1 to 1; shares of classes, from 0 to 1, are what a softmax gives"
        yield Doubt(said, ("one-class", "partial-collapse"), remedies.classes_as_shares(trace.settings))
