"""How fast a training step is, beside the loop a tutorial would write and beside a bare loop with the same kernels.

    python benchmarks/step.py [--rounds 12]

All contenders run in turns, round by round, on the same pictures.  Other guests of a machine can only slow a round:
ratios are of the fastest rounds, and beside them the median of the ratios within each round.  Bare and engine use the
arithmetic that was found once.

- plain: float32, NCHW, a DataLoader over PNG files, networks written out as in every DCGAN or WGAN-GP tutorial.
- bare: the engine's own networks, arithmetic and optimiser in a hand-written loop on a resident batch: no meter, no
  average, no finite check, no recipe.
- engine: what `equipoise train` runs, fed from its corpus.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from torch import nn
from torch.utils.data import DataLoader, Dataset
from torch.utils.flop_counter import FlopCounterMode

from equipoise.data import Corpus, Images
from equipoise.data.feed import Feed
from equipoise.engine.beginning import begun
from equipoise.engine.memory import keep_freed_memory
from equipoise.engine.meter import Meter
from equipoise.engine.plan import Plan
from equipoise.engine.precision import autocast
from equipoise.engine.state import State, initial_networks, initial_state
from equipoise.engine.step import step
from equipoise.networks.dcgan import DcganCritic, DcganGenerator
from equipoise.recipe import Adam, Phase, Recipe, Span
from equipoise.terms import BCE, GradientPenalty, Wasserstein
from equipoise.view import Batch
from results import Result, report

BATCH, SIZE, PICTURES = 64, 64, 512
STEPS_A_ROUND = 2
CPU = torch.device("cpu")

Loop = Callable[[int], None]
"""Trains for a number of steps."""


def dcgan_recipe() -> Recipe:
    """DCGAN as in the paper: cross-entropy, batch norm, width 64, one fake batch for both updates."""
    adam = Adam(lr=2e-4, beta1=0.5, beta2=0.999)
    return Recipe(
        source=Images(size=SIZE),
        generator=DcganGenerator(latent=100, width=64),
        critic=DcganCritic(width=64, norm="batch"),
        phases={"main": Phase(Span(1000), {"bce": BCE()}, share_fakes=True)},
        g_optim=adam,
        d_optim=adam,
        batch=BATCH,
    )


def wgan_recipe() -> Recipe:
    """The critic's update of WGAN-GP alone, DCGAN's networks with layer norm in the critic."""
    adam = Adam(lr=1e-4, beta1=0.0, beta2=0.9)
    return replace(
        dcgan_recipe(),
        critic=DcganCritic(width=64, norm="layer"),
        phases={"main": Phase(Span(1000), {"game": Wasserstein(), "gp": GradientPenalty()}, g_updates=0.0)},
        g_optim=adam,
        d_optim=adam,
    )


class Files(Dataset[torch.Tensor]):
    """PNG files, decoded anew whenever they are asked for."""

    def __init__(self, folder: Path) -> None:
        self.paths = sorted(folder.glob("*.png"))

    def __len__(self) -> int:
        return len(self.paths)

    def __getitem__(self, index: int) -> torch.Tensor:
        pixels = np.asarray(Image.open(self.paths[index]).convert("RGB"), dtype=np.float32)
        return torch.from_numpy(pixels).permute(2, 0, 1) / 127.5 - 1.0


def endless(folder: Path) -> Iterator[torch.Tensor]:
    loader = DataLoader(Files(folder), BATCH, shuffle=True, drop_last=True, num_workers=0)
    while True:
        yield from loader


def tutorial_generator() -> nn.Module:
    layers: list[nn.Module] = []
    for before, after in ((100, 512), (512, 256), (256, 128), (128, 64)):
        stride, padding = (1, 0) if before == 100 else (2, 1)
        layers += [nn.ConvTranspose2d(before, after, 4, stride, padding, bias=False), nn.BatchNorm2d(after), nn.ReLU()]
    return nn.Sequential(*layers, nn.ConvTranspose2d(64, 3, 4, 2, 1, bias=False), nn.Tanh())


def tutorial_critic(norm: Callable[[int, int], nn.Module]) -> nn.Module:
    layers: list[nn.Module] = [nn.Conv2d(3, 64, 4, 2, 1, bias=False), nn.LeakyReLU(0.2)]
    for before, after, side in ((64, 128, 16), (128, 256, 8), (256, 512, 4)):
        layers += [nn.Conv2d(before, after, 4, 2, 1, bias=False), norm(after, side), nn.LeakyReLU(0.2)]
    return nn.Sequential(*layers, nn.Conv2d(512, 1, 4, 1, 0, bias=False))


def plain_dcgan(folder: Path) -> Loop:
    """The DCGAN tutorial's loop."""
    generator, critic = tutorial_generator(), tutorial_critic(lambda channels, _: nn.BatchNorm2d(channels))
    g_optim, d_optim = (torch.optim.Adam(net.parameters(), 2e-4, (0.5, 0.999)) for net in (generator, critic))
    batches, loss = endless(folder), nn.BCEWithLogitsLoss()

    def run(steps: int) -> None:
        for _ in range(steps):
            critic.zero_grad()
            real_loss = loss(critic(next(batches)).view(-1), torch.ones(BATCH))
            real_loss.backward()
            fake = generator(torch.randn(BATCH, 100, 1, 1))
            fake_loss = loss(critic(fake.detach()).view(-1), torch.zeros(BATCH))
            fake_loss.backward()
            d_optim.step()
            generator.zero_grad()
            loss(critic(fake).view(-1), torch.ones(BATCH)).backward()
            g_optim.step()

    return run


