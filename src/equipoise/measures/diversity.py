"""How different samples are from one another: the mean distance of pairs, against that of real pairs.

The first thing that a collapse takes away (Odena et al. 2017, arXiv:1610.09585, section 4.2, by another distance).  It
says nothing of quality: noise is diverse too.
"""

from __future__ import annotations

import torch

from equipoise.measures.features import Vectors


def diversity(real: Vectors, fake: Vectors) -> float:
    """The ratio; 1 for equal distributions, 0 for one sample over and over.  Raises `ValueError` below two vectors."""
    if min(len(real), len(fake)) < 2:
        raise ValueError(f"{len(real)} and {len(fake)} vectors make no pairs")
    return (torch.pdist(fake.float()).mean() / torch.pdist(real.float()).mean()).item()
