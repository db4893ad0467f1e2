"""Detection lesion by lesion: which true lesions were touched, which marked ones are false."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Final

import numpy as np
from numpy.typing import NDArray
from skimage.measure import label

SIZES_ML: Final = (0.0, 0.1, 1.0, 10.0)
"""Lower ends of the classes of lesion size, in ml; the last has no upper end."""

Mask = NDArray[np.bool_]
Counts = NDArray[np.int64]


def size_names() -> tuple[str, ...]:
    """Names of the classes of lesion size."""
    return (
        *(f"{low:g} to {high:g} ml" for low, high in pairwise(SIZES_ML)),
        f"{SIZES_ML[-1]:g} ml and more",
    )


@dataclass(frozen=True, eq=False)
class LesionCounts:
    """Lesions of a scan by class of their own size; each array has one entry a class.

    Attributes
    ----------
    true, detected : ndarray of int
        Lesions of the truth, and those of them that the mask touches.
    marked, false : ndarray of int
        Lesions of the mask, and those of them that touch no true lesion.
    """

    true: Counts
    detected: Counts
    marked: Counts
    false: Counts


def lesion_counts(mask: Mask, truth: Mask, voxel_ml: float) -> LesionCounts:
    """Count lesions, which are 26-connected components, as detected or false.

    A true lesion is detected if the mask shares at least one voxel with it; a marked lesion is
    false if it shares none with the truth (the rule of the ISBI 2015 and MICCAI 2016 challenges).

    Parameters
    ----------
    mask, truth : ndarray of bool, shape (i, j, k)
    voxel_ml : float
        Volume of a voxel.
    """
    true, detected = _counts(truth, mask, voxel_ml)
    marked, matched = _counts(mask, truth, voxel_ml)
    return LesionCounts(true, detected, marked, marked - matched)


def _counts(of: Mask, other: Mask, voxel_ml: float) -> tuple[Counts, Counts]:
    """Components of `of` by size class, and those that share a voxel with `other`."""
    components, number = label(of, connectivity=3, return_num=True)
    sizes = np.bincount(components.ravel(), minlength=number + 1)[1:] * voxel_ml
    shared = np.zeros(number + 1, dtype=bool)
    shared[components[other]] = True
    # A small tolerance: n voxels of v ml count as n * v ml however the product rounds.
    classes = np.searchsorted(np.asarray(SIZES_ML), sizes * (1 + 1e-9), side="right") - 1
    length = len(SIZES_ML)
    touched = shared[1:]
    return np.bincount(classes, minlength=length), np.bincount(classes[touched], minlength=length)
