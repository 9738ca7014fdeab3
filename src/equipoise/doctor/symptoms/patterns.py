"""What the pictures show: patterns that no real sample has, and too much or too little detail."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import ClassVar, Final

from equipoise.doctor import remedies
from equipoise.doctor.limits import MODERATE, WEAK, Limit
from equipoise.doctor.quality import samples_improve
from equipoise.doctor.remedies.paths import perceptual_name
from equipoise.doctor.symptom import PROOF, Evidence, Remedy, Symptom, agreeing
from equipoise.doctor.symptoms.lead import guessing
from equipoise.doctor.trace import Trace

CHECKED: Final = Limit("checkerboard", 3.0, plain=6.0, evaluations=2, kind="samples")
"""Odena et al. 2016; to be tuned."""
BLOCKY: Final = Limit("blocks", 2.0, plain=4.0, evaluations=2, kind="samples")
"""To be tuned."""
BANDED: Final = Limit("banding", 2.5, plain=5.0, evaluations=2, kind="samples")
"""To be tuned."""
CROSSED: Final = Limit("crosses", 2.0, plain=4.0, evaluations=2, kind="samples")
"""To be tuned."""
WOVEN: Final = Limit("crosses", 0.5, "below", evaluations=2, kind="samples")
"""As far from 1 as `CROSSED`, the other way; to be tuned.  It proves nothing: squares have such lines too."""
BLURRED: Final = Limit("detail", 0.5, "below", evaluations=3, kind="samples")
"""Never a proof (bound to be tuned): fine detail comes last, and where it is mostly noise, as in radio spectra,
pictures that lack it may be good."""
ROUGH: Final = Limit("detail", 3.0, plain=6.0, evaluations=3, kind="samples")
"""A CycleGAN's diary: 0.003 to 0.004 of the energy is usual, 0.010 rises, 0.038 exploded."""
WHILE_YOUNG: Final = (
    "short of a proof nothing is said while `distance`, `precision` or `recall` still improves, or was measured too "
    "rarely to know; a proof is suspected then"
)
BILINEAR: Final = "bilinear"
GAMMA: Final = 2.0
"""Beyond it bands come from the modulation (notes on landscapes)."""


@dataclass(frozen=True, slots=True)
class Checkerboard(Symptom):
    key: ClassVar[str] = "checkerboard"
    title: ClassVar[str] = "samples show a checkerboard"
    looks_like: ClassVar[str] = "A regular grid of dots two pixels apart, best seen in flat parts."
    means: ClassVar[str] = (
        "Kernels of transposed convolutions overlap unevenly: more where the stride does not divide them."
    )
    confused_with: ClassVar[Mapping[str, str]] = {
        "blocks": "there the grid is four or eight pixels wide",
        "healthy": "pixel art and dithered pictures have it by nature: it is read against the data",
    }
    reads: ClassVar[tuple[str, ...]] = (CHECKED.words, "once seen, `generator.upsampling` transposed: a hint")
    sources: ClassVar[tuple[str, ...]] = (
        "Odena et al. 2016, distill.pub/2016/deconv-checkerboard",
        "notes on landscapes, attempt 2",
        "notes on sprites, section 4.3",
    )

    def seen(self, trace: Trace) -> tuple[Evidence, ...]:
        return _with_upsampling(trace, CHECKED.seen(trace), ("transposed",))

    def remedies(self, trace: Trace) -> tuple[Remedy, ...]:
        return (
            remedies.wait(),
            remedies.nearest_upsampling(trace.settings),
            remedies.bigger_critic(trace.settings),
        )


@dataclass(frozen=True, slots=True)
class Blocks(Symptom):
    key: ClassVar[str] = "blocks"
    title: ClassVar[str] = "samples are made of blocks"
    looks_like: ClassVar[str] = "Coloured squares of four or eight pixels with hard borders."
    means: ClassVar[str] = (
        "A pixel shuffle whose parts were begun apart, or a stage of the generator that learned nothing."
    )
    confused_with: ClassVar[Mapping[str, str]] = {
        "checkerboard": "there the grid is two pixels wide",
        "healthy": "JPEG pictures and pixel art are blocky themselves: it is read against the data",
    }
    reads: ClassVar[tuple[str, ...]] = (BLOCKY.words, "once seen, `generator.upsampling` shuffle: a hint")
    sources: ClassVar[tuple[str, ...]] = (
        "notes on landscapes, up-sampling version 2: colourful blocks",
        "Aitken et al. 2017 (ICNR), arXiv:1707.02937",
    )

    def seen(self, trace: Trace) -> tuple[Evidence, ...]:
        return _with_upsampling(trace, BLOCKY.seen(trace), ("shuffle", "shuffle_plain"))

    def remedies(self, trace: Trace) -> tuple[Remedy, ...]:
        return (remedies.nearest_upsampling(trace.settings), remedies.wait(), remedies.slower_both(trace.settings))


