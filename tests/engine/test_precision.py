"""float32 or bfloat16 on the CPU: by the environment, or by a measurement that is kept."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from engine import precision
from engine.device import described
from engine.models import ModelError, load, registry
from engine.models.denoiser import NetworkDenoiser
from engine.precision import Precision, chosen
from engine.request import Request
from engine.runs import run


@pytest.fixture(autouse=True)
def kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A cache of its own, and no model that was loaded under another environment."""
    monkeypatch.setattr(precision, "cache", lambda: tmp_path / "cache" / "precision.json")
    monkeypatch.delenv("SCORESCOPE_PRECISION", raising=False)
    registry._load.cache_clear()
    yield tmp_path / "cache" / "precision.json"
    registry._load.cache_clear()


class Clock:
    """Time passes by `costs` of each call, and not otherwise."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, **costs: float) -> None:
        self.now, self.costs, self.calls = 0.0, costs, 0
        monkeypatch.setattr(precision.time, "perf_counter", lambda: self.now)

    def __call__(self, kind: Precision) -> None:
        self.now += self.costs[kind]
        self.calls += 1


def test_float32_unless_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock(monkeypatch, fp32=2.0, bf16=1.0)
    assert chosen("model", clock) == "fp32"
    monkeypatch.setenv("SCORESCOPE_PRECISION", "bf16")
    assert chosen("model", clock) == "bf16"
    assert clock.calls == 0
    monkeypatch.setenv("SCORESCOPE_PRECISION", "fp16")
    with pytest.raises(ValueError, match="fp32, bf16 or auto, not 'fp16'"):
        chosen("model", clock)


@pytest.mark.parametrize(("ratio", "expected"), [(2.0, "bf16"), (1.31, "bf16"), (1.29, "fp32"), (0.5, "fp32")])
def test_auto_measures_once_and_keeps_it(
    ratio: float, expected: str, kept: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SCORESCOPE_PRECISION", "auto")
    clock = Clock(monkeypatch, fp32=ratio, bf16=1.0)
    assert chosen("model", clock) == expected
    calls = clock.calls
    clock.costs = {"fp32": 1.0, "bf16": ratio}  # another day
    assert chosen("model", clock) == expected
    assert clock.calls == calls
    assert list(json.loads(kept.read_text()).values()) == [expected]
    assert "model" in kept.read_text()
    assert torch.__version__ in kept.read_text()


def test_another_model_thread_count_or_torch_is_measured_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SCORESCOPE_PRECISION", "auto")
    clock = Clock(monkeypatch, fp32=2.0, bf16=1.0)
    chosen("model", clock)
    for change in (
        lambda: monkeypatch.setattr(torch, "get_num_threads", lambda: 77),
        lambda: monkeypatch.setattr(torch, "__version__", "0.0"),
        lambda: monkeypatch.setattr(precision, "_processor", lambda: "abacus"),
    ):
        before = clock.calls
        change()
        chosen("model", clock)
        assert clock.calls > before
    before = clock.calls
    chosen("other", clock)
    assert clock.calls > before


@pytest.mark.parametrize("content", [b"", b"{", b"[1]", b"\xff\xfe", b'{"model": "fp64"}', b"[" * 100_000, b"null"])
def test_a_corrupt_cache_is_ignored_and_replaced(content: bytes, kept: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SCORESCOPE_PRECISION", "auto")
    kept.parent.mkdir()
    kept.write_bytes(content)
    assert chosen("model", Clock(monkeypatch, fp32=2.0, bf16=1.0)) == "bf16"
    assert list(json.loads(kept.read_text()).values()) == ["bf16"]


def test_where_nothing_can_be_kept_it_is_measured_again(kept: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SCORESCOPE_PRECISION", "auto")
    kept.parent.write_text("a file where the folder should be")
    assert chosen("model", Clock(monkeypatch, fp32=2.0, bf16=1.0)) == "bf16"


def made(model: str, count: int) -> torch.Tensor:
    *_, last = run(Request(model=model, condition=1, guidance=2.0, count=count, steps=5))
    return last.x_next


def test_bfloat16_is_repeatable_near_and_the_same_in_any_batch(tiny: str, monkeypatch: pytest.MonkeyPatch) -> None:
    exact = made(tiny, 4)
    monkeypatch.setenv("SCORESCOPE_PRECISION", "bf16")
    registry._load.cache_clear()
    model = load(tiny)
    assert isinstance(model, NetworkDenoiser)
    assert model.precision == "bf16"
    rough = made(tiny, 4)
    assert torch.equal(rough, made(tiny, 4))
    torch.testing.assert_close(rough[:1], made(tiny, 1), rtol=0, atol=1e-5)
    assert 1e-4 < float((rough - exact).abs().max()) < 0.1


def test_a_wrong_value_is_said(tiny: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SCORESCOPE_PRECISION", "half")
    with pytest.raises(ModelError, match="SCORESCOPE_PRECISION must be"):
        load(tiny)


def test_what_a_picture_says_of_its_making(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SCORESCOPE_DEVICE", "cpu")
    assert described() == "cpu"
    monkeypatch.setenv("SCORESCOPE_PRECISION", "bf16")
    assert described() == "cpu bf16"
