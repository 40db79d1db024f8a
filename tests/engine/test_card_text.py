"""Cards in words: every figure is said, with its error, and what is not known is not made up."""

from __future__ import annotations

import math
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine import cli
from engine.card_figures import Row, Section, measured, number, share
from engine.card_text import FORMULAS, KINDS, NETWORKS, WIDTH, as_text, duration, every_card, sections
from engine.catalog import Card
from engine.models import closed_form
from engine.training.recipes import RECIPES

BARE = Card(
    name="bare",
    title="Bare",
    summary="Nothing is known.",
    kind="denoiser",
    shape=(3, 1024, 768),
    classes=(),
    architecture={},
    data="",
    licence="",
)
DENOISER = {  # as `scorescope evaluate` writes them
    "threads": 2.0,
    "ms_batch1_fp32": 5.981972999506979,
    "ms_batch1_bf16": 6.003316000715131,
    "ms_batch16_fp32": 29.175023999414407,
    "ms_batch16_bf16": 1234.5,
    "agreement_samples": 1000.0,
    "frechet_samples": 2000.0,
    "frechet_floor": 1.08182670681947,
    "precision_k3_training": 0.962,
    "recall_k3_training": 0.9634,
    "agreement_w1_lam0": 0.973,
    "frechet_lam0": 2.0134974662016702,
    "precision_k3_lam0": 0.9312,
    "recall_k3_lam0": 0.9012,
    "nearest_samples": 0.31234,
    "nearest_test": 0.3011,
    "agreement_w2_lam0": 1.0,
    "agreement_w1_lam1": 0.977,
    "frechet_lam1": 1.076404893235349,
    "precision_k3_lam1": 0.951,
    "recall_k3_lam1": 0.94,
    "agreement_w2_lam1": 0.999,
}
CAPTIONS = {
    "prompts": 200.0,
    "top5_w3": 0.62,
    "top1_w3": 0.31,
    "top5_pictures": 0.99,
    "top1_pictures": 0.96,
    "nearest_samples": 0.1,
    "nearest_pictures": 0.3,
}
RETRIEVAL = {"top1": 0.7, "top5": 0.9, "pictures": 1800.0}
NOISY = {"accuracy_sigma0.1": 0.995, "logp_sigma0.1": -0.0173, "accuracy_sigma80": 0.1169, "logp_sigma80": -2.298}
OWN = {"own_samples": 200.0, "nearest_samples": 0.1, "nearest_pictures": 0.3}
ACCURACY = {"accuracy": 0.9966}
EVERY = {
    "denoiser": DENOISER,
    "captions": CAPTIONS,
    "retrieval": RETRIEVAL,
    "noisy": NOISY,
    "own": OWN,
    "accuracy": ACCURACY,
}


def card(**changes: Any) -> Card:
    changed: Card = msgspec.structs.replace(BARE, **changes)
    return changed


def table(found: list[Section], title: str) -> dict[str, tuple[str, ...]]:
    """The rows of a section, by their labels."""
    section = next(section for section in found if section.title == title)
    return {row.label: row.values for row in section.rows}


# --- figures ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("part", "count", "text"),
    [
        (0.973, 1000, "97.3 % ± 0.5 %"),
        (0.999, 1000, "99.9 % ± 0.1 %"),
        (0.62, 200, "62.0 % ± 3.4 %"),
        (0.9966, 10_000, "99.66 % ± 0.06 %"),
        (1.0, 1000, "≥ 99.7 %"),
        (0.0, 1000, "≤ 0.3 %"),
        (1.0, 1, "≥ 0.0 %"),
        (0.5, 0, "50 %"),
        (1.5, 100, "150 %"),
    ],
)
def test_shares_are_said_with_their_error(part: float, count: float, text: str) -> None:
    assert share(part, count) == text


