"""`Pair`: two scans beside each other, their canvases linked."""

from __future__ import annotations

import weakref
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from napari_anofpdm.reading.central import Central
from napari_anofpdm.reading.fitting import Fitting
from napari_anofpdm.reading.linked_cameras import LinkedCameras
from napari_anofpdm.reading.plane_view import PlaneView
from napari_anofpdm.reading.title import set_title
from napari_anofpdm.space.placement import WORLD_AXES

if TYPE_CHECKING:
    from napari.layers import Layer
    from napari.viewer import Viewer

    from napari_anofpdm.reading.hands import Pointer


class Pair:
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
    view : PlaneView
        The canvas on the right.
    """

    def __init__(self, viewer: Viewer, left: Layer, right: Layer, pointer: Pointer) -> None:
        self._viewer = weakref.ref(viewer)
        self._was_visible = {layer: layer.visible for layer in viewer.layers}
        for layer in self._was_visible:
            layer.visible = layer == left
        central = Central(viewer)
        self.view = PlaneView(
            viewer,
            central.canvas,
            pointer,
            shows=lambda each: each == right,
            always=lambda each: each == right,
        )
        self._central: Central | None = central
        central.put_right(self.view.canvas)
        models = [viewer, self.view.model]
        self._cameras, self._fitting = LinkedCameras(models), Fitting(models)
        self._heard: list[tuple[Any, Callable[..., None]]] = [
            (viewer.dims.events.order, self._turn),
            (viewer.dims.events.ndim, self._turn),
            (viewer.dims.events.ndisplay, self._turn),
            (viewer.scene.camera.events.orientation, self._turn),
            (self.view.model.dims.events.ndim, self._turn),
        ]
        for signal, method in self._heard:
            signal.connect(method)
        set_title(viewer, left.name)
        self.view.set_title(right.name)
        self._turn()
        self._fitting.fit()

    def leave(self) -> None:
        """Let go of the viewer and of both canvases, as when its window is gone."""
        for signal, method in self._heard:
            signal.disconnect(method)
        self._heard, self._central = [], None
        self._cameras.leave()
        self._fitting.leave()
        self.view.leave()

    def close(self) -> None:
        """Take the right canvas away, and show again what was shown before."""
        central = self._central
        self.leave()
        self.view.close()
        if central is not None:
            central.take_back()
        viewer = self._viewer()
        if viewer is not None:
            set_title(viewer, "")
            for layer, visible in self._was_visible.items():
                if layer in viewer.layers:
                    layer.visible = visible
        self._was_visible = {}

    def _turn(self, _: object = None) -> None:
        """Show the plane that the viewer shows."""
        viewer, model = self._viewer(), self.view.model
        own = model.dims.ndim - len(WORLD_AXES)
        if viewer is None or viewer.dims.ndim < len(WORLD_AXES) or own < 0:
            return
        first = viewer.dims.ndim - len(WORLD_AXES)
        world = [axis - first for axis in viewer.dims.order if axis >= first]
        model.dims.ndisplay = viewer.dims.ndisplay
        model.dims.order = (*range(own), *(own + axis for axis in world))
        model.scene.camera.orientation2d = viewer.scene.camera.orientation2d
