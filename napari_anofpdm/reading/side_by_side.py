"""`SideBySide`: the scan, its healthy prediction and the anomaly map, beside each other."""

from __future__ import annotations

import weakref
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from napari_anofpdm.layers.roles import ROLE, is_drawn
from napari_anofpdm.reading.central import Central
from napari_anofpdm.reading.fitting import Fitting
from napari_anofpdm.reading.linked_cameras import LinkedCameras
from napari_anofpdm.reading.plane_view import PlaneView
from napari_anofpdm.reading.title import set_title
from napari_anofpdm.space.placement import WORLD_AXES

if TYPE_CHECKING:
    from napari.layers import Layer
    from napari.viewer import Viewer

    from napari_anofpdm.layers.step_layers import StepLayers
    from napari_anofpdm.reading.hands import Pointer
    from napari_anofpdm.session.session import Session

_ON_MAP = ("map", "preview", "mask")


class SideBySide:
    """The canvas of a viewer shows the scan alone; prediction and map stand to its right.

    Parameters
    ----------
    viewer : napari.viewer.Viewer
    session : Session
        Its step tells which noise level the prediction is of.
    steps : StepLayers
        Makes the prediction's layer.
    pointer : Pointer
        Gets the clicks on all canvases.

    Attributes
    ----------
    views : list of PlaneView
        The prediction and the map.
    """

    def __init__(
        self, viewer: Viewer, session: Session, steps: StepLayers, pointer: Pointer
    ) -> None:
        self._viewer = weakref.ref(viewer)
        self._session, self._steps = session, steps
        central = Central(viewer)
        prediction = PlaneView(viewer, central.canvas, pointer, shows=lambda _: False)
        found = PlaneView(
            viewer,
            central.canvas,
            pointer,
            shows=lambda layer: layer.metadata.get(ROLE) in _ON_MAP,
            always=lambda layer: layer.metadata.get(ROLE) in ("map", "preview"),
        )
        self.views = [prediction, found]
        self._central: Central | None = central
        central.put_right(*(view.canvas for view in self.views))
        self._hidden: list[Layer] = []
        for layer in viewer.layers:
            self._hide(layer)
        steps.come_forward = False
        models = [viewer, *(view.model for view in self.views)]
        self._cameras, self._fitting = LinkedCameras(models), Fitting(models)
        self._heard: list[tuple[Any, Callable[..., None]]] = [
            (viewer.dims.events.order, self._turn),
            (viewer.dims.events.ndim, self._turn),
            (viewer.dims.events.ndisplay, self._turn),
            (viewer.scene.camera.events.orientation, self._turn),
            *((view.model.dims.events.ndim, self._turn) for view in self.views),
            (viewer.layers.events.inserted, self._on_inserted),
            (session.analysis_changed, self._renew),
            (session.step_changed, self._name),
        ]
        for signal, method in self._heard:
            signal.connect(method)
        self._renew()
        self._turn()
        self._fitting.fit()

    def leave(self) -> None:
        """Let go of the viewer and of all canvases, as when its window is gone."""
        for signal, method in self._heard:
            signal.disconnect(method)
        self._steps.come_forward = True
        self._cameras.leave()
        self._fitting.leave()
        for view in self.views:
            view.leave()
        self._heard, self.views, self._central = [], [], None

    def close(self) -> None:
        """Take prediction and map away, and show on the scan what was hidden."""
        views, central = self.views, self._central
        self.leave()
        for view in views:
            view.close()
        if central is not None:
            central.take_back()
        viewer = self._viewer()
        if viewer is not None:
            set_title(viewer, "")
            for layer in self._hidden:
                if layer in viewer.layers:
                    layer.visible = True
        self._hidden = []

    def _on_inserted(self, event: Any) -> None:
        layer = event.value
        if layer.metadata.get(ROLE) == "sam":
            layer.visible = False  # hidden in the single view, too, until a step is chosen
        self._hide(layer)

    def _hide(self, layer: Layer) -> None:
        """Keep what the plugin draws off the scan."""
        if is_drawn(layer) and layer.visible:
            layer.visible = False
            self._hidden.append(layer)

    def _renew(self, _: object = None) -> None:
        """Show the prediction of the analysis in view."""
        model = self.views[0].model
        model.layers.clear()
        layer: Layer | None = self._steps.prediction_layer()
        if layer is not None:
            self.views[0].add(layer)
        self._turn()
        self._name()

    def _name(self, _: object = None) -> None:
        viewer, analysis = self._viewer(), self._session.analysis
        if viewer is not None:
            set_title(viewer, "Scan")
        missing = "" if analysis is not None else ": none yet"
        self.views[0].set_title(f"Healthy{missing}")
        self.views[1].set_title(f"Map{missing}")
        if analysis is not None and self.views[0].model.dims.ndim > len(WORLD_AXES):
            self.views[0].model.dims.set_point(0, float(self._session.step))

    def _turn(self, _: object = None) -> None:
        """Show the plane that the viewer shows."""
        for view in self.views:
            view.turn_with_main()
