"""Points from files and words: what a person brings is read, or refused in one sentence; nothing is executed."""

from __future__ import annotations

import io
import os
import re
import struct
import subprocess
import sys
import zipfile
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image

from engine.data import points
from engine.data.points import from_text, read
from engine.files import FileError

ROWS = np.array([[1.0, 2.0], [-0.5, 0.25], [3.0, -1.5]])
FITTED = (ROWS - [1.25, 0.25]) / 1.75 * 1.2  # x from −0.5 to 3, the wider; y from −1.5 to 2


def written(folder: Path, content: bytes | str, name: str = "some.dat") -> Path:
    path = folder / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def refused(path: Path) -> str:
    """The sentence that refuses a file, without its name."""
    with pytest.raises(FileError) as error:
        read(path)
    message = str(error.value)
    assert re.fullmatch(rf"{re.escape(str(path))} [^\n]*[^.\n]\.", message), message
    return message.removeprefix(f"{path} ")


def npy(array: NDArray[Any], **options: Any) -> bytes:
    stream = io.BytesIO()
    np.save(stream, array, **options)
    return stream.getvalue()


def npz(**arrays: NDArray[Any]) -> bytes:
    stream = io.BytesIO()
    np.savez_compressed(stream, **arrays)  # type: ignore[arg-type]
    return stream.getvalue()


def picture(pixels: NDArray[np.uint8], kind: str = "PNG", mode: str | None = None) -> bytes:
    stream = io.BytesIO()
    image = Image.fromarray(pixels)
    (image.convert(mode) if mode else image).save(stream, kind)
    return stream.getvalue()


# --- tables ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "content",
    [
        "1,2\n-0.5,0.25\n3,-1.5\n",
        "x,y\n1,2\n-0.5,0.25\n3,-1.5",
        "\ufeffx,y\r\n1,2\r\n-0.5,0.25\r\n3,-1.5\r\n",
        "1\t2\n-.5\t.25\n3\t-1.5\n",
        "1;2\n-0,5;0,25\n3;-1,5\n",
        " 1.0e0   2.0e0\n-5e-1   2.5e-1\n 3.0e0  -1.5e0\n",
        '"1","2"\n"-0.5","0.25"\n"3","-1.5"\n',
        "# two columns\n1, 2\n\n-0.5, 0.25 # no\n3, -1.5\n".replace(" # no", ""),
        "Name, Y, X\nfirst, 2, 1\nsecond, 0.25, -0.5\n'third', -1.5, 3\n",
        "1,2,a\n-0.5,0.25,b\n,,\n3,-1.5,c\n",
    ],
    ids=["plain", "header", "BOM", "tabs", "decimal comma", "spaces", "quotes", "comment", "names", "wide"],
)
def test_a_table_in_any_dress(content: str, tmp_path: Path) -> None:
    for encoding in ("utf-8", "utf-16"):
        found = read(written(tmp_path, content.encode(encoding), "some.csv"))
        assert found.points.dtype == np.float32
        np.testing.assert_allclose(found.points, FITTED, atol=1e-6)
        assert found.message == "3 points from some.csv, centred and scaled to ±1.2."


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("x,y\n1,2\n1,abc\n", "has 'abc' where a number should be, in line 3."),
        ("1,2\n\n# here\nabc,1\n", "has 'abc' where a number should be, in line 4."),
        ("1,2\n3,\n", "has nothing where a number should be, in line 2."),
        ("1,2\n3,nan\n", "has a value that is not finite in line 2."),
        ("1,2\n-inf,3\n", "has a value that is not finite in line 2."),
        ("1,2\n1e999,3\n", "has a value that is not finite in line 2."),
        ("1\n2\n3\n", "has one column in line 1; two are wanted, x and y."),
        ("1,2\n3\n", "has 1 column, where 2 are wanted, in line 2."),
        ("y,z,x\n1,2,3\n1,2\n", "has 2 columns, where 3 are wanted, in line 3."),
        ("x,y\n", "holds no points: it has no row of numbers."),
        ("", "holds no points: it has no row of numbers."),
        ("\n \n#\n", "holds no points: it has no row of numbers."),
        ("Once upon a time\nthere was\n", "has 'there' where a number should be, in line 2."),
        ('1,2\n3,"' + "4" * 200_000, "is damaged in line 2: field larger than field limit (131072)."),
        ("1,2\n3," + "x" * 1000, f"has '{'x' * 56}… where a number should be, in line 2."),
        (b"\1\2\0\3 binary", "is no table, array or picture that can be read; CSV, TSV, NPY, NPZ, PNG, JPEG, BMP, GIF"),
    ],
)
def test_a_table_with_a_fault_is_refused_by_its_line(content: bytes | str, message: str, tmp_path: Path) -> None:
    assert refused(written(tmp_path, content)).startswith(message)


