"""`TwoTimes`: baseline and follow-up with their lesions, beside each other."""

from __future__ import annotations

import weakref
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from napari_anofpdm.comparing.layers import is_later
from napari_anofpdm.layers.roles import ROLE
from napari_anofpdm.reading.central import Central
from napari_anofpdm.reading.fitting import Fitting
from napari_anofpdm.reading.linked_cameras import LinkedCameras
from napari_anofpdm.reading.plane_view import PlaneView
from napari_anofpdm.reading.title import set_title

if TYPE_CHECKING:
    from napari.layers import Layer
    from napari.viewer import Viewer

    from napari_anofpdm.comparing.comparison import Comparison
    from napari_anofpdm.comparing.layers import ComparisonLayers
    from napari_anofpdm.reading.hands import Pointer


class TwoTimes:
    """The canvas of a viewer shows the baseline; the follow-up stands to its right.

    Parameters
    ----------
    viewer : napari.viewer.Viewer
    comparison : Comparison
    layers : ComparisonLayers
    pointer : Pointer
        Gets the clicks on both canvases.

    Attributes
    ----------
    views : list of PlaneView
        The follow-up.
    """

    def __init__(
        self, viewer: Viewer, comparison: Comparison, layers: ComparisonLayers, pointer: Pointer
    ) -> None:
        self._viewer, self._layers = weakref.ref(viewer), layers
        central = Central(viewer)
        self.views = [PlaneView(viewer, central.canvas, pointer, shows=is_later, always=is_later)]
        self.views[0].hands.measuring = False  # the values would be the baseline's
        self._central: Central | None = central
        central.put_right(*(view.canvas for view in self.views))
        self._hidden: list[Layer] = []
        models = [viewer, *(view.model for view in self.views)]
        self._cameras, self._fitting = LinkedCameras(models), Fitting(models)
        self._heard: list[tuple[Any, Callable[..., None]]] = [
            (viewer.dims.events.order, self._turn),
            (viewer.dims.events.ndim, self._turn),
            (viewer.dims.events.ndisplay, self._turn),
            (viewer.scene.camera.events.orientation, self._turn),
            *((view.model.dims.events.ndim, self._turn) for view in self.views),
            (viewer.layers.events.inserted, self._on_inserted),
            (comparison.changed, self._sort_out),
        ]
        for signal, method in self._heard:
            signal.connect(method)
        self._sort_out()
        set_title(viewer, "Baseline")
        self.views[0].set_title("Follow-up")
        self._turn()
        self._fitting.fit()

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
        """Take the follow-up away, and show on the canvas what was hidden."""
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
        self._hide(event.value)

    def _sort_out(self, _: object = None) -> None:
        """Show the baseline with its lesions alone."""
        viewer, baseline = self._viewer(), self._layers.baseline
        if viewer is None:
            return
        if baseline is not None:
            baseline.visible = True
            self._hidden = [layer for layer in self._hidden if layer is not baseline]
        for layer in viewer.layers:
            self._hide(layer)

    def _hide(self, layer: Layer) -> None:
        own = layer is self._layers.baseline or layer.metadata.get(ROLE) == "baseline_changes"
        if layer.visible and not own:
            layer.visible = False
            self._hidden.append(layer)

    def _turn(self, _: object = None) -> None:
        for view in self.views:
            view.turn_with_main()
