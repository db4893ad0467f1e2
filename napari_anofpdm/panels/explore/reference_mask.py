"""Read a layer as the reference mask of an analysis, and score a mask against it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_anofpdm.layers.roles import is_drawn
from napari_anofpdm.space.layer_volume import lend_geometry, volume_of
from napari_anofpdm.space.mask_guess import as_labels, looks_like_mask

if TYPE_CHECKING:
    from napari.layers import Layer
    from numpy.typing import NDArray

    from anofpdm import Analysis


def mask_layers(layers: Iterable[Layer]) -> list[Layer]:
    """Return the layers that may hold a reference mask, labels layers first."""
    from napari.layers import Image, Labels

    kinds = (Image, Labels)
    found = [each for each in layers if isinstance(each, kinds) and each.ndim == 3]
    own = [layer for layer in found if not is_drawn(layer)]
    return sorted(own, key=lambda layer: not isinstance(layer, Labels))


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


def reference_of(layer: Layer, analysis: Analysis) -> NDArray[np.bool_]:
    """Read a layer as the reference mask of an analysis; any value above 0 is lesion.

    Parameters
    ----------
    layer : napari.layers.Layer
        A labels layer, or an image that holds a mask. A layer without an affine, made in the
        viewer, must lie exactly on the scan.

    Returns
    -------
    ndarray of bool, shape of the scan

    Raises
    ------
    AnofpdmError
        If the layer is on another grid than the scan, or holds no mask.
    """
    from napari.layers import Labels

    from anofpdm import Volume
    from anofpdm.common.errors import GeometryError, VolumeError
    from anofpdm.scans.same_grid import on_grid_of

    scan = analysis.geometry.as_volume(analysis.foreground_native, "analysed")
    refused = f"Layer '{layer.name}' cannot be used as the reference:"
    try:
        lend_geometry(layer, scan)
        volume = volume_of(layer)
        volume = on_grid_of(scan, Volume(volume.data, volume.affine, "reference"))
    except (GeometryError, VolumeError) as error:
        raise GeometryError(f"{refused} {error}") from error
    if not isinstance(layer, Labels) and not looks_like_mask(volume.data):
        raise VolumeError(
            f"{refused} it holds scan intensities, not a mask; choose a labels layer."
        )
    return np.asarray(as_labels(volume.data) > 0)
