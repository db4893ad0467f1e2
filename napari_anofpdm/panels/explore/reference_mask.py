"""Score a mask against a reference, in numbers and in words."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray


@dataclass(frozen=True)
class Scores:
    """Agreement of two masks on the same voxels.

    Attributes
    ----------
    dice, iou : float
        0..1; 1 if both masks are empty.
    volume_ml, reference_ml : float
    """

    dice: float
    iou: float
    volume_ml: float
    reference_ml: float


def scores_of(mask: NDArray[Any], reference: NDArray[np.bool_], voxel_volume_ml: float) -> Scores:
    """Score a mask against a reference of its shape."""
    from anofpdm.results.metrics import dice, iou

    marked = mask.astype(bool)
    return Scores(
        dice(marked, reference),
        iou(marked, reference),
        float(marked.sum() * voxel_volume_ml),
        float(reference.sum() * voxel_volume_ml),
    )


def scored_slices(
    mask: NDArray[Any], analysed: NDArray[np.integer[Any]], *, edited: bool
) -> NDArray[np.intp]:
    """Return the slices to score: the analysed ones, and those that the user has edited.

    Parameters
    ----------
    mask : ndarray, shape (x, y, slices)
        Along canonical axes.
    analysed : ndarray of int
        Canonical axial indices.
    edited : bool
        Whether the user painted the mask; what it marks elsewhere counts then.
    """
    own = np.flatnonzero(mask.any(axis=(0, 1))) if edited else np.empty(0, dtype=np.intp)
    return np.union1d(analysed, own).astype(np.intp)


def volume_words(
    mask: NDArray[Any],
    reference: NDArray[np.bool_],
    voxel_volume_ml: float,
    analysed: NDArray[np.integer[Any]],
    *,
    edited: bool,
) -> str:
    """Score a mask against a reference in the slices that were analysed, in words that say so.

    Parameters
    ----------
    mask, reference : ndarray, shape (x, y, slices)
        Along canonical axes.
    voxel_volume_ml : float
    analysed : ndarray of int
        Canonical axial indices of the slices that were analysed.
    edited : bool
        Whether the user painted the mask.
    """
    ids = scored_slices(mask, analysed, edited=edited)
    inside = np.asarray(reference[:, :, ids])
    scores = scores_of(mask[:, :, ids], inside, voxel_volume_ml)
    kind = "analysed" if len(ids) == len(analysed) else "analysed or edited"
    which = f"the {len(ids)} {kind} slice{'' if len(ids) == 1 else 's'}"
    whose = "Edited mask: " if edited else ""
    beyond = float((reference.sum() - inside.sum()) * voxel_volume_ml)
    more = f"; {beyond:.2f} ml of the reference lie in other slices" if beyond > 0 else ""
    return f"{whose}DICE of {which}: {scores.dice:.3f}, {_rest(scores)}{more}"


def slice_words(slice_id: int, scores: Scores) -> str:
    """Put the scores of one slice into words."""
    return f"Slice {slice_id}: DICE {scores.dice:.3f}, {_rest(scores)}"


def _rest(scores: Scores) -> str:
    volumes = f"mask {scores.volume_ml:.2f} ml, reference {scores.reference_ml:.2f} ml"
    return f"IoU {scores.iou:.3f}; {volumes}"
