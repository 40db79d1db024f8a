"""The denoiser, the one convention every sampler uses: D(x; level) ≈ E[x_0 | x_t]."""

from __future__ import annotations

from typing import Protocol

import torch
from torch import Tensor, nn

from engine import captions
from engine.device import autocast
from engine.fields import RequestError
from engine.models.parameterization import Parameterization
from engine.precision import Precision
from engine.schedules import Level, Schedule

Condition = int | str | Tensor | None
"""A class number, a caption, an already encoded batch, or None (unconditional)."""


class Denoiser(Protocol):
    """What samplers, guidance and the window know of a model."""

    shape: tuple[int, ...]  # of one sample
    schedule: Schedule  # the one the model was made for; it runs on any other
    device: torch.device

    def encode(self, condition: Condition, count: int) -> Tensor:
        """The condition as a tensor with `count` rows; None becomes the null condition."""
        ...

    def __call__(self, x: Tensor, level: Level, condition: Condition = None) -> Tensor:
        """D(x; level): x is [B, *shape] at `level`; returns the same shape, float32."""
        ...


def no_class(condition: Condition, classes: int) -> RequestError:
    """What is raised for a condition that is none of so many classes."""
    there = f"a class from 0 to {classes - 1}, or none" if classes else "none: there are no classes"
    return RequestError("condition", f"condition must be {there}, not {condition!r}.")


class TrainedNetwork:
    """A network, what it predicts, the shape of a sample, how many classes it knows, and where it runs."""

    def __init__(
        self,
        network: nn.Module,
        parameterization: Parameterization,
        shape: tuple[int, ...],
        classes: int = 0,
        device: torch.device | str = "cpu",
    ) -> None:
        self.network = network
        self.parameterization = parameterization
        self.schedule = parameterization.schedule
        self.shape = shape
        self.classes = classes
        self.device = torch.device(device)


class NetworkDenoiser(TrainedNetwork):
    """A trained network as a denoiser.

    The network runs at its own schedule's level with the same σ, on x rescaled to it: this is what lets it run on any
    schedule. Above its σ range it is asked at the end of the range, on the same noise.
    """

    precision: Precision = "fp32"  # what is loaded by its name has what `engine.precision` says

    def encode(self, condition: Condition, count: int) -> Tensor:
        """Class labels [count]; the null class is number `classes`. Raises RequestError for one that is not there."""
        if isinstance(condition, Tensor):
            return condition
        if condition is None:
            condition = self.classes
        elif not isinstance(condition, int) or not 0 <= condition < self.classes:
            raise no_class(condition, self.classes)
        return torch.full((count,), condition, dtype=torch.long, device=self.device)

    @torch.inference_mode()
    def __call__(self, x: Tensor, level: Level, condition: Condition = None) -> Tensor:
        own = self.schedule.level_at_sigma(min(level.sigma, self.schedule.sigma_max))
        scale = own.std / level.std if level.std else own.alpha / level.alpha
        if own.std == 0.0:  # nothing left to remove
            return x * scale
        skip, out, into, label = self.parameterization.coefficients(own)
        labels = torch.full((len(x),), label, device=self.device)
        with autocast(self.device, self.precision):
            f = self.network(x * (scale * into), labels, self.encode(condition, len(x)))
        denoised: Tensor = x * (scale * skip) + out * f.float()
        return denoised


class CaptionDenoiser(NetworkDenoiser):
    """A trained network that is asked for by captions; it has no classes, which tells guidance so."""

    classes: None  # type: ignore[assignment]

    def __init__(
        self,
        network: nn.Module,
        parameterization: Parameterization,
        shape: tuple[int, ...],
        vocabulary: captions.Vocabulary,
        device: torch.device | str = "cpu",
    ) -> None:
        super().__init__(network, parameterization, shape, device=device)
        self.classes = None
        self.vocabulary = vocabulary

    def encode(self, condition: Condition, count: int) -> Tensor:
        """Tokens [count, TOKENS]. Captions are separated by |: row b has caption b mod n; None is the null caption.

        Words that the model does not know are passed over. Raises RequestError for a condition of which it knows none.
        """
        if isinstance(condition, Tensor):
            return condition
        if condition is not None and not isinstance(condition, str):
            raise RequestError("condition", f"condition must be a caption, or none, not {condition!r}.")
        texts = captions.split(condition or "")
        rows = [self.vocabulary.tokens(text) for text in texts]
        if condition is not None and not any(map(any, rows)):
            raise RequestError("condition", f"condition must have a word that the model knows, not {condition!r}.")
        return torch.tensor([rows[b % len(rows)] for b in range(count)], device=self.device)
