"""The window that a dialog belongs to, from which it takes its theme."""

from __future__ import annotations

from qtpy.QtWidgets import QApplication, QMainWindow, QWidget


def parent_window() -> QWidget | None:
    """Return the window in use, else any main window on the screen, else None."""
    active: QWidget | None = QApplication.activeWindow()
    if active is not None:
        return active
    mains = (w for w in QApplication.topLevelWidgets() if isinstance(w, QMainWindow))
    return next((window for window in mains if window.isVisible()), None)
