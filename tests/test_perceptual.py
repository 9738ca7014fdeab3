"""Perceptual distance and texture: their features, their numbers, and which backend is taken when and why."""

from __future__ import annotations

import math
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from equipoise.errors import RequestError
from equipoise.terms import Perceptual, Texture, chosen_backend, learned
from equipoise.terms.perceptual import feature_distance
from equipoise.terms.random_features import WIDTHS, random_network
from equipoise.terms.texture import gram
from equipoise.view import Batch
from views import bare, everything, halved, paired

RANDOM = Perceptual(backend="random")
CPU = torch.device("cpu")
WRITTEN_DOWN = ([-0.0029971266631036997, 0.2147493064403534, -0.32948175072669983], -0.16780990362167358)
"""Of the network for two channels the first row of the first kernel, and the first bias."""
MEANS = (0.194512, 0.231270, 0.339627, 0.286399)
"""Of its maps of 512 numbers that rise evenly from -1 to 1."""


@pytest.fixture(scope="module")
def photographs() -> Tensor:
    """[16, 3, 64, 64] in [-1, 1]: pieces of the two photographs that scikit-learn brings, at a third of their size."""
    from sklearn.datasets import load_sample_images

    pictures = torch.from_numpy(np.stack(load_sample_images().images)).permute(0, 3, 1, 2) / 127.5 - 1
    small = F.avg_pool2d(pictures, 3)[:, :, :128, :192]
    return small.unfold(2, 64, 64).unfold(3, 64, 48).permute(0, 2, 3, 1, 4, 5).reshape(-1, 3, 64, 64)[:16].clone()


def blurred(samples: Tensor, deviation: float) -> Tensor:
    places = torch.arange(-12, 13)
    kernel = torch.exp(-0.5 * (places / deviation) ** 2)
    kernel = (kernel / kernel.sum()).view(1, 1, 1, -1).expand(samples.shape[1], 1, 1, -1)
    for turned in (kernel, kernel.mT):
        sides = (12, 12, 0, 0) if turned.shape[3] > 1 else (0, 0, 12, 12)
        samples = F.conv2d(F.pad(samples, sides, mode="replicate"), turned, groups=samples.shape[1])
    return samples


# The distance


def test_the_distance_is_what_it_is_by_hand() -> None:
    """Places of two channels: the same direction, at right angles, opposed; a second map of one place."""
    mine = (
        torch.tensor([[3.0, 1.0, 1.0], [0.0, 0.0, 0.0]]).view(1, 2, 1, 3),
        torch.tensor([0.0, 2.0]).view(1, 2, 1, 1),
    )
    its = (
        torch.tensor([[1.0, 0.0, -5.0], [0.0, 2.0, 0.0]]).view(1, 2, 1, 3),
        torch.tensor([1.0, 0.0]).view(1, 2, 1, 1),
    )
    torch.testing.assert_close(feature_distance(mine, its), torch.tensor([(0 + 2 + 4) / 3 + 2]))


@pytest.mark.parametrize("backend", ["random", "encoder"])
def test_the_term_equals_its_slow_twin(backend: Any) -> None:
    view = everything()
    features = halved if backend == "encoder" else random_network(3, CPU)
    made, wanted = view.pair
    expected = []
    for one, other in zip(made.detach(), wanted, strict=True):
        total = 0.0
        for mine, its in zip(features(one[None]), features(other[None]), strict=True):
            places = [(mine[0, :, y, x], its[0, :, y, x]) for y in range(mine.shape[2]) for x in range(mine.shape[3])]
            total += sum(((a / a.norm() - b / b.norm()) ** 2).sum().item() for a, b in places) / len(places)
        expected.append(total)
    torch.testing.assert_close(Perceptual(backend=backend)(view), torch.tensor(expected), rtol=1e-3, atol=1e-4)


def test_what_is_the_same_costs_nothing_and_a_place_without_features_makes_no_nan() -> None:
    samples = torch.rand(2, 3, 8, 8).requires_grad_()
    assert RANDOM(paired(samples, samples.detach())).tolist() == [0.0, 0.0]
    nothing = torch.zeros(2, 3, 8, 8).requires_grad_()
    loss = feature_distance((nothing,), (torch.ones(2, 3, 8, 8),))
    (gradient,) = torch.autograd.grad(loss.sum(), nothing)
    assert loss.isfinite().all()
    assert gradient.isfinite().all()


@pytest.mark.parametrize("deviations", [(0.5, 1.0), (1.0, 2.0), (2.0, 4.0)])
def test_more_blur_is_further_away(photographs: Tensor, deviations: tuple[float, float]) -> None:
    less, more = (RANDOM(paired(blurred(photographs, of), photographs)) for of in deviations)
    assert (more > less).all()


