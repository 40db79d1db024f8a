"""What is done with pictures of the gallery: copied, verified, exported, deleted."""

from __future__ import annotations

import asyncio
from pathlib import Path

from PySide6.QtCore import QObject, Qt, QUrl, Signal
from PySide6.QtGui import QDesktopServices, QGuiApplication
from PySide6.QtWidgets import QFileDialog, QWidget

from desktop_app.engine_client import EngineClient, RefusedError
from desktop_app.state.exporting import Exporting
from desktop_app.state.gallery import Gallery
from desktop_app.state.gallery_files import Deletion, Picture
from desktop_app.state.undo import Undo
from desktop_app.widgets.gallery_detail import request_of
from desktop_app.widgets.save_dialog import ask_where
from engine.files import FileError
from engine.pictures import read_png
from engine.request import Request
from engine.spelling import as_command, as_python

FILTERS = {
    "png": "This picture (*.png)",
    "gif": "The reverse process (*.gif)",
    "apng": "The reverse process, animated PNG (*.apng)",
    "mp4": "The reverse process (*.mp4)",
}


class GalleryActions(QObject):
    """One method for each button of the panel at the right, but for those that open another workspace."""

    said = Signal(str)
    told = Signal(str, str, object)  # a sentence, what a button says, and what it does
    judged = Signal(str, str)  # the name of a picture, and the verdict on it
    open_wanted = Signal(list, str)  # requests, and where: "generate", "branch", "compare"

    def __init__(self, client: EngineClient, gallery: Gallery, undo: Undo, parent: QWidget) -> None:
        super().__init__(parent)
        self._client, self._gallery, self._undo, self._parent = client, gallery, undo, parent
        self.exporting = Exporting(client, self)
        self.exporting.said.connect(self.said)
        self._verifying: asyncio.Task[None] | None = None

    def act(self, name: str, chosen: list[Picture]) -> None:
        """Do what a button is for."""
        match name:
            case "star":
                self._gallery.star([picture.name for picture in chosen])
            case "delete":
                self.delete([picture.name for picture in chosen])
            case "open" | "branch" | "compare":
                requests = [request for picture in chosen if (request := request_of(picture)) is not None]
                self.open_wanted.emit(requests, "generate" if name == "open" else name)
            case "verify":
                self.verify(chosen[0])
            case "export":
                self.ask_export(chosen[0])
            case "command" | "python":
                if (request := request_of(chosen[0])) is not None:
                    self.copy(request, name)
            case "reveal":
                self.reveal()

    def close(self) -> None:
        """Wait for nothing more."""
        self.exporting.close()
        if self._verifying is not None:
            self._verifying.cancel()

    def delete(self, names: list[str]) -> None:
        """Into the trash, from where they can be had back."""
        gallery, deletion = self._gallery, Deletion(self._gallery.folder, names)
        many = names[0] if len(names) == 1 else f"{len(names)} pictures"

        def tell(done: bool) -> None:
            if done:
                told = f"Deleted {many}. The trash is emptied after 30 days."
                self.told.emit(told, "Undo", lambda: self._undo.take_back(step))
            else:
                self._undo.drop(step)

        gallery.delete(deletion, tell)
        step = self._undo.push(f"delete {many}", lambda: gallery.take_back(deletion), lambda: gallery.delete(deletion))

    def offer_trash(self) -> None:
        """Say what is in the trash, and offer to delete it for good."""
        count = self._gallery.in_trash()
        if count:
            many = f"{count} picture{'' if count == 1 else 's'}"
            self.told.emit(
                f"There are {many} in the trash.", "Delete them for good", lambda: self._gallery.empty_trash(0)
            )
        else:
            self.said.emit("The trash is empty.")

    def reveal(self) -> None:
        """Open the folder in the file manager."""
        self._gallery.folder.mkdir(parents=True, exist_ok=True)
        QDesktopServices.openUrl(QUrl.fromLocalFile(str(self._gallery.folder)))

    def copy(self, request: Request, kind: str) -> None:
        """To the clipboard, as a command or as Python."""
        QGuiApplication.clipboard().setText(as_command(request) if kind == "command" else as_python(request))
        self.said.emit("The command is copied." if kind == "command" else "The script is copied.")

    def verify(self, picture: Picture) -> None:
        """Render a picture again, and tell what came of it."""
        if self._verifying is not None:
            self._verifying.cancel()
        self.judged.emit(picture.name, "Rendering it again…")
        self._verifying = asyncio.ensure_future(self._verify(picture))

    async def _verify(self, picture: Picture) -> None:
        try:
            page = await asyncio.to_thread(read_png, self._gallery.folder / picture.name)
            values = {"request": picture.request, "made": picture.made or None}
            answer, _ = await self._client.answer("verify", values, page)
            verdict = str(answer["sentence"])
        except (FileError, RefusedError) as error:
            verdict = str(error)
        self.judged.emit(picture.name, verdict)

    def ask_export(self, picture: Picture) -> None:
        """Let a place be chosen."""
        if self.exporting.busy:
            self.said.emit("An export is under way.")
            return
        kinds = FILTERS if picture.request else {"png": FILTERS["png"]}
        ask_where(self._parent, "Export", picture.name, kinds, lambda to: self.export(picture, to))

    def export(self, picture: Picture, to: Path) -> None:
        """Write a copy of a picture, or its run in motion, as the name says."""
        request, source = request_of(picture), self._gallery.folder / picture.name
        kind = to.suffix.lower()[1:]
        if kind not in FILTERS:
            self.said.emit(f"{to.name} must end in one of {', '.join(f'.{kind}' for kind in FILTERS)}.")
        elif kind != "png" and request is not None:
            self.exporting.animate(request, str(picture.made.get("view", "denoised")), to)
        elif kind != "png":
            self.said.emit(f"{picture.name} has no request: there is no run to show.")
        elif to.resolve() != source.resolve():
            self.exporting.copy(source, to)

    def ask_folder(self) -> QFileDialog:
        """Let another folder be chosen."""
        dialog = QFileDialog(self._parent, "The gallery’s folder", str(self._gallery.folder))
        dialog.setFileMode(QFileDialog.FileMode.Directory)
        dialog.setOption(QFileDialog.Option.ShowDirsOnly)
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.open()
        return dialog
