"""What all tests have in common, and the processes that they start."""

from __future__ import annotations

import os

os.environ.setdefault("SCORESCOPE_PRECISION", "fp32")  # what is faster on a machine is no business of its tests
