"""A judge for real data whose truth nobody knows: a classifier of the folders that pictures lie in.

It has seen labels, which no measure of ours has.  The distance of generated from real samples is the Fréchet distance
of what its last hidden layer makes of them, as Heusel et al. 2017 (arXiv:1706.08500) have it with another classifier.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from equipoise.data.corpus import Corpus
from equipoise.measures.frechet import frechet

FEATURES = 64
STEPS, BATCH, LR = 800, 64, 2e-3
UNSEEN_SHARE = 0.2
CHUNK = 256


@dataclass(frozen=True)
class Judge:
    """A trained classifier, its accuracy on pictures it has not seen, and what it makes of the real ones."""

    body: nn.Module
    accuracy: float
    num_classes: int
    of_real: Tensor

    def distance(self, fake: Tensor) -> float:
        """Of samples [N, C, H, W] in [-1, 1] from the real ones."""
        return frechet(self.of_real, look(self.body, fake))


def train_judge(corpus: Corpus, seed: int = 0) -> Judge:
    """A classifier of the first folder in each sample's name; pictures in no folder are contact sheets."""
    in_folders = [at for at, name in enumerate(corpus.names) if "/" in name]
    named = [corpus.names[at].split("/")[0] for at in in_folders]
    folders = sorted(set(named))
    labels = torch.tensor([folders.index(name) for name in named])
    samples = torch.from_numpy(corpus.samples[in_folders]).float() / 127.5 - 1.0
    torch.manual_seed(seed)
    order = torch.randperm(len(labels))
    unseen, seen = order[: round(UNSEEN_SHARE * len(order))], order[round(UNSEEN_SHARE * len(order)) :]
    body, head = make_body(samples.shape[1]), nn.Linear(FEATURES, len(folders))
    optimiser = torch.optim.AdamW([*body.parameters(), *head.parameters()], lr=LR, weight_decay=0.05)
    rates = torch.optim.lr_scheduler.OneCycleLR(optimiser, LR, total_steps=STEPS)
    for _ in range(STEPS):
        batch = seen[torch.randint(len(seen), (BATCH,))]
        flipped = torch.where(torch.rand(BATCH, 1, 1, 1) < 0.5, samples[batch], samples[batch].flip(3))
        optimiser.zero_grad()
        torch.autograd.backward(F.cross_entropy(head(body(flipped)), labels[batch]))
        optimiser.step()
        rates.step()
    body.eval()
    with torch.no_grad():
        right = head(look(body, samples[unseen])).argmax(1) == labels[unseen]
    return Judge(body, float(right.float().mean()), len(folders), look(body, samples))


def make_body(channels: int) -> nn.Module:
    layers: list[nn.Module] = []
    for width in (32, 64, 128):
        layers += [nn.Conv2d(channels, width, 3, 2, 1, bias=False), nn.BatchNorm2d(width), nn.ReLU()]
        channels = width
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(2), nn.Flatten(), nn.Linear(4 * channels, FEATURES), nn.ReLU())


@torch.no_grad()
def look(body: nn.Module, samples: Tensor) -> Tensor:
    return torch.cat([body(part) for part in torch.split(samples, CHUNK)])
