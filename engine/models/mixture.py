"""A mixture of Gaussians: the exact denoiser, score and density at every noise level."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from engine.models.denoiser import Condition
from engine.models.exact import Classes, Constants, Exact, eigen, finite
from engine.schedules import Level, Schedule


class Mixture(Exact):
    """x_0 ~ Σ_k w_k N(μ_k, Σ_k), so that x_t ~ Σ_k w_k N(α μ_k, α² Σ_k + std² I).

    Acts on the last axis of x [B, ..., d]: a cloud [B, n, d] is n points of the same mixture. The condition of a row
    restricts it to the components of that class; the null class is the whole mixture.
    α² Σ_k + std² I has the eigenvectors of Σ_k, which are found once: a level costs no decomposition.
    """

    def __init__(
        self,
        means: Tensor,
        covariances: Tensor,
        weights: Tensor,
        labels: Tensor | None = None,
        classes: Classes = 0,
        shape: Sequence[int] | None = None,
        schedule: Schedule | None = None,
        device: torch.device | str = "cpu",
    ) -> None:
        """Means [K, d], covariances [K, d, d], weights [K], labels [K]; shape (..., d) of one sample, (d,) by default.

        Raises ValueError where they do not fit, a covariance is not positive definite, the weights do not sum to 1,
        or a class has no weight.
        """
        if means.ndim != 2 or not means.numel():
            raise ValueError(f"means must have the shape [K, d], not {list(means.shape)}")
        count, d = means.shape
        super().__init__(shape or (d,), classes, schedule, device)
        if self.shape[-1] != d:
            raise ValueError(f"shape must end in {d}, as the means do, not {self.shape}")
        if covariances.shape != (count, d, d):
            raise ValueError(f"covariances must have the shape [{count}, {d}, {d}], not {list(covariances.shape)}")
        values, vectors = eigen("covariances", finite("covariances", covariances))
        if not bool((values > 0.0).all()):
            raise ValueError("covariances must be positive definite")
        self._constants = Constants(finite("means", means), values, vectors, self._log_weights(weights, labels, count))

    def __len__(self) -> int:
        return len(self._parts()[0])

    def _parts(self) -> tuple[Tensor, ...]:
        return self._constants.like(torch.empty(0, dtype=torch.float64))

    @property
    def means(self) -> Tensor:
        """[K, d] in float64, as all that follow."""
        return self._parts()[0]

    @property
    def covariances(self) -> Tensor:
        """[K, d, d]."""
        _, values, vectors, _ = self._parts()
        return (vectors * values[:, None]) @ vectors.mT

    @property
    def weights(self) -> Tensor:
        """Of the components under each class, and last under none: [classes + 1, K]."""
        return torch.exp(self._parts()[3])

    @property
    def labels(self) -> Tensor:
        """The class of each component, [K]; 0 where there are no classes."""
        return (self.weights[:-1] > 0.0).int().argmax(0) if self.classes else torch.zeros(len(self), dtype=torch.long)

    def _log_weights(self, weights: Tensor, labels: Tensor | None, count: int) -> Tensor:
        """Log weights under every condition, [classes + 1, K]: −∞ outside the class, the whole mixture last."""
        weights = finite("weights", weights)
        if weights.shape != (count,):
            raise ValueError(f"weights must have the shape [{count}], not {list(weights.shape)}")
        if bool((weights < 0.0).any()) or abs(float(weights.sum()) - 1.0) > 1e-6:
            raise ValueError("weights must be at least 0 and sum to 1")
        of_class = self.check_labels(labels, count) == torch.arange(self.classes)[:, None]  # [classes, K]
        table = torch.cat([of_class * weights, weights[None]])
        if not bool((table.sum(1) > 0.0).all()):
            raise ValueError("weights must not all be 0 in a class")
        return torch.log(table / table.sum(1, keepdim=True))

    def __call__(self, x: Tensor, level: Level, condition: Condition = None) -> Tensor:
        """D = Σ_k r_k (μ_k + α Σ_k (α² Σ_k + std² I)⁻¹ (x − α μ_k)), r_k the posterior weight of component k."""
        if level.std == 0.0:
            return x / level.alpha
        means, values, vectors, _ = self._constants.like(x)
        joint, rotated, variances = self._components(x, level, condition)
        posterior = torch.softmax(joint, 0)  # [K, P]
        towards = posterior[:, None] * (level.alpha * values / variances)[..., None] * rotated  # [K, d, P]
        return (means.mT @ posterior + _back(vectors, towards)).mT.reshape(x.shape)

    def score(self, x: Tensor, level: Level, condition: Condition = None) -> Tensor:
        """∇ log p_t(x) = −Σ_k r_k (α² Σ_k + std² I)⁻¹ (x − α μ_k), of x's shape; finite at the clean level too."""
        joint, rotated, variances = self._components(x, level, condition)
        towards = torch.softmax(joint, 0)[:, None] * rotated / variances[..., None]  # [K, d, P]
        return -_back(self._constants.like(x)[2], towards).mT.reshape(x.shape)

    def log_density(self, x: Tensor, level: Level, condition: Condition = None) -> Tensor:
        """log p_t of every point: x [B, ..., d] → [B, ...]."""
        return torch.logsumexp(self._components(x, level, condition)[0], 0).reshape(x.shape[:-1])

    def pulls(self, x: Tensor, level: Level, condition: Condition = None) -> tuple[Tensor, Tensor]:
        """D at one point as a weighted mean: the posterior weights [K], and what each component alone says, [K, d]."""
        means, values, vectors, _ = self._constants.like(x)
        joint, rotated, variances = self._components(x, level, condition)
        towards = (level.alpha * values / variances)[..., None] * rotated  # [K, d, 1]
        return torch.softmax(joint, 0)[:, 0], means + (vectors @ towards)[..., 0]

    def _components(self, x: Tensor, level: Level, condition: Condition) -> tuple[Tensor, Tensor, Tensor]:
        """log w_k N(x; α μ_k, α² Σ_k + std² I) [K, P], U_kᵀ (x − α μ_k) [K, d, P], and the variances along U_k [K, d].

        The P points lie in the last axis, where they are contiguous, since d is small.
        """
        means, values, vectors, table = self._constants.like(x)
        count, d = means.shape
        points = x.reshape(-1, d).mT.contiguous()  # [d, P]
        rotated = vectors.mT @ (points - level.alpha * means[..., None])  # [K, d, P]
        variances = level.alpha**2 * values + level.std**2
        distances = (rotated.square() / variances[..., None]).sum(1)  # [K, P], squared Mahalanobis
        constants = -0.5 * torch.log(2.0 * math.pi * variances).sum(1)  # [K]
        log_weights = table[self.encode(condition, 1)].mT + constants[:, None]  # [K, B], or [K, 1]
        batch = log_weights.reshape(count, -1, *[1] * (x.ndim - 2))
        joint = batch - 0.5 * distances.reshape(count, *x.shape[:-1])
        return joint.reshape(count, -1), rotated, variances


def _back(vectors: Tensor, towards: Tensor) -> Tensor:
    """Σ_k U_k a_k: eigenvectors [K, d, d] and coefficients [K, d, P] → [d, P], as one product."""
    return vectors.permute(1, 0, 2).flatten(1) @ towards.flatten(0, 1)
