"""What goes wrong is said in one sentence, and nothing is lost."""

from __future__ import annotations

import asyncio
import gc
import json
import os
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest
from conftest import click, finished, kill, until
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest

from desktop_app.display import XCB_LIBRARIES
from desktop_app.window import Window
from engine.catalog import RESOURCES


def test_a_killed_worker_is_back_within_three_seconds(drive) -> None:
    async def scenario(window: Window) -> None:
        window.generate.controls.set("steps", 1000)
        click(window.generate.inspector.button)
        run = window.generate.timeline.lanes[0]
        await until(lambda: run.frames > 5)
        before = window.client.pid
        died = time.monotonic()
        kill(before)
        await until(lambda: run.over)
        assert run.status == "failed"
        assert "engine stopped" in window.toasts.shown[0].message
        await until(lambda: window.client.is_ready and window.client.pid not in (0, before))
        back = time.monotonic() - died
        told = [toast.message for toast in window.toasts.shown]
        assert told == ["The engine stopped unexpectedly. It is being started again."], "once"
        window.generate.timeline.seek(3)
        assert (window.generate.grid.pictures == run.denoised[3]).all(), "what was received can still be scrubbed"
        window.generate.controls.set("steps", 2)
        click(window.generate.inspector.button)
        assert (await finished(window.generate.timeline.lanes[0])).status == "finished"
        print(f"the worker was back after {back:.2f} s")
        assert back < 3.0 or os.getloadavg()[0] > 2 * (os.cpu_count() or 1), "slow on a machine that is not busy"

    drive(scenario)


def test_fifty_starts_and_cancels_leave_nothing_behind(drive) -> None:
    async def scenario(window: Window) -> None:
        window.client.keep(1 << 20)  # what the history may hold is no leak
        window.generate.controls.set("steps", 1000)
        window.generate.controls.set("count", 4)

        async def start_and_cancel() -> None:
            click(window.generate.inspector.button)
            run = window.generate.timeline.lanes[0]
            await until(lambda: run.frames > 1)
            QTest.keyClick(window, Qt.Key.Key_Escape)
            assert run.status == "stopped"

        def census() -> tuple[int, int, int, int]:
            gc.collect()
            own, worker = psutil.Process(), psutil.Process(window.client.pid)
            threads = own.num_threads() + worker.num_threads()
            return threads, len(own.children(recursive=True)), own.memory_info().rss, worker.memory_info().rss

        for _ in range(10):
            await start_and_cancel()
        threads, processes, window_bytes, worker_bytes = census()
        for _ in range(50):
            await start_and_cancel()
        await asyncio.sleep(0.1)
        after = census()
        assert after[:2] == (threads, processes)
        assert after[2] < window_bytes * 1.05
        assert after[3] < worker_bytes * 1.05
        assert len(window.runs.children()) <= 2

    drive(scenario)