@dataclass(frozen=True, slots=True)
class Banding(Symptom):
    key: ClassVar[str] = "banding"
    title: ClassVar[str] = "samples show bands along rows or columns"
    looks_like: ClassVar[str] = "Horizontal stripes across whole pictures."
    means: ClassVar[str] = (
        "Features are multiplied up until the edge of the grid shows; modulation without bounds does it."
    )
    confused_with: ClassVar[Mapping[str, str]] = {
        "gamma-runaway": "its usual cause: look at the largest gamma first",
        "healthy": "horizons and spectrograms have bands: it is read against the data",
    }
    reads: ClassVar[tuple[str, ...]] = (BANDED.words, f"once seen, `gamma_high` above {GAMMA:g}")
    explained_by: ClassVar[tuple[str, ...]] = ("gamma-runaway", "not-finite")
    sources: ClassVar[tuple[str, ...]] = ("notes on landscapes, epoch 470",)

    def seen(self, trace: Trace) -> tuple[Evidence, ...]:
        bands, gamma = BANDED.seen(trace), trace.get("gamma_high")
        if bands is None or gamma is None or gamma.values[-1] <= GAMMA:
            return agreeing((bands,))
        said = f"the largest gamma is {gamma.values[-1]:.3g}; up to 1.8 is well"
        return (bands, Evidence("gradients", said, "gamma_high", None, MODERATE))

    def remedies(self, trace: Trace) -> tuple[Remedy, ...]:
        settings = trace.settings
        return (
            *remedies.of_what_is_there(settings, remedies.tighter_modulation(settings)),
            remedies.clip(settings),
            remedies.slower_generator(settings),
        )


@dataclass(frozen=True, slots=True)
class CrossBlur(Symptom):
    key: ClassVar[str] = "cross-blur"
    title: ClassVar[str] = "samples are blurred in the shape of an X"
    looks_like: ClassVar[str] = "Soft stars and crosses instead of edges, in every picture."
    means: ClassVar[str] = "Bilinear up-sampling weighs the centre at each doubling; over four of them that shows."
    confused_with: ClassVar[Mapping[str, str]] = {"blur": "there edges are soft in every direction"}
    reads: ClassVar[tuple[str, ...]] = (
        CROSSED.words,
        "once seen, `generator.upsampling` bilinear: a hint; with any other nothing is said short of a proof",
    )
    sources: ClassVar[tuple[str, ...]] = ("notes on landscapes, up-sampling version 1",)

    def seen(self, trace: Trace) -> tuple[Evidence, ...]:
        seen = CROSSED.seen(trace)
        is_other = trace.settings.get("generator.upsampling", BILINEAR) != BILINEAR
        if seen is None or (is_other and seen.weight < PROOF):
            return ()
        return _with_upsampling(trace, seen, (BILINEAR,))

    def remedies(self, trace: Trace) -> tuple[Remedy, ...]:
        return (remedies.nearest_upsampling(trace.settings),)


@dataclass(frozen=True, slots=True)
class Woven(Symptom):
    key: ClassVar[str] = "woven"
    title: ClassVar[str] = "samples are woven of lines along rows and columns"
    looks_like: ClassVar[str] = (
        "Pictures as if on coarse cloth: short strokes, some level and some upright, everywhere."
    )
    means: ClassVar[str] = (
        "The critic does not see it.  A generator that nobody corrects draws what its up-sampling draws most easily: a "
        "weave with repeated pixels, ripples with bilinear up-sampling, a quilt with pixel shuffle."
    )
    confused_with: ClassVar[Mapping[str, str]] = {
        "banding": "there whole rows or columns are brighter than others",
        "checkerboard": "there the grid is two pixels wide",
        "blocks": "there the lines are the borders of squares of four or eight pixels",
        "healthy": "buildings, circuits and cloth have such lines by nature: it is read against the data",
    }
    reads: ClassVar[tuple[str, ...]] = (
        f"{WOVEN.words}; nothing while `distance`, `precision` or `recall` still improves, nor where there are blocks",
        "once seen, a critic that does no better than chance, as in critic-blind",
    )
    explained_by: ClassVar[tuple[str, ...]] = ("total-collapse", "exploding", "not-finite", "banding", "checkerboard")
    sources: ClassVar[tuple[str, ...]] = (
        "measured: landscapes with the notes' critic's rate of 1e-4; 4e-4 cures it (LAB.md, 2026-11-29)",
    )

    def seen(self, trace: Trace) -> tuple[Evidence, ...]:
        woven = WOVEN.seen(trace)
        is_young_or_blocky = samples_improve(trace) or BLOCKY.seen(trace) is not None
        return () if woven is None or is_young_or_blocky else agreeing((woven, guessing(trace)))

    def remedies(self, trace: Trace) -> tuple[Remedy, ...]:
        settings = trace.settings
        return (
            remedies.faster_critic(settings, 4.0),
            *remedies.of_what_is_there(settings, remedies.less_bound(settings)),
            remedies.slower_generator(settings),
            remedies.bigger_critic(settings),
        )


