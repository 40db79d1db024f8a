"""Lab 2D in the real window with the real worker: distributions, time, λ and the other controls, the layers."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from conftest import choose, click, kill, press, until
from lab_driving import NONE, move, opened, settled, slide, typed
from PySide6.QtCore import QPoint, Qt
from PySide6.QtTest import QTest

from desktop_app.window import Window
from engine.catalog import DISTRIBUTIONS
from engine.request import Request


def test_the_first_opening_plays_moons_and_ends_in_them(drive) -> None:
    async def scenario(window: Window) -> None:
        assert window.lab is None, "its plots are imported when it is first opened"
        lab = await opened(window)
        assert lab.controls[0]["model"] == "moons"
        assert lab.timeline.position == lab.timeline.length == 50
        cloud, view = lab.lab.clouds[0], lab.stage.planes[0].view
        assert cloud.places.shape == (51, 2000, 2)
        np.testing.assert_array_equal(view.particles.places, cloud.places[-1])
        assert cloud.distance[-1] < 0.06, "the cloud is the distribution: two exact ones are some 0.03 apart"
        assert lab.lab.field is not None
        cells = lab.lab.field.density
        assert cells.sum() * (6 / len(cells)) ** 2 == pytest.approx(1.0, abs=0.03)
        assert lab.stage.readout.values["σ"].text() == "0"
        assert lab.stage.readout.values["log-SNR"].text() == "∞"

    drive(scenario)


def test_nothing_plays_unseen(drive) -> None:
    """The lab is made before it is wanted; its first look waits until then, and ends when something else is shown."""

    async def scenario(window: Window) -> None:
        window.make("lab")
        lab = window.lab
        assert lab is not None
        await until(lambda: lab.timeline.lanes)
        await settled(lab)
        assert lab.timeline.following, "it has not played"
        press(window, Qt.Key.Key_2, Qt.KeyboardModifier.ControlModifier)
        await until(lambda: lab.timeline.playing)
        lab.timeline.set_mode(loop=True)
        press(window, Qt.Key.Key_1, Qt.KeyboardModifier.ControlModifier)
        assert not lab.timeline.playing
        press(window, Qt.Key.Key_2, Qt.KeyboardModifier.ControlModifier)
        await settled(lab)
        assert not lab.timeline.playing, "the first look is had once"

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
        assert lab.stage.planes[0].stroke.kind[0]
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
        view, state = lab.stage.planes[0].view, lab.lab
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


def test_time_is_scrubbed_on_the_track_and_played_both_ways(drive) -> None:
    async def scenario(window: Window) -> None:
        lab = await opened(window)
        track, timeline = lab.bar.track, lab.timeline
        leader = timeline.leader

        def at(index: int) -> QPoint:
            return QPoint(round(track.place_px(leader, index)), track.height() // 2)

        QTest.mousePress(track, Qt.MouseButton.LeftButton, NONE, at(50))
        for index in (40, 25, 12):
            move(track, at(index))
            assert timeline.position == index
            np.testing.assert_array_equal(lab.stage.planes[0].view.particles.places, lab.lab.clouds[0].places[index])
        QTest.mouseRelease(track, Qt.MouseButton.LeftButton, NONE, at(12))
        await settled(lab)
        t, alpha, std = lab.lab.level
        texts = {name: value.text() for name, value in lab.stage.readout.values.items()}
        assert texts["t"] == f"{t:.4f}"
        assert texts["α"] == f"{alpha:.4f}"
        assert float(texts["σ"]) == pytest.approx(std / alpha, rel=1e-3)
        assert float(texts["log-SNR"].replace("−", "-")) == pytest.approx(-2 * np.log(std / alpha), rel=1e-3)
        assert float(texts["β"]) > 0
        for direction, end in (("reverse", 50), ("forward", 0)):
            click(lab.direction.button(direction))
            timeline.seek(25)
            click(lab.bar.play)
            assert timeline.playing
            await until(lambda: not timeline.playing)
            assert timeline.position == end

    drive(scenario)


def test_a_field_that_comes_late_does_not_take_the_place_of_the_one_that_is_known(drive) -> None:
    async def scenario(window: Window) -> None:
        lab = await opened(window)
        lab.timeline.seek(30)
        await settled(lab)
        state, level = lab.lab, lab.lab.level
        state._fields = type(state._fields)(
            {key: field for key, field in state._fields.items() if field.level == level}
        )
        lab.timeline.seek(8)
        await until(lambda: state.latest.is_busy("field"))
        lab.timeline.seek(30)
        assert state.field.level == level
        await until(lambda: not state.latest.is_busy("field"))
        assert len(state._fields) > 1, "the other has come"
        assert state.field.level == level

    drive(scenario)


def test_every_control_recomputes_the_cloud(drive) -> None:
    """Steps, sampler, schedule, spacing, particles and the seed, by the mouse and by typing."""

    async def scenario(window: Window) -> None:
        lab = await opened(window)
        fields, cloud = lab.inspector.fields, lab.lab.clouds[0]
        typed(lab, "steps", "12")
        await settled(lab)
        assert cloud.places.shape == (13, 2000, 2)
        slide(fields["steps"].slider, 0.2, 0.4)  # type: ignore[attr-defined]
        await settled(lab)
        assert cloud.steps == lab.controls[0]["steps"] != 12
        typed(lab, "particles", "500")
        await settled(lab)
        assert cloud.places.shape[1] == 500
        choose(fields["sampler"].box, "Heun (EDM)")  # type: ignore[attr-defined]
        await settled(lab)
        assert cloud.request.sampler == "heun"
        assert cloud.nfe[-1] == 2 * cloud.steps - 1
        choose(fields["spacing"].box, "Uniform in t")  # type: ignore[attr-defined]
        click(lab.inspector.more["REVERSE PROCESS"].head)
        choose(fields["schedule"].box, "VP cosine")  # type: ignore[attr-defined]
        await settled(lab)
        assert (cloud.request.spacing, cloud.request.schedule) == ("uniform_t", "vp_cosine")
        before = cloud.places
        click(lab.inspector.button)
        await until(lambda: cloud.request.seed == lab.controls[0]["seed"] != 0)
        assert not np.array_equal(cloud.places[0], before[0]), "new noise"
        await settled(lab)
        assert not window.toasts.shown

    drive(scenario)


def test_layers_have_switches_that_are_remembered(drive) -> None:
    async def scenario(window: Window) -> None:
        lab = await opened(window)
        view = lab.stage.planes[0].view
        for name, row in lab.panel.layers.items():
            before = row.switch.isChecked()
            click(row)
            assert (view.axes_shown if name == "axes" else view.layers[name].shown) is not before, name
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


def test_the_legend_names_the_classes(drive) -> None:
    async def scenario(window: Window) -> None:
        lab = await opened(window)
        click(lab.panel.layers["data"])
        texts = [entry.text for entry in lab.stage.planes[0].view.legend.entries]
        assert {"data, upper", "data, lower"} <= set(texts)
        assert not any("class" in text for text in texts)
        click(lab.panel.tiles.tiles["gaussian"])
        await settled(lab)
        assert "data" in [entry.text for entry in lab.stage.planes[0].view.legend.entries]

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


def test_the_window_opens_without_the_plots() -> None:
    code = "import sys, desktop_app.window; print(*(name in sys.modules for name in sys.argv[1:]))"
    command = [sys.executable, "-c", code, "pyqtgraph", "desktop_app.workspaces.lab"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False", "False"]
