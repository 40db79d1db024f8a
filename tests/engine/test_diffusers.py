"""On one network, with the same noise, the samplers make the samples of `diffusers` (float32, to 1e-4)."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import pytest
import torch
from conftest import random_network
from torch import Tensor, nn

from engine.models import parameterization
from engine.models.denoiser import NetworkDenoiser
from engine.noise import KeyedNoise
from engine.samplers import Step, bridge_sampler, ddim_sampler, ddpm_large_sampler, heun_sampler, unipc_sampler
from engine.schedules import Level, ddpm_linear, edm, grid

diffusers = pytest.importorskip("diffusers")

pytestmark = pytest.mark.filterwarnings(  # diffusers 0.42 with NumPy 2, in set_timesteps
    "ignore:__array__ implementation doesn't accept a copy keyword:DeprecationWarning"
)

SHAPE = (1, 8, 8)
COUNT = 3
BETAS: dict[str, Any] = {"beta_schedule": "linear", "beta_start": 1e-4, "beta_end": 0.02, "num_train_timesteps": 1000}


class EpsilonNetwork(nn.Module):
    """ε = std x + α F(x, timestep), F a random U-Net: its D = α x − std F stays bounded, as real ones do."""

    def __init__(self) -> None:
        super().__init__()
        self.unet = random_network()
        levels = [ddpm_linear().level((step + 1) / 1000) for step in range(1000)]
        self.alpha = torch.tensor([level.alpha for level in levels])
        self.std = torch.tensor([level.std for level in levels])

    def forward(self, x: Tensor, timestep: Tensor, label: Tensor) -> Tensor:
        index = timestep.round().long()
        assert (timestep - index).abs().max() < 1e-4, "a network of discrete steps is asked at whole steps only"
        alpha, std = self.alpha[index][:, None, None, None], self.std[index][:, None, None, None]
        return std * x + alpha * self.unet(x, timestep / 250 - 2, label)


NETWORK = EpsilonNetwork()


class Reference:
    """A scheduler of diffusers walking the same network from the same noise, without its pipelines."""

    def __init__(self, scheduler: Any, steps: int) -> None:
        scheduler.set_timesteps(steps)
        self.scheduler = scheduler
        self.noise = KeyedNoise(7, COUNT, SHAPE)

    def eps(self, x: Tensor, timestep: Tensor) -> Tensor:
        with torch.inference_mode():
            return NETWORK(x, timestep.float().expand(COUNT), torch.full((COUNT,), 1))

    def walk(self, noisy: bool, **options: Any) -> Iterator[Tensor]:
        """x after every step."""
        x = self.start()
        for index, timestep in enumerate(self.scheduler.timesteps):
            if noisy:
                options["variance_noise"] = self.noise(index)
            x = self.scheduler.step(self.eps(x, timestep), timestep, x, **options).prev_sample
            yield x

    def levels(self) -> list[Level]:
        """The levels of the scheduler's timesteps (each once, Heun's list has them twice), then the clean one."""
        timesteps = dict.fromkeys(int(timestep) for timestep in self.scheduler.timesteps)
        return [*(ddpm_linear().level((timestep + 1) / 1000) for timestep in timesteps), ddpm_linear().clean]

    def start(self) -> Tensor:
        return self.levels()[0].std * self.noise.initial()

    def denoise(self, x: Tensor, level: Level) -> Tensor:
        ours = NetworkDenoiser(NETWORK, parameterization.epsilon(ddpm_linear()), SHAPE, classes=3)
        return ours(x, level, 1)

    def bridge(self, lam: float, order: int) -> Iterator[Step]:
        return bridge_sampler(self.denoise, self.start(), self.levels(), self.noise, lam, order)


def assert_same(steps: Iterator[Step], reference: Iterator[Tensor], count: int) -> float:
    """After every step x is the same to 1e-4; and there is something to compare. Returns the largest difference."""
    pairs = [(step.x_next, x) for step, x in zip(steps, reference, strict=True)]
    assert len(pairs) == count
    assert all(torch.isfinite(x).all() and 0.1 < x.std() < 100 for _, x in pairs)
    worst = max(float((ours - theirs).abs().max()) for ours, theirs in pairs)
    assert worst < 1e-4
    return worst


@pytest.mark.parametrize("steps", [10, 50])
@pytest.mark.parametrize("eta", [0.0, 1.0])
def test_ddim(steps: int, eta: float, record_property: Any) -> None:
    """λ = 0 is DDIM with η = 0; λ = 1 is DDIM with η = 1."""
    scheduler = diffusers.DDIMScheduler(**BETAS, clip_sample=False, set_alpha_to_one=True)
    reference = Reference(scheduler, steps)
    theirs = reference.walk(noisy=eta > 0, eta=eta)
    record_property("worst", assert_same(reference.bridge(lam=eta, order=1), theirs, steps))


@pytest.mark.parametrize("eta", [0.0, 0.3, 0.8, 1.0])
def test_ddim_with_eta(eta: float, record_property: Any) -> None:
    scheduler = diffusers.DDIMScheduler(**BETAS, clip_sample=False, set_alpha_to_one=True)
    reference = Reference(scheduler, 20)
    theirs = reference.walk(noisy=eta > 0, eta=eta)
    ours = ddim_sampler(reference.denoise, reference.start(), reference.levels(), reference.noise, eta)
    record_property("worst", assert_same(ours, theirs, 20))


@pytest.mark.parametrize("steps", [10, 50])
def test_ddpm_large(steps: int, monkeypatch: pytest.MonkeyPatch, record_property: Any) -> None:
    """Ancestral sampling with the variance β, "fixed large"."""
    scheduler = diffusers.DDPMScheduler(**BETAS, variance_type="fixed_large", clip_sample=False)
    reference = Reference(scheduler, steps)
    draws = map(reference.noise, range(steps))
    monkeypatch.setattr("diffusers.schedulers.scheduling_ddpm.randn_tensor", lambda *_, **__: next(draws))
    ours = ddpm_large_sampler(reference.denoise, reference.start(), reference.levels(), reference.noise)
    record_property("worst", assert_same(ours, reference.walk(noisy=False), steps))


@pytest.mark.parametrize("spacing", ["trailing", "linspace"])
@pytest.mark.parametrize("steps", [8, 20])
def test_unipc(steps: int, spacing: str, record_property: Any) -> None:
    """UniPC of order 2 with B(h) = exp(h) − 1; diffusers' x before the correction is the x of our step."""
    scheduler = diffusers.UniPCMultistepScheduler(
        **BETAS, solver_order=2, solver_type="bh2", timestep_spacing=spacing, final_sigmas_type="zero"
    )
    reference = Reference(scheduler, steps)
    ours = unipc_sampler(reference.denoise, reference.start(), reference.levels(), reference.noise)
    record_property("worst", assert_same(ours, reference.walk(noisy=False), steps))