@given(st.integers(20, 10**7).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_a_share_and_its_error_can_be_read_back(counted: tuple[int, int]) -> None:
    """To the last digit that is shown."""
    hits, count = counted
    p = hits / count
    numbers = re.findall(r"[\d.]+", share(p, count))
    half = 0.5 * 10.0 ** -len(numbers[0].partition(".")[2]) * (1 + 1e-9)
    wanted = [p, math.sqrt(p * (1 - p) / count)] if 0 < hits < count else [abs(p - 3 / count)]
    assert list(map(float, numbers)) == pytest.approx([100 * value for value in wanted], abs=half)
    form = {0: "≤ # %", count: "≥ # %"}.get(hits, "# % ± # %")
    assert re.sub(r"[\d.]+", "#", share(p, count)) == form


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (5.981972999506979, "5.98"),
        (29.175, "29.2"),
        (144.5, "144"),
        (2814468.0, "2,814,468"),
        (1234.5, "1,234"),
        (-0.01732, "−0.0173"),
        (0.0, "0"),
        (3.0, "3"),
        (1e300, "1e+300"),
        (-1e-9, "−1e−09"),
    ],
)
def test_numbers_have_three_digits(value: float, text: str) -> None:
    assert number(value) == text


# --- what was measured -----------------------------------------------------------------------------------------------


def test_a_denoiser_beside_the_data() -> None:
    found = measured(card(measured=DENOISER))
    assert [(section.title, section.columns) for section in found] == [
        ("Measured", ("λ = 0", "λ = 1", "data")),
        ("Speed", ("fp32", "bf16")),
    ]
    assert table(found, "Measured") == {
        "Agreement, w = 1": ("97.3 % ± 0.5 %", "97.7 % ± 0.5 %", ""),
        "Agreement, w = 2": ("≥ 99.7 %", "99.9 % ± 0.1 %", ""),
        "Fréchet distance": ("2.01", "1.08", "1.08"),
        "Precision, k = 3": ("0.931", "0.951", "0.962"),
        "Recall, k = 3": ("0.901", "0.940", "0.963"),
        "Nearest training image": ("0.312", "", "0.301"),
    }
    assert table(found, "Speed") == {"Batch of 1": ("5.98 ms", "6.00 ms"), "Batch of 16": ("29.2 ms", "1,234 ms")}
    notes = [note for section in found for note in section.notes]
    assert sum("standard error" in note for note in notes) == 1, "said once"
    assert any("1,000 samples" in note for note in notes)
    assert any("2,000 samples" in note for note in notes)
    assert any("2 threads" in note and "the machine that measured" in note for note in notes)


def test_a_model_of_captions_and_its_judge() -> None:
    found = measured(card(measured=CAPTIONS, words="red heart"))
    assert [section.columns for section in found] == [("w = 3", "data")]
    assert table(found, "Measured") == {
        "Caption found first": ("31.0 % ± 3.3 %", "96.0 % ± 1.4 %"),
        "Caption among the first 5": ("62.0 % ± 3.4 %", "99.0 % ± 0.7 %"),
        "Nearest picture": ("0.100", "0.300"),
    }
    assert "200 samples" in found[0].notes[0]
    found = measured(card(measured=RETRIEVAL, kind="retrieval"))
    assert table(found, "Measured") == {
        "Caption found first": ("70.0 % ± 1.1 %",),
        "Caption among the first 5": ("90.0 % ± 0.7 %",),
    }
    assert "1,800 pictures" in found[0].notes[0]


def test_a_model_of_ones_own_pictures_beside_them() -> None:
    (found,) = measured(card(measured=OWN))
    assert found.columns == ("samples", "data")
    assert table([found], "Measured") == {"Nearest picture": ("0.100", "0.300")}
    assert "200 samples" in found.notes[0]
    assert "by heart" in found.notes[1]
    (found,) = measured(card(measured={"own_samples": 200.0, "nearest_samples": 0.1}))
    assert found.columns == ("samples",)


