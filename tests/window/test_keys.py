"""Every key in every workspace: what has nothing to act on does nothing, and nothing raises."""

from __future__ import annotations

import asyncio

from conftest import press
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest

from desktop_app.keys import key_map
from desktop_app.widgets.rail import WORKSPACES
from desktop_app.window import Window


def test_no_key_raises_anywhere(drive) -> None:
    """An exception in a key's handler reaches the caller here, and the loop's handler in `drive`."""

    async def scenario(window: Window) -> None:
        for name in WORKSPACES:
            window.open(name)
            await asyncio.sleep(0.05)
            for keys, act in key_map(window).items():
                act()
                window.cheat_sheet.hide()
                window.model_card.leave()
                window.open(name)
                assert window.current_name == name, keys
            press(window, Qt.Key.Key_C, Qt.KeyboardModifier.ControlModifier | Qt.KeyboardModifier.ShiftModifier)
            window.setFocus()
            QTest.keyClicks(window, "rl[]")
            assert window.current_name == name

    drive(scenario)