@pytest.mark.parametrize("steps", [10, 50])
def test_ddpm(steps: int, monkeypatch: pytest.MonkeyPatch, record_property: Any) -> None:
    """λ = 1 at order 1 is ancestral sampling with the small fixed variance β̃."""
    scheduler = diffusers.DDPMScheduler(**BETAS, variance_type="fixed_small", clip_sample=False)
    reference = Reference(scheduler, steps)
    draws = map(reference.noise, range(steps))
    monkeypatch.setattr("diffusers.schedulers.scheduling_ddpm.randn_tensor", lambda *_, **__: next(draws))
    record_property("worst", assert_same(reference.bridge(lam=1.0, order=1), reference.walk(noisy=False), steps))


@pytest.mark.parametrize("spacing", ["leading", "trailing", "linspace"])
@pytest.mark.parametrize(("algorithm", "lam"), [("dpmsolver++", 0.0), ("sde-dpmsolver++", 1.0)])
@pytest.mark.parametrize("steps", [10, 20])
def test_dpm_solver_2m(algorithm: str, lam: float, steps: int, spacing: str, record_property: Any) -> None:
    """Order 2 is DPM-Solver++ 2M at λ = 0 and 2M SDE at λ = 1 (midpoint)."""
    scheduler = diffusers.DPMSolverMultistepScheduler(
        **BETAS,
        algorithm_type=algorithm,
        solver_order=2,
        solver_type="midpoint",
        timestep_spacing=spacing,
        final_sigmas_type="zero",
    )
    reference = Reference(scheduler, steps)
    record_property("worst", assert_same(reference.bridge(lam, order=2), reference.walk(noisy=lam > 0), steps))


