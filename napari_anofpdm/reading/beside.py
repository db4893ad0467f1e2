"""`Beside`: canvases to the right of a viewer's own, which show the same plane and point."""

from __future__ import annotations

import weakref
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from napari_anofpdm.reading.central import Central
from napari_anofpdm.reading.fitting import Fitting
from napari_anofpdm.reading.linked_cameras import LinkedCameras
from napari_anofpdm.space.title import set_title

if TYPE_CHECKING:
    from napari.layers import Layer
    from napari.viewer import Viewer

    from napari_anofpdm.reading.plane_view import PlaneView


class Beside:
    """Puts canvases beside a viewer's own, links planes and cameras, and hides layers meanwhile.

    Parameters
    ----------
    viewer : napari.viewer.Viewer
    views : sequence of PlaneView
        Shown from left to right.

    Attributes
    ----------
    views : list of PlaneView
    """

    def __init__(self, viewer: Viewer, views: Sequence[PlaneView]) -> None:
        self._viewer = weakref.ref(viewer)
        self.views = list(views)
        self._central: Central | None = Central(viewer)
        self._central.put_right(*(view.canvas for view in self.views))
        self._before: dict[Layer, bool] = {}
        models = [viewer, *(view.model for view in self.views)]
        self._cameras, self._fitting = LinkedCameras(models), Fitting(models)
        self._heard: list[tuple[Any, Callable[..., None]]] = []
        self.listen(
            (viewer.dims.events.order, self.turn),
            (viewer.dims.events.ndim, self.turn),
            (viewer.dims.events.ndisplay, self.turn),
            (viewer.scene.camera.events.orientation, self.turn),
            *((view.model.dims.events.ndim, self.turn) for view in self.views),
        )

    def listen(self, *heard: tuple[Any, Callable[..., None]]) -> None:
        """Call functions on signals until the canvases are left."""
        for signal, method in heard:
            signal.connect(method)
        self._heard += heard

    def start(self) -> None:
        """Show the viewer's plane, and fit the head into all canvases."""
        self.turn()
        self._fitting.fit()

    def turn(self, _: object = None) -> None:
        """Show the plane that the viewer shows."""
        for view in self.views:
            view.turn_with_main()

    def set_visible(self, layer: Layer, visible: bool) -> None:
        """Show or hide a layer of the viewer until the canvases are closed."""
        if layer.visible != visible:
            self._before.setdefault(layer, layer.visible)
            layer.visible = visible

    def leave(self) -> None:
        """Let go of the viewer and of all canvases, as when its window is gone."""
        for signal, method in self._heard:
            signal.disconnect(method)
        self._cameras.leave()
        self._fitting.leave()
        for view in self.views:
            view.leave()
        self._heard, self.views, self._central = [], [], None

    def close(self) -> None:
        """Take the canvases away, and show the layers as they were."""
        views, central = self.views, self._central
        self.leave()
        for view in views:
            view.close()
        if central is not None:
            central.take_back()
        viewer = self._viewer()
        if viewer is not None:
            set_title(viewer, "")
            for layer, visible in self._before.items():
                if layer in viewer.layers:
                    layer.visible = visible
        self._before = {}