def plain_wgan(folder: Path) -> Loop:
    """The critic's step of a WGAN-GP tutorial."""
    generator = tutorial_generator()
    critic = tutorial_critic(lambda channels, side: nn.LayerNorm([channels, side, side]))
    optim = torch.optim.Adam(critic.parameters(), 1e-4, (0.0, 0.9))
    batches = endless(folder)

    def run(steps: int) -> None:
        for _ in range(steps):
            real, fake = next(batches), generator(torch.randn(BATCH, 100, 1, 1)).detach()
            share = torch.rand(BATCH, 1, 1, 1)
            between = (share * real + (1 - share) * fake).requires_grad_(True)
            scores = critic(between)
            slope = torch.autograd.grad(scores, between, torch.ones_like(scores), create_graph=True)[0]
            penalty = ((slope.view(BATCH, -1).norm(2, dim=1) - 1) ** 2).mean()
            optim.zero_grad()
            (critic(fake).mean() - critic(real).mean() + 10 * penalty).backward()
            optim.step()

    return run


def planned(recipe: Recipe, corpus: Corpus) -> Plan:
    """The plan of a run, with the arithmetic that the probe finds."""
    plan = Plan(recipe, corpus.space, len(corpus), CPU)
    return begun(plan)[0]


def fresh(plan: Plan) -> State:
    return initial_state(plan, initial_networks(plan))


def engine(plan: Plan, corpus: Corpus) -> tuple[Loop, Feed]:
    """The engine's step, fed as in a run."""
    state = fresh(plan)
    feed = Feed(corpus, BATCH, 0, CPU, memory_format=plan.arithmetic.memory_format)
    meter = Meter()

    def next_batch() -> Batch:
        state.counters.batches += 1
        return feed.batch(state.counters.batches - 1)

    def run(steps: int) -> None:
        for _ in range(steps):
            step(plan, state, next_batch, meter)

    return run, feed


def bare_dcgan(plan: Plan, corpus: Corpus) -> Loop:
    """The engine's networks, arithmetic and optimiser, written out by hand on one resident batch."""
    state = fresh(plan)
    generator, critic = state.generator.module, state.critic.module
    g_optim, d_optim = (
        torch.optim.Adam(net.parameters(), 2e-4, (0.5, 0.999), fused=True) for net in (generator, critic)
    )
    real = Feed(corpus, BATCH, 0, CPU, memory_format=plan.arithmetic.memory_format).batch(0).real

    def run(steps: int) -> None:
        for _ in range(steps):
            with autocast(plan.arithmetic.compute, CPU):
                fake = generator(torch.randn(BATCH, 100))
                scores = critic(real), critic(fake.detach())
            d_optim.zero_grad()
            torch.autograd.backward((F.softplus(-scores[0].float()) + F.softplus(scores[1].float())).mean())
            d_optim.step()
            critic.requires_grad_(False)
            g_optim.zero_grad()
            with autocast(plan.arithmetic.compute, CPU):
                score = critic(fake)
            torch.autograd.backward(F.softplus(-score.float()).mean())
            g_optim.step()
            critic.requires_grad_(True)

    return run


def bare_wgan(plan: Plan, corpus: Corpus) -> Loop:
    state = fresh(plan)
    generator, critic = state.generator.module, state.critic.module
    optim = torch.optim.Adam(critic.parameters(), 1e-4, (0.0, 0.9), fused=True)
    real = Feed(corpus, BATCH, 0, CPU, memory_format=plan.arithmetic.memory_format).batch(0).real

    def run(steps: int) -> None:
        for _ in range(steps):
            with torch.no_grad(), autocast(plan.arithmetic.compute, CPU):
                fake = generator(torch.randn(BATCH, 100)).float()
            between = (real + torch.rand(BATCH, 1, 1, 1) * (fake - real)).requires_grad_()
            with autocast(plan.arithmetic.penalties, CPU):
                scores = critic(between)
            (slope,) = torch.autograd.grad(scores.float().sum(), between, create_graph=True)
            penalty = (slope.square().sum((1, 2, 3)).add(1e-12).sqrt() - 1).square().mean()
            with autocast(plan.arithmetic.compute, CPU):
                difference = critic(fake).float() - critic(real).float()
            optim.zero_grad()
            torch.autograd.backward(difference.mean() + 10 * penalty)
            optim.step()

    return run


