"""Memory: that of a device that was not enough, and keeping what is freed in the process, on systems with glibc.

By default a large tensor is mapped from the system when it is made and handed back when it is freed, so the kernel
zeroes every activation page by page at every step.  No result changes; the resident size stays at its peak.
"""

from __future__ import annotations

import ctypes
import platform
import re
from typing import Final

import torch

from equipoise.engine.plan import Plan
from equipoise.errors import Fault

TRIM_THRESHOLD, MMAP_THRESHOLD = -1, -3
"""Names of mallopt's settings, from <malloc.h>."""
NEVER = 2**31 - 1
LARGEST_KEPT = 2**30
"""Blocks up to this many bytes come from memory that the process has already."""


_SAYS_SO: Final = re.compile(r"out of memory|(can't|cannot) allocate memory|not enough memory|_ALLOC_FAILED")
"""What torch and the libraries below it have in a plain RuntimeError: that of a CPU (on Windows in other words than on
other systems), of Apple's devices, and of cuBLAS and cuDNN when they want room for themselves."""


class OutOfMemory(Fault):
    """The memory of the device was not enough for the run."""

    def __init__(self, step: int, plan: Plan) -> None:
        self.step = step
        self.why = (
            f"the memory of {plan.device} was not enough with {plan.local_batch} samples in a batch; see what else "
            "uses it, or lower batch or the networks' widths"
        )
        super().__init__(f"step {step + 1}: {self.why}")


def is_out_of_memory(error: Exception) -> bool:
    """Whether memory was not enough, by whatever name it is told: only on CUDA torch has a type of its own for it."""
    if isinstance(error, torch.OutOfMemoryError | MemoryError):
        return True
    return isinstance(error, RuntimeError) and _SAYS_SO.search(str(error)) is not None


def keep_freed_memory() -> bool:
    """Have malloc reuse large blocks.  False, with no effect, where the C library is not glibc."""
    if platform.libc_ver()[0] != "glibc":
        return False
    mallopt = ctypes.CDLL(None).mallopt
    return all(mallopt(name, value) == 1 for name, value in ((MMAP_THRESHOLD, LARGEST_KEPT), (TRIM_THRESHOLD, NEVER)))
