"""Frames: everything that is sent arrives, and whatever arrives is a message, a WireError or not complete."""

from __future__ import annotations

import struct
from itertools import pairwise
from typing import Any

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.typing import NDArray

from engine import wire

WHOLE = st.integers(0, 2**63 - 1)
SECONDS = st.floats(0, 1e9)
TEXT = st.text(max_size=30)
PLAIN = st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.floats(allow_nan=False) | TEXT
VALUES = st.dictionaries(TEXT, PLAIN | st.lists(PLAIN, max_size=3), max_size=4)
MESSAGES = st.one_of(
    st.builds(wire.Run, WHOLE, VALUES),
    st.builds(wire.Cancel, WHOLE),
    st.builds(wire.Ask, WHOLE, TEXT, VALUES),
    st.builds(wire.Keep, WHOLE),
    st.builds(wire.Drop, WHOLE),
    st.builds(wire.Shutdown),
    st.builds(wire.Ready, TEXT, TEXT),
    st.builds(wire.Started, WHOLE, st.lists(st.tuples(SECONDS, SECONDS, SECONDS), max_size=4)),
    st.builds(wire.Stepped, WHOLE, WHOLE, WHOLE, SECONDS),
    st.builds(wire.Finished, WHOLE, WHOLE, SECONDS),
    st.builds(wire.Cancelled, WHOLE),
    st.builds(wire.Failed, WHOLE, TEXT, TEXT, TEXT),
    st.builds(wire.Answer, WHOLE, VALUES, st.booleans()),
    st.builds(wire.Refused, WHOLE, TEXT, TEXT, TEXT),
)
ARRAYS = st.lists(
    hnp.arrays(st.sampled_from(["|u1", "<f4"]), hnp.array_shapes(min_dims=0, max_dims=4, min_side=0, max_side=5)),
    max_size=3,
)
GOOD = wire.Cancelled(3)


def decode(data: bytes) -> list[Any]:
    """Messages and errors, in the order in which they come; as the worker and the window read."""
    decoder = wire.Decoder()
    decoder.feed(data)
    return drain(decoder)


def drain(decoder: wire.Decoder) -> list[Any]:
    got: list[Any] = []
    while True:
        try:
            got += decoder.messages()
        except wire.WireError as error:
            got.append(error)
            if not error.fatal:
                continue
        return got


def raw(head: bytes, body: bytes = b"") -> bytes:
    return struct.pack("<II", len(head), len(body)) + head + body


def envelope(message: Any, arrays: Any, body: bytes = b"") -> bytes:
    return raw(msgspec.msgpack.encode([message, arrays]), body)


def assert_arrives(got: tuple[Any, wire.Arrays], message: Any, arrays: list[NDArray[Any]]) -> None:
    assert got[0] == message
    assert type(got[0]) is type(message)
    assert len(got[1]) == len(arrays)
    for there, here in zip(got[1], arrays, strict=True):
        assert there.dtype == here.dtype
        assert there.shape == here.shape
        assert there.tobytes() == here.tobytes()  # NaN too


@given(MESSAGES, ARRAYS)
def test_what_is_sent_arrives(message: Any, arrays: list[NDArray[Any]]) -> None:
    (got,) = decode(wire.frame(message, *arrays))
    assert_arrives(got, message, arrays)


@given(st.lists(st.tuples(MESSAGES, ARRAYS), max_size=4), st.lists(st.integers(0, 1 << 16), max_size=12))
def test_pieces_of_any_size(sent: list[tuple[Any, list[NDArray[Any]]]], cuts: list[int]) -> None:
    """However the stream is cut, the same messages come out, none before it is complete."""
    data = b"".join(wire.frame(message, *arrays) for message, arrays in sent)
    places = [0, *sorted(cut % (len(data) + 1) for cut in cuts), len(data)]
    decoder, got = wire.Decoder(), []
    for start, end in pairwise(places):
        decoder.feed(data[start:end])
        got += drain(decoder)
    assert len(got) == len(sent)
    for there, (message, arrays) in zip(got, sent, strict=True):
        assert_arrives(there, message, arrays)


def test_one_byte_at_a_time() -> None:
    decoder, data, pixels = wire.Decoder(), wire.frame(GOOD, np.arange(6, dtype=np.uint8)), []
    for place in range(len(data)):
        assert not pixels
        decoder.feed(data[place : place + 1])
        pixels = drain(decoder)
    assert_arrives(pixels[0], GOOD, [np.arange(6, dtype=np.uint8)])


def test_arrays_in_any_layout_arrive() -> None:
    """Transposed, strided and big-endian arrays arrive with their values."""
    plain = np.arange(24, dtype=np.float32).reshape(2, 3, 4)
    for array in (plain.T, plain[:, ::-1], plain[..., ::2], plain.astype(">f4"), np.asfortranarray(plain)):
        ((_, (got,)),) = decode(wire.frame(GOOD, array))
        np.testing.assert_array_equal(got, array)
        assert got.dtype == np.dtype("<f4")


@pytest.mark.parametrize("dtype", ["<f8", "<i8", "|b1", "|O", "<U3", "<c8", "<f2"])
def test_other_types_are_not_sent(dtype: str) -> None:
    with pytest.raises(wire.WireError, match="cannot be sent"):
        wire.frame(GOOD, np.zeros(2, dtype))


@pytest.mark.parametrize("value", [2**70, "\ud800", object()])
def test_what_has_no_encoding_is_not_sent(value: Any) -> None:
    with pytest.raises(wire.WireError, match="cannot be sent"):
        wire.frame(wire.Run(1, {"seed": value}))


