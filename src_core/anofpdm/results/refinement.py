"""Refinement: the map locates, the scan's own voxels delineate."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from anofpdm.method.hysteresis import hysteresis
from anofpdm.results.standardized_scan import standardized_scan, toward
from anofpdm.scans.distance import spanned_voxels, within_distance

if TYPE_CHECKING:
    from anofpdm.analysis.analysis import Analysis
    from anofpdm.method.interpretation import Interpretation
    from anofpdm.method.refinement import Refinement

_LEVEL = 75
"""Percentile of a candidate's z that is its level."""
Mask = NDArray[np.bool_]
Box = tuple[slice, slice, slice]


def refined_mask(
    analysis: Analysis, interpretation: Interpretation, refinement: Refinement
) -> NDArray[np.uint8]:
    """Redraw the mask of an interpretation on the scan's own voxels.

    See docs/method.md#129-refinement-on-the-scan, Eq. R1 to R4.

    Parameters
    ----------
    analysis : Analysis
    interpretation : Interpretation
        Of any of its slices; the others get no mask.
    refinement : Refinement

    Returns
    -------
    ndarray, shape of the scan, uint8 of 0 and 1
        Inside the brain, and in slices whose own mask is not empty.

    Raises
    ------
    SettingsError
        When the reference is no scored modality, or the analysis does not hold its scan.
    """
    geometry = analysis.geometry
    affine = np.array(geometry.affine)
    mask = np.zeros(geometry.shape, dtype=np.uint8)
    scan = standardized_scan(
        analysis, refinement.reference(analysis.scored), refinement.smoothing_mm
    )
    marked = interpretation.mask.any(axis=(1, 2))
    if not marked.any():
        return mask
    ids = interpretation.slice_ids[marked]
    spots = candidates(interpretation, refinement.share)[marked]
    located = geometry.mask_to_native(spots, ids, analysis.foreground_native)[scan.box] != 0
    box = _box_around(located, spanned_voxels(affine, refinement.reach_mm))
    if box is None:
        return mask
    z = scan.toward(interpretation.settings.polarity)[box]
    allowed = scan.brain[box].copy()
    _keep_slices(analysis, allowed, _inside(scan.box, box), ids)
    mask[_inside(scan.box, box)] = drawn(z, located[box], allowed, affine, refinement)
    return mask


def refined_plane(
    analysis: Analysis, interpretation: Interpretation, refinement: Refinement
) -> NDArray[np.uint8]:
    """Redraw the mask of one slice by itself, for a preview while its volume is not known.

    It lacks what neighbouring slices add within reach, joins a core in its own plane alone, and
    takes a candidate's level from this plane alone.

    Parameters
    ----------
    analysis : Analysis
    interpretation : Interpretation
        Its first slice is redrawn.
    refinement : Refinement

    Returns
    -------
    ndarray, shape (x, y) of the canonical voxels, uint8 of 0 and 1

    Raises
    ------
    SettingsError
        As `refined_mask`.
    """
    geometry, slice_id = analysis.geometry, int(interpretation.slice_ids[0])
    scan = standardized_scan(
        analysis, refinement.reference(analysis.scored), refinement.smoothing_mm
    )
    mask = np.zeros(geometry.canonical_shape[:2], dtype=np.uint8)
    spot = candidates(interpretation, refinement.share)[0]
    located = geometry.mask_plane(spot, slice_id, analysis.foreground_native) != 0
    affine = geometry.canonical_affine
    around = _box_around(located[:, :, None], spanned_voxels(affine, refinement.reach_mm))
    if around is None:
        return mask
    # What is located lies in the brain, which the scan's box holds: nothing is lost outside it.
    box = geometry.orientation.canonical_box(geometry.shape, scan.box)
    here = _shared(around[:2], box[:2])
    there = (*_counted_from(box[:2], here), slice_id - box[2].start)
    z, brain = (geometry.orientation.to_canonical(each)[there] for each in (scan.z, scan.brain))
    # As a row of planes: `within_distance` is quick along the last axis.
    turned = affine[:, [2, 0, 1, 3]]
    lesion = toward(z, interpretation.settings.polarity)
    spots = located[None, *here]
    mask[here] = drawn(lesion[None], spots, brain[None], turned, refinement)[0]
    return mask


