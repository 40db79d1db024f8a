"""Every model that ships is chosen, asked, generated and scrubbed in the real window, with its real weights."""

from __future__ import annotations

import asyncio

import numpy as np
from conftest import choose, click, finished, press, until
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest

from desktop_app.screenshots import PROMPTS
from desktop_app.state.runs import Run
from desktop_app.window import Window
from engine.captions import split
from engine.catalog import RESOURCES, Card, cards
from engine.data import emoji
from engine.measures.caption_judges import _prompts
from engine.measures.judges import agreement, judged

CAPTIONS = ("red heart", "grinning cat", "Santa Claus", "flag: Japan")


async def generated(window: Window) -> Run:
    """Press Ctrl+Enter and wait for the images."""
    before = window.generate.tree.selected
    await until(window.isActiveWindow)
    press(window, Qt.Key.Key_Return, Qt.KeyboardModifier.ControlModifier)
    await until(lambda: window.generate.tree.selected is not before)
    run = await finished(window.generate.timeline.lanes[0])
    assert run.status == "finished", run.error
    return run


async def scrubbed(window: Window, run: Run, card: Card) -> None:
    """Home, steps by key, End: every place shows the picture of that place, and they differ."""
    workspace = window.generate
    channels, height, width = card.shape
    workspace.grid.setFocus()  # else Home goes to the list of models
    press(window, Qt.Key.Key_Home)
    seen = []
    for place in range(run.steps + 1):
        assert workspace.timeline.position == place
        picture = run.shelf.get(run, "denoised", place)
        assert picture is not None, "a short run is held whole"
        assert picture.shape == (run.request.count, height, width, channels)
        np.testing.assert_array_equal(workspace.grid.pictures, picture)
        seen.append(picture.astype(int))
        press(window, Qt.Key.Key_Right)
    assert all(np.abs(one - seen[0]).mean() > 1 for one in seen[1:])
    for view in ("noisy", "score", "eps", "change"):
        click(workspace.views.button(view))
        press(window, Qt.Key.Key_Left)
        await until(lambda: workspace.grid.pictures is not None and workspace.grid.pictures.std() > 1)
    click(workspace.views.button("denoised"))


def test_every_model_of_digits(drive) -> None:
    """What is judged: eight of the class asked for at w = 2, of those that know classes."""

    async def scenario(window: Window) -> None:
        models = [card for card in cards().values() if not card.words]
        assert {card.name for card in models} >= {"digits", "digits-ideal", "digits-local", "digits-gaussian"}
        controls = window.generate.controls
        controls.seed_locked = True  # else it is another with every model
        for name, value in {"count": 8, "steps": 6}.items():
            controls.set(name, value)
        for card in models:
            await asyncio.sleep(0.3)  # a click processes events: nothing may be under way
            choose(window.generate.inspector.fields["model"].box, card.title)
            if card.classes:
                click(window.generate.inspector.fields["condition"].chip(3))
                controls.set("guidance", 1.0 if card.network else 2.0)
            run = await generated(window)
            assert run.request.model == card.name
            await scrubbed(window, run, card)
            images = run.pictures("denoised", run.steps).transpose(0, 3, 1, 2)
            assert images.std() > 40, "there is something to see"
            if card.classes and card.network != "local":  # mosaics are no digits
                assert agreement(images, np.full(8, 3)) >= 7 / 8, card.name
        assert not window.toasts.shown

    drive(scenario)


def test_emoji_are_asked_for_in_words(drive) -> None:
    """Four captions are typed and make a batch of two each; of the eight the judge finds at least seven."""

    async def scenario(window: Window) -> None:
        card = cards()["emoji"]
        choose(window.generate.inspector.fields["model"].box, card.title)
        words = window.generate.inspector.fields["condition"].face
        words.edit.selectAll()
        QTest.keyClicks(words.edit, " | ".join(CAPTIONS))
        words.completer.popup().hide()
        QTest.keyClick(words.edit, Qt.Key.Key_Return)
        assert words.hint.isHidden(), "all words are known"
        controls = window.generate.controls
        for name, value in {"count": 8, "steps": 15, "guidance": 3.0, "seed": 0}.items():
            controls.set(name, value)
        run = await generated(window)
        assert run.request.condition == " | ".join(CAPTIONS)
        await scrubbed(window, run, card)
        images = run.pictures("denoised", run.steps).transpose(0, 3, 1, 2)
        assert judged("emoji", run.request.condition, images) >= 7 / 8
        assert not window.toasts.shown

    drive(scenario)


def test_the_readme_has_the_prompts_of_its_picture() -> None:
    """They are the first of the judged names that have at most 13 characters, none left out."""
    names = [emoji.names().emoji[number].name for number in _prompts()]
    assert split(PROMPTS) == [name for name in names if len(name) <= 13][:64]
    lines = [line.strip() for line in (RESOURCES.parent / "README.md").read_text().splitlines()]
    first = lines.index(PROMPTS.splitlines()[0])
    assert lines[first : first + 8] == [
        *map(str.strip, PROMPTS.splitlines()[:-1]),
        PROMPTS.splitlines()[-1].strip() + '"',
    ]
