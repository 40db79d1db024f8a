"""How far every sampler is from the truth after how many evaluations.

On an exact mixture in the plane: the sliced Wasserstein distance of its particles from the mixture. On the digits: the
root mean square distance, in grey values from −1 to 1, from a run of 1,000 steps with the same starting noise and,
where there is noise, on the same Brownian path. Beside every method that diffusers has too stands its scheduler, on the
same network, levels and noise.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field
from typing import Any, Protocol
from unittest import mock

import torch
from torch import Tensor

from engine.measures.judges import sliced_wasserstein
from engine.models import load
from engine.models.denoiser import Condition, Denoiser
from engine.models.mixture import Mixture
from engine.noise import KeyedNoise, Noise, PathNoise
from engine.precision import forced
from engine.request import Request
from engine.runs import levels, run, sample
from engine.schedules import SCHEDULES, Level

BUDGETS = (5, 10, 20, 50, 100)  # evaluations
TOLERANCES = (1e-1, 1e-2, 1e-3, 1e-4)  # of RK45, which chooses its evaluations itself
PARTICLES = 50_000
SEED = 0
DISCRETE = {"schedule": "ddpm_linear", "spacing": "trailing"}  # what diffusers' schedulers walk
BETAS: dict[str, Any] = {"beta_schedule": "linear", "beta_start": 1e-4, "beta_end": 0.02, "num_train_timesteps": 1000}


@dataclass(frozen=True)
class Method:
    """A sampler with its options, and the scheduler of diffusers that does the same."""

    label: str
    fields: dict[str, Any]
    theirs: str = ""
    options: dict[str, Any] = field(default_factory=dict)
    calls: int = 1  # evaluations a step
    eta: float = 0.0  # of DDIM's step
    leading: bool = False  # down to the first discrete level, as diffusers' "leading" spacing
    pathwise: bool = True  # tends to one image for one noise: comparable with a reference

    @property
    def follows_a_path(self) -> bool:
        """Whether its noise can be increments of one Brownian path."""
        return bool(
            self.fields.get("lam") or self.fields["sampler"] in ("ddim_eta", "ddpm", "ddpm_large", "dpmpp_2m_sde")
        )

    def request(self, budget: int, **more: Any) -> Request:
        """The run that spends `budget` evaluations, or as many below it as its steps allow; one step at the least."""
        steps: dict[str, Any] = {"steps": (budget + 1) // self.calls if self.calls > 1 else budget}
        if self.fields["sampler"] == "annealed_langevin":
            steps = {"steps": max(1, (budget - 1) // self.calls)}
        if self.leading:
            times = [1 + (1000 // budget) * place for place in reversed(range(budget))]
            steps = {"sigmas": tuple(SCHEDULES["ddpm_linear"]().level(time / 1000).sigma for time in times)}
        noise = {"noise": "path"} if self.follows_a_path else {}
        return Request(**{"seed": SEED, **DISCRETE, **steps, **noise, **self.fields, **more})


DPM = {"timestep_spacing": "trailing", "final_sigmas_type": "zero"}
MIDPOINT = {**DPM, "solver_order": 2, "solver_type": "midpoint"}
DDIM = {"clip_sample": False, "set_alpha_to_one": True, "timestep_spacing": "trailing"}
ANCESTRAL = {"clip_sample": False, "timestep_spacing": "trailing"}

METHODS = (  # `smld` is `ddpm` by another name, and `langevin` comes to no result
    Method("DDIM", {"sampler": "ddim"}, "DDIMScheduler", DDIM),
    Method("DPM-Solver++ 2M", {"sampler": "dpmpp_2m"}, "DPMSolverMultistepScheduler", MIDPOINT),
    Method("UniPC", {"sampler": "unipc"}, "UniPCMultistepScheduler", {**DPM, "solver_order": 2, "solver_type": "bh2"}),
    Method("Heun", {"sampler": "heun"}, "HeunDiscreteScheduler", {"timestep_spacing": "trailing"}, calls=2),
    Method("Euler in t", {"sampler": "euler"}),
    Method("DPM-Solver++ 2M, EDM with Karras ρ", {"sampler": "dpmpp_2m", "schedule": "edm", "spacing": "karras"}),
    Method("UniPC, EDM with Karras ρ", {"sampler": "unipc", "schedule": "edm", "spacing": "karras"}),
    Method("Heun, EDM with Karras ρ", {"sampler": "heun", "schedule": "edm", "spacing": "karras"}, calls=2),
    Method("DDPM", {"sampler": "ddpm"}, "DDPMScheduler", {**ANCESTRAL, "variance_type": "fixed_small"}),
    Method(
        "DDPM, large variance, leading",
        {"sampler": "ddpm_large"},
        "DDPMScheduler",
        {"clip_sample": False, "timestep_spacing": "leading", "variance_type": "fixed_large"},
        leading=True,
    ),
    Method("DDIM, η = ½", {"sampler": "ddim_eta", "eta": 0.5}, "DDIMScheduler", {**DDIM}, eta=0.5, pathwise=False),
    Method(
        "DPM-Solver++ 2M SDE",
        {"sampler": "dpmpp_2m_sde"},
        "DPMSolverMultistepScheduler",
        {**MIDPOINT, "algorithm_type": "sde-dpmsolver++"},
    ),
    Method("Bridge, order 2, λ = ½", {"sampler": "bridge", "lam": 0.5}),
    Method("Bridge, order 2, λ = 2", {"sampler": "bridge", "lam": 2.0}),
    Method("Euler–Maruyama in t", {"sampler": "euler_maruyama", "lam": 1.0}),
    Method(
        "Heun, churn 10, EDM",
        {"sampler": "heun", "churn": 10.0, "schedule": "edm", "spacing": "karras"},
        calls=2,
        pathwise=False,
    ),
    Method("Predictor–corrector", {"sampler": "predictor_corrector", "lam": 1.0}, calls=2, pathwise=False),
    Method(
        "Annealed Langevin",
        {"sampler": "annealed_langevin", "schedule": "ve", "spacing": "uniform_logsnr"},
        calls=10,
        pathwise=False,
    ),
)


@dataclass
class Row:
    """The measured points of one method: (evaluations, error), ours and theirs."""

    method: Method
    ours: list[tuple[int, float]]
    theirs: list[tuple[int, float]]


class Stage(Protocol):
    """A model, and how far a result is from the truth."""

    title: str
    unit: str
    floor: float  # what the truth itself would measure
    model: Denoiser
    condition: Condition
    fields: dict[str, Any]  # of every run

    def admits(self, method: Method) -> bool:
        """Whether the error of this method is defined here."""
        ...

    def error(self, result: Tensor, method: Method) -> float:
        """How far a result is from the truth."""
        ...


class Plane:
    """Eight Gaussians of two weights on a ring, exactly."""

    title = "Exact mixture of eight Gaussians in the plane"
    unit = "sliced Wasserstein distance"
    condition: Condition = None

    def __init__(self, particles: int = PARTICLES) -> None:
        angles = torch.arange(8) * (torch.pi / 4)
        means = torch.stack([angles.cos(), angles.sin()], 1)
        weights = torch.tensor([1.0, 2.0] * 4) / 12
        self.model: Denoiser = Mixture(means, (0.1**2 * torch.eye(2)).expand(8, 2, 2), weights, shape=(particles, 2))
        self.fields: dict[str, Any] = {"count": 1}
        chosen = torch.multinomial(weights, 2 * particles, True, generator=torch.Generator().manual_seed(1))
        exact = means[chosen] + 0.1 * KeyedNoise(1, 1, (2 * particles, 2)).initial()[0]
        self.exact = exact[:particles]
        self.floor = sliced_wasserstein(self.exact, exact[particles:])

    def admits(self, method: Method) -> bool:
        return True

    def error(self, result: Tensor, method: Method) -> float:
        return sliced_wasserstein(result[0], self.exact)


class Digits:
    """The digits network, sixteen sevens, against its own run of 1,000 steps; in float32, for bfloat16 has errors."""

    title = "The digits network"
    unit = "distance to 1,000 steps"
    condition: Condition = 7

    def __init__(self, model: str = "digits", reference_steps: int = 1000, count: int = 16) -> None:
        with forced("fp32"):
            self.model = load(model)
        self.fields: dict[str, Any] = {"model": model, "condition": self.condition, "count": count}
        self.floor = 0.0
        self._steps = reference_steps
        self._references: dict[tuple[float, str | None], Tensor] = {}

    def admits(self, method: Method) -> bool:
        return method.pathwise and method.fields["sampler"] != "ddpm_large"

    def error(self, result: Tensor, method: Method) -> float:
        asked = method.request(10, **self.fields)
        key = asked.lam, asked.schedule
        if key not in self._references:
            request = asked.replace(sampler="bridge", lam=asked.lam, order=2, noise="path", steps=self._steps)
            self._references[key] = sample(request.replace(spacing="uniform_logsnr"))
        return float((result - self._references[key]).square().mean().sqrt())


def measure(stage: Stage, method: Method, budgets: Sequence[int]) -> Row:
    """One row of the table."""
    row = Row(method, [], [])
    for budget in budgets:
        request = method.request(budget, **stage.fields)
        *_, last = run(request, stage.model)
        row.ours.append((last.nfe, stage.error(last.x_next, method)))
        if method.theirs:
            row.theirs.append((last.nfe, stage.error(reference(method, request, stage), method)))
    return row


def adaptive(stage: Stage) -> Row:
    """The row of RK45, whose evaluations follow from its tolerance."""
    row = Row(Method("RK45, EDM", {"sampler": "rk45", "schedule": "edm"}), [], [])
    for tolerance in TOLERANCES:
        *_, last = run(
            Request(seed=SEED, sampler="rk45", tolerance=tolerance, steps=2, schedule="edm", **stage.fields),
            stage.model,
        )
        row.ours.append((last.nfe, stage.error(last.x_next, row.method)))
    return row


def reference(method: Method, request: Request, stage: Stage) -> Tensor:
    """The result of diffusers' scheduler on the same network, levels and noise."""
    import diffusers

    path = levels(request, stage.model)
    keyed = KeyedNoise(SEED, request.count, stage.model.shape, stage.model.device)
    noise: Noise = PathNoise(keyed, path) if request.noise == "path" else keyed
    scheduler = getattr(diffusers, method.theirs)(**BETAS, prediction_type="sample", **method.options)
    scheduler.set_timesteps(request.steps)
    return _walk(scheduler, method, path, noise, path[0].std * keyed.initial(), stage)


def _walk(scheduler: Any, method: Method, path: list[Level], noise: Noise, x: Tensor, stage: Stage) -> Tensor:
    condition = stage.model.encode(stage.condition, len(x))
    heun = method.theirs == "HeunDiscreteScheduler"  # walks y = x/α, two calls a step
    ancestral = method.theirs == "DDPMScheduler"  # takes no noise: it is given ours where it draws
    draws = iter(range(len(path)))
    ours = mock.Mock(side_effect=lambda *_, **__: noise(next(draws)))
    given = mock.patch("diffusers.schedulers.scheduling_ddpm.randn_tensor", ours)
    x = x / path[0].alpha if heun else x
    with given if ancestral else nullcontext():
        for call, timestep in enumerate(scheduler.timesteps):
            level = path[(call + 1) // 2 if heun else call]
            options: dict[str, Any] = {"variance_noise": noise(call)} if method.follows_a_path and not ancestral else {}
            if method.eta:
                options["eta"] = method.eta
            denoised = stage.model(level.alpha * x if heun else x, level, condition)
            x = scheduler.step(denoised, timestep, x, **options).prev_sample
    return x
