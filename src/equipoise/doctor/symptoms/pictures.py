"""What the pictures show: their values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, Final

from equipoise.doctor import remedies
from equipoise.doctor.limits import Limit
from equipoise.doctor.symptom import Evidence, Remedy, Symptom, agreeing
from equipoise.doctor.trace import Trace

DARK: Final = Limit("brightness", -0.5, "below", plain=-1.0, evaluations=2, kind="samples")
"""Standard deviations of real samples (to be tuned)."""
FLAT: Final = Limit("flat", 0.3, plain=0.6, evaluations=2, kind="samples", less_floor=True)
"""To be tuned."""
ONE_CLASS: Final = Limit("one_class", 0.3, plain=0.5, evaluations=2, kind="samples")
"""To be tuned."""
BRIGHT: Final = Limit("brightness", 0.7, plain=1.4, evaluations=2, kind="samples")
"""To be tuned."""
SPIKY: Final = Limit("contrast", 1.6, plain=2.5, evaluations=2, kind="samples")
"""To be tuned."""
FAINT: Final = Limit("contrast", 0.5, "below", plain=0.316, evaluations=2, kind="samples")
"""To be tuned; a tenth of the variance, 0.316, is sure."""
SATURATED: Final = Limit("saturated", 0.3, plain=0.6, evaluations=2, kind="samples", less_floor=True)
"""To be tuned; a cWGAN reached 100 %."""
GREY: Final = Limit("colour", 0.4, "below", plain=0.2, evaluations=2, kind="samples")
"""To be tuned."""
GARISH: Final = Limit("colour", 1.8, plain=3.0, evaluations=2, kind="samples")
"""To be tuned."""


@dataclass(frozen=True, slots=True)
class DarkRetreat(Symptom):
    key: ClassVar[str] = "dark-retreat"
    title: ClassVar[str] = "the generator hides in dark values"
    looks_like: ClassVar[str] = "Sheets get darker and darker, with little in them, while real samples are not dark."
    means: ClassVar[str] = (
        "Dark, or the sea, is the commonest thing in the data and the easiest to make: a generator that does not know "
        "how to improve retreats to where the critic is unsure."
    )
    confused_with: ClassVar[Mapping[str, str]] = {
        "flat": "the samples are flat too; the darkness says where they went",
        "wrong-scale": "there samples have structure, at another level",
    }
    reads: ClassVar[tuple[str, ...]] = (DARK.words,)
    explained_by: ClassVar[tuple[str, ...]] = ("not-finite",)
    sources: ClassVar[tuple[str, ...]] = ("notes on terrain, attempt 4: collapse into darkness, the share of ocean",)

    def seen(self, trace: Trace) -> tuple[Evidence, ...]:
        return agreeing((DARK.seen(trace),))

    def remedies(self, trace: Trace) -> tuple[Remedy, ...]:
        return _less_common_and_bounded(trace)


@dataclass(frozen=True, slots=True)
class Flat(Symptom):
    key: ClassVar[str] = "flat"
    title: ClassVar[str] = "samples hardly vary within themselves"
    looks_like: ClassVar[str] = "Pictures of one tone: grey, or smooth from edge to edge."
    means: ClassVar[str] = (
        "A flat sample is near to everything on average; it is where a generator without guidance goes."
    )
    confused_with: ClassVar[Mapping[str, str]] = {
        "blur": "there shapes are there and edges are not",
        "healthy": "some data are flat: water, sky.  Their share is taken off",
    }
    reads: ClassVar[tuple[str, ...]] = (FLAT.words,)
    explained_by: ClassVar[tuple[str, ...]] = ("dark-retreat", "not-finite", "critic-wins", "average-lags")
    sources: ClassVar[tuple[str, ...]] = (
        "notes on terrain, attempt 8: a lot are fairly flat",
        "notes on landscapes: grey pictures, the critic is too strong",
    )

    def seen(self, trace: Trace) -> tuple[Evidence, ...]:
        return agreeing((FLAT.seen(trace),))

    def remedies(self, trace: Trace) -> tuple[Remedy, ...]:
        return _less_common_and_bounded(trace)


@dataclass(frozen=True, slots=True)
class OneClass(Symptom):
    key: ClassVar[str] = "one-class"
    title: ClassVar[str] = "one class is made far more often than the data have it"
    looks_like: ClassVar[str] = "Land cover is always water; a digit is always 1."
    means: ClassVar[str] = (
        "The commonest class is the safest guess, and classes drawn sharply pass no gradient to the others."
    )
    confused_with: ClassVar[Mapping[str, str]] = {
        "healthy": "data of which most are one class: their share is taken off"
    }
    reads: ClassVar[tuple[str, ...]] = (ONE_CLASS.words,)
    explained_by: ClassVar[tuple[str, ...]] = ("total-collapse", "not-finite")
    sources: ClassVar[tuple[str, ...]] = (
        "notes on terrain, attempt 10: always water with no vegetation; 11: softened classes brought others",
    )

    def seen(self, trace: Trace) -> tuple[Evidence, ...]:
        return agreeing((ONE_CLASS.seen(trace),))

    def remedies(self, trace: Trace) -> tuple[Remedy, ...]:
        settings = trace.settings
        return (
            *remedies.of_what_is_there(settings, remedies.softer_classes(settings)),
            remedies.look_at_data(),
            remedies.see_batches(settings),
            remedies.bound_the_slope(settings),
        )


@dataclass(frozen=True, slots=True)
class WrongScale(Symptom):
    key: ClassVar[str] = "wrong-scale"
    title: ClassVar[str] = "samples have structure at the wrong scale: too bright, spiky, or faint"
    looks_like: ClassVar[str] = "Terrain with spikes, heights that are twice too large, washed-out photographs."
    means: ClassVar[str] = (
        "A norm took the absolute level of each sample away (instance norm, or a large eps), or gave one batch's level "
        "to all (batch norm)."
    )
    confused_with: ClassVar[Mapping[str, str]] = {
        "data-bug": "data in another range than the generator's output look the same from the first sheet on",
        "dark-retreat": "there structure is lost",
    }
    reads: ClassVar[tuple[str, ...]] = (SPIKY.words, FAINT.words, BRIGHT.words)
    explained_by: ClassVar[tuple[str, ...]] = ("dark-retreat", "flat", "saturation", "not-finite", "average-lags")
    sources: ClassVar[tuple[str, ...]] = ("notes on terrain, attempts 6 and 11: eps of 0.8, crazy spikiness",)

    def seen(self, trace: Trace) -> tuple[Evidence, ...]:
        return agreeing(limit.seen(trace) for limit in (SPIKY, FAINT, BRIGHT))

    def remedies(self, trace: Trace) -> tuple[Remedy, ...]:
        settings = trace.settings
        return (
            *remedies.of_what_is_there(settings, remedies.finer_eps(settings)),
            remedies.look_at_data(),
            remedies.bound_the_slope(settings),
            remedies.slower_both(settings),
        )


@dataclass(frozen=True, slots=True)
class Saturation(Symptom):
    key: ClassVar[str] = "saturation"
    title: ClassVar[str] = "most values lie at the ends of their range"
    looks_like: ClassVar[str] = "Pictures of pure black, white and primary colours, without anything between."
    means: ClassVar[str] = "The output's tanh is driven so far out that its gradient is gone."
    confused_with: ClassVar[Mapping[str, str]] = {
        "healthy": "drawings and masks are so by nature: their share is taken off"
    }
    reads: ClassVar[tuple[str, ...]] = (SATURATED.words,)
    explained_by: ClassVar[tuple[str, ...]] = ("not-finite", "exploding")
    sources: ClassVar[tuple[str, ...]] = (
        "a public cWGAN whose output was saturated wholly",
        "a public issue of CycleGAN",
    )

    def seen(self, trace: Trace) -> tuple[Evidence, ...]:
        return agreeing((SATURATED.seen(trace),))

    def remedies(self, trace: Trace) -> tuple[Remedy, ...]:
        settings = trace.settings
        return (
            remedies.keep_the_best(),
            remedies.slower_both(settings),
            remedies.clip(settings),
            remedies.look_at_data(),
        )


@dataclass(frozen=True, slots=True)
class ColourDrift(Symptom):
    key: ClassVar[str] = "colour-drift"
    title: ClassVar[str] = "colours are not those of the data: grey or garish"
    looks_like: ClassVar[str] = "All pictures turn grey, or colours are louder than in any real one."
    means: ClassVar[str] = (
        "The critic is too strong for the generator to do more than the mean, or an augmentation of colours has leaked "
        "into the samples."
    )
    confused_with: ClassVar[Mapping[str, str]] = {"flat": "there shapes are gone as well"}
    reads: ClassVar[tuple[str, ...]] = (GREY.words, GARISH.words)
    explained_by: ClassVar[tuple[str, ...]] = ("dark-retreat", "flat", "saturation", "not-finite", "average-lags")
    sources: ClassVar[tuple[str, ...]] = (
        "notes on landscapes: grey pictures",
        "notes on sprites, section 3: reduce jitter where colours are off",
        "Karras et al. 2020, arXiv:2006.06676, section 2.2: leaks",
    )

    def seen(self, trace: Trace) -> tuple[Evidence, ...]:
        return agreeing((GREY.seen(trace), GARISH.seen(trace)))

    def remedies(self, trace: Trace) -> tuple[Remedy, ...]:
        settings = trace.settings
        return (
            *remedies.of_what_is_there(settings, remedies.milder_colours(settings)),
            remedies.slower_critic(settings, 0.5),
            remedies.bound_the_slope(settings),
        )


def _less_common_and_bounded(trace: Trace) -> tuple[Remedy, ...]:
    """For samples that have gone where it is easy."""
    settings = trace.settings
    return (
        remedies.drop_common(settings),
        remedies.bound_the_slope(settings),
        remedies.slower_critic(settings, 0.5),
        remedies.slower_both(settings),
        remedies.keep_the_best(),
    )
