"""`FusedLayer`: the fused map of the analysis in view, on request."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from napari_anofpdm.host.notify import sentence_of, show_error
from napari_anofpdm.session.engine_thread import Task, submit
from napari_anofpdm.space.placement import place

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from anofpdm import Analysis, Interpretation
    from napari_anofpdm.layers.shown_layers import ShownLayers
    from napari_anofpdm.session.session import Session


class FusedLayer:
    """Computes the fused map on the thread "interpret" and keeps it up to date while it is shown.

    Parameters
    ----------
    layers : ShownLayers
    session : Session
    """

    def __init__(self, layers: ShownLayers, session: Session) -> None:
        self._layers, self._session = layers, session
        self._task: Task | None = None
        self._wanted = False
        session.analysis_changed.connect(self._on_analysis)
        session.volume_interpreted.connect(self._on_volume)
        session.closed.connect(self._stop)

    def show(self, shown: bool) -> None:
        """Show the layer as soon as the volume is interpreted, or remove it."""
        self._wanted = shown
        if not shown:
            self._stop()
            self._layers.remove("fused")
        elif self._session.volume_result is not None:
            self._compute(self._session.volume_result)
        else:
            self._session.result_wanted.emit()

    def _on_analysis(self, _: Analysis | None) -> None:
        self._wanted = False
        self._stop()
        self._layers.remove("fused")

    def _on_volume(self, result: Interpretation) -> None:
        if self._wanted or self._layers.layer("fused") is not None:
            self._compute(result)

    def _compute(self, result: Interpretation) -> None:
        analysis = self._session.analysis
        if analysis is None:
            return
        self._stop()
        self._task = submit(
            _fused,
            analysis,
            result,
            on_done=lambda data: self._show(analysis, data),
            on_error=self._failed,
            lane="interpret",
        )

    def _show(self, analysis: Analysis, data: NDArray[np.float32]) -> None:
        from napari_anofpdm.layers.layer_making import fused_layer

        self._task, self._wanted = None, False
        if analysis is self._session.analysis:
            placed = place(analysis.geometry.as_volume(data))
            self._layers.show("fused", fused_layer(placed), below="preview")

    def _failed(self, error: Exception) -> None:
        from anofpdm.common.errors import Cancelled

        if not isinstance(error, Cancelled):
            self._task, self._wanted = None, False
            show_error(sentence_of(error, "computing the fused map"))

    def _stop(self) -> None:
        if self._task is not None:
            self._task.cancel()
            self._task = None


def _fused(analysis: Analysis, result: Interpretation) -> NDArray[np.float32]:
    from anofpdm.results.fused_map import fused_map

    return fused_map(analysis, result)
