"""`Folded`: a part of a panel under a button that unfolds it."""

from __future__ import annotations

from qtpy.QtCore import Qt
from qtpy.QtWidgets import QLayout, QToolButton, QVBoxLayout, QWidget


class Folded(QWidget):
    """A button with an arrow, and below it what it shows or hides; folded at first.

    Parameters
    ----------
    title : str
    tip : str
        The button's tooltip.

    Attributes
    ----------
    button : QToolButton
    """

    def __init__(self, title: str, tip: str) -> None:
        super().__init__()
        self.button = QToolButton()
        self.button.setText(title)
        self.button.setToolTip(tip)
        self.button.setCheckable(True)
        self.button.setAutoRaise(True)
        self.button.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
        self._inside = QWidget()
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(3)
        column.addWidget(self.button)
        column.addWidget(self._inside)
        self.button.toggled.connect(self._unfold)
        self._unfold(False)

    def set_content(self, layout: QLayout) -> None:
        """Set what is folded away."""
        layout.setContentsMargins(0, 0, 0, 0)
        self._inside.setLayout(layout)

    def _unfold(self, shown: bool) -> None:
        arrow = Qt.ArrowType.DownArrow if shown else Qt.ArrowType.RightArrow
        self.button.setArrowType(arrow)
        self._inside.setVisible(shown)
