"""Learning the score of a distribution in the plane, by denoising score matching, beside the exact one."""

from __future__ import annotations

import math
import time
from statistics import NormalDist
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from engine.data import plane
from engine.fields import RequestError
from engine.lab import subject
from engine.lab.answers import Piece, Pieces
from engine.lab.queries import Learn
from engine.models import mlp, parameterization
from engine.models.checkpoint import ModelError
from engine.models.mlp import MLP
from engine.noise import generator
from engine.schedules import Level

POOL = 2**16  # exact samples that batches are drawn from
BATCH = 512
MEAN, SPREAD = -1.2, 1.5  # of log σ
DROP = 0.15  # of the labels, for guidance
EVERY = 0.25  # seconds between two reports
TRIALS, LEVELS = 64, 32  # points at each of the levels at which the error is measured


def learn(asked: Learn) -> Pieces:
    """Train, and report about four times a second; each report keeps the network and names it, the last one as well.

    Values: model (its name: learned-…), step, seconds, loss (mean since the last report), floor and error. The floor is
    the loss of the exact denoiser, below which no network can go; error is the network's excess over it, as a share of
    it: 0.1 is within 10 %. Steps count from the beginning of the training, also where it is gone on with. Dropping it
    pauses it: the network of the last report can be gone on with by its name.
    """
    lesson = Lesson(asked)
    losses: list[float] = []
    while lesson.step < asked.steps or not losses:
        before = time.perf_counter()
        losses.append(lesson.advance())
        lesson.seconds += time.perf_counter() - before
        if lesson.seconds - lesson.reported >= EVERY and lesson.step < asked.steps:
            yield Piece(lesson.report(losses), last=False)
            losses = []
        else:
            yield None
    yield Piece(lesson.report(losses))


class Lesson:
    """A network in training on an exact model: Adam, and the power-law average of the weights (EDM2, eq. 124)."""

    def __init__(self, asked: Learn) -> None:
        """From the beginning, or from where `asked.learned` was left. Raises RequestError where it is of another."""
        self.asked = asked
        if isinstance(subject.model(asked.model), mlp.Learned):
            raise RequestError("model", f"model must be exact to be learned from, not {asked.model}.")
        self.exact = subject.exact(asked.model)
        points, labels = plane.sample(self.exact, POOL, asked.seed)
        self.points, self.labels = torch.from_numpy(points), torch.from_numpy(labels)
        self.sigma_data = float(points.std())
        self.parameterization = parameterization.edm(self.sigma_data)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(asked.seed)
            self.network = MLP(asked.width, self.exact.classes)
            self.average = MLP(asked.width, self.exact.classes).requires_grad_(False)
        self.average.load_state_dict(self.network.state_dict())
        self.parameters = dict(self.network.named_parameters())
        self.optimizer = torch.optim.Adam(self.parameters.values(), betas=(0.9, 0.99), fused=True)
        self.step, self.seconds, self.reported = 0, 0.0, 0.0
        self.names: list[str] = []
        if asked.learned:
            self._resume(asked.learned)
        self.trial = Trial(self)

    def rate(self) -> float:
        """The learning rate of the next step, which does not depend on how many there will be."""
        decay: float = max(1.0, self.step / 1000) ** 0.5
        return 4e-3 * min(1.0, (self.step + 1) / 100) / decay

    def advance(self) -> float:
        """One step; its loss."""
        for group in self.optimizer.param_groups:
            group["lr"] = self.rate()
        draw = generator(self.asked.seed, self.step)
        chosen = torch.from_numpy(draw.integers(len(self.points), size=BATCH))
        sigmas = torch.from_numpy(np.exp(MEAN + SPREAD * draw.standard_normal(BATCH))).float()
        noise = torch.from_numpy(draw.standard_normal((BATCH, 2), dtype=np.float32))
        clean, labels = self.points[chosen], self.told(self.labels[chosen], draw)
        with torch.inference_mode(False), torch.enable_grad():
            loss = self.loss(self.network, clean, clean + sigmas[:, None] * noise, sigmas, labels).mean()
            self.optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(self.parameters.values(), 1.0)
        self.optimizer.step()
        self.step += 1
        with torch.no_grad():
            keep = (1.0 - 1.0 / self.step) ** 7.94  # γ = 6.94: relative width 0.1
            torch._foreach_lerp_(list(self.average.parameters()), list(self.parameters.values()), 1.0 - keep)
        return float(loss.detach())

    def told(self, labels: Tensor, draw: np.random.Generator) -> Tensor:
        """The labels, some of them replaced by the null class; all of them where there are no classes."""
        dropped = torch.from_numpy(draw.random(len(labels)) < (DROP if self.exact.classes else 1.0))
        return labels.masked_fill(dropped, self.exact.classes)

    def loss(self, network: nn.Module, target: Tensor, x: Tensor, sigmas: Tensor, labels: Tensor) -> Tensor:
        """‖F − (target − skip x)/out‖² of every row (Karras et al. 2022, eq. 8), for α = 1: [B]."""
        total = torch.sqrt(sigmas**2 + self.sigma_data**2)
        skip, out = (self.sigma_data / total) ** 2, sigmas * self.sigma_data / total
        f = network(x / total[:, None], torch.log(sigmas) / 4.0, labels)
        loss: Tensor = (f - (target - skip[:, None] * x) / out[:, None]).square().sum(1)
        return loss

    def report(self, losses: list[float]) -> dict[str, Any]:
        """Where it stands; the network is kept as it is now, and the one before the last is let go."""
        self.reported = self.seconds
        self.names.append(self.keep())
        for name in self.names[:-3]:  # the window may be asking for the last ones
            if name != self.names[-1]:
                mlp.path(name).unlink(missing_ok=True)
        self.names = self.names[-3:]
        return {
            "model": self.names[-1],
            "step": self.step,
            "seconds": self.seconds,
            "loss": sum(losses) / len(losses),
            "floor": self.trial.floor,
            "error": self.trial.error(),
        }

    def keep(self) -> str:
        """Write everything that going on needs; its name."""
        tensors = {f"average.{name}": tensor for name, tensor in self.average.state_dict().items()}
        for name, parameter in self.parameters.items():
            tensors[f"network.{name}"] = parameter.detach()
            for key, value in self.optimizer.state.get(parameter, {}).items():
                tensors[f"{key}.{name}"] = value
        state = {
            "model": self.asked.model,
            "width": self.asked.width,
            "seed": self.asked.seed,
            "classes": self.exact.classes,
            "sigma_data": self.sigma_data,
            "step": self.step,
            "seconds": self.seconds,
        }
        return mlp.save(tensors, state)

    def _resume(self, name: str) -> None:
        try:
            tensors, state = mlp.read(name)
            for key, mine in (("model", self.asked.model), ("width", self.asked.width), ("seed", self.asked.seed)):
                if state[key] != mine:
                    raise RequestError("learned", f"learned must be a network of {key} {mine}, not of {state[key]}.")
            with torch.no_grad():
                for parameter_name, parameter in self.parameters.items():
                    parameter.copy_(tensors[f"network.{parameter_name}"])
                    moments = {key: tensors[f"{key}.{parameter_name}"] for key in ("step", "exp_avg", "exp_avg_sq")}
                    self.optimizer.state[parameter] = moments
            average = {name: tensors[f"average.{name}"] for name in self.average.state_dict()}
            self.average.load_state_dict(average)
            self.step, self.seconds = int(state["step"]), float(state["seconds"])
            self.reported = self.seconds
        except ModelError as error:
            raise RequestError("learned", str(error)) from error
        except (KeyError, RuntimeError, TypeError, ValueError) as error:
            if isinstance(error, RequestError):
                raise
            raise RequestError("learned", f"learned must be a training that can be gone on with: {error}.") from error


