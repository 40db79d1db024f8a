"""From the middle: pictures and saved runs on the command line, and what is refused of them."""

from __future__ import annotations

import io
import struct
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image as Pillow
from PIL import PngImagePlugin

from engine import cli, starting
from engine.files import MAX_BYTES, FileError
from engine.request import Branch, Request
from engine.starts import Encoding, Image, PureNoise, Slerp

pytestmark = pytest.mark.usefixtures("tiny")

GREY = np.arange(64, dtype=np.uint8).reshape(8, 8) * 4
COUNT = ["--model", "tiny", "--steps", "4", "--count", "2"]


@pytest.fixture
def picture(tmp_path: Path) -> Path:
    """An image as the model `tiny` makes them."""
    Pillow.fromarray(GREY).save(tmp_path / "grey.png")
    return tmp_path / "grey.png"


def asked(capsys: pytest.CaptureFixture[str], *flags: str) -> Request:
    """The request that these flags make."""
    assert cli.main(["generate", *COUNT, *flags, "--json"]) == 0, capsys.readouterr().err
    return Request.from_json(capsys.readouterr().out)


def refused(capsys: pytest.CaptureFixture[str], *flags: str) -> str:
    """The one sentence that refuses these flags, with its exit status in front."""
    status = cli.main(["generate", *COUNT, *flags, "--out", "none.png"])
    error = capsys.readouterr().err
    assert status in (1, 2)
    assert error.startswith("scorescope generate: ")
    assert error.endswith(".\n")
    assert error.count("\n") == 1
    return f"{status} {error[21:-1]}"


# --- what is read ----------------------------------------------------------------------------------------------------


