"""What is folded away, what guides, and requests in words."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import msgspec
import pytest
from conftest import choose, click, finished, press
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest

from desktop_app.state import words
from desktop_app.state.controls import Controls, differing
from desktop_app.window import Window
from engine.catalog import RESOURCES, SAMPLERS, Card, cards
from engine.request import FIELDS, Branch, Request
from engine.starts import Encoding, Image, PureNoise, Slerp

DIGITS = cards()["digits"]


@pytest.fixture
def guides(tmp_path: Path) -> Path:
    """Besides `digits`: a twin of it, a model of other images, a classifier of noisy images, one of other classes."""
    folder = tmp_path / "models"
    folder.mkdir()
    others: dict[str, dict[str, Any]] = {
        "twin": {"title": "Twin"},
        "large": {"title": "Large", "shape": (1, 32, 32)},
        "letters": {"title": "Letters", "classes": ("a", "b")},
        "judge": {"title": "Judge of noise", "kind": "guide"},
        "judge-of-letters": {"title": "Judge of letters", "kind": "guide", "classes": ("a", "b")},
    }
    for name, changes in others.items():
        card: Card = msgspec.structs.replace(DIGITS, name=name, **changes)
        (folder / f"{name}.json").write_bytes(msgspec.json.encode(card))
    (folder / "twin.safetensors").write_bytes((RESOURCES / "models" / "digits.safetensors").read_bytes())
    return folder


# --- More ------------------------------------------------------------------------------------------------------------


def test_more_is_folded_away_until_it_is_clicked_and_is_remembered(drive) -> None:
    hidden = ("schedule", "noise", "noise_interval")

    async def unfold(window: Window) -> None:
        inspector = window.generate.inspector
        assert not any(inspector.fields[name].isVisible() for name in hidden)
        click(inspector.more["REVERSE PROCESS"].head)
        assert all(inspector.fields[name].isVisible() for name in hidden)
        assert not inspector.fields["clip"].isVisible(), "each section by itself"
        await asyncio.sleep(0)

    async def find(window: Window) -> None:
        inspector = window.generate.inspector
        assert all(inspector.fields[name].isVisible() for name in hidden)
        window.open("compare")
        assert window.compare.inspector.fields["schedule"].isVisible(), "in every workspace"
        more = window.compare.inspector.more["REVERSE PROCESS"].head
        more.setFocus()
        QTest.keyClick(more, Qt.Key.Key_Space)
        assert not window.compare.inspector.fields["schedule"].isVisible()
        window.open("generate")
        assert not inspector.fields["schedule"].isVisible()
        await asyncio.sleep(0)

    drive(unfold)
    drive(find)


def test_a_dot_says_that_something_is_set_in_there(drive) -> None:
    async def scenario(window: Window) -> None:
        controls, more = window.generate.controls, window.generate.inspector.more
        guidance, process = more["GUIDANCE"].head, more["REVERSE PROCESS"].head
        assert not guidance.dot
        controls.set("clip", 1.0)
        controls.set("guidance_rescale", 0.5)
        assert guidance.dot
        assert guidance.toolTip() == "Set: Rescale, Clip"
        assert "Rescale, Clip set" in guidance.accessibleName()
        controls.set("clip", None)
        controls.set("guidance_rescale", 0.0)
        assert not guidance.dot
        controls.set("noise_interval", (1.0, 2.0))
        assert process.dot
        controls.set("sampler", "unipc")
        assert not process.dot, "what the sampler does not have is not set"
        await asyncio.sleep(0)

    drive(scenario)


def test_an_empty_clip_is_none(drive) -> None:
    async def scenario(window: Window) -> None:
        inspector = window.generate.inspector
        click(inspector.more["GUIDANCE"].head)
        edit = inspector.fields["clip"].edit
        for text, wanted in (("1.5", 1.5), ("0", 1.5), ("", None)):
            edit.setFocus()
            edit.selectAll()
            QTest.keyClick(edit, Qt.Key.Key_Delete)
            QTest.keyClicks(edit, text)
            QTest.keyClick(edit, Qt.Key.Key_Return)
            assert window.generate.controls["clip"] == wanted
        assert "Clip must be a number from 0.01 to 100, or none, not “0”." in window.toasts.shown[-1].message
        await asyncio.sleep(0)

    drive(scenario)


def test_a_number_is_written_only_where_it_was_typed(drive) -> None:
    async def scenario(window: Window) -> None:
        generate, third, levels = window.generate, 1 / 3, (1 / 3, 1 / 7)
        generate.inspector.unfold(list(generate.inspector.more))
        values = {"lam": third, "condition": 3, "guidance_interval": (third, 3.0), "spacing": "explicit"}
        for name, value in {**values, "sigmas": levels}.items():
            assert generate.controls.set(name, value)
        fields = generate.inspector.fields
        lam = fields["lam"].edit
        for edit in (lam, fields["guidance_interval"].low, fields["guidance_interval"].high, fields["sigmas"].edit):
            edit.setFocus()
            assert edit.hasFocus()
            press(window, Qt.Key.Key_Tab)
            assert not edit.hasFocus()
        assert generate.controls["lam"] == third, "more digits than are shown"
        assert generate.controls["guidance_interval"] == (third, 3.0)
        assert generate.controls["sigmas"] == levels
        lam.setFocus()
        lam.selectAll()
        QTest.keyClicks(lam, "0,5")
        press(window, Qt.Key.Key_Tab)
        assert generate.controls["lam"] == 0.5
        await asyncio.sleep(0)

    drive(scenario)


def test_the_end_of_an_interval_that_is_not_typed_keeps_every_digit(drive) -> None:
    async def scenario(window: Window) -> None:
        generate = window.generate
        generate.controls.set("condition", 3)
        click(generate.inspector.more["GUIDANCE"].head)
        low, high = (getattr(generate.inspector.fields["guidance_interval"], end) for end in ("low", "high"))
        third, most = 1.0 / 3.0, generate.inspector.fields["guidance_interval"].field.maximum
        for edit, text, value in (
            (high, "7", (third, 7.0)),
            (high, "", (third, most)),
            (low, "0.25", (0.25, 10 * third)),
        ):
            generate.controls.set("guidance_interval", (third, 10 * third))
            edit.setFocus()
            edit.selectAll()
            QTest.keyClicks(edit, text) if text else press(window, Qt.Key.Key_Backspace)
            press(window, Qt.Key.Key_Return)
            assert generate.controls["guidance_interval"] == value
        await asyncio.sleep(0)

    drive(scenario)


def test_what_is_typed_in_a_field_that_goes_counts_no_more(drive) -> None:
    """Lists are chosen from without the focus, so the text field has it until it is hidden."""

    async def scenario(window: Window) -> None:
        controls, fields = window.generate.controls, window.generate.inspector.fields
        cases = (("sampler", "ddim_eta", "eta", "heun"), ("spacing", "explicit", "sigmas", "karras"))
        for name, with_it, typed_in, without in cases:
            for text in ("word", "0.5"):
                assert controls.set(name, with_it)
                edit = fields[typed_in].edit
                edit.setFocus()
                edit.selectAll()
                QTest.keyClicks(edit, text)
                assert controls.set(name, without)
                assert not edit.isVisible()
                assert not window.toasts.shown
        await asyncio.sleep(0)

    drive(scenario)


@pytest.mark.parametrize("part", ["edit", "slider"])
def test_a_field_that_is_disabled_hands_the_keyboard_on(drive, part: str) -> None:
    async def scenario(window: Window) -> None:
        controls, fields = window.generate.controls, window.generate.inspector.fields
        controls.take(Request(condition=3, guidance=2.0))
        getattr(fields["guidance"], part).setFocus()
        controls.set("condition", None)
        assert not fields["guidance"].isEnabled()
        assert window.focusWidget() is fields["guide"].box
        await asyncio.sleep(0)

    drive(scenario)


def test_an_interval_takes_a_comma(drive) -> None:
    async def scenario(window: Window) -> None:
        generate = window.generate
        generate.controls.set("condition", 3)
        click(generate.inspector.more["GUIDANCE"].head)
        low, high = (getattr(generate.inspector.fields["guidance_interval"], end) for end in ("low", "high"))
        for edit, text in ((low, "0,5"), (high, "3,25")):
            edit.setFocus()
            edit.selectAll()
            QTest.keyClicks(edit, text)
            press(window, Qt.Key.Key_Return)
        assert generate.controls["guidance_interval"] == (0.5, 3.25)
        await asyncio.sleep(0)

    drive(scenario)


# --- the guide -------------------------------------------------------------------------------------------------------


def test_what_fits_a_model_can_guide_it(drive, guides: Path) -> None:
    async def scenario(window: Window) -> None:
        controls, fields = window.generate.controls, window.generate.inspector.fields
        box = fields["guide"].box
        offered = [box.itemText(index) for index in range(box.count())]
        assert offered[0] == "Without condition (classifier-free)"
        assert {"Twin (autoguidance)", "Judge of noise"} <= set(offered)
        assert not any(word in text for text in offered for word in ("Large", "Letters", "letters", "Digits (auto"))
        choose(box, "Twin (autoguidance)")
        assert controls["guide"] == "twin"
        assert "autoguidance" in fields["guide"].toolTip()
        choose(fields["model"].box, "Twin")
        assert controls["guide"] is None, "a model does not guide itself"
        controls.set("guide", "digits")
        controls.set("condition", 9)
        choose(fields["model"].box, "Letters")
        assert controls["guide"] is None
        assert controls["condition"] is None, "the class is not there"
        await asyncio.sleep(0)

    drive(scenario)


def test_a_weaker_model_guides_without_a_condition(drive, guides: Path) -> None:
    async def scenario(window: Window) -> None:
        controls, fields = window.generate.controls, window.generate.inspector.fields
        controls.set("guidance", 2.0)
        assert not fields["guidance"].isEnabled()
        assert "nothing to guide" in fields["guidance"].toolTip()
        controls.set("guide", "judge")
        assert controls.request() == Request(), "nor has a classifier anything to guide to"
        controls.set("guide", "twin")
        assert fields["guidance"].isEnabled()
        assert controls.request() == Request(guide="twin", guidance=2.0)
        for name, value in (("count", 2), ("steps", 3), ("clip", 1.0), ("guidance_rescale", 0.5)):
            controls.set(name, value)
        click(window.generate.inspector.button)
        run = await finished(window.generate.timeline.lanes[0])
        assert run.status == "finished", run.error
        assert run.request.guide == "twin"

    drive(scenario)


def test_a_classifier_guides(drive) -> None:
    async def scenario(window: Window) -> None:
        controls, fields = window.generate.controls, window.generate.inspector.fields
        for name, value in (("count", 1), ("steps", 3), ("guidance", 2.0), ("condition", 4)):
            controls.set(name, value)
        choose(fields["guide"].box, cards("guide")["digits-noisy-classifier"].title)
        click(window.generate.inspector.button)
        run = await finished(window.generate.timeline.lanes[0])
        assert run.status == "finished", run.error
        assert run.request.guide == "digits-noisy-classifier"

    drive(scenario)


def test_both_conventions_of_guidance_are_told(drive) -> None:
    async def scenario(window: Window) -> None:
        window.generate.controls.set("condition", 3)
        window.generate.controls.set("guidance", 2.5)
        assert "γ = w − 1: here w = 2.5 is γ = 1.5." in window.generate.inspector.fields["guidance"].toolTip()
        await asyncio.sleep(0)

    drive(scenario)


# --- words -----------------------------------------------------------------------------------------------------------

IMAGE = Image(bytes(4), (1, 2, 2))


@pytest.mark.parametrize(
    ("name", "value", "text"),
    [
        ("condition", None, "any"),
        ("schedule", None, "model’s own"),
        ("guidance_interval", None, "all"),
        ("noise_interval", (0.5, 2), "0.5 – 2"),
        ("guide", None, "without condition"),
        ("clip", None, "none"),
        ("sigmas", None, "none"),
        ("sigmas", (80.0, 5.0, 0.1), "3 from 80 to 0.1"),
        ("sigmas", (2.0,), "2"),
        ("eta", 0.5, "0.5"),
        ("tolerance", 1e-5, "1e-05"),
        ("langevin_steps", 3, "3"),
        ("noise", "path", "One Brownian path"),
        ("sampler", "rk45", "RK45 (adaptive)"),
        ("order", 2, "2"),
        ("start", PureNoise(), "noise"),
        ("start", PureNoise(4), "noise of seed 4"),
        ("start", IMAGE, "an image"),
        ("start", Image(bytes(4), (1, 2, 2), mask=bytes(4)), "an image, repainted"),
        ("start", Encoding(bytes(4), (1, 2, 2)), "an encoded image"),
        ("start", Slerp(PureNoise(), PureNoise(1), (0.5,)), "between two"),
        ("start", Branch(Request(), 7), "step 7 of another run"),
    ],
)
def test_values_are_said_as_a_person_reads_them(name: str, value: object, text: str) -> None:
    assert words.shown(name, value) == text


@pytest.mark.parametrize(
    ("a", "b", "said"),
    [
        ({}, {"lam": 1.0}, (["λ = 0"], ["λ = 1"])),
        ({}, {"steps": 5}, (["N = 20"], ["N = 5"])),
        ({}, {"sigmas": (3.0, 1.0)}, (["N = 20", "Spacing = Karras ρ = 7"], ["Noise levels = 2 from 3 to 1"])),
        ({"sampler": "heun"}, {"sampler": "heun", "churn": 9.0}, (["S = 0"], ["S = 9"])),
        ({}, {"clip": 1.0}, (["c = none"], ["c = 1"])),
        (
            {"sampler": "ddim_eta"},
            {"sampler": "rk45", "tolerance": 0.01},
            (["Sampler = DDIM (η)", "η = 0.5"], ["Sampler = RK45 (adaptive)", "τ = 0.01"]),
        ),
    ],
)
def test_lanes_name_what_they_have_and_differ_in(a: dict, b: dict, said: tuple[list[str], list[str]]) -> None:
    requests = Request(**a), Request(**b)
    fields = differing(*requests)
    assert tuple(words.difference(request, fields) for request in requests) == said


def test_a_model_suggests_what_is_not_set(qapp) -> None:
    """Taken where a field is as the program has it, and gone with the model unless changed since."""
    suggested = cards()["emoji"].suggests
    assert suggested.keys() == {"condition", "guidance"}
    controls = Controls()
    controls.set("condition", 7)
    controls.set("model", "emoji")
    assert {name: controls[name] for name in suggested} == suggested
    controls.set("model", "digits")
    assert controls.exact == Request()
    controls.set("guidance", 2.0)
    controls.set("model", "emoji")
    assert (controls["guidance"], controls["condition"]) == (2.0, suggested["condition"])
    assert controls.set("sampler", "rk45")
    assert controls["condition"] == "red heart", "RK45 takes one caption"
    controls.set("model", "digits")
    assert controls.set("model", "emoji")
    assert controls["condition"] is None, "several cannot be suggested to it"
    controls.set("sampler", "bridge")
    controls.set("model", "digits")
    controls.set("model", "emoji")
    controls.set("condition", "pizza")
    controls.set("guidance", 3.0)
    controls.set("model", "digits-weak")
    controls.set("model", "emoji")
    assert controls["condition"] == suggested["condition"]


def test_what_a_card_suggests_in_vain_is_passed_over(qapp, tmp_path: Path) -> None:
    (tmp_path / "models").mkdir()
    odd = {"model": "emoji", "condition": 99, "guidance": "much", "lam": 1.0, "steps": 3, "nonsense": 1}
    card = msgspec.structs.replace(DIGITS, name="odd", title="Odd", suggests=odd)
    (tmp_path / "models" / "odd.json").write_bytes(msgspec.json.encode(card))
    controls = Controls(Request(sampler="heun"))  # which has no λ
    assert controls.set("model", "odd")
    assert controls.exact == Request(model="odd", sampler="heun")
    controls.set("model", "digits")
    controls.set("sampler", "bridge")
    controls.set("model", "odd")
    assert controls.exact == Request(model="odd", lam=1.0)


def test_a_choice_that_is_refused_is_taken_back_and_told(drive) -> None:
    async def scenario(window: Window) -> None:
        controls, field = window.generate.controls, window.generate.inspector.fields["sampler"]
        controls.set("model", "emoji")
        field.box.setCurrentIndex(field.box.findData("rk45"))
        controls._with = lambda name, value: Request().replace(sampler="rk45", condition="a | b")  # as nothing does now
        field.box.activated.emit(field.box.currentIndex())
        assert field.box.currentData() == controls["sampler"] == "bridge"
        assert "one caption" in window.toasts.shown[-1].message

    drive(scenario)


def test_what_draws_noise_is_an_sde() -> None:
    quiet = {"bridge", "ddim", "dpmpp_2m", "unipc", "heun", "rk45", "euler"}
    assert {name for name in SAMPLERS if not words.is_stochastic(Request(sampler=name))} == quiet
    assert words.is_stochastic(Request(sampler="heun", churn=1.0))
    assert not words.is_stochastic(Request(sampler="ddim_eta", eta=0.0))
    assert words.is_stochastic(Request(lam=0.5))


@pytest.mark.parametrize("name", SAMPLERS)
def test_controls_take_any_request_and_give_it_back(qapp, name: str) -> None:
    controls = Controls()
    heard: list[str] = []
    controls.changed.connect(heard.append)
    request = Request(sampler=name, condition=3, guidance=2.0, clip=1.0, seed=9)
    controls.take(request)
    assert controls.request() == request
    assert heard == differing(Request(), request)
    assert {field for field in FIELDS if not controls.is_default(field)} == {"condition", "guidance", "clip", "seed"}
