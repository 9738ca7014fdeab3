"""What enlarged pictures gain and invent, on pictures whose detail is known."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor
from torchmetrics.functional.image import (
    peak_signal_noise_ratio,
    spectral_angle_mapper,
    structural_similarity_index_measure,
)

from equipoise.data.degrade import Reduction
from equipoise.measures.enlarged import Enlarged, enlarged, reduced
from equipoise.measures.standard import Invalid
from equipoise.networks.enlarging import bicubic
from equipoise.space import Channel, Space

BANDS = tuple(Channel(name) for name in ("red", "green", "blue"))
SPACE = Space(BANDS, 32, 32, given=Space(BANDS, 16, 16))
BICUBIC, SENSOR = Reduction("bicubic", 0.3), Reduction("sensor", 0.3)


def detail(seed: int, count: int = 40) -> Tensor:
    """Patterns finer than the given pictures can show."""
    source = torch.Generator().manual_seed(seed)
    chequers = torch.tensor([[1.0, -1.0], [-1.0, 1.0]]).repeat(16, 16)
    return 0.1 * torch.randn(count, 3, 1, 1, generator=source) * chequers


def given(count: int = 40) -> Tensor:
    source = torch.Generator().manual_seed(99)
    return torch.nn.functional.avg_pool2d(torch.randn(count, 3, 18, 18, generator=source), 3, 1) * 0.8


def measured(made_detail: Tensor, real_detail: Tensor) -> dict[str, Enlarged]:
    plain = bicubic(given(), 2)
    return by_name(plain + made_detail, plain + real_detail, given())


def by_name(made: Tensor, real: Tensor, small: Tensor, reduction: Reduction | None = BICUBIC) -> dict[str, Enlarged]:
    found = enlarged(made, real, small, SPACE, reduction)
    return {number.name: number for number in found if isinstance(number, Enlarged)}


def test_the_real_detail_is_gained_and_nothing_invented() -> None:
    found = measured(0.9 * detail(0), detail(0))
    assert found["psnr"].gain is not None
    assert found["psnr"].gain.mean == pytest.approx(20.0, abs=0.1)  # the error is a tenth
    assert found["detail"].made.mean == pytest.approx(0.81, abs=1e-3)
    assert found["invented"].made.mean == pytest.approx(1 - 1 / 0.9, abs=1e-3)
    assert found["consistent"].gain is not None
    assert found["consistent"].gain.mean == pytest.approx(0.0, abs=0.01)  # made small, such detail is gone


def test_a_mean_of_what_is_possible_invents_nothing_and_a_draw_from_it_invents_half() -> None:
    """Real detail is a part that can be known and one that cannot, equally strong; a draw has another unknown part."""
    known, unknown, other = detail(1, 400), detail(2, 400), detail(3, 400)
    nothing = torch.zeros(400, 3, 16, 16)
    for made, expected in ((known, 0.0), (known + other, 0.5)):
        found = by_name(made, known + unknown, nothing)["invented"].made
        assert found.low < expected < found.high
        assert found.high - found.low < 0.2


def test_interpolation_itself_gains_nothing() -> None:
    found = measured(torch.zeros(40, 3, 32, 32), detail(0))
    assert found["psnr"].gain is not None
    assert found["psnr"].gain.mean == pytest.approx(0.0, abs=1e-5)


def test_numbers_are_a_librarys() -> None:
    plain = bicubic(given(), 2)
    made, real = (plain + detail(0)).clamp(-1, 1), plain.clamp(-1, 1) + 0.05
    real = real.clamp(-1, 1)
    found = by_name(made, real, given())
    ratios = [float(peak_signal_noise_ratio(a[None], b[None], data_range=2.0)) for a, b in zip(made, real, strict=True)]
    assert found["psnr"].made.mean == pytest.approx(np.mean(ratios), rel=1e-4)
    angle = spectral_angle_mapper((made + 1) / 2 + 1e-6, (real + 1) / 2 + 1e-6)
    assert found["angle"].made.mean == pytest.approx(float(angle) * 180 / np.pi, rel=0.02)
    likeness = structural_similarity_index_measure(made + 1, real + 1, data_range=2.0)
    assert found["ssim"].made.mean == pytest.approx(float(likeness), abs=0.02)  # it pads; ours counts whole windows


def test_given_bands_of_another_kind_have_nothing_to_be_interpolated_from() -> None:
    other = Space(BANDS, 32, 32, given=Space((Channel("B05"),), 16, 16))
    plain = bicubic(given(), 2)
    *found, last = enlarged(plain, plain + detail(0), given()[:, :1], other, None)
    assert [number.name for number in found] == ["psnr", "ssim", "angle"]
    assert all(isinstance(number, Enlarged) and number.bicubic is None for number in found)
    assert isinstance(last, Invalid)


@pytest.mark.parametrize("reduction", [BICUBIC, SENSOR])
def test_results_are_made_small_as_what_was_given_was(reduction: Reduction) -> None:
    real = torch.rand(30, 3, 32, 32, generator=torch.Generator().manual_seed(5)) * 2 - 1
    small = reduced(real, torch.empty(30, 3, 16, 16), reduction)
    noisy = real + 0.05 * torch.randn(real.shape, generator=torch.Generator().manual_seed(6))
    other = SENSOR if reduction is BICUBIC else BICUBIC
    right, wrong = (by_name(noisy, real, small, how)["consistent"] for how in (reduction, other))
    assert right.made.mean > wrong.made.mean + 3.0
    assert right.meaning.endswith(str(reduction))


def test_without_knowing_how_what_was_given_came_about_consistency_is_not_valid() -> None:
    plain = bicubic(given(), 2)
    (found,) = (item for item in enlarged(plain, plain, given(), SPACE, None) if item.name == "consistent")
    assert isinstance(found, Invalid)
    assert "not made from the real ones" in found.reason
