"""`MeasureMarks`: the measurements on all canvases of a viewer."""

from __future__ import annotations

import weakref
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from napari_anofpdm.measuring.drawing import Drawing
from napari_anofpdm.measuring.measured import entries_of, scan_to_measure
from napari_anofpdm.space.frame import Frame

if TYPE_CHECKING:
    from napari.qt import QtViewer
    from napari.viewer import Viewer

    from napari_anofpdm.session.session import Session


class MeasureMarks:
    """Draws what the session measures.

    Parameters
    ----------
    viewer : napari.viewer.Viewer
    session : Session

    Attributes
    ----------
    drawings : list of Drawing
        One for each canvas.
    """

    def __init__(self, viewer: Viewer, session: Session) -> None:
        self._viewer, self._session = weakref.ref(viewer), session
        self.drawings: list[Drawing] = []
        self._entries: list[dict[str, Any]] = []
        self._frame: Frame | None = None
        self._hidden = False
        session.measurements.changed.connect(self._renew)
        session.native_changed.connect(self._renew)
        session.closed.connect(self._forget)

    def draw_on(self, canvases: Sequence[tuple[Viewer, QtViewer]]) -> None:
        """Draw on these canvases, and no longer on others.

        Parameters
        ----------
        canvases : sequence of (ViewerModel, QtViewer)
        """
        former, self.drawings = self.drawings, []
        for model, canvas in canvases:
            known = next((each for each in former if each.is_of(model)), None)
            if known is None:
                known = Drawing(model, canvas)
                known.redraw_with(self._draw)
            self.drawings.append(known)
        for drawing in former:
            if drawing not in self.drawings:
                drawing.remove()
        self._renew()

    @contextmanager
    def hidden(self) -> Iterator[None]:
        """Draw nothing for a moment."""
        self._hidden = True
        self._renew()
        try:
            yield
        finally:
            self._hidden = False
            self._renew()

    def _renew(self, _: object = None) -> None:
        viewer = self._viewer()
        scan = None if viewer is None else scan_to_measure(viewer)
        self._frame = None if scan is None else Frame.of(scan)
        self._entries = [] if viewer is None else entries_of(viewer, self._session)
        for drawing in self.drawings:
            self._draw(drawing)

    def _draw(self, drawing: Drawing) -> None:
        measurements = self._session.measurements
        if self._session.is_closed or not drawing.is_alive:
            return
        if self._hidden or len(self._entries) != len(measurements.items):
            drawing.clear()
        else:
            drawing.show(measurements.items, self._entries, self._frame, measurements.selected)

    def _forget(self, _: object = None) -> None:
        for drawing in self.drawings:
            drawing.remove()
        self.drawings = []
