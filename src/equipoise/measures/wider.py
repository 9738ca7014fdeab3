"""More numbers than every evaluation needs: what is wrong, at which size of detail, in which channel.

Asked for by ``equipoise evaluate --all``.  Each is read like the standard ones: beside its floor, with an interval, in
half-samples; with so many at once the intervals by which they tell are wider.
"""

from __future__ import annotations

from functools import partial

import torch
from torch import Tensor

from equipoise.measures import encoder, levels, marginals, pairs, traits, two_samples
from equipoise.measures.features import features
from equipoise.measures.frechet import frechet
from equipoise.measures.kernel import POLYNOMIAL, kernel_distance
from equipoise.measures.manifold import manifold
from equipoise.measures.reading import DEFAULT_NUMBERS, Reading, read
from equipoise.measures.standard import BY_NAME, Invalid, Number, by_name, fault_of
from equipoise.space import Channel, Space
from equipoise.view import Samples

MOST_CHANNELS = 24
SIMILAR_BATCH = 256

Found = dict[str, Reading | Invalid]


def wider(real: Samples, fake: Samples, space: Space, seed: int = 0) -> list[tuple[Number, Reading | Invalid]]:
    """All further numbers for two sets of samples of this space, as the networks see them."""
    numbers = further(space)
    real, fake = (_shuffled(samples, seed) for samples in (real, fake))  # halves are taken by place
    fault = fault_of(real, fake)
    if fault:
        return [(number, Invalid(number.name, fault)) for number in numbers]
    among = DEFAULT_NUMBERS + len(numbers)
    found = {
        **_read_general(real, fake, seed, among),
        **_read_encoder(real, fake, seed, among),
        **_read_traits(real, fake, seed, among),
        **_read_levels(real, fake, space, seed, among),
        **_read_channels(real, fake, space, seed, among),
    }
    return [(number, found[number.name]) for number in numbers]


def further(space: Space) -> list[Number]:
    """What `wider` has to say of such samples."""
    return [*_general(), *_of_encoder(), *_of_traits(), *_of_levels(space), *_of_channels(space)]


def _shuffled(samples: Samples, seed: int) -> Samples:
    return samples[torch.randperm(len(samples), generator=torch.Generator().manual_seed(seed))]


def _general() -> list[Number]:
    return [
        Number("classifier", "how often a linear classifier tells fakes from reals; 0.5 at best", "features", "lower"),
        Number("bins", "share of a histogram's bins that differ by more than chance (NDB/K)", "features", "lower"),
        Number("similarity", "MS-SSIM between samples; above that of reals in a collapse", "pairs", "neither"),
    ]


def _of_encoder() -> list[Number]:
    """The main numbers once more, by vectors that were learned from these data."""
    return [
        Number(f"learned {name}", BY_NAME[name].meaning, "encoder", BY_NAME[name].better)
        for name in ("frechet", "kernel", "precision", "coverage")
    ]


def _of_traits() -> list[Number]:
    return [Number(name, meaning, "traits", "neither") for name, meaning in traits.MEANINGS.items()]


def _of_levels(space: Space) -> list[Number]:
    return [
        Number(name, "sliced Wasserstein distance of patches at this size of detail", "levels", "lower")
        for name in _level_names(space)
    ]


def _of_channels(space: Space) -> list[Number]:
    channels = space.channels[:MOST_CHANNELS]
    return [number for channel in channels for number in (_of_channel(channel), *_of_relief(channel, space))]


def _of_relief(channel: Channel, space: Space) -> list[Number]:
    """How a physical quantity, one with a unit, runs over a sample."""
    if channel.kind == "categorical" or not channel.unit or min(space.height, space.width) < marginals.FEWEST_PIXELS:
        return []
    return [
        Number(
            f"slopes of {channel.name}",
            "distance of the distributions of slopes, in [-1, 1] a pixel",
            "channels",
            "lower",
        ),
        Number(f"range of {channel.name}", "distance between how far samples reach, in [-1, 1]", "channels", "lower"),
    ]


def _of_channel(channel: Channel) -> Number:
    if channel.kind == "categorical":
        meaning = "total variation between the shares of the classes; 1 where they have nothing in common"
        return Number(f"shares of {channel.name}", meaning, "channels", "lower")
    return Number(
        f"values of {channel.name}", "distance of the distributions of values, in [-1, 1]", "channels", "lower"
    )


