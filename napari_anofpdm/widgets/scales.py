"""Scales: the position of a value along a slider."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Protocol


class Scale(Protocol):
    """Maps a value to a position on a slider, 0..1, and back; values are clipped to the ends."""

    def place(self, value: float) -> float:
        """Return the position of a value, 0..1."""

    def value(self, place: float) -> float:
        """Return the value at a position, rounded to the precision of a slider."""


@dataclass(frozen=True)
class LinearScale:
    """Scale with equal steps.

    Attributes
    ----------
    low, high : float
        The values at the ends.
    step : float
        Values are whole numbers of steps above `low`.
    """

    low: float
    high: float
    step: float

    def place(self, value: float) -> float:
        """Return the position of a value, 0..1."""
        return min(max((value - self.low) / (self.high - self.low), 0.0), 1.0)

    def value(self, place: float) -> float:
        """Return the value at a position, a whole number of steps above `low`."""
        steps = round(place * (self.high - self.low) / self.step)
        return round(min(self.low + steps * self.step, self.high), 10)


@dataclass(frozen=True)
class LogScale:
    """Scale that is logarithmic above `knee` and linear below it, so that it includes 0.

    Attributes
    ----------
    knee : float
        The smallest value that matters.
    high : float
        The value at the upper end; the lower end is 0.
    """

    knee: float
    high: float

    def place(self, value: float) -> float:
        """Return the position of a value, 0..1."""
        held = min(max(value, 0.0), self.high)
        return math.log1p(held / self.knee) / math.log1p(self.high / self.knee)

    def value(self, place: float) -> float:
        """Return the value at a position, with two significant digits."""
        exact = self.knee * math.expm1(place * math.log1p(self.high / self.knee))
        return 0.0 if exact < self.knee / 100 else min(float(f"{exact:.2g}"), self.high)


@dataclass(frozen=True)
class NearOneScale:
    """Scale that is logarithmic in the distance from 1, for quantiles and cosines.

    Attributes
    ----------
    knee : float
        The smallest distance from 1 that matters.
    low : float
        The value at the lower end; the upper end is 1.
    """

    knee: float
    low: float

    def place(self, value: float) -> float:
        """Return the position of a value, 0..1."""
        return 1.0 - self._distance.place(1.0 - value)

    def value(self, place: float) -> float:
        """Return the value at a position; its distance from 1 has two significant digits."""
        return round(1.0 - self._distance.value(1.0 - place), 10)

    @property
    def _distance(self) -> LogScale:
        return LogScale(self.knee, 1.0 - self.low)
