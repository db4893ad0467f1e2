"""Choose Cos_w, w* and M_max from measured values (docs/method.md#8-guidance-selection)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from anofpdm.common.errors import DatasetError, SettingsError
from anofpdm.common.validation import validated
from anofpdm.method.calibration import (
    PAPER_MEDIAN_KERNEL,
    PAPER_MIN_COMPONENT_PIXELS,
    PAPER_QUANTILE_RANGE,
    ROUNDING,
    Calibration,
    Candidate,
    Criterion,
    Polarity,
    Process,
    Region,
)

BRAIN_QUANTILE_RANGE = (0.70, 0.97)
"""a and b inside the brain. The paper has none; the brain fills some third of the field, so that
these areas, 3..30 % of the brain, are about what PAPER_QUANTILE_RANGE means there, with room below
for small lesions."""

QUANTILE_RANGES: Mapping[Region, tuple[float, float]] = {
    "image": PAPER_QUANTILE_RANGE,
    "brain": BRAIN_QUANTILE_RANGE,
}


@dataclass(frozen=True, eq=False)
class GuidanceReport:
    """All that a guidance search measured.

    Attributes
    ----------
    calibration : Calibration
        The outcome; its `candidates` hold Cos_w, Acc_w and M_max of every candidate.
    candidates : array
        w_1 < ... < w_n, (n,).
    accuracies : array
        How well the calibration's rule classifies the slices, (n,), 0..1, by its criterion: the
        cosine (Acc_w), or whether the fixed threshold marks a component.
    cosines : array
        Eq. 18 for each candidate and slice, (n, S).
    divergence_at_end : array
        M_{t_e}, (n, S, C).
    scores : array or None
        `map_score` for each candidate and slice, (n, S), where the rule is "absolute".
    labels : array
        0 healthy, 1 unhealthy, (S,).
    """

    calibration: Calibration
    candidates: NDArray[np.float64]
    accuracies: NDArray[np.float64]
    cosines: NDArray[np.float64]
    divergence_at_end: NDArray[np.float64]
    scores: NDArray[np.float64] | None
    labels: NDArray[np.int64]

    @property
    def baseline(self) -> float:
        """Accuracy of one class for all slices by the calibration's criterion, 0.5..1."""
        return baseline_accuracy(self.labels == 1, self.calibration.criterion)

    @property
    def doubt(self) -> str | None:
        """One sentence where w* classifies the slices no better than one class for all."""
        if self.calibration.told_apart is not False:
            return None
        return (
            f"No guidance classifies the slices better than one class for all "
            f"({self.baseline:.3f}): the model has not learnt the difference. Train it longer; do "
            "not trust its masks."
        )


def baseline_accuracy(unhealthy: NDArray[np.bool_], criterion: Criterion = "accuracy") -> float:
    """Accuracy of one class for all slices: the share of the larger class, or 0.5 if balanced."""
    if criterion == "balanced":
        return 0.5
    share = float(np.mean(unhealthy))
    return max(share, 1 - share)


def best_cosine_threshold(
    cosine: ArrayLike, unhealthy: ArrayLike, criterion: Criterion = "accuracy"
) -> tuple[float, float]:
    """Find the threshold that classifies best: cos <= Cos_w means unhealthy.

    All thresholds are searched: the midpoint of every two neighbouring cosines, and -1 and 1,
    which call everything healthy or unhealthy. Of equally good ones the midpoint of the widest
    gap is taken, of equal gaps the lowest.

    Parameters
    ----------
    cosine : array
        (S,).
    unhealthy : array
        (S,), bool.
    criterion : {"accuracy", "balanced"}
        See `Calibration`. The most accurate threshold is a cautious one where healthy slices are
        many; the balanced one does not depend on how many there are of each class.

    Returns
    -------
    threshold : float
    accuracy : float
        By the criterion, 0..1.

    Raises
    ------
    DatasetError
        When one of the two classes is missing.
    """
    return _best_threshold(cosine, unhealthy, (-1.0, 1.0), criterion)


def best_map_threshold(
    scores: ArrayLike,
    unhealthy: ArrayLike,
    criterion: Criterion = "accuracy",
    fraction: float = 1.0,
) -> tuple[float, float]:
    """Find the fixed threshold that classifies best: score >= v means unhealthy.

    Parameters
    ----------
    scores : array
        `map_score` of each slice, (S,), >= 0.
    unhealthy : array
        (S,), bool.
    criterion : {"accuracy", "balanced"}
        As for `best_cosine_threshold`.
    fraction : float
        0..1. Below 1, the lowest threshold is taken whose accuracy is at least this fraction of
        the best one, and above that of one class for all slices: it finds fainter lesions, at the
        price of more false alarms.

    Returns
    -------
    threshold : float
        Midway between two scores, as in `best_cosine_threshold`; just above the highest one where
        calling every slice healthy is best.
    accuracy : float

    Raises
    ------
    DatasetError
        When one of the two classes is missing.
    """
    values = -np.asarray(scores, dtype=np.float64)
    nothing = float(np.nextafter(values.min(initial=0.0), -np.inf))
    threshold, accuracy = _best_threshold(values, unhealthy, (nothing, 0.0), criterion, fraction)
    return -threshold, accuracy