@pytest.mark.parametrize("steps", [10, 30])
def test_heun(steps: int, record_property: Any) -> None:
    """diffusers walks y = x / α in σ, two calls a step; its network is asked at α y."""
    scheduler = diffusers.HeunDiscreteScheduler(**BETAS, timestep_spacing="trailing")
    reference = Reference(scheduler, steps)
    levels = reference.levels()

    def walk() -> Iterator[Tensor]:
        y = reference.start() / levels[0].alpha
        for call, timestep in enumerate(scheduler.timesteps):
            x = scheduler.scale_model_input(y, timestep)
            y = scheduler.step(reference.eps(x, timestep), timestep, y).prev_sample
            if call % 2 or call == 2 * steps - 2:  # both evaluations of a step done; the last has one
                yield levels[call // 2 + 1].alpha * y

    ours = heun_sampler(reference.denoise, reference.start(), levels, reference.noise)
    record_property("worst", assert_same(ours, walk(), steps))


@pytest.mark.parametrize(("theirs", "order"), [("EDMEulerScheduler", 1), ("EDMDPMSolverMultistepScheduler", 2)])
def test_edm(theirs: str, order: int, record_property: Any) -> None:
    """diffusers' EDM schedulers, with their own grid and preconditioning of the raw network."""
    options: dict[str, Any] = {"solver_order": 2, "final_sigmas_type": "zero"} if order == 2 else {}
    scheduler = getattr(diffusers, theirs)(sigma_min=0.002, sigma_max=80.0, sigma_data=0.5, **options)
    scheduler.set_timesteps(18)
    sigmas = [float(sigma) for sigma in scheduler.sigmas]
    assert sigmas[:4] == pytest.approx([80, 57.586, 40.7856, 28.3746], rel=1e-5)
    levels, noise = [*(Level(0.0, 1.0, sigma) for sigma in sigmas[:-1]), edm().clean], KeyedNoise(7, COUNT, SHAPE)
    network = random_network()
    denoiser = NetworkDenoiser(network, parameterization.edm(), SHAPE, classes=3)

    def walk() -> Iterator[Tensor]:
        x, labels = sigmas[0] * noise.initial(), torch.full((COUNT,), 1)
        for timestep, sigma in zip(scheduler.timesteps, sigmas, strict=False):
            with torch.inference_mode():
                f = network(scheduler.scale_model_input(x, timestep), torch.full((COUNT,), math.log(sigma) / 4), labels)
            x = scheduler.step(f, timestep, x).prev_sample
            yield x

    ours = bridge_sampler(
        lambda x, level: denoiser(x, level, 1), sigmas[0] * noise.initial(), levels, noise, 0.0, order
    )
    record_property("worst", assert_same(ours, walk(), 18))


@pytest.mark.parametrize("churn", [0.0, 5.0, 80.0])
def test_heun_is_algorithm_2_of_edm(churn: float) -> None:
    """Karras et al. 2022, algorithm 2 with S_noise = 1, written out in σ(t) = t; churn inside [0.05, 50]."""
    denoiser = NetworkDenoiser(random_network(), parameterization.edm(), SHAPE, classes=3)
    levels, noise = grid(edm(), 18, "karras"), KeyedNoise(7, COUNT, SHAPE)
    t = [level.sigma for level in levels]

    def D(x: Tensor, sigma: float) -> Tensor:
        return denoiser(x, Level(0.0, 1.0, sigma), 1)

    x = t[0] * noise.initial()
    steps = list(heun_sampler(lambda x, level: denoiser(x, level, 1), x, levels, noise, churn, (0.05, 50.0)))
    churned = 0
    for i, step in enumerate(steps):
        gamma = min(churn / 18, math.sqrt(2) - 1) if 0.05 <= t[i] <= 50.0 else 0.0
        hat = t[i] + gamma * t[i]
        churned += hat > t[i]
        x_hat = x + math.sqrt(hat**2 - t[i] ** 2) * noise(i)
        d = (x_hat - D(x_hat, hat)) / hat
        x = x_hat + (t[i + 1] - hat) * d
        if t[i + 1] != 0:
            d_next = (x - D(x, t[i + 1])) / t[i + 1]
            x = x_hat + (t[i + 1] - hat) * (d / 2 + d_next / 2)
        torch.testing.assert_close(step.x_next, x, rtol=1e-5, atol=1e-4)
    assert len(steps) == 18
    assert bool(churned) == bool(churn)


def test_heun_is_algorithm_1_of_edm() -> None:
    """Karras et al. 2022, algorithm 1, written out in σ(t) = t, on the EDM schedule and its own preconditioning."""
    denoiser = NetworkDenoiser(random_network(), parameterization.edm(), SHAPE, classes=3)
    levels, noise = grid(edm(), 18, "karras"), KeyedNoise(7, COUNT, SHAPE)
    t = [level.sigma for level in levels]

    def D(x: Tensor, sigma: float) -> Tensor:
        return denoiser(x, Level(0.0, 1.0, sigma), 1)

    x = x_next = t[0] * noise.initial()
    steps = heun_sampler(lambda x, level: denoiser(x, level, 1), x, levels, noise)
    for i, step in enumerate(steps):
        d = (x - D(x, t[i])) / t[i]
        x_next = x + (t[i + 1] - t[i]) * d
        if t[i + 1] != 0:
            d_next = (x_next - D(x_next, t[i + 1])) / t[i + 1]
            x_next = x + (t[i + 1] - t[i]) * (d / 2 + d_next / 2)
        torch.testing.assert_close(step.x_next, x_next, rtol=1e-5, atol=1e-4)
        x = x_next
    assert i == 17
