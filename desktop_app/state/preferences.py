"""What is remembered between starts: one small JSON file, written atomically, set aside when it cannot be read."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec
import platformdirs

from engine import wire
from engine.fields import RequestError
from engine.files import write
from engine.request import Request


class Settings(msgspec.Struct, forbid_unknown_fields=True):
    """The settings, with the defaults of a first start."""

    theme: Literal["system", "light", "dark"] = "dark"
    workspace: Literal["generate", "lab", "compare", "sweep", "gallery", "train"] = "generate"
    view: Literal["noisy", "denoised", "score", "eps", "change"] = "denoised"
    axis: Literal["step", "t", "logsigma", "logsnr"] = "step"
    film: bool = True  # along the timeline
    history: Annotated[int, msgspec.Meta(ge=0)] = wire.Keep().budget >> 20  # MiB, of the steps of runs
    speed: Annotated[float, msgspec.Meta(ge=0.25, le=4.0)] = 1.0
    loop: bool = False
    seed_locked: bool = False
    one_path: bool = True  # of noise, for all lanes of Compare
    lanes: Annotated[int, msgspec.Meta(ge=2, le=4)] = 2  # of Compare
    more: list[str] = []  # the sections whose less used fields are shown
    geometry: str = ""  # of the window, base64
    requests: dict[str, dict[str, Any]] = {}  # "generate", "a" to "d", "lab", "lab-b"
    gallery: str = ""  # its folder, where that is not the usual one
    layers: dict[str, bool] = {}  # of the lab, those that were switched


def folder() -> Path:
    """Where the settings live; SCORESCOPE_CONFIG names another place."""
    own = os.environ.get("SCORESCOPE_CONFIG")
    return Path(own) if own else Path(platformdirs.user_config_dir("scorescope", appauthor=False))


def write_atomically(path: Path, data: bytes) -> str:
    """Write a file as a whole, or not at all; returns why it cannot be written, else nothing."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write(path, data)
    except OSError as error:
        return error.strerror or str(error)
    return ""


class Preferences:
    """The settings and their file. `problems` holds a sentence for everything that could not be read."""

    def __init__(self) -> None:
        self.path = folder() / "settings.json"
        self.problems: list[str] = []
        self.settings = self._read()

    def request(self, name: str, default: Request) -> Request:
        """The remembered request of a lane, or the default where there is none or it is out of its ranges."""
        values = self.settings.requests.get(name)
        if values is None:
            return default
        try:
            return Request.from_dict(values)
        except RequestError as error:
            self.problems.append(f"A remembered setting was not used: {error}")
            return default

    def save(self) -> str:
        """Write the file; returns a sentence where that is not possible, else nothing."""
        problem = write_atomically(self.path, msgspec.json.format(msgspec.json.encode(self.settings), indent=1))
        return f"The settings could not be saved: {problem}." if problem else ""

    def _read(self) -> Settings:
        try:
            return msgspec.json.decode(self.path.read_bytes(), type=Settings)
        except FileNotFoundError:
            return Settings()
        except (OSError, msgspec.MsgspecError, RecursionError, UnicodeError) as error:
            return self._set_aside(error)

    def _set_aside(self, error: Exception) -> Settings:
        kept = self.path.with_name("settings.unreadable.json")
        try:
            os.replace(self.path, kept)
            where = f"It is kept as {kept.name}"
        except OSError:
            where = "It could not be set aside"
        self.problems.append(f"The settings file could not be read ({error}). {where}; the defaults are used.")
        return Settings()
