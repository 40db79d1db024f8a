"""The text in a PNG, read with care (PNG specification, third edition, sections 5.3 and 11.3.3). Imports no torch.

A file was written by anyone: it is walked chunk by chunk, and nothing is inflated or decoded that is not within limits.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Collection, Iterator

SIGNATURE = b"\x89PNG\r\n\x1a\n"
MAX_CHUNKS = 20_000  # an animation has two or three for a frame
MAX_TEXT = 1 << 20  # bytes of one text, packed or not
MAX_PIXELS = 1 << 26

_HEAD = struct.Struct(">I4s")
_SIZE = struct.Struct(">II")
_CRC = struct.Struct(">I")


class ChunkError(ValueError):
    """A PNG that is damaged or beyond the limits; the message goes on from the file's name."""


def texts(data: bytes, wanted: Collection[str]) -> dict[str, bytes]:
    """The texts with these keywords, as UTF-8. Raises ChunkError."""
    found: dict[str, bytes] = {}
    for kind, body in _chunks(data):
        if kind not in (b"tEXt", b"zTXt", b"iTXt"):
            continue
        keyword, separator, _ = body[:80].partition(b"\0")
        name = keyword.decode("latin-1")
        if not separator or name not in wanted:
            continue
        if name in found:
            raise ChunkError(f"has more than one text {name}")
        if len(body) > MAX_TEXT:
            raise ChunkError(f"has a text {name} of more than {MAX_TEXT >> 20} MB")
        found[name] = _text(kind, body[len(keyword) + 1 :])
    return found


def _chunks(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Kind and content of every chunk, up to the last, each with the right check sum."""
    if not data.startswith(SIGNATURE):
        raise ChunkError("is no PNG")
    place = len(SIGNATURE)
    for number in range(MAX_CHUNKS):
        if place + _HEAD.size > len(data):
            raise ChunkError("is cut short")
        length, kind = _HEAD.unpack_from(data, place)
        end = place + _HEAD.size + length
        if end + _CRC.size > len(data):
            raise ChunkError("is cut short")
        if zlib.crc32(memoryview(data)[place + 4 : end]) != _CRC.unpack_from(data, end)[0]:
            raise ChunkError("is damaged: a check sum is wrong")
        body = data[place + _HEAD.size : end]
        if (number == 0) != (kind == b"IHDR"):
            raise ChunkError("is damaged: its header is not where it belongs")
        if number == 0:
            _check_size(body)
        if kind == b"IEND":
            return
        yield kind, body
        place = end + _CRC.size
    raise ChunkError(f"has more than {MAX_CHUNKS:,} chunks")


def _check_size(header: bytes) -> None:
    if len(header) != 13:
        raise ChunkError("is damaged: its header has another length")
    width, height = _SIZE.unpack_from(header)
    if not 0 < width * height <= MAX_PIXELS:
        raise ChunkError(f"says that it has {width} × {height} pixels, which is not between 1 and {MAX_PIXELS:,}")


def _text(kind: bytes, body: bytes) -> bytes:
    """The text behind a keyword."""
    if kind == b"tEXt":
        return body.decode("latin-1").encode()
    if kind == b"zTXt":
        return _inflated(body[1:]).decode("latin-1").encode()
    packed, rest = body[:1], body[2:]
    _language, _, rest = rest.partition(b"\0")
    _translated, separator, text = rest.partition(b"\0")
    if not separator or packed not in (b"\0", b"\1"):
        raise ChunkError("is damaged: it has a text that is none")
    return _inflated(text) if packed == b"\1" else text


def _inflated(packed: bytes) -> bytes:
    """What was packed, as far as the limit; memory is never asked for more than that."""
    inflate = zlib.decompressobj()
    try:
        text = inflate.decompress(packed, MAX_TEXT + 1)
    except zlib.error as error:
        raise ChunkError("is damaged: a text in it cannot be unpacked") from error
    if len(text) > MAX_TEXT:
        raise ChunkError(f"has a text that unpacks to more than {MAX_TEXT >> 20} MB")
    if not inflate.eof:
        raise ChunkError("is damaged: a text in it is cut short")
    return text
