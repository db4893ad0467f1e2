"""How far a training run has come: the record for callbacks, and the event log."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from anofpdm.errors import OutputError

LOSS_MEMORY = 0.99
SPEED_MEMORY = 0.9


@dataclass(frozen=True)
class TrainingProgress:
    """State of a run after a step.

    Attributes
    ----------
    step, steps : int
        Steps done, and to be done in all.
    loss : float
        Moving average of the training loss.
    lr : float
        Learning rate of the step.
    images_per_second : float
        Recent speed.
    elapsed_seconds, seconds_left : float
        Training time of all sessions together, and the estimate of what remains.
    validation : dict, optional
        Held-out losses, in the steps that measured them (see `HeldOutLoss`).
    """

    step: int
    steps: int
    loss: float
    lr: float
    images_per_second: float
    elapsed_seconds: float
    seconds_left: float
    validation: dict[str, list[float]] | None = None


class EventLog:
    """Appends JSON lines to `events.jsonl`.

    Parameters
    ----------
    run : Path
        The run's folder.
    """

    def __init__(self, run: Path) -> None:
        self._path = run / "events.jsonl"
        # A process killed while it wrote leaves half a line; the next must not be glued to it.
        self._torn = self._path.exists() and self._path.read_bytes()[-1:] not in (b"", b"\n")

    def write(self, event: str, **values: Any) -> None:
        """Append one line, whole, so that a reader never meets half of it for long.

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
                f"{self._path} cannot be written ({error.strerror}); make room and resume the run."
            ) from error
        self._torn = False


def held_out_mean(validation: dict[str, list[float]]) -> float:
    """Mean over the quartiles of the held-out loss with true labels; it decides what is best."""
    return sum(validation["label"]) / len(validation["label"])


def moving(average: float | None, value: float, memory: float) -> float:
    """Return the exponential moving average after one more value."""
    return value if average is None else memory * average + (1 - memory) * value
