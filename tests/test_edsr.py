"""EDSR: the paper's network again in plain layers, how ours begins, and what it refuses."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from equipoise.engine.reach import _of_channel
from equipoise.networks import EdsrGenerator
from equipoise.networks.edsr import Residual
from equipoise.networks.enlarging import bicubic
from equipoise.networks.output import bounded
from equipoise.space import Channel
from equipoise.spec import SpecError
from test_rrdb import pairs, pictures

SMALL = EdsrGenerator(width=8, blocks=2)


def test_it_is_the_papers_network() -> None:
    torch.manual_seed(0)
    ours = replace(SMALL, base="none", bounded=False).build(pairs(3))
    weights = ours.state_dict()
    x = pictures(2, 3, 6, 6)

    def conv(name: str, y: torch.Tensor) -> torch.Tensor:
        return F.conv2d(y, weights[f"{name}.weight"], weights[f"{name}.bias"], padding=1)

    first = conv("first", x)
    y = first
    for at in range(2):
        y = y + conv(f"blocks.{at}.conv2", torch.relu(conv(f"blocks.{at}.conv1", y)))
    expected = nn.PixelShuffle(3)(conv("tail.last", first + conv("end", y)))
    torch.testing.assert_close(ours(x), expected, atol=1e-5, rtol=0)


@pytest.mark.parametrize("scale", [2, 3, 4])
def test_the_first_sample_is_bicubic(scale: int) -> None:
    x = pictures(1, 3, 6, 6)
    torch.testing.assert_close(SMALL.build(pairs(scale))(x), bounded(bicubic(x, scale)))


def test_a_block_begins_near_the_identity() -> None:
    torch.manual_seed(0)
    x = torch.randn(2, 32, 9, 9)
    change = Residual(32)(x) - x
    assert 0.0 < float(change.detach().std()) < 0.2


def test_ranges_that_are_percentiles_are_not_cut() -> None:
    kind = pairs(2)
    with_tails = replace(kind, channels=tuple(replace(channel, has_tails=True) for channel in kind.channels))
    assert with_tails.has_tails
    assert not kind.has_tails
    x = 3 * pictures(1, 3, 6, 6)
    assert SMALL.build(with_tails)(x).abs().max() > 1.0
    assert SMALL.build(kind)(x).abs().max() <= 1.0


def test_a_generator_without_bounds_is_no_bug_where_data_have_none() -> None:
    """Bands whose range is made of percentiles reach beyond it, and so may fakes."""
    real, fake = torch.rand(4, 1, 8, 8) * 2 - 1, 3 * torch.randn(4, 1, 8, 8)
    assert list(_of_channel(Channel("B04", 0, 4000, has_tails=True), real, fake)) == []
    assert "may go from -1 to 1" in next(_of_channel(Channel("B04", 0, 4000), real, fake))


def test_what_does_not_fit_is_refused_by_its_own_name() -> None:
    with pytest.raises(SpecError, match="EdsrGenerator"):
        SMALL.build(pairs(5))
    with pytest.raises(SpecError, match="latent: is 64; it must be at least 1 and at most 1"):
        EdsrGenerator(latent=64)
