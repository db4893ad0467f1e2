"""End a job's processes: asked first, so that training saves, then by force."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import psutil

from anofpdm.common.errors import JobError
from anofpdm.jobs.process import read_mark
from anofpdm.jobs.start import reap
from anofpdm.jobs.state import JobState, state_of, write_state, written_state

PATIENCE = 120.0
"""Seconds that a job gets to save what it has."""


class Stop:
    """A job on its way to its end; made by asking it to stop.

    Parameters
    ----------
    folder : Path
        The job's.
    patience : float
        Seconds after which it is ended by force.
    clock : callable
        Seconds, monotonic.

    Raises
    ------
    JobError
        When no process of this machine is at work on it.
    """

    def __init__(
        self,
        folder: Path,
        patience: float = PATIENCE,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._folder, self._clock = folder, clock
        state, mark = state_of(folder), read_mark(folder)
        if not state.live:
            raise JobError(f"The job {folder.name} is not running; it is {state.status}.")
        if mark is None:
            raise JobError(f"The job {folder.name} is still starting; try again in a moment.")
        if not mark.here:
            raise JobError(f"The job {folder.name} runs on {mark.host}; stop it there.")
        self._root = mark.process()
        self._tree: list[psutil.Process] = []
        self._end = clock() + patience
        self._forced = False
        self._note_children()
        if self._root is not None:
            with suppress(psutil.NoSuchProcess):
                self._root.terminate()

    def over(self) -> bool:
        """Whether all processes have ended; kill them once the patience has expired."""
        reap()
        self._note_children()
        if self._lives(self._root):
            if self._clock() < self._end:
                return False
            self._forced = True
        # Orphans of a job that has ended in good order have nothing left to save.
        for process in (self._root, *self._tree):
            if process is not None:
                with suppress(psutil.NoSuchProcess):
                    process.kill()
        if any(self._lives(process) for process in (self._root, *self._tree)):
            return False
        self._last_word()
        return True

    def wait(self, sleep: Callable[[float], None] = time.sleep) -> None:
        """Return when it is over."""
        while not self.over():
            sleep(0.1)

    def _note_children(self) -> None:
        if self._root is not None:
            with suppress(psutil.NoSuchProcess):
                known = set(self._tree)
                self._tree += set(self._root.children(recursive=True)) - known

    def _last_word(self) -> None:
        try:
            state = written_state(self._folder)
        except JobError:
            state = JobState("running", attempts=1)
        if state.live:
            how = "Killed; its saved state is kept" if self._forced else "Stopped before it began"
            write_state(
                self._folder,
                replace(state, status="stopped", message=f"{how}. Resume the job to continue."),
            )

    @staticmethod
    def _lives(process: psutil.Process | None) -> bool:
        if process is None:
            return False
        try:
            return bool(process.is_running() and process.status() != psutil.STATUS_ZOMBIE)
        except psutil.NoSuchProcess:
            return False
