"""`Central`: the middle of napari's window, where further canvases stand beside napari's own."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari.qt import QtViewer
from qtpy.QtWidgets import QBoxLayout, QMainWindow, QWidget

if TYPE_CHECKING:
    from napari.viewer import Viewer


def main_window(viewer: Viewer) -> QMainWindow:
    """Return the Qt window of a viewer."""
    window = viewer.window.main_menu.window()
    assert isinstance(window, QMainWindow)
    return window


class Central:
    """Puts widgets beside and below the canvas of a viewer, and takes them away.

    The canvas itself stays where it is: moving it would lose its OpenGL context.

    Parameters
    ----------
    viewer : napari.viewer.Viewer

    Attributes
    ----------
    canvas : napari.qt.QtViewer
        napari's own.
    """

    def __init__(self, viewer: Viewer) -> None:
        center = main_window(viewer).centralWidget()
        assert center is not None
        canvas, layout = center.findChild(QtViewer), center.layout()
        assert isinstance(canvas, QtViewer) and isinstance(layout, QBoxLayout)
        self.canvas, self._layout = canvas, layout

    def put_right(self, *widgets: QWidget) -> None:
        """Show widgets to the right of the canvas, each as wide as it.

        napari's sliders are hidden meanwhile: all canvases are then equally high.
        """
        self.canvas.dims.hide()
        self._layout.setStretchFactor(self.canvas, 1)
        for widget in widgets:
            self._layout.addWidget(widget, 1)

    def put_below(self, widget: QWidget) -> None:
        """Show a widget below the canvas, as high as it; hide it to take it away."""
        if self.canvas.indexOf(widget) < 0:
            self.canvas.addWidget(widget)
        widget.show()
        half = max(self.canvas.height() // 2, 1)
        self.canvas.setSizes([half, half])

    def take_back(self) -> None:
        """Show napari's sliders again, once the widgets are gone."""
        self.canvas.dims.show()
