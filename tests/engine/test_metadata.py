"""What a saved picture says of itself comes back; whatever a file holds, the answer is a request or one sentence."""

from __future__ import annotations

import json
import random
import struct
import tracemalloc
import zlib
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, PngImagePlugin
from request_strategies import ANYTHING, requests

from engine import chunks, metadata, pictures
from engine.files import FileError
from engine.metadata import Made, Saved
from engine.request import FIELDS, Branch, Request

MUTATED = 4500
HOSTILE = 1000  # and those of Hypothesis


def chunk(kind: bytes, body: bytes) -> bytes:
    """A chunk of a PNG, with its check sum."""
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def png(*parts: bytes, size: tuple[int, int] = (1, 1)) -> bytes:
    """A PNG of one pixel, with these chunks in front of the pixel."""
    head = chunk(b"IHDR", struct.pack(">IIBBBBB", *size, 8, 0, 0, 0, 0))
    return chunks.SIGNATURE + head + b"".join(parts) + chunk(b"IDAT", zlib.compress(b"\0\0")) + chunk(b"IEND", b"")


def text(body: bytes) -> bytes:
    return chunk(b"tEXt", b"scorescope\0" + body)


def refused(path: Path, data: bytes) -> str:
    """Why a file with this content is refused: one sentence that begins with its name."""
    path.write_bytes(data)
    with pytest.raises(FileError) as caught:
        metadata.read(path)
    said = str(caught.value)
    assert said.startswith(path.name)
    assert said.endswith(".")
    assert "\n" not in said
    assert len(said) < 700
    return said


@settings(max_examples=60)
@given(requests(), st.integers(0, 1000) | st.none())
def test_what_is_saved_is_read(tmp_path_factory: pytest.TempPathFactory, request_: Request, step: int | None) -> None:
    path = tmp_path_factory.getbasetemp() / "saved.png"
    made = Made(view="noisy", step=step, enlarge=3, torch="2.13.0", threads=2)
    pictures.save_png(path, np.zeros((2, 2, 3), np.uint8), request_, made)
    assert metadata.read(path) == Saved(request_, made)
    path.write_text(request_.to_json(), encoding="utf-8")
    assert metadata.read(path) == Saved(request_, None)


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("words", ["seven", "λ von „sieben“"])
def test_every_kind_of_text_is_read(tmp_path: Path, packed: bool, words: str) -> None:
    """Plain and packed, Latin and not (tEXt, zTXt, iTXt); of an animation as of a picture."""
    info = PngImagePlugin.PngInfo()
    request = Request(condition=words)
    info.add_text("scorescope", request.to_json(), zip=packed)
    frames = [Image.new("L", (3, 3), shade) for shade in (0, 99)]
    frames[0].save(tmp_path / "one.png", pnginfo=info)
    frames[0].save(tmp_path / "two.png", pnginfo=info, save_all=True, append_images=frames[1:])
    assert b"acTL" in (tmp_path / "two.png").read_bytes()
    for name in ("one.png", "two.png"):
        assert metadata.read(tmp_path / name).request == request
    info = PngImagePlugin.PngInfo()
    info.add_itxt("scorescope", request.to_json(), zip=packed)
    frames[0].save(tmp_path / "three.png", pnginfo=info)
    assert metadata.read(tmp_path / "three.png").request == request


def test_other_programs_find_the_parameters(tmp_path: Path) -> None:
    pictures.save_png(tmp_path / "p.png", np.zeros((2, 2, 1), np.uint8), Request(condition=3, lam=0.5, seed=42))
    with Image.open(tmp_path / "p.png") as picture:
        prompt, line = picture.info["parameters"].split("\n")
    assert prompt == "3"
    assert line.startswith('Steps: 20, Sampler: "Bridge (λ family), λ = 0.5", Schedule type: Karras')
    assert "CFG scale: 1, Seed: 42, Size: 28x28, Model: digits, Version: Scorescope" in line
    forged = metadata.parameters(Request(condition="a cat\nSteps: 999", model="other"))
    assert forged.count("\n") == 1, "a caption does not forge the line of settings"


# --- refusals --------------------------------------------------------------------------------------------------------


