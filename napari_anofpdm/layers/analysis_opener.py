"""`AnalysisOpener`: opens the stored analysis that a layer was read from."""

from __future__ import annotations

import weakref
from pathlib import Path
from typing import TYPE_CHECKING, Any

from psygnal import Signal

from napari_anofpdm.host.notify import show_failure
from napari_anofpdm.session.engine_thread import submit

if TYPE_CHECKING:
    from napari.layers import Layer
    from napari.viewer import Viewer

    from anofpdm import Analysis
    from napari_anofpdm.layers.scan_link import ScanLink
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
    scans : ScanLink
        Tells which scan a layer shows.

    Attributes
    ----------
    opened : Signal()
        An analysis has been passed to the session.
    """

    opened = Signal()

    def __init__(self, viewer: Viewer, session: Session, scans: ScanLink) -> None:
        self._viewer = weakref.ref(viewer)
        self._session, self._scans = session, scans
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
            on_done=lambda analysis: self._opened(analysis, layer),
            on_error=self._not_opened,
            lane="interpret",
        )

    def _opened(self, analysis: Analysis, layer: Layer) -> None:
        if not self._session.is_closed:
            self._session.set_analysis(analysis, scan=self._scans.scan_of(self._siblings(layer)))
            self.opened.emit()

    def _siblings(self, layer: Layer) -> list[Layer]:
        """Return the layers of one reading."""
        reading, viewer = layer.metadata.get(READING_KEY), self._viewer()
        layers = [] if viewer is None else viewer.layers
        return [each for each in layers if each.metadata.get(READING_KEY) == reading] or [layer]

    def _not_opened(self, error: Exception) -> None:
        from anofpdm.common.errors import Cancelled

        if not isinstance(error, Cancelled):
            show_failure(error, "opening the analysis")


def _open_analysis(path: Path) -> Analysis:
    from anofpdm import Analysis

    return Analysis.open(path)
