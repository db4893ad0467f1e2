"""Tasks that were begun: what a killed process was at work on, and how often."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

from anofpdm.common.atomic import cannot_write

MOST_TRIES: Final = 2
"""A task whose process was killed so often is set aside."""


class Tries:
    """Notes of the tasks that are at work, one small file each.

    A process that ends removes the note of its task, however that ended; one that is killed
    leaves it behind, with the number of tries.

    Parameters
    ----------
    folder : Path
        Shared by all processes that work on the tasks.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def count(self, name: str) -> int:
        """How many tries of a task have ended with the death of their process, or run now."""
        try:
            return int(self._note(name).read_text(encoding="ascii"))
        except (OSError, ValueError):
            return 0

    @contextmanager
    def one_more(self, name: str) -> Iterator[int]:
        """Note a try of a task while the block runs, and yield its number.

        Raises
        ------
        OutputError
            When the note cannot be written.
        """
        number = self.count(name) + 1
        note = self._note(name)
        with cannot_write(note):
            self._folder.mkdir(parents=True, exist_ok=True)
            note.write_text(str(number), encoding="ascii")
        try:
            yield number
        finally:
            self.forget(name)

    def forget(self, name: str) -> None:
        """Remove the note of a task: its process was not killed by it."""
        with suppress(OSError):
            self._note(name).unlink()

    def _note(self, name: str) -> Path:
        return self._folder / hashlib.sha256(name.encode()).hexdigest()[:24]
