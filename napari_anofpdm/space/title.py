"""The title of a canvas, in its upper left corner."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from napari.viewer import Viewer

_NAME = "anofpdm_title"
_FONT_SIZE = 9


def set_title(viewer: Viewer, text: str) -> None:
    """Write a title on the canvas of a viewer; an empty one takes it away."""
    from napari.components.overlays import TextOverlay

    overlays = viewer.canvas.overlays
    if _NAME not in overlays:
        if not text:
            return
        overlays[_NAME] = TextOverlay(position="top_left", font_size=_FONT_SIZE)
    overlays[_NAME].text = text
    overlays[_NAME].visible = bool(text)
