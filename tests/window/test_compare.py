"""Compare: two lanes, the same starting noise, one scrubber aligned by σ."""

from __future__ import annotations

import asyncio

import numpy as np
import pytest
from conftest import choose, click, finished, move, press, until
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QWidget

from desktop_app.theme import theme
from desktop_app.widgets.lane_pair import difference
from desktop_app.window import Window
from engine.request import Request

UNDO = Qt.KeyboardModifier.ControlModifier
REDO = UNDO | Qt.KeyboardModifier.ShiftModifier


async def run_all(window: Window):
    """Click the button and wait for all lanes."""
    click(window.compare.inspector.button)
    return [await finished(run) for run in window.compare.timeline.lanes]


def test_it_opens_with_the_ode_beside_the_sde_and_one_click_runs_both(drive) -> None:
    async def scenario(window: Window) -> None:
        QTest.keyClick(window, Qt.Key.Key_3, Qt.KeyboardModifier.ControlModifier)
        compare = window.compare
        assert window.current is compare
        assert [controls["lam"] for controls in compare.controls] == [0.0, 1.0]
        click(compare.empty.button)
        a, b = [await finished(run) for run in compare.timeline.lanes]
        assert (a.status, b.status) == ("finished", "finished")
        np.testing.assert_array_equal(a.noisy[0], b.noisy[0], "the same starting noise")
        assert (a.denoised[-1] != b.denoised[-1]).mean() > 0.05
        assert (compare.panels[0].kind.text(), compare.panels[0].differs.text()) == ("ODE", "λ = 0")
        assert (compare.panels[1].kind.text(), compare.panels[1].differs.text()) == ("SDE", "λ = 1")
        press(window, Qt.Key.Key_Home)
        for panel, run in zip(compare.panels, (a, b), strict=False):
            np.testing.assert_array_equal(panel.grid.pictures, run.denoised[0])
        click(compare.modes.button("difference"))
        assert not compare.pair.difference.pictures.any(), "at the first step both lanes are still the same"
        press(window, Qt.Key.Key_End)
        np.testing.assert_array_equal(compare.pair.difference.pictures, difference(a.denoised[-1], b.denoised[-1]))
        assert compare.pair.difference.pictures.any()

    drive(scenario)


def test_lanes_with_different_steps_are_aligned_by_sigma(drive) -> None:
    async def scenario(window: Window) -> None:
        window.open("compare")
        compare = window.compare
        compare.controls[0].set("count", 1)
        compare.controls[0].set("steps", 6)
        compare.controls[1].set("steps", 30)
        compare.controls[1].set("spacing", "uniform_logsnr")
        a, b = await run_all(window)
        timeline = compare.timeline
        assert timeline.leader is b
        assert timeline.length == 30
        for position in range(31):
            timeline.seek(position)
            sigma = b.sigma(position)
            at = timeline.frame_of(a)
            if sigma == 0.0:
                assert at == 6, "the results stand beside each other"
                continue
            gaps = [abs(np.log(a.sigma(k) / sigma)) for k in range(6)]
            assert gaps[at] == min(gaps)

    drive(scenario)


def test_seed_and_count_are_shared_and_a_lane_can_be_copied(drive) -> None:
    async def scenario(window: Window) -> None:
        window.open("compare")
        compare = window.compare
        click(compare.lane_choice.button("1"))
        assert compare.inspector.controls is compare.controls[1]
        compare.controls[1].set("seed", 99)
        compare.controls[1].set("count", 5)
        assert compare.controls[0]["seed"] == 99
        assert compare.controls[0]["count"] == 5
        compare.controls[0].set("steps", 7)
        click(compare.copy)
        assert compare.controls[1].request() == compare.controls[0].request()
        assert "no difference" in compare.panels[1].differs.text()
        await asyncio.sleep(0)

    drive(scenario)


def test_c_sends_a_request_to_compare(drive) -> None:
    async def scenario(window: Window) -> None:
        for name, value in {"condition": 4, "count": 2, "steps": 4, "seed": 12}.items():
            window.generate.controls.set(name, value)
        press(window, Qt.Key.Key_C)
        assert window.current is window.compare
        a, b = [await finished(run) for run in window.compare.timeline.lanes]
        assert a.request == Request(condition=4, count=2, steps=4, seed=12, noise="path")
        assert b.request == a.request.replace(lam=1.0)

    drive(scenario)


