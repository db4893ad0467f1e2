"""A scale bar that leaves the letter of the lower side free, in narrow canvases too."""

from __future__ import annotations

import weakref
from typing import TYPE_CHECKING

from napari_anofpdm.space.canvas_words import BAR_SHARE, words_room

if TYPE_CHECKING:
    from napari.viewer import Viewer

_LENGTHS_MM = (0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0, 200.0)
_LONGEST_PX = 150.0


def bar_length_mm(zoom: float, width_px: float) -> float:
    """Return the longest length of a bar that fits.

    Parameters
    ----------
    zoom : float
        Canvas pixels per mm.
    width_px : float
        Of the canvas.
    """
    most = min(_LONGEST_PX, BAR_SHARE * width_px) / max(zoom, 1e-9)
    return max((each for each in _LENGTHS_MM if each <= most), default=_LENGTHS_MM[0])


def show_scale_bar(viewer: Viewer) -> None:
    """Show the scale bar at the lower left of a canvas, and fit its length to it.

    A canvas too small for it shows none. napari shows its messages on the right.

    Parameters
    ----------
    viewer : napari.viewer.Viewer
        Its world is in mm.
    """
    mine = weakref.ref(viewer)
    bar = viewer.canvas.overlays.scale_bar
    bar.position = "bottom_left"
    had_room = False

    def fit(_: object = None) -> None:
        nonlocal had_room
        viewer = mine()
        if viewer is None:
            return
        has_room = words_room(*viewer.canvas.size).bar
        if has_room != had_room:  # else the user may have hidden it
            bar.visible = had_room = has_room
        length = bar_length_mm(viewer.scene.camera.zoom, viewer.canvas.size[1])
        if length != bar.length:
            bar.length = length
            # napari draws a new length with another zoom or font only.
            bar.events.font_size.emit(bar.font_size, bar.font_size)

    viewer.scene.camera.events.zoom.connect(fit)
    viewer.canvas.events.size.connect(fit)
    fit()
