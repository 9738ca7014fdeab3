"""What holds the critic back: labels that hardly differ, noise over what it is shown, a heavy penalty, dropout."""

from __future__ import annotations

from statistics import fmean
from typing import Final

from equipoise.doctor.remedies.critic import REAL_LABEL, less_bound
from equipoise.doctor.remedies.paths import of_what_is_there, put, terms_of
from equipoise.doctor.remedies.shown import SIGMA
from equipoise.doctor.symptom import Remedy, Settings
from equipoise.edit import Edit
from equipoise.spec import Json

NEAREST_LABELS: Final = 0.5
"""Apart.  Labels drawn from 0.7 to 1.2 and from 0 to 0.3, the furthest that smoothing goes on both sides, are 0.8 apart
in the middle; this is well below (a guess)."""
ROUNDING: Final = 1e-9
"""Of a difference of two numbers with few decimals."""
LOUDEST: Final = 0.5
"""Of noise, where values go from -1 to 1: ten times the usual, half of how much a picture varies (a guess)."""


def what_holds_the_critic(settings: Settings) -> tuple[Remedy, ...]:
    """To be taken away one at a time, the least usual first; of what this recipe does not have, nothing."""
    return (*what_hides_samples(settings), *of_what_is_there(settings, less_bound(settings)))


def what_hides_samples(settings: Settings) -> tuple[Remedy, ...]:
    """From the critic, whatever bounds it."""
    return of_what_is_there(settings, surer_labels(settings), less_noise(settings))


def surer_labels(settings: Settings) -> Remedy:
    return Remedy(
        f"if the labels of cross-entropy lie near to each other, {REAL_LABEL:g} for real samples and 0 for fakes",
        "the critic is asked to tell one from the other again",
        edits=tuple(edit for term in near_labels(settings) for edit in apart(settings, term)),
    )


def less_noise(settings: Settings) -> Remedy:
    return Remedy(
        f"if noise of deviation {LOUDEST:g} or more lies over what the critic is shown, {SIGMA:g}",
        "the critic sees more of the samples than their outline, and so does the generator",
        edits=tuple(edit for path in loud_noises(settings) for edit in quieter(settings, path)),
    )


def apart(settings: Settings, term: str) -> tuple[Edit, ...]:
    """One game's labels."""
    return (*put(settings, f"{term}.real_label", REAL_LABEL), *put(settings, f"{term}.fake_label", 0.0))


def quieter(settings: Settings, operation: str) -> tuple[Edit, ...]:
    return put(settings, f"{operation}.sigma", SIGMA)


def near_labels(settings: Settings) -> dict[str, tuple[float, float]]:
    """By path of the term: labels of real samples and of fakes that are too near, of ranges the middles."""
    found = {}
    for term in terms_of(settings, "adversarial.BCE"):
        real, fake = (_middle(settings.get(f"{term}.{name}")) for name in ("real_label", "fake_label"))
        if real is not None and fake is not None and real - fake < NEAREST_LABELS - ROUNDING:
            found[term] = (real, fake)
    return found


def _middle(label: Json) -> float | None:
    """Of a label, or of a range of labels."""
    ends = label if isinstance(label, list | tuple) else [label]
    numbers = [float(end) for end in ends if isinstance(end, int | float)]
    return fmean(numbers) if len(numbers) == len(ends) else None


def loud_noises(settings: Settings) -> dict[str, float]:
    """By path of the operation, its deviation.  Noise that fades is left alone, and such as is added only at need."""
    if settings.get("augment.adaptive") is not None:
        return {}
    paths = [path for path, value in settings.items() if value == "equipoise.augment.Noise"]
    found = {path: settings.get(f"{path}.sigma") for path in paths}
    return {path: float(sigma) for path, sigma in found.items() if isinstance(sigma, int | float) and sigma >= LOUDEST}
