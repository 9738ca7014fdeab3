"""What the critic is shown: noise, changes that keep a sample plausible, and their strength."""

from __future__ import annotations

from typing import Final

from equipoise.doctor.remedies.paths import phases, put, scaled
from equipoise.doctor.symptom import Remedy, Settings
from equipoise.edit import Edit
from equipoise.spec import TAG, Json

SIGMA: Final = 0.05
"""Where values span [-1, 1] (notes on radio bursts)."""
_POINTS: Final = "equipoise.data.points."
_SPECTROGRAM: Final = "equipoise.data.spectrogram."


def instance_noise(settings: Settings) -> Remedy:
    """To all that the critic learns from; where real samples alone are changed the generator would learn the noise.

    It fades where the run's length is known in steps.
    """
    edits, fades = _noise(settings), not settings or _length(settings) is not None
    return Remedy(
        f"noise of deviation {SIGMA:g}{' to 0.1' * (not edits)} on all that the critic learns from"
        + ", fading until the end of the run" * fades,
        "real and fake overlap, so the critic cannot be sure"
        + "; the fine detail comes back as the noise fades" * fades,
        edits=edits,
    )


def adapt_augmentation(settings: Settings, *, of_points: bool = False) -> Remedy:
    """Adaptive augmentation where there is none; where there is, more of it, earlier.  No setting moves points."""
    return Remedy(
        "adaptive discriminator augmentation (for a run of ours --ada), or DiffAugment: change real samples and fakes "
        "alike before the critic sees them",
        "the critic can no longer know single samples; on 200 scenes recall rose from 0.26 to 0.49 (LAB.md)",
        look_again=2000.0,
        edits=() if of_points else _adaptive(settings),
    )


def milder_colours(settings: Settings) -> Remedy:
    paths = [path for path, value in settings.items() if value == "equipoise.augment.ColourJitter"]
    names = ("brightness", "saturation", "hue")
    return Remedy(
        "if augmentation changes colours, half of that",
        "fakes take on the real samples' colours (notes on sprites: hue 0.02 to 0.01, the others 0.1 to 0.05)",
        edits=tuple(edit for path in paths for name in names for edit in scaled(settings, f"{path}.{name}", 0.5)),
    )


def drop_common(settings: Settings) -> Remedy:
    """Of rasters by the share of a class (`source.limits`); which class, only a person knows."""
    return Remedy(
        "leave out, or draw less often, the samples that show next to nothing (water, night, empty windows)",
        "the easiest thing to make is no longer the commonest, so hiding in it does not pay",
        look_again=2000.0,
    )


def _noise(settings: Settings) -> tuple[Edit, ...]:
    """None under adaptive augmentation, which would make it as rarely as all its operations: at first to no sample."""
    if settings.get("augment.adaptive") is not None:
        return ()
    steps = _length(settings)
    sigma = SIGMA if steps is None else _part("schedule.Linear", start=SIGMA, end=0.0, until=steps)
    noise = _part("augment.Noise", sigma=sigma)
    if settings.get("augment.applies_to") in ("both", "critic"):
        return (Edit("augment.operations", "add", noise),)
    if not _bare(settings):
        return ()
    return (Edit("augment", value=_part("recipe.Augment", operations=[noise], applies_to="critic")),)


def _length(settings: Settings) -> float | None:
    """Of all phases together, in steps; schedules of what the critic is shown count from the run's beginning."""
    lengths = [f"phases.{phase}.length" for phase in phases(settings)]
    amounts = [settings.get(f"{path}.amount") for path in lengths if settings.get(f"{path}.unit") == "steps"]
    steps = [float(amount) for amount in amounts if isinstance(amount, int | float)]
    return sum(steps) if steps and len(steps) == len(lengths) else None


def _adaptive(settings: Settings) -> tuple[Edit, ...]:
    if "augment.adaptive.target" in settings:
        return (*scaled(settings, "augment.adaptive.target", 0.7), *scaled(settings, "augment.adaptive.images", 0.5))
    adaptive = _part("recipe.Adaptive")
    if settings.get("augment.applies_to") in ("both", "real"):
        return (*put(settings, "augment.applies_to", "both"), Edit("augment.adaptive", value=adaptive))
    if not _bare(settings) or str(settings.get("source")).startswith(_POINTS):
        return ()
    vertical = 0.0 if str(settings.get("source")).startswith(_SPECTROGRAM) else 0.125
    shift = _part("augment.Translate", padding="reflection", horizontal=0.125, vertical=vertical)
    return (Edit("augment", value=_part("recipe.Augment", operations=[shift], applies_to="both", adaptive=adaptive)),)


def _bare(settings: Settings) -> bool:
    return "augment" in settings and settings["augment"] is None


def _part(kind: str, **fields: Json) -> dict[str, Json]:
    return {TAG: f"equipoise.{kind}", **fields}