def test_truncated_weights_give_a_message(drive, tmp_path: Path) -> None:
    models = tmp_path / "models"
    models.mkdir()
    (models / "digits.json").write_bytes((RESOURCES / "models" / "digits.json").read_bytes())
    weights = (RESOURCES / "models" / "digits.safetensors").read_bytes()
    (models / "digits.safetensors").write_bytes(weights[: len(weights) // 2])

    async def scenario(window: Window) -> None:
        click(window.generate.inspector.button)
        run = await finished(window.generate.timeline.lanes[0])
        assert run.status == "failed"
        await until(lambda: window.toasts.shown)
        assert "not a readable safetensors file" in window.toasts.shown[0].message
        (models / "digits.safetensors").write_bytes(weights)
        click(window.generate.inspector.button)
        assert (await finished(window.generate.timeline.lanes[0])).status == "finished", "mended without a restart"

    drive(scenario)


def test_a_device_that_is_not_there_is_named(drive, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SCORESCOPE_DEVICE", "abacus")

    async def scenario(window: Window) -> None:
        await until(lambda: any("3 times in a row" in toast.message for toast in window.toasts.shown))
        assert "SCORESCOPE_DEVICE must be" in window.toasts.shown[-1].message
        monkeypatch.delenv("SCORESCOPE_DEVICE")
        window.client.start()  # as the toast's button does
        await until(lambda: window.client.is_ready)

    drive(scenario)


def test_a_corrupt_settings_file_is_set_aside(drive, own_settings: Path) -> None:
    own_settings.mkdir()
    (own_settings / "settings.json").write_text('{"theme": "dark", "reque')

    async def scenario(window: Window) -> None:
        assert "could not be read" in window.toasts.shown[0].message
        assert (own_settings / "settings.unreadable.json").read_text().endswith('"reque')
        assert window.generate.controls.request().steps == 20
        window.generate.controls.set("steps", 33)
        await until((own_settings / "settings.json").exists)

    drive(scenario)
    assert json.loads((own_settings / "settings.json").read_text())["requests"]["generate"]["steps"] == 33


def test_a_remembered_value_out_of_range_is_named(drive, own_settings: Path) -> None:
    own_settings.mkdir()
    settings = {"requests": {"generate": {"version": 1, "steps": -4}}}
    (own_settings / "settings.json").write_text(json.dumps(settings))

    async def scenario(window: Window) -> None:
        assert "steps must be a whole number from 1 to 1000, not -4" in window.toasts.shown[0].message
        assert window.generate.controls.request().steps == 20
        await asyncio.sleep(0)

    drive(scenario)


def test_settings_are_remembered(drive) -> None:
    async def change(window: Window) -> None:
        window.compare.controls[1].set("lam", 0.5)
        window.generate.controls.set("guidance", 2.0)
        window.generate.controls.set("condition", 3)
        click(window.generate.views.button("noisy"))
        window.open("compare")
        await asyncio.sleep(0)

    async def find(window: Window) -> None:
        assert window.current is window.compare
        assert window.compare.controls[1]["lam"] == 0.5
        assert window.generate.controls["guidance"] == 2.0
        assert window.generate.view == "noisy"
        await asyncio.sleep(0)

    drive(change)
    drive(find)


def test_without_a_display_it_ends_with_one_sentence() -> None:
    for changes, words in (({}, "There is no display"), ({"DISPLAY": ":4711"}, "The display :4711 does not answer")):
        environment = {
            k: v for k, v in os.environ.items() if k not in ("DISPLAY", "WAYLAND_DISPLAY", "QT_QPA_PLATFORM")
        }
        done = subprocess.run(
            [sys.executable, "-m", "desktop_app"],
            env={**environment, **changes},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert done.returncode == 2, done
        assert done.stderr.count("\n") == 1
        assert words in done.stderr or XCB_LIBRARIES.split()[0] in done.stderr
        assert "scorescope generate" in done.stderr


def test_closing_during_a_run_leaves_no_process(own_settings: Path) -> None:
    """The whole program in a process of its own, closed by a signal while it generates; and killed outright."""
    own_settings.mkdir()
    settings = {"requests": {"generate": {"version": 1, "steps": 1000, "count": 64}}}
    for how in ("terminate", "kill"):
        (own_settings / "settings.json").write_text(json.dumps(settings))
        program = subprocess.Popen(
            [sys.executable, "-m", "desktop_app"],
            env={**os.environ, "QT_QPA_PLATFORM": "offscreen"},
            stderr=subprocess.PIPE,
        )
        process = psutil.Process(program.pid)
        deadline = time.monotonic() + 180
        while not (children := process.children(recursive=True)) or children[0].cpu_times().user < 1.0:
            assert time.monotonic() < deadline
            assert program.poll() is None, program.stderr.read()
        getattr(program, how)()
        code = program.wait(20)
        _, alive = psutil.wait_procs(children, timeout=20)
        assert not alive, how
        assert code == (0 if how == "terminate" else -9), program.stderr.read()
        program.stderr.close()
