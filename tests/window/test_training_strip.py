"""Training images beside a sample, in the real window: those that pull at the ideal denoiser, the network's nearest."""

from __future__ import annotations

import numpy as np
from conftest import click, finished, press, until
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest

from desktop_app.window import Window
from engine.data import digits
from engine.request import Branch, Request


def test_what_pulls_is_shown_and_follows_the_step_and_the_sample(drive) -> None:
    async def scenario(window: Window) -> None:
        generate = window.generate
        strip = generate.training_images
        assert not strip.isVisible(), "nothing is enlarged"
        generate.controls.seed_locked = True  # else the second run has another
        for name, value in {"model": "digits-ideal", "condition": 4, "count": 2, "steps": 6}.items():
            generate.controls.set(name, value)
        press(window, Qt.Key.Key_Return, Qt.KeyboardModifier.ControlModifier)
        await finished(generate.timeline.lanes[0])
        await until(lambda: strip.isVisible() and strip.values.get("place") == 6)
        assert strip.values["weights"][0] > 0.99, "at the end one image is left: it memorises"
        images, labels = digits.load("train")
        nearest = strip.values["numbers"][0]
        assert labels[nearest] == 4
        np.testing.assert_array_equal(strip.images[0][..., 0], images[nearest])
        shown = generate.timeline.lanes[0].pictures("denoised", 6)[0, ..., 0].astype(int)
        assert abs(shown - images[nearest]).max() <= 2
        press(window, Qt.Key.Key_Home)
        await until(lambda: strip.values["place"] == 0)
        assert strip.values["effective"] > 100, "in pure noise nearly all pull alike"
        press(window, Qt.Key.Key_End)
        await until(lambda: strip.values["place"] == 6)
        tile = generate.grid.tiles()[1]
        click(generate.grid, tile.center())
        await until(lambda: strip.sample == 1 and strip.values.get("numbers", [nearest])[0] != nearest)
        generate.controls.set("model", "digits")
        QTest.keyClick(window, Qt.Key.Key_Return, Qt.KeyboardModifier.ControlModifier)
        await finished(generate.timeline.lanes[0])
        await until(lambda: strip.isVisible() and "distances" in strip.values and strip.values["place"] == 6)
        distances, numbers = strip.values["distances"], strip.values["numbers"]
        assert distances == sorted(distances)
        assert distances[0] > 0.02, "it is not a copy"
        assert labels[numbers[0]] == 4
        shown = generate.timeline.lanes[0].pictures("denoised", 6)[1, ..., 0] / 127.5
        apart = np.sqrt(((shown - images[numbers] / 127.5) ** 2).mean((1, 2)))
        np.testing.assert_allclose(apart, distances, atol=0.01)
        assert "Nearest to sample 2 among 60,000" in strip.heading()
        press(window, Qt.Key.Key_Escape)
        await until(lambda: not strip.isVisible())
        assert generate.grid.enlarged == -1
        press(window, Qt.Key.Key_E)
        await until(lambda: strip.isVisible() and "sample 1 " in (strip.heading() if strip.values else ""))
        press(window, Qt.Key.Key_E)
        await until(lambda: generate.grid.enlarged == 1)
        press(window, Qt.Key.Key_E)
        assert generate.grid.enlarged == -1, "after the last sample all"
        press(window, Qt.Key.Key_E, Qt.KeyboardModifier.ShiftModifier)
        assert generate.grid.enlarged == 1

    drive(scenario)


def test_before_a_branch_they_are_those_of_the_run_it_has_left(drive) -> None:
    """A branch may have another model: each step asks what its own model is asked, and nothing stale is shown."""

    async def scenario(window: Window) -> None:
        generate = window.generate
        strip = generate.training_images
        parent = Request(model="digits", count=2, steps=4, seed=1, condition=4)
        generate.show_again([parent])
        run = await finished(generate.timeline.lanes[0])
        generate.branch(run, Request(model="digits-ideal", condition=4, count=2, steps=2, start=Branch(parent, 2)))
        branch = await finished(generate.tree.selected)
        generate.grid.enlarge(1)
        generate.timeline.seek(3)
        await until(lambda: "weights" in strip.values)
        generate.timeline.seek(1)
        assert not strip.values, "what pulled at the branch is gone at once"
        await until(lambda: "distances" in strip.values and strip.values["place"] == 1)
        assert branch.owner(1)[0] is run

    drive(scenario)