def _best_threshold(
    values: ArrayLike,
    unhealthy: ArrayLike,
    ends: tuple[float, float],
    criterion: Criterion,
    fraction: float = 1.0,
) -> tuple[float, float]:
    """Threshold and accuracy of "value <= threshold means unhealthy"; `ends` gives one class."""
    values, actual = np.asarray(values, dtype=np.float64), np.asarray(unhealthy, dtype=bool)
    if actual.all() or not actual.any():
        present = "none" if not actual.size else ("unhealthy ones" if actual[0] else "healthy ones")
        raise DatasetError(
            "Guidance selection needs healthy and unhealthy slices, but the validation slices "
            f"contain {'only ' if actual.size else ''}{present}; add the missing class."
        )
    distinct = np.unique(values)
    thresholds = np.concatenate([ends[:1], (distinct[:-1] + distinct[1:]) / 2, ends[1:]])
    gaps = np.concatenate([[0.0], np.diff(distinct), [0.0]])
    sick, well = np.sort(values[actual]), np.sort(values[~actual])
    # Whole numbers, so that ties are ties: a slice's weight is the other class's size, or 1.
    weights = (len(well), len(sick)) if criterion == "balanced" else (1, 1)
    right = weights[0] * np.searchsorted(sick, thresholds, side="right") + weights[1] * (
        len(well) - np.searchsorted(well, thresholds, side="right")
    )
    total = weights[0] * len(sick) + weights[1] * len(well)
    if fraction < 1:
        alike = max(weights[0] * len(sick), weights[1] * len(well))
        near = (right >= fraction * right.max() - ROUNDING) & (right > alike)
        # The last one calls most slices unhealthy.
        index = np.flatnonzero(near | (right == right.max()))[-1]
    else:
        best = np.flatnonzero(right == right.max())
        index = best[np.argmax(gaps[best])]
    return float(thresholds[index]), float(right[index] / total)


def choose_guidance(
    candidates: Sequence[float],
    accuracies: Sequence[float],
    fraction: float = 0.98,
    baseline: float = -1.0,
) -> int:
    """Return the index of w*, the largest candidate that is nearly as accurate as the best one.

    See docs/method.md#8-guidance-selection.

    Parameters
    ----------
    candidates, accuracies : sequence of float
        w and Acc_w, of equal length, in any order.
    fraction : float
        0..1: candidates above w = argmax Acc_w count with Acc >= fraction Acc_w. Where there is
        none, w itself is chosen; of several best ones w is the smallest.
    baseline : float
        Accuracy of one class for all slices; a candidate that is no better is never preferred to
        w, however near it is. Below 0 none is too bad.
    """
    if not len(candidates) or len(candidates) != len(accuracies) or not 0 <= fraction <= 1:
        raise SettingsError(
            f"Choosing a guidance needs at least one candidate, one accuracy per candidate and a "
            f"fraction in 0..1; got {len(candidates)}, {len(accuracies)} and {fraction}."
        )
    order = np.argsort(candidates, kind="stable")
    ranked = np.asarray(accuracies, dtype=np.float64)[order]
    best = int(np.argmax(ranked))
    above = ranked[best:]
    # A small tolerance: rounding must not exclude an accuracy of exactly 0.98 * Acc.
    near = (above >= fraction * ranked[best] - ROUNDING) & (above > baseline + ROUNDING)
    near[0] = True
    return int(order[best + int(np.flatnonzero(near)[-1])])


