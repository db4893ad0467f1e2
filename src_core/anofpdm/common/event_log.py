"""The event log of a run or job: one JSON object per line."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Final

from anofpdm.common.errors import OutputError

EVENTS: Final = "events.jsonl"


class EventLog:
    """Appends JSON lines to events.jsonl.

    Parameters
    ----------
    folder : Path
        Of a training run or a job.
    """

    def __init__(self, folder: Path) -> None:
        self._path = folder / EVENTS
        # A process killed while writing leaves half a line; start the next one on a new line.
        self._torn = self._path.exists() and self._path.read_bytes()[-1:] not in (b"", b"\n")

    def write(self, event: str, **values: Any) -> None:
        """Append one complete line.

        Raises
        ------
        OutputError
            When the disk is full or protected.
        """
        line = json.dumps({"event": event, **values})
        try:
            with self._path.open("a", encoding="utf-8") as file:
                file.write("\n" * self._torn + line + "\n")
        except OSError as error:
            raise OutputError(
                f"{self._path} cannot be written ({error.strerror}); free some space and resume."
            ) from error
        self._torn = False
