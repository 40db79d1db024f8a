"""What exact denoisers share: conditions as class labels, and constants kept once for every dtype and device."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from engine.models.denoiser import Condition, no_class
from engine.schedules import Schedule, edm

Classes = int | Sequence[str]
"""How many classes there are, or their names."""


class Constants:
    """Tensors that follow x: cast to its dtype and moved to its device once. Whole numbers keep their dtype."""

    def __init__(self, *tensors: Tensor) -> None:
        self._tensors = tensors
        self._made: dict[tuple[torch.dtype, torch.device], tuple[Tensor, ...]] = {}

    def like(self, x: Tensor) -> tuple[Tensor, ...]:
        key = (x.dtype, x.device)
        if key not in self._made:
            with torch.inference_mode(False):  # a constant first needed by a sampler must serve a gradient later
                self._made[key] = tuple(
                    tensor.to(x.device, x.dtype if tensor.is_floating_point() else tensor.dtype)
                    for tensor in self._tensors
                )
        return self._made[key]


class Exact:
    """What exact denoisers have in common: D = E[x_0 | x_t] in x's dtype, on x's device, differentiable in x.

    `classes` counts the classes and `names` names them (empty where only their number was given); the null class is
    number `classes`. `device` is where labels are made and samplers start.
    """

    def __init__(
        self, shape: Sequence[int], classes: Classes, schedule: Schedule | None, device: torch.device | str
    ) -> None:
        self.shape = tuple(shape)
        self.names: tuple[str, ...] = () if isinstance(classes, int) else tuple(classes)
        self.classes = classes if isinstance(classes, int) else len(self.names)
        self.schedule = schedule or edm()
        self.device = torch.device(device)

    def encode(self, condition: Condition, count: int) -> Tensor:
        """Class labels [count], from a class's number or name. Raises RequestError for one that is not there."""
        if isinstance(condition, Tensor):
            return condition
        if condition is None:
            label = self.classes
        elif isinstance(condition, str) and condition in self.names:
            label = self.names.index(condition)
        elif isinstance(condition, int) and 0 <= condition < self.classes:
            label = condition
        else:
            raise no_class(condition, self.classes)
        return torch.full((count,), label, dtype=torch.long, device=self.device)

    def check_labels(self, labels: Tensor | None, count: int) -> Tensor:
        """Labels [count], checked: each from 0 to classes − 1, and each class there. Raises ValueError."""
        if labels is None:
            if self.classes:
                raise ValueError("labels must be given where there are classes")
            return torch.zeros(count, dtype=torch.long)
        if labels.shape != (count,) or labels.is_floating_point():
            raise ValueError(f"labels must be {count} whole numbers")
        present = sorted(set(labels.tolist()))
        if present != list(range(self.classes)):
            raise ValueError(f"labels must use every class from 0 to {self.classes - 1} and no other, not {present}")
        return labels.long().cpu()


def finite(name: str, tensor: Tensor) -> Tensor:
    """The tensor in float64 on the CPU. Raises ValueError, naming it, if anything in it is not finite."""
    tensor = tensor.detach().to("cpu", torch.float64)
    if not bool(torch.isfinite(tensor).all()):
        raise ValueError(f"{name} must be finite")
    return tensor


def eigen(name: str, covariances: Tensor) -> tuple[Tensor, Tensor]:
    """Eigenvalues [..., d] and eigenvectors [..., d, d] of covariances [..., d, d] in float64.

    Raises ValueError, naming them, if they are not symmetric or have a negative eigenvalue; those within rounding of
    zero become zero.
    """
    scale = covariances.abs().amax((-2, -1), keepdim=True)
    if bool(((covariances - covariances.mT).abs() > 1e-6 * scale).any()):
        raise ValueError(f"{name} must be symmetric")
    values, vectors = torch.linalg.eigh(0.5 * (covariances + covariances.mT))
    rounding = covariances.shape[-1] * torch.finfo(torch.float64).eps * values.abs().amax(-1, keepdim=True)
    if bool((values < -rounding).any()):
        raise ValueError(f"{name} must have no negative eigenvalue")
    return torch.where(values > rounding, values, 0.0), vectors
