"""`WheelGuard`: keeps the mouse wheel from changing fields while a panel scrolls."""

from __future__ import annotations

from qtpy.QtCore import QEvent, QObject
from qtpy.QtWidgets import QWidget


class WheelGuard(QObject):
    """Event filter that ignores the mouse wheel over a field without focus."""

    def eventFilter(self, watched: QObject | None, event: QEvent | None) -> bool:  # noqa: N802
        """Pass wheel events to the panel unless the field has focus."""
        if (
            event is not None
            and event.type() == QEvent.Type.Wheel
            and isinstance(watched, QWidget)
            and not watched.hasFocus()
        ):
            event.ignore()
            return True
        return False
