"""Training images beside a sample on its way: those that pull at it, or those that are nearest to it."""

from __future__ import annotations

from math import hypot
from typing import Annotated

import torch
from msgspec import Meta

from engine import catalog, runs
from engine.answers.pieces import Piece, Pieces
from engine.answers.query import Query
from engine.answers.showing import remembered
from engine.data import training_images
from engine.fields import RequestError
from engine.history import History, Moment, Record
from engine.measures.neighbours import closest
from engine.models.dataset import Dataset
from engine.pictures import pixels

SHOWN = 12  # images, those that pull the most


class Beside(Query, frozen=True, kw_only=True):
    """One sample of a run, at a place."""

    run: int
    sample: Annotated[int, Meta(ge=0, le=4096)]
    place: Annotated[int, Meta(ge=0, le=100_000)]


def pull(asked: Beside, history: History) -> Pieces:
    """The images [n, H, W, C] that pull the most at an ideal denoiser: their posterior weights, and their numbers.

    `images` is how many there are, `effective` the number of equal weights that would be as uneven: exp of their
    entropy. At the place of the result, which has no noise, it is told of the step before. Raises RequestError for a
    run, a sample or a place that is not remembered in full, and for a model that no training images pull.
    """
    record = remembered(asked.run, history, asked.sample)
    model = runs.model_of(record.request)
    if not isinstance(model, Dataset):
        raise RequestError("model", f"model must be a data set for images to pull, not {record.request.model}.")
    moment = _moment(record, asked.place - 1 if record.closed and asked.place == record.last else asked.place)
    assert moment.x is not None
    x = moment.x[asked.sample : asked.sample + 1].to(model.device)
    weights, images = model.pulls(x, moment.level, record.request.condition)
    entropy = -torch.special.xlogy(weights, weights).sum()
    most = torch.topk(weights, min(SHOWN, len(weights)))
    values = {
        "place": asked.place,
        "weights": most.values.tolist(),
        "numbers": most.indices.tolist(),
        "images": len(weights),
        "effective": float(entropy.exp()),
    }
    yield Piece(values, [pixels(images[most.indices].float().cpu().numpy())])


def nearest(asked: Beside, history: History) -> Pieces:
    """The training images [n, H, W, C] nearest to D of the sample, as it is shown: their distances, in order, numbers.

    Whether a network repeats what it has seen is seen here. `images` is how many there are. Raises RequestError as
    `pull` does, and for a model whose training images are not here.
    """
    record = remembered(asked.run, history, asked.sample)
    card = catalog.cards().get(record.request.model)
    images = training_images.of(card) if card is not None else None
    if card is None or images is None:
        raise RequestError("model", f"model must be one whose training images are here, not {record.request.model}.")
    moment = _moment(record, asked.place)
    assert moment.denoised is not None
    if images.shape[1:] != moment.denoised.shape[1:]:
        raise RequestError("model", f"model must make images like those of {card.dataset}, as its card says.")
    wide = hypot(moment.level.alpha, moment.level.std) if moment.is_result else 1.0  # noisy, of Langevin
    distances, numbers = closest((moment.denoised[asked.sample] / wide).clamp(-1.0, 1.0), images, SHOWN)
    values = {"place": asked.place, "distances": distances.tolist(), "numbers": numbers.tolist(), "images": len(images)}
    yield Piece(values, [images[numbers].transpose(0, 2, 3, 1)])


def _moment(record: Record, place: int) -> Moment:
    """The step of a place, which is kept in full."""
    moment = record.moments.get(place)
    if moment is None or not moment.full:
        raise RequestError("place", "place must be one that is still remembered in full.")
    return moment
