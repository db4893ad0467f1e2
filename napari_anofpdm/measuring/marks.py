"""`MeasureMarks`: the measurements on all canvases of a viewer."""

from __future__ import annotations

import weakref
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from napari_anofpdm.measuring.drawing import Drawing
from napari_anofpdm.measuring.measured import entries_of, entries_on, scan_to_measure
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
    canvases : callable
        Returns the canvases to draw on, each with its model.
    drawings : list of Drawing
        One for each canvas, from the first measurement on.
    """

    def __init__(self, viewer: Viewer, session: Session) -> None:
        self._viewer, self._session = weakref.ref(viewer), session
        self.canvases: Callable[[], Sequence[tuple[Viewer, QtViewer]]] = list
        self.drawings: list[Drawing] = []
        self._entries: list[dict[str, Any]] = []
        self._own: dict[Drawing, list[dict[str, Any]]] = {}
        self._frame: Frame | None = None
        self._hidden = False
        session.measurements.changed.connect(self._on_change)
        session.native_changed.connect(self._renew)
        session.closed.connect(self._forget)

    def look_for_canvases(self, _: object = None) -> None:
        """Draw on the canvases that there are now, once there is something to draw."""
        if not self.drawings and not self._session.measurements.items:
            return
        former, self.drawings = self.drawings, []
        for model, canvas in self.canvases():
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

    def _on_change(self) -> None:
        if self.drawings:
            self._renew()
        else:
            self.look_for_canvases()

    def _renew(self, _: object = None) -> None:
        viewer = self._viewer()
        scan = None if viewer is None else scan_to_measure(viewer)
        self._frame = None if scan is None else Frame.of(scan)
        self._entries = [] if viewer is None else entries_of(viewer, self._session)
        self._own = {}
        for drawing in self.drawings:
            model = drawing.model
            if scan is not None and model is not None and drawing.is_alive:
                own = entries_on(model, scan, self._session.measurements.items)
                if own is not None:
                    self._own[drawing] = own
            self._draw(drawing)

    def _draw(self, drawing: Drawing) -> None:
        measurements = self._session.measurements
        if self._session.is_closed or not drawing.is_alive:
            return
        if self._hidden or len(self._entries) != len(measurements.items):
            drawing.clear()
        else:
            entries = self._own.get(drawing, self._entries)
            drawing.show(measurements.items, entries, self._frame, measurements.selected)

    def _forget(self, _: object = None) -> None:
        for drawing in self.drawings:
            drawing.remove()
        self.drawings, self._own = [], {}
