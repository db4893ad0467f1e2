"""The process of a job: who it is, and whether it still lives."""

from __future__ import annotations

import functools
import json
import math
import os
import socket
import sys
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

import psutil

from anofpdm.common.atomic import atomic_path
from anofpdm.common.errors import JobError
from anofpdm.common.reading import reading
from anofpdm.jobs.own_files import own_bytes

PROCESS: Final = "process.json"
_START_TOLERANCE = 2.0
"""Seconds. Outside Linux the system keeps start times in wall time, which is rounded, and which
some versions of psutil correct."""
_START_FIELD = 19  # of /proc/PID/stat, counted from the state, which follows the name
_MOST_BYTES = 1 << 16


@dataclass(frozen=True)
class ProcessMark:
    """A process, identified by its number and its start, whatever the clock is set to.

    Attributes
    ----------
    pid : int
    started : float
        Linux: clock ticks since the system was started. Elsewhere: seconds since 1970.
    boot : str
        Linux: the run of the system since it was last started, and the namespace of `pid`.
        Elsewhere "".
    host : str
        The machine.
    """

    pid: int
    started: float
    boot: str
    host: str

    @classmethod
    def of(cls, pid: int) -> ProcessMark:
        """Mark a process of this machine.

        Raises
        ------
        psutil.NoSuchProcess
            When it has ended.
        """
        return cls(pid, _start_of(pid), _boot(), socket.gethostname())

    @property
    def here(self) -> bool:
        """Whether it is a process of this machine, which may have got another name."""
        return self.host == socket.gethostname() or bool(self.boot and self.boot == _boot())

    def process(self) -> psutil.Process | None:
        """Return the process if it lives; None also where it ended and was not yet buried."""
        if self.boot != _boot():
            return None
        tolerance = 0.0 if self.boot else _START_TOLERANCE
        try:
            if abs(_start_of(self.pid) - self.started) > tolerance:
                return None
            found = psutil.Process(self.pid)
            return found if found.status() != psutil.STATUS_ZOMBIE else None
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
    path = folder / PROCESS
    try:
        with reading(path, JobError):
            return _mark(json.loads(own_bytes(path, limit=_MOST_BYTES)))
    except JobError:
        return None


def _mark(values: dict[str, Any]) -> ProcessMark:
    mark = ProcessMark(**values)
    numbers = type(mark.pid) is int and type(mark.started) in (int, float)
    if not numbers or not 0 < mark.pid < 1 << 31 or not math.isfinite(mark.started):
        raise ValueError("no process has such a number or start")
    if type(mark.boot) is not str or type(mark.host) is not str:
        raise TypeError("the machine is no text")
    return mark


def _start_of(pid: int) -> float:
    if sys.platform != "linux":
        return float(psutil.Process(pid).create_time())
    try:
        content = Path(f"/proc/{pid}/stat").read_bytes()
    except (FileNotFoundError, ProcessLookupError) as error:
        raise psutil.NoSuchProcess(pid) from error
    # The name, in parentheses, may hold blanks and parentheses.
    return float(content.rpartition(b")")[2].split()[_START_FIELD])


@functools.cache
def _boot() -> str:
    if sys.platform != "linux":
        return ""
    system = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    return f"{system} {Path('/proc/self/ns/pid').readlink()}"
