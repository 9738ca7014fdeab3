"""What docstrings of terms say of photographs, on 217 photographs of scenery with valence and arousal."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor
from torch.nn import functional as F

from equipoise.recipe import Term
from equipoise.terms import Diversity, Perceptual, Texture
from equipoise.terms.random_features import DETAIL_GAIN, _with_details
from views import asked, paired

pytestmark = pytest.mark.real


@pytest.fixture(scope="module")
def scenery(shared_data: Path) -> tuple[Tensor, Tensor]:
    """Samples [217, 3, 64, 64] in [-1, 1] and their two conditions in [0, 1]."""
    folder = shared_data / "landscapes" / "oasis_scenery"
    samples, conditions = [], []
    with (folder / "OASIS.csv").open(newline=None) as file:
        for row in csv.DictReader(file):
            path = folder / "images" / f"{row['Theme'].strip()}.jpg"
            if path.exists():
                square = Image.open(path).convert("RGB").crop((50, 0, 450, 400))
                small = square.resize((64, 64), Image.Resampling.LANCZOS)
                samples.append(torch.from_numpy(np.array(small)).permute(2, 0, 1) / 127.5 - 1)
                conditions.append([(float(row[f"{name}_mean"]) - 1) / 6 for name in ("Valence", "Arousal")])
    return torch.stack(samples), torch.tensor(conditions)


def blurred(samples: Tensor) -> Tensor:
    """By a Gaussian of deviation 1 pixel."""
    kernel = torch.exp(-0.5 * torch.arange(-4, 5).square())
    kernel = torch.outer(kernel, kernel).div(kernel.sum() ** 2).expand(3, 1, 9, 9)
    return F.conv2d(F.pad(samples, (4, 4, 4, 4), mode="replicate"), kernel, groups=3)


def test_texture_costs_photographs_less_than_what_is_flatter(scenery: tuple[Tensor, Tensor]) -> None:
    samples, _ = scenery
    costs: dict[str, list[float]] = {"as they are": [], "half contrast": [], "grey": []}
    for _ in range(10):
        fakes, real = samples[torch.randperm(len(samples))[:32]].split(16)
        for name, made in (("as they are", fakes), ("half contrast", fakes / 2), ("grey", 0 * fakes + samples.mean())):
            costs[name].append(Texture()(paired(made, real))[0].item())
    means = {name: float(np.mean(found)) for name, found in costs.items()}
    assert means == pytest.approx({"as they are": 0.0007, "half contrast": 0.0033, "grey": 0.0061}, rel=0.25)


@pytest.mark.parametrize("shuffled", [False, True])
def test_diversity_sees_no_order_in_the_pixels_of_photographs(scenery: tuple[Tensor, Tensor], shuffled: bool) -> None:
    samples, conditions = scenery
    term, costs = Diversity(), []
    for _ in range(200):
        chosen, other = (torch.randperm(len(samples))[:16] for _ in range(2))
        costs.append(term(asked(samples[chosen], conditions[other if shuffled else chosen])).mean().item())
    assert float(np.mean(costs)) == pytest.approx(0.24, abs=0.01)


def test_random_features_count_blur_8_times_as_much_as_brightness(scenery: tuple[Tensor, Tensor]) -> None:
    samples, _ = scenery
    term: Term = Perceptual(backend="random")
    soft, light = blurred(samples), samples + 0.1
    assert (soft - samples).square().mean() == pytest.approx(0.1**2 / (2 / 3), rel=0.05)
    ratio = term(paired(soft, samples)).mean() / term(paired(light, samples)).mean()
    assert ratio == pytest.approx(8.4, rel=0.05)


def test_details_are_brought_to_the_strength_of_the_samples(scenery: tuple[Tensor, Tensor]) -> None:
    samples, details = _with_details(scenery[0]).split(3, dim=1)
    assert samples.std() / details.std() == pytest.approx(4.3 / DETAIL_GAIN, rel=0.05)
