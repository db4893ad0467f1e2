"""The processes that share a run: one, or the several that torchrun started."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, TypeVar

import torch
from torch import Tensor, distributed, nn
from torch.nn.parallel import DistributedDataParallel

from anofpdm.common.errors import AnofpdmError, DeviceError
from anofpdm.common.processes.worker_processes import in_process_group

T = TypeVar("T")

# The others wait while the first process measures held-out slices and writes a checkpoint.
PATIENCE = timedelta(hours=1)


@dataclass(frozen=True)
class Processes:
    """Place of this process among those that share a run.

    Every method must be called in all processes, because each waits for the others.

    Attributes
    ----------
    rank : int
        0 for the first, which alone writes.
    count : int
        Total number of processes on all machines.
    device : torch.device
        Where this one trains.
    """

    rank: int
    count: int
    device: torch.device

    @classmethod
    def alone(cls, device: torch.device) -> Processes:
        """Return the place of a process that has a run to itself."""
        return cls(0, 1, device)

    @property
    def first(self) -> bool:
        """Whether this process writes."""
        return self.rank == 0

    def share(self, size: int) -> slice:
        """Return this process's part of `size` items; parts differ by one item at most."""
        return slice(size * self.rank // self.count, size * (self.rank + 1) // self.count)

    def wrapped(self, network: nn.Module) -> DistributedDataParallel | None:
        """Wrap a network so that its gradients are averaged; None if there is only one process."""
        if self.count == 1:
            return None
        return DistributedDataParallel(
            network,
            device_ids=[self.device] if self.device.type == "cuda" else None,
            gradient_as_bucket_view=True,
        )

    def total(self, value: Tensor) -> Tensor:
        """Sum of a tensor over the processes."""
        if self.count > 1:
            value = value.clone()
            distributed.all_reduce(value)
        return value

    def largest(self, value: float) -> float:
        """Largest of a number over the processes."""
        if self.count == 1:
            return value
        held = torch.tensor(value, dtype=torch.float64, device=self.device)
        distributed.all_reduce(held, distributed.ReduceOp.MAX)
        return float(held)

    def any(self, flag: bool) -> bool:
        """Whether a flag is set in at least one process."""
        return self.largest(float(flag)) > 0

    def from_first(self, work: Callable[[], T]) -> T:
        """Let the first process work, and hand its result, or its error, to all.

        Raises
        ------
        AnofpdmError
            In all processes, what `work` raised in the first.
        """
        if self.count == 1:
            return work()
        outcome: list[Any] = [None, None]
        if self.first:
            try:
                outcome[0] = work()
            except AnofpdmError as error:
                outcome[1] = error
        distributed.broadcast_object_list(outcome, src=0, device=self.device)
        if outcome[1] is not None:
            raise outcome[1]
        result: T = outcome[0]
        return result


@contextmanager
def joined(device: torch.device) -> Iterator[Processes]:
    """Join the processes that torchrun started; without it, yield the one there is.

    Where the caller has made a process group already, that one is used and left as it is.

    Parameters
    ----------
    device : torch.device
        Where to train; "cuda" without an index becomes this process's own GPU.

    Raises
    ------
    DeviceError
        When a machine has fewer GPUs than processes, or the device cannot be shared.
    """
    count = int(os.environ.get("WORLD_SIZE", "1"))
    given = distributed.is_available() and distributed.is_initialized()
    if not given and not in_process_group():
        yield Processes.alone(device)
        return
    device = _own_device(device, int(os.environ.get("LOCAL_RANK", "0")))
    if given:
        yield Processes(distributed.get_rank(), distributed.get_world_size(), device)
        return
    distributed.init_process_group("nccl" if device.type == "cuda" else "gloo", timeout=PATIENCE)
    try:
        yield Processes(distributed.get_rank(), count, device)
    finally:
        distributed.destroy_process_group()


def check_processes(count: int, device: str) -> None:
    """Check that several processes can share a run on this machine.

    Raises
    ------
    DeviceError
        When the device cannot be shared, or there are too few GPUs.
    """
    if count == 1 or device == "cpu":
        return
    _check_shareable(torch.device(device))
    found = torch.cuda.device_count()
    if count > found:
        raise DeviceError(
            f"{count} processes need {count} GPUs, but this machine has {found}; use "
            f"--processes {max(found, 1)}."
        )


def _check_shareable(device: torch.device) -> None:
    if device.type not in ("cpu", "cuda"):
        raise DeviceError(
            f"Several processes cannot share a run on {device.type}; choose cpu or cuda, or use "
            "one process."
        )


def _own_device(device: torch.device, local_rank: int) -> torch.device:
    _check_shareable(device)
    if device.type == "cpu":
        return device
    found = torch.cuda.device_count()
    if local_rank >= found:
        raise DeviceError(
            f"torchrun started more processes than this machine has GPUs ({found}); use "
            f"--nproc-per-node {found}."
        )
    own = torch.device("cuda", local_rank)
    torch.cuda.set_device(own)
    return own
