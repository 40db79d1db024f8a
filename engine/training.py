"""Training: objectives, and one loop that can be stopped, killed and resumed at any step with the same result.

Everything random in step k comes from generators keyed by (seed, k), and neither the learning rate nor the averaging
knows how long the training will last. So step k has one result (on one machine, with as many threads), however often
the training was interrupted before it.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from engine.models.checkpoint import ModelError, load_tensors, save_tensors
from engine.models.noisy_classifier import evidence
from engine.models.parameterization import Parameterization
from engine.noise import generator
from engine.schedules import Level

BATCH = 128
CHECKPOINT_SECONDS = 60.0
CURVE_STEPS = 100  # one point of the loss curve
BATCHES, DRAWS = 0, 1  # stages of the keyed generators


class Objective(Protocol):
    """What is learned: a network, and the loss of one keyed batch."""

    network: nn.Module

    def loss(self, seed: int, step: int) -> Tensor:
        """Mean loss of the batch of this step."""
        ...


@dataclass
class Images:
    """A labelled data set of images as bytes; gives the keyed batch of every step."""

    images: NDArray[np.uint8]  # [N, H, W] or [N, C, H, W]
    labels: NDArray[np.uint8]  # [N]

    def batch(self, seed: int, step: int) -> tuple[Tensor, Tensor]:
        """Images [B, C, H, W] in [−1, 1] and labels [B]: every image once an epoch, in a new order each time."""
        a_epoch = len(self.images) // BATCH
        epoch, place = divmod(step, a_epoch)
        order = generator(seed, epoch, BATCHES).permutation(len(self.images))
        chosen = order[place * BATCH : (place + 1) * BATCH]
        images = torch.from_numpy(self.images[chosen]).float() / 127.5 - 1.0
        if images.ndim == 3:
            images = images[:, None]
        return images, torch.from_numpy(self.labels[chosen]).long()


def _noisy(clean: Tensor, mean: float, spread: float, draw: np.random.Generator) -> tuple[Tensor, list[Level]]:
    """Clean images with noise of log σ ~ N(mean, spread²), and the level of each."""
    sigmas = np.exp(mean + spread * draw.standard_normal(len(clean)))
    noise = torch.from_numpy(draw.standard_normal(clean.shape, dtype=np.float32))
    x = clean + torch.from_numpy(sigmas).float()[:, None, None, None] * noise
    return x, [Level(0.0, 1.0, float(sigma)) for sigma in sigmas]


def _coefficients(parameterization: Parameterization, levels: list[Level]) -> tuple[Tensor, ...]:
    """skip, out, into and the label of every level, each [B, 1, 1, 1]."""
    rows = torch.tensor([parameterization.coefficients(level) for level in levels])
    return rows[:, :, None, None, None].unbind(1)


@dataclass
class Denoising:
    """Denoising score matching (Vincent 2011) as ‖F − (x_0 − skip · x)/out‖² (Karras et al. 2022, eq. 8).

    log σ ~ N(mean, spread²); the label is replaced by the null class with probability `drop`, for guidance.
    """

    network: nn.Module
    parameterization: Parameterization
    data: Images
    classes: int
    mean: float = -0.8
    spread: float = 1.2
    drop: float = 0.1

    def loss(self, seed: int, step: int) -> Tensor:
        clean, labels = self.data.batch(seed, step)
        draw = generator(seed, step, DRAWS)
        x, levels = _noisy(clean, self.mean, self.spread, draw)
        skip, out, into, label = _coefficients(self.parameterization, levels)
        labels[torch.from_numpy(draw.random(len(labels)) < self.drop)] = self.classes
        with torch.autocast("cpu", torch.bfloat16):
            f = self.network(into * x, label.flatten(), labels)
        return functional.mse_loss(f.float(), (clean - skip * x) / out)


@dataclass
class Classification:
    """Cross-entropy on images that are shifted, turned and scaled a little."""

    network: nn.Module
    data: Images

    def loss(self, seed: int, step: int) -> Tensor:
        images, labels = self.data.batch(seed, step)
        draw = generator(seed, step, DRAWS)
        angle, log_scale = 0.2 * draw.standard_normal((2, len(images))) * [[1.0], [0.5]]
        cos, sin = np.cos(angle) * np.exp(log_scale), np.sin(angle) * np.exp(log_scale)
        shift = draw.uniform(-0.15, 0.15, (2, len(images)))
        affine = np.stack([np.stack([cos, -sin, shift[0]], 1), np.stack([sin, cos, shift[1]], 1)], 1)  # [B, 2, 3]
        places = functional.affine_grid(torch.from_numpy(affine).float(), list(images.shape), align_corners=False)
        images = functional.grid_sample(images + 1.0, places, align_corners=False) - 1.0
        torch.manual_seed(seed + step)  # dropout
        with torch.autocast("cpu", torch.bfloat16):
            logits = self.network(images)
        return functional.cross_entropy(logits.float(), labels, label_smoothing=0.05)


@dataclass
class NoisyClassification:
    """Cross-entropy on noisy images, log σ ~ N(mean, spread²), at all noise levels alike (Dhariwal & Nichol 2021).

    Neither smoothed labels nor changed images: guidance needs the probabilities of the data themselves.
    """

    network: nn.Module
    parameterization: Parameterization
    data: Images
    mean: float = 0.0
    spread: float = 1.6

    def loss(self, seed: int, step: int) -> Tensor:
        clean, labels = self.data.batch(seed, step)
        x, levels = _noisy(clean, self.mean, self.spread, generator(seed, step, DRAWS))
        _, _, into, label = _coefficients(self.parameterization, levels)
        scale = torch.tensor([[evidence(level.sigma)] for level in levels])  # [B, 1]
        with torch.autocast("cpu", torch.bfloat16):
            logits = self.network(into * x, label.flatten(), scale)
        return functional.cross_entropy(logits, labels)


@dataclass(frozen=True)
class Progress:
    """Where a training stands after a step."""

    step: int
    images: int
    seconds: float  # spent in all sessions
    loss: float  # of this step
    learning_rate: float


@dataclass
class Training:
    """The loop: Adam, warm-up and inverse-square-root decay, and the power-law average of the weights.

    The average has the profile of Karras et al. 2024 ("EDM2", eq. 124) with a width of about a tenth of the training,
    whatever its length; it is what ships.
    """

    objective: Objective
    seed: int
    path: Path  # of the checkpoint
    peak_rate: float = 1e-3
    step: int = 0
    seconds: float = 0.0
    curve: list[tuple[int, float]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.network = self.objective.network.train()
        self.network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.parameters = dict(self.network.named_parameters())
        self.average = {name: p.detach().clone() for name, p in self.parameters.items()}
        self.optimizer = torch.optim.Adam(self.parameters.values(), lr=self.peak_rate, betas=(0.9, 0.99), fused=True)

    def rate(self, step: int, warm_up: int = 500, decay_from: int = 4000) -> float:
        """Learning rate of a step, which does not depend on when the training will end."""
        decay: float = max(1.0, step / decay_from) ** 0.5
        return self.peak_rate * min(1.0, (step + 1) / warm_up) / decay

    def run(self, minutes: float = float("inf"), steps: int | None = None) -> Iterator[Progress]:
        """Train until `steps` or `minutes` (over all sessions) are reached; checkpoints on the way and at the end."""
        started, before, saved = time.monotonic(), self.seconds, time.monotonic()
        losses: list[float] = []
        while (steps is None or self.step < steps) and self.seconds < 60 * minutes:
            loss = self._advance()
            self.seconds = before + time.monotonic() - started
            losses.append(loss)
            if self.step % CURVE_STEPS == 0:
                self.curve.append((self.step * BATCH, float(np.mean(losses[-CURVE_STEPS:]))))
                losses.clear()
            if time.monotonic() - saved > CHECKPOINT_SECONDS:
                self.save()
                saved = time.monotonic()
            yield Progress(self.step, self.step * BATCH, self.seconds, loss, self.rate(self.step))
        self.save()

    def _advance(self) -> float:
        for group in self.optimizer.param_groups:
            group["lr"] = self.rate(self.step)
        loss = self.objective.loss(self.seed, self.step)
        self.optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(self.parameters.values(), 1.0)
        self.optimizer.step()
        self.step += 1
        keep = (1.0 - 1.0 / self.step) ** 7.94  # γ = 6.94: relative width 0.1
        with torch.no_grad():
            torch._foreach_lerp_(list(self.average.values()), list(self.parameters.values()), 1.0 - keep)
        return float(loss.detach())

    def save(self) -> None:
        """Write the checkpoint, atomically."""
        tensors: dict[str, Tensor] = {}
        for name, parameter in self.parameters.items():
            tensors[f"network.{name}"] = parameter.detach()
            tensors[f"average.{name}"] = self.average[name]
            for key, value in self.optimizer.state.get(parameter, {}).items():
                tensors[f"{key}.{name}"] = value
        state = {"step": self.step, "seconds": self.seconds, "seed": self.seed, "curve": self.curve}
        save_tensors(self.path, tensors, state)

    def resume(self) -> None:
        """Go on from the checkpoint. Raises ModelError if it is missing, damaged or of another training."""
        tensors, state = load_tensors(self.path)
        try:
            if state["seed"] != self.seed:
                raise ModelError(f"{self.path} was trained with seed {state['seed']}, not {self.seed}.")
            wanted = {f"network.{name}": p.shape for name, p in self.parameters.items()}
            if wanted != {name: t.shape for name, t in tensors.items() if name.startswith("network.")}:
                raise ModelError(f"{self.path} is a checkpoint of another network.")
            with torch.no_grad():
                for name, parameter in self.parameters.items():
                    parameter.copy_(tensors[f"network.{name}"])
                    self.average[name].copy_(tensors[f"average.{name}"])
                    moments: dict[str, Any] = {"step": tensors[f"step.{name}"]}
                    for key in ("exp_avg", "exp_avg_sq"):  # in the parameter's strides: fused Adam goes by memory
                        moments[key] = torch.empty_like(parameter).copy_(tensors[f"{key}.{name}"])
                    self.optimizer.state[parameter] = moments
            self.step, self.seconds = int(state["step"]), float(state["seconds"])
            self.curve = [(int(images), float(loss)) for images, loss in state["curve"]]
        except (KeyError, RuntimeError, TypeError, ValueError) as error:
            raise ModelError(f"{self.path} is not a checkpoint of this network: {error}.") from error
