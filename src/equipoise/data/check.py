"""The data check: finds the bug that looks like a GAN failure, before the first step.

Each function looks for one thing and yields findings.  `examine` runs them all over one pass of statistics.  What they
advise is about settings of the source that reads the samples, whose path in the recipe is its `home`.
"""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from equipoise.data.conditions import conditions
from equipoise.data.corpus import Corpus, LeftOut
from equipoise.data.grain import grain
from equipoise.data.paired import pairs
from equipoise.data.raster import Limit
from equipoise.data.reading import DUPLICATE
from equipoise.data.statistics import Statistics, measure
from equipoise.edit import Edit
from equipoise.finding import Finding, Severity, worst_first
from equipoise.space import Channel
from equipoise.spec import encode

FEWEST, FEW = 2, 100
"""Without two samples there is no distribution; below a hundred a critic learns them by heart even with strong
augmentation (Karras et al. 2020, arXiv:2006.06676, figure 1 ends at 1000)."""
LEFT_OUT_SHARE = 0.05
"""More than some stray files: the folder is not what it was taken for.  A guess."""
UNREADABLE_SHARE = 0.2
"""So many broken files are a broken copy, not accidents.  A guess."""
LISTED = 10
FLAT = 1.0 / 255.0
"""Share of a channel's range: less spread than this inside a sample is what rounding to 8 bits makes of one colour."""
MANY_SHARE = 0.5
"""Beyond half, an oddity of samples is a fault of the data set."""
SOME_SHARE = 0.05
"""Beyond it, an oddity of samples may be why a run fails.  A guess."""
MANY_DUPLICATES = 0.25
"""Beyond it, what is learned is the weight of the copies.  A guess."""
NARROW = 64.0 / 255.0
"""Share of the range that is reached at least by pictures that are merely dark: two bits of eight."""
LOST = 16.0 / 255.0
"""Below it the range is not that of the files: four bits of eight, or 12 of 16, are never used."""
DOMINATING_SHARE = 0.9
"""Sprites on a plain ground show it in 50 to 80 % of their pixels; beyond 90 % a constant picture is nearly right."""
MONOTONOUS_SHARE = 0.2
"""A fifth of tiles that are nothing but water taught the notes' generator to make water only.  A guess."""
STRAY_GAP, STRAY_FACTOR, STRAY_STEPS = 0.25, 3.0, 4
"""Share of the range that nothing lies in, how much wider that is than any other gap, and how many steps of 256 the few
values beyond it fill at most.  Guesses."""
ROUNDING = 1e-6
"""Of the range: what going to a scale and back may add."""
MARKERS = (-9999.0, -32768.0, -99999.0)
"""Numbers that rasters have where nothing is known."""
NOISE_CORRELATION = 0.1
"""Neighbours in photographs correlate by 0.9 and more, in dithered pixel art by 0.3; in white noise by 0."""
NOISE_SIDE = 16
"""In smaller samples the correlation itself is too uncertain, about 1 / side."""
NOISE_DEVIATIONS = 4.0
NOISE_CHANNEL, NOISE_SPREAD = 0.5, 0.03
"""Share of its samples, and of the range: a quiet band may be nothing but rounding."""
LOOKED_AT = 64
"""Samples."""
NOISE_CHANGES = 0.5
"""Share of neighbours that differ.  Noise fills its sample; a few sparks on a plain ground are a picture."""

Marks = NDArray[np.bool_]
Look = Callable[[Corpus, Statistics, str], Iterator[Finding]]


def examine(corpus: Corpus, home: str = "source") -> list[Finding]:
    """Everything that is wrong or worth knowing, the worst first."""
    found = [*of_files(corpus), *of_samples(corpus, home)]
    found += [Finding(note, "note") for note in corpus.notes]
    return worst_first(found)


def of_files(corpus: Corpus) -> Iterator[Finding]:
    """What is told without looking at a sample."""
    yield from _too_few(corpus)
    yield from _left_out(corpus)


def of_samples(corpus: Corpus, home: str = "source") -> Iterator[Finding]:
    """What takes a look at all of them."""
    if len(corpus) == 0:
        return
    statistics = measure(corpus)
    for look in LOOKS:
        yield from look(corpus, statistics, home)
    yield from grain(corpus)
    yield from conditions(corpus)
    yield from pairs(corpus)


