"""Bootstrap intervals over patients."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]


class Interval(NamedTuple):
    """An estimate with its 95 % interval.

    Attributes
    ----------
    value : float or None
        None where it is undefined.
    low, high : float or None
        2.5th and 97.5th percentile of the resampled estimates; None where fewer than two patients
        contribute.
    cases : int
        Number of scans, slices or lesions behind it.
    """

    value: float | None
    low: float | None
    high: float | None
    cases: int

    @property
    def document(self) -> dict[str, Any]:
        """JSON values."""
        return {"value": self.value, "low": self.low, "high": self.high, "n": self.cases}


class PatientBootstrap:
    """Draws patients with replacement; all that belongs to a patient is drawn together.

    Parameters
    ----------
    patients : sequence of str
        Whose each scan is, in the order of the scans.
    draws : int
        Number of resamples.
    seed : int
        The same seed gives the same intervals.
    """

    def __init__(self, patients: Sequence[str], draws: int = 1000, seed: int = 0) -> None:
        names = list(dict.fromkeys(patients))
        number = {name: index for index, name in enumerate(names)}
        self.patients = len(names)
        self.of_scan = np.array([number[name] for name in patients], dtype=np.int64)
        rng = np.random.default_rng(seed)
        drawn = rng.integers(self.patients, size=(draws, self.patients))
        self.weights = np.stack([np.bincount(row, minlength=self.patients) for row in drawn])

    def mean(self, values: ArrayLike, scans: ArrayLike | None = None) -> Interval:
        """Mean of values, of which nan are left out.

        Parameters
        ----------
        values : array (n,)
        scans : array (n,) of int, optional
            Which scan each value belongs to; by default there is one value a scan.
        """
        found = np.asarray(values, dtype=np.float64)
        known = np.isfinite(found)
        return self.ratio(np.where(known, found, 0), known.astype(np.float64), scans)

    def ratio(
        self, numerators: ArrayLike, denominators: ArrayLike, scans: ArrayLike | None = None
    ) -> Interval:
        """Ratio of two sums, such as lesions found of lesions there."""
        top, bottom = self._by_patient(numerators, scans), self._by_patient(denominators, scans)
        with np.errstate(invalid="ignore", divide="ignore"):
            drawn = (self.weights @ top) / (self.weights @ bottom)
            value = top.sum() / bottom.sum()
        if np.count_nonzero(bottom) < 2:
            drawn = drawn[:0]
        return self.interval(value, drawn, round(float(bottom.sum())))

    def sums(self, values: ArrayLike) -> tuple[float, Floats]:
        """Sum over the scans, and in each resample, (draws,)."""
        by_patient = self._by_patient(values, None)
        return float(by_patient.sum()), np.asarray(self.weights @ by_patient)

    def interval(self, value: float, drawn: Floats, cases: int) -> Interval:
        """Return an estimate with the percentiles of its resamples, nan left out."""
        if not np.isfinite(value):
            return Interval(None, None, None, cases)
        known = drawn[np.isfinite(drawn)]
        if self.patients < 2 or not known.size:
            return Interval(float(value), None, None, cases)
        low, high = np.percentile(known, [2.5, 97.5])
        return Interval(float(value), float(low), float(high), cases)

    def roc_auc(self, scores: ArrayLike, positive: ArrayLike, scans: ArrayLike) -> Interval:
        """Area under the ROC curve of slices (larger scores: more unhealthy)."""
        ranked, truth = np.asarray(scores, dtype=np.float64), np.asarray(positive, dtype=bool)
        known = np.isfinite(ranked)
        ranked, truth = ranked[known], truth[known]
        patient = self.of_scan[np.asarray(scans)[known]]
        if not truth.any() or truth.all():
            return Interval(None, None, None, len(truth))
        order = np.argsort(ranked, kind="stable")
        ranked, truth, patient = ranked[order], truth[order], patient[order]
        _, first = np.unique(ranked, return_index=True)
        value = _weighted_auc(np.ones((1, len(truth))), truth, first)[0]
        drawn = np.concatenate(
            [_weighted_auc(part[:, patient], truth, first) for part in _parts(self.weights)]
        )
        return self.interval(float(value), drawn, len(truth))

    def _by_patient(self, values: ArrayLike, scans: ArrayLike | None) -> Floats:
        patient = self.of_scan if scans is None else self.of_scan[np.asarray(scans, dtype=np.int64)]
        weights = np.asarray(values, dtype=np.float64)
        return np.bincount(patient, weights, minlength=self.patients).astype(np.float64)


def _parts(weights: NDArray[np.int64], rows: int = 50) -> list[NDArray[np.int64]]:
    """Cut resamples into parts, so that the work on all slices stays small."""
    return [weights[start : start + rows] for start in range(0, len(weights), rows)]


def _weighted_auc(
    weights: NDArray[np.number], truth: NDArray[np.bool_], first: NDArray[np.intp]
) -> Floats:
    """Probability that a positive outranks a negative, ties half; scores ascend, ties in groups."""
    positive = np.add.reduceat(weights * truth, first, axis=1).astype(np.float64)
    negative = np.add.reduceat(weights * ~truth, first, axis=1).astype(np.float64)
    below = np.cumsum(negative, axis=1) - negative
    won = (positive * (below + 0.5 * negative)).sum(axis=1)
    pairs = positive.sum(axis=1) * negative.sum(axis=1)
    return np.asarray(np.divide(won, pairs, out=np.full(won.shape, np.nan), where=pairs > 0))
