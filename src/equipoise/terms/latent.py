"""What an encoder's posterior costs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import torch
from jaxtyping import Float
from torch import Tensor

from equipoise.recipe import Term
from equipoise.schedule import Rate
from equipoise.spec import Knob
from equipoise.terms.batches import precise
from equipoise.view import PerSample, Posterior, View

ACTIVE_NATS = 0.005
"""Mean divergence above which a latent dimension counts as active.  Burda et al. 2016 (arXiv:1509.00519, section 5.2)
ask for means whose variance is above 0.01; half of that variance is part of the divergence."""


@dataclass(frozen=True)
class KL(Term):
    """Divergence of an encoder's posterior N(m, s^2) from N(0, 1), summed over the latent dimensions (Kingma & Welling
    2014, arXiv:1312.6114, appendix B), divided by the number V of values in a sample.

    ::

        sum_j 1/2 (m_j^2 + s_j^2 - 1 - ln s_j^2) / V

    In nats per value, 0 where the posterior is N(0, 1) whatever the sample.  V is there because `MSE` and `L1` are
    means over the values of a sample, while the papers sum over them.  Beside a reconstruction of weight 1, the weight
    that stands for a beta of the literature (Higgins et al. 2017, "beta-VAE", eq. 4; 1 is the evidence bound) is::

        2 v beta    beside MSE, for a normal decoder of variance v
        b beta      beside L1, for a Laplace decoder of scale b
        beta        beside MSE, where the squared error was summed over values and not halved
        V beta      where the error was averaged over values, as here, and the divergence summed
        V beta / Z  where both were averaged, the divergence over its Z dimensions

    with v and b in units of [-1, 1]; where a squared error was that of values in [0, 1], the last three are 4 times as
    much.  The likelihood's own choice of v is the MSE that is reached (Rybkin et al. 2021, arXiv:2006.13202), so for a
    beta of 1 and rebuilt samples at 20 dB the weight is 0.08.

    `free_bits` (Kingma et al. 2016, arXiv:1606.04934, eq. 15) takes the pull off dimensions that are hardly used::

        sum_j max(free_bits, mean over the batch of dimension j)

    Their mean is over the batch, here that of this process.  A sample is given its own divergence in dimensions whose
    mean is above `free_bits` and `free_bits` in the others, so that the mean of what is given, and its gradient, are
    exactly theirs.  The least value is then Z free_bits / V.

    Notes `kl_nats`, the divergence [N] of each sample, summed and undivided, without free bits, and `kl_active`, the
    number of dimensions whose mean is above 0.005 nats, the same for each sample.
    """

    sides = frozenset({"G"})
    needs = frozenset({"encoder"})
    notes = ("kl_nats", "kl_active")

    weight: Annotated[
        Rate,
        Knob("2 beta times the decoder's variance, beside MSE", low=0, log=True, source="beta 1 and a variance of 1/2"),
    ] = 1.0
    free_bits: Annotated[
        float,
        Knob("divergence of a latent dimension that costs nothing", low=0, unit="nats", source="Kingma & Welling 2014"),
    ] = 0.0

    def __call__(self, view: View) -> PerSample:
        rebuilt = view.rebuilt
        nats = divergence(rebuilt.posterior)
        mean = nats.detach().mean(0)
        view.note("kl_nats", nats.detach().sum(1))
        view.note("kl_active", (mean > ACTIVE_NATS).sum().to(nats.dtype).expand(len(nats)))
        counted = torch.where(mean > self.free_bits, nats, self.free_bits)
        return counted.sum(1) / rebuilt.samples[0].numel()


def divergence(posterior: Posterior) -> Float[Tensor, "n z"]:
    """Of each latent dimension from N(0, 1), in nats, in float32 or better.

    Raises `ValueError` where means and variances differ in shape and would broadcast.
    """
    mean, log_variance = precise(posterior.mean), precise(posterior.log_variance)
    if mean.shape != log_variance.shape:
        raise ValueError(
            f"the encoder gave means of shape {list(mean.shape)} and log-variances of shape "
            f"{list(log_variance.shape)}; it must give one of each for every latent dimension"
        )
    return 0.5 * (mean.square() + torch.expm1(log_variance) - log_variance)
