"""A GAN that is trained by a loop of its own, watched by the doctor.

    python examples/watch_your_own_loop.py [--steps 3000] [--out runs/watched]

The loop is a plain one on scikit-learn's digits, with a fault that many first GANs have: the critic learns twenty times
as fast as the generator, and nothing bounds it.  The lines with `watch` are all that is added.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import torch
import torch.nn.functional as F
from sklearn.datasets import load_digits
from torch import Tensor, nn

import equipoise

LATENT = 16


def digits() -> Tensor:
    """1797 pictures [N, 1, 16, 16] in [-1, 1]."""
    pictures = torch.tensor(load_digits().images, dtype=torch.float32)[:, None] / 8.0 - 1.0
    return F.interpolate(pictures, scale_factor=2.0, mode="bilinear")


def generator() -> nn.Module:
    return nn.Sequential(
        nn.Linear(LATENT, 128), nn.ReLU(), nn.Linear(128, 256), nn.Tanh(), nn.Unflatten(1, (1, 16, 16))
    )


def critic() -> nn.Module:
    return nn.Sequential(nn.Flatten(), nn.Linear(256, 256), nn.LeakyReLU(0.2), nn.Linear(256, 1))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, default=3000)
    parser.add_argument("--out", type=Path, default=Path("runs/watched"))
    options = parser.parse_args()

    torch.manual_seed(0)
    pictures = digits()
    seen, unseen = pictures[:1500], pictures[1500:]
    g, d = generator(), critic()
    g_optim = torch.optim.Adam(g.parameters(), lr=1e-4, betas=(0.5, 0.999))
    d_optim = torch.optim.Adam(d.parameters(), lr=2e-3, betas=(0.5, 0.999))

    with equipoise.Watch(options.out, loss="bce", real=unseen, samples_every=500) as watch:
        for step in range(options.steps):
            real = seen[torch.randint(len(seen), (64,))]
            fake = g(torch.randn(64, LATENT))

            of_real, of_fake = d(real), d(fake.detach())
            d_loss = F.softplus(-of_real).mean() + F.softplus(of_fake).mean()
            d_optim.zero_grad()
            d_loss.backward()
            d_optim.step()

            g_loss = F.softplus(-d(fake)).mean()
            g_optim.zero_grad()
            g_loss.backward()
            g_optim.step()

            watch.log(step, d_loss=d_loss, g_loss=g_loss, real_logits=of_real, fake_logits=of_fake, fake=fake)

    print(f"the whole of it: equipoise doctor {options.out}; as a page: equipoise report {options.out}")


if __name__ == "__main__":
    main()
