"""The gallery by clicks and keys: save, find, look, star, delete and undo, compare, verify, export, copy."""

from __future__ import annotations

import asyncio
import os
import threading
import time
from pathlib import Path

import numpy as np
import pytest
from conftest import click, finished, press, until
from PIL import Image
from PySide6.QtCore import QPoint, Qt
from PySide6.QtGui import QGuiApplication
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QFileDialog, QPushButton

from desktop_app.state import gallery_files, saving
from desktop_app.window import Window
from desktop_app.workspaces.gallery import GalleryWorkspace
from engine import metadata
from engine.pictures import save_png
from engine.request import Branch, Request

NONE, SHIFT, CONTROL = (
    Qt.KeyboardModifier.NoModifier,
    Qt.KeyboardModifier.ShiftModifier,
    Qt.KeyboardModifier.ControlModifier,
)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The gallery of the test, with six pictures, the newest last in the alphabet."""
    folder = tmp_path / "config" / "gallery"
    folder.mkdir(parents=True)
    for number in range(6):
        request = Request(condition=number, seed=number, lam=number % 2, steps=4 + number, count=4)
        path = folder / f"{number}.png"
        save_png(path, np.full((114, 114, 1), 40 * number, np.uint8), request)
        os.utime(path, (1e9 + number, 1e9 + number))
    return folder


async def opened(window: Window) -> GalleryWorkspace:
    """Ctrl+5, or whichever key it has, and everything read."""
    click(window.rail.buttons["gallery"])
    assert window.gallery is not None
    gallery = window.gallery.gallery
    await until(lambda: gallery.loaded and "scan" not in gallery._tasks)
    return window.gallery


def place(workspace: GalleryWorkspace, name: str) -> QPoint:
    grid = workspace.grid
    return grid.visualRect(grid.pictures.index(grid.pictures.row_of[name])).center()


def pick(workspace: GalleryWorkspace, name: str, modifier: Qt.KeyboardModifier = NONE) -> None:
    """Click a picture."""
    QTest.mouseClick(workspace.grid.viewport(), Qt.MouseButton.LeftButton, modifier, place(workspace, name))


def names(workspace: GalleryWorkspace) -> str:
    return " ".join(picture.name.removesuffix(".png") for picture in workspace.grid.pictures.rows)


def last_toast(window: Window) -> str:
    return window.toasts.shown[-1].message if window.toasts.shown else ""


def press_toast(window: Window, text: str) -> None:
    """Click a toast's button."""
    button = next(b for b in window.toasts.shown[-1].findChildren(QPushButton) if b.text() == text)
    click(button)


def test_what_ctrl_s_saves_is_in_the_gallery(drive, own_settings: Path) -> None:
    """Without a question, under a name of its own; “Show” shows it, “Verify” finds it exact, at any step."""

    async def scenario(window: Window) -> None:
        workspace = await opened(window)
        assert workspace.pages.currentWidget() is workspace.empty
        click(workspace.empty.button)
        assert window.current is window.generate
        window.generate.controls.take(Request(condition=3, seed=42, steps=5, count=4))
        press(window, Qt.Key.Key_Return, CONTROL)
        await finished(window.generate.timeline.lanes[0])
        press(window, Qt.Key.Key_S, CONTROL)
        await until(lambda: last_toast(window) == "Saved digits-3-seed42-0001.png.")
        press(window, Qt.Key.Key_S, CONTROL)  # what is shown now, whatever is done in the next moment
        press(window, Qt.Key.Key_Home)
        press(window, Qt.Key.Key_Right)
        click(window.generate.views.button("noisy"))
        await until(lambda: last_toast(window) == "Saved digits-3-seed42-0002.png.")
        press(window, Qt.Key.Key_S, CONTROL)
        await until(lambda: last_toast(window) == "Saved digits-3-seed42-0003.png.")
        click(window.generate.views.button("score"))
        press(window, Qt.Key.Key_S, CONTROL)  # though its pictures are still to come
        await until(lambda: last_toast(window) == "Saved digits-3-seed42-0004.png.")
        folder = own_settings / "gallery"
        saved = sorted(path.name for path in folder.glob("*.png"))
        assert saved == [f"digits-3-seed42-000{number}.png" for number in (1, 2, 3, 4)]
        assert (folder / saved[0]).read_bytes() == (folder / saved[1]).read_bytes()
        made = metadata.read(folder / saved[2]).made
        assert (made.view, made.step, made.torch) == ("noisy", 1, window.client.about.torch)
        assert metadata.read(folder / saved[3]).made.view == "score"
        press_toast(window, "Show")
        assert window.current is workspace
        await until(lambda: workspace.grid.selected() == [saved[3]])
        for name in saved:
            pick(workspace, name)
            click(workspace.detail.buttons["verify"])
            await until(lambda: "very pixel" in workspace.detail.verdict.text(), name)
            assert workspace.detail.verdict.text() == "Exact: rendered again, every pixel is the same."

    drive(scenario)


