"""`Crosshair`: two thin lines through the point in view, open around it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from vispy.scene.visuals import Line

if TYPE_CHECKING:
    from napari.qt import QtViewer

_COLOUR = (1.0, 0.85, 0.2, 0.75)
_GAP_PX = 9.0
_LENGTH_MM = 2000.0
_ON_TOP = 10**5


class Crosshair:
    """The crosshair of one canvas.

    It is drawn beside napari's layers, so the user's list of layers stays free of it.

    Parameters
    ----------
    canvas : napari.qt.QtViewer
    """

    def __init__(self, canvas: QtViewer) -> None:
        self._line = Line(
            np.zeros((2, 3), np.float32),
            color=_COLOUR,
            connect="segments",
            method="gl",
            parent=canvas.canvas.view.scene,
        )
        self._line.order = _ON_TOP
        self._line.set_gl_state("translucent", depth_test=False)
        self._at: tuple[float, float, float] | None = None

    def show(self, row: float, column: float, zoom: float) -> None:
        """Draw it through a point of the canvas.

        Parameters
        ----------
        row, column : float
            World coordinates along the displayed axes, in mm.
        zoom : float
            Canvas pixels per mm.
        """
        if (row, column, zoom) == self._at:
            return
        self._at = (row, column, zoom)
        gap = _GAP_PX / zoom if zoom > 0 else 0.0
        ends = [-_LENGTH_MM, -gap, gap, _LENGTH_MM]
        across = [(column + x, row, 0.0) for x in ends]
        down = [(column, row + y, 0.0) for y in ends]
        self._line.set_data(np.array(across + down, dtype=np.float32))
        self._line.visible = True

    def hide(self) -> None:
        """Hide it until it is shown again."""
        self._at = None
        self._line.visible = False

    def remove(self) -> None:
        """Take it off the canvas."""
        self._line.parent = None