def test_more_noise_and_less_contrast_are_further_away(photographs: Tensor) -> None:
    noise = torch.randn_like(photographs)
    less, more = (RANDOM(paired(photographs + of * noise, photographs)) for of in (0.05, 0.2))
    assert (more > less).all()
    little, half, none = (RANDOM(paired(of * photographs, photographs)).mean() for of in (0.8, 0.5, 0.01))
    assert 0 < little < half < none


def test_blur_counts_more_than_a_change_of_brightness_by_as_much(photographs: Tensor) -> None:
    soft = blurred(photographs, 1.0)
    light = photographs + (soft - photographs).square().mean((1, 2, 3), keepdim=True).sqrt()
    assert RANDOM(paired(soft, photographs)).mean() > 4 * RANDOM(paired(light, photographs)).mean()


def test_following_the_gradient_brings_what_was_made_to_what_was_wanted(photographs: Tensor) -> None:
    wanted = photographs[:2, :, :32, :32]
    made = blurred(wanted, 2.0).requires_grad_()
    first = (made - wanted).square().mean().item()
    optimiser = torch.optim.Adam([made], lr=0.02)
    for _ in range(30):
        optimiser.zero_grad()
        RANDOM(paired(made, wanted)).sum().backward()
        optimiser.step()
    assert (made - wanted).square().mean().item() < 0.5 * first


# The random network


@pytest.mark.parametrize("shape", [(1, 1, 1, 1), (2, 1, 5, 7), (2, 13, 32, 16), (1, 3, 33, 64)])
def test_there_are_maps_for_any_size_and_any_number_of_channels(shape: tuple[int, ...]) -> None:
    maps = random_network(shape[1], CPU)(torch.rand(shape))
    sides = [tuple(math.ceil(side / 2**at) for side in shape[2:]) for at in range(len(WIDTHS))]
    assert [tuple(each.shape) for each in maps] == [
        (shape[0], width, *each) for width, each in zip(WIDTHS, sides, strict=True)
    ]


def test_the_network_is_the_same_everywhere_and_made_once() -> None:
    """Weights to the bit, as they were written down; answers as far as convolutions agree."""
    torch.manual_seed(12)
    before = torch.get_rng_state()
    network = random_network(2, CPU)
    random_network.cache_clear()
    again = random_network(2, CPU)
    assert random_network(2, CPU) is again
    assert torch.equal(torch.get_rng_state(), before)
    assert all(torch.equal(a, b) for a, b in zip(sum(network.layers, ()), sum(again.layers, ()), strict=True))
    weight, bias = again.layers[0]
    assert (weight[0, 0, 0].tolist(), bias[0].item()) == WRITTEN_DOWN
    steps = torch.linspace(-1, 1, 2 * 16 * 16).view(1, 2, 16, 16)
    torch.testing.assert_close(
        torch.stack([each.mean() for each in again(steps)]), torch.tensor(MEANS), rtol=1e-4, atol=1e-5
    )


def test_maps_neither_grow_nor_fade_from_layer_to_layer(photographs: Tensor) -> None:
    sizes = [each.square().mean().sqrt().item() for each in random_network(3, CPU)(photographs)]
    assert all(0.2 < size < 2.0 for size in sizes)


# Texture


def test_a_gram_matrix_is_what_it_is_by_hand_and_by_loops() -> None:
    maps = torch.tensor([[1.0, 2.0], [3.0, 4.0]]).view(1, 2, 1, 2)
    torch.testing.assert_close(gram(maps), torch.tensor([[[2.5, 5.5], [5.5, 12.5]]]))
    maps = torch.randn(2, 3, 4, 5)
    expected = torch.zeros(2, 3, 3)
    for n, c, d, y, x in np.ndindex(2, 3, 3, 4, 5):
        expected[n, c, d] += maps[n, c, y, x] * maps[n, d, y, x] / 20
    torch.testing.assert_close(gram(maps), expected)


def test_texture_equals_its_slow_twin() -> None:
    view = everything()
    assert view.made is not None
    network, expected = random_network(3, CPU), 0.0
    for fakes, reals in zip(network(view.made.detach()), network(view.wanted.real), strict=True):
        matrices = [torch.stack([(f := one.flatten(1)) @ f.T / f.shape[1] for one in maps]) for maps in (fakes, reals)]
        expected += (matrices[0].mean(0) - matrices[1].mean(0)).square().mean().item() / len(WIDTHS)
    torch.testing.assert_close(Texture()(view), torch.full((5,), expected))


