"""What a long command will take: time, memory and disk, told before it starts."""

from __future__ import annotations

import shutil
import sys
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from anofpdm.common.quantities import range_in_words, size_in_words


@dataclass(frozen=True)
class Cost:
    """What a command is expected to take, beside whatever else runs on the machine.

    Attributes
    ----------
    work : str
        What was looked at, such as "300 steps of 16 slices on cpu".
    seconds : tuple of float, or None
        The least and the most, from what was measured; None where nothing could be.
    basis : str
        What the time was measured on, or why it was not.
    memory_bytes : int
        Memory of the device at its fullest.
    device : str
        The device whose memory that is.
    disk_bytes : int
        What the results take, and what is written on the way to them.
    problems : tuple of str
        What stands against the start, one sentence each.
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
        """The same as JSON values."""
        values = asdict(self)
        return {**values, "problems": list(self.problems), "words": self.words}

    @property
    def words(self) -> str:
        """Three lines for people; `problems` are told apart."""
        time = "unknown" if self.seconds is None else range_in_words(*self.seconds)
        whose = "" if self.device == "cpu" else f" of {self.device}"
        return (
            f"Time: {time} for {self.work} ({self.basis})\n"
            f"Memory: about {size_in_words(self.memory_bytes)}{whose}\n"
            f"Disk: about {size_in_words(self.disk_bytes)}"
        )


def disk_problems(target: Path, needed: int) -> list[str]:
    """Return a sentence where the disk of a path to be written has less free than is needed."""
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
    """Return a sentence where a device has less memory free than is needed."""
    from anofpdm.common.device import free_bytes

    free = free_bytes(device)
    if free >= needed:
        return []
    return [
        f"The command needs about {size_in_words(needed)} of memory, but {device} has only "
        f"{size_in_words(free)} free; {remedy}."
    ]


def held_bytes(device: str) -> int:
    """Return the most memory of a device that this process has held so far."""
    import torch

    if device.startswith("cuda"):
        return int(torch.cuda.max_memory_reserved(device))
    return int(torch.mps.driver_allocated_memory()) if device == "mps" else peak_bytes()


def peak_bytes() -> int:
    """Return the most memory of the machine that this process has held so far."""
    if sys.platform == "win32":
        import psutil

        return int(psutil.Process().memory_info().peak_wset)
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else 1024 * peak
