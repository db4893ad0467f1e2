"""Median filter on anomaly maps and removal of small components from masks (appendix F)."""

from __future__ import annotations

from typing import TypeVar

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

Float = TypeVar("Float", bound=np.floating)
REFERENCE_PIXELS = 128 * 128
"""Grid for which the smallest component is stated in pixels."""


def median_filter(anomaly_map: NDArray[Float], kernel: int) -> NDArray[Float]:
    """Apply a median filter of `kernel` x `kernel` pixels with repeated borders; 1 does nothing.

    Parameters
    ----------
    anomaly_map : array
        (H, W).
    kernel : int
        Odd side of the square.
    """
    if kernel == 1:
        return anomaly_map
    filtered: NDArray[Float] = ndimage.median_filter(anomaly_map, size=kernel, mode="nearest")
    return filtered


def remove_small_components(mask: NDArray[np.bool_], min_pixels: int) -> NDArray[np.bool_]:
    """Remove 8-connected components of a slice whose filled area is `min_pixels` or less.

    The filled area includes a component's holes. The holes themselves are not filled.

    Parameters
    ----------
    mask : array
        (H, W), bool.
    min_pixels : int
        For 128 x 128 pixels; on another grid the limit scales with the number of pixels.
    """
    return large_components(mask, component_limit(min_pixels, mask.size))


def component_limit(min_pixels: int, slice_pixels: int) -> float:
    """Return the largest filled area, in pixels, that a slice of so many pixels drops."""
    return min_pixels * slice_pixels / REFERENCE_PIXELS


def large_components(mask: NDArray[np.bool_], limit: float) -> NDArray[np.bool_]:
    """Return the 8-connected components whose filled area is above `limit` pixels.

    Parameters
    ----------
    mask : array
        A slice or any part of it that holds the components whole, (H, W), bool.
    limit : float
        See `component_limit`.
    """
    structure = np.ones((3, 3), dtype=bool)
    labels, count = ndimage.label(mask, structure=structure)
    keep = np.zeros(count + 1, dtype=bool)
    areas = np.bincount(labels.ravel(), minlength=count + 1)
    for index, box in enumerate(ndimage.find_objects(labels), start=1):
        # Filling only adds area, within the box: most components are decided without it.
        room = (box[0].stop - box[0].start) * (box[1].stop - box[1].start)
        keep[index] = areas[index] > limit or (
            room > limit
            and ndimage.binary_fill_holes(labels[box] == index, structure=structure).sum() > limit
        )
    return keep[labels]
