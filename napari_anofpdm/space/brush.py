"""Whether the user paints: a mode of napari's active layer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from napari.viewer import Viewer

_REST = "pan_zoom"


def is_painting(viewer: Viewer) -> bool:
    """Return whether the active layer has a brush or another tool in hand."""
    active = viewer.layers.selection.active
    return active is not None and str(getattr(active, "mode", _REST)) != _REST


def put_brush_away(viewer: Viewer) -> None:
    """Let the mouse move the picture again."""
    if is_painting(viewer):
        active: Any = viewer.layers.selection.active
        active.mode = _REST
