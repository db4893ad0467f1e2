"""Window presets: the range of intensities from black to white."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from napari_anofpdm.layers.roles import ROLE

if TYPE_CHECKING:
    import napari.viewer
    from napari.layers import Image, Layer
    from numpy.typing import NDArray

WindowName = Literal["brain", "narrow", "full"]
_METADATA_KEY = "anofpdm_window"
_BY_HAND = "by hand"
_WIDEN_PX = 200.0  # a drag of this length makes a window e times as wide
_LEVEL_PX = 300.0  # a drag of this length moves a window by its own width
# A scan with more negative voxels than ringing causes is normalised, with tissue below 0 too.
_NEGATIVE_SHARE = 0.1


@dataclass(frozen=True)
class Window:
    """A window preset.

    Attributes
    ----------
    title : str
        Its name in menus and messages.
    percentiles : tuple of float
        Percentiles of the voxels that it uses; the lower is black, the upper white.
    brain_only : bool
        Whether it uses only the foreground (brighter than background), or all voxels.
    """

    title: str
    percentiles: tuple[float, float]
    brain_only: bool


WINDOWS: dict[WindowName, Window] = {
    "brain": Window("brain (1st to 99th percentile)", (1.0, 99.0), True),
    "narrow": Window("middle of the brain (10th to 90th percentile)", (10.0, 90.0), True),
    "full": Window("full range (darkest to brightest voxel)", (0.0, 100.0), False),
}
"""In the order in which the key cycles through them."""


def window_limits(data: NDArray[Any], name: WindowName) -> tuple[float, float]:
    """Return the intensities that a preset shows as black and white.

    Parameters
    ----------
    data : ndarray, shape (s, a, r)
        A scan in its own units; NaN and infinite voxels are ignored.
    name : {"brain", "narrow", "full"}

    Returns
    -------
    tuple of float
        Lower and upper limit; the upper is larger even for a constant scan.
    """
    window = WINDOWS[name]
    values = data[np.isfinite(data)]
    if window.brain_only:
        inside = _brain_values(data, values)
        values = inside if inside.size else values
    if values.size == 0:
        return 0.0, 1.0
    low, high = (float(v) for v in np.percentile(values, window.percentiles))
    return low, high if high > low else low + 1.0


def _brain_values(data: NDArray[Any], finite: NDArray[Any]) -> NDArray[Any]:
    from anofpdm.scans.foreground import CleanVoxels, foreground_of

    inside: NDArray[Any] = data[foreground_of(CleanVoxels(data)) & np.isfinite(data)]
    if np.count_nonzero(finite < 0) > _NEGATIVE_SHARE * inside.size:
        inside = finite[finite != 0]
    return inside


def apply_window(layer: Image, name: WindowName) -> None:
    """Set a layer's contrast limits to a preset, and its slider to the full range."""
    data = np.asarray(layer.data)
    limits = window_limits(data, name)
    full = limits if name == "full" else window_limits(data, "full")
    layer.contrast_limits_range = (min(full[0], limits[0]), max(full[1], limits[1]))
    layer.contrast_limits = limits
    layer.metadata[_METADATA_KEY] = name


def is_scan(layer: Layer) -> bool:
    """Return whether a layer is a scan opened by this plugin, not one of its results."""
    from napari.layers import Image

    known = layer.metadata
    return isinstance(layer, Image) and "volume" in known and ROLE not in known


def scans_of(viewer: napari.viewer.Viewer) -> list[Image]:
    """Return the scans among the selected layers, or all scans if none is selected."""
    scans = [layer for layer in viewer.layers if is_scan(layer)]
    return [layer for layer in scans if layer in viewer.layers.selection] or scans


def next_window(viewer: napari.viewer.Viewer) -> None:
    """Apply the next preset to the selected scans, or to all if none is selected."""
    scans = scans_of(viewer)
    if not scans:
        return
    names = list(WINDOWS)
    before = scans[0].metadata.get(_METADATA_KEY)
    after = names.index(before) + 1 if before in names else 0
    set_window(viewer, names[after % len(names)])


def set_window(viewer: napari.viewer.Viewer, name: WindowName) -> None:
    """Apply a preset to the selected scans, or to all if none is selected."""
    for layer in scans_of(viewer):
        apply_window(layer, name)
    viewer.status = f"Window: {WINDOWS[name].title}"


def drag_window(viewer: napari.viewer.Viewer, wider: float, brighter: float) -> None:
    """Change the window of the selected scans, or of all if none is selected, by hand.

    Parameters
    ----------
    viewer : napari.viewer.Viewer
    wider, brighter : float
        Way of the pointer in pixels: to the right the window widens, upward the scan brightens.
    """
    for layer in scans_of(viewer):
        low, high = (float(limit) for limit in layer.contrast_limits)
        width = high - low
        level = (low + high) / 2 - width * brighter / _LEVEL_PX
        half = max(width * float(np.exp(wider / _WIDEN_PX)), _least_width(layer)) / 2
        bottom, top = layer.contrast_limits_range
        layer.contrast_limits_range = (min(bottom, level - half), max(top, level + half))
        layer.contrast_limits = (level - half, level + half)
        layer.metadata[_METADATA_KEY] = _BY_HAND


def _least_width(layer: Image) -> float:
    bottom, top = layer.contrast_limits_range
    return float(max((top - bottom) * 1e-4, 1e-9))
