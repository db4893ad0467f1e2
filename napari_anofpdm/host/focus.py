"""A frame around the control that has the keyboard; napari's themes draw none."""

from __future__ import annotations

from qtpy.QtWidgets import QWidget

_KINDS = (
    "QPushButton",
    "QToolButton",
    "QCheckBox",
    "QRadioButton",
    "QComboBox",
    "QLineEdit",
    "QAbstractSpinBox",
    "QSlider",
    "QAbstractItemView",
)
FRAME = "#e69f00"  # can be seen on dark and light grounds, with any colour vision
_RULE = ", ".join(f"{kind}:focus" for kind in _KINDS) + f" {{ border: 2px solid {FRAME}; }}"


def show_focus(widget: QWidget) -> None:
    """Frame the control that has the keyboard, in a widget and all that it holds."""
    if _RULE not in widget.styleSheet():
        widget.setStyleSheet(f"{widget.styleSheet()}\n{_RULE}")