REQUEST = Request(seed=4).to_json().encode()
DEEP = b'{"start":' * 100_000
HUGE = 10**400


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"", "it is no JSON"),
        (b"{", "it is no JSON"),
        (b"[]", "request must be a JSON object"),
        (b'{"version": 3}', "version must be a whole number from 1 to 2, not 3"),
        (b'{"alien": 1}', "'alien' is not a field"),
        (b'{"steps": NaN}', "NaN is no number of JSON"),
        (b'{"lam": -Infinity}', "-Infinity is no number of JSON"),
        (b'{"lam": 1e999}', "lam must be a number from 0 to 100, not inf"),
        (b'{"seed": 1, "seed": 2}', "a name comes twice"),
        (b'{"seed": %d}' % HUGE, "a number in it has 401 digits"),
        (b'{"seed": %d}' % 10**50, "seed must be a whole number"),
        (b'{"condition": "\\ud800"}', "condition must be"),
        (b'{"condition": "\xff"}', "it is no text of UTF-8"),
        (b'{"\\ud800": 1}', "is not a field"),
        (DEEP, "it is nested too deeply"),
        (b"[" * 500_000, "it is nested too deeply"),
        (b'{"start": {"type": "branch"}}', "start must be"),
        (b'{"start": {"type": "image", "pixels": "AA==", "shape": [9, 9, 9]}}', "start must"),
        (b'{"model": "../../etc/passwd"}', "model must be a name"),
        (b'{"model": "' + b"a" * (1 << 20) + b'"}', "at most 1 MB"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_hostile_json_is_refused(tmp_path: Path, body: bytes, reason: str) -> None:
    if body[:1] == b"{":
        assert reason in refused(tmp_path / "r.json", body)
    within = chunk(b"iTXt", b"scorescope\0\1\0\0\0" + zlib.compress(body))
    said = refused(tmp_path / "r.png", png(within))
    assert reason in said or "unpacks to more than 1 MB" in said


def test_a_branch_of_too_many_branches_is_refused(tmp_path: Path) -> None:
    request = Request()
    for _ in range(16):
        request = request.replace(start=Branch(request, 1))
    (tmp_path / "ok.json").write_text(request.to_json())
    assert metadata.read(tmp_path / "ok.json").request == request
    deeper = {**request.to_dict(), "start": {"type": "branch", "step": 1, "request": request.to_dict()}}
    assert "at most 16 branches" in refused(tmp_path / "deep.json", json.dumps(deeper).encode())


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "is neither a PNG nor a request in JSON"),
        (b"\xff\xd8\xff\xe0 JFIF", "is neither a PNG nor a request in JSON"),
        (png(), "is a picture without a request"),
        (png(chunk(b"tEXt", b"Comment\0hello")), "is a picture without a request"),
        (png(text(REQUEST))[:-20], "is cut short"),
        (png(text(REQUEST))[:60], "is cut short"),
        (png(text(REQUEST)).replace(b'"seed":4', b'"seed":5'), "a check sum is wrong"),
        (png(text(REQUEST), text(REQUEST)), "has more than one text scorescope"),
        (png(text(REQUEST), size=(1 << 20, 1 << 20)), "says that it has 1048576 × 1048576 pixels"),
        (png(text(REQUEST), size=(0, 5)), "says that it has 0 × 5 pixels"),
        (png(text(b" " * (chunks.MAX_TEXT + 1))), "has a text scorescope of more than 1 MB"),
        (png(*[chunk(b"tEXt", b"a\0b")] * 20_001), "has more than 20,000 chunks"),
        (png(chunk(b"zTXt", b"scorescope\0\0nonsense")), "cannot be unpacked"),
        (png(chunk(b"zTXt", b"scorescope\0\0" + zlib.compress(REQUEST)[:-9])), "a text in it is cut short"),
        (png(chunk(b"iTXt", b"scorescope\0\7\0\0\0{}")), "a text that is none"),
        (chunks.SIGNATURE + chunk(b"IEND", b""), "its header is not where it belongs"),
        (png(chunk(b"IHDR", b"\0" * 13)), "its header is not where it belongs"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_damaged_pictures_are_refused(tmp_path: Path, data: bytes, reason: str) -> None:
    assert reason in refused(tmp_path / "r.png", data)


def test_text_of_100_mb_is_not_unpacked(tmp_path: Path) -> None:
    """Packed to 100 kB in a good PNG: what is refused has cost a few MB at most."""
    bomb = png(chunk(b"iTXt", b"scorescope\0\1\0\0\0" + zlib.compress(b" " * 100_000_000, 9)))
    tracemalloc.start()
    try:
        assert "unpacks to more than 1 MB" in refused(tmp_path / "bomb.png", bomb)
        assert tracemalloc.get_traced_memory()[1] < 16_000_000
    finally:
        tracemalloc.stop()


def test_a_file_of_100_mb_is_not_read(tmp_path: Path) -> None:
    path = tmp_path / "large.png"
    path.write_bytes(png()[:40])
    with path.open("r+b") as file:
        file.truncate(100_000_000)
    with pytest.raises(FileError, match=r"^large.png has more than 64 MB, the most that is read\.$"):
        metadata.read(path)


def test_a_folder_a_name_without_a_file_and_one_that_may_not_be_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(FileError, match="is a folder"):
        metadata.read(tmp_path)
    with pytest.raises(FileError, match=r"gone\.png is not there"):
        metadata.read(tmp_path / "gone.png")
    (tmp_path / "a.json").write_text("{}")

    def denied(*_: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "open", denied)
    with pytest.raises(FileError, match=r"^a\.json cannot be read: Permission denied\.$"):
        metadata.read(tmp_path / "a.json")


def test_how_it_was_made_is_left_out_where_it_cannot_be_read(tmp_path: Path) -> None:
    """A later version may say it in other words; the request is what counts."""
    for words in (b"{", b'{"step": -1}', b'{"enlarge": 1000000}', b'{"torch": 5}', b"[" * 100_000, b"\xff"):
        (tmp_path / "m.png").write_bytes(png(text(REQUEST), chunk(b"tEXt", b"scorescope-made\0" + words)))
        assert metadata.read(tmp_path / "m.png") == Saved(Request(seed=4), None)
    (tmp_path / "m.png").write_bytes(png(text(REQUEST), chunk(b"tEXt", b'scorescope-made\0{"step": 3, "new": 1}')))
    assert metadata.read(tmp_path / "m.png").made == Made(step=3)


# --- fuzzing ---------------------------------------------------------------------------------------------------------


def outcome(path: Path, data: bytes) -> str:
    """What becomes of a file: "read", or "refused" in one sentence; anything else is raised."""
    path.write_bytes(data)
    try:
        saved = metadata.read(path)
    except FileError as error:
        return "refused" if str(error).startswith(path.name) else str(error)
    assert Request.from_json(saved.request.to_json()) == saved.request
    return "read"


def parts(data: bytes) -> list[tuple[bytes, bytes]]:
    found, place = [], 8
    while place < len(data):
        (length,) = struct.unpack_from(">I", data, place)
        found.append((data[place + 4 : place + 8], data[place + 8 : place + 8 + length]))
        place += 12 + length
    return found


def mutated(data: bytes, draw: random.Random) -> bytes:
    """Bits flipped, cut, chunks twice or moved, false lengths; half of them with their check sums put right."""
    kind = draw.randrange(6)
    if kind == 0:
        return data[: draw.randrange(len(data))]
    if kind == 1:
        wrong = bytearray(data)
        for _ in range(draw.randint(1, 8)):
            wrong[draw.randrange(len(wrong))] ^= 1 << draw.randrange(8)
        return bytes(wrong)
    if kind == 2:
        wrong, place = bytearray(data), 8
        for _ in range(draw.randrange(4)):
            place += 12 + struct.unpack_from(">I", data, place)[0]
        struct.pack_into(">I", wrong, place, draw.choice([0, 1, 2**31, 2**32 - 1, draw.randrange(2000)]))
        return bytes(wrong)
    pieces = parts(data)
    if kind == 3:
        pieces.insert(draw.randrange(len(pieces) + 1), draw.choice(pieces))
    elif kind == 4:
        draw.shuffle(pieces)
    else:
        index = draw.randrange(len(pieces))
        name, body = pieces[index]
        wrong = bytearray(body or b"\0")
        for _ in range(draw.randint(1, 4)):
            wrong[draw.randrange(len(wrong))] = draw.randrange(256)
        pieces[index] = (name, bytes(wrong))
    return data[:8] + b"".join(chunk(*piece) for piece in pieces)


def test_whatever_is_done_to_a_picture_it_is_read_or_refused(tmp_path: Path) -> None:
    draw, counts = random.Random(0), {"read": 0, "refused": 0}
    request = Request(condition="a “seven”", lam=0.5, start=Branch(Request(seed=3), 2), seed=3)
    pictures.save_png(tmp_path / "plain.png", np.zeros((4, 4, 3), np.uint8), request, Made(step=3))
    info = PngImagePlugin.PngInfo()
    for keyword, words in metadata.chunks(request, Made()).items():
        info.add_itxt(keyword, words, zip=True)
    Image.new("L", (4, 4)).save(tmp_path / "packed.png", pnginfo=info)
    originals = [(tmp_path / name).read_bytes() for name in ("plain.png", "packed.png")]
    for _ in range(MUTATED):
        counts[outcome(tmp_path / "fuzzed.png", mutated(draw.choice(originals), draw))] += 1
    assert counts["read"] > 100, "some mutations do no harm"
    assert counts["refused"] > 2000


@settings(max_examples=HOSTILE)
@given(st.dictionaries(st.sampled_from([*FIELDS, "version"]) | st.text(max_size=5), ANYTHING, max_size=4) | ANYTHING)
def test_any_json_in_a_picture_is_read_or_refused(tmp_path_factory: pytest.TempPathFactory, value: object) -> None:
    body = json.dumps(value).encode()
    outcome(tmp_path_factory.getbasetemp() / "fuzzed.png", png(chunk(b"iTXt", b"scorescope\0\0\0\0\0" + body)))
