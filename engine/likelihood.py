"""log p of a sample under the probability-flow ODE, by the divergence along its path (Song et al. 2021b, section 4.3).

With y = x/α and u = log σ the ODE is dy/du = y − D(y), the same on every schedule, and along it
d log p/du = −(d − tr ∂D/∂y). At the noisy end p is a Gaussian, which D and ∂D/∂y tell.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from engine.noise import Noise
from engine.samplers import Denoise
from engine.schedules import Level, edm

PROBES = 2**35  # the step under which probes are drawn, beyond every other: noise that made x would be no fair probe


def log_density(
    denoise: Denoise,
    x: Tensor,
    level: Level,
    sigma_max: float = 80.0,
    steps: int = 100,
    noise: Noise | None = None,
    probes: int = 1,
) -> Tensor:
    """log p_t(x) in nats, [B], of x [B, ...] at a level with noise: of data smoothed at its σ, for the smallest σ.

    `steps` of the classical fourth-order Runge–Kutta method, uniform in log σ, up to sigma_max, of four evaluations
    each: 100 give 1e-4 nats where a mixture in the plane has its mass, points far out at small σ take some 300. The
    trace is exact, by one backward pass for every dimension; given `noise`, it is Hutchinson's estimate from as many
    `probes` of signs, the same along the whole path (Grathwohl et al. 2019).
    Raises ValueError for a denoiser that is not differentiable, or a level without noise or signal.
    """
    if not 0.0 < level.sigma < sigma_max:
        raise ValueError(f"level must have a σ between 0 and {sigma_max:g}, not {level.sigma:g}")
    schedule = edm(sigma_max=sigma_max)  # α = 1, so that x is y
    with torch.inference_mode(False), torch.enable_grad():
        signs = None if noise is None else [_signs(noise(PROBES, stage), x) for stage in range(probes)]

        def slope(y: Tensor, u: float) -> tuple[Tensor, Tensor]:
            """dy/du [B, ...] and −d log p/du [B]."""
            y = y.detach().requires_grad_()
            denoised = denoise(y, schedule.level_at_sigma(min(math.exp(u), sigma_max)))
            if not denoised.requires_grad:
                raise ValueError("denoise must be differentiable in x for a likelihood")
            return (y - denoised).detach(), y[0].numel() - _trace(denoised, y, signs)

        y = x.detach() / level.alpha
        total = torch.zeros_like(y.flatten(1)[:, 0])  # ∫ (d − tr ∂D/∂y) du
        u = math.log(level.sigma)
        h = (math.log(sigma_max) - u) / steps
        for _ in range(steps):
            k1, d1 = slope(y, u)
            k2, d2 = slope(y + 0.5 * h * k1, u + 0.5 * h)
            k3, d3 = slope(y + 0.5 * h * k2, u + 0.5 * h)
            k4, d4 = slope(y + h * k3, u + h)
            y = y + (h / 6.0) * (k1 + 2.0 * (k2 + k3) + k4)
            total = total + (h / 6.0) * (d1 + 2.0 * (d2 + d3) + d4)
            u += h
        return total + _at_the_end(denoise, y, schedule.level(1.0), signs) - y[0].numel() * math.log(level.alpha)


def _trace(denoised: Tensor, y: Tensor, signs: list[Tensor] | None) -> Tensor:
    """tr ∂D/∂y, [B]: exact, or with probes v the mean of vᵀ (∂D/∂y) v.

    Samples do not depend on each other, so that a backward pass serves the whole batch.
    """
    if signs is not None:
        products = [v * torch.autograd.grad(denoised, y, v, retain_graph=True)[0] for v in signs]
        return torch.stack(products).mean(0).flatten(1).sum(1)
    columns = denoised.flatten(1).unbind(1)
    rows = [torch.autograd.grad(column.sum(), y, retain_graph=True)[0].flatten(1) for column in columns]
    return torch.stack([row[:, i] for i, row in enumerate(rows)]).sum(0)


def _at_the_end(denoise: Denoise, y: Tensor, level: Level, signs: list[Tensor] | None) -> Tensor:
    """log N(y; m, C + σ² I), [B], where σ is large, from e = y − D and J = ∂D/∂y = C (C + σ² I)⁻¹ alone.

    log det(C + σ² I) = d log σ² − log det(I − J) and (y − m)ᵀ (C + σ² I)⁻¹ (y − m) = eᵀ (I − J)⁻¹ e / σ², each to
    first order in J.
    """
    y = y.detach().requires_grad_()
    denoised = denoise(y, level)
    e = (y - denoised).detach()
    (onwards,) = torch.autograd.grad(denoised, y, e, retain_graph=True)  # J e
    distance = (e * (e + onwards)).flatten(1).sum(1) / level.std**2
    return -0.5 * (distance + _trace(denoised, y, signs) + y[0].numel() * math.log(2.0 * math.pi * level.std**2))


def _signs(draw: Tensor, x: Tensor) -> Tensor:
    """±1 from normal draws: the probes of unit variance whose estimate has the least variance (Hutchinson 1989)."""
    return torch.where(draw < 0.0, -1.0, 1.0).to(x)