def _too_few(corpus: Corpus) -> Iterator[Finding]:
    count = len(corpus)
    if count < FEWEST:
        yield Finding(f"{count} samples are no distribution", "fault", advice=f"at least {FEWEST} are needed")
    elif count < FEW:
        advice = "add samples, augment strongly, and expect the critic to learn them by heart"
        yield Finding(f"only {count} samples", "warning", (f"{FEW} are few, {10 * FEW} comfortable",), advice)


def _left_out(corpus: Corpus) -> Iterator[Finding]:
    """Files, and what was cut from others."""
    files = [item for item in corpus.left_out if not item.count]
    if files:
        total = (corpus.num_files or len(corpus)) + len(files)
        unreadable = sum(item.reason.startswith("unreadable") for item in files)
        severity: Severity = "warning" if len(files) > LEFT_OUT_SHARE * total else "note"
        if unreadable > UNREADABLE_SHARE * total:
            severity = "fault"
        advice = "look at these files; copy the folder again if they should be whole" if unreadable else ""
        evidence = _some([f"{item.name}: {item.reason}" for item in files])
        yield Finding(f"{len(files)} of {total} files were left out ({_kinds(files)})", severity, evidence, advice)
    cuttings = [item for item in corpus.left_out if item.count]
    if cuttings:
        count = sum(item.count for item in cuttings)
        total = len(corpus) + count
        unasked = sum(item.count for item in cuttings if not item.is_asked)
        severity = "warning" if unasked > LEFT_OUT_SHARE * total else "note"
        yield Finding(f"{count} of {total} possible samples were left out ({_kinds(cuttings)})", severity)


def _kinds(left_out: Iterable[LeftOut]) -> str:
    kinds: Counter[str] = Counter()
    for item in left_out:
        kinds[_kind(item.reason)] += max(1, item.count)
    return ", ".join(f"{count} {kind}" for kind, count in kinds.most_common())


def _kind(reason: str) -> str:
    """The reason without what differs from file to file."""
    return "duplicate" if reason.startswith(DUPLICATE) else reason.partition(":")[0]


def _not_finite(corpus: Corpus, seen: Statistics, home: str) -> Iterator[Finding]:
    for channel, bad in zip(corpus.space.channels, seen.bad.tolist(), strict=True):
        if bad:
            advice = "one such value ends a training; clean the data or leave these samples out"
            yield Finding(f"channel {channel.name} has {bad} values that are no numbers", "fault", (), advice)


def _out_of_range(corpus: Corpus, seen: Statistics, home: str) -> Iterator[Finding]:
    for channel, low, high in zip(corpus.space.channels, seen.low, seen.high, strict=True):
        slack = ROUNDING * (channel.high - channel.low)
        if (low < channel.low - slack or high > channel.high + slack) and not channel.has_tails:
            title = f"channel {channel.name} leaves its declared range {channel.low:g} to {channel.high:g}"
            advice = "a bounded generator cannot reach these values; declare the true range"
            yield Finding(title, "fault", (f"values from {low:g} to {high:g}",), advice)


def _constant_channels(corpus: Corpus, seen: Statistics, home: str) -> Iterator[Finding]:
    for channel, low, high in zip(corpus.space.channels, seen.low, seen.high, strict=True):
        if low != high:
            continue
        evidence = (f"every value is {low:g}",)
        if channel.name == "alpha":
            edit = Edit(f"{home}.alpha", "set", "composite")
            advice = "no picture is transparent; do without the channel"
            yield Finding("channel alpha is constant", "warning", evidence, advice, (edit,))
        else:
            severity: Severity = "fault" if low == 0 else "warning"
            advice = "it carries nothing; find out whether it was read from the right place"
            yield Finding(
                f"channel {channel.name} is {'all zero' if low == 0 else 'constant'}", severity, evidence, advice
            )


