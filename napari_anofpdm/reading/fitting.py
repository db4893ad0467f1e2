"""`Fitting`: keeps the head fitted into canvases that change their size."""

from __future__ import annotations

import weakref
from collections.abc import Sequence
from typing import TYPE_CHECKING

from qtpy.compat import isalive
from qtpy.QtCore import QTimer

from napari_anofpdm.space.camera import fit_head, is_fitted

if TYPE_CHECKING:
    from napari.viewer import Viewer


class Fitting:
    """Fits the head again when a canvas changes its size, until the user zooms or pans.

    Parameters
    ----------
    viewers : sequence of napari.viewer.Viewer
        The first one holds the scan; all get the same zoom.
    """

    def __init__(self, viewers: Sequence[Viewer]) -> None:
        self._viewers = [weakref.ref(viewer) for viewer in viewers]
        self._soon = QTimer()
        self._soon.setSingleShot(True)
        self._soon.timeout.connect(self.fit)
        for viewer in viewers:
            viewer.canvas.events.size.connect(self._on_size)

    def fit(self) -> None:
        """Fit the head now."""
        viewers = self._alive()
        if viewers:
            fit_head(*viewers)

    def leave(self) -> None:
        """Stop watching the canvases."""
        if isalive(self._soon):
            self._soon.stop()
        for viewer in self._alive():
            viewer.canvas.events.size.disconnect(self._on_size)
        self._viewers = []

    def _on_size(self, _: object = None) -> None:
        viewers = self._alive()
        if isalive(self._soon) and viewers and all(is_fitted(viewer) for viewer in viewers):
            self._soon.start(0)

    def _alive(self) -> list[Viewer]:
        return [viewer for each in self._viewers if (viewer := each()) is not None]
