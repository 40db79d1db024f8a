"""Scores: whether samples are what was asked for, and how far they lie from the data."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from engine import catalog
from engine.catalog import Card
from engine.measures import caption_judges
from engine.models.checkpoint import ModelError
from engine.models.registry import load_classifier
from engine.noise import generator

JUDGE = "digits-classifier"

Images = NDArray[np.uint8] | Tensor
Features = NDArray[np.float64]


def classify(images: Images, judge: str = JUDGE) -> NDArray[np.int64]:
    """The class that the classifier `judge` sees in each image: [B, C, H, W], bytes or floats in [−1, 1], to [B]."""
    network = load_classifier(judge)
    with torch.inference_mode():
        return np.concatenate([network(batch).argmax(1).numpy() for batch in batches(images)])


def agreement(images: Images, labels: NDArray[Any], judge: str = JUDGE) -> float:
    """The share of images [B, C, H, W] in which the classifier sees the class [B] that was asked for."""
    return float(np.mean(classify(images, judge) == labels))


def judged(model: str, condition: Any, images: Images) -> float | None:
    """The agreement of images of a model with what they were asked for; none where no judge knows that.

    With a class; or with captions, as `caption_judges.agreement` has it.
    """
    card = catalog.cards().get(model)
    try:
        if card is not None and isinstance(condition, str):
            return caption_judges.agreement(card, condition, np.asarray(images))
        if card is not None and isinstance(condition, int) and knows(card):
            return agreement(images, np.full(len(images), condition))
    except ModelError:  # the card of a judge is there, and its weights are not
        return None
    return None


def knows(card: Card) -> bool:
    """Whether the judge, if it is there, has the classes and the shape of a model's images."""
    judge = catalog.cards("classifier").get(JUDGE)
    return judge is not None and (judge.shape, judge.classes) == (card.shape, card.classes)


def features(images: Images) -> Features:
    """The last hidden layer of the judge, [B, F], for images [B, C, H, W], bytes or floats in [−1, 1]."""
    network = load_classifier(JUDGE)
    with torch.inference_mode():
        return np.concatenate([network.features(batch).double().numpy() for batch in batches(images)])


def frechet_distance(features_a: Features, features_b: Features) -> float:
    """‖μ₁ − μ₂‖² + tr(Σ₁ + Σ₂ − 2 (Σ₁ Σ₂)^½) of two sets of features [N, F] and [M, F], each N, M ≥ 2.

    The squared 2-Wasserstein distance of two Gaussians (Dowson & Landau 1982), as a score of generators (Heusel et al.
    2017). (Σ₁Σ₂)^½ has the trace of (Σ₁^½ Σ₂ Σ₁^½)^½, which is the sum of the singular values of Σ₁^½ Σ₂^½: no root is
    taken of a matrix that is not symmetric, nor of a product.
    """
    (mean_a, covariance_a), (mean_b, covariance_b) = _moments(features_a), _moments(features_b)
    overlap = np.linalg.svd(_root(covariance_a) @ _root(covariance_b), compute_uv=False).sum()
    apart = np.sum((mean_a - mean_b) ** 2)
    return float(apart + np.trace(covariance_a) + np.trace(covariance_b) - 2.0 * overlap)


def sliced_wasserstein(a: Tensor, b: Tensor, directions: int = 128) -> float:
    """The mean Wasserstein-1 distance of two clouds [N, d], projected on directions that are the same each time.

    Sorted projections are matched one to one, so both clouds have N points (Rabin et al. 2012). In the plane the
    directions are evenly spaced; elsewhere they are drawn with a fixed seed. Raises ValueError for unequal shapes.
    """
    if a.shape != b.shape or a.ndim != 2:
        raise ValueError(f"two clouds of one shape [N, d] are compared, not {list(a.shape)} and {list(b.shape)}")
    if a.shape[1] == 2:
        angles = torch.arange(directions, dtype=torch.float64) * (torch.pi / directions)
        across = torch.stack([angles.cos(), angles.sin()])
    else:
        across = torch.from_numpy(generator(0).standard_normal((a.shape[1], directions)))
        across = across / across.norm(dim=0)
    first, second = (
        np.sort((cloud @ across.to(a)).mT.contiguous().cpu().numpy()) for cloud in (a, b)
    )  # [directions, N]
    return float(np.abs(first - second).mean())


def batches(images: Images, size: int = 500) -> Iterator[Tensor]:
    """Images in batches, as floats in [−1, 1]."""
    for start in range(0, len(images), size):
        batch = images[start : start + size]
        tensor = batch if isinstance(batch, Tensor) else torch.from_numpy(batch.copy())
        yield tensor.float() / 127.5 - 1.0 if tensor.dtype == torch.uint8 else tensor.float().cpu()


def _moments(features: Features) -> tuple[Features, Features]:
    """The mean [F] and the unbiased covariance [F, F] of features [N, F], in float64."""
    values = np.asarray(features, np.float64)
    mean = values.mean(axis=0)
    return mean, (values - mean).T @ (values - mean) / (len(values) - 1)


def _root(covariance: Features) -> Features:
    """The symmetric square root of a covariance [F, F]; eigenvalues that rounding made negative count as zero."""
    values, vectors = np.linalg.eigh(covariance)
    root: Features = (vectors * np.sqrt(values.clip(0.0))) @ vectors.T
    return root