def test_newest_first_search_star_and_keys(drive, folder: Path) -> None:
    async def scenario(window: Window) -> None:
        workspace = await opened(window)
        assert names(workspace) == "5 4 3 2 1 0"
        press(window, Qt.Key.Key_Slash)
        assert workspace.search.hasFocus()
        QTest.keyClicks(workspace.search, "lam=1 steps>5")
        await until(lambda: names(workspace) == "5 3")
        press(window, Qt.Key.Key_Return)
        assert workspace.grid.hasFocus()
        pick(workspace, "3.png")
        press(window, Qt.Key.Key_S)
        await until((folder / ".starred" / "3.png").exists)
        workspace.search.setText("")
        await until(lambda: len(names(workspace)) > 3)
        assert workspace.grid.selected() == ["3.png"], "what is selected stays selected"
        workspace.search.setText("is:starred")
        await until(lambda: names(workspace) == "3")
        workspace.search.setText("lamm=1")
        await until(lambda: workspace.pages.currentWidget() is workspace.none)
        assert workspace.none.text.text().startswith("lamm is not a parameter")
        click(workspace.none.button)
        await until(lambda: workspace.pages.currentWidget() is workspace.grid)
        assert names(workspace) == "5 4 3 2 1 0"
        pick(workspace, "5.png")
        press(window, Qt.Key.Key_Right)
        assert workspace.grid.selected() == ["4.png"]
        press(window, Qt.Key.Key_A, CONTROL)
        assert len(workspace.grid.selected()) == 6
        assert workspace.detail.title.text() == "6 pictures"
        assert not workspace.detail.buttons["compare"].isEnabled(), "six are too many"

    drive(scenario)


def test_enter_shows_a_picture_large_and_arrows_turn(drive, folder: Path) -> None:
    async def scenario(window: Window) -> None:
        workspace = await opened(window)
        pick(workspace, "4.png")
        press(window, Qt.Key.Key_Return)
        assert workspace.pages.currentWidget() is workspace.large
        await until(lambda: workspace.large.image is not None and workspace.large.image.width() == 114)
        assert workspace.large.image.pixelColor(3, 3).red() == 160
        assert workspace.detail.title.text().endswith("· 4")
        press(window, Qt.Key.Key_Right)
        assert workspace.grid.selected() == ["3.png"]
        assert workspace.large.path == folder / "3.png"
        press(window, Qt.Key.Key_Delete)
        assert workspace.large.path == folder / "2.png", "the next one"
        await until(lambda: not (folder / "3.png").exists())
        press(window, Qt.Key.Key_Z, CONTROL)
        await until(lambda: (folder / "3.png").exists())
        press(window, Qt.Key.Key_Escape)
        assert workspace.pages.currentWidget() is workspace.grid
        pick(workspace, "0.png")
        QTest.mouseDClick(workspace.grid.viewport(), Qt.MouseButton.LeftButton, NONE, place(workspace, "0.png"))
        assert workspace.large.path == folder / "0.png"
        click(workspace.large)
        assert workspace.pages.currentWidget() is workspace.grid

    drive(scenario)