def test_what_is_sent_twice_runs_with_its_seed_twice(drive) -> None:
    async def scenario(window: Window) -> None:
        sent = Request(count=1, steps=1, seed=12)
        window.generate.controls.take(sent)
        sends = {
            "C": lambda: press(window, Qt.Key.Key_C),
            "from the gallery": lambda: window.open_requests([sent], "compare"),
            "a cloud": lambda: window.show_request(sent.replace(model="moons", particles=8)),
        }
        for how, send in sends.items():
            for _ in range(2):
                window.open("generate")
                send()
                runs = [await finished(run) for run in window.compare.timeline.lanes]
                assert [run.request.seed for run in runs] == [12, 12], how
        await run_all(window)
        assert window.compare.controls[0]["seed"] != 12, "run again by hand, with a seed that is not locked"

    drive(scenario)


def test_the_seed_is_locked_from_any_lane(drive) -> None:
    async def scenario(window: Window) -> None:
        window.open("compare")
        compare = window.compare
        for name, value in {"count": 1, "steps": 1, "seed": 5}.items():
            compare.controls[0].set(name, value)
        lock = compare.inspector.fields["seed"].lock
        click(compare.lane_choice.button("1"))
        click(lock)
        assert [controls.seed_locked for controls in compare.set.all] == [True] * 4
        for _ in range(2):
            runs = await run_all(window)
            assert [run.request.seed for run in runs] == [5, 5]
        window.current.bar.track.setFocus()
        press(window, Qt.Key.Key_R)
        assert compare.controls[0]["seed"] != 5, "asked for by hand"
        assert lock.isChecked()
        assert all(controls.seed_locked for controls in compare.set.all)
        press(window, Qt.Key.Key_L)
        assert not any(controls.seed_locked for controls in compare.set.all)
        click(compare.lane_choice.button("0"))
        assert not lock.isChecked()

    drive(scenario)


@pytest.mark.parametrize(
    ("sent", "beside"),
    [
        (Request(sampler="ddpm"), Request(sampler="ddpm", lam=0.0)),
        (Request(sampler="heun"), Request(lam=1.0)),
        (Request(sampler="heun", churn=5.0), Request(lam=0.0)),
        (Request(sampler="rk45"), Request(lam=1.0)),
        (Request(sampler="langevin"), Request(lam=0.0)),
        (Request(sigmas=(5.0, 1.0), clip=1.0), Request(sigmas=(5.0, 1.0), clip=1.0, lam=1.0)),
    ],
)
def test_what_is_sent_is_compared_with_the_other_side_of_lambda(drive, sent: Request, beside: Request) -> None:
    async def scenario(window: Window) -> None:
        window.compare.receive([sent])
        a, b = (controls.request() for controls in window.compare.controls)
        assert a == (sent.replace(noise="path") if window.compare.controls[0].has("noise") else sent)
        assert b == beside.replace(noise="path")
        await asyncio.sleep(0)

    drive(scenario)


def test_lanes_follow_one_brownian_path_unless_switched_off(drive) -> None:
    async def scenario(window: Window) -> None:
        window.open("compare")
        compare = window.compare
        noise = [controls["noise"] for controls in compare.controls]
        assert noise == ["path", "path"]
        assert "noise" not in compare.inspector.fields, "one control for one thing"
        assert "one path in log σ" in compare.noise.text()
        compare.controls[0].set("count", 1)
        a, b = await run_all(window)
        assert (a.request.noise, b.request.noise) == ("path", "path")
        click(compare.path)
        assert [controls["noise"] for controls in compare.controls] == ["step", "step"]
        assert "Step k takes draw k" in compare.noise.text()
        click(compare.path)
        choose(compare.inspector.fields["sampler"].box, "RK45 (adaptive)")
        assert [controls["noise"] for controls in compare.controls] == ["step", "path"]
        compare.controls[1].set("sampler", "unipc")
        assert not compare.path.isEnabled()
        assert "None of these samplers" in compare.noise.text()
        choose(compare.inspector.fields["sampler"].box, "DDPM")
        assert compare.controls[0]["noise"] == "path", "a new sampler follows, too"
        a, b = await run_all(window)
        assert (a.status, b.status) == ("finished", "finished")
        assert "Sampler = DDPM" in compare.panels[0].differs.text()
        assert (compare.panels[0].kind.text(), compare.panels[1].kind.text()) == ("SDE", "ODE")
        click(compare.path)

    async def again(window: Window) -> None:
        assert not window.compare.path.isChecked(), "remembered"
        assert window.compare.controls[0]["noise"] == "step"
        await asyncio.sleep(0)

    drive(scenario)
    drive(again)


