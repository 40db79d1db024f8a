"""What a run can start from, besides another run (`engine.request.Branch`). Imports no torch."""

from __future__ import annotations

import msgspec

from engine.fields import MAX_SEED, Field, RequestError, is_number

MAX_SIDE = 256  # of an image that a run starts from

_SEED = Field("integer", "Seed", "", minimum=0, maximum=MAX_SEED, optional=True)
_MODEL = Field("name", "Model", "", optional=True)
_CONDITION = Field("condition", "Condition", "", optional=True)


class PureNoise(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True, tag="noise"):
    """Start from x = std · ε at the noisiest level; ε is drawn with the seed of the run, or with one of its own."""

    seed: int | None = None

    def __post_init__(self) -> None:
        check(_SEED.admits(self.seed), f"a seed that is {_SEED.allowed}")


class Image(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True, tag="image"):
    """Start from an image with noise added (SDEdit, Meng et al. 2022), or repaint a part of it.

    Of N steps the last `strength` · N are walked: 1 starts at the noisiest level. Where `mask` is 0 the image is kept,
    where it is 1 it is painted anew.
    """

    pixels: bytes  # [C, H, W], 0 is −1 and 255 is 1
    shape: tuple[int, int, int]
    strength: float = 0.6
    mask: bytes | None = None  # [H, W] of 0 and 1

    def __post_init__(self) -> None:
        _check_image(self.pixels, self.shape)
        check(is_number(self.strength, int | float) and 0 < self.strength <= 1, "a strength above 0 and at most 1")
        if self.mask is not None:
            area = self.shape[1] * self.shape[2]
            fits = isinstance(self.mask, bytes) and len(self.mask) == area and set(self.mask) <= {0, 1}
            check(fits, f"a mask of {area} bytes, 0 or 1 for each pixel")


class Encoding(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True, tag="encoding"):
    """Start from the noise that the ODE makes of an image: DDIM inversion (Song et al. 2021a, section 4.3).

    Encoded on the run's own levels, with `model` (none for the run's own) and `condition`. To encode with one model or
    condition and decode with another is the bridge of Su et al. 2023.
    """

    pixels: bytes  # as in Image
    shape: tuple[int, int, int]
    model: str | None = None
    condition: int | str | None = None

    def __post_init__(self) -> None:
        _check_image(self.pixels, self.shape)
        check(_MODEL.admits(self.model), f"a model that is {_MODEL.allowed}")
        check(_CONDITION.admits(self.condition), f"a condition that is {_CONDITION.allowed}")


class Slerp(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag="slerp"):
    """Start on the great circle between two noises or encodings, sample b at `fractions[b]` (DDIM, section 5.3)."""

    first: PureNoise | Encoding
    second: PureNoise | Encoding
    fractions: tuple[float, ...]

    def __post_init__(self) -> None:
        ends = (self.first, self.second)
        check(all(isinstance(end, PureNoise | Encoding) for end in ends), "two ends, each noise or an encoding")
        many = isinstance(self.fractions, tuple) and len(self.fractions) > 0
        right = many and all(is_number(share, int | float) and 0 <= share <= 1 for share in self.fractions)
        check(right, "fractions from 0 to 1, one for each sample")


def check(right: bool, what: str) -> None:
    """Raise RequestError for the field "start", which must have `what`, unless it is right."""
    if not right:
        raise RequestError("start", f"start must have {what}.")


def _check_image(pixels: bytes, shape: tuple[int, int, int]) -> None:
    sides = isinstance(shape, tuple) and len(shape) == 3 and all(is_number(n, int) and n >= 1 for n in shape)
    check(sides and max(shape) <= MAX_SIDE, f"a shape of three whole numbers from 1 to {MAX_SIDE}")
    size = shape[0] * shape[1] * shape[2]
    check(isinstance(pixels, bytes) and len(pixels) == size, f"{size} bytes of pixels, as its shape says")