def _read_general(real: Samples, fake: Samples, seed: int, among: int) -> Found:
    of_real, of_fake = features(real, fake)
    on_features = read(_classifier, of_real, of_fake, seed, among)
    half = len(real) // 2  # bins are made for some reals and filled with others, as they are with fakes
    bins = [two_samples.binned(a[half:], a[:half], b[:half])[1:] for a, b in zip(of_real, of_fake, strict=True)]
    on_bins = read(_bins, [reals for reals, _ in bins], [fakes for _, fakes in bins], seed, among)
    found = by_name([*on_features, *on_bins])
    if min(real.shape[2:]) < pairs.WINDOW:
        return found | {"similarity": Invalid("similarity", f"below {pairs.WINDOW} pixels a side")}
    similar = [_similarity(samples)[:, None] for samples in (real, fake)]
    return found | by_name(read(_mean_of_second, [similar[0]], [similar[1]], seed, among))


def _classifier(real: Tensor, fake: Tensor) -> dict[str, float]:
    return {"classifier": two_samples.classifier_accuracy(real, fake)}


def _bins(real: Tensor, fake: Tensor) -> dict[str, float]:
    return {"bins": two_samples.different_bins(real, fake)}


def _similarity(samples: Samples) -> Tensor:
    """Of pairs; each sample is in one pair only, so that pairs tell nothing of one another."""
    half = len(samples) // 2
    parts = zip(
        torch.split(samples[:half], SIMILAR_BATCH), torch.split(samples[half : 2 * half], SIMILAR_BATCH), strict=True
    )
    return torch.cat([pairs.ms_ssim(one, other) for one, other in parts])


def _mean_of_second(real: Tensor, fake: Tensor) -> dict[str, float]:
    return {"similarity": fake.mean().item()}


def _read_encoder(real: Samples, fake: Samples, seed: int, among: int) -> Found:
    """Half of the reals train the encoder; the others, which it does not know, are compared with as many fakes."""
    half = len(real) // 2
    try:
        encode = encoder.trained(real[half:], seed)
    except ValueError as error:
        return {number.name: Invalid(number.name, str(error)) for number in _of_encoder()}
    return by_name(read(_learned, [encode(real[:half])], [encode(fake[:half])], seed, among))


def _learned(real: Tensor, fake: Tensor) -> dict[str, float]:
    found = manifold(real, fake)
    return {
        "learned frechet": frechet(real, fake),
        "learned kernel": kernel_distance(real, fake, POLYNOMIAL),
        "learned precision": found.precision,
        "learned coverage": found.coverage,
    }


def _read_traits(real: Samples, fake: Samples, seed: int, among: int) -> Found:
    if min(real.shape[2:]) < traits.FEWEST_PIXELS:
        return {name: Invalid(name, f"below {traits.FEWEST_PIXELS} pixels a side") for name in traits.MEANINGS}
    found = by_name(read(traits.drift, [traits.traits(real)], [traits.traits(fake)], seed, among))
    if real.shape[1] == 1:
        found["colour"] = Invalid("colour", "one channel has no colour")
    return found


def _level_names(space: Space) -> list[str]:
    pyramid = levels.pyramid(torch.zeros(1, 1, space.height, space.width))
    return [f"level {min(level.shape[2:])}" for level in pyramid]


def _read_levels(real: Samples, fake: Samples, space: Space, seed: int, among: int) -> Found:
    found: Found = {}
    pyramids = zip(levels.pyramid(real), levels.pyramid(fake), strict=True)
    for at, (name, (of_real, of_fake)) in enumerate(zip(_level_names(space), pyramids, strict=True)):
        rows = [levels.projected(part, at) for part in (of_real, of_fake)]
        measure = partial(_named, name)
        found |= by_name(read(measure, [rows[0]], [rows[1]], seed, among))
    return found


def _named(name: str, real: Tensor, fake: Tensor) -> dict[str, float]:
    return {name: levels.distance(real, fake)}


def _read_channels(real: Samples, fake: Samples, space: Space, seed: int, among: int) -> Found:
    found: Found = {}
    plane = 0
    for channel in space.channels[:MOST_CHANNELS]:
        name, planes = _of_channel(channel).name, slice(plane, plane + channel.planes)
        if channel.kind == "categorical":
            rows = [marginals.class_shares(samples[:, planes]) for samples in (real, fake)]
            measure = partial(_shares, name)
        else:
            rows = [marginals.values(samples, plane) for samples in (real, fake)]
            measure = partial(_values, name)
        found |= by_name(read(measure, [rows[0]], [rows[1]], seed, among))
        for number, of in zip(_of_relief(channel, space), (marginals.slopes, marginals.reach), strict=False):
            shapes = [of(samples, plane) for samples in (real, fake)]
            found |= by_name(read(partial(_values, number.name), [shapes[0]], [shapes[1]], seed, among))
        plane = planes.stop
    return found


def _values(name: str, real: Tensor, fake: Tensor) -> dict[str, float]:
    return {name: marginals.marginal_distance(real, fake)}


def _shares(name: str, real: Tensor, fake: Tensor) -> dict[str, float]:
    return {name: marginals.total_variation(real.mean(0), fake.mean(0))}
