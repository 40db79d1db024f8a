"""Several processes that train one model: each learns from its rows of every batch, and the gradients are averaged.

`torchrun` starts them, on one machine or on several, and says in the environment who is who. Alone, nothing is shared.
"""

from __future__ import annotations

import os

import torch
from torch import Tensor, distributed
from torch.nn.parallel import DistributedDataParallel

from engine.device import pick
from engine.models.checkpoint import ModelError
from engine.training.objectives import Denoising, Objective


class Team:
    """The processes that train together, `count` of them; the one with rank 0 writes and speaks.

    A denoiser trains on the GPU, each process on its own, where there is CUDA; everything else trains on the CPU.
    Raises ModelError for an objective that several processes cannot share, because its rows depend on each other.
    """

    def __init__(self, objective: Objective) -> None:
        self.count, self.rank = int(os.environ.get("WORLD_SIZE", 1)), int(os.environ.get("RANK", 0))
        self.objective, self.device = objective, torch.device("cpu")
        if not isinstance(objective, Denoising):
            if self.count > 1:
                raise ModelError("of several processes only denoisers are trained: this one needs one process.")
            return
        if pick().type == "cuda":
            self.device = torch.device("cuda", int(os.environ.get("LOCAL_RANK", 0)))
            torch.cuda.set_device(self.device)
        if self.count > 1 and not distributed.is_initialized():
            distributed.init_process_group("nccl" if self.device.type == "cuda" else "gloo")

    def share(self) -> None:
        """Make the batch `count` times as large, give this process its part of it, and average gradients."""
        if self.count > 1:
            assert isinstance(self.objective, Denoising)
            size = self.objective.data.size
            self.objective.data.size = size * self.count
            self.objective.part = slice(self.rank * size, (self.rank + 1) * size)
            self.objective.network = DistributedDataParallel(self.objective.network)

    def part(self) -> None:
        """The work is done."""
        if self.count > 1:
            distributed.destroy_process_group()

    def mean(self, loss: Tensor) -> float:
        """The loss of the whole batch."""
        if self.count > 1:
            distributed.all_reduce(loss)
        return float(loss) / self.count

    def any(self, flag: bool) -> bool:
        """Whether one of the processes says so: they stop together."""
        if self.count == 1:
            return flag
        flags = torch.tensor(float(flag), device=self.device)
        distributed.all_reduce(flags)
        return bool(flags > 0)
