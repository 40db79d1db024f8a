"""Sweeps: one request, one or two of its fields over several values each, a run for every combination.

    sweep = Sweep(base=Request(), axes=(Axis("lam", (0.0, 1.0)), Axis("steps", (5, 10, 20))))
    for index, result in run_sweep(sweep, Folder(path)):
        result.pictures, result.figures["nfe"]

Imports no torch: the window plans, reads and draws sweeps with the same code.
"""

from engine.sweep.folder import Folder, Result
from engine.sweep.plan import AXES, Axis, Cell, Sweep
from engine.sweep.running import EXECUTORS, SweepError, run_sweep

__all__ = ["AXES", "EXECUTORS", "Axis", "Cell", "Folder", "Result", "Sweep", "SweepError", "run_sweep"]
