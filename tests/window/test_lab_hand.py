"""The hand in the plane of Lab 2D: the probe, by mouse and by keys, and the timeline that the keys else are of."""

from __future__ import annotations

import numpy as np
import pytest
from conftest import press, until
from lab_driving import NONE, SHIFT, hit, move, opened, place, settled, stroke
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest

from desktop_app.window import Window


def test_a_click_probes_and_the_probe_follows_its_path(drive) -> None:
    async def scenario(window: Window) -> None:
        lab = await opened(window)
        lab.timeline.seek(30)
        await settled(lab)
        hit(lab, 0.5, 0.4)
        await settled(lab)
        probe = lab.lab.probe
        assert probe is not None
        assert probe.put[0] == 30
        assert probe.put[1] == pytest.approx((0.5, 0.4), abs=0.02)
        assert probe.values["weights_sum"] == pytest.approx(1.0, abs=1e-4)
        assert probe.path.shape == (51, 2)
        np.testing.assert_allclose(probe.path[30], probe.put[1], atol=1e-5)
        assert probe.fan.shape == (32, 21, 2)
        lab.timeline.step(1)
        await settled(lab)
        assert lab.stage.planes[0].view.probe.probe.point == pytest.approx(tuple(probe.path[31]))
        assert probe.fan.shape == (32, 20, 2), "the fan begins where the probe is"
        stroke(lab, (0.5, 0.4), (0.8, 0.5), (1.0, -0.5))
        await settled(lab)
        assert lab.lab.probe.put[1] == pytest.approx((1.0, -0.5), abs=0.02), "it can be dragged"
        hit(lab, 1.5, 1.0, SHIFT)
        await settled(lab)
        assert lab.timeline.position == 0
        assert lab.lab.probe.put[0] == 0, "at the noise end"
        press(window, Qt.Key.Key_Escape)
        assert lab.lab.probe is None

    drive(scenario)


def test_a_probe_that_is_dragged_takes_everything_along(drive) -> None:
    """Score, weights, path and fan are those of where it ends, and its sum of weights is 1."""

    async def scenario(window: Window) -> None:
        lab = await opened(window)
        lab.timeline.seek(25)
        await settled(lab)
        viewport = lab.stage.planes[0].view.canvas.viewport()
        QTest.mousePress(viewport, Qt.MouseButton.LeftButton, NONE, place(lab, -1.0, 0.5))
        seen = []
        for x in np.linspace(-0.9, 1.2, 12):
            move(viewport, place(lab, float(x), 0.5))
            await until(lambda: tuple(lab.lab.probe.values.get("score", ())) not in ((), *seen))
            seen.append(tuple(lab.lab.probe.values["score"]))
        QTest.mouseRelease(viewport, Qt.MouseButton.LeftButton, NONE, place(lab, 1.2, 0.5))
        await settled(lab)
        probe, drawn = lab.lab.probe, lab.stage.planes[0].view.probe.probe
        assert len(set(seen)) == 12, "it follows while it is dragged"
        assert probe.put[1] == pytest.approx((1.2, 0.5), abs=0.02)
        assert float(probe.weights.sum()) == pytest.approx(1.0, abs=1e-4)
        np.testing.assert_allclose(probe.path[25], probe.put[1], atol=1e-5)
        np.testing.assert_allclose(probe.fan[:, 0], np.tile(probe.put[1], (32, 1)), atol=1e-5)
        assert drawn.point == pytest.approx(probe.put[1])
        assert drawn.score == pytest.approx(tuple(probe.values["score"]))
        pulled = (probe.weights[:, None] * probe.targets).sum(0)
        np.testing.assert_allclose(pulled, probe.values["denoised"], atol=1e-4, err_msg="D is their mean")

    drive(scenario)


def test_the_arrow_keys_are_the_timelines_unless_the_probe_is_held(drive) -> None:
    async def scenario(window: Window) -> None:
        lab = await opened(window)
        view = lab.stage.planes[0].view
        lab.timeline.seek(30)
        await settled(lab)
        hit(lab, 0.5, 0.5)
        view.setFocus()
        press(window, Qt.Key.Key_Right)
        press(window, Qt.Key.Key_Left, SHIFT)
        assert lab.timeline.position == 21, "one on, ten back: the probe moves along its path"
        await settled(lab)
        press(window, Qt.Key.Key_Return)
        assert view.probe.held
        before = view.probe.probe.point
        press(window, Qt.Key.Key_Right)
        press(window, Qt.Key.Key_Up)
        assert view.probe.probe.point == pytest.approx((before[0] + 0.05, before[1] + 0.05), abs=1e-4)
        assert lab.timeline.position == 21
        await settled(lab)
        press(window, Qt.Key.Key_Escape)
        assert lab.lab.probe is not None, "let go, not taken away"
        press(window, Qt.Key.Key_Right)
        assert lab.timeline.position == 22
        press(window, Qt.Key.Key_Return)
        lab.bar.track.setFocus()
        assert not view.probe.held, "another focus lets go"
        view.setFocus()
        press(window, Qt.Key.Key_Delete)
        assert lab.lab.probe is None
        press(window, Qt.Key.Key_Right)
        assert lab.timeline.position == 23
        press(window, Qt.Key.Key_Return)
        assert view.probe.held, "dropped, and held"

    drive(scenario)