def test_a_classifier_of_noisy_images_beside_guessing() -> None:
    (found,) = measured(card(measured=NOISY, kind="guide", classes=tuple("0123456789")))
    assert found.rows[0].values == ("99.50 % ± 0.07 %", "−0.017")
    assert [row.label for row in found.rows] == ["Noise σ = 0.1", "Noise σ = 80"]
    assert "10.0 %" in found.notes[0]
    assert "−2.303" in found.notes[0]
    assert "−" not in found.notes[0].replace("−2.303", "").replace("(1−p)", ""), "no − that is not there is explained"


def test_what_stands_beside_all_or_none_is_explained_where_it_stands() -> None:
    text = " ".join(measured(card(measured=DENOISER))[0].notes)
    assert "all of them" in text
    assert "none of them" not in text
    text = " ".join(measured(card(measured=DENOISER | {"agreement_w2_lam0": 0.9}))[0].notes)
    assert "all of them" not in text
    text = " ".join(measured(card(measured={"accuracy": 0.0}))[0].notes)
    assert "none of them" in text
    assert "±" not in text


def test_one_lambda_alone_and_none_of_the_data() -> None:
    found = measured(card(measured={"agreement_w1.5_lam0.25": 0.9, "agreement_samples": 100.0}))
    assert found[0].columns == ("λ = 0.25",)
    assert table(found, "Measured") == {"Agreement, w = 1.5": ("90.0 % ± 3.0 %",)}


@pytest.mark.parametrize("name", EVERY)
def test_every_figure_is_said(name: str) -> None:
    """Changing any figure changes the text."""
    given = EVERY[name]
    before = as_text(card(measured=given))
    for key, value in given.items():
        assert as_text(card(measured=given | {key: value * 0.5})) != before, key


@pytest.mark.parametrize("name", EVERY)
def test_every_figure_is_said_without_the_others(name: str) -> None:
    for key, value in EVERY[name].items():
        text = as_text(card(measured={key: value}))
        assert text != as_text(card(measured={key: value * 0.5})), key
    for key in EVERY[name]:
        rest = {other: value for other, value in EVERY[name].items() if other != key}
        assert as_text(card(measured=rest))


@given(
    st.dictionaries(
        st.sampled_from([*DENOISER, *CAPTIONS, *RETRIEVAL, *NOISY, *OWN, "accuracy", "new"]),
        st.floats(allow_nan=False, allow_infinity=False),
    )
)
def test_no_figures_are_too_odd_to_be_said(figures: dict[str, float]) -> None:
    found = measured(card(measured=figures))
    assert all(len(row.values) == max(len(section.columns), 1) for section in found for row in section.rows)


def test_unknown_figures_are_said_by_their_key() -> None:
    found = measured(card(measured=ACCURACY | {"inception_score": 9.8765, "Ω": -3.0}))
    assert table(found, "Also measured") == {"inception_score": ("9.88",), "Ω": ("−3",)}
    assert [section.title for section in measured(card(measured={"new": 1.0}))] == ["Measured"]


# --- the card --------------------------------------------------------------------------------------------------------


def test_how_a_model_was_made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "models"
    folder.mkdir()
    monkeypatch.setenv("SCORESCOPE_MODELS", str(folder))
    own = card(
        data="12 pictures",
        licence="None.",
        steps=10595,
        images=1356160,
        minutes=114.78,
        seed=7,
        parameters=2814468,
        classes=("a", "b"),
        architecture={"widths": [32, 64], "embedding": 128},
        command="scorescope train images 'my pictures'",
    )
    (folder / "bare.json").write_bytes(msgspec.json.encode(own))
    (folder / "bare.safetensors").write_bytes(bytes(5_638_368))
    made, nothing, again = sections(every_card()["bare"])
    assert {row.label: row.values[0] for row in made.rows} == {
        "Data": "12 pictures",
        "Licence": "None.",
        "Images": "1,024 × 768, colour, 2 classes: a, b",
        "Network": "U-Net, 2,814,468 parameters, widths 32 – 64, embedding 128",
        "Weights": "5.6 MB on disk",
        "Training": "10,595 steps · 1,356,160 images seen · 1 h 55 min",
        "Seed": "7",
    }
    assert nothing == Section("Measured", notes=("Nothing has been measured of it.",))
    assert again == Section(
        "Reproduce",
        (
            Row("Train", ("scorescope train images 'my pictures'",), verbatim=True),
            Row("Measure", ("scorescope evaluate bare --write",), verbatim=True),
        ),
    )