def drawn(
    z: NDArray[np.float32],
    located: Mask,
    allowed: Mask,
    affine: NDArray[np.float64],
    refinement: Refinement,
) -> Mask:
    """Return the refined mask around candidates (Eq. R3 and R4).

    Parameters
    ----------
    z : ndarray, shape (i, j, k), float32
        Large where a lesion is, see `StandardizedScan.toward`.
    located : ndarray of bool, shape of z
        The candidates; each 26-connected component has a border of its own.
    allowed : ndarray of bool, shape of z
        Where voxels may be marked.
    affine : ndarray, shape (4, 4)
        Voxel index to RAS mm.
    refinement : Refinement
    """
    weak = np.zeros(z.shape, dtype=bool)
    margin = spanned_voxels(affine, refinement.reach_mm)
    spots, _ = ndimage.label(located, structure=np.ones((3, 3, 3), dtype=bool))
    for number, own in enumerate(ndimage.find_objects(spots), start=1):
        box = _grown(own, margin, z.shape)
        spot = spots[box] == number
        level = float(np.percentile(z[box][spot], _LEVEL))
        border = max(refinement.border, refinement.contrast * level)
        near = within_distance(spot, affine, refinement.reach_mm)
        weak[box] |= near & allowed[box] & (z[box] >= border)
    # Only candidates have a core: a bright spot nearby, which the map does not mark, is none.
    return hysteresis(weak, located & (z >= refinement.border + refinement.core))


def candidates(interpretation: Interpretation, share: float) -> Mask:
    """Spots of the map around what the mask marks (Eq. R2), on the network's grid.

    Parameters
    ----------
    interpretation : Interpretation
    share : float
        Of the threshold of each slice.

    Returns
    -------
    ndarray of bool, shape (S, H, W)
        8-connected components of map >= share * threshold that contain a pixel of the mask. So a
        slice that is gated, or in which nothing is marked, has none, and spots that are too small
        do not come back.
    """
    found = interpretation.mask.copy()
    levels = share * interpretation.threshold
    for i in np.flatnonzero(found.any(axis=(1, 2))):
        above = interpretation.filtered_map[i] >= levels[i]
        found[i] = hysteresis(above | found[i], found[i])
    return found


def _keep_slices(
    analysis: Analysis, allowed: Mask, box: Box, slice_ids: NDArray[np.integer]
) -> None:
    """Forbid axial slices without a mask of their own: a slice called healthy stays empty."""
    orientation = analysis.geometry.orientation
    axis, length = orientation.axes[2], analysis.geometry.canonical_shape[2]
    marked = np.zeros(length, dtype=bool)
    marked[slice_ids] = True
    along = (marked[::-1] if orientation.flips[2] else marked)[box[axis]]
    shape = [1, 1, 1]
    shape[axis] = len(along)
    allowed &= along.reshape(shape)


def _box_around(mask: Mask, margin: tuple[int, int, int]) -> Box | None:
    """Return the smallest box that holds the mask and a margin of voxels around it."""
    boxes = ndimage.find_objects(mask.view(np.int8))
    return _grown(boxes[0], margin, mask.shape) if boxes else None


def _grown(box: tuple[slice, ...], margin: tuple[int, int, int], shape: tuple[int, ...]) -> Box:
    """Return a box with a margin of voxels around it, as far as the array reaches."""
    x, y, z = (
        slice(max(0, side.start - more), min(length, side.stop + more))
        for side, more, length in zip(box, margin, shape, strict=True)
    )
    return x, y, z


def _inside(outer: Box, inner: Box) -> Box:
    """Return the inner box, counted from where the outer one is counted from."""
    sides = zip(outer, inner, strict=True)
    x, y, z = (slice(o.start + i.start, o.start + i.stop) for o, i in sides)
    return x, y, z


def _shared(one: Sequence[slice], other: Sequence[slice]) -> tuple[slice, ...]:
    """Return what two boxes share."""
    sides = zip(one, other, strict=True)
    return tuple(slice(max(o.start, p.start), min(o.stop, p.stop)) for o, p in sides)


def _counted_from(outer: Sequence[slice], inner: Sequence[slice]) -> tuple[slice, ...]:
    """Return the inner box, counted from the start of the outer one."""
    sides = zip(outer, inner, strict=True)
    return tuple(slice(i.start - o.start, i.stop - o.start) for o, i in sides)
