"""Which training images pull at a sample on its way: the posterior weights of an ideal denoiser."""

from __future__ import annotations

from typing import Annotated

import torch
from msgspec import Meta

from engine import runs
from engine.fields import RequestError
from engine.history import History
from engine.lab.answers import Piece, Pieces
from engine.lab.queries import Query
from engine.models.dataset import Dataset
from engine.pictures import pixels

SHOWN = 12  # images, those that pull the most


class Pull(Query, frozen=True, kw_only=True):
    """One sample of a run, at a place."""

    run: int
    sample: Annotated[int, Meta(ge=0, le=4096)]
    place: Annotated[int, Meta(ge=0, le=100_000)]


def pull(asked: Pull, history: History) -> Pieces:
    """The images [n, H, W, C] that pull the most, with their weights and their numbers in the training set.

    `images` is how many there are, `effective` the number of equal weights that would be as uneven: exp of their
    entropy. At the place of the result, which has no noise, it is told of the step before. Raises RequestError for a
    run, a sample or a place that is not remembered in full, and for a model that no training images pull.
    """
    record = history.records.get(asked.run)
    if record is None or asked.sample >= record.request.count:
        raise RequestError("run", "run must be one whose samples are still remembered.")
    model = runs.model_of(record.request)
    if not isinstance(model, Dataset):
        raise RequestError("model", f"model must be a data set for images to pull, not {record.request.model}.")
    place = asked.place - 1 if record.closed and asked.place == record.last else asked.place
    moment = record.moments.get(place)
    if moment is None or moment.x is None:
        raise RequestError("place", "place must be one that is still remembered in full.")
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
