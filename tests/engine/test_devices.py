"""Whatever the device: the same samples, and no step that waits for it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
import torch
from elsewhere import READS
from torch.utils._python_dispatch import TorchDispatchMode

from engine import catalog, models
from engine.device import pick
from engine.guidance import guided
from engine.noise import KeyedNoise, PathNoise
from engine.request import Request
from engine.runs import run
from engine.samplers import (
    Step,
    bridge_sampler,
    ddim_sampler,
    ddpm_large_sampler,
    euler_sampler,
    heun_sampler,
    langevin_sampler,
    predictor_corrector_sampler,
    unipc_sampler,
)
from engine.schedules import Level, grid, vp_linear

DEVICES = [
    "cpu",
    *(["cuda"] if torch.cuda.is_available() else []),
    *(["mps"] if torch.backends.mps.is_available() else []),
]


@pytest.mark.parametrize("sampler", catalog.SAMPLERS)
@pytest.mark.parametrize("device", DEVICES)
def test_every_sampler_runs_there(tiny: str, device: str, sampler: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """On the device, and with the CPU's result up to half precision: noise is drawn on the CPU, which a CPU repeats."""

    def last(device: str) -> torch.Tensor:
        monkeypatch.setenv("SCORESCOPE_DEVICE", device)
        *_, step = run(Request(model=tiny, condition=1, guidance=2.0, count=2, steps=6, sampler=sampler))
        assert step.x_next.device.type == device
        return step.x_next.cpu()

    torch.testing.assert_close(last(device), last("cpu"), rtol=0, atol=0.1 if device != "cpu" else 1e-6)


class NoWaiting(TorchDispatchMode):
    """Refuses what makes the host wait for a device: reading a number, or moving a tensor to another device."""

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        assert not str(func).startswith(READS), f"{func} waits for the device"
        return func(*args, **(kwargs or {}))


Make = Callable[[Any, torch.Tensor, list[Level], Any], Iterator[Step]]
MAKERS: dict[str, Make] = {
    "bridge, ODE": lambda d, x, path, noise: bridge_sampler(d, x, path, noise, 0.0),
    "bridge, SDE": lambda d, x, path, noise: bridge_sampler(d, x, path, noise, 1.0),
    "ddim_eta": lambda d, x, path, noise: ddim_sampler(d, x, path, noise, 0.5),
    "ddpm_large": ddpm_large_sampler,
    "unipc": unipc_sampler,
    "heun": lambda d, x, path, noise: heun_sampler(d, x, path, noise, 5.0),
    "euler": lambda d, x, path, noise: euler_sampler(d, x, path, noise, vp_linear(), 1.0),
    "predictor_corrector": predictor_corrector_sampler,
    "langevin": lambda d, x, path, noise: langevin_sampler(d, x, path, noise, 0.1),
}


@pytest.mark.parametrize("noise", ["step", "path"])
@pytest.mark.parametrize("sampler", MAKERS)
@pytest.mark.parametrize(
    "options", [{"weight": 3.0, "rescale": 0.5, "clip": 1.0}, {"weight": 1.0}], ids=["guided", "plain"]
)
def test_no_step_waits_for_the_device(tiny: str, sampler: str, options: dict[str, Any], noise: str) -> None:
    """RK45 alone must: its error decides what comes next."""
    denoiser = models.load(tiny)
    denoise = guided(denoiser, 1, 2, **options)
    path = grid(vp_linear(), 5, "uniform_t")
    keyed = KeyedNoise(0, 2, denoiser.shape)
    drawn = PathNoise(keyed, path) if noise == "path" else keyed
    x = path[0].std * keyed.initial()
    with NoWaiting():
        steps = list(MAKERS[sampler](denoise, x, path, drawn))
    assert len(steps) == 5


class Moves(TorchDispatchMode):
    """Notes of every move whether it may go on after the call has returned."""

    def __init__(self) -> None:
        super().__init__()
        self.later: list[bool] = []

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if str(func).startswith("aten._to_copy"):
            self.later.append(bool(kwargs.get("non_blocking")))
        return func(*args, **(kwargs or {}))


@pytest.mark.parametrize("noise", ["step", "path"])
def test_noise_has_arrived_before_its_memory_is_another_draws(noise: str) -> None:
    """MPS would read it later (pytorch/pytorch#189690), and so might any device but CUDA."""
    keyed = KeyedNoise(0, 2, (3,), device="meta")
    drawn = PathNoise(keyed, grid(vp_linear(), 5, "uniform_t")) if noise == "path" else keyed
    with Moves() as moves:
        assert drawn(0).device.type == "meta"
    assert moves.later == [False]


@pytest.mark.parametrize("name", ["cuda:7", "cuda:", "cpu:1", "mps:x", "tpu", "cpu:-1"])
def test_a_device_that_is_not_there_is_named(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    with pytest.raises(ValueError, match=rf"must be auto or one of cuda.*, not '{name}'"):
        pick(name)
    assert pick("cuda:1") == torch.device("cuda", 1)


def test_the_guard_would_see_it() -> None:
    with pytest.raises(AssertionError, match="waits"), NoWaiting():
        float(torch.ones(3).sum())
