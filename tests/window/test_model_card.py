"""The card of a model in the real window: opened, read, copied from and left, by mouse and keys."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import msgspec
import pytest
from conftest import choose, click, press, until
from PySide6.QtCore import QPoint, Qt
from PySide6.QtGui import QGuiApplication
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QLabel

from desktop_app.widgets.card_sections import Command, Passage
from desktop_app.widgets.fields import ModelControl
from desktop_app.widgets.loss_chart import LossChart
from desktop_app.widgets.model_card import NAME, ModelCard
from desktop_app.window import Window
from engine.card_text import every_card, sections
from engine.catalog import Card, cards

DIGITS = cards()["digits"]
BARE = {
    "name": "bare",
    "title": "Bare",
    "summary": "",
    "kind": "denoiser",
    "shape": (3, 8, 8),
    "classes": (),
    "architecture": {},
    "data": "",
    "licence": "",
}
LONG: dict[str, Any] = {
    "name": "long",
    "title": "A long title " * 20 + "y" * 200,
    "summary": "A long summary. " * 60,
    "data": "Pictures/" + "folder_without_a_space" * 20 + " and more" * 40,
    "licence": "x" * 400,
    "command": "scorescope train images '" + "photographs-" * 30 + "' --size 32",
    "classes": tuple(f"class{n}" * 6 for n in range(12)),
    "architecture": {"widths": [64, 128, 192], "embedding": 256},
    "measured": DIGITS.measured | {"a_figure_of_a_name_that_is_longer_than_its_column_is_wide": 1 / 3},
}


def about(window: Window) -> ModelControl:
    """The control of the model in the workspace that is shown."""
    control = window.current.inspector.fields["model"]
    assert isinstance(control, ModelControl)
    return control


def said(card: ModelCard) -> list[str]:
    """All the texts of the card that is shown."""
    page = card.area.widget()
    return [*(p.toPlainText() for p in page.findChildren(Passage)), *(w.text() for w in page.findChildren(QLabel))]


def keep(tmp_path: Path, card: Card | dict[str, Any]) -> None:
    """A model of one's own."""
    folder = tmp_path / "models"
    folder.mkdir(exist_ok=True)
    name = card.name if isinstance(card, Card) else card["name"]
    (folder / f"{name}.json").write_bytes(msgspec.json.encode(card))


# --- opened and left -------------------------------------------------------------------------------------------------


def test_the_button_beside_the_model_opens_its_card_and_esc_leaves(drive) -> None:
    async def scenario(window: Window) -> None:
        track = window.generate.bar.track
        click(about(window).about)
        card = window.model_card
        assert card.isVisible()
        assert card.title.text() == "Digits"
        texts = said(card)
        for section in sections(DIGITS):
            assert section.title.upper() in texts
            for row in section.rows:
                assert {row.label, *row.values} <= set(texts)
            for note in section.notes:
                assert note in [text.replace("\u00a0", " ") for text in texts]
        chart = card.area.widget().findChild(LossChart)
        assert chart is not None
        assert chart.curve[-1][0] == pytest.approx(DIGITS.loss[-1][0] / 128), "in steps of 128 images"
        press(window, Qt.Key.Key_Escape)
        assert not card.isVisible()
        assert window.focusWidget() is track
        await asyncio.sleep(0)

    drive(scenario)


def test_the_window_lives_on_behind_the_card(drive) -> None:
    async def scenario(window: Window) -> None:
        window.generate.controls.set("count", 1)
        window.generate.controls.set("steps", 3)
        press(window, Qt.Key.Key_Return, Qt.KeyboardModifier.ControlModifier)
        press(window, Qt.Key.Key_I)
        assert window.model_card.isVisible()
        await until(lambda: not window.generate.running)
        run = window.generate.timeline.lanes[0]
        assert run.status == "finished", run.error
        seed, playing = window.generate.controls["seed"], window.generate.timeline.playing
        for key in (Qt.Key.Key_R, Qt.Key.Key_Space, Qt.Key.Key_C, Qt.Key.Key_Left):
            press(window, key)
        assert window.generate.controls["seed"] == seed, "the window's keys are not for now"
        assert window.generate.timeline.playing == playing
        assert window.current is window.generate
        click(window.model_card, QPoint(5, 5))
        assert not window.model_card.isVisible(), "a click outside leaves"
        press(window, Qt.Key.Key_I)
        click(window.model_card.sheet, QPoint(400, 20))
        assert window.model_card.isVisible(), "one inside does not"
        click(window.model_card.close_button)
        assert not window.model_card.isVisible()

    drive(scenario)


