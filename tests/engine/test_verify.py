"""Verify renders again: exact where nothing was changed, and by how much it differs, and why, where something was."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path

import msgspec
import numpy as np
import pytest
from PIL import Image as Pillow

from engine import cli, lab, metadata, verify
from engine.metadata import Made, MetadataError
from engine.pictures import Pixels, pixels, read_png, result, save_png, sheet
from engine.request import Branch, Request
from engine.runs import run
from engine.verify import VerifyError
from engine.views import VIEWS, noisy, signed

Keep = Callable[..., Path]


@pytest.fixture
def keep(tmp_path: Path, tiny: str) -> Keep:
    """`keep(pictures, request, …)` saves a sheet as the window does."""

    def kept(images: Pixels, request: Request, **made: object) -> Path:
        said = msgspec.structs.replace(verify.here(request), **made)
        layout = {name: getattr(said, name) for name in ("columns", "enlarge", "gap")}
        save_png(tmp_path / "kept.png", sheet(images, **layout), request, said)
        return tmp_path / "kept.png"

    return kept


def asked(tiny: str, **changes: object) -> Request:
    return Request(**{"model": tiny, "count": 3, "steps": 4, "seed": 5, "lam": 0.5, **changes})


def final(request: Request) -> Pixels:
    return result(list(run(request))[-1])


@pytest.mark.parametrize("layout", [{}, {"enlarge": 3, "columns": 1, "gap": 0}])
def test_an_untouched_picture_is_exact(keep: Keep, tiny: str, layout: dict[str, int]) -> None:
    parent = asked(tiny)
    for request in (parent, asked(tiny, start=Branch(parent, 2), lam=1.0), asked(tiny, sampler="langevin", lam=None)):
        verdict = verify.verify(keep(final(request), request, **layout))
        assert verdict.exact
        assert verdict == verify.Verdict(0, 0.0, 0.0)
        assert verdict.sentence == "Exact: rendered again, every pixel is the same."


@pytest.mark.parametrize("view", VIEWS)
@pytest.mark.parametrize("place", [0, 2, 4])
def test_every_view_of_every_step_is_verified(keep: Keep, tiny: str, view: str, place: int) -> None:
    """Each view from its formula: x_t, D, (α D − x) / std², (x − α D) / std, D − D₋."""
    request = asked(tiny)
    steps = list(run(request))
    at, end = steps[min(place, 3)], place == 4
    alpha, std, x, d = at.level.alpha, at.level.std, at.x.numpy(), at.denoised.numpy()
    if view == "noisy":
        images = pixels(at.x_next.numpy()) if end else noisy(x, alpha, std)
    elif view == "denoised":
        images = pixels(at.x_next.numpy()) if end else pixels(d)
    elif view == "score":
        images = signed((alpha * d - x) / std**2)[0]
    elif view == "eps":
        images = signed((x - alpha * d) / std)[0]
    else:
        now, before = (at.x_next.numpy(), d) if end else (d, steps[max(place - 1, 0)].denoised.numpy())
        images = signed(now - before)[0]
    assert verify.verify(keep(images, request, view=view, step=place)).exact


def test_a_picture_that_differs_is_told_by_how_much(keep: Keep, tiny: str) -> None:
    """One value of 3 · 8 · 8 changed by 10 is enlarged to 4 of a sheet of 34 × 34."""
    request = asked(tiny)
    images = final(request)
    images[1, 2, 3] = images[1, 2, 3] + 10 if images[1, 2, 3, 0] < 128 else images[1, 2, 3] - 10
    verdict = verify.verify(keep(images, request))
    assert not verdict.exact
    assert verdict.largest == 10
    assert math.isclose(verdict.share, 4 / 34**2)
    assert math.isclose(verdict.mean, 40 / 34**2)
    assert verdict.sentence.startswith(
        "Different: 0.35% of the values, by 0.0346/255 in the mean over the picture and 10"
    )
    assert verdict.sentence.endswith("Nothing is known to have changed.")


def test_what_has_changed_since_is_named(keep: Keep, tiny: str) -> None:
    request = asked(tiny)
    path = keep(255 - final(request), request, torch="1.0", device="cuda:7", program="9.9", weights="other", threads=99)
    reasons = " ".join(verify.verify(path).reasons)
    for words in ("torch was 1.0, is ", "the device was cuda:7, is cpu", "Scorescope was 9.9", "99 threads", "weights"):
        assert words in reasons
    save_png(path, sheet(final(request)), request)
    assert verify.verify(path).exact, "without a word on how it was made it is taken for the result"


def test_what_cannot_be_compared_is_said(keep: Keep, tiny: str, tmp_path: Path) -> None:
    request = asked(tiny)
    images = final(request)
    for words, shown, made in (
        ("was cut or scaled", images[:, 1:], {}),
        ("step 9 of a run that has 4", images, {"step": 9}),
        ("does not know", images, {"view": "mood"}),
    ):
        with pytest.raises(VerifyError, match=words):
            verify.verify(keep(shown, request, **made))
    plane = Request(model="moons", count=1)
    with pytest.raises(VerifyError, match="shows the plane of moons"):
        verify.verify(keep(np.zeros((1, 8, 8, 1), np.uint8), plane))
    first = Pillow.new("L", (34, 34))
    first.save(tmp_path / "two.png", save_all=True, append_images=[Pillow.new("L", (34, 34), 9)])
    with pytest.raises(MetadataError, match="is an animation"):
        read_png(tmp_path / "two.png")


def test_the_command_tells_and_exits_with_1_where_not_all_are_exact(
    keep: Keep, tiny: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    request = asked(tiny)
    good = keep(final(request), request).rename(tmp_path / "good.png")
    assert cli.main(["verify", str(good)]) == 0
    assert capsys.readouterr().out == f"{good}: Exact: rendered again, every pixel is the same.\n"
    bad = keep(255 - final(request), request).rename(tmp_path / "bad.png")
    assert cli.main(["verify", str(bad), str(tmp_path / "gone.png"), str(good)]) == 1
    out, err = capsys.readouterr()
    assert f"{bad}: Different: " in out
    assert f"{good}: Exact" in out
    assert err == f"{tmp_path / 'gone.png'}: gone.png is not there.\n"


def test_what_generate_writes_is_exact(tiny: str, tmp_path: Path) -> None:
    out = tmp_path / "sheet.png"
    words = ["generate", "--model", tiny, "--count", "3", "--steps", "3", "--columns", "3", "--enlarge", "5"]
    assert cli.main([*words, "--out", str(out)]) == 0
    made = metadata.read(out).made
    assert made is not None
    assert (made.enlarge, made.columns, made.device) == (5, 3, "cpu")
    assert made.weights == metadata.fingerprint(tiny) != ""
    assert verify.verify(out).exact


def test_the_window_asks_for_a_verdict(keep: Keep, tiny: str) -> None:
    request = asked(tiny)
    path = keep(final(request), request)
    values = {"request": request.to_dict(), "made": msgspec.to_builtins(metadata.read(path).made)}
    *waiting, last = lab.answer("verify", values, [read_png(path)])
    assert waiting == [None] * 4, "it can be dropped after every step"
    assert last is not None
    assert last.values["exact"] is True
    assert last.values["sentence"].startswith("Exact")
    *_, last = lab.answer("verify", {"request": request.to_dict(), "made": None}, [255 - read_png(path)])
    assert last is not None
    assert last.values["largest"] > 100


def test_made_says_what_computed_it(tiny: str) -> None:
    import torch

    made = verify.here(asked(tiny))
    assert made == Made(
        program=metadata.program(),
        torch=torch.__version__,
        device="cpu",
        threads=torch.get_num_threads(),
        weights=metadata.fingerprint(tiny),
    )
