"""Scores of masks, maps and slice labels, in their standard definitions."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.metrics import average_precision_score, roc_auc_score

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


def roc_auc(scores: ArrayLike, unhealthy: ArrayLike) -> float:
    """Area under the ROC curve of a slice score (larger: more unhealthy); nan for one class."""
    actual = np.asarray(unhealthy, dtype=bool)
    if np.unique(actual).size < 2:
        return float("nan")
    return float(roc_auc_score(actual, np.asarray(scores)))


def false_alarm_rate(masks: Mask, truths: Mask) -> float:
    """Share of the slices without a lesion whose mask is not empty; nan where all have one."""
    healthy, alarmed = ~_any_pixel(truths), _any_pixel(masks)
    return float(np.mean(alarmed[healthy])) if healthy.any() else float("nan")


def evaluate_masks(
    masks: Mask,
    truths: Mask,
    maps: NDArray[np.floating],
    *,
    foreground: Mask | None = None,
    predicted_unhealthy: NDArray[np.bool_] | None = None,
    cosine: NDArray[np.floating] | None = None,
) -> dict[str, Any]:
    """Score slices as in the paper's tables, with the score of empty masks for comparison.

    "mixed" averages over all slices, "unhealthy" over those with a lesion in the truth; DICE and
    IoU are averaged over slices, the AUPRC is of all pixels together.

    Parameters
    ----------
    masks, truths : array
        (S, H, W), bool.
    maps : array
        Anomaly maps, (S, H, W).
    foreground : array, optional
        (S, H, W), bool: adds the AUPRC of the brain's pixels alone.
    predicted_unhealthy : array, optional
        (S,), bool: adds the image-level accuracy.
    cosine : array, optional
        (S,): adds the ROC AUC of 1 - cosine.

    Returns
    -------
    dict
        JSON values; nan becomes None.

    Raises
    ------
    SettingsError
        When shapes differ or there is no slice.
    """
    masks, truths = _pair(masks, truths)
    if masks.ndim != 3 or not len(masks) or np.shape(maps) != masks.shape:
        raise SettingsError(
            f"Masks, truths and maps must be (S, H, W) with S above 0; got {masks.shape} and "
            f"{np.shape(maps)}."
        )
    unhealthy = _any_pixel(truths)
    silent = np.zeros_like(masks)
    scores: dict[str, Any] = {
        "slices": len(masks),
        "unhealthy_slices": int(unhealthy.sum()),
        "mixed": _group_scores(masks, truths, maps, foreground),
        "unhealthy": _group_scores(
            masks[unhealthy],
            truths[unhealthy],
            maps[unhealthy],
            None if foreground is None else foreground[unhealthy],
        ),
        "all_empty_baseline": {
            "mixed": _overlaps(silent, truths),
            "unhealthy": _overlaps(silent[unhealthy], truths[unhealthy]),
            "image_accuracy": image_accuracy(np.zeros_like(unhealthy), unhealthy),
        },
        "false_alarm_rate": false_alarm_rate(masks, truths),
    }
    if predicted_unhealthy is not None:
        scores["image_accuracy"] = image_accuracy(predicted_unhealthy, unhealthy)
    if cosine is not None:
        scores["roc_auc"] = roc_auc(1.0 - cosine, unhealthy)
    cleaned: dict[str, Any] = _without_nan(scores)
    return cleaned


def _group_scores(
    masks: Mask, truths: Mask, maps: NDArray[np.floating], foreground: Mask | None
) -> dict[str, float]:
    scores = _overlaps(masks, truths) | {"auprc": auprc(maps, truths)}
    if foreground is not None:
        scores["auprc_brain"] = auprc(maps[foreground], truths[foreground])
    return scores


def _overlaps(masks: Mask, truths: Mask) -> dict[str, float]:
    pairs = list(zip(masks, truths, strict=True))
    if not pairs:
        return {"dice": float("nan"), "iou": float("nan")}
    return {
        "dice": float(np.mean([dice(mask, truth) for mask, truth in pairs])),
        "iou": float(np.mean([iou(mask, truth) for mask, truth in pairs])),
    }


def _any_pixel(masks: Mask) -> Mask:
    return np.array([mask.any() for mask in masks], dtype=bool)


def _pair(one: ArrayLike, other: ArrayLike) -> tuple[Mask, Mask]:
    a, b = np.asarray(one, dtype=bool), np.asarray(other, dtype=bool)
    if a.shape != b.shape:
        raise SettingsError(f"Arrays to compare differ in shape: {a.shape} and {b.shape}.")
    return a, b


def _without_nan(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_nan(item) for key, item in value.items()}
    return None if isinstance(value, float) and np.isnan(value) else value
