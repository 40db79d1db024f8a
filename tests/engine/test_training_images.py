"""The pictures that a model learned from: those that ship, and those kept beside a model of one's own."""

from __future__ import annotations

import os
from pathlib import Path

import msgspec
import numpy as np
import pytest
import torch
from conftest import TINY, random_network

from engine import catalog, runs
from engine.answers.pulling import Beside, nearest
from engine.catalog import Card
from engine.data import training_images
from engine.fields import RequestError
from engine.history import History
from engine.measures import evaluation
from engine.models.checkpoint import save_model, save_tensors
from engine.request import Request

IMAGES = np.random.default_rng(0).integers(0, 256, (30, 1, 8, 8), np.uint8)


@pytest.fixture
def own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Card:
    """A model of one's own, with the pictures that it learned from."""
    card: Card = msgspec.structs.replace(TINY, name="own", dataset=catalog.OWN)
    training_images.keep(tmp_path, "own", IMAGES)
    save_model(tmp_path, random_network(card).state_dict(), card)
    monkeypatch.setenv("SCORESCOPE_MODELS", str(tmp_path))
    return card


def test_they_are_those_that_were_kept(own: Card, tmp_path: Path) -> None:
    np.testing.assert_array_equal(training_images.of(own), IMAGES)
    training_images.keep(tmp_path, "own", IMAGES[:3])
    os.utime(tmp_path / "own.pictures.safetensors", (1, 1))  # that it has changed is seen at the time
    np.testing.assert_array_equal(training_images.of(own), IMAGES[:3])
    assert list(catalog.cards()).count("own") == 1, "they are no model"


def test_there_are_none_where_the_file_is_none_or_of_others(own: Card, tmp_path: Path) -> None:
    path = tmp_path / "own.pictures.safetensors"
    larger: Card = msgspec.structs.replace(own, shape=(1, 16, 16))
    assert training_images.of(larger) is None
    for tensors in ({}, {"images": torch.zeros(2, 1, 8, 8)}, {"images": torch.zeros(0, 1, 8, 8, dtype=torch.uint8)}):
        save_tensors(path, tensors, {})
        assert training_images.of(own) is None
    path.write_bytes(b"nothing")
    assert training_images.of(own) is None
    path.unlink()
    assert training_images.of(own) is None


def history_of(model: str) -> History:
    history, request = History(), Request(model=model, count=2, steps=2)
    history.open(0, request)
    for step in runs.run(request):
        history.keep(0, step)
    history.close(0, step)
    return history


def test_the_nearest_of_ones_own_are_found(own: Card, tmp_path: Path) -> None:
    history = history_of("own")
    (piece,) = nearest(Beside(run=0, sample=1, place=2), history)
    denoised = history.records[0].moments[2].denoised.numpy()[1].astype(float).clip(-1.0, 1.0)
    distances = np.sqrt(((IMAGES / 127.5 - 1.0 - denoised) ** 2).mean((1, 2, 3)))
    np.testing.assert_allclose(piece.values["distances"], np.sort(distances)[:12], rtol=1e-4)
    assert piece.values["images"] == 30
    (tmp_path / "own.pictures.safetensors").unlink()
    with pytest.raises(RequestError, match=r"training images are here, not own\.$"):
        next(nearest(Beside(run=0, sample=1, place=2), history))


def test_whether_a_model_of_ones_own_copies_is_measured(
    own: Card, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Samples of keyed seeds against all pictures, and pictures against all others, written out."""
    monkeypatch.setattr(evaluation, "OWN_SAMPLES", 4)
    monkeypatch.setattr(evaluation, "BATCH", 2)
    monkeypatch.setattr(evaluation, "STEPS", 2)
    figures = evaluation.evaluate("own", lambda _: None, tmp_path / "sheet.png")
    made = []
    for seed in (0, 2):
        for step in runs.run(Request(model="own", count=2, seed=seed, steps=2)):
            last = step.x_next
        made.append(((last.numpy().clip(-1.0, 1.0) + 1.0) * 127.5).round())
    apart = np.sqrt(((np.concatenate(made)[:, None] - IMAGES) ** 2).mean((2, 3, 4))) / 127.5
    assert figures["nearest_samples"] == pytest.approx(np.median(apart.min(1)), abs=2e-3)
    among = np.sqrt(((IMAGES[:, None].astype(float) - IMAGES) ** 2).mean((2, 3, 4))) / 127.5
    every = np.sort(among, axis=1)[:, 1]
    assert every.min() <= figures["nearest_pictures"] <= every.max()
    assert (figures["own_samples"], (tmp_path / "sheet.png").exists()) == (4.0, True)
    training_images.keep(tmp_path, "own", IMAGES[:1])
    os.utime(tmp_path / "own.pictures.safetensors", (1, 1))
    assert "nearest_pictures" not in evaluation.evaluate("own", lambda _: None), "one picture has no other"
