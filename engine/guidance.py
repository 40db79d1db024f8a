"""Guidance: from a denoiser and a condition to the denoiser that a sampler walks with.

All of it is D = D₋ + w (D₊ − D₋), away from a worse answer and towards a better one. The weight w is 1 for the better
one alone; papers that write D₊ + γ (D₊ − D₋) have γ = w − 1.

    guidance          D₊                                D₋
    classifier-free   conditional, D_c                  unconditional, D∅
    classifier        D∅ + (std²/α) ∇ log p(y | x_t)    unconditional, D∅
    autoguidance      the model, D                      a worse model, D_bad
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from engine.fields import RequestError
from engine.models.denoiser import Condition, Denoiser
from engine.models.noisy_classifier import NoisyClassifier
from engine.samplers import Denoise
from engine.schedules import Level

Interval = tuple[float, float]
Guide = Denoiser | NoisyClassifier


@dataclass(frozen=True)
class Terms:
    """A row of the table: D₊ and D₋, together and each alone, of as many rows as they were made for, or fewer."""

    both: Callable[[Tensor, Level], tuple[Tensor, Tensor]]
    positive: Denoise
    negative: Denoise
    outside: float = 1.0  # w where σ is out of the interval


def guided(
    denoiser: Denoiser,
    condition: Condition,
    count: int,
    weight: float = 1.0,
    interval: Interval | None = None,
    rescale: float = 0.0,
    guide: Guide | None = None,
    clip: float | None = None,
) -> Denoise:
    """The denoiser under a condition, guided by its own null class (no guide), a classifier, or a worse model.

    It takes `count` rows or fewer. weight w ≥ 0; interval [low, high] of σ, outside which the guide is not asked
    (Kynkäänniemi et al. 2024); rescale φ from 0 (none) to 1, see `rescaled`; clip last of all: D in [−clip, clip].
    Without a condition and a guide there is nothing to guide. Raises RequestError for what does not go together.
    """
    _check(denoiser, condition, weight, guide)
    if guide is None and condition is None:
        denoise = _under(denoiser, None, count)
    else:
        denoise = _mixed(_terms(denoiser, condition, count, guide), weight, interval, rescale)
    if clip is None:
        return denoise
    return lambda x, level: denoise(x, level).clamp(-clip, clip)


def _terms(denoiser: Denoiser, condition: Condition, count: int, guide: Guide | None) -> Terms:
    """The row of the table that the guide stands for."""
    if guide is None:
        return classifier_free(denoiser, condition, count)
    if isinstance(guide, NoisyClassifier):
        return classifier(denoiser, condition, count, guide)
    return autoguidance(denoiser, condition, count, guide)


def classifier_free(denoiser: Denoiser, condition: Condition, count: int) -> Terms:
    """D = D∅ + w (D_c − D∅) (Ho & Salimans 2022, with w = 1 + their w).

    One network call a step: a batch of 2 · count where both terms are needed, a plain one where one is.
    """
    wanted, null = denoiser.encode(condition, count), denoiser.encode(None, count)

    def both(x: Tensor, level: Level) -> tuple[Tensor, Tensor]:
        rows = torch.cat([wanted[: len(x)], null[: len(x)]])
        conditional, unconditional = denoiser(torch.cat([x, x]), level, rows).chunk(2)
        return conditional, unconditional

    return Terms(both, _under(denoiser, condition, count), _under(denoiser, None, count))


def classifier(denoiser: Denoiser, condition: Condition, count: int, guide: NoisyClassifier) -> Terms:
    """D = D∅ + w (std²/α) ∇ log p(y | x_t) (Dhariwal & Nichol 2021, section 4), by a classifier of noisy images.

    By Bayes' rule the gradient is the score of x_t under the class less that without it, so that with the exact
    classifier this is `classifier_free` at the same w, and with w = 1 samples follow the class. Where the classifier is
    not asked, the denoiser is alone and unconditional: at w = 0, outside the interval, and where α = 0 (no image left
    to classify). Raises RequestError for a condition that is none of its classes.
    """
    labels = _labels(denoiser, condition, count, guide)
    unconditional = _under(denoiser, None, count)

    def both(x: Tensor, level: Level) -> tuple[Tensor, Tensor]:
        denoised = unconditional(x, level)
        if level.alpha == 0.0 or level.std == 0.0:
            return denoised, denoised
        gradient = _gradient(guide, x, level, labels[: len(x)])
        return denoised + (level.std**2 / level.alpha) * gradient, denoised

    return Terms(both, lambda x, level: both(x, level)[0], unconditional, outside=0.0)


def autoguidance(denoiser: Denoiser, condition: Condition, count: int, guide: Denoiser) -> Terms:
    """D = D_bad + w (D − D_bad), with a worse model under the same condition, or both without one.

    Karras et al. 2024b, "Guiding a diffusion model with a bad version of itself". A call of each network a step; of the
    good one only where w is 1 or σ is outside the interval.
    """
    good, bad = _under(denoiser, condition, count), _under(guide, condition, count)
    return Terms(lambda x, level: (good(x, level), bad(x, level)), good, bad)


def rescaled(guided: Tensor, positive: Tensor, rescale: float) -> Tensor:
    """Bring the standard deviation of each guided sample back to what it was without guidance, by the share `rescale`.

    φ · D std(D₊)/std(D) + (1 − φ) · D (Lin et al. 2024, section 3.4), over all axes but the batch. Theirs is of the
    network's output, ours of D, whatever the network predicts. A constant sample stays as it is.
    """
    axes = tuple(range(1, guided.ndim))
    wanted, there = positive.std(axes, correction=0, keepdim=True), guided.std(axes, correction=0, keepdim=True)
    ratio = torch.where(there > 0.0, wanted / there, 1.0)
    return guided * (rescale * ratio + (1.0 - rescale))


def _mixed(terms: Terms, weight: float, interval: Interval | None, rescale: float) -> Denoise:
    """D₋ + w (D₊ − D₋), with w = `outside` out of the interval of σ; where w is 0 or 1, one term alone, as it is."""
    low, high = interval or (0.0, float("inf"))

    def denoise(x: Tensor, level: Level) -> Tensor:
        w = weight if low <= level.sigma <= high else terms.outside
        if w == 1.0:
            return terms.positive(x, level)
        if w == 0.0:
            return terms.negative(x, level)
        plus, minus = terms.both(x, level)
        mixed = torch.lerp(minus, plus, w)
        return rescaled(mixed, plus, rescale) if rescale else mixed

    return denoise


def _under(denoiser: Denoiser, condition: Condition, count: int) -> Denoise:
    """The denoiser under one condition. Its rows are equal: fewer samples take the first of them."""
    rows = denoiser.encode(condition, count)
    return lambda x, level: denoiser(x, level, rows[: len(x)])


def _labels(denoiser: Denoiser, condition: Condition, count: int, guide: NoisyClassifier) -> Tensor:
    """The classes [count] that the classifier is asked for: as the model numbers them, if it has any of its own."""
    if getattr(denoiser, "classes", 0):
        return denoiser.encode(condition, count)
    if not isinstance(condition, int) or not 0 <= condition < guide.classes:
        there = f"a class from 0 to {guide.classes - 1} of the guide"
        raise RequestError("condition", f"condition must be {there}, not {condition!r}.")
    return torch.full((count,), condition, device=denoiser.device)


def _gradient(guide: NoisyClassifier, x: Tensor, level: Level, labels: Tensor) -> Tensor:
    """∇ log p(y | x_t), [B, *shape]: of the sum over the batch, since no row depends on another.

    x may come from inference mode, whose tensors have no gradient: it is copied outside it. Where it is differentiated
    itself, for a likelihood, so is the gradient.
    """
    on = torch.is_grad_enabled() and x.requires_grad
    with torch.inference_mode(False), torch.enable_grad():
        x = x if on else x.detach().clone().requires_grad_()
        total = guide.log_probabilities(x, level).gather(1, labels[:, None]).sum()
        (gradient,) = torch.autograd.grad(total, x, create_graph=on)
    return gradient


def _check(denoiser: Denoiser, condition: Condition, weight: float, guide: Guide | None) -> None:
    """Raise RequestError for a guide or a condition that the model cannot be guided with."""
    classes = getattr(denoiser, "classes", None)  # a model of captions has none to count
    if guide is None:
        if classes == 0 and condition is not None:
            raise RequestError("condition", f"condition must be none for a model without classes, not {condition!r}.")
        if classes == 0 and weight != 1.0:
            raise RequestError("guidance", f"guidance must be 1 for a model without classes, not {weight:g}.")
        return
    if tuple(guide.shape) != tuple(denoiser.shape):
        shapes = [" × ".join(map(str, model.shape)) for model in (denoiser, guide)]
        raise RequestError("guide", f"guide must be of the model's shape {shapes[0]}, not {shapes[1]}.")
    theirs = getattr(guide, "classes", None)
    if isinstance(guide, NoisyClassifier):
        if condition is None:
            raise RequestError("condition", "condition must be given where the guide is a classifier.")
        if classes and classes != theirs:
            raise RequestError("guide", f"guide must have the model's {classes} classes, not {theirs}.")
    elif condition is not None and classes != theirs:
        raise RequestError("guide", f"guide must have the model's {classes} classes, not {theirs}.")
