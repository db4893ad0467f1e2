"""Tasks and work for tests of executors, in a module that worker processes can import."""

from __future__ import annotations

import os
import signal
from dataclasses import dataclass

from anofpdm.common.errors import VolumeError


@dataclass(frozen=True)
class NamedTask:
    name: str


def shout(task: NamedTask) -> str:
    """Return the name in capitals; "bad" fails and "poison" kills its process."""
    if task.name == "bad":
        raise VolumeError("bad.nii is broken")
    if task.name == "poison":
        os.kill(os.getpid(), signal.SIGKILL)
    return task.name.upper()
