"""`make screenshots`: the README's pictures, taken from the program itself with its real engine and model."""

from __future__ import annotations

import argparse
import asyncio
import os
import subprocess
import sys
import tempfile
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from desktop_app.window import Window
    from desktop_app.workspaces.workspace import Workspace

    Done = Callable[[Workspace], Awaitable[None]]
    Save = Callable[[str], Awaitable[None]]

README = (
    *("generate", "noisy", "branches", "lab", "probe", "split", "line", "learned", "compare", "difference"),
    *("guidance", "formula", "sweep", "sweep-chart", "gallery", "pulls", "card", "emoji", "nearest"),
)
SEVENS = "generate --model digits --condition 7 --count 16 --steps 20 --lam 0 --seed 1 --out"
PROMPTS = """rat | wavy dash | onion | open book | flag: Lesotho | placard | flag: China | ID button |
    dna | microphone | winking face | dragon | flag: Senegal | joker | bullet train | four-thirty |
    guide dog | train | white cane | eight o’clock | spaghetti | keycap: 9 | waffle | gem stone |
    softball | headphone | sleeping face | pen | laptop | flag: Mali | lab coat | melting face |
    ghost | motorway | bicycle | motor scooter | flag: Curaçao | man frowning | angry face | pot of food |
    rosette | seal | takeout box | ping pong | cut of meat | kitchen knife | man fairy | Capricorn |
    ginger root | man | rooster | birthday cake | stop button | dragon face | no bicycles | rose |
    pool 8 ball | outbox tray | money bag | cloud | shinto shrine | Mrs. Claus | dizzy | bus stop"""
EMOJI = ["generate", "--model", "emoji", "--count", "64", "--guidance", "3", "--condition", PROMPTS, "--out"]
PICTURES = Path(__file__).resolve().parent.parent / "resources" / "screenshots"


async def take(folder: Path, theme_name: str, width: int, height: int, everything: bool) -> None:
    """Drive the window through what it does, and save the README's pictures, or one of every state."""
    from PySide6.QtWidgets import QApplication

    from desktop_app.engine_client import EngineClient
    from desktop_app.screenshots_instruments import instruments
    from desktop_app.state.preferences import Preferences
    from desktop_app.theme import theme
    from desktop_app.window import Window

    client = EngineClient()
    client.start()
    window = Window(client, Preferences())
    window.resize(width, height)
    theme().choose(theme_name)
    window.show()

    async def done(workspace: Workspace) -> None:
        workspace.start()
        while workspace.running:
            await asyncio.sleep(0.02)
        await asyncio.sleep(0.1)

    async def save(name: str) -> None:
        if everything or name in README:
            await asyncio.sleep(0.1)
            popup = QApplication.activePopupWidget()
            (popup or window).grab().save(str(folder / f"{name}.png"))

    generate, compare = window.generate, window.compare
    if everything:
        await samplers(window, done, save)
    await save("empty")
    for controls in (generate.controls, compare.controls[0]):
        controls.set("seed", 7)
    generate.controls.set("count", 24)
    await done(generate)
    await save("generate")
    generate.timeline.set_mode(axis="logsigma")
    generate.set_view("noisy")
    generate.timeline.seek(12)
    await save("noisy")
    await laboratory(window, save)
    for toast in list(window.toasts.shown):
        toast.close_me()
    window.open("compare")
    generate.set_view("denoised")
    compare.controls[0].set("count", 16)
    await save("compare-empty")
    await done(compare)
    compare.timeline.set_mode(axis="logsigma")
    compare.timeline.seek(14)
    await save("compare")
    compare.set_mode("difference")
    await save("difference")
    compare.set_mode("side")
    await instruments(window, save)
    window.cheat_sheet.open()
    await save("keys")
    window.cheat_sheet.hide()
    window.toasts.show("The engine stopped unexpectedly. It is being started again.", "details", ("Try again", print))
    await save("toast")
    if window.lab is not None:
        window.lab.close_lab()
    client.shut_down()
    window.deleteLater()