def test_a_letter_that_is_typed_opens_nothing(drive) -> None:
    async def scenario(window: Window) -> None:
        edit = window.generate.inspector.fields["seed"].edit
        edit.setFocus()
        QTest.keyClick(edit, Qt.Key.Key_I)
        assert not window.model_card.isVisible()
        await asyncio.sleep(0)

    drive(scenario)


def test_the_palette_finds_every_model(drive) -> None:
    async def scenario(window: Window) -> None:
        QTest.keyClick(window, Qt.Key.Key_K, Qt.KeyboardModifier.ControlModifier)
        palette = window.command_palette
        QTest.keyClicks(palette.edit, "about the model noisy")
        QTest.keyClick(palette.edit, Qt.Key.Key_Return)
        assert not palette.isVisible()
        assert window.model_card.title.text() == "Noisy digit classifier"
        assert any("log p" in text for text in said(window.model_card))
        QTest.keyClick(window, Qt.Key.Key_K, Qt.KeyboardModifier.ControlModifier)
        assert palette.isVisible(), "over the card"
        QTest.keyClicks(palette.edit, "about the model digits-class")
        QTest.keyClick(palette.edit, Qt.Key.Key_Return)
        assert window.model_card.title.text() == "Digit classifier", "in the one card that there is"
        press(window, Qt.Key.Key_Escape)
        assert not window.model_card.isVisible()
        await asyncio.sleep(0)

    drive(scenario)


# --- from model to model ---------------------------------------------------------------------------------------------


def test_the_keys_go_through_all_models_and_the_page(drive) -> None:
    async def scenario(window: Window) -> None:
        window.resize(1024, 680)
        press(window, Qt.Key.Key_I)
        card = window.model_card
        seen = [card.title.text()]
        for _ in range(card.list.count()):
            press(window, Qt.Key.Key_Down)
            if card.title.text() not in seen:
                seen.append(card.title.text())
        assert sorted(seen) == sorted(each.title for each in every_card().values()), "guides and judges as well"
        card.list.choose("digits")
        bar = card.area.verticalScrollBar()
        await until(lambda: bar.maximum() > 0)
        press(window, Qt.Key.Key_PageDown)
        assert bar.value() == min(bar.pageStep(), bar.maximum())
        press(window, Qt.Key.Key_PageUp)
        assert bar.value() == 0
        press(window, Qt.Key.Key_PageDown)
        place = card.list.visualItemRect(card.list.findItems("Digits, weak", Qt.MatchFlag.MatchExactly)[0])
        click(card.list.viewport(), place.center())
        assert card.title.text() == "Digits, weak"
        assert bar.value() == 0, "a card is read from its beginning"

    drive(scenario)


def test_tab_stays_in_the_card_and_the_command_is_copied(drive) -> None:
    async def scenario(window: Window) -> None:
        window.resize(1024, 680)
        press(window, Qt.Key.Key_I)
        card = window.model_card
        train, measure = (command.copy for command in card.area.widget().findChildren(Command))
        stops = []
        for _ in range(4):
            press(window, Qt.Key.Key_Tab)
            stops.append(window.focusWidget())
        assert stops == [train, measure, card.close_button, card.list]
        press(window, Qt.Key.Key_Tab)
        await asyncio.sleep(0)
        assert card.area.viewport().rect().contains(train.mapTo(card.area.viewport(), train.rect().center())), "seen"
        press(window, Qt.Key.Key_Space)
        assert QGuiApplication.clipboard().text() == DIGITS.command
        assert train.accessibleName() == "Copied"
        press(window, Qt.Key.Key_Backtab, Qt.KeyboardModifier.ShiftModifier)
        assert window.focusWidget() is card.list
        click(measure)
        assert QGuiApplication.clipboard().text() == "scorescope evaluate digits"
        await until(lambda: train.accessibleName() == "Copy the command: train")

    drive(scenario)


