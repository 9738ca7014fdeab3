"""LPIPS as its authors publish it, where it is at hand.  Nothing here reaches for the network.

Two things must be there: the package, by ``pip install equipoise[lpips]``, which brings torchvision; and the weights of
AlexNet, the file ``alexnet-owt-7be5be79.pth`` of https://download.pytorch.org/models/ in the folder ``checkpoints`` of
``torch.hub.get_dir()``, which the environment variable ``TORCH_HOME`` moves.  Any use of LPIPS leaves it there.
"""

from __future__ import annotations

import importlib.util
from functools import cache
from pathlib import Path

import torch
from torch import Tensor, nn

from equipoise.view import PerSample, Samples

WEIGHTS = "alexnet-owt-7be5be79.pth"
COLOURS = (1, 3)
"""Channels that it can be shown: red, green and blue, or grey, repeated."""
LEAST_SIDE = 31
"""In pixels; of anything smaller AlexNet's second pooling has nothing left."""


def lpips_fault(shape: tuple[int, int, int]) -> str:
    """Why LPIPS cannot be had for samples of this shape (C, H, W), in words; empty where it can."""
    channels, *sides = shape
    if channels not in COLOURS:
        return f"it is for pictures of 1 or 3 channels, not {channels}"
    if min(sides) < LEAST_SIDE:
        return f"it is for pictures of at least {LEAST_SIDE} pixels a side, not {min(sides)}"
    return _absence()


def lpips_distance(made: Samples, wanted: Samples) -> PerSample:
    """The authors' distance of pictures in [-1, 1], version 0.1 on AlexNet; at equality 0.

    In float32, whatever autocast is on outside.
    """
    colours = (-1, 3, -1, -1)
    with torch.autocast(made.device.type, enabled=False):
        distances: Tensor = _network(made.device)(made.float().expand(colours), wanted.float().expand(colours))
    return distances.flatten()


@cache
def _absence() -> str:
    """What is missing, once and for all: a run must not change its loss because a file appears meanwhile."""
    if importlib.util.find_spec("lpips") is None:
        return "the package lpips is not installed (pip install equipoise[lpips])"
    if not _weights().is_file():
        return f"{WEIGHTS} is not in {_weights().parent} (it is at https://download.pytorch.org/models/)"
    return ""


@cache
def _network(device: torch.device) -> nn.Module:
    """AlexNet is made with random weights and given its own here, since the package would download them.

    Global randomness is left as it was.
    """
    import lpips

    with torch.random.fork_rng(devices=[]):
        network: nn.Module = lpips.LPIPS(net="alex", pnet_rand=True, verbose=False)
    trunk = network.get_submodule("net")
    kept = torch.load(_weights(), map_location="cpu", weights_only=True)
    # slice1.0.weight here is features.0.weight there
    trunk.load_state_dict({name: kept["features." + name.partition(".")[2]] for name in trunk.state_dict()})
    return network.eval().requires_grad_(False).to(device)


def _weights() -> Path:
    return Path(torch.hub.get_dir()) / "checkpoints" / WEIGHTS
