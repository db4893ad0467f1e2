"""Convert a volume to a napari layer in world space, and a layer back to its volume."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from napari_anofpdm.space.placement import WORLD_AXES, WORLD_UNITS, place

if TYPE_CHECKING:
    from napari.layers import Layer
    from numpy.typing import NDArray

    from anofpdm import Volume

LayerKind = Literal["image", "labels"]
LayerData = tuple["NDArray[np.generic]", dict[str, Any], LayerKind]
"""Data, attributes and type, as napari's readers return a layer."""

_SHIFT_TOLERANCE = 0.01  # voxels; napari keeps scale and translate in float64


def layer_data(volume: Volume, name: str, kind: LayerKind) -> LayerData:
    """Make the layer-data tuple of a volume.

    Parameters
    ----------
    volume : Volume
        Any orientation.
    name : str
        The layer's name.
    kind : {"image", "labels"}
        Labels need integer voxels.

    Returns
    -------
    tuple of ndarray (s, a, r), dict, str
        The voxels are a view of the volume's. The metadata carry the true affine (``affine``) and
        the volume with its header and path (``volume``), which `volume_of` needs.
    """
    placed = place(volume)
    attributes = {
        "name": name,
        "scale": placed.scale,
        "translate": placed.translate,
        "axis_labels": WORLD_AXES,
        "units": WORLD_UNITS,
        "metadata": {"affine": volume.affine, "volume": volume},
    }
    return placed.data, attributes, kind


def volume_of(layer: Layer, modality: str | None = None) -> Volume:
    """Return the volume that a layer shows, with the layer's current voxels.

    Parameters
    ----------
    layer : napari.layers.Layer
        An image or labels layer made by this plugin, edited or not.
    modality : str, optional
        Name of the contrast; by default the one the layer was made with.

    Returns
    -------
    Volume
        On the input's grid, with its affine and header.

    Raises
    ------
    VolumeError
        If the layer has no affine, or is not a single 3-D volume.
    GeometryError
        If it was cropped, resampled or moved since it was made.
    """
    data, attributes, _ = layer.as_layer_data_tuple()
    return volume_of_data(data, attributes, modality)


def volume_of_data(
    data: Any,
    attributes: Mapping[str, Any],
    modality: str | None = None,
) -> Volume:
    """Return the volume of a layer-data tuple: `volume_of` for writers.

    Parameters
    ----------
    data : array-like, shape (s, a, r)
    attributes : mapping
        As `layer_data` makes them and ``layer.as_layer_data_tuple()`` returns them.
    modality : str, optional
        Name of the contrast.

    Raises
    ------
    VolumeError, GeometryError
        See `volume_of`.
    """
    from anofpdm import Volume
    from anofpdm.common.errors import GeometryError, VolumeError
    from anofpdm.scans.orientation import Orientation

    name = attributes.get("name", "")
    metadata = attributes.get("metadata", {})
    affine, source = metadata.get("affine"), metadata.get("volume")
    if affine is None:
        raise VolumeError(
            f"Layer '{name}' has no affine, so its position in the patient is unknown; open the "
            "scan with AnoFPDM (Open scans in the Analyse panel)."
        )
    if np.ndim(data) != 3:
        raise VolumeError(f"Layer '{name}' has {np.ndim(data)} axes; a scan has three.")
    orientation = Orientation.of_affine(np.asarray(affine))
    voxels = orientation.to_input(np.asarray(data).transpose())
    if source is None:
        volume = Volume(voxels, affine, modality)
    elif voxels.shape == source.shape:
        volume = replace(source, data=voxels, affine=affine, modality=modality or source.modality)
    else:
        raise GeometryError(
            f"Layer '{name}' has shape {voxels.shape}, but its scan has shape {source.shape}: it "
            "was cropped or resampled and is on another grid; use the layer as it was opened."
        )
    if not _stands_where_placed(volume, attributes):
        raise GeometryError(
            f"Layer '{name}' was moved, scaled or rotated since it was opened; reset its "
            "transform, or open it again."
        )
    return volume


def lend_geometry(layer: Layer, volume: Volume) -> bool:
    """Give a layer without an affine that of a volume, if it lies exactly on its voxels.

    Parameters
    ----------
    layer : napari.layers.Layer
        For instance labels just made with napari's own button.
    volume : Volume

    Returns
    -------
    bool
        Whether the layer was given the affine.
    """
    if layer.metadata.get("affine") is not None:
        return False
    if getattr(layer.data, "shape", None) != place(volume).data.shape:
        return False
    if not _stands_where_placed(volume, layer.as_layer_data_tuple()[1]):
        return False
    layer.metadata = layer.metadata | {"affine": volume.affine, "volume": volume}
    return True


def _stands_where_placed(volume: Volume, attributes: Mapping[str, Any]) -> bool:
    placed = place(volume)
    still: dict[str, Any] = {"rotate": np.eye(3), "shear": 0.0, "affine": np.eye(4)}
    if any(not np.allclose(attributes.get(key, value), value) for key, value in still.items()):
        return False
    size = np.abs(placed.scale)
    start = np.subtract(attributes.get("translate", placed.translate), placed.translate)
    growth = np.subtract(attributes.get("scale", placed.scale), placed.scale)
    end = start + growth * (np.asarray(placed.data.shape) - 1)
    return bool((np.abs([start, end]) <= _SHIFT_TOLERANCE * size).all())
