"""Learning the score of a distribution in the plane, by denoising score matching, beside the exact one."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from statistics import NormalDist
from typing import Any

import numpy as np
import torch
from torch import Tensor

from engine.answers.pieces import Piece, Pieces
from engine.fields import RequestError
from engine.lab import subject
from engine.lab.queries import Learn
from engine.models import mlp, plane
from engine.models.checkpoint import ModelError
from engine.models.mlp import MLP
from engine.noise import generator
from engine.schedules import Level
from engine.training.descent import Descent

POOL = 2**16  # exact samples that batches are drawn from
BATCH = 512
MEAN, SPREAD = -1.2, 1.5  # of log σ
DROP = 0.15  # of the labels, for guidance
EVERY = 0.25  # seconds between two reports
KEPT = 8  # reports of which the network is there
TINY = 1e-12  # the smallest divisor
LEAST = 1e-3  # of the data's deviation: a single point has none
TRIALS, LEVELS = 64, 32  # points at each of the levels at which the error is measured


def learn(asked: Learn) -> Pieces:
    """Train, and report about four times a second; each report keeps the network and names it, the last one as well.

    Values: model (its name: learned-…), step, seconds, loss (mean since the last report; where all steps were taken
    before, that of the trial), and those of `Trial`: floor, excess, error. Steps count from the beginning of the
    training, also where it is gone on with. Dropping it pauses it: the network of the last report can be gone on with
    by its name.
    """
    lesson = Lesson(asked)
    mlp.let_go({asked.learned or ""})
    losses: list[float] = []
    while lesson.step < asked.steps:
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
    """A network in training on an exact model, and the average of its weights (see `Descent`)."""

    def __init__(self, asked: Learn) -> None:
        """From the beginning, or from where `asked.learned` was left. Raises RequestError where it is of another."""
        self.asked = asked
        if isinstance(subject.model(asked.model), mlp.Learned):
            raise RequestError("model", f"model must be exact to be learned from, not {asked.model}.")
        self.exact = subject.exact(asked.model)
        points, labels = plane.sample(self.exact, POOL, asked.seed)
        self.points, self.labels = torch.from_numpy(points), torch.from_numpy(labels)
        self.sigma_data = max(float(points.std()), LEAST)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(asked.seed)
            self.network = MLP(asked.width, self.exact.classes)
            self.average = MLP(asked.width, self.exact.classes).requires_grad_(False)
        self.average.load_state_dict(self.network.state_dict())
        parameters, average = (dict(network.named_parameters()) for network in (self.network, self.average))
        self.descent = Descent(parameters, average, peak=4e-3, warm_up=100, decay_from=1000)
        self.step, self.seconds, self.reported = 0, 0.0, 0.0
        self.names: list[str] = []
        if asked.learned:
            self._resume(asked.learned)
        self.trial = Trial(self)

    def advance(self) -> float:
        """One step; its loss."""
        draw = generator(self.asked.seed, self.step)
        chosen = torch.from_numpy(draw.integers(len(self.points), size=BATCH))
        sigmas = torch.from_numpy(np.exp(MEAN + SPREAD * draw.standard_normal(BATCH))).float()
        noise = torch.from_numpy(draw.standard_normal((BATCH, 2), dtype=np.float32))
        clean, labels = self.points[chosen], self.told(self.labels[chosen], draw)
        with torch.inference_mode(False), torch.enable_grad():
            loss = self.loss(self.network, clean, clean + sigmas[:, None] * noise, sigmas, labels).mean()
            self.descent.take(loss, self.step)
        self.step += 1
        return float(loss.detach())

    def told(self, labels: Tensor, draw: np.random.Generator) -> Tensor:
        """The labels, some of them replaced by the null class; all of them where there are no classes."""
        dropped = torch.from_numpy(draw.random(len(labels)) < (DROP if self.exact.classes else 1.0))
        return labels.masked_fill(dropped, self.exact.classes)

    def scales(self, sigmas: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """What x is divided by, and EDM's skip and out (Karras et al. 2022, table 1), for α = 1: [B] each."""
        total = torch.sqrt(sigmas**2 + self.sigma_data**2)
        return total, (self.sigma_data / total) ** 2, sigmas * self.sigma_data / total

    def loss(self, network: Callable[..., Tensor], target: Tensor, x: Tensor, sigmas: Tensor, labels: Tensor) -> Tensor:
        """‖F − (target − skip x)/out‖² of every row (Karras et al. 2022, eq. 8), for α = 1: [B]."""
        total, skip, out = self.scales(sigmas)
        f = network(x / total[:, None], torch.log(sigmas) / 4.0, labels)
        loss: Tensor = (f - (target - skip[:, None] * x) / out[:, None]).square().sum(1)
        return loss

    def report(self, losses: list[float]) -> dict[str, Any]:
        """Where it stands; the network is kept as it is now; of this training's the last KEPT stay."""
        self.reported = self.seconds
        self.names.append(self.keep())
        for name in self.names[:-KEPT]:  # the window may be asking for the last ones
            if name != self.names[-1]:
                mlp.path(name).unlink(missing_ok=True)
        self.names = self.names[-KEPT:]
        figures = self.trial.figures()
        return {
            "model": self.names[-1],
            "step": self.step,
            "seconds": self.seconds,
            "loss": sum(losses) / len(losses) if losses else figures["floor"] * (1.0 + figures["excess"]),
            **figures,
        }

    def keep(self) -> str:
        """Write everything that going on needs; its name."""
        asked, classes = self.asked, self.exact.classes
        card = mlp.Card(asked.model, asked.width, asked.seed, classes, self.sigma_data, self.step, self.seconds)
        return mlp.save(self.descent.tensors(), card)

    def _resume(self, name: str) -> None:
        try:
            tensors, card = mlp.read(name)
        except ModelError as error:
            raise RequestError("learned", str(error)) from error
        for key in ("model", "width", "seed"):
            mine, there = getattr(self.asked, key), getattr(card, key)
            if there != mine:
                raise RequestError("learned", f"learned must be a network of {key} {mine}, not of {there}.")
        self.descent.load(tensors)
        self.step, self.seconds = card.step, card.seconds
        self.reported = self.seconds


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
        _, _, out = lesson.scales(self.sigmas)
        self.floor = float(((clean - self.exact) / out[:, None]).square().sum(1).mean())
        self.untrained = self._apart(lambda x, *_: torch.zeros_like(x))

    def _apart(self, network: Callable[..., Tensor]) -> float:
        """E w ‖D − D*‖², w = 1/out²: what the loss of a network has above the floor."""
        return float(self.lesson.loss(network, self.exact, self.x, self.sigmas, self.labels).mean())

    def figures(self) -> dict[str, float]:
        """Of the averaged weights. floor: E w ‖x_0 − D*‖², the loss of the exact D, below which none can go. excess:
        what the loss has above it, as a share of it. error: the same as a share of what D = skip x has above it, the
        best there is without a network: 1 of an untrained one, and 0.1 where nine tenths of what is to be learned are.
        """
        with torch.inference_mode():
            apart = self._apart(self.lesson.average)
        return {
            "floor": self.floor,
            "excess": apart / max(self.floor, TINY),
            "error": apart / max(self.untrained, TINY),
        }
