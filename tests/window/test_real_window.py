"""The program as `make run` starts it, in a real window under Xvfb, driven by the X server's own clicks and keys."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image, ImageGrab, ImageStat

pytestmark = pytest.mark.skipif(
    not (shutil.which("Xvfb") and shutil.which("xdotool")), reason="needs Xvfb and xdotool (make test installs them)"
)

LIMIT = 120.0


@pytest.fixture
def display() -> Iterator[str]:
    """An X server of this test alone."""
    reading, writing = os.pipe()
    server = subprocess.Popen(
        ["Xvfb", "-displayfd", str(writing), "-screen", "0", "1280x820x24", "-nolisten", "tcp", "-noreset"],
        pass_fds=[writing],
        stderr=subprocess.DEVNULL,
    )
    os.close(writing)
    with os.fdopen(reading) as pipe:
        yield f":{pipe.readline().strip()}"
    server.terminate()
    server.wait(10)


def test_a_real_window_opens_generates_and_can_be_scrubbed(display: str, own_settings: Path) -> None:
    environment = {k: v for k, v in os.environ.items() if k not in ("QT_QPA_PLATFORM", "WAYLAND_DISPLAY")}
    environment["DISPLAY"] = display
    program = subprocess.Popen([sys.executable, "-m", "desktop_app"], env=environment, stderr=subprocess.PIPE)

    def xdotool(*words: str) -> str:
        return subprocess.run(
            ["xdotool", *words], env=environment, capture_output=True, text=True, timeout=120, check=True
        ).stdout

    def screen() -> Image.Image:
        return ImageGrab.grab(xdisplay=display).convert("L")

    def until(condition, what: str):
        deadline = time.monotonic() + LIMIT
        while not (result := condition()):
            assert program.poll() is None, program.stderr.read().decode()
            assert time.monotonic() < deadline, what
        return result

    def window() -> str:
        found = subprocess.run(
            ["xdotool", "search", "--onlyvisible", "--name", "^Scorescope$"],
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        return found.stdout.split("\n")[0]

    def picture() -> Image.Image:
        return screen().crop((80, 60, 970, 600))  # the grid, between rail, inspector and timeline

    def looks(low: float, high: float) -> bool:
        """Whether the share of bright pixels is in a range: digits have few, noise about half."""
        image = picture()
        bright = sum(image.histogram()[200:]) / (image.width * image.height)
        return low < bright < high

    try:
        name = until(window, "no window")
        xdotool("windowmove", "--sync", name, "0", "0")
        xdotool("windowfocus", "--sync", name)
        until(lambda: looks(0.02, 0.08), "no digits appeared by themselves")
        xdotool("mousemove", "788", "24", "click", "1")  # x_t
        xdotool("key", "Home")
        until(lambda: looks(0.09, 0.3), "Home and x_t show no noise")
        noise = picture()
        xdotool("key", "End")
        until(lambda: ImageStat.Stat(picture()).mean != ImageStat.Stat(noise).mean, "End shows the same as Home")
        until(lambda: looks(0.02, 0.08), "End shows no digits")
        xdotool("mousemove", "300", "783", "mousedown", "1", "mousemove", "120", "783", "mouseup", "1")
        until(lambda: looks(0.09, 0.3), "dragging the timeline back shows no noise")
        xdotool("key", "bracketright", "bracketright")
        xdotool("key", "ctrl+Return")
        until(lambda: looks(0.02, 0.08), "Ctrl+Enter made no digits")
        xdotool("key", "ctrl+3")
        until(lambda: looks(-1, 0.02), "Compare did not open")
        program.terminate()
        assert program.wait(20) == 0, program.stderr.read().decode()
    finally:
        program.kill()
        program.wait(10)
        program.stderr.close()
    settings = json.loads((own_settings / "settings.json").read_text())
    assert settings["workspace"] == "compare"
    assert settings["requests"]["generate"]["lam"] == pytest.approx(0.1)
