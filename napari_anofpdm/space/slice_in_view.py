"""Which axial slice of a scan the viewer shows."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import napari.viewer
    from napari.layers import Layer

_SUPERIOR = -3  # world axis, counted from the last


def slice_in_view(viewer: napari.viewer.Viewer, layer: Layer) -> int:
    """Return a scan's canonical axial index at the viewer's point, clipped to the scan.

    0 where the viewer shows no volume, as once its last scan was removed.

    Parameters
    ----------
    viewer : napari.viewer.Viewer
    layer : napari.layers.Layer
        A scan as `napari_anofpdm.space.layer_volume` places it, axes (S, P, L).
    """
    if viewer.dims.ndim < -_SUPERIOR:
        return 0
    point = viewer.dims.point[_SUPERIOR]
    index = round((point - layer.translate[_SUPERIOR]) / layer.scale[_SUPERIOR])
    return int(min(max(index, 0), layer.data.shape[_SUPERIOR] - 1))
