"""How far a training run has come: the record for callbacks, and the event log."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

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

    def write(self, event: str, **values: Any) -> None:
        """Append one line, whole, so that a reader never meets half of it for long."""
        line = json.dumps({"event": event, **values})
        with self._path.open("a", encoding="utf-8") as file:
            file.write(line + "\n")


def moving(average: float | None, value: float, memory: float) -> float:
    """Return the exponential moving average after one more value."""
    return value if average is None else memory * average + (1 - memory) * value
