"""Counts of a map's values, from which AUPRC and DICE at every threshold follow.

Pooling the pixels of a whole dataset would need all maps in memory. Instead, values are rounded
down to 4095 levels a constant factor apart (0.46 %), and counted; the counts of scans add up.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray

from anofpdm.method.class_labels import HEALTHY, UNHEALTHY

BINS: Final = 4096
_LOWEST, _HIGHEST = 1e-7, 16.0
_PER_OCTAVE: Final = (BINS - 2) / np.log2(_HIGHEST / _LOWEST)

Group = Literal["mixed", "unhealthy"]
Region = Literal["image", "brain"]
Counts = NDArray[np.int64]
_HEALTHY_SLICES, _UNHEALTHY_SLICES, _OTHER_SLICES = range(3)
_BRAIN, _OUTSIDE = range(2)


def bin_of(values: NDArray[np.floating]) -> NDArray[np.int64]:
    """Return the level of each value: 0 for less than 1e-7, the last from 16 on."""
    clipped = np.clip(values, _LOWEST, _HIGHEST)
    level = 1 + np.floor(np.log2(clipped / _LOWEST) * _PER_OCTAVE).astype(np.int64)
    return np.where(values < _LOWEST, 0, level)


def bin_value(level: int) -> float:
    """Return the smallest value of a level."""
    return 0.0 if level <= 0 else float(_LOWEST * 2 ** ((level - 1) / _PER_OCTAVE))


@dataclass(frozen=True, eq=False)
class MapCounts:
    """Counts of the values of one map over one scan.

    Attributes
    ----------
    counts : ndarray (3, 2, 2, BINS) int64
        By slice (labelled healthy, unhealthy, neither), place (brain, outside), truth (no lesion,
        lesion) and level.
    slice_dice : ndarray (BINS,) float64
        Sum over the slices labelled unhealthy of the DICE of "value at least this level, in the
        brain".
    slices : int
        Number of those slices.
    """

    counts: Counts
    slice_dice: NDArray[np.float64]
    slices: int

    def pixels(self, group: Group, region: Region) -> Counts:
        """Return the counts (2, BINS), without and with lesion, of the labelled slices."""
        of_group = self.counts[_UNHEALTHY_SLICES]
        if group == "mixed":
            of_group = of_group + self.counts[_HEALTHY_SLICES]
        return np.asarray(of_group[_BRAIN] if region == "brain" else of_group.sum(axis=0))

    def volume(self) -> tuple[Counts, int]:
        """Return the counts (2, BINS) in the brain of the whole scan, and its lesion's size."""
        return self.counts.sum(axis=0)[_BRAIN], int(self.counts[:, :, 1].sum())

    def volume_dice(self) -> NDArray[np.float64]:
        """DICE of "value at least this level, in the brain" on the whole scan, (BINS,)."""
        inside, lesion = self.volume()
        return _dice_curve(inside, lesion)


def map_counts(
    scores: NDArray[np.floating],
    truth: NDArray[np.bool_],
    brain: NDArray[np.bool_],
    slice_ids: NDArray[np.integer],
    labels: NDArray[np.integer],
) -> MapCounts:
    """Count the values of a map.

    Parameters
    ----------
    scores : ndarray (x, y, z)
        The map, >= 0; axis 2 is axial.
    truth, brain : ndarray of bool (x, y, z)
    slice_ids : ndarray (S,)
        Axial indices of the labelled slices.
    labels : ndarray (S,)
        Of those: 0 healthy, 1 unhealthy, else neither.
    """
    groups = np.full(truth.shape[2], _OTHER_SLICES)
    groups[slice_ids[labels == HEALTHY]] = _HEALTHY_SLICES
    groups[slice_ids[labels == UNHEALTHY]] = _UNHEALTHY_SLICES
    counts = np.zeros((3, 4 * BINS), dtype=np.int64)
    curve = np.zeros(BINS)
    for index, group in enumerate(groups):
        lesion, inside = truth[:, :, index], brain[:, :, index]
        code = bin_of(scores[:, :, index]) + BINS * (lesion + 2 * ~inside)
        found = np.bincount(code.ravel(), minlength=4 * BINS)
        counts[group] += found
        if group == _UNHEALTHY_SLICES:
            curve += _dice_curve(found[: 2 * BINS].reshape(2, BINS), int(lesion.sum()))
    shaped = counts.reshape(3, 2, 2, BINS)
    return MapCounts(shaped, curve, int((groups == _UNHEALTHY_SLICES).sum()))


def average_precision(counts: NDArray[np.number]) -> NDArray[np.float64]:
    """AUPRC as scikit-learn defines average precision, of counted values.

    Parameters
    ----------
    counts : ndarray (..., 2, BINS)
        Pixels without and with lesion by level; may be weighted.

    Returns
    -------
    ndarray (...)
        nan where there is no lesion.
    """
    negative, positive = (_reached(counts[..., k, :]) for k in range(2))
    marked = negative + positive
    precision = np.divide(positive, marked, out=np.zeros(marked.shape), where=marked > 0)
    total = positive[..., 0]
    area = (precision * counts[..., 1, :]).sum(axis=-1)
    return np.asarray(np.divide(area, total, out=np.full(total.shape, np.nan), where=total > 0))


def precision_recall(counts: NDArray[np.number]) -> tuple[NDArray[np.float64], ...]:
    """Precision and recall at every level of pooled counts (2, BINS), nan where undefined."""
    negative, positive = _reached(counts[0]), _reached(counts[1])
    marked, nowhere = negative + positive, np.full(BINS, np.nan)
    precision = np.divide(positive, marked, out=nowhere.copy(), where=marked > 0)
    recall = positive / positive[0] if positive[0] > 0 else nowhere
    return precision, recall


def _dice_curve(counts: Counts, lesion: int) -> NDArray[np.float64]:
    negative, positive = _reached(counts[0]), _reached(counts[1])
    total = negative + positive + lesion
    return np.divide(2 * positive, total, out=np.ones(BINS), where=total > 0)


def _reached(counts: NDArray[np.number]) -> NDArray[np.float64]:
    """Pixels at each level or above."""
    return np.asarray(np.cumsum(counts[..., ::-1], axis=-1)[..., ::-1], dtype=np.float64)