def timed(loop: Loop) -> float:
    """Pictures a second."""
    began = time.perf_counter()
    loop(STEPS_A_ROUND)
    return BATCH * STEPS_A_ROUND / (time.perf_counter() - began)


def flops_per_step(plan: Plan, corpus: Corpus) -> float:
    loop, _ = engine(plan, corpus)
    with FlopCounterMode(display=False) as counter:
        loop(1)
    return float(counter.get_total_flops())


def matrix_peak(kind: torch.dtype) -> float:
    """Floating-point operations a second in a large matrix product."""
    side = 2048
    matrix = torch.randn(side, side).to(kind)
    times = []
    for _ in range(6):
        began = time.perf_counter()
        matrix @ matrix
        times.append(time.perf_counter() - began)
    return 2 * side**3 / min(times)


def write_pictures(folder: Path) -> None:
    noise = np.random.default_rng(0)
    for index in range(PICTURES):
        coarse = noise.integers(0, 256, (8, 8, 3), dtype=np.uint8)
        Image.fromarray(coarse).resize((SIZE, SIZE)).save(folder / f"{index:04d}.png")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=12)
    options = parser.parse_args()
    keep_freed_memory()
    torch.set_flush_denormal(True)
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch) / "pictures"
        folder.mkdir()
        write_pictures(folder)
        corpus = Images(size=SIZE).corpus(folder, Path(scratch) / "cache")
        dcgan_plan, wgan_plan = planned(dcgan_recipe(), corpus), planned(wgan_recipe(), corpus)
        dcgan, dcgan_feed = engine(dcgan_plan, corpus)
        wgan, _ = engine(wgan_plan, corpus)
        loops: dict[str, Loop] = {
            "plain DCGAN": plain_dcgan(folder),
            "bare DCGAN": bare_dcgan(dcgan_plan, corpus),
            "engine DCGAN": dcgan,
            "plain WGAN-GP critic": plain_wgan(folder),
            "bare WGAN-GP critic": bare_wgan(wgan_plan, corpus),
            "engine WGAN-GP critic": wgan,
        }
        for loop in loops.values():
            loop(1)
        waited, began = dcgan_feed.waited_s, time.perf_counter()
        dcgan(STEPS_A_ROUND)
        waiting = (dcgan_feed.waited_s - waited) / (time.perf_counter() - began)
        speeds = {name: [] for name in loops}  # type: dict[str, list[float]]
        for number in range(options.rounds):
            for name, loop in loops.items():
                speeds[name].append(timed(loop))
            print(f"round {number}: " + "  ".join(f"{n} {s[-1]:.1f}" for n, s in speeds.items()), flush=True)
        flops = flops_per_step(dcgan_plan, corpus)
    report("Speed of a training step", rows(speeds, waiting, flops, f"{dcgan_plan.arithmetic}"), REMARKS)


def rows(speeds: dict[str, list[float]], waiting: float, flops: float, arithmetic: str) -> list[Result]:
    peaks = {"float32": matrix_peak(torch.float32), "bf16": matrix_peak(torch.bfloat16)}
    rate = flops / BATCH * max(speeds["engine DCGAN"])
    found = [
        Result(f"{name}, images/s: fastest / median", f"{max(values):.1f} / {statistics.median(values):.1f}")
        for name, values in speeds.items()
    ]
    for kind, wanted in (("DCGAN", "at least 2.8"), ("WGAN-GP critic", "at least 2.0")):
        found.append(Result(f"{kind}: engine / plain", ratio(speeds, f"engine {kind}", f"plain {kind}"), wanted))
        found.append(Result(f"{kind}: engine / bare", ratio(speeds, f"engine {kind}", f"bare {kind}"), "at least 0.97"))
    found += [
        Result("share of time waiting for data", f"{waiting:.2%}", "below 1 %"),
        Result("arithmetic chosen by the probe", arithmetic),
        Result("matrix peak, GFLOP/s: float32 / bf16", f"{peaks['float32'] / 1e9:.0f} / {peaks['bf16'] / 1e9:.0f}"),
        Result("DCGAN step, GFLOP/s", f"{rate / 1e9:.0f}"),
        Result("share of the bf16 matrix peak", f"{rate / peaks['bf16']:.0%}"),
        Result("share of the float32 matrix peak", f"{rate / peaks['float32']:.0%}"),
    ]
    return found


def ratio(speeds: dict[str, list[float]], fast: str, slow: str) -> str:
    each = [a / b for a, b in zip(speeds[fast], speeds[slow], strict=True)]
    return f"{max(speeds[fast]) / max(speeds[slow]):.2f} (within a round, median {statistics.median(each):.2f})"


REMARKS = """
Where a processor has no matrix units for bf16, as the arithmetic chosen shows, the ratios to the plain loop are bound
by float32: the plain loop runs at a fair share of the matrix peak already.  Floating-point operations are counted as
the engine makes them, so tiled convolutions count 25 multiplications where the direct ones count 64.
"""

if __name__ == "__main__":
    main()
