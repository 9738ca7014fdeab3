"""Several processes, one run: who this process is, and the few collective calls that training needs.

Started by ``torchrun``; gloo on CPU, nccl on CUDA.  Gradients are averaged in one flattened all-reduce for each
network.  The wrapper class of torch is not used: with a gradient penalty that is computed alone it silently gives wrong
gradients (measured; docs/decisions/0006-distribution.md).
"""

from __future__ import annotations

import importlib
import os
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta
from typing import TypeVar

import torch
import torch.distributed as dist
from torch import Tensor

T = TypeVar("T")

PATIENCE = timedelta(days=1)
"""How long the others wait for the leading process, which alone reads the data, tests, scores and saves.  Reading a
large folder may take hours, and torch would give it 10 minutes.  Whoever died is seen by torchrun all the same."""


@dataclass(frozen=True, slots=True)
class World:
    """This process's place among all processes of the run."""

    rank: int = 0
    size: int = 1

    @property
    def leads(self) -> bool:
        """Whether this process writes files and speaks."""
        return self.rank == 0

    def average_gradients(self, parameters: Iterable[torch.nn.Parameter]) -> None:
        """Replace each gradient by its mean over all processes.  A missing gradient counts as zero."""
        if self.size == 1:
            return
        owned = [parameter for parameter in parameters if parameter.requires_grad]
        flat = torch.cat([_gradient(parameter).reshape(-1) for parameter in owned])
        self.average(flat)
        offset = 0
        for parameter in owned:
            mean = flat[offset : offset + parameter.numel()].view(parameter.shape)
            parameter.grad = torch.empty_like(parameter).copy_(mean)
            offset += parameter.numel()

    def average(self, values: Tensor) -> Tensor:
        """The mean of a tensor over all processes, in place."""
        if self.size > 1:
            dist.all_reduce(values)
            values /= self.size
        return values

    def any(self, flag: bool, device: torch.device) -> bool:
        """Whether any process says yes; the same answer everywhere."""
        if self.size == 1:
            return flag
        votes = torch.tensor([float(flag)], device=device)
        dist.all_reduce(votes)
        return bool(votes.item() > 0)

    def agree(self, value: T) -> T:
        """The leading process's value, everywhere."""
        if self.size == 1:
            return value
        box: list[T] = [value]
        dist.broadcast_object_list(box)
        return box[0]

    def gather(self, value: T) -> list[T]:
        """Every process's value, in the order of ranks, everywhere."""
        if self.size == 1:
            return [value]
        box = [value] * self.size
        dist.all_gather_object(box, value)
        return box

    def wait(self) -> None:
        """Wait until all processes are here."""
        if self.size > 1:
            dist.barrier()


def join_world(device_type: str) -> World:
    """This process's world: as ``torchrun`` says, or alone."""
    if "RANK" not in os.environ or int(os.environ.get("WORLD_SIZE", "1")) == 1:
        return World()
    if not dist.is_initialized():
        # Imported before the group exists: its functions take the group of that moment as a default argument, and would
        # keep it, with its threads, until the interpreter is gone, where such a thread can abort the process.
        importlib.import_module("torch.distributed.nn.functional")
        dist.init_process_group("nccl" if device_type == "cuda" else "gloo", timeout=PATIENCE)
    return World(dist.get_rank(), dist.get_world_size())


def leave_world() -> None:
    """End the processes' connection, and its threads, while the interpreter is whole."""
    if dist.is_initialized():
        dist.destroy_process_group()


def _gradient(parameter: torch.nn.Parameter) -> Tensor:
    return parameter.grad if parameter.grad is not None else torch.zeros_like(parameter)