def test_a_million_rows_are_thinned(tmp_path: Path) -> None:
    """To points that were there, always the same, over the whole of the file."""
    path = written(tmp_path, "\n".join(f"{n},{-n}" for n in range(1_000_000)), "long.csv")
    found = read(path)
    assert found.message == "1,000,000 points from long.csv, thinned to 200,000, centred and scaled to ±1.2."
    assert found.points.shape == (200_000, 2)
    assert (np.diff(found.points[:, 0]) > 0.0).all()
    np.testing.assert_allclose(np.quantile(found.points[:, 0], [0.25, 0.5, 0.75]), [-0.6, 0.0, 0.6], atol=0.01)
    np.testing.assert_array_equal(read(path).points, found.points)


def test_the_fault_in_a_million_rows_is_found(tmp_path: Path) -> None:
    path = written(tmp_path, "1,2\n" * 999_999 + "1,nan")
    assert refused(path) == "has a value that is not finite in line 1000000."


def test_what_is_not_there_is_refused(tmp_path: Path) -> None:
    assert refused(tmp_path / "gone.csv") == "is not there."
    assert refused(tmp_path) == "is a folder."


# --- centred and scaled ----------------------------------------------------------------------------------------------


def test_the_aspect_is_kept(tmp_path: Path) -> None:
    """1,000 times as wide as high, far out: x fills ±1.2, y is as small beside it as before."""
    found = read(written(tmp_path, "5000,70\n7000,71\n5500,72\n")).points
    np.testing.assert_allclose(found, [[-1.2, -0.0012], [1.2, 0.0], [-0.6, 0.0012]], atol=1e-6)


@pytest.mark.parametrize("value", ["0", "3.5", "-1.7e308", "5e-324"])
def test_points_that_coincide_lie_in_the_middle(value: str, tmp_path: Path) -> None:
    np.testing.assert_array_equal(read(written(tmp_path, f"{value},1\n{value},1\n")).points, np.zeros((2, 2)))
    assert read(written(tmp_path, f"{value},1\n", "one.csv")).message.startswith("1 point from one.csv,")


def test_the_largest_numbers_fit(tmp_path: Path) -> None:
    found = read(written(tmp_path, "1.7e308,0\n-1.7e308,1e-300\n"))
    np.testing.assert_allclose(found.points, [[1.2, 0.0], [-1.2, 0.0]])


# --- arrays ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "content",
    [
        npy(ROWS),
        npy(ROWS.astype(">f4")),
        npy(np.asfortranarray(ROWS.astype(np.float16))),
        npy((4 * ROWS).astype(np.int64)),
        npy(np.hstack([ROWS, ROWS])),
        npz(points=ROWS),
        npz(labels=np.arange(3), text=np.array([["a", "b"]]), cloud=ROWS),
    ],
    ids=["float64", "big-endian", "fortran", "integers", "wide", "NPZ", "NPZ of three"],
)
def test_an_array_is_read(content: bytes, tmp_path: Path) -> None:
    np.testing.assert_allclose(read(written(tmp_path, content)).points, FITTED, atol=1e-6)


class Bomb:
    """Were it unpickled, it would end the tests."""

    def __reduce__(self) -> tuple[Any, ...]:
        return os._exit, (3,)


NOTHING = "holds no points; what is wanted is an array of numbers [N, 2]."
BOMB = np.array([[Bomb(), Bomb()]], dtype=object)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (npy(BOMB), NOTHING),
        (npz(points=BOMB), NOTHING),
        (npy(ROWS[:, 0]), NOTHING),
        (npy(ROWS[None]), NOTHING),
        (npy(ROWS[:0]), NOTHING),
        (npy(ROWS[:, :1]), NOTHING),
        (npy(ROWS + 1j), NOTHING),
        (npy(np.array([["1", "2"]])), NOTHING),
        (npz(), NOTHING),
        (npy(ROWS * [1.0, np.nan]), "has a value that is not finite in row 0 of its array."),
        (npy(np.vstack([ROWS, ROWS[:1] * np.inf])), "has a value that is not finite in row 3 of its array."),
        (npy(ROWS.astype(np.longdouble) * np.longdouble("1e400")), "has a value that is not finite in row 0"),
        (npy(ROWS)[:-5], "is damaged: buffer is smaller than requested size."),
        (npy(ROWS)[:30], "is damaged: "),
        (npy(ROWS).replace(b"(3, 2)", b"(9**9)"), "is damaged: "),
        (npy(ROWS).replace(b"(3, 2), } ", b"(3, -2), }"), NOTHING),
        (npz(points=ROWS)[:-30], "is damaged: File is not a zip file."),
        (npz(points=np.zeros((5_000_000, 2))), "is damaged: unpacked it would have more than 64 MB."),
        (b"PK\3\4", "is damaged: File is not a zip file."),
    ],
)
def test_an_array_with_a_fault_is_refused(content: bytes, message: str, tmp_path: Path) -> None:
    assert refused(written(tmp_path, content)).startswith(message)


