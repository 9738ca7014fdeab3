"""The machine a run is on: which device, and what to write down about it."""

from __future__ import annotations

import os
import platform

import torch

from equipoise import __version__
from equipoise.errors import RequestError

KINDS = ("cpu", "cuda", "mps")
"""Kinds of device whose generators `seed_everything` seeds."""


def choose_device(asked: str) -> torch.device:
    """The device of that name, or the best there is for "auto".  Raises `RequestError`."""
    device = _existing(asked) if asked != "auto" else _best()
    if device.type == "cuda":
        if str(device) == "cuda":
            device = _of_this_process()
        torch.cuda.set_device(device)  # collectives and seeding act on the current device
    return device


def describe(device: torch.device) -> dict[str, str | int]:
    """What a run's numbers may depend on."""
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else platform.processor() or platform.machine()
    return {
        "equipoise": __version__,
        "torch": torch.__version__,
        "python": platform.python_version(),
        "system": platform.system(),
        "device": str(device),
        "device_name": name,
        "capability": torch.backends.cpu.get_cpu_capability(),
        "threads": torch.get_num_threads(),
    }


def _of_this_process() -> torch.device:
    """Each process of a machine has a GPU of its own."""
    rank, count = int(os.environ.get("LOCAL_RANK", "0")), torch.cuda.device_count()
    if rank >= count:
        raise RequestError(
            f"torchrun: process {rank + 1} of this machine has no GPU, for it has {count}; start at most {count} "
            "processes on it, or add --device cpu"
        )
    return torch.device("cuda", rank)


def _best() -> torch.device:
    if torch.cuda.is_available():
        return torch.device("cuda")
    return torch.device("mps" if torch.backends.mps.is_available() else "cpu")


def _existing(name: str) -> torch.device:
    refusal = RequestError(f"--device {name}: there is no such device here; write auto, cpu, cuda or mps")
    try:
        device = torch.device(name)
        if device.type not in KINDS:
            raise refusal
        torch.empty(1, device=device)
    except (RuntimeError, AssertionError) as error:
        raise refusal from error
    return device
