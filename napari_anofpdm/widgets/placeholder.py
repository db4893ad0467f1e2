"""`Placeholder`: a text that is shown until there is content."""

from __future__ import annotations

from qtpy.QtCore import Qt
from qtpy.QtWidgets import QLabel, QStackedWidget, QWidget

_MARGIN_PX = 12


class Placeholder(QStackedWidget):
    """Shows a text, or the content.

    Parameters
    ----------
    text : str
        What the user can do to get the content.
    content : QWidget
    """

    def __init__(self, text: str, content: QWidget) -> None:
        super().__init__()
        self.label = QLabel(text)
        self.label.setWordWrap(True)
        self.label.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self.label.setMargin(_MARGIN_PX)
        self.addWidget(self.label)
        self.addWidget(content)

    def show_content(self, shown: bool) -> None:
        """Show the content, or the text in its place."""
        self.setCurrentIndex(int(shown))

    @property
    def is_shown(self) -> bool:
        """Whether the text is shown."""
        return bool(self.currentIndex() == 0)
