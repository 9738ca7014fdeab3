"""Settings that often do harm, as they are while a run trains: told beside whatever is seen, and never as an alarm.

Some faults leave no trace of their own: samples are a little worse than they could be, and nobody knows how good they
could be.  Momentum is such a one, or two latents.  Then the settings are all there is to go by.  Most of these are
`equipoise.doctor.lint`'s, which has the whole recipe before the first step; here there is what a trace knows.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Final

from equipoise.doctor import remedies
from equipoise.doctor.remedies.paths import put, terms_of
from equipoise.doctor.suspects import (
    HIGHEST_BETA1,
    NETWORKS,
    TWO_SCALES,
    WIDEST_SIZES,
    hold,
    less_apart,
    raised_still,
    rates_far_apart,
    slower,
)
from equipoise.doctor.symptom import Doubt
from equipoise.doctor.trace import Trace

HIGHEST_RATE: Final = 0.005
"""Of Adam in a game: twice the highest of StyleGAN2-ADA, 0.0025 (a guess)."""
USUAL_RATES: Final = "0.00001 to 0.0025"
"""From the notes on sprites to StyleGAN2-ADA (Karras et al. 2020, arXiv:2006.06676)."""
FEWEST_LATENTS: Final = 7
"""Of a generator of pictures: the intrinsic dimension of MNIST, the plainest of pictures, by its three nearest
neighbours (Pope et al. 2021, arXiv:2104.08894, table 1)."""
ENOUGH_LATENTS: Final = 64
HEAVIEST_GP: Final = 10 * remedies.USUAL_GP
"""From there on (guess)."""
FEW_SAMPLES: Final = 1000
"""That the critic sees as they are: on 200 scenes a DCGAN reached a recall of 0.26, augmented 0.49 (LAB.md)."""
FEWEST_IN_A_BATCH: Final = 8
"""A hinge over few samples is 0 as soon as they are apart, and a batch says of variety what is in it; 8 is the least
that runs of the clinic learn with as well as with more (`benchmarks/clinic/cases.py`)."""
USUAL_BATCH: Final = 16
CALMER: Final = 0.1
"""Times a rate that is too high."""
OF_PICTURES: Final = "contrast"
"""A measure that points do not have."""
PAIRED: Final = ("reconstruction.", "perceptual.")
"""Terms that compare a fake with the sample that it should be."""


def doubts(trace: Trace) -> tuple[Doubt, ...]:
    """Of a run in whose phase a game is played, and in which nothing tells the generator what to make.

    Of several that one change would undo, the first.
    """
    if trace.game is None or _is_told(trace):
        return ()
    found: list[Doubt] = []
    for ask in ASKED:
        for doubt in ask(trace):
            if not doubt.remedy.edits or all(doubt.remedy.edits != one.remedy.edits for one in found):
                found.append(doubt)
    return tuple(found)


def _is_told(trace: Trace) -> bool:
    """Whether pairs say what to make; where there is an encoder they say what to rebuild, and the game is a game."""
    in_phase = f"phases.{trace.phase}."
    paired = any(path.startswith(in_phase) for path in terms_of(trace.settings, *PAIRED))
    return trace.get("psnr") is not None or (paired and trace.settings.get("encoder") is None)


def _raised(trace: Trace) -> Iterator[Doubt]:
    """Rates that were raised in the midst of the run, and are still as high."""
    for one in raised_still(trace):
        yield Doubt(one.said, ("exploding", "oscillation"), hold(trace, [one]), one.step)


def _momentum(trace: Trace) -> Iterator[Doubt]:
    for network in ("g_optim", "d_optim"):
        beta = trace.settings.get(f"{network}.beta1")
        if isinstance(beta, int | float) and beta > HIGHEST_BETA1:
            said = f"{network}.beta1 is {beta:g}; in a game 0 is usual, and {HIGHEST_BETA1:g} the most"
            yield Doubt(said, ("oscillation",), remedies.less_momentum(trace.settings))
            return


def _rates(trace: Trace) -> Iterator[Doubt]:
    rates = rates_far_apart(trace)
    if rates is not None:
        slow, fast = sorted(rates, key=rates.__getitem__)
        said = f"{NETWORKS[fast]} rate is {rates[fast] / rates[slow]:.3g} times the other's; {TWO_SCALES:g} is usual"
        brings = "critic-wins" if fast == "d" else "generator-wins"
        yield Doubt(said, (brings, "oscillation"), less_apart(trace, rates))


def _high_rates(trace: Trace) -> Iterator[Doubt]:
    """Of recipes, which have Adam; those that were raised on the way are told apart."""
    raised = {one.network for one in raised_still(trace)}
    for network, whose in NETWORKS.items():
        rates = trace.get(f"lr_{network}")
        if not trace.settings or rates is None or network in raised or rates.values[-1] <= HIGHEST_RATE:
            continue
        said = f"{whose} rate is {rates.values[-1]:.3g}; {USUAL_RATES} are usual"
        wins = "critic-wins" if network == "d" else "generator-wins"
        yield Doubt(said, (wins, "oscillation"), slower(trace, network, CALMER))


def _heavy_penalty(trace: Trace) -> Iterator[Doubt]:
    """R1's usual weight depends on the data, that of a gradient penalty does not."""
    for path in terms_of(trace.settings, "penalties.GradientPenalty"):
        weight = trace.settings.get(f"{path}.weight")
        if isinstance(weight, int | float) and weight >= HEAVIEST_GP:
            said = f"{path}.weight is {weight:g}; {remedies.USUAL_GP:g} is usual, and the critic may learn little else"
            usual = put(trace.settings, f"{path}.weight", remedies.USUAL_GP)
            words = f"a weight of {remedies.USUAL_GP:g}"
            yield Doubt(
                said,
                ("critic-blind", "dead-critic"),
                replace(remedies.less_bound(trace.settings), words=words, edits=usual),
            )


