"""Networks that a person keeps in files of their own, and brings back."""

from __future__ import annotations

import json

import msgspec
import numpy as np
import torch
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.torch import load, save

from engine.answers.pieces import Piece, Pieces
from engine.fields import RequestError
from engine.lab import subject
from engine.lab.learning import Lesson
from engine.lab.queries import Learn, LoadNetwork, SaveNetwork
from engine.models import mlp, plane
from engine.models.checkpoint import ModelError
from engine.models.dataset import Dataset

POINTS = "points"  # the tensor of what it learned from, where these are a person's own
KIND = "a network of Scorescope's lab"


def saved(asked: SaveNetwork) -> Pieces:
    """The bytes of a safetensors file [n]: a whole training and its card; going on with it needs nothing else."""
    try:
        tensors, card = mlp.read(asked.learned)
    except ModelError as error:
        raise RequestError("learned", str(error)) from error
    teacher = subject.exact(card.model)
    if isinstance(teacher, Dataset):
        tensors = {**tensors, POINTS: teacher.points}
    metadata = {"json": json.dumps({"kind": KIND, **msgspec.to_builtins(card)})}
    yield Piece(arrays=[np.frombuffer(save(tensors, metadata), np.uint8)])


def loaded(asked: LoadNetwork, file: NDArray[np.uint8]) -> Pieces:
    """Keep the network of such a file, and what it learned from. Values: those of a report of `learn`, of, width, seed.

    Whoever wrote the file: names, shapes and values are held against the card, and nothing in it is executed.
    Raises RequestError.
    """
    try:
        tensors, card = _read(file.tobytes())
        points = tensors.pop(POINTS, None)
        tensors, known = mlp.checked(tensors, card)
        if points is not None:
            name = plane.keep(points.numpy())
            if name != known.model:
                raise ValueError(f"its points are {name}, and it learned from {known.model}")
        if subject.exact(known.model).classes != known.classes:
            raise ValueError(f"{known.model} has not {known.classes} classes")
        name = mlp.save(tensors, known)
    except (ValueError, OverflowError, RecursionError, SafetensorError, RequestError) as error:
        raise RequestError("file", f"file must be a network that the lab saved: {error}.".replace("..", ".")) from error
    except (ModelError, OSError) as error:
        raise RequestError("file", str(error)) from error
    yield None
    lesson = Lesson(Learn(model=known.model, width=known.width, seed=known.seed, learned=name))
    figures = lesson.trial.figures()
    values = {"model": name, "of": known.model, "width": known.width, "seed": known.seed, **figures}
    loss = figures["floor"] * (1.0 + figures["excess"])
    yield Piece({**values, "step": known.step, "seconds": known.seconds, "loss": loss})


def _read(data: bytes) -> tuple[dict[str, torch.Tensor], dict[str, object]]:
    """The tensors and the card of a file. Raises ValueError and SafetensorError."""
    tensors = load(data)  # which holds the header against the data: it can be read below
    header = json.loads(data[8 : 8 + int.from_bytes(data[:8], "little")])
    card = json.loads(header.get("__metadata__", {}).get("json", "{}"))
    if not isinstance(card, dict) or card.pop("kind", None) != KIND:
        raise ValueError("it is of something else")
    return tensors, card
