"""Tasks and work for tests of executors, in a module that worker processes can import."""

from __future__ import annotations

import os
import signal
import threading
from dataclasses import dataclass
from pathlib import Path

from anofpdm.common.errors import VolumeError


@dataclass(frozen=True)
class NamedTask:
    name: str
    finished: Path | None = None


def profiled(task: NamedTask) -> bool:
    """Tell whether Dask's profiler runs in this worker."""
    from distributed import get_worker

    return "profile" in get_worker().periodic_callbacks


def shout(task: NamedTask) -> str:
    """Return the name in capitals; "bad" fails, "poison" kills its process, "slow" takes 30 s."""
    if task.name == "bad":
        raise VolumeError("bad.nii is broken")
    if task.name == "poison":
        os.kill(os.getpid(), signal.SIGKILL)
    if task.name == "slow":
        threading.Event().wait(30)
    if task.finished is not None:
        task.finished.touch()
    return task.name.upper()
