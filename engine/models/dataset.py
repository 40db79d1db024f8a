"""A finite dataset: the ideal denoiser, which is what a network would learn that fitted its training set perfectly."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

import torch
from torch import Tensor

from engine.models.denoiser import Condition
from engine.models.exact import Classes, Constants, Exact
from engine.schedules import Level, Schedule

WEIGHTS_AT_ONCE = 2**22  # 32 MB of float64
COORDINATES_AT_ONCE = 2**23  # 64 MB of float64: blocks that malloc hands back, where smaller ones pile up

SQRT_2PI = math.sqrt(2.0 * math.pi)


class Dataset(Exact):
    """x_0 is one of N points, each as likely as another: D = Σ_i w_i x_i, w = softmax_i(−‖x − α x_i‖² / 2 std²).

    Karras et al. 2022, eq. 57. For points [N, *event] and x [B, ..., *event]: a cloud of n particles is one sample of
    shape (n, *event). The condition of a row restricts it to the points of that class; the null class is all of them.
    """

    def __init__(
        self,
        points: Tensor,
        labels: Tensor | None = None,
        classes: Classes = 0,
        shape: Sequence[int] | None = None,
        schedule: Schedule | None = None,
        device: torch.device | str = "cpu",
    ) -> None:
        """Points [N, *event], labels [N]; shape (..., *event) of one sample, a single event by default.

        Points are kept in their dtype. Raises ValueError where these do not fit, or a point is not finite.
        """
        if points.ndim < 2 or not points.numel() or not points.is_floating_point():
            raise ValueError(f"points must be floats of shape [N, ...], not {list(points.shape)}")
        self.event = tuple(points.shape[1:])
        super().__init__(shape or self.event, classes, schedule, device)
        if self.shape[-len(self.event) :] != self.event:
            raise ValueError(f"shape must end in {self.event}, as the points do, not {self.shape}")
        of = self.check_labels(labels, len(points))
        sizes = torch.cat([torch.bincount(of, minlength=self.classes)[: self.classes], torch.tensor([len(points)])])
        rows = points.detach().flatten(1)
        squares = torch.empty(len(rows), dtype=torch.float64)
        at_once = max(COORDINATES_AT_ONCE // rows.shape[1], 1)
        for some, place in zip(torch.split(rows, at_once), torch.split(squares, at_once), strict=True):
            place.copy_(some.double().square().sum(1))
        if not bool(torch.isfinite(squares).all()):
            raise ValueError("points must be finite")
        self._constants = Constants(rows, squares, of, sizes)

    def __len__(self) -> int:
        return len(self.labels)

    @property
    def points(self) -> Tensor:
        """[N, *event] in float32."""
        return self._constants.like(torch.empty(0))[0].reshape(-1, *self.event)

    @property
    def labels(self) -> Tensor:
        """The class of each point, [N]; 0 where there are no classes."""
        return self._constants.like(torch.empty(0))[2]

    def __call__(self, x: Tensor, level: Level, condition: Condition = None) -> Tensor:
        """D(x; level), of x's shape."""
        if level.std == 0.0:
            return x / level.alpha
        points = self._constants.like(x)[0]
        means = [torch.softmax(joint, 1).to(x.dtype) @ points for joint in self._joint(x, level, condition)]
        return torch.cat(means).reshape(x.shape)

    def weights(self, x: Tensor, level: Level, condition: Condition = None) -> Tensor:
        """The posterior weight of every point, w: x [B, ..., *event] → [B, ..., N]. The level must hold noise."""
        weights = torch.cat([torch.softmax(joint, 1).to(x.dtype) for joint in self._joint(x, level, condition)])
        return weights.reshape(*self._places(x), -1)

    def pulls(self, x: Tensor, level: Level, condition: Condition = None) -> tuple[Tensor, Tensor]:
        """D at one event as a weighted mean: the posterior weights [N], and the points [N, *event]."""
        return self.weights(x, level, condition).flatten(), self._constants.like(x)[0].reshape(-1, *self.event)

    def log_density(self, x: Tensor, level: Level, condition: Condition = None) -> Tensor:
        """log p_t of every event, p_t = 1/N Σ_i N(x; α x_i, std² I): x [B, ..., *event] → [B, ...].

        The level must hold noise.
        """
        joint = torch.cat([torch.logsumexp(joint, 1) for joint in self._joint(x, level, condition)])
        constant = 0.5 * math.prod(self.event) * math.log(2.0 * math.pi * level.std**2)
        return (joint - constant).to(x.dtype).reshape(self._places(x))

    def density_on(self, axes: Sequence[Tensor], level: Level, condition: Condition = None) -> Tensor:
        """p_t of events (1,) or (2,) on the grid of one or two axes, [len(axes[0]), ...]; the level must hold noise.

        On a grid the kernels are products of one-dimensional ones, which makes the sum over the points a matrix
        product: for 5,000 points and 256 × 256 places some hundred times faster than `log_density`.
        """
        _need_noise(level)
        points = self._constants.like(axes[0])[0]
        unknowing = Level(1.0, 0.0, 1.0)  # without signal the posterior weights are the prior ones
        prior = self.weights(torch.zeros_like(points[:1]), unknowing, condition)  # [1, N]
        kernels = [
            torch.exp((axis[:, None] - level.alpha * places).square() * (-0.5 / level.std**2)) / (SQRT_2PI * level.std)
            for axis, places in zip(axes, points.mT, strict=True)
        ]  # [len(axis), N]
        return (prior * kernels[0]).sum(1) if len(kernels) == 1 else (prior * kernels[0]) @ kernels[1].mT

    def _places(self, x: Tensor) -> tuple[int, ...]:
        """The axes [B, ...] of x that come before an event."""
        return tuple(x.shape[: x.ndim - len(self.event)])

    def _joint(self, x: Tensor, level: Level, condition: Condition) -> Iterator[Tensor]:
        """log N(x; α x_i, std² I) + log prior, without the Gaussian's constant: [P, N], P events of x at a time."""
        _need_noise(level)
        places = self._places(x)
        labels = self.encode(condition, len(x)).reshape(-1, *[1] * (len(places) - 1)).expand(places).flatten()
        squared_distances = expansion
        if x.device.type == "mps":  # it has no float64
            squared_distances = differences
        else:
            x = x.double()
        points, squares, of, sizes = self._constants.like(x)
        at_once = max(WEIGHTS_AT_ONCE // len(points), 1)
        rows = torch.split(x.reshape(-1, points.shape[1]), at_once)
        for row, label in zip(rows, torch.split(labels, at_once), strict=True):
            distances = squared_distances(row, points, squares, level.alpha)
            joint = distances * (-0.5 / level.std**2) - torch.log(sizes[label].to(x.dtype))[:, None]
            if self.classes:
                joint = joint.masked_fill((label[:, None] != of) & (label[:, None] != self.classes), -math.inf)
            yield joint


def _need_noise(level: Level) -> None:
    if level.std == 0.0:
        raise ValueError("level must hold noise: points have no density without")


def expansion(x: Tensor, points: Tensor, squares: Tensor, alpha: float) -> Tensor:
    """‖x‖² + α² ‖x_i‖² − 2 α x · x_i for x [P, d], points [N, d] and their squares [N]: [P, N].

    A single matrix product, but the small difference of large numbers: fit for float64 only.
    """
    return torch.add(x.square().sum(1, keepdim=True) + alpha**2 * squares, x @ points.mT, alpha=-2.0 * alpha)


def differences(x: Tensor, points: Tensor, squares: Tensor, alpha: float) -> Tensor:
    """‖x − α x_i‖² for x [P, d] and points [N, d], as it stands, in chunks of points: [P, N]."""
    at_once = max(COORDINATES_AT_ONCE // x.numel(), 1)
    return torch.cat([(x[:, None] - alpha * some).square().sum(2) for some in torch.split(points, at_once)], 1)
