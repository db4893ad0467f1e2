"""The 4-D layers that show the steps of the forward process."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from weakref import WeakSet

from napari_anofpdm.layers.step_arrays import StepArray, StepKind, StepSource
from napari_anofpdm.space.prediction_window import PredictionWindow

if TYPE_CHECKING:
    from napari.layers import Layer
    from napari.viewer import Viewer

    from anofpdm import Analysis, Settings
    from napari_anofpdm.layers.shown_layers import ShownLayers
    from napari_anofpdm.session.session import Session
    from napari_anofpdm.space.placement import NetworkGrid

_KINDS: tuple[StepKind, ...] = ("unguided", "healthy", "sam")


class StepLayers:
    """Shows the step maps, and on request the predictions, each as one lazy 4-D layer.

    Parameters
    ----------
    viewer : napari.viewer.Viewer
        Holds the scan, whose window the predictions have.
    layers : ShownLayers
    session : Session
    """

    def __init__(self, viewer: Viewer, layers: ShownLayers, session: Session) -> None:
        self._layers, self._session = layers, session
        self._source = StepSource(session)
        self._grid: NetworkGrid | None = None
        self._seen: tuple[Any, ...] = ()
        self._swapped = False
        self._elsewhere: WeakSet[Layer] = WeakSet()
        self._window = PredictionWindow(viewer, lambda: session.analysis)
        self.come_forward = True
        """Whether the step maps take the map's place when the user first changes the step."""
        session.settings_changed.connect(self._on_settings)
        session.slices_done.connect(self._on_slices)
        session.step_changed.connect(self._on_step)
        session.modality_changed.connect(self._refresh)
        session.slice_interpreted.connect(self._on_result)
        session.volume_interpreted.connect(self._on_result)

    def show(self, analysis: Analysis, grid: NetworkGrid) -> None:
        """Add the step maps, hidden until the step changes, and predictions if they were shown.

        Parameters
        ----------
        analysis : Analysis
        grid : NetworkGrid
            Placement of the slices of the analysis.
        """
        former = self._layers.layer("sam")
        self._source = StepSource(self._session)
        self._grid, self._swapped = grid, False
        for kind in _KINDS[::-1]:
            if kind == "sam" or self._layers.layer(kind) is not None:
                self._show(kind, analysis)
        layer = self._layers.layer("sam")
        if layer is not None and layer is not former:
            layer.visible = False
        self._window.renew()

    def show_predictions(self, shown: bool) -> None:
        """Add or remove the layers of both predictions."""
        analysis = self._session.analysis
        for kind in ("unguided", "healthy"):
            if not shown:
                self._layers.remove(kind)
            elif analysis is not None and self._layers.layer(kind) is None:
                self._show(kind, analysis)

    def blend(self, share: float) -> None:
        """Lay the healthy-guided prediction over the scan.

        Parameters
        ----------
        share : float
            Opacity of the prediction, 0 (the scan alone) to 1. With 0 the layer goes, or is
            hidden where both predictions were asked for.
        """
        analysis = self._session.analysis
        if analysis is None:
            return
        if share > 0 and self._layers.layer("healthy") is None:
            self._show("healthy", analysis)
        layer = self._layers.layer("healthy")
        if layer is None:
            return
        if share > 0:
            layer.opacity = share
            layer.visible = True
        elif self._layers.layer("unguided") is None:
            self._layers.remove("healthy")
        else:
            layer.visible = False

    def prediction_layer(self) -> Layer | None:
        """Make a layer of the healthy-guided prediction for another canvas, redrawn with the rest.

        Returns
        -------
        napari.layers.Layer or None
            None without an analysis.
        """
        analysis = self._session.analysis
        if analysis is None or self._grid is None:
            return None
        layer = self._made("healthy", analysis, self._grid)
        self._elsewhere.add(layer)
        return layer

    def _show(self, kind: StepKind, analysis: Analysis) -> None:
        if self._grid is not None:
            layer = self._made(kind, analysis, self._grid)
            self._layers.show(kind, layer, below=None if kind == "sam" else "sam")

    def _made(self, kind: StepKind, analysis: Analysis, grid: NetworkGrid) -> Layer:
        from napari_anofpdm.layers.layer_making import steps_layer

        array = StepArray(
            self._source,
            kind,
            len(analysis.timesteps),
            grid,
            {int(k): position for position, k in enumerate(analysis.slice_ids)},
            lambda: self._channel(kind),
        )
        layer = steps_layer(array, kind, grid)
        if kind != "sam":
            self._window.add(layer)
        return layer

    def _channel(self, kind: StepKind) -> int | None:
        """Return the index of the modality to show; predictions cannot be averaged."""
        analysis, modality = self._session.analysis, self._session.modality
        if analysis is not None and modality is not None:
            return analysis.scored.index(modality)
        return None if kind == "sam" else 0

    def _refresh(self) -> None:
        self._layers.refresh(*_KINDS)
        if not self._session.is_closed:
            for layer in self._elsewhere:
                layer.refresh(extent=False)

    def _on_settings(self, settings: Settings) -> None:
        now = (settings.guidance, settings.sam, settings.polarity)
        if now != self._seen:
            self._seen = now
            self._source.clear()
            self._refresh()

    def _on_slices(self, positions: list[int]) -> None:
        if self._session.position in positions:
            self._refresh()

    def _on_result(self) -> None:
        """Start computing: the first result shows that PyTorch is imported."""
        if not self._source.ready:
            self._source.ready = True
            self._refresh()

    def _on_step(self) -> None:
        """Show the step maps instead of the anomaly map when the user first changes the step."""
        steps, overall = self._layers.layer("sam"), self._layers.layer("map")
        chosen = self._session.step_chosen and self.come_forward
        if not chosen or self._swapped or steps is None:
            return
        self._swapped = True
        if not steps.visible:
            steps.visible = True
            if overall is not None:
                overall.visible = False
