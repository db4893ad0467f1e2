"""Masks of thick slices, interpolated to be looked at."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from anofpdm.results.pictures.even_slices import EvenSlices, thick_axis

SPACING = (5.0, 0.5, 0.5)


def ball() -> NDArray[np.uint8]:
    """A ball of 8 mm about the middle of six slices."""
    z, y, x = np.meshgrid(*(np.arange(n) for n in (6, 60, 64)), indexing="ij")
    away = (5.0 * (z - 2.5)) ** 2 + (0.5 * (y - 30)) ** 2 + (0.5 * (x - 32)) ** 2
    found: NDArray[np.uint8] = (away < 64).astype(np.uint8)
    return found


def test_only_slices_much_thicker_than_their_pixels_are_thick() -> None:
    assert thick_axis(np.array([5.0, 0.5, 0.5])) == 0
    assert thick_axis(np.array([1.0, 1.0, 3.0])) == 2
    assert thick_axis(np.array([2.5, 1.0, 1.0])) is None
    assert thick_axis(np.array([3.0, 3.0, 0.5])) is None


def test_the_middle_of_each_slice_is_the_slice_and_the_edge_has_no_steps() -> None:
    mask = ball()
    even = EvenSlices(mask, SPACING, 0)
    assert even.parts == 5 and even.shape == (30, 60, 64) and even.dtype == np.uint8
    np.testing.assert_array_equal(even[2::5], mask)
    widths = even[:, 30, :].sum(axis=1).astype(int)
    assert widths[0] == 0 and widths[14] == widths[15] == mask[2, 30].sum()
    # A slice's width would jump by many pixels at once.
    stairs = np.repeat(mask[:, 30, :].sum(axis=1).astype(int), 5)
    assert np.abs(np.diff(widths)).max() < np.abs(np.diff(stairs)).max()
    assert not even[:][stairs == 0].any()


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_parts_are_those_of_the_whole_along_any_axis(axis: int) -> None:
    mask = np.moveaxis(ball(), 0, axis)
    even = EvenSlices(mask, np.roll([0.5, 0.5, 5.0], axis + 1), axis)
    whole = np.asarray(even)
    assert whole.shape == even.shape and whole.any()
    keys = (
        (slice(None), 5, slice(None)),
        (slice(2, 6), slice(None), 3),
        (3, slice(None), slice(1, 5)),
        (3, 4),
        (Ellipsis, 5),
        4,
    )
    for key in keys:
        np.testing.assert_array_equal(even[key], whole[key])


def test_numbers_stay_and_changes_in_place_are_taken_over() -> None:
    labels = ball().astype(np.int32)
    labels[:, :, 32:] *= 2
    even = EvenSlices(labels, SPACING, 0)
    assert set(np.unique(np.asarray(even))) == {0, 1, 2}
    np.testing.assert_array_equal(even[2::5], labels)
    labels[:] = 0
    even.renew()
    assert not np.asarray(even).any()