@dataclass(frozen=True, slots=True)
class Blur(Symptom):
    key: ClassVar[str] = "blur"
    title: ClassVar[str] = "samples lack the data's fine detail"
    looks_like: ClassVar[str] = "Shapes can be recognised and edges are soft."
    means: ClassVar[str] = (
        "A pixel loss pays for the mean of all that fits, the critic is too weak to ask for more, or it is early."
    )
    confused_with: ClassVar[Mapping[str, str]] = {
        "cross-blur": "there the blur has a direction",
        "flat": "there nothing can be recognised",
        "healthy": "early in every run; Wasserstein runs on sprites need 500 epochs and more; of satellite "
        "pictures enlarged four times good ones have a tenth of it, for a small picture does not tell the rest",
    }
    reads: ClassVar[tuple[str, ...]] = (
        BLURRED.words,
        "it is never more than suspected, and nothing is said while `distance`, `precision` or `recall` still "
        "improves, or was measured too rarely to know",
    )
    explained_by: ClassVar[tuple[str, ...]] = (
        *("cross-blur", "flat", "dark-retreat", "perceptual-too-heavy", "auxiliary-dominates", "posterior-collapse"),
        *("total-collapse", "not-finite", "average-lags"),
    )
    sources: ClassVar[tuple[str, ...]] = (
        "notes on terrain, attempt 5: blurry and generic",
        "notes on sprites, section 4.2",
        "Durall et al. 2020, arXiv:2003.01826",
    )

    def seen(self, trace: Trace) -> tuple[Evidence, ...]:
        return _unless_young(trace, BLURRED.seen(trace))

    def remedies(self, trace: Trace) -> tuple[Remedy, ...]:
        settings = trace.settings
        return (
            remedies.wait(),
            *remedies.of_what_is_there(settings, remedies.lighter_pixels(settings)),
            *remedies.of_what_is_there(settings, remedies.less_bound(settings)),
            remedies.faster_critic(settings),
            remedies.slower_generator(settings),
            remedies.bigger_generator(settings),
        )


@dataclass(frozen=True, slots=True)
class TooMuchDetail(Symptom):
    key: ClassVar[str] = "too-much-detail"
    title: ClassVar[str] = "samples have more fine detail than the data"
    looks_like: ClassVar[str] = "Noise, hatching or sharp specks on everything."
    means: ClassVar[str] = "The generator pays the critic, or a shallow perceptual layer, in high frequencies."
    confused_with: ClassVar[Mapping[str, str]] = {
        "checkerboard": "there all of it lies at one frequency",
        "wrong-scale": "there the whole contrast is too large",
    }
    reads: ClassVar[tuple[str, ...]] = (ROUGH.words, WHILE_YOUNG)
    explained_by: ClassVar[tuple[str, ...]] = ("checkerboard", "blocks", "banding", "wrong-scale", "not-finite")
    sources: ClassVar[tuple[str, ...]] = (
        "a public CycleGAN diary",
        "Schwarz et al. 2021, arXiv:2111.02447",
    )

    def seen(self, trace: Trace) -> tuple[Evidence, ...]:
        return _unless_young(trace, ROUGH.seen(trace))

    def remedies(self, trace: Trace) -> tuple[Remedy, ...]:
        settings = trace.settings
        perceptual = remedies.lighter(settings, perceptual_name(settings), 0.5, is_seen=bool(settings))
        return (
            *remedies.of_what_is_there(settings, perceptual),
            remedies.bound_the_slope(settings),
            remedies.slower_both(settings),
            remedies.nearest_upsampling(settings),
        )


def _unless_young(trace: Trace, seen: Evidence | None) -> tuple[Evidence, ...]:
    """Fine detail comes last: while samples improve, or nobody knows yet, nothing is certain, and only what would be a
    proof is suspected."""
    if seen is None or samples_improve(trace) is False:
        return () if seen is None else (seen,)
    return (replace(seen, weight=MODERATE),) if seen.weight >= PROOF else ()


def _with_upsampling(trace: Trace, seen: Evidence | None, kinds: tuple[str, ...]) -> tuple[Evidence, ...]:
    kind = trace.settings.get("generator.upsampling")
    if seen is None or kind not in kinds:
        return agreeing((seen,))
    return (seen, Evidence("settings", f"the generator's up-sampling is {kind}", weight=WEAK))
