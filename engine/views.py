"""What is seen of a step: x_t, x̂₀, the score, ε, and the change of x̂₀, as pictures. Imports no torch."""

from __future__ import annotations

from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from engine.pictures import Pixels, pixels

View = Literal["noisy", "denoised", "score", "eps", "change"]
VIEWS: tuple[View, ...] = get_args(View)
SIGNED = VIEWS[2:]  # in colours
PERCENTILE = 99.5  # of |value| over a step, that has the strongest colour

# CET-CBD1 (Kovesi 2015): blue below zero, yellow above, grey at zero; told apart with any colour vision
_ANCHORS = (
    (58, 144, 254),
    (125, 167, 252),
    (169, 190, 249),
    (206, 215, 245),
    (237, 237, 237),
    (226, 215, 185),
    (210, 190, 133),
    (190, 167, 80),
    (168, 144, 8),
)
DIVERGING = np.stack(
    [np.interp(np.linspace(0, 8, 255), range(9), channel) for channel in zip(*_ANCHORS, strict=True)], axis=1
).round()
DIVERGING = DIVERGING.astype(np.uint8)  # [255, 3]: the middle one is zero

Values = NDArray[Any]


def seen(
    view: str, alpha: float, std: float, x: Values, denoised: Values, before: Values | None
) -> tuple[Pixels, float]:
    """A view of x_t and D [B, C, H, W], and the value of its strongest colour: 0 where it has no sign."""
    if view in SIGNED:
        return signed(signed_values(view, alpha, std, x, denoised, before))
    return (noisy(x, alpha, std) if view == "noisy" else pixels(denoised)), 0.0


def of_the_step_before(view: str, std: float) -> bool:
    """Whether a view of the result, which has this std, is that of the last step.

    Without noise there is neither score nor ε; the result of Langevin, which is noisy, has no x̂₀ that could change.
    """
    return view in ("score", "eps") or (view == "change" and std > 0.0)


def noisy(x: Values, alpha: float, std: float) -> Pixels:
    """x_t in its variance-preserving form, so that its contrast is the same on every schedule."""
    return pixels(x, float(np.hypot(alpha, std)))


def signed_values(view: str, alpha: float, std: float, x: Values, denoised: Values, before: Values | None) -> Values:
    """The score (α D − x) / std², ε = (x − α D) / std, or D − D₋, which is 0 where there is no step before."""
    match view:
        case "score":
            return (alpha * denoised - x) / std**2
        case "eps":
            return (x - alpha * denoised) / std
        case _:
            return np.zeros_like(denoised) if before is None else denoised - before


def signed(values: Values) -> tuple[Pixels, float]:
    """Values [B, C, H, W] as colours [B, H, W, 3], and the value that has the strongest; channels are averaged."""
    grey = values.mean(axis=1)  # [B, H, W]
    scale = float(np.percentile(np.abs(grey), PERCENTILE))
    share = np.clip(grey * (127.0 / scale) if scale > 0.0 else np.zeros_like(grey), -127.0, 127.0)
    return DIVERGING[(share + 127.5).astype(np.uint8)], scale


def reduced(x: Values, side: int) -> Values:
    """[B, C, H, W] with blocks of pixels averaged, so that no side is longer than `side`."""
    height, width = x.shape[2:]
    block = -(-max(height, width) // side)
    if block == 1:
        return x
    x = x[:, :, : height // block * block, : width // block * block]
    return np.asarray(x.reshape(*x.shape[:2], height // block, block, width // block, block).mean(axis=(3, 5)))


def measures(
    alpha: float, std: float, x: Values, denoised: Values | None, before: Values | None
) -> NDArray[np.float32]:
    """The root mean square of the score and of the change of x̂₀, of every sample [2, B]; NaN where there is none."""
    found = np.full((2, len(x)), np.nan, np.float32)
    if denoised is not None and std:
        found[0] = _size(alpha * denoised - x) / std**2
    if denoised is not None and before is not None:
        found[1] = _size(denoised - before)
    return found


def _size(values: Values) -> Values:
    flat = values.reshape(len(values), -1).astype(np.float64)
    return np.asarray(np.sqrt(np.mean(flat * flat, axis=1)))