def _unused_range(corpus: Corpus, seen: Statistics, home: str) -> Iterator[Finding]:
    """Deep pictures cut to 8 bits, or fractions cut to whole numbers."""
    for channel, low, high in zip(corpus.space.channels, seen.low, seen.high, strict=True):
        reached = float(channel.share(high))
        if low == high or reached >= NARROW or corpus.space.is_points:
            continue
        evidence = (f"values from {low:g} to {high:g}, of {channel.low:g} to {channel.high:g}",)
        if seen.counts is not None and high <= 1:
            advice = "fractions were probably cut to whole numbers when the files were written; write them times 255"
            yield Finding(f"channel {channel.name} is nearly black", "fault", evidence, advice)
        else:
            advice = f"if the files have 16 bits, set {home}.white to their true maximum; otherwise scale them"
            severity: Severity = "fault" if reached < LOST else "warning"
            yield Finding(f"channel {channel.name} is dark throughout", severity, evidence, advice, misleads=True)


def _unused_span(corpus: Corpus, seen: Statistics, home: str) -> Iterator[Finding]:
    """Numbers that fill little of the range by which they are scaled; all channels alike, as if scaled twice.

    Pictures that are dark throughout are told as such.
    """
    known = [
        (channel, low, high)
        for channel, low, high in zip(corpus.space.channels, seen.low, seen.high, strict=True)
        if channel.kind == "continuous" and channel.name != "alpha" and channel.low < channel.high
    ]
    used = {channel.name: float(channel.share(high)) - float(channel.share(low)) for channel, low, high in known}
    alike = all(0 < share < NARROW for share in used.values())
    for channel, low, high in known:
        share = used[channel.name]
        is_dark = float(channel.share(high)) < NARROW and not corpus.space.is_points
        if is_dark or not 0 < share < NARROW:
            continue
        evidence = (f"values from {low:.3g} to {high:.3g}, of {channel.low:g} to {channel.high:g}",)
        advice = "find out whether they were scaled twice, and declare the range that they have"
        severity: Severity = "fault" if alike and share < LOST else "warning"
        title = f"channel {channel.name} fills {share:.1%} of its declared range"
        yield Finding(title, severity, evidence, advice, misleads=alike)


def _stray_values(corpus: Corpus, seen: Statistics, home: str) -> Iterator[Finding]:
    """A few numbers far from all others are often no values: a code for "nothing here" that nobody declared."""
    if corpus.space.shown != "terrain":
        return
    for at, counts in seen.steps.items():
        channel, occupied = corpus.space.channels[at], np.flatnonzero(counts)
        gaps = np.diff(occupied)
        if not gaps.size or gaps.max() < STRAY_GAP * len(counts):
            continue
        first = int(gaps.argmax()) + 1
        stray, usual = sorted((occupied[:first], occupied[first:]), key=lambda places: int(counts[places].sum()))
        usual_gap = np.delete(gaps, first - 1).max(initial=0)
        alone = usual_gap > 0 and gaps.max() > STRAY_FACTOR * usual_gap
        if len(stray) <= STRAY_STEPS and (alone or channel.low in MARKERS):
            share = counts[stray].sum() / counts.sum()
            far, near = (_between(channel, places, len(counts)) for places in (stray, usual))
            advice = (
                f"if they stand for something else, say what: {home}.layers.{channel.name}.remap, nodata, "
                "or the range that is real, low and high"
            )
            title = f"channel {channel.name} has values far from all others"
            yield Finding(title, "warning", (f"{share:.2%} of all pixels are {far}, the rest {near}",), advice)


def _between(channel: Channel, places: NDArray[np.intp], count: int) -> str:
    """The range that some of `count` equal steps cover, to within a step."""
    low, high = channel.from_scale(np.array([places.min(), places.max() + 1]) / count * 2.0 - 1.0)
    return f"about {low:.4g} to {high:.4g} {channel.unit}".rstrip()


def _equal_channels(corpus: Corpus, seen: Statistics, home: str) -> Iterator[Finding]:
    names = [channel.name for channel in corpus.space.channels]
    varying = [(a, b) for a, b in seen.equal if seen.low[a] != seen.high[a]]
    pairs = [f"{names[a]} = {names[b]} everywhere" for a, b in varying]
    if {(0, 1), (0, 2), (1, 2)} <= set(varying) and names[:3] == ["red", "green", "blue"]:
        edit = Edit(f"{home}.channels", "set", "grey")
        advice = "read them as one channel: a third of the work, and no false colours"
        yield Finding("the pictures are really grey", "warning", tuple(pairs), advice, (edit,))
    elif pairs:
        advice = "find out whether one was read in place of the other"
        yield Finding("some channels are the same", "warning", tuple(pairs), advice)


