"""Make the plugin's layers with their appearance."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from napari.layers import Image, Labels
from napari.utils import Colormap, DirectLabelColormap
from napari.utils.colormaps import ensure_colormap

from napari_anofpdm.layers.roles import ROLE, SOURCES, Role
from napari_anofpdm.space.layer_volume import layer_data
from napari_anofpdm.space.placement import WORLD_AXES, WORLD_UNITS

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from anofpdm import Volume
    from anofpdm.analysis.metadata import SourceFile
    from napari_anofpdm.layers.step_arrays import StepArray
    from napari_anofpdm.space.placement import NetworkGrid, PlacedArray

NAMES: dict[Role, str] = {
    "map": "Anomaly map",
    "fused": "Fused map",
    "sam": "Step maps",
    "healthy": "Healthy-guided prediction",
    "unguided": "Unguided prediction",
    "preview": "Mask (preview)",
    "mask": "Mask",
}
_STEP_AXES = ("step", *WORLD_AXES)
_STEP_UNITS = ("dimensionless", *WORLD_UNITS)
_FOUND, _DRAWN = "#2dd4ff", "#e83fb8"
_FUSED_RANGE = (60.0, 99.9)  # percentiles of the brain at the ends of the fused map's colours
_COLOURS = 256
_OPAQUE_FROM = 0.25  # share of the colour range; below it, the map fades to transparent


def map_layer(data: NDArray[np.float32], grid: NetworkGrid) -> Image:
    """Make the layer of the aggregated anomaly map: zero is transparent."""
    return Image(
        data,
        name=NAMES["map"],
        scale=grid.scale,
        translate=grid.translate,
        axis_labels=WORLD_AXES,
        units=WORLD_UNITS,
        colormap=map_colours(),
        contrast_limits=(0.0, 1.0),
        interpolation2d="linear",
        blending="translucent",
        opacity=0.8,
        metadata={ROLE: "map"},
    )


def fused_layer(placed: PlacedArray) -> Image:
    """Make the layer of the fused map, on the scan's own voxels."""
    positive = placed.data[placed.data > 0]
    low, top = np.percentile(positive, _FUSED_RANGE) if positive.size else (0.0, 1.0)
    return Image(
        placed.data,
        name=NAMES["fused"],
        scale=placed.scale,
        translate=placed.translate,
        axis_labels=WORLD_AXES,
        units=WORLD_UNITS,
        colormap=map_colours(),
        contrast_limits=(float(low), max(float(top), float(low) + 1e-6)),
        interpolation2d="linear",
        blending="translucent",
        opacity=0.8,
        metadata={ROLE: "fused"},
    )


def steps_layer(array: StepArray, role: Role, grid: NetworkGrid) -> Image:
    """Make a 4-D layer (step, S, P, L) of step maps or predictions."""
    is_map = role == "sam"
    return Image(
        array,
        name=NAMES[role],
        rgb=False,
        multiscale=False,
        scale=(1.0, *grid.scale),
        translate=(0.0, *grid.translate),
        axis_labels=_STEP_AXES,
        units=_STEP_UNITS,
        colormap=map_colours() if is_map else "gray",
        contrast_limits=(0.0, 1.0) if is_map else (-1.0, 1.0),
        interpolation2d="linear",
        blending="translucent",
        opacity=0.8 if is_map else 1.0,
        metadata={ROLE: role},
    )


def preview_layer(placed: PlacedArray) -> Labels:
    """Make the layer of the mask preview, a contour that follows the settings; not editable."""
    layer = Labels(
        placed.data,
        name=NAMES["preview"],
        scale=placed.scale,
        translate=placed.translate,
        axis_labels=WORLD_AXES,
        units=WORLD_UNITS,
        colormap=mask_colours(_FOUND),
        opacity=1.0,
        metadata={ROLE: "preview"},
    )
    layer.contour = 1
    layer.editable = False
    return layer


def mask_layer(volume: Volume, sources: tuple[SourceFile, ...] = ()) -> Labels:
    """Make an editable mask layer from a copy of a volume of 0 and 1.

    Its metadata hold the scans that it was found in, so that it is never used for another patient.
    """
    data, attributes, _ = layer_data(volume, NAMES["mask"], "labels")
    metadata = {**attributes["metadata"], ROLE: "mask", SOURCES: sources}
    kept = {**attributes, "metadata": metadata, "colormap": mask_colours(_FOUND)}
    return Labels(np.array(data, order="C"), **kept)


def drawn_mask_colours() -> DirectLabelColormap:
    """Return the colour of a mask from a file, distinct from the map and the found mask."""
    return mask_colours(_DRAWN)


def map_colours(name: str = "inferno") -> Colormap:
    """Return a colormap of napari, transparent toward zero."""
    colors = np.array(ensure_colormap(name).map(np.linspace(0.0, 1.0, _COLOURS)))
    position = np.linspace(0.0, 1.0, len(colors))
    colors[:, 3] = np.clip(position / _OPAQUE_FROM, 0.0, 1.0)
    # A longer name would widen napari's controls of the layer, at the cost of the canvas.
    return Colormap(colors, name=f"{name} map")


def mask_colours(colour: str) -> DirectLabelColormap:
    """Return the colours of a mask of 0 and 1: none, and one."""
    return DirectLabelColormap(color_dict={0: "transparent", 1: colour, None: colour})
