"""How unlike a made sample looks to the one it should be."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Literal

import torch
from jaxtyping import Float
from torch import Tensor

from equipoise.edit import Edit
from equipoise.errors import RequestError
from equipoise.recipe import Recipe, Term, edited
from equipoise.schedule import Rate
from equipoise.spec import Knob
from equipoise.terms.batches import pair_of, precise
from equipoise.terms.learned import lpips_distance, lpips_fault
from equipoise.terms.random_features import random_network
from equipoise.view import Features, PerSample, Samples, View

Backend = Literal["lpips", "encoder", "random"]

UNIT_EPS = 1e-6
"""Added under the root of a feature's norm, whose derivative at zero is infinite.  Features below a thousandth count as
nothing rather than being blown up."""


@dataclass(frozen=True)
class Perceptual(Term):
    """Distance between inner maps of a network, of what was made and of what was wanted (Zhang et al. 2018,
    arXiv:1801.03924, eq. 1): less of where each pixel is than of edges, texture and layout.

    At equality 0; no unit, and each `backend` has a scale of its own:

    - ``lpips``: the authors' AlexNet with weights fitted to people's judgement (`equipoise.terms.learned` says how to
      have it).  For pictures of 1 or 3 channels, taken for grey or red, green and blue;
    - ``encoder``: maps of the recipe's own encoder, as it is at the time, each place made a vector of length 1, without
      learned weights.  It knows the data, but only what rebuilding them has taught it;
    - ``random``: the same with a network of fixed random weights, for anything (`equipoise.terms.random_features`);
    - ``auto``: the first of these that can be had.  `chosen_backend` says which and why, for a run to print and keep.
      What it is depends on the machine, so a run that must be the same on another one names its backend.

    Only what was made carries a gradient.  With LPIPS a weight of 0.1 from the start kept any structure from forming;
    0, and from a fifth of the run on a rise to 0.005, did not (notes).
    """

    sides = frozenset({"G"})
    needs = frozenset({"pairs"})

    weight: Annotated[Rate, Knob("factor of this term", low=0, log=True, source="notes, with LPIPS")] = 0.005
    backend: Literal["auto", "lpips", "encoder", "random"] = "auto"

    def __call__(self, view: View) -> PerSample:
        made, wanted = pair_of(view)
        planes, height, width = made.shape[1:]
        backend, _ = chosen_backend(self, view.features is not None, (planes, height, width))
        if backend == "lpips":
            return lpips_distance(made, wanted)
        features = _maps(backend, view, made)
        with torch.no_grad():
            target = features(wanted)
        return feature_distance(features(made), target)


def chosen_backend(term: Perceptual, has_encoder: bool, shape: tuple[int, int, int]) -> tuple[Backend, str]:
    """What the term's distance is taken by, and why, in words.  `shape` is that of a sample: `Space.shape`.

    It answers the same as long as the process lives.  Raises `RequestError` where the recipe names a backend that
    cannot be had.
    """
    fault = lpips_fault(shape)
    if term.backend == "lpips" and fault:
        raise RequestError(f'backend "lpips" cannot be had: {fault}; take "encoder" or "random"')
    if term.backend == "encoder" and not has_encoder:
        raise RequestError('backend "encoder" needs the recipe to have an encoder; set one, or take "random"')
    if term.backend != "auto":
        return term.backend, "named by the recipe"
    if not fault:
        return "lpips", "its weights are at hand"
    if has_encoder:
        return "encoder", f"the recipe's own; LPIPS cannot be had: {fault}"
    return "random", f"there is no encoder, and LPIPS cannot be had: {fault}"


def with_backends(recipe: Recipe, shape: tuple[int, int, int]) -> Recipe:
    """The recipe with the backend of each of its perceptual terms by name, and the reason beside it, so that what was
    chosen is shown, kept, and the same when the run goes on elsewhere.

    Raises `RequestError` where a backend that is named cannot be had.
    """
    for phase_name, phase in recipe.phases.items():
        for name, term in phase.terms.items():
            if not isinstance(term, Perceptual):
                continue
            backend, why = chosen_backend(term, recipe.encoder is not None, shape)
            if term.backend == "auto":
                path = f"phases.{phase_name}.terms.{name}.backend"
                recipe = edited(recipe, [Edit(path, value=backend)], why)
    return recipe


def feature_distance(made: Features, wanted: Features) -> PerSample:
    """LPIPS without its learned weights (Zhang et al. 2018, arXiv:1801.03924, eq. 1 with w = 1).

    ::

        sum over maps of the mean over places of |u(made) - u(wanted)|^2

    where u makes the features of a place a vector of length 1.  At equality 0, at most 4 a map.  In float32 or better.
    """
    distances = [
        (_unit(mine) - _unit(its)).square().sum(1).mean((1, 2)) for mine, its in zip(made, wanted, strict=True)
    ]
    return torch.stack(distances).sum(0)


def _maps(backend: Backend, view: View, made: Samples) -> Callable[[Samples], Features]:
    if backend == "random":
        return random_network(made.shape[1], made.device)
    assert view.features is not None  # or the backend would have been refused
    return view.features


def _unit(features: Float[Tensor, "n c h w"]) -> Float[Tensor, "n c h w"]:
    features = precise(features)
    return features * torch.rsqrt(features.square().sum(1, keepdim=True) + UNIT_EPS)
