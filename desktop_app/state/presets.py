"""Comparisons that are always worth making: from one request, the lanes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from desktop_app.state.words import is_stochastic
from engine import catalog
from engine.catalog import cards
from engine.fields import RequestError
from engine.request import Request

FORMULAS = ("digits-ideal", "digits-local", "digits-gaussian")


@dataclass(frozen=True)
class Preset:
    """Lanes side by side, and what the chart of them is to show."""

    label: str
    help: str
    lanes: Callable[[Request], list[Request]]
    measure: str = "distance"


def apply(name: str, request: Request) -> list[Request]:
    """The lanes of a preset for this request. Raises RequestError where it cannot be had."""
    return PRESETS[name].lanes(request)


def _family(request: Request) -> Request:
    """The request with a sampler of the λ family, at both orders."""
    return request if catalog.SAMPLERS[request.sampler].orders == (2, 1) else request.replace(sampler="bridge")


def _ode_sde(request: Request) -> list[Request]:
    bridge = _family(request)
    return [bridge.replace(lam=0.0), bridge.replace(lam=1.0)]


def _steps(request: Request) -> list[Request]:
    free = request.replace(sigmas=None, spacing="karras") if request.sigmas else request
    return [free.replace(steps=10), free.replace(steps=100)]


def _orders(request: Request) -> list[Request]:
    bridge = _family(request)
    return [bridge.replace(order=1), bridge.replace(order=2)]


def _guidance(request: Request) -> list[Request]:
    classes = cards()[request.model].classes if request.model in cards() else ()
    if request.condition is None and not classes:
        raise RequestError("condition", "condition must be one that the model knows: without it nothing is guided.")
    given = request if request.condition is not None else request.replace(condition=0)
    return [given.replace(guidance=weight) for weight in (0.0, 1.0, 2.0, 4.0)]


def _ddim_ddpm(request: Request) -> list[Request]:
    return [request.replace(sampler="ddim"), request.replace(sampler="ddpm")]


def _formula(request: Request) -> list[Request]:
    if missing := [name for name in ("digits", *FORMULAS) if name not in cards()]:
        raise RequestError("model", f"model must be installed to be compared: {', '.join(missing)}.")
    plain = request.replace(guide=None, guidance=1.0, condition=None)  # the Gaussian knows no classes
    return [plain.replace(model=name) for name in ("digits", *FORMULAS)]


PRESETS = {
    "ode-sde": Preset(
        "ODE against SDE", "The same noise, without and with new noise on the way: λ = 0 and 1.", _ode_sde
    ),
    "steps": Preset("10 against 100 steps", "What more steps are good for.", _steps),
    "orders": Preset("Order 1 against 2", "The error of the ODE falls as 1/N or as 1/N².", _orders),
    "guidance": Preset("Guidance 0, 1, 2, 4", "From no condition to more than the model was taught.", _guidance),
    "ddim-ddpm": Preset("DDIM against DDPM", "The two samplers that everybody starts with.", _ddim_ddpm),
    "formula": Preset(
        "What did the network learn that the formula does not?",
        "The network beside the exact, the local and the Gaussian denoiser of the same data.",
        _formula,
        "correlation",
    ),
}


def kinds(requests: list[Request], lab: bool = False) -> list[tuple[bool, int]]:
    """For each lane whether it is an SDE, and its place among those of its kind: they differ by hue and by dash.

    Of the two lanes of the lab the second passes over the hue of the score's arrows.
    """
    found: list[tuple[bool, int]] = []
    for request in requests:
        stochastic = is_stochastic(request)
        before = sum(kind == stochastic for kind, _ in found)
        found.append((stochastic, 2 * before if lab else before))
    return found