def test_what_is_where_does_not_matter_to_texture() -> None:
    """Pictures of one texture cost little wherever its pieces lie; another texture costs more."""
    fine, other, coarse = torch.randn(16, 1, 32, 32), torch.randn(16, 1, 32, 32), torch.randn(16, 1, 8, 8)
    same, unlike = (Texture()(paired(made, fine))[0] for made in (other, F.interpolate(coarse, scale_factor=4)))
    assert unlike > 30 * same


def test_the_size_of_the_picture_does_not_change_the_size_of_the_term() -> None:
    costs = []
    for side in (32, 128):
        real = torch.randn(16, 2, side, side)
        costs.append(Texture()(paired(0.5 * torch.randn(16, 2, side, side), real))[0].item())
    assert costs[0] == pytest.approx(costs[1], rel=0.05)


def test_texture_costs_photographs_nothing_beside_themselves_and_more_the_flatter_they_are(photographs: Tensor) -> None:
    flatter = (
        photographs,
        blurred(photographs, 1.0),
        blurred(photographs, 4.0),
        photographs / 2,
        torch.full_like(photographs, photographs.mean()),
    )
    costs = [Texture()(paired(made, photographs))[0].item() for made in flatter]
    assert costs[0] == 0.0
    assert costs == sorted(costs)
    assert costs[1] > 2e-4


def test_texture_refuses_samples_of_another_size() -> None:
    view = everything()
    with pytest.raises(ValueError, match=r"fakes of shape \[3, 16, 16\] meet real samples of \[3, 8, 8\]"):
        Texture()(replace(view, batch=Batch(torch.zeros(5, 3, 8, 8))))


# Which backend

COLOUR = (3, 64, 64)


@pytest.fixture
def nothing_known() -> Iterator[None]:
    """What was found out about LPIPS is forgotten before and after."""
    learned._absence.cache_clear()
    learned._network.cache_clear()
    yield
    learned._absence.cache_clear()
    learned._network.cache_clear()


class StandIn(nn.Module):
    """The package's network as far as it is used: slices named as AlexNet's features, random until they are given."""

    def __init__(self, **asked_for: object) -> None:
        super().__init__()
        assert asked_for == {"net": "alex", "pnet_rand": True, "verbose": False}  # anything else may download
        self.net = nn.Module()
        self.net.slice1 = nn.ModuleDict({"0": nn.Conv2d(3, 4, 3)})
        self.net.slice2 = nn.ModuleDict({"3": nn.Conv2d(4, 4, 3)})

    def forward(self, a: Tensor, b: Tensor) -> Tensor:
        return self._maps(a).sub(self._maps(b)).square().mean((1, 2, 3), keepdim=True)

    def _maps(self, x: Tensor) -> Tensor:
        return self.net.slice2["3"](self.net.slice1["0"](x))  # type: ignore[index,no-any-return]


@pytest.fixture
def lpips_at_hand(nothing_known: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Tensor]:
    """The package, and the weights that it would have downloaded, where it would look for them."""
    package = ModuleType("lpips")
    package.__spec__ = __import__("importlib.machinery").machinery.ModuleSpec("lpips", None)
    package.LPIPS = StandIn  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "lpips", package)
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    shapes = {"features.0": (4, 3, 3, 3), "features.3": (4, 4, 3, 3)}
    weights = {f"{name}.weight": torch.randn(shape) for name, shape in shapes.items()}
    weights |= {f"{name}.bias": torch.randn(shape[0]) for name, shape in shapes.items()}
    folder = tmp_path / "hub" / "checkpoints"
    folder.mkdir(parents=True)
    torch.save({**weights, "classifier.1.weight": torch.zeros(2, 2)}, folder / learned.WEIGHTS)
    return weights


@pytest.mark.usefixtures("lpips_at_hand")
def test_lpips_comes_first_where_its_weights_are_at_hand() -> None:
    assert chosen_backend(Perceptual(), True, COLOUR) == ("lpips", "its weights are at hand")
    assert chosen_backend(Perceptual(backend="lpips"), False, (1, 31, 31)) == ("lpips", "named by the recipe")


@pytest.mark.usefixtures("lpips_at_hand")
@pytest.mark.parametrize(
    ("shape", "why"), [((4, 64, 64), "1 or 3 channels, not 4"), ((3, 16, 64), "31 pixels a side, not 16")]
)
def test_lpips_is_not_for_samples_that_it_cannot_see(shape: tuple[int, int, int], why: str) -> None:
    backend, reason = chosen_backend(Perceptual(), False, shape)
    assert backend == "random"
    assert why in reason
    with pytest.raises(RequestError, match=why):
        chosen_backend(Perceptual(backend="lpips"), False, shape)


