"""Scales: where a value lies along its slider."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Protocol


class Scale(Protocol):
    """Between a value and its place on a slider, 0..1; values beyond the ends are held there."""

    def place(self, value: float) -> float:
        """Place of a value, 0..1."""

    def value(self, place: float) -> float:
        """Value at a place, rounded as finely as a hand can aim."""


@dataclass(frozen=True)
class LinearScale:
    """Equal steps.

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
        """Place of a value, 0..1."""
        return min(max((value - self.low) / (self.high - self.low), 0.0), 1.0)

    def value(self, place: float) -> float:
        """Value at a place, on a whole number of steps."""
        steps = round(place * (self.high - self.low) / self.step)
        return round(min(self.low + steps * self.step, self.high), 10)


@dataclass(frozen=True)
class LogScale:
    """Logarithmic above `knee` and linear below it, so that 0 has a place.

    Attributes
    ----------
    knee : float
        The value of the finest meaning.
    high : float
        The value at the upper end; 0 is at the lower one.
    """

    knee: float
    high: float

    def place(self, value: float) -> float:
        """Place of a value, 0..1."""
        held = min(max(value, 0.0), self.high)
        return math.log1p(held / self.knee) / math.log1p(self.high / self.knee)

    def value(self, place: float) -> float:
        """Value at a place, with two significant digits."""
        exact = self.knee * math.expm1(place * math.log1p(self.high / self.knee))
        return 0.0 if exact < self.knee / 100 else min(float(f"{exact:.2g}"), self.high)


@dataclass(frozen=True)
class NearOneScale:
    """Logarithmic in the distance from 1: for quantiles and cosines, which matter close to 1.

    Attributes
    ----------
    knee : float
        The distance from 1 of the finest meaning.
    low : float
        The value at the lower end; 1 is at the upper one.
    """

    knee: float
    low: float

    def place(self, value: float) -> float:
        """Place of a value, 0..1."""
        return 1.0 - self._distance.place(1.0 - value)

    def value(self, place: float) -> float:
        """Value at a place; its distance from 1 has two significant digits."""
        return round(1.0 - self._distance.value(1.0 - place), 10)

    @property
    def _distance(self) -> LogScale:
        return LogScale(self.knee, 1.0 - self.low)
