"""Valid requests of every kind, for Hypothesis."""

from __future__ import annotations

import math
from typing import Any

from hypothesis import strategies as st

from engine import catalog
from engine.fields import Field
from engine.request import FIELDS, Branch, Request
from engine.starts import Encoding, Image, PureNoise, Slerp


def values(field: Field) -> st.SearchStrategy[Any]:
    """What a field of a sampler admits."""
    if field.choices is not None:
        return st.sampled_from(sorted(field.choices))
    if field.kind == "interval":
        ends = st.lists(st.floats(0, 1e6) | st.integers(0, 10**6), min_size=2, max_size=2, unique=True)
        return st.none() | ends.map(sorted).map(tuple)
    if field.kind == "integer":
        return st.integers(int(field.minimum), int(field.maximum))
    whole = st.integers(math.ceil(field.minimum), math.floor(field.maximum))
    numbers = st.floats(field.minimum, field.maximum)
    return numbers | whole if field.maximum >= 1 else numbers


def settings_of(sampler: catalog.Sampler) -> st.SearchStrategy[dict[str, Any]]:
    """A sampler with some of its options."""
    options = {name: values(FIELDS[name]) for name in sampler.options}
    orders = {"order": st.sampled_from(sampler.orders)}
    return st.fixed_dictionaries({"sampler": st.just(sampler.name)}, optional={**options, **orders})


LISTS = st.lists(st.floats(1e-6, 1e6), min_size=1, max_size=5, unique=True).map(lambda s: tuple(sorted(s)[::-1]))
REST = st.fixed_dictionaries(
    {},
    optional={
        "model": st.from_regex(r"[A-Za-z0-9_-]{1,64}", fullmatch=True),
        "condition": st.none() | st.integers(0, 2**31 - 1) | st.text(max_size=1000),
        "count": st.integers(1, 64),
        "seed": st.integers(0, 2**32 - 1),
        "steps": st.integers(1, 1000),
        "spacing": st.sampled_from(sorted(set(catalog.SPACINGS) - {"explicit"})),
        "sigmas": st.none() | LISTS,
        "particles": st.none() | st.integers(1, 50_000),
        "schedule": st.none() | st.sampled_from(sorted(catalog.SCHEDULES)),
        "guidance": values(FIELDS["guidance"]),
        "guidance_interval": values(FIELDS["guidance_interval"]),
        "guide": st.none() | st.from_regex(r"[A-Za-z0-9_-]{1,64}", fullmatch=True),
        "guidance_rescale": values(FIELDS["guidance_rescale"]),
        "clip": st.none() | values(FIELDS["clip"]),
    },
)


def noise_requests() -> st.SearchStrategy[Request]:
    """Valid requests that start from noise, all over their ranges."""
    samplers = st.sampled_from(list(catalog.SAMPLERS.values())).flatmap(settings_of)

    def together(sampler: dict[str, Any], rest: dict[str, Any]) -> Request:
        unlisted = {"sigmas": None} if sampler["sampler"] == "langevin" else {}  # it stays at one level
        return Request(**{**rest, **sampler, **unlisted})

    return st.builds(together, samplers, REST)


SHAPES = st.tuples(st.integers(1, 3), st.integers(1, 4), st.integers(1, 4))
SEEDS = st.none() | st.integers(0, 2**32 - 1)
NAMES = st.from_regex(r"[A-Za-z0-9_-]{1,64}", fullmatch=True)


@st.composite
def images(draw: st.DrawFn) -> Image:
    """Pictures to start from, half of them with a mask."""
    channels, height, width = shape = draw(SHAPES)
    pixels = draw(st.binary(min_size=channels * height * width, max_size=channels * height * width))
    mask = draw(st.none() | st.lists(st.integers(0, 1), min_size=height * width, max_size=height * width).map(bytes))
    return Image(pixels, shape, draw(st.floats(0, 1, exclude_min=True)), mask)


@st.composite
def encodings(draw: st.DrawFn) -> Encoding:
    """Pictures to encode."""
    image = draw(images())
    condition = draw(st.none() | st.integers(0, 2**31 - 1) | st.text(max_size=20))
    return Encoding(image.pixels, image.shape, draw(st.none() | NAMES), condition)


@st.composite
def requests(draw: st.DrawFn, branches: int = 2) -> Request:
    """Valid requests with starts of every kind."""
    request = draw(noise_requests())
    kind = draw(st.sampled_from(["noise", "image", "encoding", "slerp", "branch"][: 5 if branches else 4]))
    if kind == "branch":
        parent = draw(requests(branches=branches - 1))
        start = Branch(parent, draw(st.integers(0, 10**5 - 1)))
        return request.replace(start=start, count=min(request.count, parent.count))
    if kind == "slerp":
        ends = [draw(SEEDS.map(PureNoise) | encodings()) for _ in range(2)]
        shares = st.lists(st.floats(0, 1) | st.integers(0, 1), min_size=request.count, max_size=request.count)
        return request.replace(start=Slerp(ends[0], ends[1], tuple(draw(shares))))
    others = {"noise": SEEDS.map(PureNoise), "image": images(), "encoding": encodings()}
    return request.replace(start=draw(others[kind]))


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=10), inner, max_size=3),
    max_leaves=10,
)
