"""Hide all but the scans for a moment."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from napari_anofpdm.layers.roles import ROLE
from napari_anofpdm.layers.windows import is_scan

if TYPE_CHECKING:
    from napari.layers import Layer
    from napari.viewer import Viewer


@contextmanager
def hidden_overlays(viewer: Viewer, but: Layer | None = None) -> Iterator[None]:
    """Make all layers but the scans transparent; the active layer neither paints nor selects.

    The layers stay visible to the program: an edited mask still counts.

    Parameters
    ----------
    viewer : napari.viewer.Viewer
    but : napari.layers.Layer, optional
        Another layer that stays.
    """
    scans = [x for x in viewer.layers if is_scan(x) or x.metadata.get(ROLE) == "follow_up"]
    scans += [] if but is None else [but]
    overlays = [layer for layer in viewer.layers if scans and layer not in scans]
    opacities = [layer.opacity for layer in overlays]
    active = viewer.layers.selection.active
    mode = None if active is None else getattr(active, "mode", None)
    for layer in overlays:
        layer.opacity = 0.0
    if mode is not None:
        active.mode = "pan_zoom"
    try:
        yield
    finally:
        for layer, opacity in zip(overlays, opacities, strict=True):
            layer.opacity = opacity
        if mode is not None:
            active.mode = mode