def test_what_is_too_large_is_not_sent() -> None:
    with pytest.raises(wire.WireError, match="too large"):
        wire.frame(GOOD, np.broadcast_to(np.uint8(0), (wire.MAX_BODY + 1,)))
    with pytest.raises(wire.WireError, match="too large"):
        wire.frame(wire.Failed(0, "x" * wire.MAX_HEAD))


@pytest.mark.parametrize(("head", "body"), [(wire.MAX_HEAD + 1, 0), (0, wire.MAX_BODY + 1), (2**32 - 1, 2**32 - 1)])
def test_an_oversized_frame_ends_the_stream_at_once(head: int, body: int) -> None:
    """It is refused from its eight bytes of lengths, before anything is stored."""
    (error,) = decode(struct.pack("<II", head, body))
    assert isinstance(error, wire.WireError)
    assert error.fatal


@given(st.data())
def test_a_truncated_frame_is_waited_for(data: st.DataObject) -> None:
    whole = wire.frame(wire.Stepped(1, 2, 3, 0.5), np.zeros((2, 3), np.float32))
    assert decode(whole[: data.draw(st.integers(0, len(whole) - 1))]) == []


BROKEN = {
    "empty": raw(b""),
    "not msgpack": raw(b"\xc1"),
    "bad utf-8": raw(b"\x92\x82\xa4type\xa5Ready\xa6device\xa1\xff\x90"),
    "bad utf-8 in a request": raw(b"\x92\x83\xa4type\xa3Run\xa3run\x01\xa7request\x81\xa1a\xa1\xff\x90"),
    "deep": raw(b"\x92\x83\xa4type\xa3Run\xa3run\x01\xa7request\x81\xa1a" + b"\x91" * 100_000),
    "unknown type": envelope({"type": "Alien"}, []),
    "no type": envelope({"run": 1}, []),
    "unknown field": envelope({"type": "Cancel", "run": 1, "alien": 1}, []),
    "missing field": envelope({"type": "Cancel"}, []),
    "wrong type": envelope({"type": "Cancel", "run": "1"}, []),
    "null": envelope(None, []),
    "an ask without values": envelope({"type": "Ask", "ask": 1, "what": "cloud"}, []),
    "an ask of no word": envelope({"type": "Ask", "ask": 1, "what": 7, "values": {}}, []),
    "a negative budget": envelope({"type": "Keep", "budget": -1}, []),
    "an answer with a list": envelope({"type": "Answer", "ask": 1, "values": [], "last": True}, []),
    "a deep ask": raw(b"\x92\x84\xa4type\xa3Ask\xa3ask\x01\xa4what\xa1a\xa6values\x81\xa1a" + b"\x91" * 100_000),
    "bytes left over": envelope({"type": "Cancel", "run": 1}, [], b"more"),
    "bytes missing": envelope({"type": "Cancel", "run": 1}, [["|u1", [5]]], b"1234"),
    "negative shape": envelope({"type": "Cancel", "run": 1}, [["|u1", [-1]]], b""),
    "two negatives": envelope({"type": "Cancel", "run": 1}, [["|u1", [-2, -2]]], b"1234"),
    "object array": envelope({"type": "Cancel", "run": 1}, [["|O", [1]]], b"12345678"),
    "huge": envelope({"type": "Cancel", "run": 1}, [["<f4", [2**62, 2**62]]], b""),
    "huge and empty": envelope({"type": "Cancel", "run": 1}, [["<f4", [0, 2**63]]], b""),
    "overflowing and empty": envelope({"type": "Cancel", "run": 1}, [["|u1", [0, 2**31, 2**31, 2**31]]], b""),
    "many dimensions": envelope({"type": "Cancel", "run": 1}, [["|u1", [1] * 9]], b"1"),
    "many arrays": envelope({"type": "Cancel", "run": 1}, [["|u1", [0]]] * 65, b""),
}


@pytest.mark.parametrize("data", BROKEN.values(), ids=BROKEN.keys())
def test_a_broken_frame_leaves_the_stream_in_step(data: bytes) -> None:
    """One error for the frame, and the frames before and after it arrive."""
    before, error, after = decode(wire.frame(GOOD) + data + wire.frame(GOOD))
    assert_arrives(before, GOOD, [])
    assert isinstance(error, wire.WireError)
    assert not error.fatal
    assert_arrives(after, GOOD, [])


@given(st.binary(max_size=200))
def test_random_bytes_raise_nothing_else(data: bytes) -> None:
    decode(data)


@given(st.binary(max_size=60), st.binary(max_size=20))
def test_random_frames_raise_nothing_else(head: bytes, body: bytes) -> None:
    """A head of random bytes in a well-made frame: an error or a message, and the next frame arrives."""
    got = decode(raw(head, body) + wire.frame(GOOD))
    assert len(got) == 2
    assert_arrives(got[1], GOOD, [])


@given(st.binary(min_size=1, max_size=3), st.integers(0, 200))
def test_damaged_frames_raise_nothing_else(damage: bytes, place: int) -> None:
    whole = bytearray(wire.frame(wire.Started(1, [(1.0, 1.0, 80.0)]), np.zeros((2, 3), np.float32)))
    place = 8 + place % (len(whole) - 8)
    whole[place : place + len(damage)] = damage[: len(whole) - place]
    got = decode(bytes(whole) + wire.frame(GOOD))
    assert len(got) == 2
    assert_arrives(got[1], GOOD, [])


def test_arrays_cannot_be_written_to() -> None:
    """They are views of the bytes that arrived."""
    ((_, (array,)),) = decode(wire.frame(GOOD, np.zeros(3, np.uint8)))
    with pytest.raises(ValueError, match="read-only"):
        array[0] = 1
