"""The index of the gallery: what is in the files, so that five thousand need not be read at every start.

It is a cache, and holds nothing that the files do not: where it is missing, damaged or of another version it is begun
anew, and where it cannot be written the gallery does without.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable, Iterable, Sequence
from contextlib import closing
from pathlib import Path
from typing import TypeVar

import msgspec
import platformdirs

from desktop_app.state.gallery_files import Picture

VERSION = 2  # 1 had thumbnails as PNG
BUSY_S = 30.0  # to wait for another window, never on the window's own thread
TABLE = """
create table pictures (
  folder text, name text, changed integer, size integer, width integer, height integer,
  request text, made text, problem text, thumbnail blob, primary key (folder, name)
) without rowid
"""
UNAVAILABLE = (  # for now, or for good, but not because what is in it is wrong
    sqlite3.SQLITE_BUSY,
    sqlite3.SQLITE_LOCKED,
    sqlite3.SQLITE_FULL,
    sqlite3.SQLITE_READONLY,
    sqlite3.SQLITE_CANTOPEN,
    sqlite3.SQLITE_PERM,
    sqlite3.SQLITE_IOERR,
)
T = TypeVar("T")


def index_file() -> Path:
    """Where the index is; beside the settings where SCORESCOPE_CONFIG has a place for those."""
    own = os.environ.get("SCORESCOPE_CONFIG")
    return (Path(own) if own else Path(platformdirs.user_cache_dir("scorescope", appauthor=False))) / "gallery.sqlite"


class Index:
    """Safe to use from any thread and from several windows: every call has a connection of its own."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def known(self, folder: Path) -> dict[str, Picture]:
        """The pictures of a folder, as they were when they were last read."""
        query = "select name, changed, size, width, height, request, made, problem from pictures where folder = ?"

        def read(db: sqlite3.Connection) -> dict[str, Picture]:
            decode = msgspec.json.decode
            rows = db.execute(query, (str(folder),))
            return {
                name: Picture(name, changed, size, width, height, decode(request), decode(made), problem)
                for name, changed, size, width, height, request, made, problem in rows
            }

        return self._do(read, {})

    def thumbnails(self, folder: Path, names: Sequence[str]) -> dict[str, bytes]:
        """Thumbnails as they were put, of those that have one."""
        query = f"select name, thumbnail from pictures where folder = ? and name in ({', '.join('?' * len(names))})"  # noqa: S608
        return self._do(lambda db: dict(db.execute(query, (str(folder), *names))), {})

    def put(self, folder: Path, pictures: Iterable[tuple[Picture, bytes]]) -> None:
        """Keep what was read."""
        encode = msgspec.json.encode
        rows = [
            (str(folder), p.name, p.changed, p.size, p.width, p.height, encode(p.request), encode(p.made), p.problem, t)
            for p, t in pictures
        ]
        command = "insert or replace into pictures values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
        self._do(lambda db: db.executemany(command, rows), None)

    def forget(self, folder: Path, names: Iterable[str]) -> None:
        """Let go of what is no longer there."""
        rows = [(str(folder), name) for name in names]
        self._do(lambda db: db.executemany("delete from pictures where folder = ? and name = ?", rows), None)

    def _do(self, act: Callable[[sqlite3.Connection], T], otherwise: T) -> T:
        """Do something with the index; with a new one where it is damaged, and without where it cannot be had."""
        for fresh in (False, True):
            try:
                if fresh:
                    self._remove()
                self.path.parent.mkdir(parents=True, exist_ok=True)
                with closing(self._opened()) as db, db:
                    return act(db)
            except sqlite3.Error as error:
                code = getattr(error, "sqlite_errorcode", None)
                if code is not None and code & 0xFF in UNAVAILABLE:
                    return otherwise
            except OSError:
                return otherwise
            except (msgspec.MsgspecError, TypeError, ValueError):  # damaged, though SQLite has not seen it
                continue
        return otherwise

    def _opened(self) -> sqlite3.Connection:
        db = sqlite3.connect(self.path, timeout=BUSY_S)
        try:
            db.execute("pragma synchronous = normal")
            if db.execute("pragma user_version").fetchone()[0] != VERSION:
                self._make(db)
        except sqlite3.Error:
            db.close()
            raise
        return db

    def _make(self, db: sqlite3.Connection) -> None:
        """The empty table, in place of what another version left."""
        with db:
            db.execute("begin immediate")
            if db.execute("pragma user_version").fetchone()[0] == VERSION:  # by another window, in this moment
                return
            db.execute("drop table if exists pictures")
            db.execute(TABLE)
            db.execute(f"pragma user_version = {VERSION}")

    def _remove(self) -> None:
        for suffix in ("", "-journal", "-wal", "-shm"):  # earlier versions wrote ahead
            self.path.with_name(self.path.name + suffix).unlink(missing_ok=True)
