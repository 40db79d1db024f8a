"""A device that this machine does not have, played on its CPU: what forgets to move a tensor fails as it does there.

Its tensors say that they are on the device "meta", and keep their numbers on the CPU. Two devices in one operation, and
float64, which MPS does not have, are refused. (What each device computes in its own way, this cannot tell.)
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves, tree_map_only

DEVICE = torch.device("meta")
MOVES = ("aten._to_copy", "aten.copy_")
READS = ("aten._local_scalar_dense", "aten.item", "aten.is_nonzero", "aten.equal", "aten.nonzero")


class Away(Tensor):
    """A tensor there; `here` has its numbers."""

    here: Tensor

    @staticmethod
    def __new__(cls, here: Tensor) -> Away:
        assert here.device.type == "cpu"
        like = {"strides": here.stride(), "storage_offset": here.storage_offset(), "dtype": here.dtype}
        away: Away = torch.Tensor._make_wrapper_subclass(cls, here.shape, device=DEVICE, **like)  # type: ignore[attr-defined]
        away.here = here
        return away

    @classmethod
    def __torch_dispatch__(cls, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        raise AssertionError(f"{func} is asked of a device that is not played any more")


class _Operations(TorchDispatchMode):
    """Does every operation on the CPU, and gives what it makes to the device that it would be on."""

    def __init__(self) -> None:
        super().__init__()
        self.reads: list[str] = []  # for which the host waited

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        name, kwargs = str(func), kwargs or {}
        tensors = [leaf for leaf in tree_leaves((args, kwargs)) if isinstance(leaf, Tensor)]
        away = [tensor for tensor in tensors if isinstance(tensor, Away)]
        there = bool(away)
        if not name.startswith(MOVES):
            mixed = any(tensor.dim() and not isinstance(tensor, Away) for tensor in tensors)
            assert not (away and mixed), f"two devices in {name}: {[tuple(tensor.shape) for tensor in tensors]}"
            assert not any(tensor.dtype == torch.float64 for tensor in away), f"float64 in {name}"
        if away and name.startswith(READS):
            self.reads.append(name)
        if kwargs.get("device") is not None:
            there = torch.device(kwargs["device"]) == DEVICE
            kwargs = {**kwargs, "device": torch.device("cpu")}
        elif name.startswith("aten.copy_"):
            there = isinstance(args[0], Away)
        before = {id(tensor.here): tensor for tensor in away}
        args, kwargs = tree_map_only(Away, lambda tensor: tensor.here, (args, kwargs))
        made = func(*args, **kwargs)
        if not there:
            return made
        return tree_map_only(Tensor, lambda here: before[id(here)] if id(here) in before else Away(here), made)


class _Makers(TorchFunctionMode):
    """What torch makes of lists for the device "meta" has no numbers: it is made here, and moved."""

    def __torch_function__(self, func: Callable[..., Any], types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = dict(kwargs or {})
        if func is torch.tensor and torch.device(kwargs.get("device") or "cpu") == DEVICE:
            return func(*args, **{**kwargs, "device": "cpu"}).to(DEVICE)
        if func is torch.as_tensor and isinstance(args[0], Away) and not kwargs:
            return args[0]
        return func(*args, **kwargs)


@contextmanager
def elsewhere() -> Iterator[list[str]]:
    """The device "meta" is such a device, meanwhile; gives the reads for which the host waited."""
    with _Operations() as operations, _Makers():
        yield operations.reads
