"""`HeldKeys`: keys that act again and again while they are held."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from qtpy.QtCore import QEvent, QObject, Qt
from qtpy.QtGui import QKeyEvent


class HeldKeys(QObject):
    """Repeats actions on widgets; napari repeats the arrow keys only.

    Parameters
    ----------
    actions : mapping of str to callable
        By the key's name in Qt, as in "PageUp"; letters are upper case.
    parent : QObject
        Owns it.
    """

    def __init__(self, actions: Mapping[str, Callable[[], object]], parent: QObject) -> None:
        super().__init__(parent)
        self._actions = {_code(name): action for name, action in actions.items()}

    def watch(self, *widgets: QObject) -> None:
        """Repeat the actions where a key is held over one of these widgets."""
        for widget in widgets:
            widget.installEventFilter(self)

    def eventFilter(  # noqa: N802 - Qt's name
        self, watched: QObject | None, event: QEvent | None
    ) -> bool:
        """Act on the repetitions of a held key; its first press is napari's."""
        if not isinstance(event, QKeyEvent) or event.type() != QEvent.Type.KeyPress:
            return False
        action = self._actions.get(event.key())
        if action is None or not event.isAutoRepeat() or _modified(event):
            return False
        action()
        return True


def _modified(event: QKeyEvent) -> bool:
    keypad = Qt.KeyboardModifier.KeypadModifier
    return event.modifiers() & ~keypad != Qt.KeyboardModifier.NoModifier


def _code(name: str) -> int:
    return int(getattr(Qt.Key, f"Key_{name}"))