def test_long_differences_are_cut_and_told_in_full(drive) -> None:
    async def scenario(window: Window) -> None:
        window.resize(1024, 680)
        window.open("compare")
        request = Request(sampler="dpmpp_2m_sde", noise_interval=(0.1, 5.0), schedule="vp_cosine_discrete", clip=1.0)
        window.compare.controls[0].take(request.replace(count=1, steps=2))
        await run_all(window)
        assert window.width() == 1024
        panel = window.compare.panels[0]
        assert panel.differs.width() < panel.differs.fontMetrics().horizontalAdvance(panel.differs.text())
        assert panel.differs.width() < panel.width()
        assert panel.differs.toolTip() == panel.differs.text()
        assert panel.differs.text().count(" = ") == 5
        panel.grab()

    drive(scenario)


def test_lanes_take_turns(drive) -> None:
    """Step by step; where the machine is busy, the first may be a step ahead before the engine hears of the second."""

    async def scenario(window: Window) -> None:
        window.open("compare")
        window.compare.controls[0].set("count", 1)
        click(window.compare.inspector.button)
        a, b = window.compare.timeline.lanes
        ahead = []

        def note(_: object) -> None:
            if a.frames and b.frames and not (a.over or b.over):
                ahead.append(a.frames - b.frames)

        for run in (a, b):
            run.stepped.connect(note)
        await until(lambda: a.over and b.over)
        assert len(ahead) > 20
        assert max(ahead) - min(ahead) <= 2, "between a step ahead and a step behind"
        assert max(ahead) <= 4

    drive(scenario)


@pytest.mark.parametrize("size", [(1024, 680), (1920, 1200)])
def test_nothing_is_cut_off(drive, size: tuple[int, int]) -> None:
    """Every label that is shown has the room that its text wants."""

    async def scenario(window: Window) -> None:
        from PySide6.QtWidgets import QLabel, QPushButton

        window.resize(*size)
        for name in window.workspaces:
            window.open(name)
            if name == "compare":
                window.compare.controls[0].set("count", 1)
                await run_all(window)
            await asyncio.sleep(0.05)
            visible = [
                w for kind in (QLabel, QPushButton) for w in window.findChildren(kind) if w.isVisible() and w.text()
            ]
            cut = [
                w.text()
                for w in visible
                if w.width() < w.minimumSizeHint().width() and not getattr(w, "wordWrap", bool)()
            ]
            assert not cut
        assert (window.width(), window.height()) == size

    drive(scenario)


# --- two to four lanes ---


def pick(window: Window, preset: str) -> None:
    """Choose a preset from the menu, by mouse."""
    menu = window.compare.preset.menu()
    action = next(action for action in menu.actions() if action.text() == preset)
    menu.popup(window.mapToGlobal(window.rect().center()))  # a click on the button would wait for the menu's end
    click(menu, menu.actionGeometry(action).center())
    assert not menu.isVisible()


def test_every_preset_runs_and_differs_in_what_it_says(drive) -> None:
    differing = {
        "ODE against SDE": {"lam"},
        "10 against 100 steps": {"steps"},
        "Order 1 against 2": {"order"},
        "Guidance 0, 1, 2, 4": {"guidance"},
        "DDIM against DDPM": {"sampler", "order", "lam"},
        "What did the network learn that the formula does not?": {"model"},
    }

    async def scenario(window: Window) -> None:
        window.open("compare")
        compare = window.compare
        compare.controls[0].set("count", 1)
        compare.controls[0].set("steps", 3)
        assert [action.text() for action in compare.preset.menu().actions()] == list(differing)
        for preset, fields in differing.items():
            pick(window, preset)
            runs = [await finished(run) for run in compare.timeline.lanes]
            requests = [run.request for run in runs]
            assert [run.status for run in runs] == ["finished"] * compare.set.count
            assert set(compare.set.differing(requests)) <= fields
            assert len(set(requests)) == len(requests) == compare.set.count
            noise = {run.noisy[0].tobytes() for run in runs}
            assert len(noise) == 1, "the same starting noise"
            drawn = [curve for curve in compare.chart.curves if curve]
            assert len(drawn) == compare.set.count - 1
        assert compare.chart.measure == "correlation"
        assert all(abs(value) <= 1.0 + 1e-9 for curve in compare.chart.curves for _, value in curve)

    drive(scenario)


