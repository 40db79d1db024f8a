"""The request: everything that determines a result, and nothing else. Imports no torch.

The metadata of its fields (label, range, help, equation) is the one source for the window's controls, the command
line's flags, the validation messages and what is written into saved images.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, get_args, get_type_hints

import msgspec

from engine import captions, catalog
from engine.catalog import Choice
from engine.fields import MAX_SEED, MAX_SIGMA, MAX_STEPS, Field, RequestError, is_number, short
from engine.starts import Encoding, Image, PureNoise, Slerp, check

__all__ = [
    "FIELDS",
    "Branch",
    "Encoding",
    "Field",
    "Image",
    "PureNoise",
    "Request",
    "RequestError",
    "Slerp",
    "Start",
]

VERSION = 2  # 1 had neither a sampler's options nor any start but noise: it is read as it stands
MAX_BRANCHES = 16  # of branches of branches
MAX_REASON = 500  # characters of why a start is none

ORDERS = {
    "1": Choice("1", "1", "The denoiser is held over a step."),
    "2": Choice("2", "2", "The denoiser is extrapolated from the step before, or evaluated twice a step."),
    "5": Choice("5", "5", "Six evaluations a step, and an estimate of the error."),
}


class Branch(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag="branch"):
    """Go on from step `step` of another run: its x there, then this run's own levels below.

    A branch that changes nothing is the rest of its parent (but of UniPC and RK45, whose memory begins anew).
    """

    request: Request
    step: int

    def __post_init__(self) -> None:
        check(isinstance(self.request, Request), "a request to branch from")
        depth, inner = 1, self.request
        while isinstance(inner.start, Branch):
            depth, inner = depth + 1, inner.start.request
        check(depth <= MAX_BRANCHES, f"at most {MAX_BRANCHES} branches above it")
        check(is_number(self.step, int) and 0 <= self.step < 10**5, "a step that is a whole number from 0")


Start = PureNoise | Image | Encoding | Slerp | Branch


class Request(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One run, completely. Raises RequestError, which names the field, for anything out of range.

    λ, the order and the options below them belong to the sampler: what is left out is the sampler's own, and what it
    does not have is none. `sigmas` bring their own `steps`, and `spacing` = "explicit".
    """

    model: Annotated[str, Field("name", "Model", "The denoiser that generates.", symbol="D")] = "digits"
    condition: Annotated[
        int | str | None,
        Field(
            "condition",
            "Condition",
            "What to generate; none for anything. Of several captions, with | between, sample b has caption b mod n.",
            symbol="c",
            optional=True,
        ),
    ] = None
    count: Annotated[
        int,
        Field(
            "integer",
            "Samples",
            "How many images; sample b has the seed of the run + b.",
            symbol="B",
            minimum=1,
            maximum=64,
        ),
    ] = 16
    particles: Annotated[
        int | None,
        Field(
            "integer",
            "Particles",
            "How many points of the plane make one sample; none for 2,000, and for models of images.",
            symbol="n",
            minimum=1,
            maximum=50_000,
            usual=(500, 10_000),
            optional=True,
        ),
    ] = None
    seed: Annotated[
        int,
        Field("integer", "Seed", "Sample b is drawn with seed + b, whatever its batch.", minimum=0, maximum=MAX_SEED),
    ] = 0
    sampler: Annotated[
        str,
        Field("choice", "Sampler", "How the reverse process is solved.", choices=catalog.SAMPLERS),
    ] = "bridge"
    order: Annotated[
        int,
        Field(
            "choice",
            "Order",
            "Error falls as 1/N or 1/N²; along one path of noise, with λ > 0, as 1/N.",
            symbol="p",
            equation="error = O(N⁻ᵖ)",
            choices=ORDERS,
        ),
    ] = None  # type: ignore[assignment]  # __post_init__ puts in the sampler's own
    steps: Annotated[
        int,
        Field(
            "integer", "Steps", "Steps from noise to image.", symbol="N", minimum=1, maximum=MAX_STEPS, usual=(1, 100)
        ),
    ] = 20
    spacing: Annotated[
        str,
        Field("choice", "Spacing", "Where the noise levels lie.", choices=catalog.SPACINGS),
    ] = "karras"
    sigmas: Annotated[
        tuple[float, ...] | None,
        Field(
            "levels",
            "Noise levels",
            "The levels, where you list them.",
            symbol="σ",
            minimum=1e-6,
            maximum=MAX_SIGMA,
            optional=True,
        ),
    ] = None
    schedule: Annotated[
        str | None,
        Field(
            "choice",
            "Schedule",
            "The forward process; none for the model's own.",
            symbol="α, σ",
            equation="x_t = α x₀ + α σ ε",
            choices=catalog.SCHEDULES,
            optional=True,
        ),
    ] = None
    lam: Annotated[
        float,
        Field(
            "number",
            "Stochasticity",
            "0 is the probability-flow ODE, 1 the reverse SDE; every value has the same marginals.",
            symbol="λ",
            equation="dx = [f x − ½(1 + λ²) g² ∇log p] dt + λ g dW̄",
            minimum=0,
            maximum=100,
            usual=(0, 2),
        ),
    ] = None  # type: ignore[assignment]  # as the order
    noise_interval: Annotated[
        tuple[float, float] | None,
        Field(
            "interval",
            "Noise interval",
            "Add noise only at noise levels in it; none for all.",
            symbol="σ",
            minimum=0,
            maximum=MAX_SIGMA,
            optional=True,
        ),
    ] = None
    noise: Annotated[
        str,
        Field("choice", "Noise", "What two runs with the same seed share.", symbol="W", choices=catalog.NOISES),
    ] = None  # type: ignore[assignment]
    eta: Annotated[
        float | None,
        Field(
            "number",
            "DDIM’s η",
            "0 is the ODE, 1 is DDPM.",
            symbol="η",
            equation="s = η std₁ √(1 − r²)",
            minimum=0,
            maximum=1,
        ),
    ] = None
    churn: Annotated[
        float | None,
        Field(
            "number",
            "Churn",
            "Noise added before each step and removed by it; 0 is the ODE.",
            symbol="S",
            equation="σ̂ = σ (1 + min(S/N, √2 − 1))",
            minimum=0,
            maximum=1000,
            usual=(0, 80),
        ),
    ] = None
    tolerance: Annotated[
        float | None,
        Field(
            "number", "Tolerance", "The error of a step, relative and absolute.", symbol="τ", minimum=1e-8, maximum=0.1
        ),
    ] = None
    langevin_steps: Annotated[
        int | None,
        Field("integer", "Langevin steps", "Steps of Langevin at each noise level.", symbol="M", minimum=1, maximum=20),
    ] = None
    step_size: Annotated[
        float | None,
        Field(
            "number",
            "Step size",
            "Of Langevin, relative to the noise level.",
            symbol="δ",
            equation="x + ½ δ std² ∇log p + √δ std z",
            minimum=1e-4,
            maximum=1,
        ),
    ] = None
    sigma: Annotated[
        float | None,
        Field("number", "Noise level", "Where Langevin stays.", symbol="σ", minimum=1e-3, maximum=1e4, usual=(0.01, 2)),
    ] = None
    guidance: Annotated[
        float,
        Field(
            "number",
            "Guidance",
            "1 is the plain conditional model, 0 the unconditional one (w = 1 + γ).",
            symbol="w",
            equation="D = D∅ + w (D_c − D∅)",
            minimum=0,
            maximum=100,
            usual=(0, 5),
        ),
    ] = 1.0
    guidance_interval: Annotated[
        tuple[float, float] | None,
        Field(
            "interval",
            "Guidance interval",
            "Guide only at noise levels in it; none for all.",
            symbol="σ",
            minimum=0,
            maximum=MAX_SIGMA,
            optional=True,
        ),
    ] = None
    guide: Annotated[
        str | None,
        Field(
            "name",
            "Guide",
            "What guides: none for the model without condition, a weaker model, or a classifier of noisy images.",
            optional=True,
        ),
    ] = None
    guidance_rescale: Annotated[
        float,
        Field(
            "number",
            "Rescale",
            "How far the guided D gets back its contrast (Lin et al. 2024).",
            symbol="φ",
            minimum=0,
            maximum=1,
        ),
    ] = 0.0
    clip: Annotated[
        float | None,
        Field(
            "number",
            "Clip",
            "Keep D between −c and c, after guidance.",
            symbol="c",
            minimum=0.01,
            maximum=100,
            usual=(0.5, 2),
            optional=True,
        ),
    ] = None
    start: Annotated[Start, Field("start", "Start", "What the run starts from.")] = PureNoise()

    def __post_init__(self) -> None:
        sampler = catalog.SAMPLERS.get(self.sampler) if isinstance(self.sampler, str) else None
        if sampler is not None:
            self._fill(sampler)
        for name, field in FIELDS.items():
            value = getattr(self, name)
            left_out = value is None and name in OPTIONS
            if not (left_out or field.admits(value)):
                raise RequestError(name, f"{name} must be {field.allowed}, not {short(value)}.")
        assert sampler is not None
        self._check_together(sampler)

    def _fill(self, sampler: catalog.Sampler) -> None:
        """Put in what was left out."""
        defaults = {**ABSENT, **sampler.options, "order": sampler.orders[0]}
        if self.sigmas is not None and FIELDS["sigmas"].admits(self.sigmas):
            msgspec.structs.force_setattr(self, "steps", len(self.sigmas))
            msgspec.structs.force_setattr(self, "spacing", "explicit")
        for name, default in defaults.items():
            if getattr(self, name) is None:
                msgspec.structs.force_setattr(self, name, default)

    def _check_together(self, sampler: catalog.Sampler) -> None:
        for name, absent in ABSENT.items():
            value = getattr(self, name)
            if name not in sampler.options and value != absent:
                only = "none" if absent is None else f"{absent:g}" if name == "lam" else absent
                raise RequestError(name, f"{name} must be {only} with the sampler {self.sampler}, not {short(value)}.")
        if self.order not in sampler.orders:
            orders = " or ".join(map(str, sorted(sampler.orders)))
            raise RequestError("order", f"order must be {orders} with the sampler {self.sampler}, not {self.order!r}.")
        if self.sampler == "rk45" and isinstance(self.condition, str) and captions.SEPARATOR in self.condition:
            raise RequestError("condition", "condition must be one caption with the sampler rk45, not several.")
        if self.sigmas is not None and self.sampler == "langevin":
            raise RequestError("sigmas", "sigmas must be none with the sampler langevin, which stays at one level.")
        if self.spacing == "explicit" and self.sigmas is None:
            raise RequestError("sigmas", f"sigmas must be {FIELDS['sigmas'].allowed}, with the spacing explicit.")
        if not isinstance(self.start, Start):
            raise RequestError("start", f"start must be {FIELDS['start'].allowed}, not {short(self.start)}.")
        if isinstance(self.start, Slerp) and len(self.start.fractions) != self.count:
            said = f"{len(self.start.fractions)} for {self.count}"
            raise RequestError("start", f"start must be a slerp with a fraction for each sample, not {said}.")
        if isinstance(self.start, Branch) and self.count > self.start.request.count:
            parent = self.start.request.count
            raise RequestError("count", f"count must be at most {parent}, as in the run it branches from.")

    def replace(self, **changes: Any) -> Request:
        """A copy with some fields changed, checked again.

        A new sampler brings its own λ, order and options, and new steps or a new spacing put away the listed levels,
        except where those are given too.
        """
        if changes.get("sampler", self.sampler) != self.sampler:
            sampler = catalog.SAMPLERS.get(changes["sampler"]) if isinstance(changes["sampler"], str) else None
            kept = {"noise", "noise_interval"} & set(sampler.options if sampler else ())
            changes = dict.fromkeys([name for name in (*ABSENT, "order") if name not in kept]) | changes
        if changes.get("sampler") == "langevin":  # which stays at one level
            changes = {"sigmas": None} | changes
        other = any(changes[name] != getattr(self, name) for name in changes.keys() & {"sigmas", "steps", "spacing"})
        if self.sigmas is not None and not changes.get("sigmas") and other:
            changes = {"sigmas": None, "spacing": "karras"} | changes
        return msgspec.structs.replace(self, **changes)

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON, MessagePack and settings, with the version."""
        return {"version": VERSION, **msgspec.to_builtins(self)}

    def to_json(self) -> str:
        """One line of JSON that `from_json` reads back to an equal request."""
        return msgspec.json.encode(self.to_dict()).decode()

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Request:
        """The request of `to_dict`. Raises RequestError for an unknown field or version, or a value out of range."""
        values = dict(values)
        version = values.pop("version", VERSION)
        if not is_number(version, int) or not 1 <= version <= VERSION:
            raise RequestError("version", f"version must be a whole number from 1 to {VERSION}, not {short(version)}.")
        for name in values:
            if name not in FIELDS:
                raise RequestError(name, f"{short(name)} is not a field of a request; they are {', '.join(FIELDS)}.")
        for name, value in values.items():
            if isinstance(value, list) and FIELDS[name].kind in ("interval", "levels"):
                values[name] = tuple(value)
        if isinstance(values.get("start"), dict):
            values["start"] = _start(values["start"])
        return cls(**values)

    @classmethod
    def from_json(cls, text: str | bytes) -> Request:
        """The request of `to_json`. Raises RequestError for anything else."""
        try:
            # as bytes: msgspec wants a plain str, and Pillow's text chunks are of a class of their own
            values = msgspec.json.decode(text.encode() if isinstance(text, str) else text)
        except (msgspec.MsgspecError, RecursionError, UnicodeError) as error:
            raise RequestError("request", f"request must be JSON: {error}.") from error
        if not isinstance(values, dict):
            raise RequestError("request", "request must be a JSON object.")
        return cls.from_dict(values)


def _start(values: dict[str, Any]) -> Start:
    """A start from plain values. Raises RequestError, for the field "start"."""
    try:
        if isinstance(values.get("request"), dict):  # a branch: its parent is read as any request
            values = {**values, "request": Request.from_dict(values["request"])}
        start: Start = msgspec.convert(values, Start)
    except (msgspec.MsgspecError, RecursionError, ValueError) as error:
        reason = str(error).split(" - at `$")[0].rstrip(".")
        reason = reason if len(reason) <= MAX_REASON else reason[:MAX_REASON] + "…"  # it may quote what was given
        said = reason if reason.startswith("start must") else f"start must be {FIELDS['start'].allowed}: {reason}"
        raise RequestError("start", f"{said}.") from error
    return start


def _fields() -> dict[str, Field]:
    hints = get_type_hints(Request, include_extras=True)
    return {name: next(m for m in get_args(hint)[1:] if isinstance(m, Field)) for name, hint in hints.items()}


FIELDS: dict[str, Field] = {}
"""The metadata of every field of a request, in the order of the class."""

OPTIONS = ("order", *dict.fromkeys(name for sampler in catalog.SAMPLERS.values() for name in sampler.options))
"""The fields that belong to the sampler."""

ABSENT: dict[str, Any] = {**dict.fromkeys(OPTIONS[1:]), "lam": 0.0, "noise": "step"}
"""What the options are, all but the order, where the sampler does not have them."""

FIELDS.update(_fields())
