"""`SideBySide`: the scan, its healthy prediction and the anomaly map, beside each other."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from napari_anofpdm.layers.roles import ROLE, is_drawn
from napari_anofpdm.reading.beside import Beside
from napari_anofpdm.reading.central import Central
from napari_anofpdm.reading.plane_view import PlaneView
from napari_anofpdm.space.placement import WORLD_AXES
from napari_anofpdm.space.title import set_title

if TYPE_CHECKING:
    from napari.layers import Layer
    from napari.viewer import Viewer

    from napari_anofpdm.layers.step_layers import StepLayers
    from napari_anofpdm.reading.hands import Pointer
    from napari_anofpdm.session.session import Session

_ON_MAP = ("map", "preview", "mask")
_EXAGGERATES = 5.0
"""Guidance above which the prediction goes visibly beyond healthy tissue.

Guidance multiplies the distance of the healthy from the unguided prediction by 1 + w. The limit is
a choice, not a measurement.
"""


class SideBySide(Beside):
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
        self._session, self._steps = session, steps
        canvas = Central(viewer).canvas
        prediction = PlaneView(viewer, canvas, pointer, shows=lambda _: False)
        found = PlaneView(
            viewer,
            canvas,
            pointer,
            shows=lambda layer: layer.metadata.get(ROLE) in _ON_MAP,
            always=lambda layer: layer.metadata.get(ROLE) in ("map", "preview"),
        )
        super().__init__(viewer, [prediction, found])
        for layer in viewer.layers:
            self._hide(layer)
        steps.come_forward = False
        self.listen(
            (viewer.layers.events.inserted, self._on_inserted),
            (session.analysis_changed, self._renew),
            (session.step_changed, self._name),
            (session.settings_changed, self._name),
        )
        self._renew()
        self.start()

    def leave(self) -> None:
        """Let go of the viewer and of all canvases, as when its window is gone."""
        self._steps.come_forward = True
        super().leave()

    def _on_inserted(self, event: Any) -> None:
        layer = event.value
        if layer.metadata.get(ROLE) == "sam":
            layer.visible = False  # hidden in the single view, too, until a step is chosen
        self._hide(layer)

    def _hide(self, layer: Layer) -> None:
        """Keep what the plugin draws off the scan."""
        if is_drawn(layer):
            self.set_visible(layer, False)

    def _renew(self, _: object = None) -> None:
        """Show the prediction of the analysis in view."""
        model = self.views[0].model
        model.layers.clear()
        layer: Layer | None = self._steps.prediction_layer()
        if layer is not None:
            self.views[0].add(layer)
        self.turn()
        self._name()

    def _name(self, _: object = None) -> None:
        viewer, analysis = self._viewer(), self._session.analysis
        if viewer is not None:
            set_title(viewer, "Scan")
        missing = "" if analysis is not None else ": none yet"
        settings, strength = self._session.settings, ""
        if settings is not None and analysis is not None:
            strength = _strength(analysis.metadata.picture_guidance(settings.guidance))
        self.views[0].set_title(f"Healthy{missing}{strength}")
        self.views[1].set_title(f"Map{missing}")
        if analysis is not None and self.views[0].model.dims.ndim > len(WORLD_AXES):
            self.views[0].model.dims.set_point(0, float(self._session.step))


def _strength(guidance: float) -> str:
    """Say how strongly a prediction was steered, in lines left of the letter A of 300 pixels."""
    return f"\nw = {guidance:.4g}" + ("\n(exaggerated)" if guidance > _EXAGGERATES else "")
