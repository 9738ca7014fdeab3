"""The machine a run is on: which device, and what to write down about it."""

from __future__ import annotations

import os
import platform

import torch

from equipoise import __version__
from equipoise.errors import RequestError


def choose_device(asked: str) -> torch.device:
    """The device of that name, or the best there is for "auto".  Raises `RequestError`."""
    if asked != "auto":
        return _existing(asked)
    if torch.cuda.is_available():
        return torch.device("cuda", int(os.environ.get("LOCAL_RANK", "0")))
    return torch.device("mps" if torch.backends.mps.is_available() else "cpu")


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


def _existing(name: str) -> torch.device:
    try:
        device = torch.device(name)
        torch.empty(1, device=device)
    except (RuntimeError, AssertionError) as error:
        raise RequestError(f"--device {name}: there is no such device here; write auto, cpu, cuda or mps") from error
    return device
