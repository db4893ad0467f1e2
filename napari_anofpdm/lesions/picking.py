"""`LesionPicker`: a click on a lesion in the canvas selects it."""

from __future__ import annotations

import weakref
from collections.abc import Generator
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from napari.viewer import Viewer

    from napari_anofpdm.lesions.marks import LesionMarks
    from napari_anofpdm.session.session import Session

_STILL_PX = 3.0  # a press that moves less is a click
_LEFT = 1


class LesionPicker:
    """Selects the lesion that is clicked; a brush in the hand is left alone.

    Parameters
    ----------
    viewer : napari.viewer.Viewer
    session : Session
    marks : LesionMarks
        Knows which lesion lies where.
    """

    def __init__(self, viewer: Viewer, session: Session, marks: LesionMarks) -> None:
        self._viewer, self._session, self._marks = weakref.ref(viewer), session, marks
        viewer.mouse_drag_callbacks.append(self._pick)

    def _pick(self, viewer: Viewer, event: Any) -> Generator[None]:
        if event.button != _LEFT or event.modifiers or viewer.dims.ndisplay == 3:
            return
        active = viewer.layers.selection.active
        if active is not None and str(getattr(active, "mode", "pan_zoom")) != "pan_zoom":
            return
        start = np.asarray(event.pos, dtype=np.float64)
        yield
        while event.type == "mouse_move":
            if np.abs(np.asarray(event.pos) - start).max() > _STILL_PX:
                return
            yield
        number = self._marks.number_at(event.position)
        if number is not None:
            self._session.select_lesion(number)
