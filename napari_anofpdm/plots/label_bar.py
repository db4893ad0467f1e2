"""`LabelBar`: all slices of a scan as a strip that marks unhealthy slices and the slice in view."""

from __future__ import annotations

from qtpy.QtCore import QRectF, QSize, Signal
from qtpy.QtGui import QColor, QMouseEvent, QPainter, QPaintEvent
from qtpy.QtWidgets import QSizePolicy, QWidget

from napari_anofpdm.plots.plot_theme import ON_DARK, PlotTheme

_HEIGHT_PX = 22
_LEAST_PX = 2.0


class LabelBar(QWidget):
    """A strip from the feet (left) to the head (right); a click shows a slice.

    Attributes
    ----------
    clicked : Signal(int)
        The slice under the mouse.
    """

    clicked = Signal(int)

    def __init__(self) -> None:
        super().__init__()
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setToolTip(
            "The slices of the scan, from the feet (left) to the head (right). Unhealthy slices "
            "are orange; the line marks the slice in view. Click to go to a slice."
        )
        self._theme = ON_DARK
        self._slices, self._in_view = 0, 0
        self._ranges: tuple[tuple[int, int], ...] = ()

    def sizeHint(self) -> QSize:  # noqa: N802 - Qt's name
        """Return the size of one line; the width follows the panel."""
        return QSize(200, _HEIGHT_PX)

    def show_slices(self, slices: int, in_view: int, ranges: tuple[tuple[int, int], ...]) -> None:
        """Show `slices` slices, the one in view and the unhealthy ranges."""
        self._slices, self._in_view, self._ranges = slices, in_view, ranges
        self.update()

    def set_theme(self, theme: PlotTheme) -> None:
        """Set the colours."""
        self._theme = theme
        self.update()

    def paintEvent(self, event: QPaintEvent | None) -> None:  # noqa: N802 - Qt's name
        """Draw the strip."""
        painter = QPainter(self)
        painter.fillRect(self.rect(), QColor(self._theme.faint))
        for first, last in self._ranges:
            painter.fillRect(self._place(first, last), QColor(self._theme.unhealthy))
        if self._slices:
            mark = self._place(self._in_view, self._in_view)
            painter.fillRect(mark, QColor(self._theme.text))
        painter.end()

    def mousePressEvent(self, event: QMouseEvent | None) -> None:  # noqa: N802 - Qt's name
        """Emit the slice that was clicked."""
        if event is not None and self._slices:
            index = int(event.position().x() / max(1, self.width()) * self._slices)
            self.clicked.emit(min(max(index, 0), self._slices - 1))

    def _place(self, first: int, last: int) -> QRectF:
        unit = self.width() / self._slices
        return QRectF(first * unit, 0.0, max((last - first + 1) * unit, _LEAST_PX), self.height())
