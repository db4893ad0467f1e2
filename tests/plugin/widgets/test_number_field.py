from __future__ import annotations

import pytest
from pytestqt.qtbot import QtBot
from qtpy.QtCore import QPoint, QPointF, Qt
from qtpy.QtGui import QWheelEvent
from qtpy.QtWidgets import QApplication, QWidget

from napari_anofpdm.widgets.number_field import NumberField
from napari_anofpdm.widgets.scales import LogScale
from tests.plugin.patience import LONG


@pytest.fixture
def field(qtbot: QtBot) -> NumberField:
    field = NumberField(LogScale(1.0, 1000.0), 0.0, 1000.0)
    qtbot.addWidget(field)
    field.resize(300, 30)
    field.show()
    return field


@pytest.fixture
def edits(field: NumberField) -> list[float]:
    told: list[float] = []
    field.edited.connect(told.append)
    return told


def test_a_value_that_is_set_is_shown_by_both_and_told_to_nobody(
    field: NumberField, edits: list[float]
) -> None:
    field.set_value(16.123456)
    assert field.spin.text() == "16.12"
    assert field.slider.place == pytest.approx(LogScale(1.0, 1000.0).place(16.123456), abs=1e-3)
    assert field.value == 16.123456
    assert edits == []


def test_typed_values_move_the_slider(field: NumberField, edits: list[float], qtbot: QtBot) -> None:
    field.spin.selectAll()
    qtbot.keyClicks(field.spin, "250")
    assert edits == []
    qtbot.keyClick(field.spin, Qt.Key.Key_Return)
    assert edits == [250.0]
    assert field.slider.place == pytest.approx(LogScale(1.0, 1000.0).place(250), abs=1e-3)


def test_the_slider_moves_the_number(field: NumberField, edits: list[float]) -> None:
    field.slider.setValue(500)
    assert edits == [31.0]
    assert field.spin.value() == 31.0


def test_keys_move_the_slider(field: NumberField, edits: list[float], qtbot: QtBot) -> None:
    qtbot.keyClick(field.slider, Qt.Key.Key_End)
    qtbot.keyClick(field.slider, Qt.Key.Key_Home)
    assert edits == [1000.0, 0.0]


def wheel(widget: QWidget) -> None:
    middle = QPointF(widget.rect().center())
    event = QWheelEvent(
        middle,
        QPointF(widget.mapToGlobal(widget.rect().center())),
        QPoint(0, 0),
        QPoint(0, 120),
        Qt.MouseButton.NoButton,
        Qt.KeyboardModifier.NoModifier,
        Qt.ScrollPhase.NoScrollPhase,
        False,
    )
    QApplication.sendEvent(widget, event)


def test_the_wheel_scrolls_past_a_field_that_was_not_clicked(
    field: NumberField, edits: list[float], qtbot: QtBot
) -> None:
    for widget in (field.slider, field.spin):
        wheel(widget)
    assert edits == []
    field.activateWindow()
    field.slider.setFocus()
    qtbot.waitUntil(field.slider.hasFocus, timeout=LONG)
    wheel(field.slider)
    assert edits


def test_marks_are_drawn_where_the_handle_would_stand(field: NumberField) -> None:
    plain = field.slider.grab().toImage()
    field.mark([1.0, 1000.0])
    marked = field.slider.grab().toImage()
    assert field.slider.marks == pytest.approx((0.1, 1.0), abs=0.01)
    rows = range(marked.height() - 3, marked.height())
    changed = {
        x
        for x in range(marked.width())
        if any(marked.pixel(x, y) != plain.pixel(x, min(y, plain.height() - 1)) for y in rows)
    }
    assert min(changed) < 0.2 * marked.width()
    assert max(changed) > 0.9 * marked.width()
