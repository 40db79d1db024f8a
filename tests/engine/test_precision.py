"""float32 or bfloat16: by a measurement that is kept, or as asked; what is compared with the truth is in float32."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
import torch
from conftest import TINY, random_network

from engine import precision
from engine.bench.convergence import Digits
from engine.measures import evaluation
from engine.models import ModelError, load, registry
from engine.models.checkpoint import save_model
from engine.models.denoiser import NetworkDenoiser
from engine.models.registry import load_guide
from engine.precision import Precision, asked, faster, forced
from engine.request import Branch, Request
from engine.runs import precisions, run
from engine.starts import Encoding, Slerp
from engine.sweep import Axis, Sweep
from engine.sweep.judging import finish


@pytest.fixture(autouse=True)
def kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A cache of its own, and a process that has measured nothing yet."""
    monkeypatch.setattr(precision, "cache", lambda: tmp_path / "cache" / "precision.json")
    monkeypatch.setattr(precision, "_measured", {})
    monkeypatch.delenv("SCORESCOPE_PRECISION", raising=False)
    registry._load.cache_clear()
    yield tmp_path / "cache" / "precision.json"
    registry._load.cache_clear()


class Clock:
    """Time passes by `costs` of each call, and not otherwise; `busy` says by how much longer the nth call takes."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, **costs: float) -> None:
        self.now, self.costs, self.calls = 0.0, costs, list[str]()
        self.busy = lambda call: 1.0
        monkeypatch.setattr(precision, "_clock", lambda: self.now)

    def __call__(self, kind: Precision) -> None:
        assert torch.get_num_threads() == 1
        self.now += self.costs[kind] * self.busy(len(self.calls))
        self.calls.append(kind)


def forget(monkeypatch: pytest.MonkeyPatch) -> None:
    """Be another process."""
    monkeypatch.setattr(precision, "_measured", {})


# --- what is asked -------------------------------------------------------------------------------------------------


def test_the_faster_unless_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    assert asked("model") is None
    for value, expected in (("fp32", "fp32"), ("bf16", "bf16"), ("auto", None), ("", None)):
        monkeypatch.setenv("SCORESCOPE_PRECISION", value)
        assert asked("model") == expected
    monkeypatch.setenv("SCORESCOPE_PRECISION", "fp16")
    with pytest.raises(ValueError, match="auto, fp32 or bf16, not 'fp16'"):
        asked("model")


def test_what_is_forced_wins(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SCORESCOPE_PRECISION", "bf16")
    with forced("fp32"):
        assert asked("model") == "fp32"
        with forced("fp32", {"model": "bf16"}):
            assert (asked("model"), asked("other")) == ("bf16", "fp32")
        assert asked("model") == "fp32"
    with pytest.raises(ZeroDivisionError), forced("fp32"):
        raise ZeroDivisionError
    assert asked("model") == "bf16"


def test_a_wrong_value_is_said(tiny: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SCORESCOPE_PRECISION", "half")
    with pytest.raises(ModelError, match="SCORESCOPE_PRECISION must be"):
        load(tiny)


# --- the measurement -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("ratio", "expected"), [(2.0, "bf16"), (1.31, "bf16"), (1.29, "fp32"), (0.5, "fp32")])
def test_it_is_measured_once_and_kept(ratio: float, expected: str, kept: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock(monkeypatch, fp32=ratio, bf16=1.0)
    assert faster("model", clock) == expected
    calls = len(clock.calls)
    assert clock.calls[2:] == ["fp32", "bf16"] * (calls // 2 - 1)
    clock.costs = {"fp32": 1.0, "bf16": ratio}  # another day
    forget(monkeypatch)
    assert faster("model", clock) == expected
    kept.unlink()  # this process does not change its mind
    assert faster("model", clock) == expected
    assert len(clock.calls) == calls
    forget(monkeypatch)
    assert faster("model", clock) == ("bf16" if ratio < 1 else "fp32")
    assert list(json.loads(kept.read_text())) == list(precision._measured)
    assert "model" in kept.read_text()
    assert torch.__version__ in kept.read_text()


@pytest.mark.parametrize("fp32", [1.0, 2.0])
def test_a_busy_machine_does_not_turn_it(fp32: float, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever slows all calls alike, or all but one round of them, or a few calls of one kind, or comes and goes."""
    for busy in (
        lambda call: 5.0,
        lambda call: 1.0 if call in (4, 5) else 9.0,
        lambda call: 50.0 if call in (4, 6) else 1.0,
        lambda call: 50.0 if call in (5, 7) else 1.0,
        lambda call: 3.0 if call % 3 else 1.0,
        lambda call: 1.0 + call / 100,
    ):
        clock = Clock(monkeypatch, fp32=fp32 * 0.01, bf16=0.01)
        clock.busy = busy
        forget(monkeypatch)
        assert faster(f"model {busy}", clock) == ("bf16" if fp32 == 2.0 else "fp32")


