"""Animations, decoded again: how many frames, of what size, how long, and what is in the first and the last."""

from __future__ import annotations

import itertools
import resource
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import av
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from engine.animation import KINDS, save_animation
from engine.request import Request

Frames = NDArray[np.uint8]
HEIGHT, WIDTH, COUNT = 61, 83, 7
NEAR = 12  # of 255: colours are halved or counted in each of these files but PNG


def frames(count: int = COUNT) -> Iterator[Frames]:
    """A bar that walks over a ground of two colours, both sides odd."""
    for k in range(count):
        frame = np.full((HEIGHT, WIDTH, 3), (13, 15, 18), np.uint8)
        frame[:, 40:] = (200, 80, 30)
        frame[:, 8 * k : 8 * k + 8] = (60, 220, 150)
        yield frame


def decoded(path: Path) -> tuple[Frames, list[float]]:
    """All frames [N, H, W, 3] and the seconds that each is seen."""
    if path.suffix == ".mp4":
        with av.open(str(path)) as file:
            stream = file.streams.video[0]
            assert stream.codec_context.pix_fmt == "yuv420p"
            found = [
                each.reformat(format="rgb24", src_colorspace="ITU709").to_ndarray() for each in file.decode(stream)
            ]
            return np.stack(found), [float(1 / stream.average_rate)] * len(found)
    with Image.open(path) as file:
        pictures, seconds = [], []
        for number in range(getattr(file, "n_frames", 1)):
            file.seek(number)
            pictures.append(np.asarray(file.convert("RGB")))
            seconds.append(file.info.get("duration", 0.0) / 1e3)
        return np.stack(pictures), seconds


def near(a: Frames, b: Frames) -> bool:
    """Whether two pictures are alike but for the edges, where halved colours mix."""
    return bool(np.quantile(np.abs(a.astype(int) - b), 0.9) <= NEAR)


@pytest.mark.parametrize("kind", KINDS)
def test_what_was_written_is_read_again(tmp_path: Path, kind: str) -> None:
    path = tmp_path / f"moving{kind}"
    told: list[int] = []
    save_animation(path, frames(), 0.05, hold=0.5, progress=told.append)
    found, seconds = decoded(path)
    wanted = list(frames())
    if kind == ".mp4":
        assert len(found) == COUNT - 1 + 10
        assert found.shape[1:] == (HEIGHT + 1, WIDTH + 1, 3), "even sides"
        np.testing.assert_array_equal(seconds, 0.05)
        found = found[:, :HEIGHT, :WIDTH]
    else:
        assert found.shape == (COUNT, HEIGHT, WIDTH, 3)
        np.testing.assert_allclose(seconds, [0.05] * (COUNT - 1) + [0.5])
    assert all(near(a, b) for a, b in zip(found, wanted, strict=False)), "each in its place"
    assert near(found[-1], wanted[-1])
    assert not near(found[0], wanted[-1])
    if kind in (".png", ".apng"):
        np.testing.assert_array_equal(found, np.stack(wanted), "without loss")
    assert told == list(range(1, COUNT + 1))
    assert list(tmp_path.iterdir()) == [path]


def test_a_film_can_be_played_before_it_is_all_there(tmp_path: Path) -> None:
    """The table of contents comes before the pictures."""
    save_animation(path := tmp_path / "a.mp4", frames(), 0.1)
    data = path.read_bytes()
    assert data.index(b"moov") < data.index(b"mdat")


@pytest.mark.parametrize("colour", [(60, 220, 150), (200, 30, 20), (20, 40, 230)])
def test_a_film_has_the_colours_of_its_frames(tmp_path: Path, colour: tuple[int, int, int]) -> None:
    """By the matrix that the file names; by another one they are off by 10 and more."""
    frame = np.full((64, 64, 3), colour, np.uint8)
    save_animation(path := tmp_path / "a.mp4", [frame] * 2, 0.1)
    with av.open(str(path)) as file:
        (first, *_) = file.decode(video=0)
        assert first.colorspace == 1, "BT.709"
        found = first.reformat(format="rgb24", src_colorspace="ITU709").to_ndarray()
    assert np.abs(found.astype(int) - frame).max() <= 4


def test_one_frame_is_enough(tmp_path: Path) -> None:
    for kind in KINDS:
        save_animation(tmp_path / f"one{kind}", frames(1), 0.1, hold=0.1)
        assert len(decoded(tmp_path / f"one{kind}")[0]) == 1


def test_a_png_says_what_it_was_made_by(tmp_path: Path) -> None:
    request = Request(seed=3, lam=0.5)
    save_animation(path := tmp_path / "a.png", frames(), 0.1, request=request)
    with Image.open(path) as file:
        assert Request.from_json(file.info["scorescope"]) == request


@pytest.mark.parametrize("kind", KINDS)
def test_a_file_that_was_there_stays_where_the_writing_is_stopped(tmp_path: Path, kind: str) -> None:
    path = tmp_path / f"kept{kind}"
    path.write_bytes(b"before")

    def stop(count: int) -> None:
        if count == 4:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        save_animation(path, frames(), 0.1, progress=stop)
    with pytest.raises(ZeroDivisionError):
        save_animation(path, itertools.chain(frames(3), (1 // 0 for _ in range(1))), 0.1)
    assert path.read_bytes() == b"before"
    assert list(tmp_path.iterdir()) == [path]


@contextmanager
def full_disk(size: int) -> Iterator[None]:
    """No file may grow beyond this."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


@pytest.mark.parametrize("kind", KINDS)
def test_a_full_disk_leaves_no_file(tmp_path: Path, kind: str) -> None:
    noise = [np.random.default_rng(k).integers(0, 255, (120, 160, 3), np.uint8) for k in range(5)]
    with full_disk(20_000), pytest.raises(OSError, match="too large"):
        save_animation(tmp_path / f"full{kind}", noise, 0.1)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("kind", KINDS)
def test_a_folder_that_is_not_there_is_an_oserror(tmp_path: Path, kind: str) -> None:
    with pytest.raises(OSError, match="No such file"):
        save_animation(tmp_path / "nowhere" / f"a{kind}", frames(), 0.1)


@pytest.mark.parametrize("kind", KINDS)
def test_frames_that_do_not_fit_are_refused(tmp_path: Path, kind: str) -> None:
    path = tmp_path / f"a{kind}"
    small, other = np.zeros((4, 4, 3), np.uint8), np.zeros((4, 6, 3), np.uint8)
    with pytest.raises(ValueError, match="of one size, not 4 × 4 and then 6 × 4"):
        save_animation(path, [small, other, small], 0.1)
    with pytest.raises(ValueError, match="bytes"):
        save_animation(path, [small[:, :, 0]], 0.1)
    with pytest.raises(ValueError, match="a frame"):
        save_animation(path, [], 0.1)
    assert not list(tmp_path.iterdir())


def test_other_names_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"a\.avi must end in one of \.gif"):
        save_animation(tmp_path / "a.avi", frames(), 0.1)


def test_it_needs_no_torch() -> None:
    code = "import sys, engine.animation; print('torch' in sys.modules, 'PySide6' in sys.modules, 'av' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False", "False", "False"]
