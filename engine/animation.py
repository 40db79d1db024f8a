"""Frames in motion: GIF, animated PNG, MP4. Imports no torch.

A file is written beside its place and then moved there: however the writing ends, there is a whole file or none.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, PngImagePlugin

from engine.files import replacing
from engine.request import Request

Frame = NDArray[np.uint8]  # [H, W, 3]
Timed = Iterator[tuple[Frame, float]]
"""Frames, and for how many seconds each is seen."""

KINDS = (".gif", ".png", ".apng", ".mp4")
X264 = {"crf": "14", "preset": "medium"}  # no difference is seen from the frames, but for the halved colours
BT709 = 1  # FFmpeg's number of it, as matrix, as primaries and as transfer; and of the range from 16 to 235


def save_animation(
    path: Path,
    frames: Iterable[Frame],
    seconds_each: float,
    hold: float = 1.5,
    request: Request | None = None,
    progress: Callable[[int], object] | None = None,
) -> None:
    """Write frames [H, W, 3], all of one size, as what the name ends in: one of KINDS. The last is seen for `hold`.

    `progress` is told how many frames were taken. An animated PNG carries the request as `save_png` does. Of an MP4 the
    sides are even: the last row or column is doubled. Raises ValueError where the frames do not fit or there are none,
    and OSError. Whatever `frames` or `progress` raises ends the writing: so it is stopped.
    """
    kind = path.suffix.lower()
    if kind not in KINDS:
        raise ValueError(f"{path.name} must end in one of {', '.join(KINDS)}")
    timed = _timed(frames, seconds_each, hold, progress or (lambda _: None))
    with replacing(path) as draft:
        if kind == ".mp4":
            _write_mp4(draft, timed, seconds_each)
        else:
            _write_pictures(draft, timed, "GIF" if kind == ".gif" else "PNG", request)


def _timed(frames: Iterable[Frame], each: float, hold: float, progress: Callable[[int], object]) -> Timed:
    last: Frame | None = None
    for count, frame in enumerate(frames, 1):
        if frame.dtype != np.uint8 or frame.ndim != 3 or frame.shape[2] != 3:
            raise ValueError(f"frames must be bytes [H, W, 3], not {frame.dtype} {list(frame.shape)}")
        if last is not None:
            if frame.shape != last.shape:
                raise ValueError(f"frames must be of one size, not {_size(last)} and then {_size(frame)}")
            yield last, each
        last = frame
        progress(count)
    if last is None:
        raise ValueError("there must be a frame")
    yield last, max(hold, each)


def _size(frame: Frame) -> str:
    return f"{frame.shape[1]} × {frame.shape[0]}"


def _write_pictures(draft: Path, timed: Timed, kind: str, request: Request | None) -> None:
    """GIF in hundredths of a second, each frame with its own 256 colours; or PNG in thousandths, without loss.

    Equal frames in a row become one that is seen for as long.
    """

    def images() -> Iterator[Image.Image]:
        for frame, seconds in timed:
            image = Image.fromarray(frame)
            if kind == "GIF":
                image = image.quantize()  # now: they are all kept until the last
            image.info["duration"] = 1000.0 * seconds
            yield image

    metadata = PngImagePlugin.PngInfo()
    if request is not None:
        metadata.add_text("scorescope", request.to_json())
    first, *others = images()
    first.save(draft, kind, save_all=True, append_images=others, loop=0, pnginfo=metadata)


def _write_mp4(draft: Path, timed: Timed, each: float) -> None:
    """H.264 with one time for all frames, which every player knows; a frame that is seen for longer is repeated."""
    import av
    from av.video.reformatter import Colorspace

    with av.open(str(draft), "w", format="mp4", options={"movflags": "+faststart"}) as file:
        stream: Any = None
        for frame, seconds in timed:
            even = np.pad(frame, ((0, frame.shape[0] % 2), (0, frame.shape[1] % 2), (0, 0)), mode="edge")
            if stream is None:
                stream = file.add_stream("libx264", Fraction(1.0 / each).limit_denominator(1000), options=X264)
                stream.height, stream.width, stream.pix_fmt = *even.shape[:2], "yuv420p"
                context = stream.codec_context
                context.colorspace = context.color_primaries = context.color_trc = context.color_range = BT709
            picture = av.VideoFrame.from_ndarray(np.ascontiguousarray(even), "rgb24")
            picture = picture.reformat(format="yuv420p", dst_colorspace=Colorspace.ITU709)
            for _ in range(max(round(seconds / each), 1)):
                picture.pts = None
                file.mux(stream.encode(picture))
        file.mux(stream.encode())
