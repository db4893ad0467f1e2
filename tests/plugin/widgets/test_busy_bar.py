"""The stripe of a bar without an end is not drawn at every step of its animation."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from qtpy.QtCore import QEvent, QObject
from qtpy.QtWidgets import QApplication

from napari_anofpdm.widgets.busy_bar import STEP, BusyBar
from tests.plugin.patience import LONG

if TYPE_CHECKING:
    from pytestqt.qtbot import QtBot

STEPS = 6


class Paints(QObject):
    """Counts how often a widget is drawn."""

    count = 0

    def eventFilter(self, watched: QObject | None, event: QEvent | None) -> bool:  # noqa: N802
        if event is not None and event.type() == QEvent.Type.Paint:
            self.count += 1
        return False


@pytest.mark.parametrize(("pause_ms", "drawn"), [(10 * LONG, 1), (0, STEPS)])
def test_steps_within_the_pause_are_not_drawn(
    qtbot: QtBot, monkeypatch: pytest.MonkeyPatch, pause_ms: int, drawn: int
) -> None:
    monkeypatch.setattr(BusyBar, "PAUSE_MS", pause_ms)
    bar, paints = BusyBar(), Paints()
    qtbot.addWidget(bar)
    bar.setRange(0, 100)  # so that the style does not move anything by itself
    with qtbot.waitExposed(bar, timeout=LONG):
        bar.show()
    QApplication.processEvents()
    bar.installEventFilter(paints)
    for _ in range(STEPS):
        step = QEvent(STEP)
        step.ignore()
        QApplication.sendEvent(bar, step)
        assert step.isAccepted(), "the style would end its animation"
        QApplication.processEvents()
    assert paints.count == drawn


def test_other_changes_are_drawn_at_once(qtbot: QtBot) -> None:
    bar, paints = BusyBar(), Paints()
    qtbot.addWidget(bar)
    with qtbot.waitExposed(bar, timeout=LONG):
        bar.show()
    QApplication.processEvents()
    bar.installEventFilter(paints)
    bar.setValue(50)
    QApplication.processEvents()
    assert paints.count == 1 and bar.value() == 50
