"""`FittingLabel`: one line that says as much as it has room for."""

from __future__ import annotations

from qtpy.QtCore import QEvent, Qt
from qtpy.QtGui import QResizeEvent
from qtpy.QtWidgets import QLabel, QSizePolicy, QWidget

_SLACK_PX = 2  # a letter may reach a little beyond its advance


class FittingLabel(QLabel):
    """Shows the longest of several wordings that fits, and never asks for width.

    Parameters
    ----------
    parent : QWidget, optional
    """

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._wordings: tuple[str, ...] = ("",)
        self.setTextFormat(Qt.TextFormat.PlainText)
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)

    def say(self, *wordings: str) -> None:
        """Say one thing, the fullest wording first; it is the tooltip, too."""
        self._wordings = wordings
        self.setToolTip(wordings[0])
        self._fit()

    def text(self) -> str:
        """Return the fullest wording, shown or not."""
        return self._wordings[0]

    def shown(self) -> str:
        """Return what there is room for."""
        return super().text()

    def resizeEvent(self, event: QResizeEvent | None) -> None:  # noqa: N802 - Qt's name
        """Say more or less."""
        super().resizeEvent(event)
        self._fit()

    def changeEvent(self, event: QEvent | None) -> None:  # noqa: N802 - Qt's name
        """Measure again when napari's style brings another font."""
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
