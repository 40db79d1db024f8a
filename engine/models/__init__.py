"""Denoisers: networks and their weights."""

from engine.models import parameterization
from engine.models.checkpoint import ModelError
from engine.models.denoiser import Denoiser, NetworkDenoiser
from engine.models.registry import load

__all__ = ["Denoiser", "ModelError", "NetworkDenoiser", "load", "parameterization"]
