"""How long the threads of one computation wait for each other, spinning, before they sleep."""

from __future__ import annotations

import os


def sleep_early() -> None:
    """Have them sleep early. Acts only before torch is loaded; what the user has set stays.

    By default they spin so long that, where another process wants a core too, they mostly wait for a thread that cannot
    run. Not spinning at all costs the smallest networks half their speed. The count is for GNU's OpenMP, with which
    torch is built on Linux; others go by the policy.
    """
    if "OMP_WAIT_POLICY" not in os.environ:
        os.environ.setdefault("GOMP_SPINCOUNT", "3000")
        os.environ["OMP_WAIT_POLICY"] = "PASSIVE"
