"""Median filter on anomaly maps and removal of small components from masks (appendix F)."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

Float = TypeVar("Float", bound=np.floating)
REFERENCE_PIXELS = 128 * 128
"""Grid for which the smallest component is stated in pixels."""
_EIGHT = np.ones((3, 3), dtype=bool)


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
    rows, columns = anomaly_map.shape
    padded = np.pad(anomaly_map, kernel // 2, mode="edge")
    # One array for each place in the window: a sorting network orders all windows at once, some
    # three times as fast as a sort at each pixel.
    room = np.empty((kernel**2 + 1, rows, columns), anomaly_map.dtype)
    for place in range(kernel**2):
        i, j = divmod(place, kernel)
        room[place] = padded[i : i + rows, j : j + columns]
    *places, spare = room
    for low, high in _median_network(kernel**2):
        one, other = places[low], places[high]
        places[low] = np.minimum(one, other, out=spare)
        np.maximum(one, other, out=other)
        spare = one
    median: NDArray[Float] = places[kernel**2 // 2].copy()
    return median


@cache
def _median_network(count: int) -> tuple[tuple[int, int], ...]:
    """Return comparators, (place of the smaller, place of the larger), that find a median.

    They bring it into the middle of `count` values, and leave others unsorted.
    """
    needed, kept = {count // 2}, []
    for low, high in reversed(list(_sorting_network(count))):
        if low in needed or high in needed:
            kept.append((low, high))
            needed |= {low, high}
    return tuple(reversed(kept))


def _sorting_network(count: int) -> Iterator[tuple[int, int]]:
    """Batcher's merge exchange (Knuth, The Art of Computer Programming 3, algorithm 5.2.2 M)."""
    first = 1 << ((count - 1).bit_length() - 1)
    p = first
    while p:
        q, r, d = first, 0, p
        while True:
            yield from ((i, i + d) for i in range(count - d) if i & p == r)
            if q == p:
                break
            d, q, r = q - p, q // 2, p
        p //= 2


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
    labels, count = ndimage.label(mask, structure=_EIGHT)
    keep = np.zeros(count + 1, dtype=bool)
    areas = np.bincount(labels.ravel(), minlength=count + 1)
    for index, box in enumerate(ndimage.find_objects(labels), start=1):
        # Filling only adds area, within the box: most components are decided without it.
        room = (box[0].stop - box[0].start) * (box[1].stop - box[1].start)
        keep[index] = areas[index] > limit or (
            room > limit
            and ndimage.binary_fill_holes(labels[box] == index, structure=_EIGHT).sum() > limit
        )
    return keep[labels]


def has_large_component(mask: NDArray[np.bool_], limit: float) -> bool:
    """Return whether `large_components` keeps any component."""
    if _largest_area(mask) > limit:
        return True
    # The component of the largest filled area lies in no hole of another. So it is, filled, a
    # component of the mask whose holes are all filled.
    outside = np.pad(~mask, 1, constant_values=True)
    places, count = ndimage.label(outside, structure=_EIGHT)
    return count > 1 and _largest_area(places[1:-1, 1:-1] != places[0, 0]) > limit


def _largest_area(mask: NDArray[np.bool_]) -> int:
    labels, _ = ndimage.label(mask, structure=_EIGHT)
    return int(np.bincount(labels.ravel())[1:].max(initial=0))
