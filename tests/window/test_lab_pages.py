"""The pages of Lab 2D: two lanes, one dimension, the tour; at every size."""

from __future__ import annotations

import asyncio

import numpy as np
import pytest
from conftest import choose, click, press, until
from lab_driving import NONE, hit, move, opened, settled, slide, typed
from PySide6.QtCore import QPoint, QPointF, QRect, Qt
from PySide6.QtGui import QImage
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QPushButton, QWidget

from desktop_app.window import Window


def test_split_shows_the_ode_beside_the_sde_over_the_same_noise(drive) -> None:
    async def scenario(window: Window) -> None:
        lab = await opened(window)
        press(window, Qt.Key.Key_C)
        await settled(lab)
        a, b = lab.timeline.lanes
        assert (a.request.lam, b.request.lam) == (0.0, 1.0)
        np.testing.assert_array_equal(a.places[0], b.places[0], "the same noise")
        assert (lab.stage.planes[0].kind.text(), lab.stage.planes[1].kind.text()) == ("ODE", "SDE")
        assert lab.stage.planes[1].differs.text() == "λ = 1"
        assert len(a.distance) == len(b.distance) == 51
        click(lab.lane_choice.button("1"))
        lab.controls[1].set("steps", 10)
        lab.controls[1].set("seed", 5)
        await settled(lab)
        assert lab.controls[0]["seed"] == 5, "shared"
        assert b.steps == 10
        for position in (0, 20, 40, 50):
            lab.timeline.seek(position)
            there = [lab.stage.planes[lane].view.particles.places for lane in (0, 1)]
            np.testing.assert_array_equal(there[0], a.places[position])
            np.testing.assert_array_equal(there[1], b.places[lab.timeline.frame_of(b)])
        QTest.mouseClick(lab.stage.chart, Qt.MouseButton.LeftButton, NONE, QPoint(52, 60))
        assert lab.timeline.position == 0
        press(window, Qt.Key.Key_C)
        await settled(lab)
        assert lab.timeline.lanes == [a]

    drive(scenario)


def test_the_seed_is_locked_from_either_lane(drive) -> None:
    async def scenario(window: Window) -> None:
        lab = await opened(window)
        press(window, Qt.Key.Key_C)
        await settled(lab)
        seed = lab.controls[0]["seed"]
        click(lab.lane_choice.button("1"))
        click(lab.inspector.fields["seed"].lock)
        assert [controls.seed_locked for controls in lab.controls] == [True, True]
        press(window, Qt.Key.Key_Return, Qt.KeyboardModifier.ControlModifier)
        assert [controls["seed"] for controls in lab.controls] == [seed, seed]
        await settled(lab)

    drive(scenario)


