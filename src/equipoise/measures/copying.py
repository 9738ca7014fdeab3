"""Are samples copies of the training data?  Their distance to it, against that of real samples never trained on.

Held-out samples are what an honest generator's would be like: as far from the training data as the data themselves.
Samples that lie nearer are copied; samples that lie farther are unlike the data.

- copying: the share of pairs in which the fake is nearer to the training data than the held-out sample, in each cell of
  the training data by itself; 0.5 for real data, 1 for copies.  It is the C_T of Meehan et al. 2020 (arXiv:2004.05675,
  section 3) before their normal approximation, which would make it depend on the number of samples; `c_t` is theirs.
- nearest: the median distance of fakes to their nearest training sample, against that of held-out samples.
- memory: the share of fakes whose nearest real sample is a training sample and not a held-out one, beyond what chance
  gives: of T training samples and H held-out ones it is a training sample in T / (T + H) of all cases, whatever the
  fakes are like, unless they know the training samples.  0 for real data, 1 for copies.  Its floor is the same with T
  samples dealt anew as training samples: a few real ones may be nearest to nearly all fakes, to blurred ones above all,
  and lie on one side by chance.

The first two are also moved by blur: a sample without details is near to everything, training data included.  Only
memory is not told by it, so that it alone speaks of copies.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence

import torch
from jaxtyping import Float, Int
from torch import Tensor

from equipoise.measures.features import Vectors
from equipoise.measures.reading import DEFAULT_NUMBERS, ROUNDS, Reading
from equipoise.randomness import mix

Placed = Float[Tensor, "n 2"]
"""For each sample, the distance to the nearest training sample, and the number of its cell."""

SAMPLES_PER_CELL = 50
"""Held-out samples that a cell should hold on average."""
MOST_CELLS = 10
CHUNK = 1024
TWIN = 0.5
"""Of a real sample's distance to its nearest neighbour.  On EuroSAT, of layouts of 8 x 8: 0.5 % of other tiles, all
copies with noise of 3 levels of 255, all that are moved by a pixel, 60 % of blurred ones."""


def placed(train: Vectors, *others: Vectors) -> list[Placed]:
    """Each sample of each other set, placed.  The first of these sets decides how many cells are worth having.

    Raises `ValueError` without training samples.
    """
    if not len(train):
        raise ValueError("without training samples nothing can be a copy")
    centres = _centres(train, min(MOST_CELLS, max(1, len(others[0]) // SAMPLES_PER_CELL)))
    return [torch.stack([_nearest(train, set_), _cell(centres, set_)], dim=1) for set_ in others]


def copying(held_out: Placed, fake: Placed) -> Mapping[str, float]:
    """Both numbers.  NaN where no cell has samples of both sets, or all held-out samples are copies themselves."""
    weights, shares = [], []
    for real, made in _by_cell(held_out, fake):
        weights.append(len(real))
        shares.append(_share_nearer(real, made))
    total = sum(share * weight for share, weight in zip(shares, weights, strict=True))
    usual = held_out[:, 0].median().item()
    return {
        "copying": total / sum(weights) if weights else math.nan,
        "nearest": fake[:, 0].median().item() / usual if usual > 0 else math.nan,
    }


def memory(spaces: Sequence[tuple[Vectors, Vectors, Vectors]], seed: int, among: int = DEFAULT_NUMBERS) -> Reading:
    """The third number, averaged over spaces: vectors of training samples, of held-out ones and of fakes for each."""
    nearest = [_place_of_nearest(torch.cat([held_out, train]), fake) for train, held_out, fake in spaces]
    train, held_out, fake = spaces[0]
    is_train = torch.arange(len(held_out) + len(train)) >= len(held_out)
    values: list[float] = []
    floors: list[float] = []
    for number in range(ROUNDS):
        source = torch.Generator().manual_seed(mix(seed, "memory", number))
        half = torch.randperm(len(fake), generator=source)[: len(fake) // 2]
        dealt = is_train[torch.randperm(len(is_train), generator=source)]
        for into, labels, chosen in ((values, is_train, half), (floors, dealt, slice(None))):
            share = torch.stack([labels[places[chosen]].double().mean() for places in nearest]).mean().item()
            into.append(beyond_chance(share, len(train), len(held_out)))
    return Reading("memory", tuple(values), tuple(floors), among)


def twins(real: Vectors, *fakes: Vectors) -> float:
    """Share of fakes that lie less than half as far from a real sample as that one lies from any that is not its equal.

    Of samples of the same distribution it is next to nothing, about 2 to the minus the number of ways in which they
    vary; of copies it is 1.  Which samples were trained on need not be known.  Several sets are the same fakes seen in
    different ways, such as mirrored: a fake counts that is a copy in any of them.  0 where all real samples are equal,
    for then nothing says what is near.
    """
    real = torch.unique(real, dim=0)  # a sample that is there twice would lie at no distance from another
    if len(real) < 2:
        return 0.0
    others = torch.cdist(real, real).fill_diagonal_(math.inf).amin(1)
    are_copies = []
    for fake in fakes:
        nearest = _place_of_nearest(real, fake)
        are_copies.append((fake - real[nearest]).norm(dim=1) < TWIN * others[nearest])
    return float(torch.stack(are_copies).any(0).double().mean())


def beyond_chance(share: float, num_train: int, num_held_out: int) -> float:
    """Of fakes that are nearest to a training sample: 0 for the share of training samples among all, 1 for 1."""
    by_chance = num_train / (num_train + num_held_out)
    return (share - by_chance) / (1.0 - by_chance)


def c_t(held_out: Placed, fake: Placed) -> float:
    """Meehan et al. 2020, eq. 1 and section 3.2: the mean over cells of the Mann-Whitney statistic in units of its
    standard deviation.  Around 0 for real data; below -3 copies, above 3 samples unlike the data.  Grows with the root
    of the number of samples."""
    weights, scores = [], []
    for real, made in _by_cell(held_out, fake):
        n, m = len(real), len(made)
        deviation = math.sqrt((n + m + 1) / (12.0 * n * m))
        weights.append(n)
        scores.append((0.5 - _share_nearer(real, made)) / deviation)
    return sum(score * weight for score, weight in zip(scores, weights, strict=True)) / sum(weights)


def _by_cell(held_out: Placed, fake: Placed) -> Iterator[tuple[Tensor, Tensor]]:
    """Distances of both sets in each cell that has some of both."""
    for cell in sorted(set(held_out[:, 1].tolist())):
        real, made = (points[points[:, 1] == cell, 0] for points in (held_out, fake))
        if len(real) and len(made):
            yield real, made


def _share_nearer(real: Tensor, made: Tensor) -> float:
    """Pairs in which the fake is nearer; equal ones count half."""
    order = real.sort().values
    farther = len(real) - torch.searchsorted(order, made, right=True)
    equal = torch.searchsorted(order, made, right=True) - torch.searchsorted(order, made)
    return (farther.sum().item() + 0.5 * equal.sum().item()) / (len(real) * len(made))


def _nearest(train: Vectors, others: Vectors) -> Tensor:
    return torch.cat([torch.cdist(part, train).amin(1) for part in torch.split(others, CHUNK)])


def _place_of_nearest(reals: Vectors, others: Vectors) -> Int[Tensor, " n"]:
    """The earliest of several that are equally near."""
    return torch.cat([torch.cdist(part, reals).argmin(1) for part in torch.split(others, CHUNK)])


def _cell(centres: Vectors, others: Vectors) -> Tensor:
    return torch.cdist(others, centres).argmin(1).to(others.dtype)


def _centres(train: Vectors, number: int) -> Vectors:
    if number == 1:
        return train.mean(0, keepdim=True)
    from sklearn.cluster import KMeans  # takes a second to import

    found = KMeans(number, n_init=1, random_state=0).fit(train.numpy())
    return torch.from_numpy(found.cluster_centers_).to(train.dtype)