def test_what_is_not_known_is_not_made_up() -> None:
    made, _, again = sections(BARE)
    assert {row.label: row.values[0] for row in made.rows} == {
        "Images": "1,024 × 768, colour, without classes",
        "Network": "U-Net",
        "Training": "It is not recorded how it was trained.",
    }
    assert [row.label for row in again.rows] == ["Measure"]


def test_only_the_speed_was_measured() -> None:
    _, said, speed, again = sections(card(measured={"ms_batch1_fp32": 1.0, "threads": 1.0}))
    assert said.notes == ("Nothing but its speed has been measured of it.",)
    assert "1 thread." in speed.notes[0]
    assert again.notes == (), "times are the machine's"
    assert "same everywhere" in sections(card(measured=ACCURACY))[-1].notes[0]


def test_a_formula_says_that_nothing_was_trained() -> None:
    assert set(FORMULAS) == set(closed_form.FORMULAS)
    for network in FORMULAS:
        assert "Nothing was trained." in as_text(card(network=network))


@pytest.mark.parametrize(
    ("minutes", "text"),
    [(0, ""), (0.001, "1 s"), (0.5, "30 s"), (12.0, "12 min"), (59.6, "1 h"), (114.78, "1 h 55 min"), (120, "2 h")],
)
def test_minutes_in_words(minutes: float, text: str) -> None:
    assert duration(minutes) == text


def test_every_model_that_ships_or_can_be_trained_is_said() -> None:
    shipped = every_card()
    assert {"digits", "digits-ideal", "digits-noisy-classifier", "digits-classifier"} <= shipped.keys()
    for each in (*shipped.values(), *(recipe.card for recipe in RECIPES.values())):
        assert each.kind in KINDS
        assert each.network in FORMULAS or (each.kind, each.network) in NETWORKS
        assert not any(section.title == "Also measured" for section in sections(each)), "all its figures have words"
        for line in as_text(each).splitlines():
            assert len(line) <= WIDTH or line.startswith(("Train ", "Measure ")), line


def test_long_text_is_wrapped_and_commands_are_not() -> None:
    text = as_text(card(data="word " * 200, command="scorescope train images " + "x" * 200, measured=ACCURACY))
    lines = text.splitlines()
    assert max(len(line) for line in lines if not line.startswith("Train ")) <= WIDTH
    assert sum("x" * 200 in line for line in lines) == 1
    second = next(line for line in lines[4:] if line.strip().startswith("word"))
    assert second.startswith(" " * len("Training  ")), "under what it goes on with"
    assert "\u00a0" not in text


# --- the command -----------------------------------------------------------------------------------------------------


def test_models_prints_a_card(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["models", "digits"]) == 0
    out = capsys.readouterr().out
    assert out == as_text(every_card()["digits"]) + "\n"
    assert cli.main(["models", "digits-classifier"]) == 0, "a judge has a card, too"
    assert "Right class" in capsys.readouterr().out


def test_models_of_no_model(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["models", "nope"]) == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.startswith("scorescope models: model must be one of digits, ")
    assert said.err.endswith(", not 'nope'.\n")
    assert said.err.count("\n") == 1


def test_a_card_is_said_without_torch() -> None:
    check = "import sys, engine.cli; engine.cli.main(['models', 'digits']); sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", check], stdout=subprocess.DEVNULL, check=False).returncode == 0