def _dominating_value(corpus: Corpus, seen: Statistics, home: str) -> Iterator[Finding]:
    colours = [at for at, channel in enumerate(corpus.space.channels) if channel.name != "alpha"]
    if seen.counts is None or any(seen.low[at] == seen.high[at] for at in colours):
        return
    shares = seen.counts[colours].max(axis=1) / seen.counts[colours].sum(axis=1)
    if shares.min() > DOMINATING_SHARE:
        levels = seen.counts[colours].argmax(axis=1)
        evidence = tuple(
            f"{corpus.space.channels[at].name} is {level} in {share:.0%} of all pixels"
            for at, level, share in zip(colours, levels, shares, strict=True)
        )
        advice = "crop closer to the figures: a picture of this value alone would already be nearly right"
        yield Finding("one value fills nearly everything", "warning", evidence, advice)


def _classes(corpus: Corpus, seen: Statistics, home: str) -> Iterator[Finding]:
    """What a categorical channel is made of, and whether one class is nearly all of many samples."""
    for at, shares in seen.classes.items():
        channel = corpus.space.channels[at]
        overall = shares.mean(axis=0)
        order = np.argsort(-overall)
        listed = tuple(f"{channel.classes[place].name} {overall[place]:.1%}" for place in order if overall[place] > 0)
        absent = int((overall == 0).sum())
        advice = f"classes that never occur cost a plane each; {home}.layers.{channel.name}.classes=present spares them"
        title = f"channel {channel.name} has {len(listed)} of its {len(channel.classes)} classes"
        yield Finding(title, "note", _some(listed), advice if absent else "")
        alone = (shares > DOMINATING_SHARE).mean(axis=0)
        place = int(alone.argmax())
        if alone[place] > MONOTONOUS_SHARE:
            item = channel.classes[place]
            limit = json.dumps(encode(Limit(channel.name, item.code, above=DOMINATING_SHARE, keep=0.1)))
            evidence = (f"{alone[place]:.0%} of all samples are more than {DOMINATING_SHARE:.0%} {item.name}",)
            advice = f"{item.name} alone is nearly right for a generator; keep fewer: --set '{home}.limits+={limit}'"
            yield Finding(f"channel {channel.name} is {item.name} in too many samples", "warning", evidence, advice)


def _flat_samples(corpus: Corpus, seen: Statistics, home: str) -> Iterator[Finding]:
    if corpus.space.is_points:
        return
    flat = np.logical_and.reduce(seen.std < FLAT * _ranges(corpus), axis=1)
    advice = "a generator copies them first; leave them out unless they are meant"
    yield from _about_samples("are nearly one colour", flat, corpus, advice)


def _noise_samples(corpus: Corpus, seen: Statistics, home: str) -> Iterator[Finding]:
    if min(corpus.space.height, corpus.space.width) < NOISE_SIDE:
        return
    lively, rough = _lively_and_rough(corpus, seen)
    noise = np.logical_or.reduce(lively, axis=1) & np.logical_and.reduce(rough | ~lively, axis=1)
    noise[noise] = _changing(corpus.samples[noise]) > NOISE_CHANGES
    advice = "neighbouring pixels have nothing to do with each other; look at these files and at what wrote them"
    yield from _about_samples("look like pure noise", noise, corpus, advice)


