"""Read a layer as the reference mask of an analysis, and score a mask against it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_anofpdm.layers.mask_guess import looks_like_mask
from napari_anofpdm.layers.roles import is_drawn
from napari_anofpdm.space.layer_volume import lend_geometry, volume_of

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


def reference_of(layer: Layer, analysis: Analysis) -> NDArray[np.bool_]:
    """Read a layer as the reference mask of an analysis; any value except 0 is lesion.

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
    return np.asarray(volume.data != 0)
