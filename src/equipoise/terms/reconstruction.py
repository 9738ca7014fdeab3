"""How far a made sample is from the one it should be, value by value.

Differences are in the units of the networks, where a channel spans [-1, 1]: 1 is half of a channel's range.  A
categorical plane spans [0, 1], so 1 is all of it.
"""

from __future__ import annotations

from dataclasses import dataclass

from equipoise.recipe import Term
from equipoise.terms.batches import pair_of
from equipoise.view import PerSample, View


@dataclass(frozen=True)
class L1(Term):
    """Mean absolute error over all values of a sample (for super-resolution Lim et al. 2017, arXiv:1707.02921,
    section 4.2).

    ::

        mean |made - wanted|

    At equality 0, at most 2.  Where several samples are possible its minimum is their median, value by value, which is
    blurred like any average but less than `MSE`'s.
    """

    sides = frozenset({"G"})
    needs = frozenset({"pairs"})

    def __call__(self, view: View) -> PerSample:
        made, wanted = pair_of(view)
        return (made - wanted).abs().mean((1, 2, 3))


@dataclass(frozen=True)
class MSE(Term):
    """Mean squared error over all values of a sample; up to a factor the negative log-likelihood of a normal decoder
    of fixed variance (Kingma & Welling 2014, arXiv:1312.6114, appendix C.2).

    ::

        mean (made - wanted)^2

    At equality 0, at most 4.  Values span 2, so the PSNR of a sample is 10 log10(4 / MSE) dB: 0.04 is 20 dB and 0.004
    is 30 dB.  The mean of samples' PSNRs is not the PSNR of their mean error; it is never lower.  Where several samples
    are possible the minimum is their mean.
    """

    sides = frozenset({"G"})
    needs = frozenset({"pairs"})

    def __call__(self, view: View) -> PerSample:
        made, wanted = pair_of(view)
        return (made - wanted).square().mean((1, 2, 3))