def calibrate(
    candidates: Sequence[float],
    cosines: NDArray[np.float64],
    divergence_at_end: NDArray[np.float64],
    labels: NDArray[np.int64],
    *,
    process: Process,
    steps: int,
    t_max: int,
    clip: bool,
    scores: NDArray[np.float64] | None = None,
    fraction: float = 0.98,
    threshold_fraction: float = 1.0,
    criterion: Criterion = "accuracy",
    quantile_range: Mapping[Region, tuple[float, float]] = QUANTILE_RANGES,
    region: Region = "image",
    map_extent: float = 1.0,
    polarity: Polarity = "both",
    median_kernel: int = PAPER_MEDIAN_KERNEL,
    min_component_pixels: int = PAPER_MIN_COMPONENT_PIXELS,
    source: str = "",
) -> GuidanceReport:
    """Select w* and the thresholds from the measurements of one pass; needs no network.

    See docs/method.md#8-guidance-selection.

    Parameters
    ----------
    candidates : sequence of float
        w_1 < ... < w_n.
    cosines : array
        (n, S).
    divergence_at_end : array
        M_{t_e}, (n, S, C).
    labels : array
        (S,): 0 healthy, 1 unhealthy; slices with another label stay out.
    process, steps, t_max, clip, region, map_extent, polarity, median_kernel, min_component_pixels
        Recorded in the calibration, as is `source`.
    scores : array, optional
        `map_score` for each candidate and slice, (n, S). Where given, the rule is "absolute": the
        accuracies are those of the fixed threshold.
    fraction : float
        See `choose_guidance`.
    threshold_fraction : float
        See `best_map_threshold`; below 1, `source` tells of it.
    criterion : {"accuracy", "balanced"}
        What thresholds and w* are chosen by; see `Calibration`.
    quantile_range : mapping
        a and b for each region, recorded in the calibration.

    Raises
    ------
    DatasetError
        When a class is missing, or unhealthy slices show no divergence at w*.
    """
    known = (labels == 0) | (labels == 1)
    cosines, divergence_at_end = cosines[:, known], divergence_at_end[:, known]
    labels = labels[known]
    scores = None if scores is None else scores[:, known]
    unhealthy = labels == 1
    found = [
        _candidate(
            guidance,
            cosines[index],
            divergence_at_end[index],
            None if scores is None else scores[index],
            unhealthy,
            criterion,
            threshold_fraction,
        )
        for index, guidance in enumerate(candidates)
    ]
    accuracies = [c.rule_accuracy for c in found]
    baseline = baseline_accuracy(unhealthy, criterion)
    chosen = found[choose_guidance(candidates, accuracies, fraction, baseline)]
    if min(chosen.max_divergence) <= 0:
        raise DatasetError(
            f"At guidance {chosen.guidance} the healthy and the null label give the same "
            "predictions for all unhealthy slices (M_max is 0), so the model has not learnt the "
            "labels; train it longer."
        )
    if scores is not None and threshold_fraction < 1:
        words = f"the lowest thresholds with {threshold_fraction:g} of the best accuracy"
        source = "; ".join(filter(None, (source, words)))
    calibration = validated(
        Calibration,
        guidance=chosen.guidance,
        cosine_threshold=chosen.cosine_threshold,
        max_divergence=chosen.max_divergence,
        rule="dynamic" if scores is None else "absolute",
        map_threshold=chosen.map_threshold,
        process=process,
        steps=steps,
        t_max=t_max,
        clip=clip,
        quantile_range=dict(quantile_range),
        region=region,
        map_extent=map_extent,
        polarity=polarity,
        criterion=criterion,
        median_kernel=median_kernel,
        min_component_pixels=min_component_pixels,
        candidates=tuple(found),
        slices={"healthy": int((~unhealthy).sum()), "unhealthy": int(unhealthy.sum())},
        source=source,
    )
    if calibration.told_apart is False:
        # The bundle passes the warning on.
        words = f"no guidance classifies them better than one class for all ({baseline:.3f})"
        said = "; ".join(filter(None, (source, words)))
        calibration = calibration.model_copy(update={"source": said})
    return GuidanceReport(
        calibration=calibration,
        candidates=np.array(candidates, dtype=np.float64),
        accuracies=np.array(accuracies),
        cosines=cosines,
        divergence_at_end=divergence_at_end,
        scores=scores,
        labels=labels,
    )


def _candidate(
    guidance: float,
    cosine: NDArray[np.float64],
    divergence_at_end: NDArray[np.float64],
    scores: NDArray[np.float64] | None,
    unhealthy: NDArray[np.bool_],
    criterion: Criterion,
    threshold_fraction: float,
) -> Candidate:
    threshold, accuracy = best_cosine_threshold(cosine, unhealthy, criterion)
    map_threshold, map_accuracy = None, None
    called = cosine <= threshold
    if scores is not None:
        map_threshold, map_accuracy = best_map_threshold(
            scores, unhealthy, criterion, threshold_fraction
        )
        called = scores >= map_threshold
    return validated(
        Candidate,
        guidance=guidance,
        cosine_threshold=threshold,
        accuracy=accuracy,
        max_divergence=tuple(float(m) for m in divergence_at_end[unhealthy].max(axis=0)),
        map_threshold=map_threshold,
        map_accuracy=map_accuracy,
        sensitivity=float(called[unhealthy].mean()),
        specificity=float(1 - called[~unhealthy].mean()),
    )