def _light_penalty(trace: Trace) -> Iterator[Doubt]:
    for term, weight in remedies.light_penalties(trace.settings).items():
        usual = remedies.usual_weight(trace.settings, term)
        said = f"{term}.weight is {weight:g}; {usual:.2g} is usual, and nothing else bounds the critic"
        yield Doubt(said, ("steep-critic", "critic-wins"), remedies.usual_penalty(trace.settings))


def _few_latents(trace: Trace) -> Iterator[Doubt]:
    latents = trace.settings.get("generator.latent")
    if isinstance(latents, int) and 0 < latents < FEWEST_LATENTS and OF_PICTURES in trace.signals:
        said = f"generator.latent is {latents}; even pictures of digits vary in {FEWEST_LATENTS} ways and more"
        more = put(trace.settings, "generator.latent", ENOUGH_LATENTS)
        remedy = replace(remedies.more_latents(trace.settings), words=f"{ENOUGH_LATENTS} latents", edits=more)
        yield Doubt(said, ("partial-collapse",), remedy)


def _few_samples(trace: Trace) -> Iterator[Doubt]:
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


def _unbounded(trace: Trace) -> Iterator[Doubt]:
    """Of critics that could have spectral norm: of others nobody knows here whether they are bounded otherwise."""
    settings = trace.settings
    penalties = [path for path in terms_of(settings, "penalties.") if settings.get(f"{path}.weight") != 0]
    if settings.get("critic.spectral_norm") is False and not penalties:
        said = (
            "nothing bounds the slope of the critic; ten of ten public runs with BCE, least squares or hinge collapsed"
        )
        yield Doubt(said, ("late-collapse", "critic-wins"), remedies.bound_the_slope(settings))


def _uneven_sizes(trace: Trace) -> Iterator[Doubt]:
    """Of a run of ours, which writes them down."""
    if set(trace.sizes) != {"generator", "critic"}:
        return
    small, large = sorted(trace.sizes, key=trace.sizes.__getitem__)
    ratio = trace.sizes[large] / max(1, trace.sizes[small])
    if ratio > WIDEST_SIZES:
        brings = ("critic-blind", "generator-wins") if small == "critic" else ("critic-wins", "partial-collapse")
        said = f"the {large} has {ratio:.0f} times the parameters of the {small}; up to {WIDEST_SIZES:g} times is usual"
        yield Doubt(said, brings, remedies.wider(trace.settings, small, ratio))


def _near_labels(trace: Trace) -> Iterator[Doubt]:
    for term, (real, fake) in remedies.near_labels(trace.settings).items():
        said = f"{term} labels real samples {real:g} and fakes {fake:g}; so near to each other nothing is learned"
        yield Doubt(said, ("critic-blind",), remedies.surer_labels(trace.settings))


def _loud_noise(trace: Trace) -> Iterator[Doubt]:
    for path, sigma in remedies.loud_noises(trace.settings).items():
        said = f"{path}.sigma is {sigma:g}, where values go from -1 to 1; 0.05 to 0.1 is usual"
        yield Doubt(said, ("critic-blind", "too-much-detail"), remedies.less_noise(trace.settings))


def _drowned_norms(trace: Trace) -> Iterator[Doubt]:
    remedy = remedies.finer_eps(trace.settings)
    for edit in remedy.edits:
        eps = trace.settings[edit.path]
        said = f"{edit.path} is {eps:g}, beside variances of about 1; {remedies.USUAL_EPS:g} is usual"
        yield Doubt(said, ("wrong-scale",), remedy)


def _hard_classes(trace: Trace) -> Iterator[Doubt]:
    if trace.settings.get("generator.hard") is True:
        said = "generator.hard is true; the gradient of hard classes is not that of what the critic saw"
        yield Doubt(said, ("one-class", "partial-collapse"), remedies.classes_by_degrees(trace.settings))


def _classes_around_zero(trace: Trace) -> Iterator[Doubt]:
    if trace.settings.get("categories.span") == "-1 to 1":
        said = "categories.span is -1 to 1; shares of classes, from 0 to 1, are what a softmax gives"
        yield Doubt(said, ("one-class", "partial-collapse"), remedies.classes_as_shares(trace.settings))


def _small_batch(trace: Trace) -> Iterator[Doubt]:
    if trace.batch is not None and trace.batch < FEWEST_IN_A_BATCH and trace.settings:
        said = f"batch is {trace.batch}; so few samples say next to nothing of a distribution"
        larger = put(trace.settings, "batch", USUAL_BATCH)
        remedy = replace(remedies.larger_batch(trace.settings), words=f"batches of {USUAL_BATCH}", edits=larger)
        yield Doubt(said, ("oscillation",), remedy)


ASKED: Final[tuple[Callable[[Trace], Iterator[Doubt]], ...]] = (
    _raised,
    _momentum,
    _rates,
    _high_rates,
    _heavy_penalty,
    _light_penalty,
    _few_latents,
    _few_samples,
    _unbounded,
    _uneven_sizes,
    _small_batch,
    _near_labels,
    _loud_noise,
    _drowned_norms,
    _hard_classes,
    _classes_around_zero,
)