def test_an_image_is_started_from(picture: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    start = asked(capsys, "--image", str(picture), "--strength", "0.25").start
    assert start == Image(GREY.tobytes(), (1, 8, 8), 0.25)
    half = np.where(np.arange(8) < 4, 127, 128).astype(np.uint8) * np.ones((8, 1), np.uint8)
    Pillow.fromarray(half).save(tmp_path / "mask.png")
    start = asked(capsys, "--image", str(picture), "--mask", str(tmp_path / "mask.png")).start
    assert start == Image(GREY.tobytes(), (1, 8, 8), 0.6, bytes([0, 0, 0, 0, 1, 1, 1, 1] * 8))


def test_an_image_is_encoded(picture: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert asked(capsys, "--encode", str(picture)).start == Encoding(GREY.tobytes(), (1, 8, 8))
    flags = ["--encode", str(picture), "--encode-condition", "2", "--encode-model", "other", "--condition", "1"]
    request = asked(capsys, *flags)
    assert request.start == Encoding(GREY.tobytes(), (1, 8, 8), "other", 2)
    assert request.condition == 1


@pytest.mark.parametrize("suffix", ["png", "json"])
def test_a_branch_is_the_parent_unless_told_otherwise(
    suffix: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    parent = Request(model="tiny", steps=6, count=3, condition=1, lam=1.0, seed=8)
    path = tmp_path / f"parent.{suffix}"
    if suffix == "png":
        text = PngImagePlugin.PngInfo()
        text.add_text("scorescope", parent.to_json())
        Pillow.new("L", (30, 30)).save(path, pnginfo=text)
    else:
        path.write_text(parent.to_json(), encoding="utf-8")
    assert cli.main(["generate", "--branch", str(path), "--at", "2", "--lam", "0", "--json"]) == 0
    assert Request.from_json(capsys.readouterr().out) == parent.replace(lam=0.0, start=Branch(parent, 2))


def test_a_branch_may_come_through_a_pipe(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    parent = Request(model="tiny", steps=6, count=3, seed=8)
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(parent.to_json().encode())))
    assert cli.main(["generate", "--branch", "-", "--at", "2", "--json"]) == 0, capsys.readouterr().err
    assert Request.from_json(capsys.readouterr().out) == parent.replace(start=Branch(parent, 2))


def test_slerp_is_between_seeds_or_images(picture: Path, capsys: pytest.CaptureFixture[str]) -> None:
    ends = PureNoise(3), PureNoise(9)
    assert asked(capsys, "--slerp", "3", "9", "--count", "5").start == Slerp(*ends, (0.0, 0.25, 0.5, 0.75, 1.0))
    assert asked(capsys, "--slerp", "3", "9", "--count", "1").start == Slerp(*ends, (0.5,))
    start = asked(capsys, "--slerp", str(picture), "9", "--encode-condition", "1").start
    assert start == Slerp(Encoding(GREY.tobytes(), (1, 8, 8), None, 1), PureNoise(9), (0.0, 1.0))


@pytest.mark.parametrize(
    "flags", [["--image"], ["--encode"], ["--slerp", "4"], ["--branch"]], ids=["image", "encode", "slerp", "branch"]
)
def test_a_saved_picture_reproduces_its_start(
    flags: list[str], picture: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Everything is inside the PNG: the files that it came from may go."""
    first, second = tmp_path / "first.png", tmp_path / "second.png"
    source = picture
    if flags == ["--branch"]:
        assert cli.main(["generate", *COUNT, "--out", str(tmp_path / "parent.png")]) == 0
        source, flags = tmp_path / "parent.png", ["--at", "1", "--lam", "1", *flags]
    assert cli.main(["generate", *COUNT, *flags, str(source), "--out", str(first)]) == 0, capsys.readouterr().err
    source.unlink()
    assert cli.main(["generate", "--request", str(first), "--out", str(second)]) == 0
    assert first.read_bytes() == second.read_bytes()


@pytest.mark.parametrize("mode", ["1", "L", "P", "RGB", "RGBA", "LA"])
def test_every_common_kind_of_picture_is_read(mode: str, tmp_path: Path) -> None:
    drawn = np.where(GREY > 100, 255, 0).astype(np.uint8)
    Pillow.fromarray(drawn).convert(mode).save(tmp_path / "a.png")
    assert starting.image(tmp_path / "a.png", (1, 8, 8)).pixels == drawn.tobytes()
    colour = np.frombuffer(starting.image(tmp_path / "a.png", (3, 8, 8)).pixels, np.uint8).reshape(3, 8, 8)
    assert (colour == drawn).all()


def test_channels_come_first(tmp_path: Path) -> None:
    drawn = np.random.default_rng(0).integers(0, 256, (4, 5, 3), np.uint8)
    Pillow.fromarray(drawn).save(tmp_path / "a.png")
    start = starting.image(tmp_path / "a.png", (3, 4, 5))
    assert start.pixels == drawn.transpose(2, 0, 1).tobytes()


# --- what is refused -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("flags", "sentence"),
    [
        (["--strength", "0.5"], "2 --strength goes with --image, which is not given."),
        (["--mask", "m.png"], "2 --mask goes with --image, which is not given."),
        (["--at", "3"], "2 --at goes with --branch, which is not given."),
        (["--encode-model", "x"], "2 --encode-model goes with --encode or --slerp, which is not given."),
        (["--branch", "x.png"], "2 --branch goes with --at, the step at which to leave the run."),
        (["--image", "GREY", "--strength", "0"], "2 strength must be a number from 0.001 to 1, not 0.0."),
        (["--image", "GREY", "--strength", "much"], "2 strength must be a number from 0.001 to 1, not 'much'."),
        (["--branch", "GREY", "--at", "-1"], "2 at must be a whole number from 0 to 99999, not -1."),
        (["--image", "nowhere.png"], "1 --image nowhere.png is not there."),
        (["--image", "FOLDER"], "1 --image FOLDER is a folder."),
        (["--branch", "GREY", "--at", "1"], "1 --branch GREY is a picture without a request: "),
        (["--request", "GREY"], "1 --request GREY is a picture without a request: "),
        (["--encode", "GREY", "--model", "faces"], "2 model must be one of "),
        (["--slerp", "1", "99999999999"], "2 --slerp: start must have a seed that is a whole number from 0 to "),
        (["--slerp", "1", "9" * 5000], "2 --slerp: start must have a seed that is a whole number from 0 to "),
        (["--slerp", "1", "-3"], "1 --slerp -3 is not there."),
    ],
)
def test_flags_that_do_not_fit(
    flags: list[str], sentence: str, picture: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def named(word: str) -> str:
        return word.replace("GREY", str(picture)).replace("FOLDER", str(tmp_path))

    assert refused(capsys, *map(named, flags)).startswith(named(sentence))


def test_a_start_that_the_engine_refuses_names_its_flag(
    picture: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "parent.json").write_text(Request(model="tiny", steps=4).to_json(), encoding="utf-8")
    said = refused(capsys, "--branch", str(tmp_path / "parent.json"), "--at", "4")
    assert said.startswith("2 --branch: start must have a step from 0 to 3")
    assert refused(capsys, "--encode", str(picture), "--sampler", "langevin").startswith("2 --encode: start must ")


def png(width: int, height: int) -> bytes:
    """The beginning of a PNG of this size, and no pixels."""
    head = b"IHDR" + struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    empty = b"IDAT" + zlib.compress(b"")
    parts = [struct.pack(">I", len(c) - 4) + c + struct.pack(">I", zlib.crc32(c)) for c in (head, empty, b"IEND")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


def saved(kind: str, **options: Any) -> bytes:
    """A picture of 8 × 8 as a file of this kind."""
    data = io.BytesIO()
    Pillow.fromarray(GREY).convert(options.pop("mode", "L")).save(data, kind, **options)
    return data.getvalue()


def sheet(count: int) -> bytes:
    """A sheet as `generate` saves it."""
    text = PngImagePlugin.PngInfo()
    text.add_text("scorescope", Request(count=count).to_json())
    data = io.BytesIO()
    Pillow.new("L", (18, 18)).save(data, "PNG", pnginfo=text)
    return data.getvalue()


FRAMES = [Pillow.new("L", (8, 8), grey) for grey in (0, 255)]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (png(9, 8), "is 9 × 8; what is wanted is one image of 8 × 8."),
        (png(5000, 5000), "is 5000 × 5000; what is wanted is one image of 8 × 8."),
        (png(12_000, 9_000), "has more pixels than any picture that is wanted here."),
        (png(2**31 - 1, 2**31 - 1), "has more pixels than any picture that is wanted here."),
        (sheet(4), "is a sheet of 4 images, 18 × 18; what is wanted is one image of 8 × 8."),
        (sheet(1), "is a sheet of 1 image, 18 × 18; what is wanted is one image of 8 × 8."),
        (saved("PNG")[:-22], "is damaged: "),
        (saved("JPEG")[:-100], "is damaged: "),
        (png(8, 8), "is damaged: "),
        (saved("PNG", mode="I;16"), "has pixels of the kind I;16; what is wanted is grey or RGB of 8 bits."),
        (saved("JPEG", mode="CMYK"), "has pixels of the kind CMYK; what is wanted is grey or RGB of 8 bits."),
        (saved("PNG", transparency=0), "is transparent in places; what is wanted is an opaque image."),
        (saved("GIF", save_all=True, append_images=FRAMES), "is an animation; what is wanted is one image of 8 × 8."),
        (saved("TIFF"), "is no picture that can be read; PNG, JPEG, BMP, GIF and PPM can be."),
        (b"", "is no picture that can be read; PNG, JPEG, BMP, GIF and PPM can be."),
        (b"\x89PNG\r\n\x1a\n", "is no picture that can be read; PNG, JPEG, BMP, GIF and PPM can be."),
        (b'{"steps": 3}', "is no picture that can be read; PNG, JPEG, BMP, GIF and PPM can be."),
    ],
    ids=range(17),
)
def test_a_file_that_is_no_such_image(
    content: bytes, words: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "picture"
    path.write_bytes(content)
    for flag in ("--image", "--encode"):
        assert refused(capsys, flag, str(path)).startswith(f"1 {flag} {path} {words}")


def test_a_file_that_is_too_large_is_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with (tmp_path / "large").open("wb") as file:
        file.truncate(MAX_BYTES + 1)  # takes no room
    monkeypatch.setattr(Path, "read_bytes", lambda _: pytest.fail("it was read"))
    with pytest.raises(FileError, match=r"has more than 64 MB, the most that is read\.$"):
        starting.image(tmp_path / "large", (1, 8, 8))


@given(kind=st.sampled_from(["PNG", "JPEG", "BMP", "GIF", "PPM"]), data=st.data())
def test_a_damaged_file_is_read_or_refused(kind: str, data: st.DataObject, tmp_path_factory: Any) -> None:
    """Bytes changed anywhere: pixels of the right size, or one sentence; nothing else is raised, nothing warned."""
    content = bytearray(saved(kind))
    for place in data.draw(st.lists(st.integers(0, len(content) - 1), min_size=1, max_size=4)):
        content[place] = data.draw(st.integers(0, 255))
    path = tmp_path_factory.getbasetemp() / "damaged"
    path.write_bytes(bytes(content[: data.draw(st.integers(1, len(content)))]))
    try:
        assert len(starting.image(path, (1, 8, 8)).pixels) == 64
    except FileError as error:
        refusal = str(error)
    else:
        return
    assert refusal.endswith(".")
    assert "\n" not in refusal
