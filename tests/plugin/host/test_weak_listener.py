from __future__ import annotations

from typing import TYPE_CHECKING, Any

from psygnal import Signal
from qtpy import API
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


def destruction_listeners(widget: QWidget) -> int:
    """How many listen for the end of a widget; the bindings ask for it in different ways."""
    signal: Any = "2destroyed(QObject*)" if API == "pyside6" else widget.destroyed
    return int(widget.receivers(signal))


def test_a_widget_that_stops_listening_leaves_nothing_for_its_destruction(qtbot: QtBot) -> None:
    sender, window = Sender(), QWidget()
    qtbot.addWidget(window)
    child = Hearer(sender, window)
    sender.said.emit("one")
    listening = destruction_listeners(child)
    stop_listening(window)
    sender.said.emit("two")
    assert child.heard == ["one"]
    # The garbage collector may empty what is called then before Qt calls it.
    assert destruction_listeners(child) < listening


def test_a_destroyed_widget_hears_no_more(qtbot: QtBot) -> None:
    sender, window = Sender(), QWidget()
    child = Hearer(sender, window)
    gone: list[bool] = []
    child.destroyed.connect(lambda: gone.append(True))
    window.deleteLater()
    qtbot.waitUntil(lambda: bool(gone))
    sender.said.emit("late")
    assert child.heard == []
