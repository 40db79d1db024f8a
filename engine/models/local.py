"""The local score machine: the ideal denoiser of a network that sees only a patch around each pixel."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor

from engine.models.dataset import Dataset
from engine.models.denoiser import Condition
from engine.models.exact import Classes, Constants, Exact
from engine.schedules import Level, Schedule

Patch = Callable[[float], int]
"""The side of the patch that a pixel is told from, an odd number of pixels, as a function of σ."""


def widening(sigma: float) -> int:
    """4 σ + 1 pixels, at least 3: within 2 pixels of the patch nearest to what our digits network does, to σ = 3."""
    return max(3, 2 * round(2.0 * min(sigma, 1e4)) + 1)


class LocalDataset(Exact):
    """D at a pixel = Σ_i w_i x_i there, w = softmax_i(−‖P x − α P x_i‖² / 2 std²), P cutting the patch around it.

    Kamb & Ganguli 2025, "An analytic theory of creativity in convolutional diffusion models" (the LS machine): every
    pixel has weights of its own, so that samples are mosaics of the images. Beyond the border all images are 0.
    D is no posterior mean of one distribution, so there is no density. For a few thousand images [N, C, H, W].
    """

    def __init__(
        self,
        images: Tensor,
        labels: Tensor | None = None,
        classes: Classes = 0,
        patch: Patch = widening,
        schedule: Schedule | None = None,
        device: torch.device | str = "cpu",
    ) -> None:
        """Images [N, C, H, W], labels [N]. Raises ValueError as `Dataset` does."""
        if images.ndim != 4:
            raise ValueError(f"images must have the shape [N, C, H, W], not {list(images.shape)}")
        self._whole = Dataset(images, labels, classes)
        super().__init__(images.shape[1:], classes, schedule, device)
        self.patch = patch
        of = self.check_labels(labels, len(images))
        self._constants = Constants(images.detach().permute(1, 2, 3, 0).contiguous(), of)

    def __call__(self, x: Tensor, level: Level, condition: Condition = None) -> Tensor:
        """D(x; level), [B, C, H, W]. Raises ValueError where the patch is not an odd number of pixels."""
        if level.std == 0.0:
            return x / level.alpha
        size = self.patch(level.sigma)
        if size < 1 or size % 2 == 0:
            raise ValueError(f"patch must be an odd number of pixels, not {size} at σ = {level.sigma:g}")
        labels = self.encode(condition, len(x))
        if size // 2 >= max(self.shape[1:]) - 1:  # from every pixel it covers the image: one weight for all of them
            return self._whole(x, level, labels)
        return torch.stack([self._denoised(row, level, label, size) for row, label in zip(x, labels, strict=True)])

    def _denoised(self, x: Tensor, level: Level, label: Tensor, size: int) -> Tensor:
        """D of one image [C, H, W]. Differences are squared as they stand and only added up: nothing cancels."""
        images, of = self._constants.like(x)  # [C, H, W, N]
        distances = (x[..., None] - level.alpha * images).square().sum(0)  # [H, W, N]
        rows, columns = _band(x.shape[1], size, x), _band(x.shape[2], size, x)
        distances = columns @ (rows @ distances.flatten(1)).reshape(distances.shape)  # summed over the patch
        joint = distances * (-0.5 / level.std**2)
        if self.classes:
            joint = joint.masked_fill((label != of) & (label != self.classes), -math.inf)
        return (torch.softmax(joint, -1) * images).sum(-1)


def _band(side: int, size: int, x: Tensor) -> Tensor:
    """The matrix [side, side] that adds up the `size` nearest places, those that there are."""
    place = torch.arange(side, device=x.device)
    return ((place[:, None] - place).abs() <= size // 2).to(x.dtype)