async def laboratory(window: Window, save: Save) -> None:
    """Lab 2D: the field half-way, a probe, two lanes, one dimension, what a network has learned, a painting, a tour."""
    window.open("lab")
    lab = window.lab
    assert lab is not None

    async def settled(seconds: float = 0.5) -> None:
        await asyncio.sleep(seconds)
        while any(lab.lab.latest.is_busy(channel) for channel in ("cloud-0", "cloud-1", "field", "probe", "line")):
            await asyncio.sleep(0.05)

    def show(*layers: str) -> None:
        for name, layer in lab.panel.layers.items():
            layer.switch.setChecked(name in layers)

    while not lab.timeline.lanes or lab.timeline.playing:
        await asyncio.sleep(0.05)
    lab.timeline.seek(39)
    show("density", "arrows", "particles", "trajectories")
    await settled()
    await save("lab")
    show("density", "contours", "streamlines")
    await settled()
    await save("lab-lines")
    show("density")
    lab.timeline.seek(36)
    lab.lab.put_probe((0.9, 0.7))
    await settled()
    await save("probe")
    lab.lab.put_probe(None)
    lab.set_direction("forward")
    show("density", "particles")
    lab.timeline.seek(38)
    await settled()
    await save("forward")
    lab.set_direction("reverse")
    lab.set_page("line")
    await settled()
    await save("line")
    lab.panel.tiles.chosen.emit("ring")
    lab.set_page("split")
    show("density", "particles", "trajectories")
    await settled()
    lab.timeline.seek(41)
    await settled()
    await save("split")
    lab.set_page("one")
    lab.panel.tiles.chosen.emit("moons")
    await settled()
    show("density", "arrows", "particles")
    lab.timeline.seek(41)
    lab.learning.start("moons")
    while not lab.learning.errors or lab.learning.errors[-1] > 0.1:
        await asyncio.sleep(0.1)
    lab.learning.pause()
    lab.set_source("difference")
    await settled(1.0)
    await save("learned")
    lab.own.take_word("score")
    await settled(2.0)
    lab.timeline.seek(45)
    await settled(2.0)
    await save("word")
    lab.tour.go(2)
    await settled(1.0)
    await save("tour")
    lab.tour.hide()


SAMPLERS = ("bridge", "heun", "rk45", "predictor_corrector", "langevin", "annealed_langevin")


async def samplers(window: Window, done: Done, save: Save) -> None:
    """The inspector and the timeline with samplers that differ in their fields, with listed levels, unfolded."""
    from PySide6.QtWidgets import QScrollArea

    from engine.request import Request

    controls, inspector = window.generate.controls, window.generate.inspector
    controls.set("count", 9)
    controls.set("steps", 12)
    for name in SAMPLERS:
        controls.set("sampler", name)
        await done(window.generate)
        await save(f"sampler-{name}")
    controls.take(Request(count=9, steps=12, condition=3, guidance=2.0))
    controls.set("spacing", "explicit")
    await done(window.generate)
    await save("explicit")
    controls.set("spacing", "karras")
    for name in ("sampler", "guide"):
        inspector.fields[name].box.showPopup()  # type: ignore[attr-defined]
        await save(f"{name}-list")
        inspector.fields[name].box.hidePopup()  # type: ignore[attr-defined]
    controls.set("guidance_rescale", 0.5)
    controls.set("guide", "digits-weak")
    await done(window.generate)
    await save("folded")
    inspector.unfold(list(inspector.more))
    await save("unfolded")
    area = inspector.findChild(QScrollArea)
    assert area is not None
    area.verticalScrollBar().setValue(area.verticalScrollBar().maximum())
    await save("unfolded-end")
    area.verticalScrollBar().setValue(0)
    inspector.unfold([])
    controls.take(Request())


def main() -> int:
    """Take the pictures offscreen, with settings of its own."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=PICTURES)
    parser.add_argument("--theme", default="dark", choices=["dark", "light"])
    parser.add_argument("--size", default="1280x820")
    parser.add_argument("--scale", default="1", help="of the screen, as on one of many pixels")
    parser.add_argument("--all", action="store_true", help="every state, for a look, and not only the README's")
    arguments = parser.parse_args()
    width, height = map(int, arguments.size.split("x"))
    arguments.out.mkdir(parents=True, exist_ok=True)
    if not arguments.all:
        for command, name in ((SEVENS.split(), "sevens"), (EMOJI, "emoji-prompts")):
            subprocess.run([sys.executable, "-m", "engine", *command, str(arguments.out / f"{name}.png")], check=True)
    os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
    os.environ["QT_SCALE_FACTOR"] = arguments.scale
    with tempfile.TemporaryDirectory() as folder:
        os.environ["SCORESCOPE_CONFIG"] = os.environ["SCORESCOPE_MODELS"] = folder
        from PySide6.QtWidgets import QApplication

        application = QApplication(sys.argv[:1])
        import qasync

        qasync.run(take(arguments.out, arguments.theme, width, height, arguments.all))
        application.processEvents()
    return 0


if __name__ == "__main__":
    sys.exit(main())
