"""Lab 2D in a real window under Xvfb, driven by the X server's own clicks, drags and keys."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import ImageGrab
from test_real_window import LIMIT, display

__all__ = ["display"]

pytestmark = pytest.mark.skipif(
    not (shutil.which("Xvfb") and shutil.which("xdotool")), reason="needs Xvfb and xdotool (make test installs them)"
)

PLANE = (366, 119, 870, 622)  # of a window of 1280 × 820: left, top, right, bottom


def at(x: float, y: float) -> tuple[str, str]:
    """px of x̄ on the screen."""
    left, top, right, bottom = PLANE
    return str(round(left + (x + 3) / 6 * (right - left))), str(round(bottom - (y + 3) / 6 * (bottom - top)))


def still(picture) -> bool:
    """Whether nothing moves for half a second."""
    before = picture()
    time.sleep(0.5)
    return np.array_equal(before, picture())


def test_the_lab_is_opened_probed_and_dragged(display: str, own_settings: Path) -> None:
    environment = {k: v for k, v in os.environ.items() if k not in ("QT_QPA_PLATFORM", "WAYLAND_DISPLAY")}
    environment["DISPLAY"] = display
    program = subprocess.Popen([sys.executable, "-m", "desktop_app"], env=environment, stderr=subprocess.PIPE)

    def xdotool(*words: str, check: bool = True) -> str:
        command = ["xdotool", *words]
        return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120, check=check).stdout

    def picture() -> np.ndarray:
        return np.asarray(ImageGrab.grab(xdisplay=display).convert("RGB").crop(PLANE), np.int16)

    def share(colour: tuple[int, int, int]) -> float:
        """Of the plane, what has this colour, nearly."""
        return float((np.abs(picture() - colour).max(-1) < 24).mean())

    def until(condition, what: str):
        deadline = time.monotonic() + LIMIT
        while not (result := condition()):
            assert program.poll() is None, program.stderr.read().decode()
            assert time.monotonic() < deadline, what
        return result

    accent, ode = (0x94, 0x88, 0xFF), (0x56, 0xB4, 0xE9)
    try:
        search = ("search", "--onlyvisible", "--name", "^Scorescope$")
        name = until(lambda: xdotool(*search, check=False).split("\n")[0], "no window")
        xdotool("windowmove", "--sync", name, "0", "0")
        xdotool("windowfocus", "--sync", name)
        xdotool("key", "ctrl+2")
        until(lambda: share(ode) > 0.01, "no particles in the lab")
        until(lambda: still(picture), "it plays to its end")
        rest = share(accent)
        xdotool("mousemove", *at(0.5, 1.5), "click", "1")
        until(lambda: share(accent) > rest + 1e-4, "a click put no probe there")
        there = picture()
        xdotool("mousedown", "1", "mousemove", *at(0.0, 1.8), "mousemove", *at(-1.5, 2.0))
        until(lambda: np.abs(picture() - there).max() > 60, "dragging did not move the probe")
        xdotool("mouseup", "1")
        moved = picture()
        xdotool("key", "bracketright", "bracketright")
        xdotool("key", "Home")
        until(lambda: np.abs(picture() - moved).mean() > 2.0, "Home shows no noise")
        program.terminate()
        assert program.wait(20) == 0, program.stderr.read().decode()
    finally:
        program.kill()
        program.wait(10)
        program.stderr.close()
    settings = json.loads((own_settings / "settings.json").read_text())
    assert settings["workspace"] == "lab"
    assert settings["requests"]["lab"]["lam"] == pytest.approx(0.1)
