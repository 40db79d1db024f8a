"""Lab 2D in the real window with the real worker, by mouse and keyboard."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from conftest import choose, click, kill, press, until
from PIL import Image
from PySide6.QtCore import QPoint, QPointF, Qt
from PySide6.QtGui import QImage
from PySide6.QtSvg import QSvgRenderer
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QPushButton, QWidget

from desktop_app.state.lab_painting import ERASER, Painting
from desktop_app.window import Window
from desktop_app.workspaces.lab import LabWorkspace
from engine.catalog import DISTRIBUTIONS
from engine.request import Request

CONTROL, SHIFT, NONE = (
    Qt.KeyboardModifier.ControlModifier,
    Qt.KeyboardModifier.ShiftModifier,
    Qt.KeyboardModifier.NoModifier,
)


async def opened(window: Window) -> LabWorkspace:
    """The lab, once it has played by itself to the end."""
    QTest.keyClick(window, Qt.Key.Key_2, CONTROL)
    lab = window.lab
    assert lab is not None
    assert window.current is lab
    await until(lambda: lab.timeline.playing, "it plays by itself")
    lab.timeline.set_mode(speed=4.0)
    await until(lambda: not lab.timeline.playing)
    await settled(lab)
    return lab


async def settled(lab: LabWorkspace) -> None:
    """Nothing is asked any more, and what is drawn is of the shown level."""
    state = lab.lab

    def quiet() -> bool:
        channels = ("cloud-0", "cloud-1", "field", "data", "points", "probe", "line")
        busy = any(state.latest.is_busy(channel) for channel in channels)
        return not busy and not state._changing.isActive() and not state._settling.isActive()

    await until(lambda: quiet() and state.field is not None and state.field.level == state.level)
    await asyncio.sleep(0.05)
    await until(quiet)


def hit(lab: LabWorkspace, x: float, y: float, keys: Qt.KeyboardModifier = NONE, plane: int = 0) -> None:
    """A click on the plane at x̄."""
    canvas = lab.planes[plane].view.canvas
    QTest.mouseClick(canvas.viewport(), Qt.MouseButton.LeftButton, keys, place(lab, x, y, plane))


def place(lab: LabWorkspace, x: float, y: float, plane: int = 0) -> QPoint:
    return lab.planes[plane].view.canvas.to_px(QPointF(x, y)).toPoint()


def stroke(lab: LabWorkspace, *points: tuple[float, float]) -> None:
    """A drag of the left button along points x̄."""
    viewport = lab.planes[0].view.canvas.viewport()
    places = [place(lab, x, y) for x, y in points]
    QTest.mousePress(viewport, Qt.MouseButton.LeftButton, NONE, places[0])
    for at in places[1:]:
        QTest.mouseMove(viewport, at)
    QTest.mouseRelease(viewport, Qt.MouseButton.LeftButton, NONE, places[-1])


def test_the_first_opening_plays_moons_and_ends_in_them(drive) -> None:
    async def scenario(window: Window) -> None:
        assert window.lab is None, "its plots are imported when it is first opened"
        lab = await opened(window)
        assert lab.controls[0]["model"] == "moons"
        assert lab.timeline.position == lab.timeline.length == 50
        cloud, view = lab.lab.clouds[0], lab.planes[0].view
        assert cloud.places.shape == (51, 2000, 2)
        np.testing.assert_array_equal(view.particles.places, cloud.places[-1])
        assert cloud.distance[-1] < 0.06, "the cloud is the distribution: two exact ones are some 0.03 apart"
        assert lab.lab.field is not None
        cells = lab.lab.field.density
        assert cells.sum() * (6 / len(cells)) ** 2 == pytest.approx(1.0, abs=0.03)
        assert lab.readout.values["σ"].text() == "0"
        assert lab.readout.values["log-SNR"].text() == "∞"

    drive(scenario)


def test_every_distribution_can_be_clicked(drive) -> None:
    async def scenario(window: Window) -> None:
        lab = await opened(window)
        assert len(DISTRIBUTIONS) >= 10
        await until(lambda: not any(tile.points.isEmpty() for tile in lab.panel.tiles.tiles.values()))
        for name in ("three-points", "tree", "checkerboard"):
            tile = lab.panel.tiles.tiles[name]
            click(tile)
            await settled(lab)
            assert lab.lab.clouds[0].request.model == name
            assert tile.isChecked()
            assert lab.summary.text() == DISTRIBUTIONS[name].label
            assert lab.lab.clouds[0].distance[-1] < 0.1

    drive(scenario)


def test_the_cloud_follows_lambda_and_stays_at_its_level(drive) -> None:
    async def scenario(window: Window) -> None:
        lab = await opened(window)
        lab.timeline.seek(30)
        await settled(lab)
        slider = lab.inspector.fields["lam"].slider  # type: ignore[attr-defined]
        middle = QPoint(slider.width() // 2, 9)
        before = lab.lab.clouds[0].places
        QTest.mouseClick(slider, Qt.MouseButton.LeftButton, NONE, middle)
        assert lab.controls[0]["lam"] == pytest.approx(1.0, abs=0.1)
        await settled(lab)
        cloud = lab.lab.clouds[0]
        assert cloud.request.lam == lab.controls[0]["lam"], "the latest wins"
        np.testing.assert_array_equal(cloud.places[0], before[0], "the same noise to begin with")
        assert np.abs(cloud.places[-1] - before[-1]).max() > 0.5
        assert lab.timeline.position == 30
        assert lab.planes[0].stroke.stochastic
        sigma = cloud.sigma(30)
        lab.controls[0].set("steps", 100)
        await settled(lab)
        assert lab.timeline.length == 100
        assert cloud.sigma(lab.timeline.position) == pytest.approx(sigma, rel=0.2), "the same level of other steps"
        press(window, Qt.Key.Key_BracketLeft)
        assert lab.controls[0]["lam"] == pytest.approx(cloud.request.lam - 0.05)

    drive(scenario)


def test_dragging_lambda_asks_for_the_latest_only(drive) -> None:
    async def scenario(window: Window) -> None:
        lab = await opened(window)
        asked = []
        lab.lab.latest.answered.connect(lambda channel, values, _: asked.append(channel))
        for value in np.linspace(0.05, 2.0, 40):
            lab.controls[0].set("lam", round(float(value), 2))
            await asyncio.sleep(0)
        await settled(lab)
        assert lab.lab.clouds[0].request.lam == 2.0
        assert asked.count("cloud-0") < 40

    drive(scenario)


def test_the_forward_process_is_scrubbed_and_played_towards_the_noise(drive) -> None:
    async def scenario(window: Window) -> None:
        lab = await opened(window)
        lab.controls[0].set("schedule", "flow")  # of which x is not x̄
        await settled(lab)
        click(lab.direction.button("forward"))
        view, state = lab.planes[0].view, lab.lab
        np.testing.assert_allclose(view.data.places, state.points, atol=1e-6, err_msg="without noise: the data")
        lab.timeline.seek(25)
        _, alpha, std = state.clouds[0].levels[25]
        expected = (alpha * state.points + std * state.noise) / np.hypot(alpha, std)
        np.testing.assert_allclose(view.data.places, expected, atol=1e-5)
        press(window, Qt.Key.Key_Home)
        np.testing.assert_allclose(view.data.places, state.clouds[0].places[0], atol=0.02, err_msg="one noise for both")
        lab.timeline.seek(lab.timeline.length)
        seen = []
        lab.timeline.moved.connect(lambda: seen.append(lab.timeline.position))
        press(window, Qt.Key.Key_Space)
        assert lab.timeline.playing
        await until(lambda: not lab.timeline.playing)
        assert lab.timeline.position == 0
        assert seen == sorted(seen, reverse=True)

    drive(scenario)


def test_layers_have_switches_that_are_remembered(drive) -> None:
    async def scenario(window: Window) -> None:
        lab = await opened(window)
        view = lab.planes[0].view
        for name, row in lab.panel.layers.items():
            before = row.switch.isChecked()
            click(row)
            assert view.layers[name].shown is not before, name
        click(lab.panel.log)
        assert view.density.log
        click(lab.panel.arrows.button("denoised"))
        assert view.arrows.mode == "denoised"

    async def again(window: Window) -> None:
        lab = await opened(window)
        assert lab.panel.on("contours")
        assert not lab.panel.on("particles")
        assert lab.panel.on("log")

    drive(scenario)
    drive(again)


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
        assert lab.planes[0].view.probe.probe.point == pytest.approx(tuple(probe.path[31]))
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


def test_split_shows_the_ode_beside_the_sde_over_the_same_noise(drive) -> None:
    async def scenario(window: Window) -> None:
        lab = await opened(window)
        press(window, Qt.Key.Key_C)
        await settled(lab)
        a, b = lab.timeline.lanes
        assert (a.request.lam, b.request.lam) == (0.0, 1.0)
        np.testing.assert_array_equal(a.places[0], b.places[0], "the same noise")
        assert (lab.planes[0].kind.text(), lab.planes[1].kind.text()) == ("ODE", "SDE")
        assert lab.planes[1].differs.text() == "λ = 1"
        assert len(a.distance) == len(b.distance) == 51
        click(lab.lane_choice.button("1"))
        lab.controls[1].set("steps", 10)
        lab.controls[1].set("seed", 5)
        await settled(lab)
        assert lab.controls[0]["seed"] == 5, "shared"
        assert b.steps == 10
        for position in (0, 20, 40, 50):
            lab.timeline.seek(position)
            there = [lab.planes[lane].view.particles.places for lane in (0, 1)]
            np.testing.assert_array_equal(there[0], a.places[position])
            np.testing.assert_array_equal(there[1], b.places[lab.timeline.frame_of(b)])
        QTest.mouseClick(lab.chart, Qt.MouseButton.LeftButton, NONE, QPoint(52, 60))
        assert lab.timeline.position == 0
        press(window, Qt.Key.Key_C)
        await settled(lab)
        assert lab.timeline.lanes == [a]

    drive(scenario)


def test_points_are_painted_erased_undone_and_become_the_distribution(drive) -> None:
    async def scenario(window: Window) -> None:
        lab = await opened(window)
        make = lab.own.make
        click(make.paint)
        click(make.paint)
        assert "Nothing is painted yet" in window.toasts.shown[-1].message
        assert lab.controls[0]["model"] == "moons", "painting nothing changes nothing"
        click(make.paint)
        stroke(lab, (-1.0, 1.0), (0.0, 1.0), (1.0, 1.0))
        await settled(lab)
        first = len(lab.own.painting.points)
        assert first > 20
        assert lab.controls[0]["model"].startswith("points-")
        np.testing.assert_allclose(lab.lab.clouds[0].places[-1][:, 1].mean(), 1.0, atol=0.1)
        stroke(lab, (0.0, -1.0), (0.5, -1.0))
        second = len(lab.own.painting.points)
        assert second > first
        window.activateWindow()  # offscreen a tooltip takes this away, and with it the shortcuts
        await until(window.isActiveWindow)
        press(window, Qt.Key.Key_Z, CONTROL)
        assert len(lab.own.painting.points) == first
        press(window, Qt.Key.Key_Z, CONTROL | SHIFT)
        assert len(lab.own.painting.points) == second
        click(make.tools.button("eraser"))
        stroke(lab, (0.0, -1.0), (0.25, -1.0), (0.5, -1.0))
        assert first <= len(lab.own.painting.points) < second
        await settled(lab)
        assert lab.panel.tiles.tiles[lab.controls[0]["model"]].isChecked()
        click(make.paint)
        hit(lab, 0.0, 0.5)
        assert lab.lab.probe is not None, "the hand is a probe again"

    drive(scenario)


def test_words_and_files_become_points(drive, tmp_path: Path) -> None:
    good, bad = tmp_path / "good.csv", tmp_path / "bad.csv"
    good.write_text("x,y\n" + "".join(f"{k % 10},{k // 10}\n" for k in range(100)))
    bad.write_text("x,y\n1,2\n3,nan\n")

    async def scenario(window: Window) -> None:
        lab = await opened(window)
        word = lab.own.make.word
        word.setFocus()
        QTest.keyClicks(word, "hi")
        QTest.keyClick(word, Qt.Key.Key_Return)
        await until(lambda: lab.controls[0]["model"].startswith("points-"))
        named = lab.controls[0]["model"]
        assert "hi" in window.toasts.shown[-1].message
        lab.own.take_file(bad)
        await until(lambda: lab.own._reading is not None and lab.own._reading.done())
        assert "bad.csv" in window.toasts.shown[-1].message
        assert lab.controls[0]["model"] == named, "nothing is lost"
        lab.own.take_file(tmp_path / "vanished.csv")
        await until(lambda: lab.own._reading.done())
        assert "vanished.csv" in window.toasts.shown[-1].message
        lab.own.take_file(good)
        await until(lambda: lab.controls[0]["model"] != named)
        await settled(lab)
        assert len(np.unique(lab.lab.points, axis=0)) == 100
        assert not [toast for toast in window.toasts.shown if "wrong" in toast.message]

    async def again(window: Window) -> None:
        lab = await opened(window)
        assert lab.controls[0]["model"].startswith("points-"), "kept, and remembered"
        assert len(lab.panel.tiles.tiles) == len(DISTRIBUTIONS) + 1

    drive(scenario)
    drive(again)


def test_a_network_learns_the_score_pauses_and_goes_on(drive) -> None:
    async def scenario(window: Window) -> None:
        lab = await opened(window)
        assert not lab.score.sources.button("learned").isEnabled()
        click(lab.score.button)
        await until(lambda: len(lab.learning.errors) >= 4)
        click(lab.score.button)
        await until(lambda: not lab.learning.running)
        steps, errors = lab.learning.steps[-1], lab.learning.errors
        assert errors[-1] < errors[0]
        assert lab.learning.name is not None
        await settled(lab)
        assert lab.lab.clouds[0].request.model == lab.learning.name, "the cloud is the network's"
        click(lab.score.sources.button("difference"))
        await settled(lab)
        assert lab.lab.field.error is not None
        assert lab.planes[0].view.scale.title == "‖ŝ − s‖"
        click(lab.score.button)
        await until(lambda: lab.learning.steps[-1] > steps)
        assert lab.learning.steps[-1] > steps, "it goes on where it was"
        click(lab.panel.tiles.tiles["ring"])
        await settled(lab)
        assert lab.learning.name is None
        assert lab.lab.source == "exact"

    async def closes_while_learning(window: Window) -> None:
        lab = await opened(window)
        click(lab.score.button)
        await until(lambda: lab.learning.errors)

    drive(scenario)
    drive(closes_while_learning)


def test_one_dimension_over_time(drive) -> None:
    async def scenario(window: Window) -> None:
        lab = await opened(window)
        click(lab.pages.button("line"))
        await settled(lab)
        image, ode, sde = lab.lab.line
        assert image.shape[0] == 51
        np.testing.assert_allclose(image.sum(1) * 6 / image.shape[1], 1.0, atol=0.02)
        assert len(ode) == len(sde) > 0
        canvas = lab.line.canvas
        QTest.mouseClick(canvas.viewport(), Qt.MouseButton.LeftButton, NONE, canvas.to_px(QPointF(20, 0)).toPoint())
        assert lab.timeline.position == 20
        click(lab.pages.button("one"))
        await settled(lab)
        np.testing.assert_array_equal(lab.planes[0].view.particles.places, lab.lab.clouds[0].places[20])

    drive(scenario)


def test_what_is_shown_can_be_saved(drive, tmp_path: Path) -> None:
    async def scenario(window: Window) -> None:
        lab = await opened(window)
        lab.controls[0].set("particles", 500)
        lab.controls[0].set("steps", 5)
        lab.controls[0].set("schedule", "flow")
        await settled(lab)
        for kind in ("png", "svg", "gif", "npz", "csv", "xyz"):
            lab.export.save(tmp_path / f"lab.{kind}")
            await until(lambda: lab.export.task.done())
        assert "must end in" in window.toasts.shown[-1].message
        cloud = lab.lab.clouds[0]
        with Image.open(tmp_path / "lab.png") as picture:
            assert Request.from_json(picture.info["scorescope"]) == cloud.request
            assert picture.size == (2 * lab.whole.width(), 2 * lab.whole.height())
        assert QSvgRenderer(str(tmp_path / "lab.svg")).isValid()
        with Image.open(tmp_path / "lab.gif") as animation:
            assert animation.n_frames == 6
        with np.load(tmp_path / "lab.npz", allow_pickle=False) as file:
            found = dict(file)
        sizes = np.hypot(*found["levels"][:, 1:].T)[:, None, None]
        np.testing.assert_allclose(found["x"] / sizes, cloud.places, atol=1e-6)
        assert json.loads(str(found["request"]))["model"] == "moons"
        table = np.loadtxt(tmp_path / "lab.csv", delimiter=",", skiprows=1)
        assert table.shape == (6 * 500, 7)
        np.testing.assert_allclose(table[-500:, 5:], found["x"][-1], rtol=1e-5, atol=1e-6)
        lab.export.save(tmp_path / "nowhere" / "lab.npz")
        await until(lambda: lab.export.task.done())
        assert "could not be saved" in window.toasts.shown[-1].message

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


def test_guidance_acts_where_there_are_classes(drive) -> None:
    async def scenario(window: Window) -> None:
        lab = await opened(window)
        click(lab.panel.tiles.tiles["crossing"])
        await settled(lab)
        fields = lab.inspector.fields
        assert not fields["guidance"].isEnabled()
        choose(fields["condition"].box, "Rising")  # type: ignore[attr-defined]
        assert fields["guidance"].isEnabled()
        await settled(lab)
        plain = lab.lab.clouds[0].places[-1]
        lab.controls[0].set("guidance", 3.0)
        await settled(lab)
        guided = lab.lab.clouds[0].places[-1]
        assert np.abs(guided).mean() > np.abs(plain).mean(), "guidance drives away from where the classes overlap"
        click(lab.panel.tiles.tiles["gaussian"])
        await settled(lab)
        assert not fields["condition"].isVisible()
        assert lab.lab.clouds[0].request.condition is None

    drive(scenario)


def test_one_step_and_one_particle_are_enough(drive) -> None:
    async def scenario(window: Window) -> None:
        lab = await opened(window)
        lab.controls[0].set("steps", 1)
        lab.controls[0].set("particles", 1)
        await settled(lab)
        assert lab.lab.clouds[0].places.shape == (2, 1, 2)
        press(window, Qt.Key.Key_Home)
        press(window, Qt.Key.Key_End)
        await settled(lab)
        assert not window.toasts.shown

    drive(scenario)


@pytest.mark.parametrize("sampler", ["heun", "rk45", "langevin", "annealed_langevin", "unipc", "euler"])
def test_every_kind_of_sampler_moves_the_cloud(drive, sampler: str) -> None:
    async def scenario(window: Window) -> None:
        lab = await opened(window)
        lab.controls[0].set("sampler", sampler)
        lab.controls[0].set("steps", 8)
        await settled(lab)
        assert lab.lab.clouds[0].request.sampler == sampler
        assert np.isfinite(lab.lab.clouds[0].places).all()
        assert not window.toasts.shown
        lab.timeline.seek(3)
        await settled(lab)

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
        for widget in (lab.panel, lab.whole, lab.readout):
            assert not widget.isVisible() or inside(widget, window)
        image = window.grab().toImage().convertToFormat(QImage.Format.Format_RGB32)
        assert not image.isNull()

    drive(scenario)


def inside(widget: QWidget, window: Window) -> bool:
    return window.rect().contains(widget.rect().translated(widget.mapTo(window, QPoint(0, 0))))


def test_the_lab_comes_back_after_the_engine_died(drive) -> None:
    async def scenario(window: Window) -> None:
        lab = await opened(window)
        kill(window.client.pid)
        await until(lambda: window.toasts.shown)
        lab.controls[0].set("lam", 1.0)
        await until(lambda: lab.lab.clouds[0].request.lam == 1.0)
        await settled(lab)
        assert lab.lab.clouds[0].distance[-1] < 0.08

    drive(scenario)


def test_points_whose_file_vanished_give_way_to_moons(drive, own_settings: Path) -> None:
    own_settings.mkdir()
    gone = Request(model="points-0123456789ab", count=1, particles=50, steps=5).to_dict()
    (own_settings / "settings.json").write_text(json.dumps({"requests": {"lab": gone}}))

    async def scenario(window: Window) -> None:
        lab = await opened(window)
        assert lab.controls[0]["model"] == "moons"
        assert lab.controls[0]["particles"] == 50
        assert "points-0123456789ab" in window.toasts.shown[0].message
        assert lab.summary.text() == "Two moons"

    drive(scenario)


def test_a_stroke_is_one_step_of_undoing(qapp) -> None:
    painting = Painting()
    painting.touch([(0.0, 0.0)], erase=False)
    painting.touch([(0.1, 0.0)], erase=False)
    painting.end()
    once = painting.points
    painting.touch([(1.0, 1.0)], erase=False)
    painting.end()
    assert len(painting.points) > len(once)
    painting.undo()
    np.testing.assert_array_equal(painting.points, once)
    painting.undo()
    assert not len(painting.points)
    assert not painting.can_undo
    painting.redo()
    painting.touch([(0.0, 0.0), (0.1, 0.0)], erase=True)
    assert (np.hypot(*painting.points.T) > ERASER).all()
    assert not painting.can_redo


def test_the_window_opens_without_the_plots() -> None:
    code = "import sys, desktop_app.window; print(*(name in sys.modules for name in sys.argv[1:]))"
    command = [sys.executable, "-c", code, "pyqtgraph", "desktop_app.workspaces.lab"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False", "False"]