class Trial:
    """Fixed noisy points at fixed levels, where the exact D is known: an error without the noise of the loss."""

    def __init__(self, lesson: Lesson) -> None:
        """Levels at equal shares of the distribution of log σ, and labels dropped as in training."""
        self.lesson = lesson
        normal = NormalDist(MEAN, SPREAD)
        sigmas = [math.exp(normal.inv_cdf((place + 0.5) / LEVELS)) for place in range(LEVELS)]
        points, of = plane.sample(lesson.exact, LEVELS * TRIALS, lesson.asked.seed + 1)
        clean = torch.from_numpy(points)
        draw = generator(lesson.asked.seed, plane.DATA, 3)
        noise = torch.from_numpy(draw.standard_normal(clean.shape, dtype=np.float32))
        self.labels = lesson.told(torch.from_numpy(of), draw)
        self.sigmas = torch.tensor(sigmas).repeat_interleave(TRIALS)
        self.x = clean + self.sigmas[:, None] * noise
        rows = zip(torch.split(self.x, TRIALS), torch.split(self.labels, TRIALS), sigmas, strict=True)
        self.exact = torch.cat([lesson.exact(x, Level(0.0, 1.0, sigma), labels) for x, labels, sigma in rows])
        out = self.sigmas * lesson.sigma_data / torch.sqrt(self.sigmas**2 + lesson.sigma_data**2)
        self.floor = float(((clean - self.exact) / out[:, None]).square().sum(1).mean())

    def error(self) -> float:
        """E w ‖D − D*‖² / E w ‖x_0 − D*‖², w = 1/out², by the averaged weights."""
        with torch.inference_mode():
            excess = self.lesson.loss(self.lesson.average, self.exact, self.x, self.sigmas, self.labels).mean()
        return float(excess) / self.floor
