"""How many threads compute, and how they wait for each other. Loads no torch by itself."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager


def sleep_early() -> None:
    """Have those that wait sleep early. Acts only before torch is loaded; what the user has set stays.

    By default they spin so long that, where another process wants a core too, they mostly wait for a thread that cannot
    run. Not spinning at all costs the smallest networks half their speed. The count is for GNU's OpenMP, with which
    torch is built on Linux; others go by the policy.
    """
    if "OMP_WAIT_POLICY" not in os.environ:
        os.environ.setdefault("GOMP_SPINCOUNT", "3000")
        os.environ["OMP_WAIT_POLICY"] = "PASSIVE"


@contextmanager
def exactly(count: int) -> Iterator[None]:
    """Compute in so many threads; as before afterwards."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)
