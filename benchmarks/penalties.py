"""How wrong a gradient penalty's gradient is when the critic's forward pass runs in bf16.

    python benchmarks/penalties.py [--seeds 5]

For a DCGAN critic with layer norm, fresh and after some training of its own, the gradient of each penalty with respect
to all weights is computed with the critic in float32 and in bf16 autocast; the figures are the relative difference in
norm and the angle between the two, beside the same figures for the plain Wasserstein loss.
"""

from __future__ import annotations

import argparse
import math
import statistics

import torch
from torch import Tensor, nn

from equipoise.engine.precision import Compute, autocast
from equipoise.networks.dcgan import DcganCritic
from equipoise.recipe import Term
from equipoise.space import Channel, Space
from equipoise.terms import R1, GradientPenalty, Wasserstein
from equipoise.view import View, scoring
from results import Result, report

CPU = torch.device("cpu")
SPACE = Space(tuple(Channel(name) for name in ("red", "green", "blue")), 32, 32)
BATCH, WIDTH, WARM_STEPS = 32, 32, 30
TERMS: dict[str, Term] = {"Wasserstein loss": Wasserstein(), "gradient penalty": GradientPenalty(), "R1": R1()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=5)
    options = parser.parse_args()
    rows = []
    for age, steps in (("fresh", 0), ("trained", WARM_STEPS)):
        for name, term in TERMS.items():
            pairs = [difference(term, seed, steps) for seed in range(options.seeds)]
            error, angle = (statistics.median(values) for values in zip(*pairs, strict=True))
            rows.append(Result(f"{name}, {age} critic: relative error / angle", f"{error:.1%} / {angle:.1f} degrees"))
    report("Gradient penalties in bf16", rows)


def difference(term: Term, seed: int, warm_steps: int) -> tuple[float, float]:
    """Relative error and angle in degrees between the bf16 and the float32 gradient."""
    torch.manual_seed(seed)
    critic = DcganCritic(width=WIDTH, norm="layer").build(SPACE)
    real, fake = torch.rand(BATCH, *SPACE.shape) * 2 - 1, torch.randn(BATCH, *SPACE.shape).tanh()
    real = nn.functional.avg_pool2d(real, 5, 1, 2)
    optim = torch.optim.Adam(critic.parameters(), 1e-3, (0.0, 0.9))
    for _ in range(warm_steps):
        optim.zero_grad()
        penalty = loss(critic, "float32", GradientPenalty(), real, fake)
        torch.autograd.backward(loss(critic, "float32", Wasserstein(), real, fake) + 10 * penalty)
        optim.step()
    exact, rough = (gradient(critic, compute, term, real, fake, seed) for compute in ("float32", "bfloat16"))
    error = ((rough - exact).norm() / exact.norm()).item()
    cosine = torch.nn.functional.cosine_similarity(exact, rough, dim=0).clamp(-1, 1).item()
    return error, math.degrees(math.acos(cosine))


def gradient(critic: nn.Module, compute: Compute, term: Term, real: Tensor, fake: Tensor, seed: int) -> Tensor:
    torch.manual_seed(seed)
    critic.zero_grad()
    torch.autograd.backward(loss(critic, compute, term, real, fake))
    return torch.cat([weight.grad.flatten() for weight in critic.parameters() if weight.grad is not None])


def loss(critic: nn.Module, compute: Compute, term: Term, real: Tensor, fake: Tensor) -> Tensor:
    def score(samples: Tensor) -> Tensor:
        with autocast(compute, CPU):
            scores: Tensor = critic(samples)
        return scores.float()

    return term(View("D", real.clone().requires_grad_(), fake, scoring(score))).mean()


if __name__ == "__main__":
    main()
