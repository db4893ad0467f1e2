"""Accuracy of classifying slices at each guidance, from the measurements so far."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from anofpdm.guidance.rules import (
    baseline_accuracy,
    best_cosine_threshold,
    best_map_threshold,
)
from anofpdm.method.calibration import Criterion


@dataclass(frozen=True)
class GuidanceAccuracy:
    """Accuracy of each guidance, and that of no model at all.

    Attributes
    ----------
    guidances : tuple of float
        w_1 < ... < w_n.
    accuracies : tuple of float
        How well the threshold that fits these slices best classifies them, 0..1; never below
        `baseline`, because a threshold may assign one class to all slices.
    baseline : float
        What that would score, 0.5..1; see `baseline_accuracy`.
    slices : int
        Slices that were classified.
    """

    guidances: tuple[float, ...]
    accuracies: tuple[float, ...]
    baseline: float
    slices: int

    @property
    def best(self) -> float:
        """The highest accuracy."""
        return max(self.accuracies)

    @property
    def points(self) -> tuple[tuple[float, float], ...]:
        """Guidance and accuracy of each candidate."""
        return tuple(zip(self.guidances, self.accuracies, strict=True))


def guidance_accuracy(
    guidances: Sequence[float],
    cosines: NDArray[np.float64],
    labels: NDArray[np.integer],
    scores: NDArray[np.float64] | None = None,
    criterion: Criterion = "accuracy",
) -> GuidanceAccuracy | None:
    """Classify slices at each guidance, by the cosine or by their maps.

    Parameters
    ----------
    guidances : sequence of float
        w_1 < ... < w_n.
    cosines : array
        Eq. 18 for each guidance and slice, (n, S).
    labels : array
        0 healthy, 1 unhealthy, (S,).
    scores : array, optional
        `map_score` for each guidance and slice, (n, S); where given, it classifies.
    criterion : {"accuracy", "balanced"}
        See `Calibration`.

    Returns
    -------
    GuidanceAccuracy or None
        None if a class is missing.
    """
    unhealthy = np.asarray(labels) == 1
    if unhealthy.all() or not unhealthy.any():
        return None
    if scores is None:
        found = [best_cosine_threshold(row, unhealthy, criterion)[1] for row in cosines]
    else:
        found = [best_map_threshold(row, unhealthy, criterion)[1] for row in scores]
    return GuidanceAccuracy(
        tuple(float(w) for w in guidances),
        tuple(found),
        baseline_accuracy(unhealthy, criterion),
        len(unhealthy),
    )
