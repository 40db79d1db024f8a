"""Training: one loop that can be stopped, killed and resumed at any step with the same result.

Everything random in step k comes from generators keyed by (seed, k), and neither the learning rate nor the averaging
knows how long the training will last. So step k has one result (on one machine, with as many threads), however often
the training was interrupted before it.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch

from engine.models.checkpoint import ModelError, load_tensors, save_tensors
from engine.training.descent import Descent
from engine.training.objectives import Objective
from engine.training.team import Team

CHECKPOINT_SECONDS = 60.0
CURVE_STEPS = 100  # one point of the loss curve


@dataclass(frozen=True)
class Progress:
    """Where a training stands after a step."""

    step: int
    images: int
    seconds: float  # spent in all sessions
    loss: float  # of this step


@dataclass
class Training:
    """The loop, with its clock, the curve of the loss and the checkpoint; what ships is the average (see `Descent`)."""

    objective: Objective
    seed: int
    path: Path  # of the checkpoint
    about: str = ""  # what the data are, where a checkpoint must know: it goes on with no others
    peak_rate: float = 1e-3
    step: int = 0
    seconds: float = 0.0
    curve: list[tuple[int, float]] = field(default_factory=list)
    losses: list[float] = field(default_factory=list)  # since its last point

    def __post_init__(self) -> None:
        self.network = self.objective.network.train()
        self.team = Team(self.objective)
        self.network.to(device=self.team.device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.parameters = dict(self.network.named_parameters())
        self.average = {name: p.detach().clone() for name, p in self.parameters.items()}
        self.descent = Descent(self.parameters, self.average, self.peak_rate, warm_up=500, decay_from=4000)
        self.team.share()

    def run(self, minutes: float = float("inf"), steps: int | None = None) -> Iterator[Progress]:
        """Train until `steps` or `minutes` (over all sessions) are reached; checkpoints on the way and at the end."""
        started, before, saved = time.monotonic(), self.seconds, time.monotonic()
        size = self.objective.data.size
        while (steps is None or self.step < steps) and not self.team.any(self.seconds >= 60 * minutes):
            loss = self._advance()
            self.seconds = before + time.monotonic() - started
            self.losses.append(loss)
            if self.step % CURVE_STEPS == 0:
                self.curve.append((self.step * size, float(np.mean(self.losses))))
                self.losses.clear()
            if time.monotonic() - saved > CHECKPOINT_SECONDS:
                self.save()
                saved = time.monotonic()
            yield Progress(self.step, self.step * size, self.seconds, loss)
        self.save()

    def _advance(self) -> float:
        loss = self.objective.loss(self.seed, self.step)
        self.descent.take(loss, self.step)
        self.step += 1
        return self.team.mean(loss.detach())

    def save(self) -> None:
        """Write the checkpoint, atomically; of several processes the first does."""
        if self.team.rank:
            return
        state = {"step": self.step, "seconds": self.seconds, "seed": self.seed, "curve": self.curve}
        state |= {"losses": self.losses, "size": self.objective.data.size, "about": self.about}
        save_tensors(self.path, self.descent.tensors(), state)

    def resume(self) -> None:
        """Go on from the checkpoint. Raises ModelError if it is missing, damaged or of another training."""
        tensors, state = load_tensors(self.path)
        try:
            if state["seed"] != self.seed:
                raise ModelError(f"{self.path} was trained with seed {state['seed']}, not {self.seed}.")
            size = int(state.get("size", self.objective.data.size))
            if size != self.objective.data.size:
                raise ModelError(f"{self.path} was trained on batches of {size}, not {self.objective.data.size}.")
            if state.get("about", "") != self.about:
                raise ModelError(f"{self.path} was trained on other pictures: they have changed since.")
            wanted = {f"network.{name}": p.shape for name, p in self.parameters.items()}
            if wanted != {name: t.shape for name, t in tensors.items() if name.startswith("network.")}:
                raise ModelError(f"{self.path} is a checkpoint of another network.")
            self.descent.load(tensors)
            self.step, self.seconds = int(state["step"]), float(state["seconds"])
            self.curve = [(int(images), float(loss)) for images, loss in state["curve"]]
            self.losses = [float(loss) for loss in state.get("losses", [])]
        except ModelError:
            raise
        except (KeyError, OverflowError, RuntimeError, TypeError, ValueError) as error:
            raise ModelError(f"{self.path} is not a checkpoint of this network: {error}.") from error