def _noise_channels(corpus: Corpus, seen: Statistics, home: str) -> Iterator[Finding]:
    """One band of noise among bands that are pictures: a wrong file, a wrong type of numbers, a broken sensor."""
    if min(corpus.space.height, corpus.space.width) < NOISE_SIDE:
        return
    lively, rough = _lively_and_rough(corpus, seen)
    shares = (lively & rough & (seen.std >= NOISE_SPREAD * _ranges(corpus))).mean(axis=0)
    pictured = (lively & ~rough).mean(axis=0)
    others = [
        channel.name for channel, share in zip(corpus.space.channels, pictured, strict=True) if share > NOISE_CHANNEL
    ]
    if not others:
        return
    for at, (channel, share) in enumerate(zip(corpus.space.channels, shares.tolist(), strict=True)):
        if share > NOISE_CHANNEL and channel.kind == "continuous" and _fills(corpus, at):
            evidence = (f"in {share:.0%} of all samples neighbours have nothing to do with each other",)
            advice = f"in {', '.join(_some(others))} they have; look at where this one was read from, or leave it away"
            yield Finding(f"channel {channel.name} looks like pure noise", "fault", evidence, advice, misleads=True)


def _fills(corpus: Corpus, channel: int) -> bool:
    """Whether most neighbours of a channel differ, in some of all samples: single trees or fires are no noise."""
    places = np.linspace(0, len(corpus) - 1, min(LOOKED_AT, len(corpus))).round().astype(np.intp)
    return bool(_changing(corpus.samples[places, channel : channel + 1]).mean() > NOISE_CHANGES)


def _lively_and_rough(corpus: Corpus, seen: Statistics) -> tuple[Marks, Marks]:
    """Which channels of which samples vary at all, and in which neighbours have nothing in common, [n, C] each."""
    bound = max(NOISE_CORRELATION, NOISE_DEVIATIONS / math.sqrt(corpus.space.height * corpus.space.width))
    lively = seen.std >= FLAT * _ranges(corpus)
    return lively, (np.abs(seen.along) < bound) & (np.abs(seen.down) < bound)


def _changing(samples: NDArray[Any]) -> NDArray[np.float64]:
    """Share of neighbours along rows that differ in any channel, [n]."""
    differ: Marks = np.logical_or.reduce(samples[..., 1:] != samples[..., :-1], axis=1)
    shares: NDArray[np.float64] = differ.mean(axis=(1, 2), dtype=np.float64)
    return shares


def _duplicates(corpus: Corpus, seen: Statistics, home: str) -> Iterator[Finding]:
    if seen.duplicates:
        evidence = _some([f"{_name(corpus, later)} = {_name(corpus, first)}" for later, first in seen.duplicates])
        edits = (Edit(f"{home}.drop_duplicates", "set", True),) if corpus.names else ()
        advice = "the generator learns them more often than the rest; keep one of each"
        share = len(seen.duplicates) / len(corpus)
        severity: Severity = "fault" if share > MANY_DUPLICATES else "warning"
        title = f"{len(seen.duplicates)} of {len(corpus)} samples are duplicates"
        yield Finding(title, severity, evidence, advice, edits, misleads=share > SOME_SHARE)


LOOKS: tuple[Look, ...] = (
    _not_finite,
    _out_of_range,
    _constant_channels,
    _unused_range,
    _unused_span,
    _stray_values,
    _equal_channels,
    _dominating_value,
    _classes,
    _flat_samples,
    _noise_samples,
    _noise_channels,
    _duplicates,
)


def _about_samples(what: str, marked: Marks, corpus: Corpus, advice: str) -> Iterator[Finding]:
    places = np.flatnonzero(marked).tolist()
    if places:
        severity: Severity = "fault" if len(places) > MANY_SHARE * len(corpus) else "warning"
        evidence = _some([_name(corpus, at) for at in places])
        title, misleads = f"{len(places)} of {len(corpus)} samples {what}", len(places) > SOME_SHARE * len(corpus)
        yield Finding(title, severity, evidence, advice, misleads=misleads)


def _ranges(corpus: Corpus) -> NDArray[np.float64]:
    """Of the stored values."""
    return np.array([high - low for low, high in (channel.stored_range for channel in corpus.space.channels)])


def _name(corpus: Corpus, at: int) -> str:
    return corpus.names[at] if corpus.names else f"sample {at}"


def _some(lines: Sequence[str]) -> tuple[str, ...]:
    shown: Iterable[str] = lines[:LISTED]
    rest = (f"and {len(lines) - LISTED} more",) if len(lines) > LISTED else ()
    return (*shown, *rest)
