"""The summands of the losses: heavier, lighter, later, or left out."""

from __future__ import annotations

from equipoise.doctor.remedies.paths import games, phases, put, scaled, scaled_weights, terms_named, terms_of
from equipoise.doctor.symptom import Remedy, Settings
from equipoise.edit import Edit


def lighter(settings: Settings, term: str, factor: float = 0.1, *, is_seen: bool = True) -> Remedy:
    """A term of the generator by name, in all phases; `is_seen` says whether the run is known to have it."""
    weight = f"the weight of {term}" if is_seen else f"if there is a {term} loss, its weight"
    return Remedy(
        f"{weight} times {factor:g}, or ramped up late, so that it makes 30 % of the gradient at most",
        "the game leads again: its share of the generator's gradient rises",
        edits=scaled_weights(settings, terms_named(settings, term), factor),
    )


def heavier(settings: Settings, kind: str, words: str, factor: float = 2.0) -> Remedy:
    """Terms of a kind, such as ``conditioning.Auxiliary``; `words` say what they are called."""
    terms = terms_of(settings, kind)
    return Remedy(
        f"the weight of {words} times {factor:g}" if terms else f"{words}: {factor:g} times the weight, or a first one",
        "the generator is paid more for it than for anything else",
        edits=scaled_weights(settings, terms, factor),
    )


def drop_term(settings: Settings, term: str) -> Remedy:
    """By name, in the phases that are left with a loss for the generator beside it."""
    played = {phase for phase, _ in games(settings)}
    paths = [path for path in terms_named(settings, term) if path.split(".")[1] in played]
    return Remedy(
        f"leave {term} out until there is structure to refine",
        "shapes come first, detail after them",
        edits=tuple(Edit(path, "drop") for path in paths),
    )


def lighter_pixels(settings: Settings, factor: float = 0.5) -> Remedy:
    """In phases with a game: where none is played the pixels are all there is."""
    paths = [
        path
        for path in terms_of(settings, "reconstruction.")
        if path.split(".")[1] in {phase for phase, _ in games(settings)}
    ]
    return Remedy(
        f"if there is a pixel loss, its weight times {factor:g}",
        "a mean of all that fits is blurred; the less it counts, the sharper",
        edits=scaled_weights(settings, paths, factor),
    )


def weaker_game(settings: Settings, factor: float = 0.5) -> Remedy:
    terms = [f"phases.{phase}.terms.{name}" for phase, name in games(settings)]
    shares = [edit for term in terms for edit in scaled(settings, f"{term}.share", factor)]
    return Remedy(
        f"the adversarial weight, or share, times {factor:g}, ramped up from 0",
        "what was learned before the game is kept while the critic learns",
        edits=(*scaled_weights(settings, terms, factor), *shares),
    )


def longer_before_the_game(settings: Settings, factor: float = 1.5) -> Remedy:
    played = {phase for phase, _ in games(settings)}
    before = [phase for phase in phases(settings) if phase not in played]
    return Remedy(
        f"the phase before the game, or the ramp into it, {factor:g} times as long",
        "the generator begins the game nearer to the data",
        edits=tuple(edit for phase in before for edit in scaled(settings, f"phases.{phase}.length.amount", factor)),
        anew=True,
    )


def non_saturating(settings: Settings) -> Remedy:
    """Goodfellow et al. 2014 (arXiv:1406.2661, section 3)."""
    return Remedy(
        "if the generator minimises log(1 - D(G(z))), let it minimise -log D(G(z)) instead",
        "fakes that the critic is sure of pull hardest, where they had no gradient",
        edits=tuple(Edit(f"{term}.saturating", value=False) for term in saturating_games(settings)),
    )


def saturating_games(settings: Settings) -> list[str]:
    """Paths of the adversarial terms whose gradient vanishes where the critic is sure."""
    return [term for term in terms_of(settings, "adversarial.BCE") if settings.get(f"{term}.saturating") is True]


def free_bits(settings: Settings, bits: float = 0.5) -> Remedy:
    """Kingma et al. 2016 (arXiv:1606.04934, section C.8): a latent is not penalised below so many nats."""
    terms = terms_of(settings, "latent.KL")
    return Remedy(
        f"anneal the weight of KL up from 0, allow {bits:g} nats a latent for nothing, and check mean against sum",
        "latents come back to life: KL a latent rises above the free part",
        edits=tuple(edit for term in terms for edit in put(settings, f"{term}.free_bits", bits)),
    )


def kl_weight(settings: Settings, factor: float) -> Remedy:
    return Remedy(
        f"the weight of KL times {factor:g}",
        "posteriors come nearer to the prior"
        if factor > 1
        else "saying something costs the encoder less than it brings",
        edits=scaled_weights(settings, terms_of(settings, "latent.KL"), factor),
    )
