"""Pictures of what is done with models and the timeline: branches, lanes, sweeps, the gallery, emoji, training."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

from engine.catalog import cards
from engine.request import Branch, Request
from engine.sweep.plan import Axis

if TYPE_CHECKING:
    from desktop_app.window import Window
    from desktop_app.workspaces.sweep import SweepWorkspace
    from desktop_app.workspaces.workspace import Workspace

Save = Callable[[str], Awaitable[None]]


async def instruments(window: Window, save: Save) -> None:
    """Drive the window through them."""
    await branches(window, save)
    await lanes(window, save)
    await sweeps(window, save)
    await gallery(window, save)
    await pulls(window, save)
    await emoji(window, save)
    await card(window, save)
    window.open("train")
    await save("train")
    window.command_palette.open()
    await save("palette")
    window.command_palette.leave()


async def over(workspace: Workspace) -> None:
    """Wait for every run, and until its pictures are drawn."""
    while workspace.running or not workspace.timeline.lanes:
        await asyncio.sleep(0.02)
    await asyncio.sleep(0.3)


async def branches(window: Window, save: Save) -> None:
    """A run, three branches of it and one of those."""
    generate = window.generate
    window.open("generate")
    generate.set_view("denoised")
    root = Request(condition=3, count=9, steps=20, seed=7)
    generate.show_again([root])
    await over(generate)
    stem = generate.tree.runs[0]
    changes: list[tuple[int, dict[str, object]]] = [
        (4, {"condition": 8}),
        (8, {"lam": 1.0}),
        (10, {"condition": 5, "guidance": 3.0}),
    ]
    for step, change in changes:
        generate.branch(stem, root.replace(start=Branch(root, step), **change))
        await over(generate)
    child = generate.tree.runs[-1]
    generate.branch(child, child.request.replace(start=Branch(child.request, 6), lam=2.0))
    await over(generate)
    generate.select(child)
    generate.timeline.seek(13)
    await save("branches")
    generate.branch_here()
    await save("branch-panel")
    generate.panel.leave()


async def lanes(window: Window, save: Save) -> None:
    """Compare's presets and ways of showing two lanes."""
    window.open("compare")
    compare = window.compare
    compare.set_mode("side")
    compare.controls[0].take(Request(condition=3, count=16, seed=7))
    compare.choose(0)
    compare.use_preset("guidance")
    await over(compare)
    await save("guidance")
    compare.use_preset("formula")
    await over(compare)
    compare.timeline.seek(10)
    await save("formula")
    compare.choose(1)
    compare.set_mode("wipe")
    await save("wipe")
    compare.set_mode("side")
    moons = Request(model="moons", count=1, steps=20, schedule="vp_linear", particles=2000)
    compare.receive([moons, moons.replace(lam=1.0)])
    compare.start()
    await over(compare)
    compare.timeline.seek(17)
    await save("clouds")


async def sweeps(window: Window, save: Save) -> None:
    """λ against steps as pictures and as a map; the order of convergence as a chart."""
    window.open("sweep")
    sweep = window.sweep
    assert sweep is not None
    await save("sweep-empty")
    sweep.plan.rows.show_axis(Axis("lam", (0.0, 0.5, 1.0, 2.0)))
    sweep.plan.columns.show_axis(Axis("steps", (5, 10, 20, 40)))
    sweep.controls.take(Request(condition=3, count=16, seed=7))
    await whole(sweep)
    sweep.set_page("pictures")
    await save("sweep")
    sweep.set_page("map")
    await save("sweep-map")
    sweep.controls.take(Request(model="digits-gaussian", count=4))
    sweep.plan.rows.show_axis(Axis("order", (1, 2)))
    sweep.plan.columns.show_axis(Axis("steps", (10, 20, 40, 80, 160)))
    sweep.plan.error.setChecked(True)
    await whole(sweep)
    sweep.set_page("chart")
    await asyncio.sleep(0.3)
    await save("sweep-chart")


async def whole(sweep: SweepWorkspace) -> None:
    """Run the sweep that is set to its end."""
    sweep.start()
    while not sweep.run.complete:
        await asyncio.sleep(0.1)


async def gallery(window: Window, save: Save) -> None:
    """A few pictures that were kept."""
    generate = window.generate
    window.open("generate")
    for seed, (condition, lam) in enumerate([(0, 0.0), (1, 1.0), (2, 0.0), (4, 0.5), (6, 1.0), (7, 0.0), (8, 2.0)]):
        generate.show_again([Request(condition=condition, lam=lam, count=9, seed=seed)])
        await over(generate)
        window.keeping.save()
        await asyncio.sleep(0.5)
    for toast in list(window.toasts.shown):
        toast.close_me()
    window.open("gallery")
    assert window.gallery is not None
    await asyncio.sleep(1.5)
    window.gallery.grid.setFocus()
    window.gallery.grid.select([window.gallery.gallery.shown[0].name])
    await asyncio.sleep(0.3)
    await save("gallery")


async def pulls(window: Window, save: Save) -> None:
    """The ideal denoiser, and the training images that pull."""
    generate = window.generate
    window.open("generate")
    generate.show_again([Request(model="digits-ideal", count=9, condition=4, seed=3)])
    await over(generate)
    generate.grid.enlarge(4)
    generate.timeline.seek(7)
    await asyncio.sleep(1.0)
    await save("pulls")
    generate.grid.enlarge(-1)


async def emoji(window: Window, save: Save) -> None:
    """Pictures asked for in words, and the training images nearest to one of them."""
    generate = window.generate
    suggested = cards()["emoji"].suggests
    generate.controls.take(Request(model="emoji", count=16, seed=0, **suggested))
    generate.start()
    await over(generate)
    await save("emoji")
    generate.grid.enlarge(1)
    await asyncio.sleep(1.0)
    await save("nearest")
    generate.grid.enlarge(-1)


async def card(window: Window, save: Save) -> None:
    """What is known of a model."""
    window.model_card.open("digits")
    await save("card")
    window.model_card.area.verticalScrollBar().setValue(window.model_card.area.verticalScrollBar().maximum())
    await save("card-end")
    window.model_card.leave()
