"""What cannot be read in a window: cut texts, widgets outside their parent, overlaps."""

from __future__ import annotations

from itertools import combinations

from qtpy.QtCore import QRect, QSize
from qtpy.QtWidgets import (
    QAbstractButton,
    QAbstractScrollArea,
    QAbstractSpinBox,
    QCheckBox,
    QComboBox,
    QLabel,
    QLineEdit,
    QPushButton,
    QSlider,
    QWidget,
)

_READ = (QPushButton, QCheckBox, QLabel)
_WORKED = (QAbstractButton, QLabel, QComboBox, QLineEdit, QAbstractSpinBox, QSlider)
_SLACK_PX = 2


def faults_of(root: QWidget) -> list[str]:
    """List what is wrong with the visible widgets of a panel or toolbar, one line each."""
    # napari gives plugins a proxy.
    root = getattr(root, "__wrapped__", root)
    shown = [each for each in root.findChildren(QWidget) if each.isVisibleTo(root)]
    found = [f"text is cut: {_said(each)}" for each in shown if _is_cut(each)]
    found += [f"outside its parent: {_said(each)}" for each in shown if _is_outside(each)]
    for parent in {each.parentWidget() for each in shown}:
        among = [x for x in shown if x.parentWidget() is parent and isinstance(x, _WORKED)]
        found += [
            f"overlap: {_said(one)} and {_said(other)}"
            for one, other in combinations(among, 2)
            if _overlap(one, other)
        ]
    return found


def _is_cut(widget: QWidget) -> bool:
    if not isinstance(widget, _READ) or not widget.text():
        return False
    if isinstance(widget, QLabel):
        if widget.wordWrap():
            needed = widget.heightForWidth(widget.width())
            return widget.height() + _SLACK_PX < needed
        if widget.minimumWidth() == 1:  # made to be cut, with the whole text elsewhere
            return False
    text = widget.text().replace("&", "")
    advance = widget.fontMetrics().horizontalAdvance(text)
    if isinstance(widget, QLabel):
        advance = widget.sizeHint().width()
    frame = _frame(widget) if isinstance(widget, QAbstractButton) else QSize()
    return widget.width() + _SLACK_PX < advance + frame.width()


def _frame(button: QAbstractButton) -> QSize:
    """Return what a check box needs beside its text."""
    return QSize(16, 0) if isinstance(button, QCheckBox) else QSize(4, 0)


def _is_outside(widget: QWidget) -> bool:
    parent = widget.parentWidget()
    if parent is None or widget.isWindow() or isinstance(parent, QAbstractScrollArea):
        return False
    above = parent.parentWidget()
    if isinstance(above, QAbstractScrollArea):  # scrolls vertically
        return widget.geometry().right() > parent.rect().right() + _SLACK_PX
    room = parent.rect().adjusted(-_SLACK_PX, -_SLACK_PX, _SLACK_PX, _SLACK_PX)
    return not room.contains(widget.geometry())


def _overlap(one: QWidget, other: QWidget) -> bool:
    both: QRect = one.geometry() & other.geometry()
    return both.width() > _SLACK_PX and both.height() > _SLACK_PX


def _said(widget: QWidget) -> str:
    text = widget.text() if isinstance(widget, (QAbstractButton, QLabel)) else ""
    size = f"{widget.width()} x {widget.height()}"
    return f"{type(widget).__name__} {text[:40]!r} ({size}) in {type(widget.parent()).__name__}"
