"""Every sampler can be chosen, shows its own fields and no others, and generates."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from conftest import choose, click, finished, until
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QWidget

from desktop_app.widgets.combo_box import HEADING, ComboBox
from desktop_app.window import Window
from engine.catalog import NOISES, SAMPLERS, SCHEDULES, SPACINGS
from engine.request import OPTIONS, Request

FIELDS_OF_SAMPLERS = [*OPTIONS, "sigmas"]


def settle(window: Window, **values: Any) -> None:
    """Set controls of Generate without a click."""
    for name, value in values.items():
        assert window.generate.controls.set(name, value), name


def shown(window: Window) -> set[str]:
    """The fields of samplers whose controls are there; those under “More” count where it is folded away, too."""
    return {name for name in FIELDS_OF_SAMPLERS if not window.generate.inspector.fields[name].isHidden()}


def test_every_sampler_generates_with_its_own_fields(drive) -> None:
    """Chosen in turn in one window, so that the engine starts once."""

    async def generate(window: Window, name: str) -> None:
        workspace, sampler = window.generate, SAMPLERS[name]
        choose(workspace.inspector.fields["sampler"].box, sampler.label)
        settle(window, seed=0)
        assert workspace.controls.request() == Request(count=2, steps=3, sampler=name)
        assert shown(window) == {*sampler.options, *(["order"] if len(sampler.orders) > 1 else [])}
        assert sampler.help in workspace.inspector.fields["sampler"].toolTip()
        click(workspace.inspector.button)
        run = await finished(workspace.timeline.lanes[0])
        assert run.status == "finished", run.error
        assert run.request.sampler == name
        assert run.frames == len(run.levels) == run.steps + 1
        assert workspace.timeline.position == workspace.timeline.length == run.steps
        assert run.denoised[-1].shape == (2, 28, 28, 1)
        for axis in ("step", "logsigma"):
            click(workspace.bar.axis.button(axis))
            places = [workspace.bar.track.place(run, k) for k in range(run.frames)]
            assert places == sorted(places)
            assert places[0] >= 0.0
            assert places[-1] <= 1.0
        window.grab()
        assert not window.toasts.shown

    async def scenario(window: Window) -> None:
        settle(window, count=2, steps=3)
        for name in [*SAMPLERS, "bridge"]:
            try:
                await generate(window, name)
            except AssertionError as error:
                raise AssertionError(f"with the sampler {name}: {error}") from error

    drive(scenario)


def test_what_is_above_a_field_does_not_move(drive) -> None:
    async def scenario(window: Window) -> None:
        fields = window.generate.inspector.fields
        above = [fields[name] for name in ("model", "condition", "count", "seed", "sampler")]
        places = [control.mapTo(window, control.rect().topLeft()) for control in above]
        for sampler in SAMPLERS:
            settle(window, sampler=sampler)
            await asyncio.sleep(0)
            assert [control.mapTo(window, control.rect().topLeft()) for control in above] == places

    drive(scenario)


def test_a_sampler_brings_its_own_and_keeps_what_both_know(drive) -> None:
    async def scenario(window: Window) -> None:
        controls, fields = window.generate.controls, window.generate.inspector.fields
        settle(window, noise="path", noise_interval=(0.1, 5.0), lam=0.3)
        choose(fields["sampler"].box, "DDPM")
        assert controls["lam"] == 1.0
        assert fields["lam"].edit.text() == "1"
        assert controls["noise"] == "path"
        choose(fields["sampler"].box, "Heun (EDM)")
        assert controls["noise_interval"] == (0.1, 5.0)
        choose(fields["sampler"].box, "UniPC")
        assert controls.request() == Request(sampler="unipc")
        choose(fields["sampler"].box, "Bridge (λ family)")
        assert controls.request() == Request()
        assert fields["lam"].edit.text() == "0"
        assert fields["lam"].slider.value() == 0
        await asyncio.sleep(0)

    drive(scenario)


def test_lambda_keys_say_where_there_is_none(drive) -> None:
    async def scenario(window: Window) -> None:
        settle(window, sampler="unipc")
        window.generate.bar.track.setFocus()
        QTest.keyClick(window, Qt.Key.Key_BracketRight)
        assert window.toasts.shown[-1].message == "UniPC has no stochasticity λ."
        await asyncio.sleep(0)

    drive(scenario)


@pytest.mark.parametrize(
    ("sampler", "name", "typed", "value", "wrong"),
    [
        ("ddim_eta", "eta", "0.75", 0.75, "1.5"),
        ("heun", "churn", "12.5", 12.5, "-1"),
        ("rk45", "tolerance", "1e-5", 1e-5, "0.5"),
        ("annealed_langevin", "langevin_steps", "7", 7, "0"),
        ("annealed_langevin", "step_size", "0,05", 0.05, "2"),
        ("langevin", "sigma", "1.25", 1.25, "many"),
    ],
)
def test_options_are_typed_and_wrong_ones_refused(
    drive, sampler: str, name: str, typed: str, value: float, wrong: str
) -> None:
    async def scenario(window: Window) -> None:
        settle(window, sampler=sampler)
        controls, control = window.generate.controls, window.generate.inspector.fields[name]
        for text in (typed, wrong):
            control.edit.setFocus()
            control.edit.selectAll()
            QTest.keyClicks(control.edit, text)
            QTest.keyClick(control.edit, Qt.Key.Key_Return)
            assert controls[name] == value
        said = window.toasts.shown[-1].message
        assert said == f"{control.field.label} must be {control.field.allowed}, not “{wrong}”."
        QTest.keyClick(control.edit, Qt.Key.Key_Up)
        assert controls[name] > value
        control.slider.setValue(control.slider.minimum())
        assert controls[name] == pytest.approx((control.field.usual or (control.field.minimum,))[0])
        await asyncio.sleep(0)

    drive(scenario)


def test_a_logarithmic_field_goes_by_factors(drive) -> None:
    async def scenario(window: Window) -> None:
        settle(window, sampler="rk45")
        edit = window.generate.inspector.fields["tolerance"].edit
        seen = []
        for key in (Qt.Key.Key_Down, Qt.Key.Key_Down, Qt.Key.Key_PageUp, Qt.Key.Key_PageDown, Qt.Key.Key_PageDown):
            QTest.keyClick(edit, key)
            seen.append(window.generate.controls["tolerance"])
        assert seen == [0.00079, 0.00063, 0.0063, 0.00063, 0.000063]
        assert edit.text() == "6.3e-5"
        await asyncio.sleep(0)

    drive(scenario)


def test_orders_are_those_of_the_sampler(drive) -> None:
    async def scenario(window: Window) -> None:
        segments = window.generate.inspector.fields["order"].segments
        assert [order for order in "125" if segments.button(order).isVisible()] == ["1", "2"]
        click(segments.button("1"))
        assert window.generate.controls["order"] == 1
        await asyncio.sleep(0)

    drive(scenario)


@pytest.mark.parametrize("size", [(1024, 680), (1280, 820)])
def test_no_entry_of_a_list_is_cut_off(drive, size: tuple[int, int]) -> None:
    async def scenario(window: Window) -> None:
        window.resize(*size)
        await asyncio.sleep(0)
        fields = window.generate.inspector.fields
        for name in ("sampler", "spacing", "schedule", "noise", "guide", "model"):
            box: ComboBox = fields[name].box
            for index in range(box.count()):
                assert box.fontMetrics().horizontalAdvance(box.itemText(index)) <= fields[name].width() - 30
                if name not in ("sampler", "guide"):
                    assert box.fontMetrics().horizontalAdvance(box.itemText(index)) <= box.width() - 30
                assert box.itemData(index, HEADING) or box.help_of(index).endswith("."), box.itemText(index)
        everything = {"sampler": SAMPLERS, "spacing": SPACINGS, "schedule": SCHEDULES, "noise": NOISES}
        for name, choices in everything.items():
            assert {c.label for c in choices.values()} <= {fields[name].box.itemText(i) for i in range(40)}

    drive(scenario)


def test_everything_fits_into_the_inspector(drive) -> None:
    """No control is wider than the panel, with all that can be shown."""

    async def scenario(window: Window) -> None:
        inspector = window.generate.inspector
        inspector.unfold(list(inspector.more))
        for sampler in SAMPLERS:
            settle(window, sampler=sampler)
            if sampler != "langevin":
                settle(window, spacing="explicit")
            await asyncio.sleep(0)
            for control in inspector.fields.values():
                for widget in (control, *control.findChildren(QWidget)):
                    if widget.isVisible() and widget.parentWidget().isVisible():
                        right = widget.mapTo(inspector, widget.rect().topRight()).x()
                        assert right < inspector.width() - 15, (sampler, control.name)

    drive(scenario)


def test_listed_levels(drive) -> None:
    """“Explicit” begins with the levels there are; the list says the steps; leaving it gives them back."""

    async def scenario(window: Window) -> None:
        settle(window, count=1, steps=6)
        controls, fields = window.generate.controls, window.generate.inspector.fields
        assert fields["sigmas"].isHidden()
        choose(fields["spacing"].box, "Explicit")
        edit = fields["sigmas"].edit
        assert edit.isVisible()
        assert [float(word) for word in edit.toPlainText().split()] == list(controls["sigmas"])
        assert controls["sigmas"] == pytest.approx([80, 24.4083, 5.83892, 0.965413, 0.0851, 0.002], rel=1e-3)
        assert not fields["steps"].isEnabled()
        assert "as many steps as noise levels" in fields["steps"].toolTip()
        for text, wanted in (("30, 2 0.5;0.1", (30.0, 2.0, 0.5, 0.1)), ("5\n1 .2\n", (5.0, 1.0, 0.2))):
            edit.setFocus()
            edit.selectAll()
            QTest.keyClicks(edit, text.replace("\n", " "))
            QTest.keyClick(edit, Qt.Key.Key_Return)
            assert controls["sigmas"] == wanted
            assert fields["steps"].edit.text() == str(len(wanted))
        click(window.generate.inspector.button)
        run = await finished(window.generate.timeline.lanes[0])
        assert [run.sigma(k) for k in range(4)] == [5.0, 1.0, 0.2, 0.0]
        for wrong in ("1 2 3", "3 two 1", "3 3 1", "0", "", "2000000 1"):
            edit.setFocus()
            edit.selectAll()
            QTest.keyClick(edit, Qt.Key.Key_Delete)
            QTest.keyClicks(edit, wrong)
            shown = len(window.toasts.shown)
            QTest.keyClick(edit, Qt.Key.Key_Return)
            assert controls["sigmas"] == (5.0, 1.0, 0.2)
            assert edit.property("invalid")
            assert edit.toPlainText() == wrong, "it can be mended"
            assert len(window.toasts.shown) == min(shown + 1, 4)
            said = window.toasts.shown[-1].message
            assert said.startswith("Noise levels must be 1 to 1000 falling noise levels σ")
        choose(fields["spacing"].box, "Trailing")
        assert controls.request() == Request(count=1, steps=6, spacing="trailing")
        assert fields["sigmas"].isHidden()
        assert fields["steps"].isEnabled()

    drive(scenario)


def test_levels_of_every_schedule_can_be_listed_and_run(drive) -> None:
    async def scenario(window: Window) -> None:
        for schedule in (None, *SCHEDULES):
            for spacing in ("karras", "uniform_t"):
                settle(window, count=1, steps=4, schedule=schedule, spacing=spacing)
                settle(window, spacing="explicit")
                click(window.generate.inspector.button)
                run = await finished(window.generate.timeline.lanes[0])
                assert run.status == "finished", (schedule, spacing, run.error)
                assert run.steps == len(run.request.sigmas)
                assert 3 <= run.steps <= 4  # two levels above what the model knows are listed as one
                settle(window, spacing="karras")

    drive(scenario)


def test_langevin_leaves_listed_levels(drive) -> None:
    async def scenario(window: Window) -> None:
        settle(window, steps=7, spacing="explicit")
        choose(window.generate.inspector.fields["sampler"].box, "Langevin at one level")
        assert window.generate.controls.request() == Request(steps=7, sampler="langevin")
        assert not window.generate.inspector.fields["spacing"].isEnabled()
        await until(lambda: True)

    drive(scenario)
