"""A request as a command and as a script: both say the same request, and both make the same pixels."""

from __future__ import annotations

import argparse
import io
import os
import shlex
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from PIL import Image as Pillow
from request_strategies import noise_requests, requests

from engine import flags, metadata
from engine.request import Branch, Encoding, Image, PureNoise, Request, Slerp
from engine.spelling import as_command, as_python, expression

ROOT = Path(__file__).resolve().parents[2]


def understood(command: str) -> Request:
    """What a shell and the command line make of a command."""
    words = shlex.split(command)
    if words[0] == "printf":
        assert words[:2] == ["printf", "%s"]
        assert words[3:] == ["|", "scorescope", "generate", "--request", "-"]
        return Request.from_json(words[2])
    assert words[:2] == ["scorescope", "generate"]
    parser = argparse.ArgumentParser(allow_abbrev=False)
    flags.add_request(parser)
    return flags.request(parser.parse_args(words[2:]))


@settings(max_examples=150)
@given(requests())
def test_the_command_says_the_request(request_: Request) -> None:
    assert understood(as_command(request_)) == request_


@settings(max_examples=150)
@given(noise_requests())
def test_flags_say_all_but_captions_that_read_as_something_else(request_: Request) -> None:
    if not isinstance(request_.condition, str):
        assert as_command(request_).startswith("scorescope generate")


@settings(max_examples=150)
@given(requests())
def test_the_script_says_the_request(request_: Request) -> None:
    kinds = {kind.__name__: kind for kind in (Branch, Encoding, Image, PureNoise, Request, Slerp)}
    assert eval(expression(request_), kinds) == request_
    head = as_python(request_).split("request = ")[0]
    imported: dict[str, object] = {}
    exec(head.split("save_png, sheet\n")[1], imported)
    assert eval(expression(request_), imported) == request_, "every name is imported"


@pytest.mark.parametrize("caption", ["7", "none", "any", "-x", "--seed", "a 'b' \"c\" $HOME `d` \\", "two\nlines", ""])
def test_captions_survive_the_shell(caption: str) -> None:
    request = Request(condition=caption)
    command = as_command(request)
    assert understood(command) == request
    words = shlex.split(command)
    if words[0] == "scorescope":
        done = subprocess.run(
            ["sh", "-c", command.replace("scorescope", "printf '%s\\0'", 1)], capture_output=True, check=True
        )
        assert done.stdout.decode().split("\0")[:-1] == words[1:]


def test_only_what_differs_is_said() -> None:
    assert as_command(Request()) == "scorescope generate"
    command = as_command(Request(condition=3, seed=42, lam=0.5, guidance_interval=(0.1, 3.0)))
    assert command == "scorescope generate --condition 3 --seed 42 --lam 0.5 --guidance-interval 0.1 3"
    assert expression(Request(start=Branch(Request(seed=4), 3))) == "Request(start=Branch(Request(seed=4), 3))"


def test_a_request_comes_through_a_pipe(monkeypatch: pytest.MonkeyPatch) -> None:
    request = Request(start=Branch(Request(seed=4), 3))
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(request.to_json().encode())))
    parser = argparse.ArgumentParser()
    flags.add_request(parser)
    assert flags.request(parser.parse_args(["--request", "-"])) == request


@pytest.mark.parametrize("kind", ["flags", "pipe", "python"])
def test_it_runs_and_makes_the_same_pixels(kind: str, tmp_path: Path, tiny: str) -> None:
    """In a shell and an interpreter of their own: the sheet is that of a run here, and says the same request."""
    from engine.pictures import result, sheet
    from engine.runs import run

    request = Request(model=tiny, condition=1, count=3, steps=4, lam=0.5, seed=7)
    if kind != "flags":
        request = Request(model=tiny, count=2, steps=4, start=Branch(request, 2))
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    if kind == "python":
        (tmp_path / "script.py").write_text(as_python(request), encoding="utf-8")
        command = [sys.executable, "script.py"]
    else:
        program = f'scorescope() {{ {shlex.quote(sys.executable)} -m engine "$@"; }}\n'
        command = ["sh", "-c", program + as_command(request)]
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    *_, last = run(request)
    with Pillow.open(tmp_path / "scorescope.png") as picture:
        assert np.array_equal(np.asarray(picture)[..., None], sheet(result(last)))
    assert metadata.read(tmp_path / "scorescope.png").request == request
