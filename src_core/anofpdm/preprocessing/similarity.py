"""Do two scans on one grid show the same head? Mutual information against that of shifted scans."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product

import numpy as np
from numpy.typing import NDArray

_BINS = 32
# Shifts by a sixth and a quarter of the field take anatomy off itself, and keep its smoothness.
_SHIFTS = (-0.25, -1 / 6, 1 / 6, 0.25)
_LEAST_RATIO = 1.5


@dataclass(frozen=True)
class SimilarityTest:
    """Mutual information, and what chance would give.

    Attributes
    ----------
    value : float
        Of the scans as they lie, in nats.
    by_chance : float
        Largest of the scans shifted along one axis or two.
    """

    value: float
    by_chance: float

    @property
    def passed(self) -> bool:
        """Whether the scans fit clearly better than by chance."""
        return self.value > _LEAST_RATIO * self.by_chance

    @property
    def words(self) -> str:
        """Both figures."""
        return f"mutual information {self.value:.3f}, shifted {self.by_chance:.3f}"


def compare(
    first: NDArray[np.floating], second: NDArray[np.floating], inside: NDArray[np.bool_]
) -> SimilarityTest:
    """Compare two arrays of one shape where `inside` is true.

    Both the scans as they lie and the shifted ones are compared inside alone, so that a head on
    empty ground counts no agreement of ground with ground.
    """
    box = tuple(
        slice(int(where.min()), int(where.max()) + 1) if len(where) else slice(0, 1)
        for where in (
            np.flatnonzero(inside.any(axis=tuple({0, 1, 2} - {axis}))) for axis in range(3)
        )
    )
    first, second, inside = first[box], second[box], inside[box]
    a = _binned(first, inside)
    b = _binned(second, inside)
    value = mutual_information(a[inside], b[inside])
    shifts = [
        (round(x * a.shape[0]), round(y * a.shape[1]), 0)
        for x, y in product((*_SHIFTS, 0.0), repeat=2)
        if x or y
    ]
    chance = max(
        mutual_information(a[inside], np.roll(b, shift, axis=(0, 1, 2))[inside]) for shift in shifts
    )
    return SimilarityTest(value, chance)


def mutual_information(first: NDArray[np.integer], second: NDArray[np.integer]) -> float:
    """Mutual information of two lists of bins, in nats."""
    joint = np.bincount(first.astype(np.int64) * _BINS + second, minlength=_BINS * _BINS)
    p = joint.reshape(_BINS, _BINS) / max(1, joint.sum())
    independent = p.sum(axis=1, keepdims=True) * p.sum(axis=0, keepdims=True)
    there = p > 0
    return float((p[there] * np.log(p[there] / independent[there])).sum())


def _binned(values: NDArray[np.floating], inside: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Bins of equal counts; those of zeros outside are the first."""
    edges = np.percentile(values[inside], np.linspace(0, 100, _BINS + 1)[1:-1])
    return np.asarray(np.searchsorted(edges, values), dtype=np.int64)