def test_deleting_can_be_undone_and_redone(drive, folder: Path) -> None:
    async def scenario(window: Window) -> None:
        workspace = await opened(window)
        before = {path.name: path.read_bytes() for path in folder.glob("*.png")}
        pick(workspace, "4.png")
        pick(workspace, "2.png", SHIFT)
        press(window, Qt.Key.Key_Delete)
        await until(lambda: last_toast(window) == "Deleted 3 pictures. The trash is emptied after 30 days.")
        assert names(workspace) == "5 1 0"
        assert workspace.grid.selected() == ["0.png"] or workspace.grid.selected() == ["1.png"]
        press(window, Qt.Key.Key_Z, CONTROL)
        await until(lambda: names(workspace) == "5 4 3 2 1 0")
        press(window, Qt.Key.Key_Z, CONTROL | SHIFT)
        await until(lambda: names(workspace) == "5 1 0")
        press_toast(window, "Undo")
        await until(lambda: names(workspace) == "5 4 3 2 1 0")
        assert {path.name: path.read_bytes() for path in folder.glob("*.png")} == before
        pick(workspace, "0.png")
        press(window, Qt.Key.Key_Delete)
        await until(lambda: last_toast(window).startswith("Deleted 0.png."))
        click(workspace.trash_button)
        press_toast(window, "Delete them for good")
        await until(lambda: not any((folder / ".trash").iterdir()))
        press(window, Qt.Key.Key_Z, CONTROL)
        await until(lambda: last_toast(window) == "The pictures are not there any more.")

    drive(scenario)


def test_a_toast_takes_back_its_own_deletion(drive, folder: Path) -> None:
    async def scenario(window: Window) -> None:
        workspace = await opened(window)
        pick(workspace, "3.png")
        press(window, Qt.Key.Key_Delete)
        await until(lambda: last_toast(window).startswith("Deleted 3.png."))
        window.open("generate")
        controls = window.generate.controls
        controls.set("steps", 7)
        press_toast(window, "Undo")
        await until((folder / "3.png").exists)
        assert controls["steps"] == 7, "what came later stays"
        press(window, Qt.Key.Key_Z, CONTROL)
        assert controls["steps"] == 20
        controls.set("steps", 8)
        press(window, Qt.Key.Key_Z, CONTROL)
        press(window, Qt.Key.Key_Z, CONTROL)
        press(window, Qt.Key.Key_Z, CONTROL | SHIFT)
        assert (controls["steps"], (folder / "3.png").exists()) == (8, True), "the deletion is no step any more"
        window.open("gallery")
        await until(lambda: names(workspace) == "5 4 3 2 1 0")
        pick(workspace, "1.png")
        press(window, Qt.Key.Key_Delete)
        press(window, Qt.Key.Key_Z, CONTROL)
        await until(lambda: last_toast(window).startswith("Deleted 1.png."))
        press_toast(window, "Undo")
        await until(lambda: names(workspace) == "5 4 3 2 1 0")
        assert (folder / "1.png").exists()
        assert "not there any more" not in " ".join(toast.message for toast in window.toasts.shown)

    drive(scenario)


