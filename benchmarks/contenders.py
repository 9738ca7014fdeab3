"""The plain GAN that our recipes are measured beside."""

from __future__ import annotations

from equipoise.networks.dcgan import DcganCritic, DcganGenerator
from equipoise.recipe import Adam, Average, Cadence, Phase, Recipe, Source, Span
from equipoise.terms import BCE

UNTIL_STOPPED = 10**6


def plain_dcgan(source: Source) -> Recipe:
    """DCGAN as published (Radford et al. 2016, arXiv:1511.06434): batch norm, cross-entropy, Adam at 2e-4 and 0.5.

    With the average of weights that all recipes here have, which flatters it.
    """
    adam = Adam(lr=2e-4, beta1=0.5, beta2=0.999)
    return Recipe(
        source=source,
        generator=DcganGenerator(latent=100, width=64),
        critic=DcganCritic(width=64),
        phases={"main": Phase(Span(UNTIL_STOPPED), {"bce": BCE()}, share_fakes=True)},
        g_optim=adam,
        d_optim=adam,
        average=Average(decay=0.998),
        batch=64,
        cadence=Cadence(tick_steps=20, sheet_steps=400),
    )
