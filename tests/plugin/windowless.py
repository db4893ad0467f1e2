"""napari's viewer without its window: the layers, sliders, camera, overlays and keys are real.

The window takes a second to make and longer to draw layers in. What becomes of layers and panels
does not depend on it.
"""

from __future__ import annotations

from typing import Any

import pytest
from napari.components import ViewerModel
from napari.viewer import Viewer
from qtpy.compat import isalive
from qtpy.QtWidgets import QMainWindow


def has_window(request: pytest.FixtureRequest) -> bool:
    """Whether the viewer of a test has napari's window."""
    marked = request.node.get_closest_marker("window") is not None
    return marked or bool(request.config.getoption("--windows"))


class WindowlessViewer(Viewer):  # type: ignore[misc]
    """A viewer whose window is an empty one with a menu."""

    def __init__(self) -> None:
        ViewerModel.__init__(self)
        self._window: Any = EmptyWindow()

    def end(self) -> None:
        """Close without taking the layers out one by one, which every listener would follow."""
        self._layer_slicer.shutdown()
        self._window.close()
        self._instances.discard(self)


class EmptyWindow:
    """The part of napari's window that every viewer of the plugin needs."""

    def __init__(self) -> None:
        self._main = QMainWindow()
        self.main_menu = self._main.menuBar()

    def close(self) -> None:
        """End the window, and with it what waits for its end."""
        if isalive(self._main):
            self._main.close()
            self._main.deleteLater()
