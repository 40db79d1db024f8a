"""The gallery's files, index and search, without a window: nothing is lost, and the index is only a cache."""

from __future__ import annotations

import os
import sqlite3
import threading
import time
from pathlib import Path

import numpy as np
import pytest

from desktop_app.state import gallery_files as files
from desktop_app.state.gallery_files import Deletion, Picture
from desktop_app.state.gallery_index import VERSION, Index
from desktop_app.state.gallery_search import Search, words
from engine.catalog import cards
from engine.pictures import save_png
from engine.request import Branch, Request


def keep(folder: Path, name: str, request: Request | None = None, shade: int = 9) -> Path:
    """A picture in a folder."""
    folder.mkdir(exist_ok=True)
    save_png(folder / name, np.full((4, 6, 1), shade, np.uint8), request)
    return folder / name


def read_all(folder: Path) -> list[tuple[Picture, bytes]]:
    return [files.read(folder, name, stamp) for name, stamp in files.names(folder).items()]


# --- the index -------------------------------------------------------------------------------------------------------


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for number in range(3):
        keep(tmp_path / "gallery", f"{number}.png", Request(seed=number))
    return tmp_path / "gallery"


def test_what_is_put_comes_back(folder: Path, tmp_path: Path) -> None:
    index, found = Index(tmp_path / "i.sqlite"), read_all(folder)
    index.put(folder, found)
    assert index.known(folder) == {picture.name: picture for picture, _ in found}
    assert index.thumbnails(folder, ["0.png", "2.png"]) == {p.name: t for p, t in found if p.name != "1.png"}
    assert files.unpacked(found[0][1]) == (6, 4, 1, bytes([9] * 24))
    index.forget(folder, ["1.png"])
    assert set(index.known(folder)) == {"0.png", "2.png"}
    assert index.known(tmp_path) == {}, "each folder has its own"


@pytest.mark.parametrize("damage", ["missing", "rubbish", "cut", "other version", "other table", "wrong JSON"])
def test_an_index_that_cannot_be_used_is_begun_anew(folder: Path, tmp_path: Path, damage: str) -> None:
    path = tmp_path / "i.sqlite"
    index = Index(path)
    index.put(folder, read_all(folder))
    if damage == "missing":
        path.unlink()
    elif damage == "rubbish":
        path.write_bytes(b"no database at all" * 1000)
    elif damage == "cut":
        path.write_bytes(path.read_bytes()[:3000])
    else:
        database = sqlite3.connect(path)
        command = {
            "other version": f"pragma user_version = {VERSION + 1}",
            "other table": "alter table pictures drop column made",
            "wrong JSON": "update pictures set request = '{'",
        }[damage]
        with database:
            database.execute(command)
        database.close()
    assert index.known(folder) == {}
    index.put(folder, read_all(folder))
    assert len(index.known(folder)) == 3


