"""The output folder of a cohort: its hidden state, and who may work in it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from anofpdm.cohorts.shards import Part
from anofpdm.common.atomic import cannot_write
from anofpdm.common.errors import OutputError
from anofpdm.common.folder_lock import LOCK_NAME, hold

if TYPE_CHECKING:
    from filelock import BaseFileLock

STATE_FOLDER = ".cohort"
_PATIENCE_SECONDS = 10.0
"""Shards look for a moment whether the whole folder is held; they wait for each other's look."""


@dataclass(frozen=True)
class Place:
    """Where a run keeps its state.

    Attributes
    ----------
    root : Path
        The output folder.
    part : Part or None
        Which part of the cohort the run works on; None for all of it.
    """

    root: Path
    part: Part | None = None

    @property
    def state(self) -> Path:
        """Folder of the state that all runs share."""
        return self.root / STATE_FOLDER

    @property
    def tables(self) -> Path:
        """Folder of the run's tables: the output folder, or one of the part's own."""
        return self.root if self.part is None else shards_folder(self.root) / self.part.folder

    @property
    def tries(self) -> Path:
        """Folder of the notes of scans at work."""
        return self.state / "tries"

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Refuse other runs on the same scans while the block runs.

        A run on the whole cohort refuses all others; parts of one division refuse only
        themselves. Locks end with their process.

        Raises
        ------
        OutputError
            When another run is at work, or the folder cannot be written.
        """
        with cannot_write(self.root):
            self.state.mkdir(parents=True, exist_ok=True)
            self.tables.mkdir(parents=True, exist_ok=True)
        with ExitStack() as stack:
            whole = self.state / LOCK_NAME
            if self.part is None:
                self._hold(stack, whole)
                for folder in shards_folder(self.root).glob("*"):
                    self._look(folder / LOCK_NAME)
            else:
                self._hold(stack, self.tables / LOCK_NAME)
                self._look(whole, _PATIENCE_SECONDS)
                for folder in shards_folder(self.root).glob("*"):
                    if not folder.name.endswith(self.part.division):
                        self._look(folder / LOCK_NAME)
            yield

    def _hold(self, stack: ExitStack, path: Path) -> None:
        stack.callback(self._locked(path).release)

    def _look(self, path: Path, seconds: float = 0.0) -> None:
        self._locked(path, seconds).release()

    def _locked(self, path: Path, seconds: float = 0.0) -> BaseFileLock:
        lock = hold(path, seconds=seconds)
        if lock is None:
            raise OutputError(
                f"Another process is segmenting a cohort into {self.root}; wait for it to end, or "
                "choose another folder."
            )
        return lock


def shards_folder(root: Path) -> Path:
    """Folder of what shards write for themselves."""
    return root / STATE_FOLDER / "shards"
