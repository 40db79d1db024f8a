"""Frames between the window and the worker: a length-prefixed MessagePack message and raw arrays. Imports no torch.

    frame  = u32 head bytes · u32 body bytes (little-endian) · head · body
    head   = MessagePack of [message, [[dtype, shape], …]]
    body   = the arrays one after the other, little-endian, row-major

Both ends validate what they read. Nothing on the wire is executed.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Iterator
from typing import Annotated, Any, Literal, get_args

import msgspec
import numpy as np
from numpy.typing import NDArray

MAX_HEAD = 1 << 20
MAX_BODY = 1 << 28

_LENGTHS = struct.Struct("<II")


class WireError(ValueError):
    """Bytes that are not a frame. After one the stream cannot be trusted: `fatal` says whether it is still in step."""

    def __init__(self, message: str, fatal: bool) -> None:
        super().__init__(message)
        self.fatal = fatal


class Message(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag=True):
    """Base of everything that is sent."""


# --- window → worker -------------------------------------------------------------------------------------------------


class Run(Message, frozen=True):
    """Start a run. The request travels as plain values, so that a bad one is answered instead of breaking the frame."""

    run: int
    request: dict[str, Any]


class Cancel(Message, frozen=True):
    """Stop a run before its next step."""

    run: int


class Ask(Message, frozen=True):
    """Ask for what is computed about a model, or remembered of a run, in the words of `engine.answers`.

    It may come with arrays.
    """

    ask: int
    what: str
    values: dict[str, Any]


class Keep(Message, frozen=True):
    """Keep the steps of runs in so many bytes."""

    budget: Annotated[int, msgspec.Meta(ge=0)] = 512 << 20


class Drop(Message, frozen=True):
    """An answer that nobody waits for any more: stop before its next piece. Nothing of it follows."""

    ask: int


class Shutdown(Message, frozen=True):
    """Finish and exit."""


# --- worker → window -------------------------------------------------------------------------------------------------


class Ready(Message, frozen=True):
    """The worker has started."""

    device: str
    torch: str
    threads: int = 0


class Started(Message, frozen=True):
    """A run has begun; its levels (t, alpha, std), from the noisiest to the clean one, and what its networks run in."""

    run: int
    levels: list[tuple[float, float, float]]
    precision: dict[str, str] = {}  # by the names of models, as a picture says it


class Stepped(Message, frozen=True):
    """One step, at levels[index]. Arrays: x_t and x̂₀ as uint8 [B, H, W, C], ready to draw; and float32 [2, B].

    Those are of every sample the root mean square of the score, and of the change of x̂₀ since the step before; NaN
    where there is none.
    """

    run: int
    index: int
    nfe: int
    seconds: float  # the run's own computing time so far


class Finished(Message, frozen=True):
    """The run is complete. Arrays: the final image, and the measures, as in Stepped."""

    run: int
    nfe: int
    seconds: float


class Cancelled(Message, frozen=True):
    """The run was stopped, as asked."""

    run: int


class Failed(Message, frozen=True):
    """A run, or (run 0) a message, could not be carried out."""

    run: int
    message: str
    field: str = ""
    details: str = ""


class Answer(Message, frozen=True):
    """A piece of what was asked for, with its arrays; more follow until the last."""

    ask: int
    values: dict[str, Any]
    last: bool = True


class Refused(Message, frozen=True):
    """What was asked for cannot be answered; nothing of it follows."""

    ask: int
    message: str
    field: str = ""
    details: str = ""


Command = Run | Cancel | Ask | Keep | Drop | Shutdown
Event = Ready | Started | Stepped | Finished | Cancelled | Failed | Answer | Refused
Arrays = list[NDArray[Any]]


Dtype = Literal["|u1", "<f4"]


class _Array(msgspec.Struct, frozen=True, array_like=True):
    dtype: Dtype
    shape: Annotated[list[Annotated[int, msgspec.Meta(ge=0)]], msgspec.Meta(max_length=8)]

    def nbytes(self) -> int:
        return math.prod(self.shape) * np.dtype(self.dtype).itemsize


class _Head(msgspec.Struct, frozen=True, array_like=True):
    message: Command | Event
    arrays: Annotated[list[_Array], msgspec.Meta(max_length=64)]


def frame(message: Command | Event, *arrays: NDArray[Any]) -> bytes:
    """One message with its arrays (uint8 or float32) as bytes. Raises WireError when it cannot be sent."""
    little = [array.astype(array.dtype.newbyteorder("<"), copy=False) for array in arrays]
    specs = [_Array(array.dtype.str, list(array.shape)) for array in little]  # type: ignore[arg-type]
    if odd := [spec.dtype for spec in specs if spec.dtype not in get_args(Dtype)]:
        raise WireError(f"an array of {odd[0]} cannot be sent", fatal=False)
    try:
        head = msgspec.msgpack.encode(_Head(message, specs))
    except (msgspec.MsgspecError, OverflowError, RecursionError, TypeError, ValueError) as error:
        raise WireError(f"a message cannot be sent: {error}", fatal=False) from error
    body = b"".join(array.tobytes() for array in little)
    if len(head) > MAX_HEAD or len(body) > MAX_BODY:
        raise WireError(f"a frame of {len(head)} + {len(body)} bytes is too large", fatal=False)
    return _LENGTHS.pack(len(head), len(body)) + head + body


class Decoder:
    """Turns a stream of bytes, in pieces of any size, back into messages."""

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._head = msgspec.msgpack.Decoder(_Head)

    def feed(self, data: bytes) -> None:
        """Add what has arrived."""
        self._buffer += data

    def messages(self) -> Iterator[tuple[Command | Event, Arrays]]:
        """The complete messages so far. Raises WireError; a later call goes on behind a frame that is not fatal."""
        while len(self._buffer) >= _LENGTHS.size:
            head, body = _LENGTHS.unpack_from(self._buffer)
            if head > MAX_HEAD or body > MAX_BODY:
                raise WireError(f"a frame of {head} + {body} bytes is too large", fatal=True)
            end = _LENGTHS.size + head + body
            if len(self._buffer) < end:
                return
            raw = bytes(self._buffer[_LENGTHS.size : end])
            del self._buffer[:end]
            yield self._decode(raw[:head], raw[head:])

    def _decode(self, head: bytes, body: bytes) -> tuple[Command | Event, Arrays]:
        try:
            envelope = self._head.decode(head)
        except (msgspec.MsgspecError, RecursionError, TypeError, ValueError) as error:
            raise WireError(f"an unknown message: {error}", fatal=False) from error
        if sum(spec.nbytes() for spec in envelope.arrays) != len(body):
            raise WireError("arrays that do not fill their frame", fatal=False)
        arrays, offset = [], 0
        for spec in envelope.arrays:
            part = body[offset : offset + spec.nbytes()]
            try:
                arrays.append(np.frombuffer(part, spec.dtype).reshape(spec.shape))
            except (OverflowError, ValueError) as error:  # no bytes, but one side longer than arrays can be
                raise WireError(f"an impossible array: {error}", fatal=False) from error
            offset += spec.nbytes()
        return envelope.message, arrays
