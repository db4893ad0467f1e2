"""Progress of a command, as displayed, recorded and read back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from math import isfinite
from typing import Any, Self

from anofpdm.common.progress import Progress

_MOST_STEPS = 1 << 53


@dataclass(frozen=True)
class JobProgress(Progress):
    """Progress of a command, with its measurements.

    Attributes
    ----------
    detail : str
        What else is worth showing, such as the speed.
    values : mapping of str to float
        What is measured at this step, for curves.
    by_guidance : sequence of (float, float)
        Guidance and accuracy so far of each candidate: a whole curve.
    """

    detail: str = ""
    values: Mapping[str, float] = field(default_factory=dict)
    by_guidance: Sequence[tuple[float, float]] = ()

    @classmethod
    def of(
        cls, progress: Progress, detail: str = "", values: Mapping[str, float] | None = None
    ) -> Self:
        """Return the progress of some work as that of the command that does it."""
        return cls(
            progress.stage,
            progress.done,
            progress.total,
            progress.speed,
            progress.seconds_left,
            detail,
            values or {},
        )

    @property
    def event(self) -> dict[str, Any]:
        """The report as JSON values."""
        return {
            "stage": self.stage,
            "done": self.done,
            "total": self.total,
            "seconds_left": self.seconds_left,
            "detail": self.detail,
            "values": dict(self.values),
            "by_guidance": list(self.by_guidance),
        }

    @classmethod
    def of_event(cls, event: Mapping[str, Any]) -> Self:
        """Read a report again.

        Raises
        ------
        KeyError, TypeError, ValueError, OverflowError
            When `event` is none.
        """
        # Earlier versions noted neither the time left nor accuracies by guidance.
        left = event.get("seconds_left")
        done, total = int(event["done"]), int(event["total"])
        if not (0 <= done <= _MOST_STEPS and 0 <= total <= _MOST_STEPS):
            raise ValueError(f"{done} of {total} are no steps")
        values = {str(name): float(value) for name, value in dict(event["values"]).items()}
        points = tuple((float(w), float(a)) for w, a in event.get("by_guidance", ()))
        return cls(
            stage=str(event["stage"]),
            done=done,
            total=total,
            seconds_left=None if left is None or not isfinite(left) else float(left),
            detail=str(event["detail"]),
            values={name: value for name, value in values.items() if isfinite(value)},
            by_guidance=tuple(point for point in points if all(map(isfinite, point))),
        )
