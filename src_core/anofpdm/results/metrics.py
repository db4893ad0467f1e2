"""Scores of masks, maps and slice labels, in their standard definitions."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from anofpdm.common.errors import SettingsError

Mask = NDArray[np.bool_]


def dice(mask: ArrayLike, truth: ArrayLike) -> float:
    """DICE, 2 |A and B| / (|A| + |B|), 0..1; 1 where both are empty."""
    a, b = _pair(mask, truth)
    total = int(a.sum()) + int(b.sum())
    return 2.0 * int((a & b).sum()) / total if total else 1.0


def iou(mask: ArrayLike, truth: ArrayLike) -> float:
    """Intersection over union, |A and B| / |A or B|, 0..1; 1 where both are empty."""
    a, b = _pair(mask, truth)
    union = int((a | b).sum())
    return int((a & b).sum()) / union if union else 1.0


def auprc(scores: ArrayLike, truth: ArrayLike) -> float:
    """Average precision over all pixels given; nan where the truth is empty.

    Parameters
    ----------
    scores : array
        Anomaly map values, of any shape; larger is more anomalous.
    truth : array
        Bool, of the same shape.
    """
    from sklearn.metrics import average_precision_score  # takes seconds, and few need it

    score, positive = np.ravel(scores), np.ravel(truth).astype(bool)
    if score.shape != positive.shape:
        raise SettingsError(f"Scores and truth differ in size: {score.size} and {positive.size}.")
    if not positive.any():
        return float("nan")
    return float(average_precision_score(positive, score))


def image_accuracy(predicted_unhealthy: ArrayLike, unhealthy: ArrayLike) -> float:
    """Fraction of slices classified correctly, 0..1."""
    predicted, actual = _pair(predicted_unhealthy, unhealthy)
    return float(np.mean(predicted == actual)) if actual.size else float("nan")


def _pair(one: ArrayLike, other: ArrayLike) -> tuple[Mask, Mask]:
    a, b = np.asarray(one, dtype=bool), np.asarray(other, dtype=bool)
    if a.shape != b.shape:
        raise SettingsError(f"Arrays to compare differ in shape: {a.shape} and {b.shape}.")
    return a, b
