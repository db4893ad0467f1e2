"""Baselines that need no network: an empty mask, and thresholds on the intensity."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray
from skimage.filters import threshold_otsu

from anofpdm.evaluation.smoothing import SMOOTHING_MM
from anofpdm.evaluation.subject import Prediction
from anofpdm.method.calibration import Polarity

EMPTY: Final = "all empty"
DEVIATIONS: Final = 2.0
"""The label-free rule marks voxels this many robust standard deviations above the median."""

_NORMAL_MAD = 1.4826
_DARK_LESIONS: Final = ("t1", "t1ce")
Mask = NDArray[np.bool_]


def map_name(sigma_mm: float) -> str:
    """Name of the scan, smoothed, as a map."""
    return "intensity" if sigma_mm == 0 else f"intensity, {sigma_mm:g} mm"


def baseline_polarity(modality: str, polarity: Polarity) -> Polarity:
    """Polarity of the intensity baselines: the model's, or what suits the contrast."""
    if polarity != "both":
        return polarity
    return "hypointense" if modality in _DARK_LESIONS else "hyperintense"


def baseline_names() -> dict[str, tuple[float | None, str]]:
    """Masks without a network and without labels: width of the Gaussian in mm and rule, by name.

    `EMPTY` marks nothing; "NAME, z > 2" marks what lies more than 2 robust standard deviations
    above the brain's median, in the scan smoothed by 0, 1 and 2 mm; "NAME, Otsu" what lies above
    Otsu's threshold of the brain, in the scan smoothed by 1 mm.
    """
    found: dict[str, tuple[float | None, str]] = {EMPTY: (None, "")}
    for sigma in SMOOTHING_MM:
        found[f"{map_name(sigma)}, z > {DEVIATIONS:g}"] = (sigma, "z")
    found[f"{map_name(1.0)}, Otsu"] = (1.0, "otsu")
    return found


def baseline_prediction(
    values: NDArray[np.floating] | None, rule: str, brain: Mask, slice_ids: NDArray[np.integer]
) -> Prediction:
    """Return the mask of a baseline.

    Parameters
    ----------
    values : ndarray (x, y, z) or None
        Of `intensity_map`; None marks nothing.
    rule : {"z", "otsu"}
        As in `baseline_names`.
    brain : ndarray of bool (x, y, z)
    slice_ids : ndarray (S,)
        Axial indices of the slices to judge.
    """
    if values is None:
        return Prediction(np.zeros(brain.shape, dtype=bool), np.zeros(len(slice_ids), dtype=bool))
    inside = values[brain]
    mask = brain & (values > (_otsu(inside) if rule == "otsu" else _above_deviations(inside)))
    marked = np.asarray(mask.any(axis=(0, 1)))[slice_ids]
    highest = values.max(axis=(0, 1), initial=0)[slice_ids]
    return Prediction(mask, marked, {"map": highest})


def _above_deviations(inside: NDArray[np.floating]) -> float:
    if not inside.size:
        return np.inf
    median = float(np.median(inside))
    return median + DEVIATIONS * _NORMAL_MAD * float(np.median(np.abs(inside - median)))


def _otsu(inside: NDArray[np.floating]) -> float:
    if not inside.size or inside.min() == inside.max():
        return np.inf
    return float(threshold_otsu(inside))