def test_a_header_cannot_ask_for_memory(tmp_path: Path) -> None:
    """16 TB for 48 bytes of data: refused by the length of the file before there is an array."""
    header = b"{'descr': '<f8', 'fortran_order': False, 'shape': (1000000000000, 2), }\n"
    content = b"\x93NUMPY\1\0" + struct.pack("<H", len(header)) + header + bytes(48)
    assert refused(written(tmp_path, content)) == "is damaged: buffer is smaller than requested size."


# --- pictures --------------------------------------------------------------------------------------------------------


def test_every_pixel_has_its_share() -> None:
    """To within a point, for any number of points."""
    dark = np.random.default_rng(0).integers(0, 256, (7, 5)).astype(np.float64)
    dark[2] = 0.0
    for count in (1, 1000, 200_000):
        drawn = points._drawn(dark, count)
        edges = [np.arange(6), np.arange(8)]
        seen = np.histogram2d(drawn[:, 0], -drawn[:, 1], bins=edges)[0].T
        assert seen.sum() == count
        assert np.abs(seen - count * dark / dark.sum()).max() <= 1.0 + 1e-6


@pytest.mark.parametrize("kind", ["PNG", "BMP", "GIF", "PPM", "JPEG"])
def test_the_darker_the_denser(kind: str, tmp_path: Path) -> None:
    """Black on the left, half as dark on the lower right, the rest white; the upper left is up and left."""
    pixels = np.full((40, 40), 255, np.uint8)
    pixels[:20, :20], pixels[20:, 20:] = 0, 127
    found = read(written(tmp_path, picture(pixels, kind)))
    x, y = found.points.T
    assert found.message == "5,000 points from the dark of some.dat, centred and scaled to ±1.2."
    assert ((x < 0.01) & (y > -0.01)).sum() == pytest.approx(255 / 383 * 5000, abs=15 if kind == "JPEG" else 5)
    assert ((x > -0.01) & (y < 0.01)).sum() == pytest.approx(128 / 383 * 5000, abs=15 if kind == "JPEG" else 5)
    np.testing.assert_array_equal(read(tmp_path / "some.dat").points, found.points)


def test_what_is_transparent_is_not_dark(tmp_path: Path) -> None:
    pixels = np.zeros((10, 10, 4), np.uint8)
    pixels[:5, 5:, 3], pixels[5:, :5, 3] = 255, 128
    for content in (picture(pixels), picture(pixels, "GIF")):
        x, y = read(written(tmp_path, content)).points.T
        assert not ((x > 0.01) & (y < -0.01)).any()
        assert not ((x < -0.01) & (y > 0.01)).any()


def test_as_many_points_as_are_wanted(tmp_path: Path) -> None:
    path = written(tmp_path, picture(np.zeros((4, 3000), np.uint8)))
    assert len(read(path, 200_000).points) == 200_000
    assert len(read(path, 1).points) == 1
    for count in (0, 200_001):
        with pytest.raises(ValueError, match="count must be from 1 to 200,000"):
            read(path, count)


def chunk(name: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))