def test_the_least_side_is_the_least_that_alexnet_takes() -> None:
    """Its convolutions and poolings (Krizhevsky 2014, arXiv:1404.5997), one channel wide."""
    layers = [nn.Conv2d(1, 1, 11, 4, 2), nn.MaxPool2d(3, 2), nn.Conv2d(1, 1, 5, 1, 2), nn.MaxPool2d(3, 2)]
    body = nn.Sequential(*layers, nn.Conv2d(1, 1, 3, 1, 1))
    assert body(torch.zeros(1, 1, learned.LEAST_SIDE, 64)).shape[2] == 1
    with pytest.raises(RuntimeError, match="too small"):
        body(torch.zeros(1, 1, learned.LEAST_SIDE - 1, 64))


@pytest.mark.usefixtures("nothing_known")
def test_without_the_package_the_encoder_is_next_and_random_features_are_last(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    assert chosen_backend(Perceptual(), True, COLOUR) == (
        "encoder",
        "the recipe's own; LPIPS cannot be had: the package lpips is not installed (pip install equipoise[lpips])",
    )
    backend, reason = chosen_backend(Perceptual(), False, COLOUR)
    assert backend == "random"
    assert "no encoder" in reason and "pip install" in reason


@pytest.mark.usefixtures("lpips_at_hand")
def test_without_the_weights_it_is_said_which_file_belongs_where(tmp_path: Path) -> None:
    (tmp_path / "hub" / "checkpoints" / learned.WEIGHTS).unlink()
    with pytest.raises(RequestError, match=r"alexnet-owt-7be5be79\.pth is not in .*checkpoints") as raised:
        chosen_backend(Perceptual(backend="lpips"), True, COLOUR)
    assert "\n" not in str(raised.value)


@pytest.mark.usefixtures("lpips_at_hand")
def test_a_file_that_disappears_changes_no_running_loss(tmp_path: Path) -> None:
    assert chosen_backend(Perceptual(), True, COLOUR)[0] == "lpips"
    (tmp_path / "hub" / "checkpoints" / learned.WEIGHTS).unlink()
    assert chosen_backend(Perceptual(), True, COLOUR)[0] == "lpips"


def test_an_encoder_that_is_asked_for_must_be_there() -> None:
    assert chosen_backend(Perceptual(backend="encoder"), True, (7, 8, 8)) == ("encoder", "named by the recipe")
    with pytest.raises(RequestError, match="needs the recipe to have an encoder"):
        chosen_backend(Perceptual(backend="encoder"), False, COLOUR)
    view = replace(everything(), features=None)
    with pytest.raises(RequestError, match="needs the recipe to have an encoder"):
        Perceptual(backend="encoder")(view)


@pytest.mark.usefixtures("nothing_known")
def test_the_term_takes_what_chosen_backend_says(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    view = everything()
    torch.testing.assert_close(Perceptual()(view), Perceptual(backend="encoder")(view))
    view = replace(view, features=None)
    torch.testing.assert_close(Perceptual()(view), RANDOM(view))


def test_lpips_is_given_its_weights_draws_nothing_and_takes_grey_as_colour(lpips_at_hand: dict[str, Tensor]) -> None:
    made, wanted = torch.rand(2, 4, 1, 32, 32).unbind()
    made.requires_grad_()
    before = torch.get_rng_state()
    loss = Perceptual(backend="lpips")(paired(made, wanted))
    assert torch.equal(torch.get_rng_state(), before)
    kept = learned._network(CPU).get_submodule("net").state_dict()
    assert torch.equal(kept["slice2.3.weight"], lpips_at_hand["features.3.weight"])
    assert loss.shape == (4,)
    torch.testing.assert_close(
        loss, Perceptual(backend="lpips")(paired(made.expand(-1, 3, -1, -1), wanted.expand(-1, 3, -1, -1)))
    )
    (gradient,) = torch.autograd.grad(loss.sum(), made)
    assert gradient.shape == made.shape
    assert not any(parameter.requires_grad for parameter in learned._network(CPU).parameters())


def test_terms_import_neither_lpips_nor_torchvision() -> None:
    code = "import sys, equipoise.terms; raise SystemExit(len({'lpips', 'torchvision'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], timeout=120, check=False).returncode == 0


def test_a_view_without_pairs_is_refused_before_any_backend() -> None:
    with pytest.raises(ValueError, match="nothing says which real sample"):
        Perceptual()(bare())
