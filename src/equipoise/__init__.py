"""Equipoise: GANs on small, unusual data, without collapse."""

__version__ = "0.1.0"
