"""Listen to signals without keeping a widget alive, and stop when it is closed or destroyed."""

from __future__ import annotations

import weakref
from collections.abc import Callable, Sequence
from typing import Any

from qtpy.QtWidgets import QWidget

_stops: weakref.WeakKeyDictionary[QWidget, list[Callable[[], None]]] = weakref.WeakKeyDictionary()


def listen(widget: QWidget, heard: Sequence[tuple[Any, Callable[..., None]]]) -> None:
    """Connect signals of psygnal or napari to methods of a widget, for the widget's life.

    Both kinds of signal hold methods weakly. But Qt may destroy a widget whose Python object
    still exists, and a call to it would fail.

    Parameters
    ----------
    widget : QWidget
        Owner of the methods.
    heard : sequence of (signal, method)
    """
    methods = [(signal, weakref.WeakMethod(method)) for signal, method in heard]
    for signal, method in heard:
        signal.connect(method)

    def stop() -> None:
        while methods:
            signal, reference = methods.pop()
            method = reference()
            if method is not None:
                signal.disconnect(method)

    _stops.setdefault(widget, []).append(stop)
    widget.destroyed.connect(stop)


def stop_listening(widget: QWidget) -> None:
    """Disconnect the signals that `listen` connected to a widget and its children."""
    for each in (widget, *widget.findChildren(QWidget)):
        for stop in _stops.pop(each, []):
            # Left connected, it would become garbage together with the widget, and Qt would call it
            # when the collector had already emptied it: the process would end.
            each.destroyed.disconnect(stop)
            stop()
