"""Wait for the process of a job."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

import psutil

from anofpdm.jobs.process import read_mark
from anofpdm.jobs.state import JobState, state_of

_PATIENCE_SECONDS = 240


def state_at_end(folder: Path) -> JobState:
    """Wait until a job that was started has no process any more; return how it ended."""
    mark = read_mark(folder)
    if mark is not None:
        with suppress(psutil.NoSuchProcess):
            psutil.Process(mark.pid).wait(_PATIENCE_SECONDS)
    state = state_of(folder)
    assert not state.live, state
    return state
