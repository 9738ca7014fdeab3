"""Terms that make a generator obey the conditions it is given."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Annotated

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from equipoise.recipe import Term
from equipoise.schedule import Rate
from equipoise.spec import Knob
from equipoise.terms.batches import conditions_of, fakes_of, precise
from equipoise.view import Conditions, Judged, PerSample, View

LEAST_MEAN = 2 / 255
"""One step of 8 bits in [-1, 1].  Where fakes, or conditions, differ by less on average, their distances are divided by
this instead: by their mean, the more alike fakes were the larger their gradient would be, without bound."""


@dataclass(frozen=True)
class Auxiliary(Term):
    """The critic also reads the conditions of a sample, and the generator is to be read as it was asked (AC-GAN, Odena
    et al. 2017, arXiv:1610.09585, eq. 3), here for numbers: squared error in place of log-likelihood.

    ::

        critic      mean_k (reading_k(x) - c_k)^2       real samples
        generator   mean_k (reading_k(G(z, c)) - c_k)^2

    The mean is over the conditions, in [0, 1], so the size does not depend on their number: 0.01 is an error of a tenth
    of a condition's range.  At equality 0.  A head that reads the same of every sample pays at least the variance of
    the conditions, 1/12 = 0.083 where they are uniform.

    Theirs trains the head on fakes too.  Ours learns from real samples alone: a fake that does not obey would teach it
    that a sample of any look has any condition.  It sees samples as augmented for the critic; an augmentation that
    changes what a condition is about, as colours do valence, spoils it.
    """

    sides = frozenset({"D", "G"})
    needs = frozenset({"critic", "readings", "conditions", "fakes"})

    weight: Annotated[Rate, Knob("factor of this term, on both sides", low=0, log=True, source="notes")] = 0.5

    def __call__(self, view: View) -> PerSample:
        if view.side == "D":
            return _misread(view.of_real, conditions_of(view, len(view.real)))
        return _misread(view.of_fake, conditions_of(view, len(view.fake)))


@dataclass(frozen=True)
class Diversity(Term):
    """Fakes that were asked for by different conditions must differ, the more so the further apart they were asked for
    (notes: pairwise distance matching; related to mode seeking, Mao et al. 2019, arXiv:1903.05628, section 3.2).

    ::

        mean over j != i of max(0, |c_i - c_j| / C - |G_i - G_j| / X)

    Distances are root mean squares of differences; C and X are their means over all pairs of the batch, at least one
    step of 8 bits, and carry no gradient.  So the value has no unit.  It is 0 only where the distances of the fakes are
    proportional to those of what was asked for.  Fakes that are all equally far apart pay half the relative mean
    deviation of the conditions' distances: 0.20 for two conditions uniform in [0, 1], 0.30 for one.  Fakes that are all
    the same pay 1 on average and get no gradient.  A batch of one sample, or of one condition, pays 0.

    Each fake also has latents of its own, so a distance shows what latents and conditions do together.  That is left
    so: latents are drawn without regard to the conditions, so only a generator that listens to the conditions can order
    its distances by them, and no second pass for equal latents is needed.  What it does not ensure: that the right
    condition has the right look (`Auxiliary` does); that differences are large, since their mean is divided out; that
    fakes of one condition differ among themselves, which it even discourages a little, being 0 only where they do not.
    Pixels of real samples need not follow their conditions either: batches of 16 out of 217 photographs of scenery with
    valence and arousal have 0.24, the same as with their conditions shuffled.  Below that, fakes obey more than
    photographs do.
    """

    sides = frozenset({"G"})
    needs = frozenset({"conditions", "fakes"})

    weight: Annotated[Rate, Knob("factor of this term", low=0, log=True, source="notes")] = 0.3

    def __call__(self, view: View) -> PerSample:
        fakes = fakes_of(view)
        asked = relative_distances(conditions_of(view, len(fakes)))
        missing = F.relu(asked - relative_distances(fakes.flatten(1)))
        return missing.sum(1) / max(len(fakes) - 1, 1)


def relative_distances(points: Float[Tensor, "n d"]) -> Float[Tensor, "n n"]:
    """Root mean square differences of all pairs, divided by their mean over the batch, which carries no gradient.

    The mean counts as `LEAST_MEAN` at least, so all are 0 where no two points differ.  Differences are taken before
    they are squared: distances from a matrix product lose those of near neighbours.
    """
    count, values = points.shape
    with torch.autocast(points.device.type, enabled=False):
        distances = torch.cdist(points, points, compute_mode="donot_use_mm_for_euclid_dist") / math.sqrt(values)
    mean = distances.detach().sum() / max(count * (count - 1), 1)
    return distances / mean.clamp_min(LEAST_MEAN)


def _misread(judged: Judged, conditions: Conditions) -> PerSample:
    """Mean squared error of the critic's readings.  Raises `ValueError` unless there is one for each condition."""
    if judged.readings is None:
        raise ValueError("the critic reads no conditions; take a critic with a head for them")
    if judged.readings.shape != conditions.shape:
        raise ValueError(
            f"the critic gave readings of shape {list(judged.readings.shape)} for conditions of shape "
            f"{list(conditions.shape)}; it must give one for each condition of each sample"
        )
    return (precise(judged.readings) - conditions).square().mean(1)
