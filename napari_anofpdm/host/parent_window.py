"""The parent window of a dialog, which gives the dialog its theme."""

from __future__ import annotations

from qtpy.QtWidgets import QApplication, QMainWindow, QWidget


def parent_window() -> QWidget | None:
    """Return the active window, else any visible main window, else None."""
    active: QWidget | None = QApplication.activeWindow()
    if active is not None:
        return active
    mains = (w for w in QApplication.topLevelWidgets() if isinstance(w, QMainWindow))
    return next((window for window in mains if window.isVisible()), None)
