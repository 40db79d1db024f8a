"""Samplers: short generators that walk a list of levels from noise to image and yield every step.

All take a denoiser already bound to its condition, `denoise(x, level) -> D`, and draw noise only through `noise`.
"""

from engine.samplers.bridge import bridge, bridge_sampler, ddim_sampler, ddpm_large_sampler, extrapolate
from engine.samplers.euler import euler_sampler
from engine.samplers.heun import heun_sampler
from engine.samplers.langevin import langevin_sampler, predictor_corrector_sampler
from engine.samplers.runge_kutta import rk45_sampler
from engine.samplers.step import Denoise, Lam, Step
from engine.samplers.unipc import unipc_sampler

__all__ = [
    "Denoise",
    "Lam",
    "Step",
    "bridge",
    "bridge_sampler",
    "ddim_sampler",
    "ddpm_large_sampler",
    "euler_sampler",
    "extrapolate",
    "heun_sampler",
    "langevin_sampler",
    "predictor_corrector_sampler",
    "rk45_sampler",
    "unipc_sampler",
]
