"""`AnalysisOpener`: opens the stored analysis that a layer was read from."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_anofpdm.host.notify import show_failure
from napari_anofpdm.session.engine_thread import submit

if TYPE_CHECKING:
    from napari.layers import Layer
    from napari.viewer import Viewer

    from anofpdm import Analysis
    from napari_anofpdm.session.session import Session

ANALYSIS_KEY = "anofpdm_analysis"
"""Key of a layer's metadata that names the stored analysis it comes from."""
READING_KEY = "anofpdm_reading"
"""Key of a layer's metadata that identifies one reading of an analysis."""


class AnalysisOpener:
    """Passes the analysis of each scan that is added to a viewer to the session.

    A reader can only return layers; it writes their source into their metadata.

    Parameters
    ----------
    viewer : napari.viewer.Viewer
        The viewer whose present and future layers are checked.
    session : Session
    """

    def __init__(self, viewer: Viewer, session: Session) -> None:
        self._session = session
        self._readings: set[str | None] = set()
        viewer.layers.events.inserted.connect(self._on_inserted)
        for layer in viewer.layers:
            self._adopt(layer)

    def _on_inserted(self, event: Any) -> None:
        self._adopt(event.value)

    def _adopt(self, layer: Layer) -> None:
        """Open the analysis of a layer, once per reading; a copy of a layer opens nothing."""
        named, reading = layer.metadata.get(ANALYSIS_KEY), layer.metadata.get(READING_KEY)
        if named is None or reading in self._readings or self._session.is_closed:
            return
        self._readings.add(reading)
        submit(
            _open_analysis,
            Path(named),
            on_done=self._opened,
            on_error=self._not_opened,
            lane="interpret",
        )

    def _opened(self, analysis: Analysis) -> None:
        if not self._session.is_closed:
            self._session.set_analysis(analysis)

    def _not_opened(self, error: Exception) -> None:
        from anofpdm.common.errors import Cancelled

        if not isinstance(error, Cancelled):
            show_failure(error, "opening the analysis")


def _open_analysis(path: Path) -> Analysis:
    from anofpdm import Analysis

    return Analysis.open(path)