def test_without_an_index_the_gallery_does_without(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    index = Index(tmp_path / "file" / "i.sqlite")  # there can be no such file
    index.put(folder, read_all(folder))
    assert index.known(folder) == {}
    assert index.thumbnails(folder, ["0.png"]) == {}


def test_two_windows_write_at_the_same_time(folder: Path, tmp_path: Path) -> None:
    """Eight threads with an index of their own each, on a file that is not there yet: nothing is lost."""
    found, errors = read_all(folder), []
    picture, thumbnail = found[0]

    def write(number: int) -> None:
        try:
            index = Index(tmp_path / "i.sqlite")
            for at in range(10):
                name = f"{number}-{at}.png"
                index.put(folder, [(Picture(name, at, 1, 2, 3, picture.request), thumbnail)])
                assert name in index.known(folder)
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=write, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not errors, errors
    assert len(Index(tmp_path / "i.sqlite").known(folder)) == 80


# --- the files -------------------------------------------------------------------------------------------------------


def test_only_pictures_are_pictures(folder: Path) -> None:
    (folder / "note.txt").write_text("")
    (folder / "folder.png").mkdir()
    (folder / "reserved.png").touch()
    keep(folder, ".hidden.png")
    keep(folder, "B.PNG")
    (folder / os.fsdecode(b"\xff.png")).write_bytes(b"x")
    assert set(files.names(folder)) == {"0.png", "1.png", "2.png", "B.PNG"}
    assert files.names(folder / "nowhere") == {}


def test_pictures_that_cannot_be_read_say_why(folder: Path) -> None:
    (folder / "bad.png").write_bytes(b"\x89PNG\r\n\x1a\n rubbish")
    keep(folder, "plain.png")
    found = {picture.name: picture for picture, _ in read_all(folder)}
    assert found["bad.png"].width == 0
    assert found["bad.png"].problem == "bad.png is cut short."
    assert found["plain.png"].width == 6
    assert found["plain.png"].problem == "plain.png is a picture without a request: Scorescope did not save it."
    assert found["0.png"].problem == ""
    gone, thumbnail = files.read(folder, "gone.png", (1, 2))
    assert (gone.problem, thumbnail) == ("gone.png is not there.", b"")


def test_stars_are_in_the_folder(folder: Path) -> None:
    files.star(folder, "1.png", True)
    files.star(folder, "1.png", True)
    assert files.starred(folder) == {"1.png"}
    files.star(folder, "1.png", False)
    files.star(folder, "1.png", False)
    assert files.starred(folder) == set()


def test_a_name_is_never_given_twice(tmp_path: Path) -> None:
    """Also not to eight threads that ask at once."""
    keep(tmp_path / "g", "digits-3-seed42-0007.png")
    assert files.free_name(tmp_path / "g", "digits-3-seed42").name == "digits-3-seed42-0008.png"
    names: list[str] = []
    threads = [
        threading.Thread(target=lambda: names.extend(files.free_name(tmp_path / "g", "a").name for _ in range(20)))
        for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(names)) == 160


def test_what_is_deleted_can_be_had_back(folder: Path) -> None:
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    deletion = Deletion(folder, ["0.png", "2.png", "gone.png"])
    assert deletion.make() == 2
    assert set(files.names(folder)) == {"1.png"}
    keep(folder, "2.png", shade=77)  # another of that name has come
    assert deletion.take_back() == 2
    assert set(files.names(folder)) == {"0.png", "1.png", "2.png", "2-0001.png"}
    assert (folder / "2-0001.png").read_bytes() == before["2.png"], "neither is lost"
    assert not list((folder / ".trash").iterdir())
    assert deletion.make() == 2, "and again"
    assert deletion.take_back() == 2


def test_a_deletion_that_fails_half_way_takes_itself_back(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rename, count = Path.rename, 0

    def denied(self: Path, target: Path) -> Path:
        nonlocal count
        count += 1
        if count == 2:
            raise PermissionError(13, "Permission denied")
        return rename(self, target)

    monkeypatch.setattr(Path, "rename", denied)
    with pytest.raises(PermissionError):
        Deletion(folder, ["0.png", "1.png", "2.png"]).make()
    assert set(files.names(folder)) == {"0.png", "1.png", "2.png"}


def test_the_trash_is_emptied_after_30_days(folder: Path) -> None:
    Deletion(folder, ["0.png"]).make()
    (kept,) = (folder / ".trash").iterdir()
    assert files.empty_trash(folder) == 0
    old = folder / ".trash" / str(time.time_ns() - int(30.1 * 24 * 3600e9))
    kept.rename(old)
    (folder / ".trash" / "not-ours").mkdir()
    assert files.empty_trash(folder) == 1
    assert [path.name for path in (folder / ".trash").iterdir()] == ["not-ours"]
    Deletion(folder, ["1.png"]).make()
    assert files.empty_trash(folder, 0) == 1, "by hand"


# --- the search ------------------------------------------------------------------------------------------------------


PICTURES = {
    "a": Request(condition=3, lam=1.0, steps=50, seed=3),
    "b": Request(condition="three cats", steps=20),
    "c": Request(sampler="heun", guidance=2.5, model="digits-weak"),
    "d": Request(start=Branch(Request(), 2), seed=3),
    "none": None,
}


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("", "a b c d none"),
        ("lam=1", "a"),
        ("λ=1.0", "a"),
        ("lam = 1 steps>20", "a"),
        ("steps>=20", "a b c d"),
        ("steps<50", "b c d"),
        ("seed=3", "a d"),
        ("model:digits", "a b c d"),
        ("model=digits", "a b d"),
        ("model:weak", "c"),
        ("sampler!=bridge", "c"),
        ("condition=none", "c d"),
        ("guidance>1", "c"),
        ('"three cats"', "b"),
        ("three", "b"),
        ("THREE", "b"),
        ("heun", "c"),
        ("start:branch", "d"),
        ("branch", "d"),
        ("is:starred", "b"),
        ("-is:starred", "a c d none"),
        ("-heun seed=3", "a d"),
        ("n>20", "a"),
        ("nothing-like-that", ""),
        ('"', "a b c d none"),
    ],
)
def test_search(text: str, wanted: str) -> None:
    classes = {card.name: card.classes for card in cards().values()}
    search, found = Search(text), []
    for name, request in PICTURES.items():
        picture = Picture(f"{name}.png", 1, 1, 4, 4, request.to_dict() if request else {})
        if search.admits(picture, words(picture, classes), name == "b"):
            found.append(name)
    assert search.problem == ""
    assert " ".join(found) == wanted


@pytest.mark.parametrize(
    ("text", "problem"), [("lamm=1", "lamm is not a parameter"), ("steps>many", "steps> wants a number")]
)
def test_a_search_that_is_not_understood_says_so(text: str, problem: str) -> None:
    assert Search(text).problem.startswith(problem)
