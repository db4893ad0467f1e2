"""The process of a job: who it is, and whether it still lives."""

from __future__ import annotations

import json
import os
import socket
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

import psutil

from anofpdm.common.atomic import atomic_path

PROCESS: Final = "process.json"
_CLOCK_TOLERANCE = 2.0  # s; some systems derive start times from a boot time that is corrected


@dataclass(frozen=True)
class ProcessMark:
    """A process, identified by its number and start time.

    Attributes
    ----------
    pid : int
    started : float
        Seconds since 1970.
    host : str
        The machine.
    """

    pid: int
    started: float
    host: str

    @classmethod
    def of(cls, pid: int) -> ProcessMark:
        """Mark a process of this machine.

        Raises
        ------
        psutil.NoSuchProcess
            When it has ended.
        """
        return cls(pid, psutil.Process(pid).create_time(), socket.gethostname())

    @property
    def here(self) -> bool:
        """Whether it is a process of this machine."""
        return self.host == socket.gethostname()

    def process(self) -> psutil.Process | None:
        """Return the process if it lives; None also where it ended and was not yet buried."""
        try:
            found = psutil.Process(self.pid)
            same = abs(found.create_time() - self.started) < _CLOCK_TOLERANCE
            return found if same and found.status() != psutil.STATUS_ZOMBIE else None
        except psutil.NoSuchProcess:
            return None

    @property
    def alive(self) -> bool:
        """Whether it is running; a process on another machine is assumed to be."""
        return not self.here or self.process() is not None


def write_mark(folder: Path, mark: ProcessMark) -> None:
    """Note a job's process in its folder."""
    with atomic_path(folder / PROCESS, overwrite=True) as pending:
        pending.write_text(json.dumps(asdict(mark)) + "\n", encoding="utf-8")


def own_mark() -> ProcessMark:
    """Mark this process."""
    return ProcessMark.of(os.getpid())


def read_mark(folder: Path) -> ProcessMark | None:
    """Return a job's process; None where none was noted, or the note is damaged."""
    try:
        return ProcessMark(**json.loads((folder / PROCESS).read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return None
