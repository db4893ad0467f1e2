"""A canvas that is black in every theme: grey values are read against black."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from napari.viewer import Viewer


def keep_canvas_dark(viewer: Viewer) -> None:
    """Make the canvas of a viewer black, whatever the theme of the window."""
    viewer.canvas.background_color_override = "black"