def png(width: int, height: int) -> bytes:
    """A PNG of this size, black, in as few bytes as it takes; 400,000,000 pixels are 50 kB."""
    packed = zlib.compressobj(9)
    rows = b"".join(packed.compress(bytes(1 + (width + 7) // 8)) for _ in range(height)) + packed.flush()
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 1, 0, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + header + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


def test_too_large_a_picture_is_refused_before_it_is_unpacked(tmp_path: Path) -> None:
    assert len(png(20_000, 20_000)) < 100_000
    assert refused(written(tmp_path, png(20_000, 20_000))) == "has more pixels than any picture that is wanted here."
    assert refused(written(tmp_path, png(7000, 7000))) == "has more than 33,554,432 pixels, the most that are read."
    assert len(read(written(tmp_path, png(4000, 3000))).points) == 5000


def test_a_large_photograph_is_unpacked_small(tmp_path: Path) -> None:
    stream = io.BytesIO()
    Image.new("RGB", (8000, 6000), "grey").save(stream, "JPEG")  # 48 million pixels
    assert len(read(written(tmp_path, stream.getvalue())).points) == 5000


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (picture(np.full((9, 9), 255, np.uint8)), "is white all over; points are drawn from what is dark."),
        (picture(np.zeros((9, 9), np.uint16)), "has pixels of the kind I;16; what is wanted is 8 bits a channel."),  # type: ignore[arg-type]
        (picture(np.zeros((9, 9), np.uint8))[:45], "is damaged: "),
        (b"\x89PNG\r\n\x1a\n", "is no picture that can be read; PNG, JPEG, BMP, GIF and PPM can be."),
        (b"\xff\xd8\xff", "is no picture that can be read; PNG, JPEG, BMP, GIF and PPM can be."),
    ],
)
def test_a_picture_with_a_fault_is_refused(content: bytes, message: str, tmp_path: Path) -> None:
    assert refused(written(tmp_path, content)).startswith(message)


# --- words -----------------------------------------------------------------------------------------------------------


def test_a_word_becomes_points() -> None:
    """The bar of an L stands on the left and its foot lies below."""
    found = from_text(" L ")
    assert found.message == "5,000 points from “L”, centred and scaled to ±1.2."
    x, y = found.points.T
    assert np.abs(y).max() == pytest.approx(1.2)
    assert np.abs(x).max() < 0.9
    assert not ((x > 0.0) & (y > 0.0)).any()
    assert (x < 0.0).mean() > 0.6
    np.testing.assert_array_equal(from_text("L").points, found.points)
    assert len(from_text("Score σλ é", 200_000).points) == 200_000


@pytest.mark.parametrize("text", ["", "  ", "\n", "x" * 41, "a\nb", "a\tb", "\0", "😀", "語"])
def test_what_cannot_be_written_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"^text must [^.\n]*$"):
        from_text(text)


# --- anything --------------------------------------------------------------------------------------------------------


WHOLE = [
    npy(ROWS),
    npz(points=ROWS),
    npz(points=ROWS, other=ROWS),
    b"x,y\n1,2\n-0.5,0.25\n3,-1.5\n",
    picture(np.arange(64, dtype=np.uint8).reshape(8, 8)),
    picture(np.arange(64, dtype=np.uint8).reshape(8, 8), "GIF"),
    picture(np.arange(64, dtype=np.uint8).reshape(8, 8), "BMP"),
    picture(np.arange(64, dtype=np.uint8).reshape(8, 8), "JPEG"),
    picture(np.arange(64, dtype=np.uint8).reshape(8, 8), "PPM"),
]


@st.composite
def spoilt(draw: st.DrawFn) -> bytes:
    """A file that can be read, with some of its bytes changed, and perhaps cut."""
    data = bytearray(draw(st.sampled_from(WHOLE)))
    for place, byte in draw(st.lists(st.tuples(st.integers(0, len(data) - 1), st.integers(0, 255)), max_size=4)):
        data[place] = byte
    return bytes(data[: draw(st.none() | st.integers(0, len(data)))])


MAGIC = st.sampled_from([b"", b"\x93NUMPY\1\0", b"PK\3\4", b"\x89PNG\r\n\x1a\n", b"GIF89a", b"BM", b"P6 ", b"\xff\xfe"])
SIGNS = st.text("0123456789.,;\t\n\r \"'-+eEnaixy#", max_size=60).map(str.encode)


@settings(max_examples=800)
@given(st.binary(max_size=200) | st.tuples(MAGIC, st.binary(max_size=100)).map(b"".join) | SIGNS | spoilt())
def test_whatever_is_in_a_file_it_is_points_or_one_sentence(
    tmp_path_factory: pytest.TempPathFactory, content: bytes
) -> None:
    path = written(tmp_path_factory.getbasetemp(), content, "fuzz")
    found, sentence = None, ""
    try:
        found = read(path)
    except FileError as error:
        sentence = str(error)
    if found is None:
        assert re.fullmatch(rf"{re.escape(str(path))} [^\n]*[^.\n]\.", sentence)
        return
    assert found.points.ndim == 2
    assert found.points.shape[1] == 2
    assert len(found.points)
    assert np.isfinite(found.points).all()
    assert np.abs(found.points).max() <= 1.2 + 1e-6
    assert re.fullmatch(r"[^\n]*\.", found.message)


def test_it_loads_no_torch() -> None:
    code = "import engine.data.points, engine.data.distributions, sys; sys.exit('torch' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True, timeout=180)


def test_archives_of_another_kind_are_refused(tmp_path: Path) -> None:
    """A zip that is no NPZ."""
    with zipfile.ZipFile(tmp_path / "some.zip", "w") as archive:
        archive.writestr("points.csv", "1,2\n")
    assert refused(tmp_path / "some.zip") == NOTHING
