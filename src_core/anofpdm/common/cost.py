"""Cost estimate of a long command: time, memory and disk space."""

from __future__ import annotations

import shutil
import sys
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from anofpdm.common.quantities import range_in_words, size_in_words

# The machine's load changes after a short measurement; other work shares it with long commands.
_MARGIN = 1.25


@dataclass(frozen=True)
class Cost:
    """Expected cost of a command under the machine's current load.

    Attributes
    ----------
    work : str
        The work, such as "300 steps of 16 slices on cpu".
    seconds : tuple of float, or None
        Lower and upper estimate; None if nothing could be measured.
    basis : str
        How the time was measured, or why it was not.
    memory_bytes : int
        Peak memory on the device.
    device : str
        The device that uses the memory.
    disk_bytes : int
        Disk space for the results and intermediate files.
    problems : tuple of str
        Problems that prevent the start, one sentence each.
    """

    work: str
    seconds: tuple[float, float] | None
    basis: str
    memory_bytes: int
    device: str
    disk_bytes: int
    problems: tuple[str, ...] = ()

    @property
    def payload(self) -> dict[str, Any]:
        """The estimate as JSON values."""
        values = asdict(self)
        return {**values, "problems": list(self.problems), "words": self.words}

    @property
    def words(self) -> str:
        """Three readable lines, without `problems`."""
        time = "unknown" if self.seconds is None else range_in_words(*self.seconds)
        whose = "" if self.device == "cpu" else f" of {self.device}"
        return (
            f"Time: {time} for {self.work} ({self.basis})\n"
            f"Memory: about {size_in_words(self.memory_bytes)}{whose}\n"
            f"Disk: about {size_in_words(self.disk_bytes)}"
        )


def measured_range(least: float, most: float) -> tuple[float, float]:
    """Widen a time that a short measurement predicts, lower and upper, by 1.25 each way."""
    return least / _MARGIN, most * _MARGIN


def disk_problems(target: Path, needed: int) -> list[str]:
    """Return a sentence if the disk of an output path has too little free space."""
    folder = target.absolute()
    while not folder.exists() and folder != folder.parent:
        folder = folder.parent
    free = shutil.disk_usage(folder).free
    if free >= needed:
        return []
    return [
        f"{target} needs about {size_in_words(needed)}, but its disk has only "
        f"{size_in_words(free)} free; free some space or choose another disk."
    ]


def memory_problems(device: str, needed: int, remedy: str) -> list[str]:
    """Return a sentence if a device has too little free memory."""
    from anofpdm.common.device import free_bytes

    free = free_bytes(device)
    if free >= needed:
        return []
    return [
        f"The command needs about {size_in_words(needed)} of memory, but {device} has only "
        f"{size_in_words(free)} free; {remedy}."
    ]


def held_bytes(device: str) -> int:
    """Return this process's peak memory on a device."""
    import torch

    if device.startswith("cuda"):
        return int(torch.cuda.max_memory_reserved(device))
    return int(torch.mps.driver_allocated_memory()) if device == "mps" else peak_bytes()


def peak_bytes() -> int:
    """Return this process's peak memory on the machine."""
    if sys.platform == "win32":
        import psutil

        return int(psutil.Process().memory_info().peak_wset)
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else 1024 * peak
