"""`Field`: a labelled control with a note that explains a wrong value."""

from __future__ import annotations

from qtpy.QtCore import Qt
from qtpy.QtWidgets import QGridLayout, QHBoxLayout, QLabel, QSizePolicy, QWidget

from napari_anofpdm.host.theme import fault_colour
from napari_anofpdm.widgets.accessible import name_control

_NAME_PX = 84


class Field(QWidget):
    """A row of a form.

    Parameters
    ----------
    name : str
        Label on the left.
    control : QWidget
        The control that the user edits.
    tooltip : str
        Tooltip of the label and the control, with the unit.
    *beside : QWidget
        Widgets to the right of the control.
    """

    def __init__(self, name: str, control: QWidget, tooltip: str, *beside: QWidget) -> None:
        super().__init__()
        self.control = control
        self.name = QLabel(name)
        self.name.setMinimumWidth(_NAME_PX)
        self.name.setBuddy(control)
        name_control(control, name)
        for widget in (self.name, control):
            widget.setToolTip(tooltip)
        self.note = wrapped_label()
        self.note.hide()
        self._alarm, self._is_wrong = fault_colour(True), False
        row = QHBoxLayout()
        row.setContentsMargins(0, 0, 0, 0)
        row.addWidget(control, 1)
        for widget in beside:
            row.addWidget(widget)
        grid = QGridLayout(self)
        grid.setContentsMargins(0, 0, 0, 0)
        grid.setVerticalSpacing(2)
        grid.setColumnStretch(1, 1)
        grid.addWidget(self.name, 0, 0)
        grid.addLayout(row, 0, 1)
        grid.addWidget(self.note, 1, 0, 1, 2)

    @property
    def is_wrong(self) -> bool:
        """Whether the value is wrong."""
        return self._is_wrong

    def set_note(self, text: str, *, wrong: bool = False) -> None:
        """Show a note below the control; if the value is wrong, in red with a red border."""
        self._is_wrong = wrong
        self.note.setText(text)
        self.note.setVisible(bool(text))
        self._paint()

    def set_dark(self, dark: bool) -> None:
        """Use the colours of the dark or the light theme."""
        self._alarm = fault_colour(dark)
        self._paint()

    def _paint(self) -> None:
        red = self._is_wrong
        rule = f"QComboBox, QAbstractSpinBox {{ border: 1px solid {self._alarm}; }}"
        self.control.setStyleSheet(rule if red else "")
        self.note.setStyleSheet(f"color: {self._alarm};" if red else "")


def wrapped_label(text: str = "") -> QLabel:
    """Return a label that wraps, requests no width, and has selectable text."""
    label = QLabel(text)
    label.setWordWrap(True)
    label.setTextFormat(Qt.TextFormat.PlainText)
    label.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
    policy = QSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Minimum)
    policy.setHeightForWidth(True)
    label.setSizePolicy(policy)
    return label
