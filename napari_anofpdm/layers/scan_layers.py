"""The scans that an analysis keeps, as layers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_anofpdm.space.layer_volume import LayerData, layer_data

if TYPE_CHECKING:
    from napari.layers import Layer

    from anofpdm import Analysis


def scan_layer_data(analysis: Analysis, name: str) -> list[LayerData]:
    """Return the scans of an analysis as layer data, or, where it kept none, the brain.

    Parameters
    ----------
    analysis : Analysis
    name : str
        Begins the names of the layers.
    """
    geometry = analysis.geometry
    layers = [
        layer_data(geometry.as_volume(voxels, modality), f"{name} {modality}", "image")
        for modality, voxels in analysis.native.items()
    ]
    if not layers:
        brain = geometry.as_volume(analysis.foreground_native.astype("uint8"))
        layers = [layer_data(brain, f"{name} brain", "labels")]
    return layers


def scan_layers(analysis: Analysis, name: str) -> list[Layer]:
    """Make the layers of `scan_layer_data`."""
    from napari.layers import Layer

    return [Layer.create(*data) for data in scan_layer_data(analysis, name)]
