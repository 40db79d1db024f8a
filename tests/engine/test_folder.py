"""`scorescope train images`: what is read from a folder, what is refused in one sentence, and the model that comes."""

from __future__ import annotations

import os
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from engine import catalog
from engine.cli import main
from engine.data import folder, training_images
from engine.data.folder import FolderError
from engine.models.checkpoint import load_tensors


def picture(path: Path, colour: tuple[int, ...], size: tuple[int, int] = (20, 20), mode: str = "RGB") -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new(mode, size, colour).save(path)


@pytest.fixture
def pets(tmp_path: Path) -> Path:
    """Two cats, a dog, and a text."""
    picture(tmp_path / "Pets" / "cat" / "b.png", (255, 0, 0))
    picture(tmp_path / "Pets" / "cat" / "a.JPG", (250, 0, 0))
    picture(tmp_path / "Pets" / "dog" / "deep" / "c.webp", (0, 0, 255))
    (tmp_path / "Pets" / "readme.txt").write_text("hello")
    return tmp_path / "Pets"


def png(side: int, *more: tuple[bytes, bytes]) -> bytes:
    """A PNG that says it has side × side pixels, and has none."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    chunks = [(b"IHDR", struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)), *more, (b"IDAT", b""), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunk(*one) for one in chunks)


def test_the_class_is_the_sub_folder(pets: Path) -> None:
    found = folder.read(pets, 16)
    assert found.images.shape == (3, 3, 16, 16)
    assert found.classes == ("cat", "dog")
    assert found.labels.tolist() == [0, 0, 1]
    assert found.refused == ()
    assert found.images[0, 0].min() > 240  # a.JPG is before b.png
    assert found.images[2, 2].min() > 240
    assert found.fingerprint == folder.read(pets, 16).fingerprint != folder.read(pets, 8).fingerprint


def test_a_folder_without_sub_folders_has_no_classes(pets: Path) -> None:
    found = folder.read(pets / "cat", 8)
    assert (found.classes, found.labels.tolist(), found.captions) == ((), [0, 0], ())


def test_pictures_are_cut_to_a_square_and_laid_on_white(tmp_path: Path) -> None:
    wide = np.zeros((10, 30, 3), np.uint8)
    wide[:, 10:20] = 200  # the middle square
    Image.fromarray(wide).save(tmp_path / "a.png")
    picture(tmp_path / "b.png", (9, 9, 9, 0), mode="RGBA")
    turned = Image.fromarray(np.repeat(np.array([[0, 255]], np.uint8), 8, 0).repeat(4, 1))
    exif = Image.Exif()
    exif[0x0112] = 6  # to be shown turned by a quarter: dark above, light below
    turned.save(tmp_path / "c.png", exif=exif)
    found = folder.read(tmp_path, 8).images
    assert 190 < found[0].min() <= found[0].max() < 210  # the filter reaches a little beyond the edge
    assert found[1].min() == 255
    assert (found[2, :, :3].max(), found[2, :, -3:].min()) == (0, 255)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "no picture"),
        (b"hello", "no picture"),
        (b"\x89PNG\r\n\x1a\n" + b"\xff" * 40, "no picture"),
        (png(50_000), "too many"),
        (png(9_000), "too many"),
        (png(100), "no picture"),
        (png(100, (b"zTXt", b"a\0\0" + zlib.compress(bytes(2**24)))), "no picture"),
        (b"GIF89a" + b"\xff" * 20, "no picture"),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", "no picture"),
        (b"RIFF\xff\xff\xff\x7fWEBPVP8 ", "no picture"),
    ],
)
def test_a_file_that_is_no_picture_costs_one_sentence(pets: Path, content: bytes, reason: str) -> None:
    (pets / "dog" / "broken.png").write_bytes(content)
    found = folder.read(pets, 16)
    assert len(found.images) == 3
    (sentence,) = found.refused
    assert sentence.startswith(str(Path("dog") / "broken.png") + " was left out: ")
    assert reason in sentence
    assert sentence.endswith(".")


def test_half_a_picture_is_none(pets: Path) -> None:
    whole = (pets / "cat" / "a.JPG").read_bytes()
    (pets / "cat" / "half.jpg").write_bytes(whole[: len(whole) // 2])
    noise = np.random.default_rng(0).integers(0, 256, (30, 30, 3), np.uint8)
    Image.fromarray(noise).save(pets / "cat" / "half.png")
    (pets / "cat" / "half.png").write_bytes((pets / "cat" / "half.png").read_bytes()[:900])
    assert len(folder.read(pets, 16).refused) == 2


def test_a_picture_beside_the_classes_is_left_out(pets: Path) -> None:
    picture(pets / "lost.png", (0, 0, 0))
    assert "in no sub-folder" in folder.read(pets, 16).refused[0]


def test_captions_are_the_texts_beside(tmp_path: Path) -> None:
    for name in "abcdef":
        picture(tmp_path / "sub" / f"{name}.png", (0, 0, 0))
    for name, content in {
        "a": b"A red\nHOUSE",
        "b": b"a red cat ",
        "c": b"",
        "d": b"\xff\xfe\xfa",
        "e": b"x " * 600,
    }.items():
        (tmp_path / "sub" / f"{name}.txt").write_bytes(content)
    if hasattr(os, "mkfifo"):
        os.mkfifo(tmp_path / "sub" / "f.txt")  # would be waited for, if it were opened
    found = folder.read(tmp_path, 8, captions=True)
    assert found.captions == ("A red\nHOUSE", "a red cat")
    assert found.vocabulary() == ["a", "red", "cat", "house"]
    reasons = " ".join(found.refused)
    for reason in ("c.txt has no words", "d.txt is not text", "e.txt has too many", "no f.txt"):
        assert reason in reasons


@pytest.mark.parametrize("name", ["none", "empty"])
def test_nothing_to_learn_from(tmp_path: Path, name: str) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(FolderError, match=r"is no folder\.|no picture that can be used"):
        folder.read(tmp_path / name, 8)


def test_why_the_first_was_left_out_is_said_where_nothing_is_left(tmp_path: Path) -> None:
    (tmp_path / "broken.png").write_bytes(b"hello")
    with pytest.raises(FolderError, match=r"no picture that can be used\. broken\.png was left out: .*\.$"):
        folder.read(tmp_path, 8)


# the command


def train(folder: Path, where: Path, *flags: str) -> int:
    places = ["--out", str(where / "models"), "--checkpoint", str(where / "checkpoint")]
    return main(["train", "images", str(folder), "--size", "8", *places, *flags])


def test_a_folder_becomes_a_model_that_is_listed_and_generates(
    pets: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (pets / "dog" / "broken.png").write_bytes(b"hello")
    assert train(pets, tmp_path, "--steps", "1") == 0
    assert "broken.png was left out" in capsys.readouterr().err
    assert train(pets, tmp_path, "--steps", "2", "--resume") == 0
    assert load_tensors(tmp_path / "checkpoint")[1]["step"] == 2
    monkeypatch.setenv("SCORESCOPE_MODELS", str(tmp_path / "models"))
    card = catalog.cards()["pets"]
    assert (card.classes, card.shape, card.images) == (("cat", "dog"), (3, 8, 8), 128)
    assert card.command == "scorescope train images Pets --size 8 --steps 2 --seed 0"
    assert str(tmp_path) not in (tmp_path / "models" / "pets.json").read_text()
    np.testing.assert_array_equal(training_images.of(card), folder.read(pets, 8).images)
    out = tmp_path / "sheet.png"
    assert (
        main(["generate", "--model", "pets", "--condition", "1", "--count", "1", "--steps", "1", "--out", str(out)])
        == 0
    )
    assert main(["models"]) == 0
    assert "pets" in capsys.readouterr().out


def test_a_checkpoint_does_not_go_on_with_other_pictures(
    pets: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert train(pets, tmp_path, "--steps", "1") == 0
    picture(pets / "cat" / "b.png", (0, 255, 0))
    assert train(pets, tmp_path, "--steps", "2", "--resume") == 1
    assert "other pictures" in capsys.readouterr().err


def test_captions_become_a_model_of_captions(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, colour in {"red": (255, 0, 0), "green": (0, 255, 0)}.items():
        picture(tmp_path / "Colours" / f"{name}.png", colour)
        (tmp_path / "Colours" / f"{name}.txt").write_text(f"a {name} square")
    assert train(tmp_path / "Colours", tmp_path, "--captions", "--steps", "1") == 0
    monkeypatch.setenv("SCORESCOPE_MODELS", str(tmp_path / "models"))
    assert catalog.cards()["colours"].words == "a square green red"
    arguments = ["--model", "colours", "--condition", "red | green", "--count", "2", "--steps", "1"]
    assert main(["generate", *arguments, "--out", str(tmp_path / "sheet.png")]) == 0


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["images", "--steps", "1"], "goes with a folder"),
        (["digits", "FOLDER", "--steps", "1"], "goes with a folder"),
        (["digits", "--size", "32", "--steps", "1"], "go with images"),
        (["digits", "--captions", "--steps", "1"], "go with images"),
        (["images", "FOLDER", "--size", "20", "--steps", "1"], "multiple of 8"),
        (["images", "FOLDER", "--size", "1000", "--steps", "1"], "from 8 to 128"),
        (["images", "FOLDER", "--steps", "1"], "is no folder"),
        (["anything", "--steps", "1"], "what can be trained is digits"),
    ],
)
def test_what_does_not_go_together(arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["train", *arguments]) in (1, 2)
    assert said in capsys.readouterr().err


def test_a_device_that_is_not_there(pets: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SCORESCOPE_DEVICE", "abacus")
    assert train(pets, tmp_path, "--steps", "1") == 1


def test_a_folder_does_not_take_the_name_of_another_model(
    pets: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pets.rename(tmp_path / "Digits")
    assert train(tmp_path / "Digits", tmp_path, "--steps", "1") == 1
    assert "as another one: give the folder another name" in capsys.readouterr().err
    (tmp_path / "Digits").rename(tmp_path / "犬")
    assert train(tmp_path / "犬", tmp_path, "--steps", "1") == 1
    assert "has no letter from a to z" in capsys.readouterr().err
