"""Work with files, off the window's thread and in order."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

T = TypeVar("T")


class Turns:
    """One thread that does things one after another; what was begun is done, whoever still waits for it."""

    def __init__(self) -> None:
        self._thread = ThreadPoolExecutor(1)

    def take(self, act: Callable[..., T], *values: object) -> asyncio.Future[T]:
        """Do something after all that was begun before."""
        return asyncio.shield(asyncio.wrap_future(self._thread.submit(act, *values)))

    def finish(self) -> None:
        """Wait until all is done; nothing can be begun any more."""
        self._thread.shutdown()
