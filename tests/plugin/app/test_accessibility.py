from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from napari.utils.color import ColorValue
from qtpy.QtCore import Qt
from qtpy.QtWidgets import (
    QAbstractButton,
    QAbstractItemView,
    QAbstractSlider,
    QAbstractSpinBox,
    QComboBox,
    QHeaderView,
    QLineEdit,
    QScrollBar,
    QTabBar,
    QToolBar,
    QWidget,
)

from napari_anofpdm.app.workspace import PANELS, open_reading, show_panel
from napari_anofpdm.host.focus import FRAME
from napari_anofpdm.reading.bars.point_bar import PointBar
from napari_anofpdm.reading.bars.view_bar import ViewBar
from napari_anofpdm.reading.central import main_window

if TYPE_CHECKING:
    from napari.viewer import Viewer

pytestmark = pytest.mark.window

_KINDS = (
    QAbstractButton,
    QComboBox,
    QAbstractSpinBox,
    QLineEdit,
    QAbstractSlider,
    QAbstractItemView,
)
_PARTS_OF = (QComboBox, QAbstractSpinBox, QAbstractItemView, QTabBar)


def _controls(root: QWidget) -> list[QWidget]:
    """Return what a user works with; not the parts that Qt makes a control of."""
    return [
        each
        for each in root.findChildren(QWidget)
        if isinstance(each, _KINDS)
        and not isinstance(each, (QScrollBar, QHeaderView))
        and not each.objectName().startswith("qt_")
        and not _is_part(each)
    ]


def _is_part(widget: QWidget) -> bool:
    above = widget.parentWidget()
    if isinstance(above, QToolBar):
        return type(widget).__name__ == "QToolBarExtension"
    while above is not None:
        if isinstance(above, _PARTS_OF):
            return True
        above = above.parentWidget()
    return False


def _name(widget: QWidget) -> str:
    text = widget.text() if isinstance(widget, QAbstractButton) else ""
    return str(widget.accessibleName() or text).strip()


def _tip(widget: QWidget, root: QWidget) -> str:
    """Return the tooltip that Qt shows: the widget's, or that of what holds it."""
    each: QWidget | None = widget
    while each is not None and each is not root:
        if each.toolTip():
            return str(each.toolTip())
        each = each.parentWidget()
    return ""


def _said(widget: QWidget) -> str:
    above = widget.parentWidget()
    return f"{type(widget).__name__} {_name(widget)!r} in {type(above).__name__}"


def test_controls_have_names_tooltips_and_the_keyboard_and_the_canvas_is_black(
    viewer: Viewer,
) -> None:
    open_reading(viewer)
    window = main_window(viewer)
    bars = [*window.findChildren(ViewBar), *window.findChildren(PointBar)]
    roots = [*bars, *(show_panel(viewer, panel) for panel in PANELS)]
    for root in roots:
        controls = _controls(root)
        assert controls
        assert not [_said(each) for each in controls if not _name(each)]
        assert not [_said(each) for each in controls if not _tip(each, root)]
        assert not [_said(x) for x in controls if x.focusPolicy() == Qt.FocusPolicy.NoFocus]
        assert FRAME in root.styleSheet()
    for theme in ("dark", "light"):
        viewer.theme = theme
        assert tuple(viewer.canvas.background_color) == tuple(ColorValue("black"))