def test_lanes_are_added_and_removed_by_mouse(drive) -> None:
    async def scenario(window: Window) -> None:
        window.open("compare")
        compare = window.compare
        compare.controls[0].set("count", 1)
        for controls in compare.controls:
            controls.set("steps", 3)
        assert not compare.less.isEnabled()
        click(compare.lane_choice.button("1"))
        click(compare.more)
        compare.controls[2].set("steps", 5)
        click(compare.more)
        assert (compare.set.count, compare.chosen) == (4, 3)
        assert not compare.more.isEnabled()
        runs = await run_all(window)
        assert [run.steps for run in runs] == [3, 3, 5, 5]
        assert "N = 5" in compare.panels[3].differs.text()
        click(compare.panels[2])
        assert compare.chosen == 2, "a click on a lane shows its controls"
        click(compare.less)
        assert [run.steps for run in compare.timeline.lanes] == [3, 3, 5]
        assert compare.panels[2].isVisible()
        assert not compare.panels[3].isVisible()
        click(compare.less)
        assert not compare.less.isEnabled()
        window._save_settings()

    async def again(window: Window) -> None:
        assert window.compare.set.count == 2
        await asyncio.sleep(0)

    drive(scenario)
    drive(again)


def test_a_lane_that_is_brought_back_has_its_run_again(drive) -> None:
    """The one in the middle: those behind it move up, and down again; and once more by redo."""

    async def scenario(window: Window) -> None:
        window.open("compare")
        compare = window.compare
        compare.controls[0].seed_locked = True
        compare.controls[0].set("count", 2)
        click(compare.more)
        for steps, controls in zip((3, 4, 5), compare.controls, strict=True):
            controls.set("steps", steps)
            controls.set("condition", 3)
        a, b, c = await run_all(window)
        pictures = np.array(b.denoised[-1])
        await until(lambda: len(compare.judging.shares) == 3)
        await asyncio.sleep(0.5)  # what is changed later is another step
        click(compare.lane_choice.button("1"))
        click(compare.less)
        assert compare.timeline.lanes == [a, c]
        press(window, Qt.Key.Key_Z, UNDO)
        assert [run.steps for run in (await every(compare, 3))] == [3, 4, 5]
        first, again, last = compare.timeline.lanes
        assert (first, last) == (a, c), "they were there"
        np.testing.assert_array_equal(again.denoised[-1], pictures)
        assert len(compare.apart.curves["distance"][1]) > 0
        await until(lambda: len(compare.judging.shares) == 3)
        press(window, Qt.Key.Key_Z, REDO)
        assert compare.timeline.lanes == [a, c]
        press(window, Qt.Key.Key_Z, UNDO)
        await every(compare, 3)
        compare.controls[2].set("steps", 9)
        await asyncio.sleep(0.5)
        click(compare.more)
        await asyncio.sleep(0.5)
        press(window, Qt.Key.Key_Z, UNDO)
        assert [run.steps for run in compare.timeline.lanes] == [3, 4, 5], "what never ran does not, the rest stays"
        press(window, Qt.Key.Key_Z, REDO)
        assert (compare.set.count, len(compare.timeline.lanes)) == (4, 3)

    async def every(compare, count: int):
        assert len(compare.timeline.lanes) == count
        return [await finished(run) for run in compare.timeline.lanes]

    drive(scenario)


