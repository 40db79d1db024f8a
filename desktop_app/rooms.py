"""The workspaces that are made when they are first wanted: their imports take a while."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from desktop_app.state.cloud_lanes import in_plane
from engine.request import Request

if TYPE_CHECKING:
    from desktop_app.window import Window


def make_lab(window: Window) -> None:
    """The lab, with what is remembered of it."""
    from desktop_app.state.lab import FIRST
    from desktop_app.workspaces.lab import LabWorkspace

    def remembered(name: str, default: Request) -> Request:
        request = window.preferences.request(name, default)  # of a file that is anyone's
        return request if in_plane(request.model) and request.particles else default

    first = remembered("lab", FIRST)
    second = remembered("lab-b", first.replace(sampler="bridge", lam=1.0))
    layers = window.preferences.settings.layers
    window.lab = LabWorkspace(window.client, window.runs, (first, second), layers)
    window.add("lab", window.lab, dict(zip(("lab", "lab-b"), window.lab.controls, strict=True)))
    window.lab.layers_changed.connect(window.remember)
    window.lab.tour.installEventFilter(window.toasts)
    window.closing.connect(window.lab.close_lab)


def make_sweep(window: Window) -> None:
    """Sweep, with the last one that was made."""
    from desktop_app.workspaces.sweep import SweepWorkspace

    request = window.preferences.request("sweep", Request(condition=3))
    window.sweep = SweepWorkspace(window.client, window.runs, request)
    window.add("sweep", window.sweep, {"sweep": window.sweep.controls})
    window.sweep.open_wanted.connect(window.open_requests)
    window.closing.connect(window.sweep.stop)


def make_gallery(window: Window) -> None:
    """The gallery over its folder."""
    from desktop_app.workspaces.gallery import GalleryWorkspace

    def take_folder(folder: str) -> None:
        window.preferences.settings.gallery = folder
        window.remember()

    gallery = window.gallery = GalleryWorkspace(window.client, window.runs, window.undo, window.keeping.folder)
    window.add("gallery", gallery, {})
    gallery.open_wanted.connect(window.open_requests)
    gallery.told.connect(lambda said, label, act: window.toasts.show(said, "", (label, act), error=False))
    gallery.folder_changed.connect(take_folder)
    window.closing.connect(gallery.close_gallery)


def make_train(window: Window) -> None:
    """Train, with nothing under way."""
    from desktop_app.workspaces.train import TrainWorkspace

    train = TrainWorkspace(window.runs)
    window.add("train", train, {})
    train.open_wanted.connect(window.open_requests)
    train.trained.connect(window.offer_models)
    window.closing.connect(train.close_training)


ROOMS: dict[str, Callable[[Window], None]] = {
    "lab": make_lab,
    "sweep": make_sweep,
    "gallery": make_gallery,
    "train": make_train,
}