@pytest.mark.parametrize(("cost", "rounds"), [(10.0, 3), (0.01, 15), (1e-9, 99), (0.0, 99)])
def test_it_takes_little_time(cost: float, rounds: int, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock(monkeypatch, fp32=cost, bf16=cost)
    threads = torch.get_num_threads()
    torch.set_num_threads(3)
    try:
        assert faster("model", clock) == "fp32"
        assert torch.get_num_threads() == 3
    finally:
        torch.set_num_threads(threads)
    assert len(clock.calls) == pytest.approx(2 + 2 * rounds, abs=2)


def test_other_weights_another_processor_or_torch_are_measured_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock(monkeypatch, fp32=2.0, bf16=1.0)
    faster("model", clock)
    for change in (
        lambda: monkeypatch.setattr(torch, "__version__", "0.0"),
        lambda: monkeypatch.setattr(precision, "processor", lambda: "abacus"),
    ):
        before = len(clock.calls)
        change()
        faster("model", clock)
        assert len(clock.calls) > before
    before = len(clock.calls)
    faster("other", clock)
    assert len(clock.calls) > before


def test_of_two_processes_at_once_the_first_is_right(kept: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock(monkeypatch, fp32=2.0, bf16=1.0)

    def call(kind: Precision) -> None:
        clock(kind)
        if len(clock.calls) == 5:
            kept.parent.mkdir()
            kept.write_text(json.dumps({precision._key("model"): "fp32", "another": "bf16"}))

    assert faster("model", call) == "fp32"
    assert list(json.loads(kept.read_text()).values()).count("bf16") == 1


@pytest.mark.parametrize("content", [b"", b"{", b"[1]", b"\xff\xfe", b'{"model": "fp64"}', b"[" * 100_000, b"null"])
def test_a_corrupt_cache_is_ignored_and_replaced(content: bytes, kept: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    kept.parent.mkdir()
    kept.write_bytes(content)
    assert faster("model", Clock(monkeypatch, fp32=2.0, bf16=1.0)) == "bf16"
    assert list(json.loads(kept.read_text()).values()) == ["bf16"]


def test_where_nothing_can_be_kept_it_is_measured_once_a_process(kept: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    kept.parent.write_text("a file where the folder should be")
    clock = Clock(monkeypatch, fp32=2.0, bf16=1.0)
    assert faster("model", clock) == faster("model", clock) == "bf16"
    assert len(clock.calls) == 8


# --- models --------------------------------------------------------------------------------------------------------


def test_a_network_is_measured_when_it_is_first_loaded(tiny: str, kept: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """For its weights: with others of the same name it is done again."""
    model = load(tiny)
    (key,) = json.loads(kept.read_text())
    assert key.startswith("tiny ")
    assert load(tiny) is model is load_guide(tiny)
    assert precisions(Request(model=tiny)) == {tiny: model.precision}
    other = kept.parent / "models"
    save_model(other, random_network(seed=1).state_dict(), TINY)
    monkeypatch.setenv("SCORESCOPE_MODELS", str(other))
    load(tiny)
    assert len(json.loads(kept.read_text())) == 2


def test_what_has_no_choice_is_not_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(precision, "faster", lambda *_: pytest.fail("it was measured"))
    for name in ("digits-gaussian", "moons", "digits-noisy-classifier"):
        load_guide(name)
    with forced("fp32"):
        assert load_guide("digits").precision == "fp32"
    assert precisions(Request(model="digits-gaussian", guide="digits-noisy-classifier", condition=1)) == {}


def made(model: str, count: int, **changes: object) -> torch.Tensor:
    fields = {"condition": 1, "guidance": 2.0, "steps": 5, **changes}
    *_, last = run(Request(model=model, count=count, **fields))
    return last.x_next


def test_bfloat16_is_repeatable_near_and_the_same_in_any_batch(tiny: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SCORESCOPE_PRECISION", "fp32")
    exact, fine = made(tiny, 4), load(tiny)
    monkeypatch.setenv("SCORESCOPE_PRECISION", "bf16")
    model = load(tiny)
    assert isinstance(model, NetworkDenoiser)
    assert isinstance(fine, NetworkDenoiser)
    assert (model.precision, fine.precision) == ("bf16", "fp32")
    assert model.network is fine.network
    rough = made(tiny, 4)
    assert torch.equal(rough, made(tiny, 4))
    torch.testing.assert_close(rough[:1], made(tiny, 1), rtol=0, atol=1e-5)
    assert 1e-4 < float((rough - exact).abs().max()) < 0.1


def test_a_run_stays_in_what_it_began_in(tiny: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also where runs of both take turns."""
    expected, steps = {}, {}
    for kind in ("fp32", "bf16"):
        monkeypatch.setenv("SCORESCOPE_PRECISION", kind)
        expected[kind] = made(tiny, 2)
        steps[kind] = run(Request(model=tiny, count=2, condition=1, guidance=2.0, steps=5))
    for step in zip(*steps.values(), strict=True):
        last = dict(zip(steps, step, strict=True))
    for kind in expected:
        assert torch.equal(last[kind].x_next, expected[kind])


# --- what is compared with the truth -------------------------------------------------------------------------------


def test_rk45_is_in_float32_and_the_other_parts_of_its_branches_are_not(
    tiny: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SCORESCOPE_PRECISION", "fp32")
    plain = {"guidance": 1.0, "sampler": "rk45", "steps": 3}
    exact = made(tiny, 2, **plain)
    monkeypatch.setenv("SCORESCOPE_PRECISION", "bf16")
    assert torch.equal(made(tiny, 2, **plain), exact)
    adaptive = Request(model=tiny, sampler="rk45", steps=3)
    assert precisions(adaptive) == {tiny: "fp32"}
    bridge = Request(model=tiny, start=Branch(adaptive, 1))
    assert precisions(bridge) == {tiny: "bf16"}
    assert precisions(adaptive.replace(start=Branch(bridge, 1))) == {tiny: "bf16"}
    assert precisions(adaptive.replace(start=Branch(adaptive, 1))) == {tiny: "fp32"}


def test_all_networks_of_a_request_are_named(tiny: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (tiny, "encoder", "guide", "elder"):
        save_model(tmp_path, random_network().state_dict(), msgspec.structs.replace(TINY, name=name))
    monkeypatch.setenv("SCORESCOPE_MODELS", str(tmp_path))
    monkeypatch.setenv("SCORESCOPE_PRECISION", "fp32")
    image = Encoding(bytes(64), (1, 8, 8), model="encoder")
    parent = Request(model="elder", start=Slerp(image, image, (0.5,)), count=1)
    with forced("fp32", {"guide": "bf16", "encoder": "bf16"}):
        found = precisions(Request(model=tiny, guide="guide", start=Branch(parent, 1), condition=1, count=1))
    assert found == {"tiny": "fp32", "guide": "bf16", "elder": "fp32", "encoder": "bf16"}


def test_what_is_measured_of_a_model_is_measured_in_float32(tiny: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SCORESCOPE_PRECISION", "bf16")
    found = []
    monkeypatch.setattr(evaluation, "_milliseconds", lambda *_: found.append(precisions(Request(model=tiny))) or {})
    evaluation.evaluate(tiny, lambda _: None)
    assert found == [{tiny: "fp32"}]
    assert Digits(tiny).model.precision == "fp32"
    assert precisions(Request(model=tiny)) == {tiny: "bf16"}


def test_cells_of_sweeps_are_in_float32(tiny: str, monkeypatch: pytest.MonkeyPatch) -> None:
    base = Request(model=tiny, count=2, condition=1)
    (cell,) = Sweep(base=base, axes=(Axis("steps", (3,)),), reference=6).cells
    monkeypatch.setenv("SCORESCOPE_PRECISION", "fp32")
    expected = finish(cell)
    monkeypatch.setenv("SCORESCOPE_PRECISION", "bf16")
    with monkeypatch.context() as other:
        other.setattr("engine.sweep.judging._solutions", {})
        found = finish(cell)
    assert (found.pictures == expected.pictures).all()
    assert found.figures["error"] == expected.figures["error"] > 0