def test_wipe_and_flip_show_a_and_the_other(drive) -> None:
    async def scenario(window: Window) -> None:
        window.open("compare")
        compare = window.compare
        compare.controls[0].set("count", 1)
        a, b = await run_all(window)
        click(compare.modes.button("wipe"))
        wipe = compare.pair.wipe
        await until(lambda: not wipe.tiles()[0].isEmpty())
        tile = wipe.tiles()[0]
        for share in (0.25, 0.75):
            place = tile.topLeft() + (tile.bottomRight() - tile.topLeft()) * share
            QTest.mousePress(wipe, Qt.MouseButton.LeftButton, pos=tile.center())
            move(wipe, tile.center() + (place - tile.center()) / 2, Qt.MouseButton.LeftButton)
            move(wipe, place, Qt.MouseButton.LeftButton)
            QTest.mouseRelease(wipe, Qt.MouseButton.LeftButton, pos=place)
            assert abs(wipe.share - share) < 0.02
        assert wipe.enlarged == -1, "a drag is no click"
        shown = wipe.grab(tile).toImage()
        scale = tile.width() // 28
        for column, picture in ((7, a), (27, b)):
            for row in range(28):
                grey = shown.pixelColor(column * scale + scale // 2, row * scale + scale // 2).red()
                assert grey == picture.denoised[-1][0, row, column, 0]
        click(compare.modes.button("flip"))
        np.testing.assert_array_equal(compare.pair.flip.pictures, a.denoised[-1])
        window.current.bar.track.setFocus()
        QTest.keyPress(window.focusWidget(), Qt.Key.Key_Space)
        np.testing.assert_array_equal(compare.pair.flip.pictures, b.denoised[-1])
        assert not compare.timeline.playing
        QTest.keyRelease(window.focusWidget(), Qt.Key.Key_Space)
        np.testing.assert_array_equal(compare.pair.flip.pictures, a.denoised[-1])
        click(compare.modes.button("side"))
        window.current.bar.track.setFocus()
        press(window, Qt.Key.Key_Space)
        assert compare.timeline.playing

    drive(scenario)


def test_a_flip_ends_where_space_cannot_be_released(drive) -> None:
    """Space is held while another workspace is shown, or another window; its release is not seen in this one."""

    async def scenario(window: Window) -> None:
        window.open("compare")
        compare = window.compare
        for name, value in {"count": 1, "steps": 1}.items():
            compare.controls[0].set(name, value)
        a, b = await run_all(window)
        click(compare.modes.button("flip"))

        def hold() -> None:
            window.current.bar.track.setFocus()
            QTest.keyPress(window.focusWidget(), Qt.Key.Key_Space)
            np.testing.assert_array_equal(compare.pair.flip.pictures, b.denoised[-1])

        hold()
        press(window, Qt.Key.Key_1, Qt.KeyboardModifier.ControlModifier)
        QTest.keyRelease(window.focusWidget(), Qt.Key.Key_Space)
        press(window, Qt.Key.Key_3, Qt.KeyboardModifier.ControlModifier)
        np.testing.assert_array_equal(compare.pair.flip.pictures, a.denoised[-1])
        hold()
        other = QWidget()
        other.show()
        other.activateWindow()
        await until(lambda: not window.isActiveWindow())
        np.testing.assert_array_equal(compare.pair.flip.pictures, a.denoised[-1])
        other.close()

    drive(scenario)


def test_the_chart_is_the_distance_between_the_lanes_and_scrubs(drive) -> None:
    async def scenario(window: Window) -> None:
        window.open("compare")
        compare = window.compare
        compare.controls[0].set("count", 3)
        a, b = await run_all(window)
        (curve,) = compare.apart.curves["distance"]
        assert len(curve) == sum(0 < a.sigma(k) < np.inf for k in range(a.steps))
        for k in (0, 7, 19):
            x, y = (run.denoised[k].astype(float) / 127.5 - 1 for run in (a, b))
            assert curve[k] == pytest.approx((np.log(a.sigma(k)), np.sqrt(np.mean((x - y) ** 2))))
        click(compare.chart.measures.button("correlation"))
        (curve,) = compare.chart.curves
        x, y = (run.denoised[12].reshape(3, -1).astype(float) for run in (a, b))
        assert curve[12][1] == pytest.approx(np.mean([np.corrcoef(x[i], y[i])[0, 1] for i in range(3)]))
        for share in (0.2, 0.6):
            chart = compare.chart
            place = chart.rect().center()
            place.setX(int(56 + share * (chart.width() - 96)))
            click(chart, place)
            first, last = np.log(a.sigma(0)), np.log(a.sigma(a.steps - 1))
            sigma = np.exp(first + share * (last - first))
            assert compare.timeline.position == a.nearest(sigma)

    drive(scenario)


def test_pictures_are_let_go_once_they_are_compared(drive) -> None:
    """Lanes of 30, 6 and 30 steps: every point of the curves is right, and no lane keeps more than its last place."""

    async def scenario(window: Window) -> None:
        window.open("compare")
        compare = window.compare
        compare.controls[0].set("count", 2)
        compare.choose(compare.set.add(1))
        for controls, steps in zip(compare.controls, (30, 6, 30), strict=True):
            controls.set("steps", steps)
        a, *others = await run_all(window)
        for curve, other in zip(compare.apart.curves["distance"], others, strict=True):
            longer, shorter = (other, a) if other.steps == 30 else (a, other)
            levels = [k for k in range(shorter.steps) if np.isfinite(shorter.sigma(k))]
            assert len(curve) == len(levels)
            for (place, value), k in zip(curve, levels, strict=True):
                sigma = shorter.sigma(k)
                x, y = longer.denoised[longer.nearest(sigma)].astype(float), shorter.denoised[k].astype(float)
                assert (place, value) == pytest.approx((np.log(sigma), np.sqrt(np.mean((x - y) ** 2)) / 127.5))
        for kept in compare.apart._kept.values():
            assert len(kept) <= 1
            assert all(pictures.dtype == np.uint8 for pictures in kept.values())

    drive(scenario)


def test_the_chart_is_painted_with_few_looks_at_its_points(drive) -> None:
    """As many for a thousand points as for one: the time of a painting grows as their number does."""
    looks = []

    class Curve(list):
        def __iter__(self):
            looks.append(self)
            return super().__iter__()

    async def scenario(window: Window) -> None:
        window.open("compare")
        chart = window.compare.chart
        await run_all(window)
        for measure in ("distance", "correlation"):
            curve = Curve((4.0 - 0.01 * k, -0.5) for k in range(1000))
            chart.apart.curves[measure] = [curve]
            chart.choose(measure)
            looks.clear()
            chart.grab()
            assert 1 <= len(looks) <= 4

    drive(scenario)


def test_pictures_and_points_are_not_laid_over_each_other(drive) -> None:
    async def scenario(window: Window) -> None:
        window.open("compare")
        compare = window.compare
        for controls in compare.controls:
            controls.set("steps", 2)
        pages = {"wipe": compare.pair.wipe, "flip": compare.pair.flip, "difference": compare.pair.difference}
        await run_all(window)
        for mode, grid in pages.items():
            click(compare.modes.button(mode))
            assert grid.pictures is not None
        compare.controls[1].set("model", "moons")
        _, b = await run_all(window)
        assert b.status == "finished"
        for mode, grid in pages.items():
            click(compare.modes.button(mode))
            assert grid.isVisible()
            assert grid.pictures is None, "none of before"
            words = "A and B cannot be laid over each other: one makes pictures, the other points."
            assert compare.pair._notes[mode].text() == words

    drive(scenario)


def test_a_difference_wears_the_theme(drive) -> None:
    async def scenario(window: Window) -> None:
        window.open("compare")
        compare = window.compare
        a, b = await run_all(window)
        click(compare.modes.button("difference"))
        for choice in ("light", "dark"):
            theme().choose(choice)
            np.testing.assert_array_equal(compare.pair.difference.pictures, difference(a.denoised[-1], b.denoised[-1]))
            assert theme().colour("ode").name() in compare.pair._notes["difference"].text()

    drive(scenario)


def test_clouds_are_lanes_too(drive) -> None:
    """Points of the plane beside each other: the distance to the truth is told, the distance to lane A is drawn."""

    async def scenario(window: Window) -> None:
        window.open("compare")
        compare = window.compare
        box = compare.inspector.fields["model"].box
        for lane in "01":
            click(compare.lane_choice.button(lane))
            await asyncio.sleep(0.5)  # what is typed later begins a new search
            QTest.keyClicks(box, "Two")
            assert box.currentText() == "Two Gaussians"
            click(compare.inspector.fields["condition"].chip(1))
        for controls in compare.controls:
            controls.set("steps", 12)
        a, b = await run_all(window)
        assert (a.status, b.status) == ("finished", "finished")
        np.testing.assert_allclose(a.places[0], b.places[0], err_msg="the same starting noise")
        assert a.places.shape == (13, 2000, 2)
        for panel, run in zip(compare.panels, (a, b), strict=False):
            assert panel.cloud.isVisible()
            np.testing.assert_array_equal(panel.cloud.clouds[0][0], run.places[12])
            assert panel.quality.text() == f"{run.distance[12]:.3f} from pₜ"
        (curve,) = compare.apart.curves["distance"]
        apart = np.sqrt(np.mean((a.places[6].astype(float) - b.places[6]) ** 2))
        assert curve[6] == pytest.approx((np.log(a.sigma(6)), apart))
        click(compare.modes.button("difference"))
        assert compare.pair.clouds.isVisible()
        assert len(compare.pair.clouds.clouds) == 2
        click(compare.modes.button("flip"))
        window.current.bar.track.setFocus()
        QTest.keyPress(window.focusWidget(), Qt.Key.Key_Space)
        np.testing.assert_array_equal(compare.pair.clouds.clouds[0][0], b.places[12])
        QTest.keyRelease(window.focusWidget(), Qt.Key.Key_Space)
        np.testing.assert_array_equal(compare.pair.clouds.clouds[0][0], a.places[12])
        compare.controls[0].set("steps", 2)
        compare.controls[0].set("particles", 50_000)
        compare.controls[0].set("sampler", "annealed_langevin")
        compare.controls[0].set("steps", 1000)
        first, _ = await run_all(window)
        assert first.status == "failed", "too many positions"
        assert "particles" in first.error.message

    drive(scenario)


@pytest.mark.parametrize(("model", "why"), [("moons", "pictures and points"), ("emoji", "pictures of different sizes")])
def test_the_chart_says_why_it_is_empty(drive, model: str, why: str) -> None:
    async def scenario(window: Window) -> None:
        window.open("compare")
        compare = window.compare
        compare.controls[0].set("count", 1)
        assert compare.apart.why == "Run the lanes to see how far they part."
        compare.controls[0].set("steps", 2)
        compare.controls[1].set("model", model)
        runs = await run_all(window)
        assert [run.status for run in runs] == ["finished", "finished"]
        assert not any(compare.apart.curves["distance"])
        assert compare.apart.why == f"There is no distance between {why}."
        compare.controls[1].take(compare.controls[0].request().replace(lam=1.0))
        await run_all(window)
        assert compare.apart.curves["distance"][0]

    drive(scenario)


def test_each_lane_says_how_many_of_its_images_are_what_was_asked_for(drive) -> None:
    async def scenario(window: Window) -> None:
        window.open("compare")
        compare = window.compare
        for controls in compare.controls:
            controls.set("condition", 3)
        compare.controls[1].set("guidance", 0.0)
        a, b = await run_all(window)
        await until(lambda: len(compare.judging.shares) == 2)
        assert compare.judging.shares[a] > 0.85
        assert compare.judging.shares[b] < 0.6, "without guidance it is any digit"
        assert compare.panels[0].quality.text() == f"{100 * compare.judging.shares[a]:.0f} % agree"

    drive(scenario)


def test_only_the_controls_of_what_differs_are_shown(drive) -> None:
    async def scenario(window: Window) -> None:
        window.open("compare")
        compare = window.compare

        def shown() -> set[str]:
            return {name for name, control in compare.inspector.fields.items() if control.isVisible()}

        before = shown()
        assert {"lam", "steps", "condition", "seed"} <= before
        click(compare.only)
        assert shown() == {"lam"}
        compare.controls[1].set("steps", 7)
        compare.controls[1].set("condition", 2)
        assert shown() == {"lam", "steps", "condition"}
        click(compare.lane_choice.button("1"))
        assert shown() == {"lam", "steps", "condition"}
        click(compare.only)
        assert shown() == before
        await asyncio.sleep(0)

    drive(scenario)
