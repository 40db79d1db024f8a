"""Is there a display to open a window on? Asked before Qt is, because Qt aborts where there is none."""

from __future__ import annotations

import ctypes
import os
import sys
from pathlib import Path

HINT = "Without a window, `scorescope generate --help` makes images from the command line."
XCB_LIBRARIES = (
    "libgl1 libegl1 libxkbcommon0 libdbus-1-3 libfontconfig1 libglib2.0-0 libxcb-cursor0 libxkbcommon-x11-0 "
    "libxcb-icccm4 libxcb-keysyms1 libxcb-shape0 libxcb-image0 libxcb-render-util0 libx11-xcb1"
)


def problem() -> str:
    """One sentence on why no window can be opened, empty where one can."""
    try:
        import PySide6.QtGui
    except ImportError as error:
        return f"Qt cannot start, because a system library is missing ({error}): sudo apt install {XCB_LIBRARIES}."
    if not sys.platform.startswith("linux") or os.environ.get("QT_QPA_PLATFORM", "xcb").split(":")[0] != "xcb":
        return ""
    if _wayland():
        return ""
    if not os.environ.get("DISPLAY"):
        return "There is no display to open a window on."
    plugin = Path(PySide6.QtGui.__file__).parent / "Qt" / "plugins" / "platforms" / "libqxcb.so"
    try:
        if plugin.exists():
            ctypes.CDLL(str(plugin))
        xcb = ctypes.CDLL("libxcb.so.1")
    except OSError as error:
        return (
            f"Qt cannot open a window, because a system library is missing ({error}): sudo apt install {XCB_LIBRARIES}."
        )
    xcb.xcb_connect.restype = ctypes.c_void_p
    connection = ctypes.c_void_p(xcb.xcb_connect(None, None))
    failed = xcb.xcb_connection_has_error(connection)
    # stays open until the process ends: an X server without clients may reset, just when Qt comes to connect
    return f"The display {os.environ['DISPLAY']} does not answer." if failed else ""


def _wayland() -> bool:
    name, folder = os.environ.get("WAYLAND_DISPLAY"), os.environ.get("XDG_RUNTIME_DIR", "")
    return bool(name) and (Path(folder) / str(name)).exists()
