"""Texture, whatever is where."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import torch
from jaxtyping import Float
from torch import Tensor

from equipoise.recipe import Term
from equipoise.schedule import Rate
from equipoise.spec import Knob
from equipoise.terms.batches import fakes_of, precise
from equipoise.terms.random_features import random_network
from equipoise.view import PerSample, View


@dataclass(frozen=True)
class Texture(Term):
    """Gram matrices of feature maps (Gatys et al. 2015, arXiv:1505.07376, eqs. 1 to 3): their mean over the fakes
    against their mean over the real samples, both of the batch and before augmentation.

    ::

        mean over maps of the mean over c, d of (mean over z of Gram(G(z)) - mean over x of Gram(x))_cd^2
        Gram(x)_cd = mean over places of F_c F_d

    F are the maps of `equipoise.terms.random_features`, since random filters do as well for textures (Ustyuzhaninov et
    al. 2016, arXiv:1606.00021).  Gram matrices are means over places and differences means over their entries, so the
    size depends neither on the sample's size nor on the maps' widths.  No unit.

    Theirs has one texture to make.  Here there are many, and neither a mean nor a real sample that happens to stand
    beside a fake is what that fake should be: compared by itself with either, a fake is drawn to the mean of all
    textures, which is flat.  Of photographs of scenery at 64 pixels, each against the mean of 16 others, as they are
    cost 0.0064, at half contrast 0.0043, and plain grey 0.0061.  Mean against mean it is 0.0007, 0.0033 and 0.0061.

    So it belongs to the batch of this process as a whole and is the same for each of its samples.  Fakes that are
    distributed as the real samples are pay 2 / N of how much the Gram matrices of those vary; 0 is out of reach.
    """

    sides = frozenset({"G"})
    needs = frozenset({"fakes"})

    weight: Annotated[Rate, Knob("factor of this term", low=0, log=True, source="guess")] = 1.0

    def __call__(self, view: View) -> PerSample:
        fakes, real = fakes_of(view), precise(view.wanted.real)
        if fakes.shape[1:] != real.shape[1:]:
            raise ValueError(f"fakes of shape {list(fakes.shape[1:])} meet real samples of {list(real.shape[1:])}")
        network = random_network(fakes.shape[1], fakes.device)
        with torch.no_grad():
            targets = [gram(maps).mean(0) for maps in network(real)]
        differences = [gram(maps).mean(0) - target for maps, target in zip(network(fakes), targets, strict=True)]
        return torch.stack([difference.square().mean() for difference in differences]).mean().expand(len(fakes))


def gram(maps: Float[Tensor, "n c h w"]) -> Float[Tensor, "n c c"]:
    """Mean products of every two channels over all places."""
    flat = maps.flatten(2)
    with torch.autocast(flat.device.type, enabled=False):
        return flat @ flat.mT / flat.shape[2]
