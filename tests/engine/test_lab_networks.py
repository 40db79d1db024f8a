"""Networks in files of a person's own: out, and in again, from whoever the file is."""

from __future__ import annotations

import json
import pickle
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from safetensors.torch import load, save

from engine.answers.asking import answer
from engine.answers.pieces import Piece
from engine.catalog import RESOURCES
from engine.fields import RequestError
from engine.history import History
from engine.models import mlp, plane

Bytes = NDArray[np.uint8]


@pytest.fixture(autouse=True)
def own_models(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("SCORESCOPE_MODELS", str(tmp_path))
    return tmp_path


def ask(what: str, *arrays: Any, **values: Any) -> Piece:
    *_, last = [piece for piece in answer(what, values, list(arrays), History()) if piece is not None]
    return last


def learned(model: str = "moons", steps: int = 3) -> str:
    name: str = ask("learn", model=model, steps=steps, width=16).values["model"]
    return name


def file_of(name: str) -> Bytes:
    (data,) = ask("save-network", learned=name).arrays
    return np.asarray(data, np.uint8)


def changed(data: Bytes, tensors: dict[str, Any] | None = None, **card: Any) -> Bytes:
    """The file with other tensors or another card."""
    header = json.loads(data.tobytes()[8 : 8 + int.from_bytes(data.tobytes()[:8], "little")])
    known = {**json.loads(header["__metadata__"]["json"]), **card}
    found = {**load(data.tobytes()), **(tensors or {})}
    kept = {name: tensor for name, tensor in found.items() if tensor is not None}
    return np.frombuffer(save(kept, {"json": json.dumps(known)}), np.uint8)


def test_a_network_comes_back_as_it_was_and_goes_on(own_models: Path) -> None:
    """On a machine that never saw it: the same name, the same figures, and the same next steps to the last bit."""
    name = learned(steps=5)
    figures, data = ask("learn", model="moons", steps=5, width=16).values, file_of(name)
    further = learned(steps=9)
    shutil.rmtree(own_models / "learned")
    mlp.load.cache_clear()
    values = ask("load-network", data).values
    assert values["model"] == name
    assert values["of"] == "moons"
    assert values["step"] == 5
    assert [values[key] for key in ("floor", "excess", "error")] == [
        figures[key] for key in ("floor", "excess", "error")
    ]
    assert ask("learn", model="moons", steps=9, width=16, learned=name).values["model"] == further


def test_a_persons_own_points_come_with_it(own_models: Path) -> None:
    points = np.random.Generator(np.random.Philox(1)).normal(0.0, 0.5, (50, 2)).astype(np.float32)
    of = plane.keep(points)
    data = file_of(learned(of))
    shutil.rmtree(own_models / "points")
    assert ask("load-network", data).values["of"] == of
    np.testing.assert_array_equal(plane.load(of).points.numpy(), points)


def foreign() -> dict[str, Bytes]:
    """What else may be in a file of this name."""
    digits = (RESOURCES / "models" / "digits.safetensors").read_bytes()
    torch_file = pickle.dumps({"weights": [1.0, 2.0]})
    plain = save({"a": torch.zeros(3)})
    huge = (2**40).to_bytes(8, "little") + b"{}"
    deep = b"[" * 100_000
    nested = len(deep).to_bytes(8, "little") + deep
    card = save({"a": torch.zeros(3)}, {"json": "[" * 100_000})
    made = {"empty": b"", "pickle": torch_file, "plain": plain, "huge": huge, "nested": nested, "digits": digits}
    made["nested card"] = card
    return {name: np.frombuffer(data, np.uint8) for name, data in made.items()}


@pytest.mark.parametrize("kind", ["empty", "pickle", "plain", "huge", "nested", "nested card", "digits", "cut"])
def test_a_foreign_file_is_one_sentence(own_models: Path, kind: str) -> None:
    data = foreign()[kind] if kind != "cut" else file_of(learned())[:5000]
    before = sorted(own_models.rglob("*"))
    with pytest.raises(RequestError, match=r"^file must be a network that the lab saved: [^\n]*\.$"):
        ask("load-network", data)
    assert sorted(own_models.rglob("*")) == before, "nothing is left of it"


@pytest.mark.parametrize(
    "change",
    [
        {"width": 32},
        {"width": 10**8},
        {"width": "16"},
        {"classes": 3},
        {"model": "../../etc"},
        {"model": "ring"},
        {"model": "digits"},
        {"model": "points-0123456789ab"},
        {"sigma_data": float("nan")},
        {"step": -1},
        {"kind": "something else"},
        {"more": True},
        {"tensors": {"average.out.bias": torch.tensor([float("inf"), 0.0])}},
        {"tensors": {"average.out.bias": torch.zeros(2, dtype=torch.float64)}},
        {"tensors": {"average.out.bias": None}},
        {"tensors": {"average.more": torch.zeros(2)}},
        {"tensors": {"points": torch.zeros(3, 2)}},
        {"tensors": {"points": torch.full((3, 2), 1e9)}},
    ],
    ids=str,
)
def test_a_file_that_contradicts_itself_is_one_sentence(own_models: Path, change: dict[str, Any]) -> None:
    data = changed(file_of(learned()), **change)
    with pytest.raises(RequestError, match=r"^[^\n]*\.$"):
        ask("load-network", data)
    if "tensors" not in change:
        assert [path.name for path in (own_models / "learned").iterdir()] == [f"{learned()}.safetensors"]


def test_a_name_that_is_no_network_is_not_saved() -> None:
    for name in ("learned-000000000000", "moons"):
        with pytest.raises(RequestError, match=r"^[^\n]*\.$"):
            ask("save-network", learned=name)
