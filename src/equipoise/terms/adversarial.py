"""Adversarial losses: for each, the critic's and the generator's objective side by side.

Notation: x is a real sample, G(z) a fake, D the critic's raw score.  Both objectives are minimised.  The critic's is
the sum of its real and its fake part, not their mean.  "At equilibrium" is where the critic cannot tell the two apart;
"floor" is the critic's loss when it tells them apart perfectly.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated

import torch
import torch.nn.functional as F

from equipoise.recipe import Adversarial
from equipoise.spec import Knob, Problem
from equipoise.terms.scores import one_each
from equipoise.view import PerSample, Scores, View

Label = float | tuple[float, float]
"""A fixed label, or the range from which each sample's label is drawn uniformly."""


@dataclass(frozen=True)
class BCE(Adversarial):
    """Binary cross-entropy on logits (Goodfellow et al. 2014, arXiv:1406.2661, eq. 1).

    ::

        critic      softplus(-D(x)) + softplus(D(G(z)))     with labels 1 and 0
        generator   softplus(-D(G(z)))                      non-saturating, their section 3
                    -softplus(D(G(z)))                      saturating, their eq. 1

    At equilibrium D = 0: critic 2 ln 2 = 1.386, generator ln 2 = 0.693, saturating -0.693.  Floor 0.
    With one-sided smoothing to 0.9 (Salimans et al. 2016, arXiv:1606.03498, section 3.4) the best blind critic says
    p = 0.45 of everything: critic 1.376, generator 0.799, floor 0.325, which is the entropy of the label.
    """

    real_label: Annotated[
        Label, Knob("target for real samples, fixed or a range drawn from", low=0, high=1, source="Goodfellow 2014")
    ] = 1.0
    fake_label: Annotated[
        Label,
        Knob("target for fakes, fixed or a range drawn from", low=0, high=1, source="Goodfellow 2014"),
    ] = 0.0
    generator_label: Annotated[
        float, Knob("the generator's target for its fakes", low=0, high=1, source="Goodfellow 2014, section 3")
    ] = 1.0
    saturating: bool = False
    """Whether the generator minimises log(1 - p), whose gradient vanishes where the critic is sure."""

    def problems(self) -> Iterator[Problem]:
        yield from super().problems()
        for name, label in (("real_label", self.real_label), ("fake_label", self.fake_label)):
            low, high = _ends(label)
            if low > high:
                yield Problem(name, f"is the range {low:g} to {high:g}; the lower end comes first")
        if _ends(self.real_label)[0] <= _ends(self.fake_label)[1]:
            yield Problem("fake_label", "must lie wholly below real_label, or the critic is taught the opposite")
        if self.saturating and self.generator_label != 1.0:
            yield Problem("generator_label", "does nothing when saturating is true; leave it at 1")

    def critic_loss(self, view: View) -> PerSample:
        real, fake = _both(view)
        return _cross_entropy(real, self.real_label) + _cross_entropy(fake, self.fake_label)

    def generator_loss(self, view: View) -> PerSample:
        fake = _fake(view)
        if self.saturating:
            return -F.softplus(fake)
        return _cross_entropy(fake, self.generator_label)

    def probability(self, scores: PerSample) -> PerSample:
        return torch.sigmoid(scores)


@dataclass(frozen=True)
class LeastSquares(Adversarial):
    """LSGAN (Mao et al. 2017, arXiv:1611.04076, eq. 2), without its factor 1/2.

    ::

        critic      (D(x) - real)^2 + (D(G(z)) - fake)^2
        generator   (D(G(z)) - generator)^2

    At equilibrium D is the mean of the two targets.  Targets 1, 0, 1 (eq. 9): critic 0.5, generator 0.25.
    Targets 1, -1, 0 (eq. 8, Pearson chi-square): critic 2, generator 0.  Floor 0.
    """

    real: Annotated[float, Knob("the critic's target for real samples", source="Mao et al. 2017, eq. 9")] = 1.0
    fake: Annotated[float, Knob("the critic's target for fakes", source="Mao et al. 2017, eq. 9")] = 0.0
    generator: Annotated[float, Knob("the generator's target for its fakes", source="Mao et al. 2017, eq. 9")] = 1.0

    def problems(self) -> Iterator[Problem]:
        yield from super().problems()
        if self.real == self.fake:
            yield Problem("fake", f"is {self.fake:g} like real; with one target there is nothing to tell apart")
        elif self.generator == self.fake:
            yield Problem("generator", f"is {self.generator:g} like fake; the generator would help the critic")

    def critic_loss(self, view: View) -> PerSample:
        real, fake = _both(view)
        return (real - self.real).square() + (fake - self.fake).square()

    def generator_loss(self, view: View) -> PerSample:
        return (_fake(view) - self.generator).square()


