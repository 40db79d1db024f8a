"""From samples to bytes, sheets and files."""

from __future__ import annotations

import errno
import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from engine.pictures import pixels, save_png, sheet
from engine.request import Request


def test_pixels_map_minus_one_to_black_and_one_to_white() -> None:
    x = np.array([-1.0, 0.0, 1.0, -1.5, 7.0, np.inf, -np.inf], np.float32).reshape(1, 1, 1, 7)
    assert pixels(x)[0, 0, :, 0].tolist() == [0, 128, 255, 0, 255, 255, 0]


def test_bytes_survive_the_way_to_samples_and_back() -> None:
    """Training maps byte b to b / 127.5 − 1; every byte comes back."""
    every = np.arange(256, dtype=np.uint8).reshape(1, 1, 16, 16)
    assert np.array_equal(pixels(every.astype(np.float32) / 127.5 - 1.0)[..., 0], every[:, 0])


def test_scale_is_the_deviation_that_fills_the_range() -> None:
    x = np.linspace(-1, 1, 12, dtype=np.float32).reshape(1, 3, 2, 2)
    assert np.abs(pixels(80.0 * x, 80.0).astype(int) - pixels(x)).max() <= 1


def test_channels_come_last_and_bytes_are_ready_to_draw() -> None:
    x = np.zeros((2, 3, 4, 5), np.float32)
    x[:, 0], x[:, 2] = -1, 1
    image = pixels(x)
    assert image.shape == (2, 4, 5, 3)
    assert image.dtype == np.uint8
    assert image.flags.c_contiguous
    assert image[1, 2, 3].tolist() == [0, 128, 255]


@pytest.mark.parametrize(
    ("count", "columns", "rows_columns"),
    [(1, None, (1, 1)), (4, None, (2, 2)), (5, None, (2, 3)), (10, None, (3, 4)), (10, 5, (2, 5)), (3, 8, (1, 8))],
)
def test_a_sheet_is_laid_out_row_by_row(count: int, columns: int | None, rows_columns: tuple[int, int]) -> None:
    """Image n stands at row n // columns, column n % columns; gaps and unused places are black."""
    rows, across = rows_columns
    images = np.broadcast_to(np.arange(1, count + 1, dtype=np.uint8)[:, None, None, None], (count, 3, 4, 1))
    page = sheet(images, columns, enlarge=2, gap=1)
    assert page.shape == (rows * 7 - 1, across * 9 - 1, 1)
    for place in range(rows * across):
        row, column = divmod(place, across)
        cell = page[row * 7 : row * 7 + 6, column * 9 : column * 9 + 8]
        assert np.all(cell == (place + 1 if place < count else 0))
    assert not page[6::7].any()
    assert not page[:, 8::9].any()


def test_a_sheet_enlarges_without_blur() -> None:
    image = np.arange(6, dtype=np.uint8).reshape(1, 2, 3, 1)
    page = sheet(image, enlarge=3)
    assert np.array_equal(page[1::3, 1::3], image[0])
    assert set(np.unique(page)) == set(range(6))


@pytest.mark.parametrize("channels", [1, 3])
def test_a_png_carries_its_request(tmp_path: Path, channels: int) -> None:
    """The pixels come back exactly, and the request from the text chunk `scorescope`."""
    page = np.arange(4 * 5 * channels, dtype=np.uint8).reshape(4, 5, channels)
    request = Request(condition="a λ of “seven”", lam=0.5, guidance_interval=(0.1, 3.0))
    save_png(tmp_path / "page.png", page, request)
    with Image.open(tmp_path / "page.png") as image:
        assert np.array_equal(np.asarray(image).reshape(page.shape), page)
        assert Request.from_json(image.info["scorescope"]) == request
    assert [path.name for path in tmp_path.iterdir()] == ["page.png"]


def test_a_png_without_a_request_and_over_another(tmp_path: Path) -> None:
    path = tmp_path / "page.png"
    save_png(path, np.zeros((2, 2, 1), np.uint8), Request())
    save_png(path, np.ones((3, 3, 1), np.uint8))
    with Image.open(path) as image:
        assert image.size == (3, 3)
        assert "scorescope" not in image.info


class FullDisk(io.FileIO):
    """A file on a disk that is full after 100 bytes."""

    def write(self, data: object) -> int:
        if self.tell() > 100:
            raise OSError(errno.ENOSPC, "No space left on device")
        return super().write(data)  # type: ignore[arg-type]


@pytest.mark.parametrize("old", [False, True])
def test_a_full_disk_leaves_the_old_picture_and_no_draft(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, old: bool
) -> None:
    path = tmp_path / "page.png"
    if old:
        save_png(path, np.zeros((2, 2, 1), np.uint8), Request(seed=1))
    before = path.read_bytes() if old else b""
    noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8)
    opened = Path.open
    with monkeypatch.context() as patch:

        def full(self: Path, *how: str, **more: str) -> object:
            return FullDisk(self, "w") if how == ("wb",) else opened(self, *how, **more)

        patch.setattr(Path, "open", full)
        with pytest.raises(OSError, match="No space left on device"):
            save_png(path, noise, Request(seed=2))
    assert [found.name for found in tmp_path.iterdir()] == (["page.png"] if old else [])
    assert not old or path.read_bytes() == before
