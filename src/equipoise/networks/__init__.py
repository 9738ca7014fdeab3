"""Networks: one family a file.  A part's settings are here; `build` makes the `torch.nn.Module` for a given `Space`.

Generators take latents [N, latent], conditions [N, K] or given pictures, and give samples [N, planes, H, W], in [-1, 1]
and of classes in [0, 1]; critics take samples and give raw scores [N], some also readings [N, K]; encoders take samples
and give where they lie among latents.  Samples are in the precision of what they are made from, everything else in the
weights', also under autocast.
"""

from __future__ import annotations

from equipoise.networks.dcgan import DcganCritic, DcganGenerator
from equipoise.networks.edsr import EdsrGenerator
from equipoise.networks.eru import Modulation
from equipoise.networks.eru_critic import EruCritic
from equipoise.networks.esrgan import load_esrgan
from equipoise.networks.mlp import MlpCritic, MlpGenerator
from equipoise.networks.norm_free import NormFreeCritic, NormFreeGenerator
from equipoise.networks.patch import PatchCritic
from equipoise.networks.rrdb import RrdbGenerator
from equipoise.networks.style import StyleCritic, StyleGenerator
from equipoise.networks.tiles import TilesGenerator
from equipoise.networks.vae_eru import EruGenerator, VaeEncoder
from equipoise.networks.wgan import WganLargeCritic, WganLargeGenerator, WganSmallCritic, WganSmallGenerator

__all__ = [
    "DcganCritic",
    "DcganGenerator",
    "EdsrGenerator",
    "EruCritic",
    "EruGenerator",
    "MlpCritic",
    "MlpGenerator",
    "Modulation",
    "NormFreeCritic",
    "NormFreeGenerator",
    "PatchCritic",
    "RrdbGenerator",
    "StyleCritic",
    "StyleGenerator",
    "TilesGenerator",
    "VaeEncoder",
    "WganLargeCritic",
    "WganLargeGenerator",
    "WganSmallCritic",
    "WganSmallGenerator",
    "load_esrgan",
]
