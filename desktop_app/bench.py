"""`python -m desktop_app.bench`: how fast the window is, as lines `what | target | measured`. Never fails on a time.

Runs the whole program as a person starts it, in a process of its own, with a probe that watches its event loop.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator
from functools import partial
from typing import Any

import numpy as np

BEAT_MS = 4  # a heartbeat in the window's event loop: a gap between beats is a time in which nothing could be drawn
SCRUBS = 300
CANCELS = 10

Drawn = Callable[[Any, Callable[[], object]], Awaitable[float]]
"""Waits for a signal after an act, and for its drawing: the seconds from the one to the other."""


def main() -> int:
    """Print the table's rows for the window."""
    if "--probe" in sys.argv:
        return probe(float(sys.argv[-1]))
    with tempfile.TemporaryDirectory() as folder:
        environment = {**os.environ, "SCORESCOPE_CONFIG": folder, "SCORESCOPE_MODELS": folder}
        if not (os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")) and sys.platform.startswith("linux"):
            environment.setdefault("QT_QPA_PLATFORM", "offscreen")
        starts = [measure(environment, only_start=True) for _ in range(3)]
        whole = measure(environment, only_start=False)
    for row in rows(starts, whole):
        print(" | ".join(row))
    return 0


def measure(environment: dict[str, str], only_start: bool) -> dict[str, float]:
    """One start of the program with the probe inside; its figures."""
    command = [sys.executable, "-m", "desktop_app.bench", "--probe", *(["--start"] * only_start), str(time.monotonic())]
    done = subprocess.run(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, timeout=300)
    figures: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return figures


def rows(starts: list[dict[str, float]], whole: dict[str, float]) -> Iterator[tuple[str, str, str]]:
    """The lines of the table, from the figures."""
    runs = [*starts, whole]
    yield "window on screen, from start", "≤ 1.0 s", f"{np.median([run['window'] for run in runs]):.2f} s"
    ran_in = "bf16" if whole["bf16"] else "fp32"
    yield (
        "first denoised frame, from start",
        "≤ 2.5 s",
        f"{np.median([run['frame'] for run in runs]):.2f} s, digits in {ran_in}",
    )
    gaps = "p99 ≤ 33 ms"
    yield (
        "frame gap while generating 64 digits",
        gaps,
        f"{whole['generating']:.1f} ms (max {whole['generating_max']:.1f})",
    )
    yield "frame gap while playing a run", gaps, f"{whole['playing']:.1f} ms (max {whole['playing_max']:.1f})"
    yield "scrubbing a run of 64 digits", "≥ 60 steps/s", f"{whole['scrubbing']:.0f} steps/s"
    yield (
        "frame gap while 1,000 steps run and are scrubbed",
        gaps,
        f"{whole['long']:.1f} ms (max {whole['long_max']:.1f})",
    )
    yield "scrubbing 1,000 steps of 64 digits, all fetched", "≥ 60 steps/s", f"{whole['fetching']:.0f} steps/s"
    yield (
        "cancel of 64 digits → next run begins",
        "≤ one step",
        f"{whole['cancel']:.2f} steps (longest {whole['cancel_max']:.2f}) of {whole['step']:.0f} ms",
    )
    yield "lab: opened, first cloud drawn", "-", f"{whole['lab']:.2f} s"
    yield (
        "lab: λ moved → 2,000 particles × 50 steps redrawn",
        "≤ 100 ms",
        f"{whole['lam']:.0f} ms (p90 {whole['lam_p90']:.0f})",
    )
    yield "lab: field and density of another level → redrawn", "-", f"{whole['field']:.0f} ms"
    yield "lab: field and density of 5,000 points → redrawn", "≤ 120 ms", f"{whole['field_points']:.0f} ms"
    yield "lab: scrubbing 10,000 particles", "≥ 60 steps/s", f"{whole['lab_scrubbing']:.0f} steps/s"
    yield (
        "lab: frame gap while playing 2,000 particles",
        gaps,
        f"{whole['lab_playing']:.1f} ms (max {whole['lab_playing_max']:.1f})",
    )


def probe(started: float) -> int:
    """The program itself, with a window that notes when things happen."""
    import asyncio

    from PySide6.QtCore import Qt, QTimer, SignalInstance
    from PySide6.QtGui import QPaintEvent

    from desktop_app import application, window
    from desktop_app.state.runs import Run

    figures: dict[str, float] = {}
    print_to = os.dup(1)

    class ProbedWindow(window.Window):
        """Notes its first paint and its first picture, and then drives itself."""

        def paintEvent(self, event: QPaintEvent) -> None:
            super().paintEvent(event)
            if "window" not in figures:
                figures["window"] = time.monotonic() - started
                self.task = asyncio.ensure_future(self.drive())
                self.beats: list[float] = []
                self.heart = QTimer(self, interval=BEAT_MS, timerType=Qt.TimerType.PreciseTimer)
                self.heart.timeout.connect(lambda: self.beats.append(time.perf_counter()))
                self.heart.start()

        async def over(self, run: Run) -> Run:
            while not run.over:
                await asyncio.sleep(0.005)
            return run

        def gaps(self, name: str) -> None:
            gaps = np.diff(self.beats) * 1e3
            figures[name], figures[f"{name}_max"] = float(np.percentile(gaps, 99)), float(gaps.max())

        async def drive(self) -> None:
            workspace = self.generate
            first = workspace.timeline.lanes[0]
            while not first.frames:
                await asyncio.sleep(0.001)
            workspace.grid.repaint()
            figures["frame"] = time.monotonic() - started
            figures["bf16"] = float("bf16" in first.precision.values())
            await self.over(first)
            if "--start" not in sys.argv:
                await self.measure_all()
            os.write(print_to, json.dumps(figures).encode() + b"\n")
            self.close()

        async def measure_all(self) -> None:
            workspace, controls = self.generate, self.generate.controls
            controls.set("count", 64)
            controls.set("steps", 60)
            self.beats.clear()
            workspace.start()
            run = await self.over(workspace.timeline.lanes[0])
            self.gaps("generating")
            figures["step"] = 1e3 * run.seconds[-1] / run.steps
            self.beats.clear()
            workspace.timeline.set_mode(loop=True)
            workspace.timeline.play()
            await asyncio.sleep(4.0)
            self.gaps("playing")
            workspace.timeline.play()
            begin = time.perf_counter()
            for k in range(SCRUBS):
                workspace.timeline.seek(k % 61)
                workspace.grid.repaint()
                workspace.bar.repaint()
            figures["scrubbing"] = SCRUBS / (time.perf_counter() - begin)
            await self.measure_cancel()
            await self.measure_history()
            await self.measure_lab()

        async def measure_cancel(self) -> None:
            """Early and late in a step, of which what is left has to be waited for."""
            workspace, waits = self.generate, []
            for phase in np.linspace(0.0, 1.0, CANCELS, endpoint=False):
                workspace.controls.set("count", 64)
                workspace.start()
                while workspace.timeline.lanes[0].frames < 5:
                    await asyncio.sleep(0.001)
                await asyncio.sleep(phase * figures["step"] / 1e3)
                workspace.stop()
                begin = time.perf_counter()
                workspace.controls.set("count", 1)
                workspace.start()
                while not workspace.timeline.lanes[0].levels:
                    await asyncio.sleep(0.001)
                waits.append(1e3 * (time.perf_counter() - begin) / figures["step"])
                workspace.stop()
            figures["cancel"], figures["cancel_max"] = float(np.median(waits)), max(waits)

        async def measure_history(self) -> None:
            """A long run of an exact model, whose steps cost little: what is measured is the window and the history."""
            workspace, controls = self.generate, self.generate.controls
            for name, value in {"model": "digits-gaussian", "count": 64, "steps": 1000}.items():
                controls.set(name, value)
            workspace.start()
            run = workspace.timeline.lanes[0]
            while not run.frames:
                await asyncio.sleep(0.005)
            self.beats.clear()
            k = 0
            while not run.over:
                workspace.timeline.seek((k := k + 37) % run.frames)
                await asyncio.sleep(0.016)
            self.gaps("long")
            self.runs.shelf.drop(run)
            begin = time.perf_counter()
            for k in range(SCRUBS):
                workspace.timeline.seek(3 * k)
                while run.shelf.get(run, workspace.view, 3 * k) is None:
                    come = asyncio.Event()
                    run.pictured.connect(come.set)
                    await come.wait()
                    run.pictured.disconnect(come.set)
                workspace.grid.repaint()
                workspace.bar.repaint()
            figures["fetching"] = SCRUBS / (time.perf_counter() - begin)

        async def measure_lab(self) -> None:
            begin = time.perf_counter()
            self.open("lab")
            lab = self.lab
            assert lab is not None
            state, plane = lab.lab, lab.stage.planes[0].view.canvas.viewport()

            async def drawn(changed: SignalInstance, act: Callable[[], object]) -> float:
                """Seconds from an act until its answer is on screen."""
                heard, start = asyncio.Event(), time.perf_counter()
                changed.connect(heard.set)
                act()
                await heard.wait()
                changed.disconnect(heard.set)
                plane.repaint()
                return time.perf_counter() - start

            await drawn(state.clouds_changed, lambda: None)
            figures["lab"] = time.perf_counter() - begin
            lab.timeline.set_mode(playing=False)
            await asyncio.sleep(1.0)  # thumbnails
            moved = []
            for k in range(1, 41):
                moved.append(await drawn(state.clouds_changed, partial(lab.controls[0].set, "lam", k / 20)))
                await asyncio.sleep(0.05)
            figures["lam"], figures["lam_p90"] = (1e3 * float(np.percentile(moved, p)) for p in (50, 90))
            figures["field"] = 1e3 * await self.fields_of(drawn, range(20, 40))
            lab.controls[0].set("particles", 10_000)
            await asyncio.sleep(2.0)
            begin = time.perf_counter()
            for k in range(SCRUBS):
                lab.timeline.seek(k % 51)
                plane.repaint()
                lab.bar.repaint()
            figures["lab_scrubbing"] = SCRUBS / (time.perf_counter() - begin)
            lab.controls[0].set("particles", 2000)
            await asyncio.sleep(1.0)
            lab.timeline.set_mode(loop=True)
            lab.timeline.play()
            await asyncio.sleep(1.0)
            self.beats.clear()
            await asyncio.sleep(4.0)
            self.gaps("lab_playing")
            lab.timeline.set_mode(playing=False, loop=False)
            points = np.random.default_rng(0).uniform(-1, 1, (5000, 2)).astype(np.float32)
            found, _ = await self.client.answer("points", {}, points)
            lab.controls[0].set("model", found["model"])
            await asyncio.sleep(1.0)
            lab.controls[0].set("particles", 100)
            await asyncio.sleep(4.0)
            figures["field_points"] = 1e3 * await self.fields_of(drawn, range(30, 40))

        async def fields_of(self, drawn: Drawn, positions: range) -> float:
            """Seconds for the field of a level that was not seen before, in the middle of several."""
            lab = self.lab
            assert lab is not None
            taken = []
            for k in positions:
                taken.append(await drawn(lab.lab.field_changed, partial(lab.timeline.seek, k)))
                await asyncio.sleep(0.02)
            return float(np.median(taken))

    vars(window)["Window"] = ProbedWindow
    return application.run()


if __name__ == "__main__":
    sys.exit(main())
