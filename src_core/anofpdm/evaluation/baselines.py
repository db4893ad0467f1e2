"""Baselines that need no network: an empty mask, and thresholds on the intensity."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import numpy as np
from numpy.typing import NDArray
from skimage.filters import threshold_otsu

from anofpdm.evaluation.smoothing import SMOOTHING_MM, intensity_map
from anofpdm.evaluation.subject import Prediction
from anofpdm.method.calibration import Polarity

EMPTY: Final = "all empty"
DEVIATIONS: Final = 2.0
"""The label-free rule marks voxels this many robust standard deviations above the median."""

_NORMAL_MAD = 1.4826
_DARK_LESIONS: Final = ("t1", "t1ce")
Mask = NDArray[np.bool_]
Map = NDArray[np.float32]


def map_name(sigma_mm: float) -> str:
    """Name of the scan, smoothed, as a map."""
    return "intensity" if sigma_mm == 0 else f"intensity, {sigma_mm:g} mm"


def baseline_polarity(modality: str, polarity: Polarity) -> Polarity:
    """Polarity of the intensity baselines: the model's, or what suits the contrast."""
    if polarity != "both":
        return polarity
    return "hypointense" if modality in _DARK_LESIONS else "hyperintense"


def intensity_maps(
    data: NDArray[np.generic], brain: Mask, spacing: tuple[float, float, float], polarity: Polarity
) -> dict[str, Map]:
    """Return the scan, smoothed by 0, 1 and 2 mm, as maps by name."""
    return {
        map_name(sigma): intensity_map(data, brain, spacing, sigma, polarity)
        for sigma in SMOOTHING_MM
    }


def baseline_predictions(
    maps: Mapping[str, Map], brain: Mask, slice_ids: NDArray[np.integer]
) -> dict[str, Prediction]:
    """Masks without a network and without labels.

    Parameters
    ----------
    maps : mapping of str to ndarray (x, y, z)
        Of `intensity_maps`.
    brain : ndarray of bool (x, y, z)
    slice_ids : ndarray (S,)
        Axial indices of the slices to judge.

    Returns
    -------
    dict of str to Prediction
        `EMPTY`; for each map "NAME, z > 2" (more than 2 robust standard deviations above the
        brain's median); and "NAME, Otsu" (Otsu's threshold in the brain) of the map of 1 mm.
    """
    nothing = np.zeros(brain.shape, dtype=bool)
    found = {EMPTY: Prediction(nothing, np.zeros(len(slice_ids), dtype=bool))}
    otsu = map_name(1.0)
    for name, values in maps.items():
        rules = {f"{name}, z > {DEVIATIONS:g}": _above_deviations(values[brain])}
        if name == otsu:
            rules[f"{name}, Otsu"] = _otsu(values[brain])
        highest = np.array([values[:, :, index].max(initial=0) for index in slice_ids])
        for rule, threshold in rules.items():
            mask = brain & (values > threshold)
            marked = np.asarray(mask.any(axis=(0, 1)))[slice_ids]
            found[rule] = Prediction(mask, marked, {"map": highest})
    return found


def _above_deviations(inside: Map) -> float:
    if not inside.size:
        return np.inf
    median = float(np.median(inside))
    return median + DEVIATIONS * _NORMAL_MAD * float(np.median(np.abs(inside - median)))


def _otsu(inside: Map) -> float:
    if not inside.size or inside.min() == inside.max():
        return np.inf
    return float(threshold_otsu(inside))
