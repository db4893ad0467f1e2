"""`Pair`: two scans beside each other, their canvases linked."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_anofpdm.reading.beside import Beside
from napari_anofpdm.reading.central import Central
from napari_anofpdm.reading.plane_view import PlaneView
from napari_anofpdm.space.title import set_title

if TYPE_CHECKING:
    from napari.layers import Layer
    from napari.viewer import Viewer

    from napari_anofpdm.reading.hands import Pointer


class Pair(Beside):
    """The canvas of a viewer shows one scan alone; another stands to its right.

    Parameters
    ----------
    viewer : napari.viewer.Viewer
    left, right : napari.layers.Layer
        Scans in the viewer.
    pointer : Pointer
        What a click on the right canvas does.

    Attributes
    ----------
    views : list of PlaneView
        The canvas on the right.
    """

    def __init__(self, viewer: Viewer, left: Layer, right: Layer, pointer: Pointer) -> None:
        view = PlaneView(
            viewer,
            Central(viewer).canvas,
            pointer,
            shows=lambda each: each == right,
            always=lambda each: each == right,
        )
        super().__init__(viewer, [view])
        for layer in viewer.layers:
            self.set_visible(layer, layer == left)
        set_title(viewer, left.name)
        view.set_title(right.name)
        self.start()
