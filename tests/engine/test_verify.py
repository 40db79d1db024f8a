"""Verify renders again: exact where nothing was changed, and by how much it differs, and why, where something was."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path

import msgspec
import numpy as np
import pytest
from conftest import TINY, random_network
from PIL import Image as Pillow

from engine import cli, metadata, verify
from engine.answers.asking import answer
from engine.files import FileError
from engine.history import History
from engine.metadata import Made
from engine.models.checkpoint import save_model
from engine.pictures import Pixels, pixels, read_png, result, save_png, sheet
from engine.precision import forced
from engine.request import Branch, Request
from engine.runs import run
from engine.sweep import Axis, Folder, Sweep, run_sweep
from engine.verify import VerifyError
from engine.views import VIEWS, noisy, signed
from engine.weights import fingerprint

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


def test_the_change_at_the_end_of_langevin_is_verified(keep: Keep, tiny: str) -> None:
    request = asked(tiny, sampler="langevin", lam=None)
    *_, before, last = run(request)
    images = signed((last.denoised - before.denoised).numpy())[0]
    assert verify.verify(keep(images, request, view="change", step=last.index + 1)).exact


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
    with pytest.raises(FileError, match="is an animation"):
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
    assert made.weights == fingerprint(tiny) != ""
    steps: list[None] = []
    assert verify.verify(out, lambda: steps.append(None)).exact
    assert len(steps) == 3


def test_the_window_asks_for_a_verdict(keep: Keep, tiny: str) -> None:
    request = asked(tiny)
    path = keep(final(request), request)
    values = {"request": request.to_dict(), "made": msgspec.to_builtins(metadata.read(path).made)}
    *waiting, last = answer("verify", values, [read_png(path)], History())
    assert waiting == [None] * 4, "it can be dropped after every step"
    assert last is not None
    assert last.values["exact"] is True
    assert last.values["sentence"].startswith("Exact")
    *_, last = answer("verify", {"request": request.to_dict(), "made": None}, [255 - read_png(path)], History())
    assert last is not None
    assert last.values["largest"] > 100


def test_a_picture_is_rendered_again_in_its_own_precision(
    keep: Keep, tiny: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of a model and a guide that differ, of RK45 and what branches from it; whatever is the choice by now."""
    network = random_network(seed=1)
    save_model(tmp_path, network.state_dict(), msgspec.structs.replace(TINY, name="bad"))
    save_model(tmp_path, random_network().state_dict(), TINY)
    monkeypatch.setenv("SCORESCOPE_MODELS", str(tmp_path))
    guided = asked(tiny, condition=1, guidance=2.0, guide="bad")
    adaptive = asked(tiny, sampler="rk45", lam=None)
    both = asked(tiny, start=Branch(adaptive, 2)), asked(tiny, sampler="rk45", lam=None, start=Branch(guided, 2))
    seen = set()
    for request in (guided, adaptive, *both):
        for kinds in ({tiny: "bf16", "bad": "fp32"}, {tiny: "fp32", "bad": "bf16"}):
            monkeypatch.setenv("SCORESCOPE_PRECISION", "bf16")
            with forced("fp32", kinds):
                images = final(request)
                path = keep(images, request)
            made = metadata.read(path).made
            assert made is not None
            assert made.precision.items() <= kinds.items() or request is adaptive
            seen.add(images.tobytes())
            for now in ("fp32", "bf16"):
                monkeypatch.setenv("SCORESCOPE_PRECISION", now)
                assert verify.verify(path).exact
    assert len(seen) == 7, "the precision is seen in all but those of RK45 alone"


def test_a_picture_that_says_no_precision(keep: Keep, tiny: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is one of float32, unless its device says that it was bfloat16."""
    request = asked(tiny)
    for kind, device in (("fp32", "cpu"), ("fp32", ""), ("bf16", "cpu bf16")):
        with forced(kind):
            path = keep(final(request), request, precision={}, device=device)
        assert b"precision" not in path.read_bytes()
        for now in ("fp32", "bf16"):
            monkeypatch.setenv("SCORESCOPE_PRECISION", now)
            assert verify.verify(path).exact
    verdict = verify.verify(keep(255 - final(request), request, precision={}, device="cpu bf16"))
    assert verdict.reasons == ()


def test_a_precision_that_cannot_be_had_is_named(keep: Keep, tiny: str) -> None:
    request = asked(tiny)
    for said, reasons in (("fp8", (f"{tiny} ran in fp8, now in fp32",)), ("bf16", ())):
        path = keep(255 - final(request), request, precision={tiny: said, "other": "fp4"})
        assert verify.verify(path).reasons == reasons


def test_the_cells_of_a_sweep_are_exact(tiny: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In float32, whatever is chosen where they were made, and where they are verified."""
    monkeypatch.setenv("SCORESCOPE_PRECISION", "bf16")
    sweep = Sweep(base=asked(tiny), axes=(Axis("steps", (2, 3)),))
    list(run_sweep(sweep, Folder(tmp_path)))
    for cell in sweep.cells:
        assert verify.verify(Folder(tmp_path).file(cell)).exact


def test_made_says_what_computed_it(tiny: str) -> None:
    import torch

    made = verify.here(asked(tiny))
    assert made == Made(
        program=metadata.program(),
        torch=torch.__version__,
        device="cpu",
        threads=torch.get_num_threads(),
        weights=fingerprint(tiny),
        precision={tiny: "fp32"},
    )