def test_the_window_goes_on_while_files_are_moved(drive, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is deleted is out of sight at once; a star and an undo wait for their turn, and the undo is whole."""
    held, rename = threading.Event(), Path.rename

    def slow(self: Path, target: Path) -> Path:
        assert held.wait(60)
        return rename(self, target)

    async def scenario(window: Window) -> None:
        workspace = await opened(window)
        before = {path.name: path.read_bytes() for path in folder.glob("*.png")}
        monkeypatch.setattr(Path, "rename", slow)
        pick(workspace, "4.png")
        pick(workspace, "2.png", SHIFT)
        press(window, Qt.Key.Key_Delete)
        assert names(workspace) == "5 1 0"
        pick(workspace, "5.png")
        press(window, Qt.Key.Key_S)
        assert workspace.gallery.starred == {"5.png"}
        workspace.gallery.refresh()
        await until(lambda: "scan" not in workspace.gallery._tasks)
        assert names(workspace) == "5 1 0", "though they are still there"
        press(window, Qt.Key.Key_Z, CONTROL)
        held.set()
        await until(lambda: names(workspace) == "5 4 3 2 1 0")
        assert {path.name: path.read_bytes() for path in folder.glob("*.png")} == before
        assert workspace.gallery.starred == {"5.png"}
        assert (folder / ".starred" / "5.png").exists()

    drive(scenario)


def test_what_was_begun_is_finished_when_the_window_closes(
    drive, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A deletion of four, two stars, and an undo of the deletion of one: all asked for in the moment before."""
    rename = Path.rename

    def slow(self: Path, target: Path) -> Path:
        time.sleep(0.2)
        return rename(self, target)

    async def scenario(window: Window) -> None:
        workspace = await opened(window)
        monkeypatch.setattr(Path, "rename", slow)
        pick(workspace, "5.png")
        press(window, Qt.Key.Key_Delete)
        press(window, Qt.Key.Key_Z, CONTROL)
        pick(workspace, "4.png")
        pick(workspace, "1.png", SHIFT)
        press(window, Qt.Key.Key_Delete)
        press(window, Qt.Key.Key_A, CONTROL)
        press(window, Qt.Key.Key_S)

    drive(scenario)
    assert sorted(path.name for path in folder.glob("*.png")) == ["0.png", "5.png"]
    (trash,) = (folder / ".trash").iterdir()
    assert sorted(path.name for path in trash.iterdir()) == ["1.png", "2.png", "3.png", "4.png"]
    assert gallery_files.starred(folder) == {"0.png"}, "5 was out of sight"


def test_what_is_large_is_what_the_panel_tells_of(drive, folder: Path, own_settings: Path) -> None:
    async def scenario(window: Window) -> None:
        workspace = await opened(window)
        pick(workspace, "4.png")
        pick(workspace, "2.png", SHIFT)
        press(window, Qt.Key.Key_Return)
        assert workspace.pages.currentWidget() is workspace.large
        assert [workspace.large.path.name] == workspace.grid.selected(), "one picture, and not three"
        press(window, Qt.Key.Key_Slash)
        QTest.keyClicks(workspace.search, "seed=5")
        await until(lambda: names(workspace) == "5")
        assert workspace.large.path == folder / "5.png"
        assert workspace.grid.selected() == ["5.png"]
        assert workspace.search.hasFocus(), "one goes on typing"
        workspace.reveal(["1.png"])
        await until(lambda: workspace.grid.selected() == ["1.png"])
        assert workspace.pages.currentWidget() is workspace.grid

    drive(scenario)


def test_a_folder_that_may_not_be_written_or_read(drive, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One sentence each, and nothing is lost."""

    def denied(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied")

    async def scenario(window: Window) -> None:
        workspace = await opened(window)
        pick(workspace, "4.png")
        with monkeypatch.context() as patch:
            patch.setattr(Path, "mkdir", denied)
            press(window, Qt.Key.Key_Delete)
            await until(lambda: last_toast(window) == "The pictures could not be moved: Permission denied.")
            await until(lambda: names(workspace) == "5 4 3 2 1 0")
            assert not window.undo.stack.canUndo() or window.undo.stack.command(0).isObsolete()
            press(window, Qt.Key.Key_S)
            await until(lambda: last_toast(window) == "The star could not be kept: Permission denied.")
            await until(lambda: not workspace.gallery.starred)
        with monkeypatch.context() as patch:
            patch.setattr(gallery_files.os, "scandir", denied)
            workspace.gallery.refresh()
            await until(lambda: "cannot be read: Permission denied." in last_toast(window))
        workspace.gallery.refresh()
        await until(lambda: names(workspace) == "5 4 3 2 1 0")

    drive(scenario)


def test_two_windows_on_one_gallery(drive, folder: Path) -> None:
    """What one does the other shows, by itself; each has its own undo, and no picture is lost."""

    async def scenario(window: Window) -> None:
        from desktop_app.engine_client import EngineClient
        from desktop_app.state.preferences import Preferences

        client = EngineClient()  # never started: the gallery needs it only to render
        other = Window(client, Preferences())
        other.show()
        try:
            one, two = await opened(window), await opened(other)
            pick(two, "5.png")
            two.grid.setFocus()
            QTest.keyClick(two.grid, Qt.Key.Key_Delete)
            QTest.keyClick(two.grid, Qt.Key.Key_S)  # of what is selected then
            await until(lambda: names(one) == "4 3 2 1 0", "the first window follows")
            await until(lambda: one.gallery.starred == two.gallery.starred == {"4.png"}, "and has the star")
            save_png(folder / "new.png", np.zeros((9, 9, 1), np.uint8), Request(seed=77))
            await until(lambda: names(one) == names(two) == "new 4 3 2 1 0")
            other.undo.back()
            await until(lambda: names(one) == names(two) == "new 5 4 3 2 1 0")
            pick(one, "4.png")
            press(window, Qt.Key.Key_Delete)
            await until(lambda: not (folder / "4.png").exists())
            two.gallery.delete(gallery_files.Deletion(folder, ["4.png"]))  # of what is gone, but perhaps shown
            await until(lambda: last_toast(other) == "The pictures are not there any more.")
            window.undo.back()
            await until(lambda: names(one) == names(two) == "new 5 4 3 2 1 0")
        finally:
            other.close()
            client.shut_down()
            other.deleteLater()

    drive(scenario)


def test_pictures_open_in_generate_and_in_compare(drive, folder: Path) -> None:
    async def scenario(window: Window) -> None:
        workspace = await opened(window)
        pick(workspace, "3.png")
        click(workspace.detail.buttons["open"])
        assert window.current is window.generate
        run = await finished(window.generate.timeline.lanes[0])
        assert run.request == Request(condition=3, seed=3, lam=1, steps=7, count=4)
        assert window.generate.panel.isHidden()
        await opened(window)
        pick(workspace, "3.png")
        click(workspace.detail.buttons["branch"])
        run = await finished(window.generate.timeline.lanes[0])
        await until(lambda: not window.generate.panel.isHidden(), "a branch is offered half-way")
        assert window.generate.timeline.position == 3
        press(window, Qt.Key.Key_Escape)
        await opened(window)
        pick(workspace, "3.png")
        pick(workspace, "2.png", CONTROL)
        workspace.grid.setFocus()
        press(window, Qt.Key.Key_C)
        assert window.current is window.compare
        for lane in window.compare.timeline.lanes:
            await finished(lane)
        assert [lane.request.lam for lane in window.compare.timeline.lanes] == [1, 0]

    drive(scenario)


def test_the_palette_does_what_is_done_with_a_picture(drive, folder: Path) -> None:
    """By keys alone: an arrow selects the first picture, and where none is selected that is said."""

    async def scenario(window: Window) -> None:
        workspace = await opened(window)

        def do(words: str) -> None:
            press(window, Qt.Key.Key_K, CONTROL)
            QTest.keyClicks(window.command_palette.edit, words)
            QTest.keyClick(window.command_palette.edit, Qt.Key.Key_Return)

        do("send to compare")
        assert window.current is workspace
        assert last_toast(window) == "No picture is selected."
        press(window, Qt.Key.Key_Right)
        assert workspace.grid.selected() == ["5.png"]
        do("verify")
        await until(workspace.detail.verdict.text)
        do("send to compare")
        assert window.current is window.compare
        assert window.compare.controls[0]["condition"] == 5

    drive(scenario)


def test_copies_run_and_reach_the_clipboard(drive, folder: Path) -> None:
    async def scenario(window: Window) -> None:
        workspace = await opened(window)
        pick(workspace, "3.png")
        press(window, Qt.Key.Key_C, CONTROL | SHIFT)
        wanted = "scorescope generate --condition 3 --count 4 --seed 3 --steps 7 --lam 1"
        assert QGuiApplication.clipboard().text() == wanted
        click(workspace.detail.buttons["python"])
        assert "request = Request(condition=3, count=4, seed=3, steps=7, lam=1)" in QGuiApplication.clipboard().text()
        window.open("generate")
        window.generate.controls.set("seed", 5)
        press(window, Qt.Key.Key_C, CONTROL | SHIFT)
        assert QGuiApplication.clipboard().text() == "scorescope generate --seed 5"

    drive(scenario)


@pytest.mark.parametrize("kind", ["gif", "apng", "mp4", "png"])
def test_the_reverse_process_is_exported(drive, folder: Path, tmp_path: Path, kind: str) -> None:
    async def scenario(window: Window) -> None:
        workspace = await opened(window)
        pick(workspace, "3.png")
        told = []
        workspace.deeds.exporting.progressed.connect(lambda words, share: told.append((words, share)))
        picture, to = workspace.chosen[0], tmp_path / f"out.{kind}"
        workspace.deeds.export(picture, to)
        await until(lambda: last_toast(window) == f"Saved as out.{kind}.")
        if kind == "png":
            assert to.read_bytes() == (folder / "3.png").read_bytes()
            return
        shares = [share for words, share in told if words]
        assert shares == sorted(shares)
        assert shares[-1] == 1.0
        assert workspace.progress_bar.isHidden()
        if kind == "mp4":
            assert to.read_bytes()[4:8] == b"ftyp"
        else:
            with Image.open(to) as moving:
                assert moving.n_frames >= 4
                assert moving.size[0] >= 400
        if kind == "apng":
            assert metadata.read(to).request == Request(condition=3, seed=3, lam=1, steps=7, count=4)

    drive(scenario)


def test_an_export_can_be_stopped_and_leaves_no_file(drive, folder: Path, tmp_path: Path) -> None:
    async def scenario(window: Window) -> None:
        save_png(folder / "long.png", np.zeros((114, 114, 1), np.uint8), Request(steps=1000, count=4))
        workspace = await opened(window)
        pick(workspace, "long.png")
        workspace.deeds.export(workspace.chosen[0], tmp_path / "out.gif")
        await until(lambda: workspace.progress_bar.words.text().startswith("step 3 of"))
        click(workspace.progress_bar.stop)
        await until(lambda: last_toast(window) == "The export was stopped.")
        assert not list(tmp_path.glob("*out.gif*"))
        assert workspace.progress_bar.isHidden()

    drive(scenario)


def test_saving_where_one_is_asked_to(drive, own_settings: Path, tmp_path: Path) -> None:
    """Ctrl+Shift+S: every lane of Compare has a file, with its own request; Ctrl+S keeps them all in the gallery."""

    async def scenario(window: Window) -> None:
        press(window, Qt.Key.Key_S, CONTROL)
        assert last_toast(window) == "There is no picture to save yet."
        window.generate.controls.take(Request(condition=3, steps=2, count=1))
        press(window, Qt.Key.Key_C)
        for lane in window.compare.timeline.lanes:
            await finished(lane)
        press(window, Qt.Key.Key_S, CONTROL | SHIFT)
        (dialog,) = window.findChildren(QFileDialog)
        dialog.fileSelected.emit(str(tmp_path / "two.png"))
        dialog.close()
        await until(lambda: last_toast(window) == "Saved as two.png.")
        lanes = [metadata.read(tmp_path / name).request for name in ("two.png", "two-b.png")]
        assert lanes == [lane.request for lane in window.compare.timeline.lanes]
        assert lanes[0].lam != lanes[1].lam
        window.activateWindow()
        await until(window.isActiveWindow)
        press(window, Qt.Key.Key_S, CONTROL)
        await until(lambda: "and 1 more" in last_toast(window))
        assert len(list((own_settings / "gallery").glob("digits-3-seed0-000?.png"))) == 2

    drive(scenario)


def test_a_picture_is_not_saved_under_the_name_of_another_kind(drive, tmp_path: Path) -> None:
    async def scenario(window: Window) -> None:
        window.generate.controls.take(Request(steps=2, count=1))
        press(window, Qt.Key.Key_Return, CONTROL)
        await finished(window.generate.timeline.lanes[0])
        press(window, Qt.Key.Key_S, CONTROL | SHIFT)
        (dialog,) = window.findChildren(QFileDialog)
        dialog.fileSelected.emit(str(tmp_path / "x.jpg"))
        dialog.close()
        await until(lambda: last_toast(window) == "x.jpg must end in .png.")
        assert not (tmp_path / "x.jpg").exists()

    drive(scenario)


def test_saving_a_run_whose_place_is_taken_is_one_sentence(drive) -> None:
    async def scenario(window: Window) -> None:
        window.generate.controls.take(Request(steps=2, count=1))
        press(window, Qt.Key.Key_Return, CONTROL)
        await finished(window.generate.timeline.lanes[0])
        press(window, Qt.Key.Key_S, CONTROL)
        press(window, Qt.Key.Key_Return, CONTROL)
        await until(lambda: "another run has taken the place" in last_toast(window))
        await finished(window.generate.timeline.lanes[0])

    drive(scenario)


def test_another_folder_is_remembered(drive, folder: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"

    async def choose(window: Window) -> None:
        workspace = await opened(window)
        click(workspace.folder_button)
        (dialog,) = window.findChildren(QFileDialog)
        other.mkdir()
        dialog.fileSelected.emit(str(other))
        dialog.close()
        await until(lambda: workspace.pages.currentWidget() is workspace.empty)

    async def again(window: Window) -> None:
        workspace = await opened(window)
        assert workspace.gallery.folder == other
        save_png(other / "x.png", np.zeros((9, 9, 1), np.uint8))
        await until(lambda: names(workspace) == "x")

    drive(choose)
    drive(again)


def test_a_full_disk_says_so_and_leaves_nothing(drive, own_settings: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def scenario(window: Window) -> None:
        window.generate.controls.take(Request(steps=2, count=1))
        press(window, Qt.Key.Key_Return, CONTROL)
        await finished(window.generate.timeline.lanes[0])

        def full(path: Path, *_: object) -> None:
            raise OSError(28, "No space left on device")

        with monkeypatch.context() as patch:
            patch.setattr(saving, "save_png", full)
            press(window, Qt.Key.Key_S, CONTROL)
            await until(lambda: "No space left on device" in last_toast(window))
        assert not list((own_settings / "gallery").iterdir()), "the name is free again"

    drive(scenario)


def test_pictures_that_are_no_pictures_of_ours(drive, folder: Path) -> None:
    async def scenario(window: Window) -> None:
        (folder / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\n")
        Image.new("RGB", (30, 30), "red").save(folder / "red.png")
        branch = Request(start=Branch(Request(), 2), count=1)
        save_png(folder / "branch.png", np.zeros((9, 9, 1), np.uint8), branch)
        workspace = await opened(window)
        buttons = workspace.detail.buttons
        pick(workspace, "red.png")
        assert not buttons["verify"].isEnabled()
        assert buttons["export"].isEnabled(), "as a copy"
        pick(workspace, "broken.png")
        assert not buttons["export"].isEnabled()
        press(window, Qt.Key.Key_Return)
        await asyncio.sleep(0.1)
        press(window, Qt.Key.Key_Escape)
        pick(workspace, "branch.png")
        click(buttons["verify"])
        await until(lambda: "it was cut or scaled" in workspace.detail.verdict.text())
        pick(workspace, "3.png")
        click(buttons["verify"])
        await until(lambda: workspace.detail.verdict.text().startswith("Different: "))

    drive(scenario)
