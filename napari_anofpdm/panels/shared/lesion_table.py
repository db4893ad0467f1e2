"""`LesionTable`: a table of lesions under the viewer's keys."""

from __future__ import annotations

from qtpy.QtGui import QKeyEvent
from qtpy.QtWidgets import QTableView


class LesionTable(QTableView):
    """A table that leaves letters and digits to the viewer's keys."""

    def keyPressEvent(self, event: QKeyEvent | None) -> None:  # noqa: N802 - Qt's name
        """Handle the arrows and the space bar only; Qt would search the cells for a letter."""
        if event is not None and event.text().strip().isprintable() and event.text().strip():
            event.ignore()
        else:
            super().keyPressEvent(event)
