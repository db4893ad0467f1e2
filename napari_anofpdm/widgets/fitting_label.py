"""`FittingLabel`: a one-line label that shows the longest wording that fits."""

from __future__ import annotations

from qtpy.QtCore import QEvent, Qt
from qtpy.QtGui import QResizeEvent
from qtpy.QtWidgets import QLabel, QSizePolicy, QWidget

_SLACK_PX = 2  # a glyph may extend slightly beyond its advance


class FittingLabel(QLabel):
    """Shows the longest of several wordings that fits, and requests no width.

    Parameters
    ----------
    parent : QWidget, optional
    """

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._wordings: tuple[str, ...] = ("",)
        self.setTextFormat(Qt.TextFormat.PlainText)
        # With a frame, as napari's style gives it, Qt would shift the text by half an x.
        self.setIndent(0)
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)

    def say(self, *wordings: str) -> None:
        """Set the wordings of one message, longest first; the longest is also the tooltip."""
        self._wordings = wordings
        self.setToolTip(wordings[0])
        self._fit()

    def text(self) -> str:
        """Return the longest wording, shown or not."""
        return self._wordings[0]

    def shown(self) -> str:
        """Return the wording that is shown."""
        return super().text()

    def resizeEvent(self, event: QResizeEvent | None) -> None:  # noqa: N802 - Qt's name
        """Choose the wording for the new width."""
        super().resizeEvent(event)
        self._fit()

    def changeEvent(self, event: QEvent | None) -> None:  # noqa: N802 - Qt's name
        """Measure again when napari's style changes the font."""
        super().changeEvent(event)
        if event is not None and event.type() == QEvent.Type.FontChange:
            self._fit()

    def _fit(self) -> None:
        metrics, room = self.fontMetrics(), self.contentsRect().width() - _SLACK_PX
        for words in self._wordings:
            if metrics.horizontalAdvance(words) <= room:
                break
        else:
            words = metrics.elidedText(self._wordings[-1], Qt.TextElideMode.ElideRight, room)
        self.setText(words)
