"""Model files that are damaged, alien or hostile: one sentence that names the file, and nothing in them is executed."""

from __future__ import annotations

import json
import os
import pickle
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest
import torch
from conftest import TINY, random_network
from safetensors.torch import save_file

import engine
from engine import catalog, models
from engine.models import ModelError
from engine.models.checkpoint import load_tensors, load_weights, save_card, save_model, save_tensors
from engine.models.registry import load_guide
from engine.request import Request


class Malicious:
    """A pickle that makes a file when it is loaded."""

    def __init__(self, trap: Path) -> None:
        self.trap = trap

    def __reduce__(self) -> tuple[object, tuple[object, ...]]:
        return Path.touch, (self.trap,)


def sprung(path: Path, trap: Path) -> None:
    path.write_bytes(pickle.dumps(Malicious(trap)))


def sprung_torch(path: Path, trap: Path) -> None:
    torch.save({"weight": Malicious(trap)}, path)


def truncated(path: Path, trap: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def header_only(path: Path, trap: Path) -> None:
    path.write_bytes(path.read_bytes()[:20])


def empty(path: Path, trap: Path) -> None:
    path.write_bytes(b"")


def noise(path: Path, trap: Path) -> None:
    path.write_bytes(torch.arange(10_000).numpy().tobytes())


def huge_header(path: Path, trap: Path) -> None:
    path.write_bytes(b"\xff" * 8 + b"{}")


def archive(path: Path, trap: Path) -> None:
    with zipfile.ZipFile(path, "w") as file:
        file.writestr("data.pkl", pickle.dumps(Malicious(trap)))


def folder(path: Path, trap: Path) -> None:
    path.unlink()
    path.mkdir()


def missing(path: Path, trap: Path) -> None:
    path.unlink()


def another_network(path: Path, trap: Path) -> None:
    save_file({"weight": torch.zeros(3)}, path)


def another_width(path: Path, trap: Path) -> None:
    wider = msgspec.structs.replace(TINY, architecture={**TINY.architecture, "widths": [16, 64]})
    save_file(random_network(wider).state_dict(), path)


def one_layer_missing(path: Path, trap: Path) -> None:
    save_file(dict(list(random_network().state_dict().items())[1:]), path)


def with_nan(path: Path, trap: Path) -> None:
    weights = random_network().state_dict()
    weights["stem.weight"][0, 0, 0, 0] = torch.nan
    save_file(weights, path)


def with_infinity(path: Path, trap: Path) -> None:
    weights = random_network().state_dict()
    weights["stem.weight"] *= 1e9
    save_file({name: tensor.half() for name, tensor in weights.items()}, path)


def deep_header(path: Path, trap: Path) -> None:
    save_file(random_network().state_dict(), path, {"json": "[" * 100_000})


FAULTS = [
    sprung,
    sprung_torch,
    truncated,
    header_only,
    empty,
    noise,
    huge_header,
    deep_header,
    archive,
    folder,
    missing,
    another_network,
    another_width,
    one_layer_missing,
    with_nan,
    with_infinity,
]


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of models, with one called `faulty` that is still good."""
    monkeypatch.setenv("SCORESCOPE_MODELS", str(tmp_path))
    monkeypatch.setenv("SCORESCOPE_DEVICE", "cpu")
    save_model(tmp_path, random_network().state_dict(), msgspec.structs.replace(TINY, name="faulty"))
    return tmp_path


@pytest.mark.parametrize("fault", FAULTS)
def test_a_bad_file_is_a_sentence(installed: Path, fault: Callable[[Path, Path], None]) -> None:
    path, trap = installed / "faulty.safetensors", installed / "trap"
    fault(path, trap)
    with pytest.raises(ModelError) as caught:
        models.load("faulty")
    message = str(caught.value)
    assert "faulty.safetensors" in message
    assert message.endswith(".")
    assert "\n" not in message
    assert not trap.exists()


def test_the_trap_is_a_trap(tmp_path: Path) -> None:
    """The pickles above do what they threaten, to someone who loads them."""
    sprung(tmp_path / "pickle", tmp_path / "trap")
    pickle.loads((tmp_path / "pickle").read_bytes())
    assert (tmp_path / "trap").exists()


def test_a_run_of_a_bad_model_names_the_field(installed: Path) -> None:
    truncated(installed / "faulty.safetensors", installed)
    with pytest.raises(engine.RequestError, match=r"faulty\.safetensors") as caught:
        engine.run(Request(model="faulty"))
    assert caught.value.field == "model"


def test_an_unknown_model_is_told_what_there_is(installed: Path) -> None:
    with pytest.raises(ModelError, match=r"model must be one of .*faulty.*, not 'absent'\."):
        models.load("absent")


@pytest.mark.parametrize(
    "card",
    [
        b"",
        b"{",
        b"\xff",
        b"[]",
        b"[" * 100_000,
        b'{"name": "faulty"}',
        msgspec.json.encode({**msgspec.to_builtins(TINY), "name": "faulty", "shape": [1, 2]}),
        msgspec.json.encode({**msgspec.to_builtins(TINY), "name": "faulty", "shape": [1, 0, 0]}),
        msgspec.json.encode({**msgspec.to_builtins(TINY), "name": "faulty", "alien": 1}),
        msgspec.json.encode({**msgspec.to_builtins(TINY), "name": "another"}),
        b'{"name": "' + b"\xff" + b'"}',
    ],
    ids=range(11),
)
def test_a_card_that_cannot_be_read_is_left_out(installed: Path, card: bytes) -> None:
    """It hides no other model, and asking for it is a sentence."""
    save_model(installed, random_network().state_dict(), msgspec.structs.replace(TINY, name="good"))
    (installed / "faulty.json").write_bytes(card)
    assert "good" in catalog.cards()
    assert "faulty" not in catalog.cards()
    with pytest.raises(ModelError, match="model must be one of"):
        models.load("faulty")


@pytest.mark.filterwarnings("ignore:Initializing zero-element tensors:UserWarning")
@pytest.mark.parametrize(
    "architecture",
    [
        {"alien": 1},
        {"widths": [8]},
        {"widths": []},
        {"widths": "wide"},
        {"widths": [-16]},
        {"widths": [16.5, 32]},
        {"fold": 0},
        {"classes": "ten"},
        {"classes": -5},
        {"embedding": 1},
        {"channels": None},
    ],
    ids=str,
)
def test_a_card_of_no_network_is_a_sentence(installed: Path, architecture: dict[str, object]) -> None:
    values = msgspec.json.decode((installed / "faulty.json").read_bytes())
    (installed / "faulty.json").write_text(json.dumps({**values, "architecture": architecture}))
    with pytest.raises(ModelError):
        models.load("faulty")


@pytest.mark.parametrize(
    "changes",
    [
        {"shape": (3, 8, 8)},
        {"shape": (1, 9, 8)},
        {"shape": (1, 16, 2)},
        {"classes": ("a", "b", "c", "d")},
        {"classes": ("a", "b")},
        {"network": "gaussian"},  # whose architecture is no network's
        {"network": "ideal", "architecture": {"count": 1.5}},
        {"network": "ideal", "architecture": {"count": 3}},  # of which not every class has one
    ],
    ids=str,
)
def test_a_card_of_another_network_is_a_sentence(installed: Path, changes: dict[str, Any]) -> None:
    """Before a run begins, not in the middle of its first step."""
    save_card(installed, msgspec.structs.replace(TINY, name="faulty", **changes))
    with pytest.raises(ModelError, match=r"^The card of faulty describes no |^The card of faulty does not ") as caught:
        models.load("faulty")
    assert str(caught.value).endswith(".")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("changes", [{"classes": ("a", "b")}, {"shape": (1, 16, 16)}], ids=str)
def test_a_card_of_another_guide_is_a_sentence(installed: Path, changes: dict[str, Any]) -> None:
    architecture = {"classes": 3, "size": 8, "widths": [32], "embedding": 32}
    guide = msgspec.structs.replace(TINY, name="guide", kind="guide", architecture=architecture)
    save_model(installed, random_network(guide).state_dict(), guide)
    save_card(installed, msgspec.structs.replace(guide, **changes))
    with pytest.raises(ModelError, match=r"^The card of guide does not describe its network.*\.$"):
        load_guide("guide")


def test_weights_survive(tmp_path: Path) -> None:
    """A saved model is read back in float32, rounded to half precision once."""
    network, other = random_network(seed=1), random_network(seed=2)
    save_model(tmp_path, network.state_dict(), TINY)
    load_weights(other, tmp_path / "tiny.safetensors")
    for name, tensor in network.state_dict().items():
        assert torch.equal(other.state_dict()[name], tensor.half().float())
    assert catalog.Card(**msgspec.json.decode((tmp_path / "tiny.json").read_bytes(), type=dict)).name == "tiny"
    assert {path.name for path in tmp_path.iterdir()} == {"tiny.safetensors", "tiny.json"}


def test_a_failed_save_leaves_the_former_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "state.safetensors"
    save_tensors(path, {"x": torch.ones(3)}, {"step": 1})

    def killed(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("os.replace", killed)
    with pytest.raises(KeyboardInterrupt):
        save_tensors(path, {"x": torch.zeros(3)}, {"step": 2})
    tensors, metadata = load_tensors(path)
    assert torch.equal(tensors["x"], torch.ones(3))
    assert metadata == {"step": 1}


def test_a_persons_own_model_comes_first(installed: Path) -> None:
    """Of two models of one name the one in SCORESCOPE_MODELS is used."""
    assert catalog.model_folders()[0] == installed
    assert catalog.cards()["faulty"].title == TINY.title


def test_new_weights_are_used_at_once(installed: Path) -> None:
    """A model that is trained further under the same name is read again; one that did not change is not."""
    path = installed / "faulty.safetensors"
    before = models.load("faulty")
    assert models.load("faulty") is before
    save_model(installed, random_network(seed=1).state_dict(), msgspec.structs.replace(TINY, name="faulty"))
    os.utime(path, ns=(0, path.stat().st_mtime_ns + 1_000_000))
    x, level = torch.ones(1, 1, 8, 8), engine.Level(0.5, 1.0, 1.0)
    assert (models.load("faulty")(x, level) - before(x, level)).abs().max() > 0.01
