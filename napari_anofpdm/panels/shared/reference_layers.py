"""Layers that may hold a known lesion, and their masks on the voxels of an analysis."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

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
