"""Denoisers: networks and their weights."""

from engine.models.checkpoint import ModelError
from engine.models.denoiser import Denoiser
from engine.models.registry import load

__all__ = ["Denoiser", "ModelError", "load"]
