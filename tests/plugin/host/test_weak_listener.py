from __future__ import annotations

from typing import TYPE_CHECKING

from psygnal import Signal
from qtpy.QtWidgets import QWidget

from napari_anofpdm.host.weak_listener import listen, stop_listening

if TYPE_CHECKING:
    from pytestqt.qtbot import QtBot


class Sender:
    said = Signal(str)


class Hearer(QWidget):
    def __init__(self, sender: Sender, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.heard: list[str] = []
        listen(self, [(sender.said, self.heard_it)])

    def heard_it(self, word: str) -> None:
        self.heard.append(word)


def test_a_widget_that_stops_listening_leaves_nothing_for_its_destruction(qtbot: QtBot) -> None:
    sender, window = Sender(), QWidget()
    qtbot.addWidget(window)
    child = Hearer(sender, window)
    sender.said.emit("one")
    listening = child.receivers(child.destroyed)
    stop_listening(window)
    sender.said.emit("two")
    assert child.heard == ["one"]
    # The garbage collector may empty what is called then before Qt calls it.
    assert child.receivers(child.destroyed) < listening


def test_a_destroyed_widget_hears_no_more(qtbot: QtBot) -> None:
    sender, window = Sender(), QWidget()
    child = Hearer(sender, window)
    with qtbot.waitSignal(child.destroyed):
        window.deleteLater()
    sender.said.emit("late")
    assert child.heard == []