def test_what_is_said_can_be_selected(drive) -> None:
    async def scenario(window: Window) -> None:
        press(window, Qt.Key.Key_I)
        data = next(p for p in window.model_card.area.widget().findChildren(Passage) if "MNIST" in p.toPlainText())
        QTest.mouseDClick(data.viewport(), Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier, QPoint(10, 6))
        assert data.textCursor().selectedText() == "MNIST"
        press(window, Qt.Key.Key_C, Qt.KeyboardModifier.ControlModifier)
        assert QGuiApplication.clipboard().text() == "MNIST"
        press(window, Qt.Key.Key_Escape)
        assert not window.model_card.isVisible()
        await asyncio.sleep(0)

    drive(scenario)


# --- which model -----------------------------------------------------------------------------------------------------


def test_a_lane_and_a_base_tell_about_their_own_model_and_the_plane_has_none(drive) -> None:
    async def scenario(window: Window) -> None:
        window.open("compare")
        click(window.compare.lane_choice.button("1"))
        choose(about(window).box, "Digits, local denoiser")
        click(about(window).about)
        assert window.model_card.title.text() == "Digits, local denoiser"
        assert "Nothing was trained." in said(window.model_card)
        assert window.model_card.area.widget().findChild(LossChart) is None
        press(window, Qt.Key.Key_Escape)
        box = about(window).box.x()
        choose(about(window).box, "Two moons")
        assert not about(window).about.isVisible()
        await asyncio.sleep(0)
        assert about(window).box.x() == box, "nothing moves"
        click(window.compare.lane_choice.button("0"))
        assert about(window).about.isVisible()
        window.open("sweep")
        click(about(window).about)
        assert window.model_card.title.text() == "Digits"
        press(window, Qt.Key.Key_Escape)
        for place in ("lab", "gallery", "train"):
            window.open(place)
            press(window, Qt.Key.Key_I)
            assert window.model_card.title.text() == "Digits", f"in {place}, where no model has a card"
            press(window, Qt.Key.Key_Escape)
        await asyncio.sleep(0)

    drive(scenario)


def test_a_model_of_ones_own_is_there_at_once_even_if_little_is_known(drive, tmp_path: Path) -> None:
    async def scenario(window: Window) -> None:
        press(window, Qt.Key.Key_I)
        press(window, Qt.Key.Key_Escape)
        keep(tmp_path, BARE)
        window.offer_models()
        choose(about(window).box, "Bare")
        click(about(window).about)
        card = window.model_card
        assert card.list.currentItem().data(NAME) == "bare"
        texts = said(card)
        assert "It is not recorded how it was trained." in texts
        assert "Nothing has been measured of it." in texts
        assert "Data" not in texts
        assert [command.text for command in card.findChildren(Command)] == ["scorescope evaluate bare --write"]
        await asyncio.sleep(0)

    drive(scenario)


@pytest.mark.parametrize("size", [(1024, 680), (1920, 1200)])
def test_long_texts_are_wrapped_and_nothing_is_clipped(drive, tmp_path: Path, size: tuple[int, int]) -> None:
    keep(tmp_path, msgspec.structs.replace(DIGITS, **LONG))

    async def scenario(window: Window) -> None:
        window.resize(*size)
        window.model_card.open("long")
        for name in ("long", *every_card()):
            window.model_card.list.choose(name)
            QApplication.processEvents()
            assert whole(window.model_card) == [], name
        assert window.rect().contains(window.model_card.sheet.geometry())
        await asyncio.sleep(0)

    drive(scenario)


def whole(card: ModelCard) -> list[str]:
    """The texts that are not shown whole."""
    page, room = card.area.widget(), card.area.viewport()
    clipped = [] if page.width() == room.width() and card.area.horizontalScrollBar().maximum() == 0 else ["the page"]
    for text in page.findChildren(Passage):
        document = text.document()
        fits = document.size().height() <= text.viewport().height() and document.idealWidth() <= text.viewport().width()
        clipped += [] if fits and inside(text, page) else [text.toPlainText()]
    for text in page.findChildren(QLabel):
        need = text.sizeHint()
        fits = need.width() <= text.width() and need.height() <= text.height()
        clipped += [] if fits and inside(text, page) else [text.text()]
    return clipped


def inside(widget: Any, page: Any) -> bool:
    """Whether all of a widget is on the page."""
    return bool(page.rect().contains(widget.rect().translated(widget.mapTo(page, QPoint(0, 0)))))
