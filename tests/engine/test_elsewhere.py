"""On a device that is not the CPU: what must be moved is moved, and the same numbers come out (see `elsewhere`)."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from elsewhere import DEVICE, Away, elsewhere
from PIL import Image as Picture

from engine import catalog, runs, starting
from engine.history import History
from engine.models import registry
from engine.request import Branch, PureNoise, Request
from engine.samplers import Step

DIGIT = (1, 28, 28)


@pytest.fixture(autouse=True)
def fp32(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SCORESCOPE_PRECISION", "fp32")


def same(request: Request, monkeypatch: pytest.MonkeyPatch, atol: float = 0.0) -> tuple[list[Step], list[str]]:
    """The steps of a run elsewhere, which ends where the run here ends, and the reads that the host waited for."""
    wanted = runs.sample(request)
    monkeypatch.setattr(registry, "pick", lambda: DEVICE)
    with elsewhere() as reads:
        steps = list(runs.run(request))
    made = steps[-1].x_next
    assert isinstance(made, Away)
    torch.testing.assert_close(made.here, wanted, rtol=0, atol=atol)
    return steps, reads


@pytest.mark.parametrize("sampler", catalog.SAMPLERS)
def test_every_sampler_runs_elsewhere(tiny: str, sampler: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """And but for RK45, whose error decides what comes next, the host waits once a step: for whether it is finite."""
    has, options = catalog.SAMPLERS[sampler].options, {"noise": "path", "tolerance": 0.1}
    given: dict[str, Any] = {name: value for name, value in options.items() if name in has}
    request = Request(model=tiny, condition=1, guidance=2.0, count=2, steps=4, sampler=sampler, **given)
    steps, reads = same(request, monkeypatch)
    assert len(reads) == len(steps) or sampler == "rk45"


@pytest.mark.parametrize(
    ("fields", "atol"),
    [
        ({"condition": 3, "guidance": 2.0, "guidance_rescale": 0.5, "clip": 1.0, "guidance_interval": (0.1, 5.0)}, 0.0),
        ({"condition": 3, "guidance": 2.0, "guide": "digits-weak"}, 0.0),
        ({"condition": 3, "guidance": 2.0, "guide": "digits-noisy-classifier"}, 1e-4),
        ({"model": "emoji", "condition": "red heart | pizza", "guidance": 3.0}, 1e-4),
        ({"model": "digits-gaussian", "lam": 1.0}, 0.0),
        ({"schedule": "vp_linear", "spacing": "uniform_t"}, 0.0),
    ],
    ids=["guided", "autoguidance", "classifier", "captions", "formula", "schedule"],
)
def test_every_kind_of_model_runs_elsewhere(
    fields: dict[str, Any], atol: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    same(Request(**{"model": "digits", "count": 2, "steps": 3, **fields}), monkeypatch, atol)


@pytest.mark.parametrize("start", ["image", "mask", "encode", "slerp", "branch"])
def test_every_start_begins_elsewhere(start: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path, mask = tmp_path / "image.png", tmp_path / "mask.png"
    Picture.fromarray((np.arange(784).reshape(28, 28) % 255).astype(np.uint8)).save(path)
    Picture.fromarray((255 * np.eye(28)).astype(np.uint8)).save(mask)
    match start:
        case "image":
            begin: Any = starting.image(path, DIGIT, 0.5, None)
        case "mask":
            begin = starting.image(path, DIGIT, 0.5, mask)
        case "encode":
            begin = starting.encoding(path, DIGIT, "digits-weak", 3)
        case "slerp":
            begin = starting.slerp(PureNoise(3), starting.encoding(path, DIGIT, None, None), 2)
        case _:
            begin = Branch(request=Request(count=2, steps=4), step=2)
    same(Request(count=1 if start == "encode" else 2, steps=4, lam=1.0, start=begin), monkeypatch)


def test_a_branch_goes_on_elsewhere_from_what_is_remembered_here(tiny: str, monkeypatch: pytest.MonkeyPatch) -> None:
    history, parent = History(), Request(model=tiny, count=2, steps=4)
    request = parent.replace(lam=1.0, start=Branch(request=parent, step=2))
    wanted = runs.sample(request)
    monkeypatch.setattr(registry, "pick", lambda: DEVICE)
    with elsewhere():
        history.open(1, parent)
        for step in runs.run(parent):
            history.keep(1, step)
        history.close(1, step)
        *_, last = runs.returned(runs.begin(request, recall=history.recall))[1]
    assert all(not isinstance(moment.x, Away) for moment in history.records[1].moments.values())
    torch.testing.assert_close(last.x_next.here, wanted, rtol=0, atol=0)  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    "fault",
    [lambda x: x + torch.ones(3), lambda x: x.double() + 1.0, lambda x: x.numpy()],
    ids=["not moved", "float64", "numpy"],
)
def test_a_fault_would_be_seen(fault: Callable[[torch.Tensor], object]) -> None:
    with elsewhere():
        x = torch.ones(3).to(DEVICE)
        with pytest.raises((AssertionError, RuntimeError)):
            fault(x)