def test_any_two_settings_are_split_and_charted(drive) -> None:
    """By the button; lane B is set in the inspector, the chart tells both distances and evaluations, and scrubs."""

    async def scenario(window: Window) -> None:
        lab = await opened(window)
        click(lab.pages.button("split"))
        await settled(lab)
        click(lab.lane_choice.button("1"))
        choose(lab.inspector.fields["sampler"].box, "Heun (EDM)")  # type: ignore[attr-defined]
        typed(lab, "steps", "20")
        await settled(lab)
        a, b = lab.lab.clouds
        assert (a.request.sampler, b.request.sampler) == ("bridge", "heun")
        assert b.nfe[-1] == 39
        planes = lab.stage.planes
        assert [plane.stroke.kind for plane in planes] == [(False, 0), (False, 2)], "both are ODEs, and look different"
        assert [plane.view.particles.colour for plane in planes] == ["ode", "lane_2"]
        assert all(0.0 < cloud.distance[-1] < 0.2 for cloud in (a, b))
        assert lab.stage.planes[1].cost.text().startswith("39 evals")
        chart = lab.stage.chart
        QTest.mousePress(chart, Qt.MouseButton.LeftButton, NONE, QPoint(chart.width() - 17, 60))
        move(chart, QPoint(chart.width() // 2, 60))
        assert 15 < lab.timeline.position < 35
        QTest.mouseRelease(chart, Qt.MouseButton.LeftButton, NONE, QPoint(chart.width() // 2, 60))
        await settled(lab)
        hit(lab, 0.5, 0.5, plane=1)
        assert lab.stage.planes[0].view.probe.probe is not None, "the probe is in both"

    drive(scenario)


def test_one_dimension_over_time(drive) -> None:
    async def scenario(window: Window) -> None:
        lab = await opened(window)
        click(lab.pages.button("line"))
        await settled(lab)
        image, ode, sde = lab.lab.line
        assert image.shape[0] == 51
        np.testing.assert_allclose(image.sum(1) * 6 / image.shape[1], 1.0, atol=0.02)
        assert len(ode) == len(sde) > 0
        canvas = lab.stage.line.view.canvas
        QTest.mouseClick(canvas.viewport(), Qt.MouseButton.LeftButton, NONE, canvas.to_px(QPointF(20, 0)).toPoint())
        assert lab.timeline.position == 20
        click(lab.pages.button("one"))
        await settled(lab)
        np.testing.assert_array_equal(lab.stage.planes[0].view.particles.places, lab.lab.clouds[0].places[20])

    drive(scenario)


def test_one_dimension_shows_what_is_chosen(drive) -> None:
    """Of a network, and under guidance, no density is known: it is that of the particles, and it says so."""

    async def scenario(window: Window) -> None:
        lab = await opened(window)
        click(lab.panel.tiles.tiles["crossing"])
        await settled(lab)
        click(lab.pages.button("line"))
        await settled(lab)
        line = lab.stage.line
        assert line.kind.text() == "Exact density"
        exact = lab.lab.line[0]
        choose(lab.inspector.fields["condition"].box, "Rising")  # type: ignore[attr-defined]
        slide(lab.inspector.fields["guidance"].slider, 0.1, 0.4)  # type: ignore[attr-defined]
        await settled(lab)
        assert lab.controls[0].request().guidance > 1.0
        await until(lambda: line.kind.text() == "2,000 particles")
        assert "guidance w = " in line.told.text()
        image, ode, sde = lab.lab.line
        assert (len(ode), len(sde)) == (20, 0)
        np.testing.assert_allclose(image.sum(1) * 6 / image.shape[1], 1.0, atol=0.02)
        np.testing.assert_array_equal(ode[3], lab.lab.clouds[0].places[:, 3, 0])
        choose(lab.inspector.fields["condition"].box, "Any")  # type: ignore[attr-defined]
        await settled(lab)
        await until(lambda: line.kind.text() == "Exact density")
        click(lab.pages.button("one"))
        click(lab.score.button)
        await until(lambda: len(lab.learning.errors) >= 6)
        click(lab.score.button)
        await until(lambda: not lab.learning.running)
        click(lab.pages.button("line"))
        await settled(lab)
        assert "learned" in line.told.text()
        image = lab.lab.line[0]
        assert np.abs(image[0] - exact[0]).sum() * 6 / 256 < 0.2, "of the same noise"

    drive(scenario)


def test_toasts_and_the_tour_do_not_cover_each_other(drive) -> None:
    async def scenario(window: Window) -> None:
        lab = await opened(window)
        toast = window.toasts.show("Saved as lab.png.")
        low = toast.geometry().bottom()

        def touch() -> bool:
            card = QRect(lab.tour.mapTo(window, QPoint(0, 0)), lab.tour.size())
            return any(shown.geometry().intersects(card) for shown in window.toasts.shown)

        click(lab.guide)
        assert not touch()
        click(lab.tour.forth)
        window.toasts.show("It is there already.")
        assert not touch()
        for page, size in (("split", (1100, 700)), ("one", (1300, 900))):
            lab.set_page(page)
            window.resize(*size)
            await until(lambda size=size: (window.width(), window.height()) == size and not touch())
        window.resize(1280, 820)
        window.toasts.shown[-1].close_me()
        click(lab.tour.skip)
        await until(lambda: toast.geometry().bottom() == low)
        click(lab.guide)
        window.open("generate")
        assert toast.geometry().bottom() == window.generate.floor - 17, "the tour is not seen there"

    drive(scenario)


def test_the_tour_has_five_cards_and_can_be_left(drive) -> None:
    async def scenario(window: Window) -> None:
        lab = await opened(window)
        click(lab.guide)
        seen = []
        for _ in range(5):
            seen.append(lab.tour.title.text())
            click(lab.tour.forth)
            await asyncio.sleep(0.02)
        assert len(set(seen)) == 5
        assert not lab.tour.isVisible()
        assert lab.page == "split"
        click(lab.guide)
        click(lab.tour.skip)
        assert not lab.tour.isVisible()

    drive(scenario)


@pytest.mark.parametrize("size", [(1024, 680), (1920, 1200)])
@pytest.mark.parametrize("page", ["one", "split", "line"])
def test_nothing_is_cut_off(drive, size: tuple[int, int], page: str) -> None:
    async def scenario(window: Window) -> None:
        window.resize(*size)
        lab = await opened(window)
        lab.set_page(page)
        await settled(lab)
        visible = [w for w in window.findChildren(QPushButton) if w.isVisible() and w.text()]
        assert not [w.text() for w in visible if w.width() < w.minimumSizeHint().width()]
        assert (window.width(), window.height()) == size
        for widget in (lab.panel, lab.stage.shown, lab.stage.readout):
            assert not widget.isVisible() or inside(widget, window)
        image = window.grab().toImage().convertToFormat(QImage.Format.Format_RGB32)
        assert not image.isNull()

    drive(scenario)


def inside(widget: QWidget, window: Window) -> bool:
    return window.rect().contains(widget.rect().translated(widget.mapTo(window, QPoint(0, 0))))
