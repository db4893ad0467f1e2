"""`BusyBar`: a progress bar that spares the processor while no end is known."""

from __future__ import annotations

from qtpy.QtCore import QElapsedTimer, QEvent
from qtpy.QtWidgets import QProgressBar, QWidget

STEP = QEvent.Type(213)
"""Qt's StyleAnimationUpdate, which PyQt6 does not name."""


class BusyBar(QProgressBar):
    """A progress bar whose moving stripe (range 0 to 0) moves five times a second.

    Qt moves it 20 times a second. Each time the whole window is composed anew, because it
    contains canvases: where no graphics card helps, this takes what the work itself needs.
    """

    PAUSE_MS = 200

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._since = QElapsedTimer()

    def event(self, event: QEvent | None) -> bool:
        """Leave out most steps of the animation."""
        if event is None or event.type() != STEP:
            return super().event(event)
        if self._since.isValid() and self._since.elapsed() < self.PAUSE_MS and self.isVisible():
            event.accept()  # else the style would end the animation
            return True
        self._since.start()
        return super().event(event)
