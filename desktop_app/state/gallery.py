"""The gallery: which pictures there are, newest first, which of them are shown, and what is done with them."""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict
from collections.abc import Callable, Coroutine, Iterable
from itertools import count
from pathlib import Path
from typing import Any

from PySide6.QtCore import QFileSystemWatcher, QObject, QTimer, Signal
from PySide6.QtGui import QImage

from desktop_app.state import gallery_files as files
from desktop_app.state.gallery_files import Deletion, Picture
from desktop_app.state.gallery_index import Index, index_file
from desktop_app.state.gallery_search import Search, words
from desktop_app.state.turns import Turns
from engine import catalog

SLICE = 16  # files that are read in one go
IN_MEMORY = 400  # thumbnails
SHOWN_EVERY_S = 0.25  # while many are read
SETTLED_MS = 250  # after the last change in the folder


class Gallery(QObject):
    """A folder of pictures. Files are read and thumbnails made on threads, a few at a time; the window never waits."""

    changed = Signal()  # which pictures are shown, or their stars
    progressed = Signal(str)  # what is being done, in words; nothing when it is done
    problem = Signal(str)
    thumbnail_ready = Signal(str)  # the name

    def __init__(self, folder: Path, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.folder = folder
        self.pictures: dict[str, Picture] = {}  # by name, newest first
        self.shown: list[Picture] = []
        self.starred: set[str] = set()
        self.search = Search("")
        self.loaded = False  # whether the folder has been looked through
        self._index = Index(index_file())
        self._words: dict[str, str] = {}
        self._thumbnails: OrderedDict[str, tuple[int, QImage]] = OrderedDict()  # and when the file was changed
        self._wanted: list[str] = []  # thumbnails, the most wanted last
        self._deleted: dict[str, Picture] = {}  # which need not be read again when they are put back
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._changes = count()
        self._turns = Turns()  # in which they are made
        self._last: asyncio.Future[int] | None = None  # of them
        self._stale = False  # the folder has changed while it was looked through
        self._settling = QTimer(self, interval=SETTLED_MS, singleShot=True)
        self._settling.timeout.connect(self.refresh)
        self._watcher = QFileSystemWatcher(self)
        self._watcher.directoryChanged.connect(lambda _: self._settling.start())

    # --- what there is ---

    def open(self, folder: Path) -> None:
        """Show another folder."""
        self._leave()
        self.folder, self.pictures, self.loaded = folder, {}, False
        self._words, self._deleted, self.starred = {}, {}, set()
        self._thumbnails.clear()
        self._select()
        self.refresh()

    def refresh(self) -> None:
        """Look through the folder, and read what is new in it."""
        if "scan" in self._tasks:
            self._stale = True
        else:
            self._start("scan", self._scan())

    def close(self) -> None:
        """Stop looking; what was to be done with the files is done before this returns."""
        self._leave()
        self._turns.finish()

    def _leave(self) -> None:
        self._settling.stop()
        for task in self._tasks.values():
            task.cancel()
        self._tasks.clear()
        self._last = None
        if watched := self._watcher.directories():
            self._watcher.removePaths(watched)

    def look_for(self, text: str) -> None:
        """Show what a search line is for."""
        self.search = Search(text)
        self._select()

    async def _scan(self) -> None:
        """The folder, the index, then the files that are not in it as they are, newest first."""
        folder = self.folder
        self._watch()
        try:
            found = await asyncio.to_thread(files.names, folder)
        except OSError as error:
            self.problem.emit(f"The gallery’s folder {folder} cannot be read: {error.strerror or error}.")
            found = {}
        stars = await asyncio.to_thread(files.starred, folder)
        known = self.pictures or await asyncio.to_thread(self._index.known, folder)
        if self._changing():
            return
        fresh = {name: p for name, p in (self._deleted | known).items() if found.get(name) == _stamp(p)}
        if (fresh, stars, True) != (self.pictures, self.starred, self.loaded):
            self.starred = stars
            self._take(fresh)
        new = sorted(found.keys() - fresh.keys(), key=lambda name: found[name], reverse=True)
        shown_at = 0.0
        for at in range(0, len(new), SLICE):
            stamps = {name: found[name] for name in new[at : at + SLICE]}
            read = await asyncio.to_thread(self._read, folder, stamps)
            if self._changing():
                return
            self.pictures |= {picture.name: picture for picture in read}
            if time.monotonic() - shown_at > SHOWN_EVERY_S:
                self._take(self.pictures)
                self.progressed.emit(f"reading {at + len(read)} of {len(new)} pictures" if len(new) > SLICE else "")
                shown_at = time.monotonic()
        if gone := known.keys() - found.keys():
            await asyncio.to_thread(self._index.forget, folder, gone)
        self.progressed.emit("")
        if new or not self.loaded:
            self.loaded = True
            self._take(self.pictures)

    def _read(self, folder: Path, stamps: dict[str, files.Stamp]) -> list[Picture]:
        """Some files, into the index. On a thread."""
        found = [files.read(folder, name, stamp) for name, stamp in stamps.items()]
        self._index.put(folder, found)
        return [picture for picture, _ in found]

    def _take(self, pictures: dict[str, Picture]) -> None:
        newest = sorted(pictures.values(), key=lambda picture: (picture.changed, picture.name), reverse=True)
        self.pictures = {picture.name: picture for picture in newest}
        self._select()

    def _select(self) -> None:
        if unknown := [picture for name, picture in self.pictures.items() if name not in self._words]:
            classes = {card.name: card.classes for card in catalog.cards().values()}
            self._words |= {picture.name: words(picture, classes) for picture in unknown}
        admits, stars = self.search.admits, self.starred
        self.shown = [p for name, p in self.pictures.items() if admits(p, self._words[name], name in stars)]
        self.changed.emit()

    def _watch(self) -> None:
        there = [str(path) for path in (self.folder, self.folder / ".starred") if path.is_dir()]
        if new := [path for path in there if path not in self._watcher.directories()]:
            self._watcher.addPaths(new)

    # --- thumbnails ---

    def thumbnail(self, name: str) -> QImage | None:
        """The thumbnail of a picture; where it is not at hand it is fetched, and `thumbnail_ready` tells of it."""
        picture, kept = self.pictures.get(name), self._thumbnails.get(name)
        if picture is None or not picture.width:
            return None
        if kept is not None and kept[0] == picture.changed:
            self._thumbnails.move_to_end(name)
            return kept[1]
        if name in self._wanted:
            self._wanted.remove(name)
        self._wanted = [*self._wanted[-IN_MEMORY:], name]
        if "thumbnails" not in self._tasks:
            self._start("thumbnails", self._fetch())
        return None

    async def _fetch(self) -> None:
        """The thumbnails that are wanted, those wanted last first: they are in sight."""
        folder = self.folder
        while self._wanted:
            part, self._wanted = self._wanted[-8:][::-1], self._wanted[:-8]
            wanted = [self.pictures[name] for name in part if name in self.pictures]
            images = await asyncio.to_thread(self._load, folder, wanted)
            for picture, image in zip(wanted, images, strict=True):
                self._thumbnails[picture.name] = picture.changed, image
                self.thumbnail_ready.emit(picture.name)
            while len(self._thumbnails) > IN_MEMORY:
                self._thumbnails.popitem(last=False)

    def _load(self, folder: Path, pictures: list[Picture]) -> list[QImage]:
        """From the index, or from the files where they are not there. On a thread."""
        there = self._index.thumbnails(folder, [picture.name for picture in pictures])
        return [_image(there.get(p.name) or files.read(folder, p.name, _stamp(p))[1]) for p in pictures]

    # --- what is done ---

    def star(self, names: Iterable[str]) -> None:
        """Give stars; where all have one, take them."""
        names, folder = list(names), self.folder
        on = not self.starred.issuperset(names)

        def keep() -> int:
            for name in names:
                files.star(folder, name, on)
            return len(names)

        self.starred = self.starred.union(names) if on else self.starred.difference(names)
        self._select()
        self._change(keep, "The star could not be kept")

    def delete(self, deletion: Deletion, then: Callable[[bool], object] = lambda done: None) -> None:
        """Put pictures into the trash, and say then whether it could be done. They are out of sight at once."""
        if deletion.folder == self.folder:
            names = set(deletion.names)
            self._deleted |= {name: picture for name, picture in self.pictures.items() if name in names}
            self.pictures = {name: picture for name, picture in self.pictures.items() if name not in names}
            self._select()
        self._change(deletion.make, "The pictures could not be moved", then)

    def take_back(self, deletion: Deletion) -> None:
        """Put the pictures of a deletion back."""
        self._change(deletion.take_back, "The pictures could not be moved")

    def _change(self, act: Callable[[], int], failed: str, then: Callable[[bool], object] = lambda done: None) -> None:
        """Change the folder, and look through it: until then it is shown as it will be."""
        self._last = turn = self._turns.take(act)

        async def wait() -> None:
            done = 0
            try:
                if not (done := await turn):
                    self.problem.emit("The pictures are not there any more.")
            except OSError as error:
                self.problem.emit(f"{failed}: {error.strerror or error}.")
            self.refresh()
            then(done > 0)

        self._start(f"change {next(self._changes)}", wait())

    def _changing(self) -> bool:
        return self._last is not None and not self._last.done()

    def in_trash(self) -> int:
        """How many pictures are in the trash."""
        return sum(1 for _ in (self.folder / ".trash").glob("*/*"))

    def empty_trash(self, older_than: float = files.KEPT_S) -> None:
        """Delete for good what has been in the trash for that long."""
        self._start("trash", self._empty(older_than))

    async def _empty(self, older_than: float) -> None:
        try:
            deleted = await self._turns.take(files.empty_trash, self.folder, older_than)
        except OSError as error:
            self.problem.emit(f"The trash could not be emptied: {error.strerror or error}.")
            return
        if not older_than:
            many = f"{deleted} picture{'' if deleted == 1 else 's'}"
            self.problem.emit(f"{many} deleted for good." if deleted else "The trash is empty.")

    def _start(self, name: str, work: Coroutine[Any, Any, None]) -> None:
        task = self._tasks[name] = asyncio.ensure_future(work)

        def done(finished: asyncio.Task[None]) -> None:
            if self._tasks.get(name) is finished:
                del self._tasks[name]
                if name == "scan" and self._stale:
                    self._stale = False
                    self.refresh()
            if not finished.cancelled() and (error := finished.exception()):
                raise error

        task.add_done_callback(done)


def _stamp(picture: Picture) -> files.Stamp:
    return picture.changed, picture.size


def _image(thumbnail: bytes) -> QImage:
    """A thumbnail with its own memory; an empty one where there is none."""
    if not thumbnail:
        return QImage()
    width, height, channels, data = files.unpacked(thumbnail)
    kind = QImage.Format.Format_Grayscale8 if channels == 1 else QImage.Format.Format_RGB888
    return QImage(data, width, height, width * channels, kind).copy()
