"""What `scorescope evaluate` measures: everything, of what can be measured, and the same each time."""

from __future__ import annotations

from pathlib import Path

import msgspec
import numpy as np
import pytest
from PIL import Image

from engine import catalog
from engine.cli import main
from engine.data import digits
from engine.fields import RequestError
from engine.measures import evaluation
from engine.measures.judges import agreement
from engine.models.checkpoint import ModelError, save_model
from engine.models.registry import build
from engine.pictures import pixels
from engine.request import Request
from engine.runs import run
from engine.training.recipes import RECIPES


def test_samples_are_keyed_by_their_number(tiny: str) -> None:
    """Fifty of each class in turn, as bytes; number 107 is what seed 107 gives, however many follow."""
    request = Request(model=tiny, count=evaluation.BATCH, steps=2)
    reports: list[str] = []
    more, labels = evaluation._samples(request, 150, reports.append)
    fewer, _ = evaluation._samples(request, 50, reports.append)
    assert (more.shape, more.dtype) == ((150, 1, 8, 8), np.uint8)
    assert labels.tolist() == [0] * 50 + [1] * 50 + [2] * 50
    np.testing.assert_array_equal(more[:50], fewer)
    *_, last = run(request.replace(seed=107, condition=2, count=1))
    np.testing.assert_allclose(more[107].astype(int), pixels(last.x_next.numpy())[0].transpose(2, 0, 1), atol=1)
    assert len(reports) == 4


def test_a_denoiser_without_a_judge_is_only_timed(tiny: str) -> None:
    reports: list[str] = []
    figures = evaluation.evaluate(tiny, reports.append)
    assert figures.keys() == {"threads"} | {f"ms_batch{b}_{kind}" for b in (1, 16) for kind in ("fp32", "bf16")}
    assert all(value > 0.0 for value in figures.values())
    assert "not judged" in reports[-1]


def test_a_denoiser_of_digits_is_judged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An untrained network's samples: all figures are there, agreement is a guess, the distance far above the floor."""
    network = {"widths": [16, 32], "embedding": 32}
    card = msgspec.structs.replace(RECIPES["digits"].card, name="untrained", architecture=network)
    save_model(tmp_path, build(card).state_dict(), card)
    monkeypatch.setenv("SCORESCOPE_MODELS", str(tmp_path))
    monkeypatch.setattr(evaluation, "AGREEMENT_SAMPLES", 200)
    monkeypatch.setattr(evaluation, "FRECHET_SAMPLES", 200)
    monkeypatch.setattr(evaluation, "BATCH", 20)
    monkeypatch.setattr(evaluation, "STEPS", 2)
    images, labels = digits.load("test")
    monkeypatch.setattr(digits, "load", lambda split: (images[:1000], labels[:1000]))
    figures = evaluation.evaluate(card.name, lambda report: None, tmp_path / "sheet.png")
    for lam in (0, 1):
        for weight in (1, 2):
            assert figures[f"agreement_w{weight}_lam{lam}"] < 0.5
        assert figures[f"frechet_lam{lam}"] > 10 * figures["frechet_floor"] > 0.0
        for k in (3, 5):
            assert figures[f"precision_k{k}_lam{lam}"] < 0.1 < 0.5 < figures[f"precision_k{k}_training"]
            assert figures[f"recall_k{k}_lam{lam}"] < 0.1 < 0.5 < figures[f"recall_k{k}_training"]
    assert figures["precision_k3_training"] < figures["precision_k5_training"]
    assert figures["nearest_samples"] > figures["nearest_test"] == 0.0  # the same images stand for both here
    with Image.open(tmp_path / "sheet.png") as sheet:
        assert sheet.size == (16 * 58 - 2, 8 * 58 - 2)
    assert (figures["agreement_samples"], figures["frechet_samples"]) == (200.0, 200.0)


def test_a_classifier_is_tested_on_the_test_images(monkeypatch: pytest.MonkeyPatch) -> None:
    images, labels = digits.load("test")
    monkeypatch.setattr(digits, "load", lambda split: {"test": (images[:100], labels[:100])}[split])
    figures = evaluation.evaluate("digits-classifier", lambda report: None)
    assert figures == {"accuracy": agreement(images[:100, None], labels[:100])}


def test_the_floor_is_made_of_as_many_images_of_each_class() -> None:
    images, labels = digits.load("train")
    place = {image.tobytes(): label for image, label in zip(images, labels, strict=True)}
    chosen = evaluation._balanced(300)
    assert [place[image.tobytes()] for image in chosen] == [n // 30 for n in range(300)]
    assert len({image.tobytes() for image in chosen}) == 300


def test_a_sheet_that_cannot_be_written_is_said_before_the_time_is_spent(
    tiny: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(evaluation, "evaluate", lambda *_: pytest.fail("it was measured"))
    for place in (tmp_path, tmp_path / "none" / "sheet.png"):
        assert main(["evaluate", tiny, "--sheet", str(place)]) == 1
        assert "cannot be written" in capsys.readouterr().err


def test_a_sheet_of_what_has_no_samples_is_refused(tiny: str, tmp_path: Path) -> None:
    for name in (tiny, "digits-classifier", "digits-gaussian"):
        with pytest.raises(ModelError, match=rf"^no samples of {name} are compared with pictures"):
            evaluation.evaluate(name, lambda _: None, tmp_path / "sheet.png")


def test_no_such_model() -> None:
    with pytest.raises(RequestError, match="nothing"):
        evaluation.evaluate("nothing", lambda report: None)


def test_a_classifier_of_noisy_images_is_measured_at_its_levels(monkeypatch: pytest.MonkeyPatch) -> None:
    """The shipped card holds what is measured again."""
    monkeypatch.setattr(evaluation, "SIGMAS", (0.1,))
    figures = evaluation.evaluate("digits-noisy-classifier", lambda _: None)
    card = catalog.cards("guide")["digits-noisy-classifier"]
    assert figures["accuracy_sigma0.1"] == pytest.approx(card.measured["accuracy_sigma0.1"], abs=5e-4)
    assert figures["logp_sigma0.1"] == pytest.approx(card.measured["logp_sigma0.1"], abs=2e-3)
    assert figures["accuracy_sigma0.1"] > 0.99