@dataclass(frozen=True)
class Hinge(Adversarial):
    """Hinge loss (Lim & Ye 2017, arXiv:1705.02894; as in Miyato et al. 2018, arXiv:1802.05957, eqs. 16 and 17).

    ::

        critic      max(0, 1 - D(x)) + max(0, 1 + D(G(z)))
        generator   -D(G(z))

    At equilibrium D = 0: critic 2, generator 0, which is free of offset and so says little.  Floor 0.
    """

    def critic_loss(self, view: View) -> PerSample:
        real, fake = _both(view)
        return F.relu(1.0 - real) + F.relu(1.0 + fake)

    def generator_loss(self, view: View) -> PerSample:
        return -_fake(view)


@dataclass(frozen=True)
class Wasserstein(Adversarial):
    """Wasserstein loss (Arjovsky et al. 2017, arXiv:1701.07875, eqs. 2 and 3); it needs a penalty on the slope.

    ::

        critic      D(G(z)) - D(x)          minus the critic's estimate of the distance
        generator   -D(G(z))

    At equilibrium the critic's loss is 0, reached from below; the generator's has a meaningless offset.  No floor.
    """

    def critic_loss(self, view: View) -> PerSample:
        real, fake = _both(view)
        return fake - real

    def generator_loss(self, view: View) -> PerSample:
        return -_fake(view)


@dataclass(frozen=True)
class RelativisticPairing(Adversarial):
    """RpGAN with the logistic function (RSGAN of Jolicoeur-Martineau 2018, arXiv:1807.00734; R3GAN's loss, Huang et
    al. 2024, arXiv:2501.05441, eq. 2, in its non-saturating form).

    ::

        critic      softplus(-(D(x) - D(G(z))))
        generator   softplus(-(D(G(z)) - D(x)))

    Each fake is compared with the real sample beside it; a constant added to all scores changes nothing.
    At equilibrium both are ln 2 = 0.693.  Floor 0.
    """

    def critic_loss(self, view: View) -> PerSample:
        real, fake = _both(view)
        return F.softplus(fake - real)

    def generator_loss(self, view: View) -> PerSample:
        real, fake = _both(view)
        return F.softplus(real - fake)


@dataclass(frozen=True)
class RelativisticAverage(Adversarial):
    """RaGAN with the logistic function (RaSGAN of Jolicoeur-Martineau 2018, arXiv:1807.00734, section 4.2).

    ::

        critic      softplus(-(D(x) - mean D(G(z)))) + softplus(D(G(z)) - mean D(x))
        generator   the same with x and G(z) exchanged

    Each sample is compared with the mean score of the other side, over the batch of this process.
    At equilibrium each part is ln 2, so both losses are 2 ln 2 = 1.386.  Floor 0.
    """

    def critic_loss(self, view: View) -> PerSample:
        real, fake = _both(view)
        return F.softplus(fake.mean() - real) + F.softplus(fake - real.mean())

    def generator_loss(self, view: View) -> PerSample:
        real, fake = _both(view)
        return F.softplus(real.mean() - fake) + F.softplus(real - fake.mean())


def _fake(view: View) -> Scores:
    return one_each(view.fake_scores, view.fake)


def _both(view: View) -> tuple[Scores, Scores]:
    """The scores of the real batch and of the fakes.  Raises `ValueError` when they cannot be paired."""
    real, fake = one_each(view.real_scores, view.real), _fake(view)
    if real.shape != fake.shape:
        raise ValueError(f"{len(real)} real samples meet {len(fake)} fakes; a loss per sample needs as many of each")
    return real, fake


def _cross_entropy(scores: Scores, label: Label) -> PerSample:
    """Between sigmoid(`scores`) and a label, for each sample its own where `label` is a range."""
    low, high = _ends(label)
    labels = torch.full_like(scores, low)
    if low < high:
        labels = labels + (high - low) * torch.rand_like(scores)
    return F.binary_cross_entropy_with_logits(scores, labels, reduction="none")


def _ends(label: Label) -> tuple[float, float]:
    return label if isinstance(label, tuple) else (label, label)
