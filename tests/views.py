"""Views of one update for tests of terms that compare samples, with everything that such a term can ask for."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from equipoise.view import Batch, Judged, Posterior, Rebuilt, Side, View, scoring

N, CHANNELS, SIDE, CONDITIONS, LATENT = 5, 3, 16, 2, 4


def first_value(samples: Tensor) -> Tensor:
    return samples.flatten(1)[:, 0]


def first_values(samples: Tensor) -> Judged:
    """A critic whose readings are a sample's first two numbers, brought to [0, 1]."""
    values = samples.flatten(1)
    return Judged(values[:, 0], (values[:, :CONDITIONS] + 1) / 2)


def halved(samples: Tensor) -> tuple[Tensor, ...]:
    """What stands for an encoder's maps: the samples themselves, and once more at half the size."""
    return samples, F.avg_pool2d(samples, 2)


def bare(side: Side = "G") -> View:
    """A view as an unconditional recipe without an encoder has it, and without what came before augmentation."""
    samples = torch.zeros(N, CHANNELS, SIDE, SIDE)
    return View(side, samples, samples, scoring(first_value))


def paired(made: Tensor, wanted: Tensor) -> View:
    """What was made from given pictures, and what was wanted."""
    return View("G", wanted, made, scoring(first_value), batch=Batch(wanted, given=wanted), made=made)


def encoded(mean: Tensor, log_variance: Tensor, values: int = 1) -> View:
    """Samples of so many values that went through an encoder with this posterior."""
    samples = torch.zeros(len(mean), 1, 1, values)
    rebuilt = Rebuilt(samples, Posterior(mean, log_variance))
    return View("G", samples, samples, scoring(first_value), batch=Batch(samples), rebuild=lambda: rebuilt)


def asked(made: Tensor, conditions: Tensor, side: Side = "G", real: Tensor | None = None) -> View:
    """Fakes that were asked for by conditions, with a critic that reads them."""
    real = made if real is None else real
    return View(side, real, made, first_values, batch=Batch(real, conditions), made=made)


def everything(side: Side = "G", dtype: torch.dtype = torch.float32) -> View:
    """Random samples and conditions, an encoder and a critic that reads; fakes and posterior are open to gradients."""
    source = torch.Generator().manual_seed(3)

    def draw(*shape: int) -> Tensor:
        return torch.randn(*shape, generator=source).mul(0.3).to(dtype)

    real, made = draw(N, CHANNELS, SIDE, SIDE), draw(N, CHANNELS, SIDE, SIDE).requires_grad_()
    posterior = Posterior(*(draw(N, LATENT).requires_grad_() for _ in range(2)))
    conditions = torch.rand(N, CONDITIONS, generator=source).to(dtype)
    return View(
        side,
        real,
        made,
        first_values,
        batch=Batch(real, conditions),
        made=made,
        rebuild=lambda: Rebuilt(made, posterior),
        features=halved,
    )
