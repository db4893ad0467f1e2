"""Listen to signals without keeping a widget alive, and stop when Qt destroys it."""

from __future__ import annotations

import weakref
from collections.abc import Callable, Sequence
from typing import Any

from qtpy.QtWidgets import QWidget


def listen(widget: QWidget, heard: Sequence[tuple[Any, Callable[..., None]]]) -> None:
    """Connect signals of psygnal or napari to methods of a widget, for the widget's life.

    Both kinds hold methods weakly, but Qt may destroy a widget whose Python object lives on; a
    call would then fail.

    Parameters
    ----------
    widget : QWidget
        Whose methods are called.
    heard : sequence of (signal, method)
    """
    methods = [(signal, weakref.WeakMethod(method)) for signal, method in heard]
    for signal, method in heard:
        signal.connect(method)

    def stop() -> None:
        for signal, reference in methods:
            method = reference()
            if method is not None:
                signal.disconnect(method)

    widget.destroyed.connect(stop)
