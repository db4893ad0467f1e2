"""`Caption`: a line or two of text on a canvas, on a dark ground, in the font of the system."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np
from qtpy.QtCore import QRectF, Qt
from qtpy.QtGui import QColor, QFontMetricsF, QGuiApplication, QImage, QPainter
from vispy.scene.visuals import Image
from vispy.visuals.transforms import STTransform

if TYPE_CHECKING:
    from napari.qt import QtViewer
    from numpy.typing import NDArray

_INK, _GROUND = QColor(255, 255, 255), QColor(0, 0, 0, 150)
_MARGIN_PX = 3.0
_AWAY_PX = 10.0  # from what it belongs to


class Caption:
    """One caption, as large at every zoom.

    Parameters
    ----------
    canvas : napari.qt.QtViewer
    order : int
        Captions with a higher one cover others.
    """

    def __init__(self, canvas: QtViewer, order: int) -> None:
        self.text = ""
        self._look: tuple[Any, ...] = ()
        self._ratio = canvas.devicePixelRatioF()
        self._image = Image(
            np.zeros((1, 1, 4), np.uint8), interpolation="linear", parent=canvas.canvas.view.scene
        )
        self._image.order = order
        self._image.set_gl_state("translucent", depth_test=False)
        self._height_px = 0.0

    def show(
        self, text: str, at: tuple[float, float], zoom: float, orientation: tuple[str, str]
    ) -> None:
        """Write a text to the right of a point.

        Parameters
        ----------
        text : str
        at : tuple of float
            Column and row of the point in mm of the canvas.
        zoom : float
            Canvas pixels per mm.
        orientation : (str, str)
            Where rows and columns grow to: "down" or "up", and "right" or "left".
        """
        look = (text, at, zoom, orientation)
        if look == self._look:
            return
        self._look = look
        if text != self.text:
            self.text = text
            picture = _picture(text, self._ratio)
            self._height_px = len(picture) / self._ratio
            self._image.set_data(picture)
        down = 1.0 if orientation[0] == "down" else -1.0
        right = 1.0 if orientation[1] == "right" else -1.0
        mm = 1.0 / zoom
        pixel = mm / self._ratio
        corner = (at[0] + right * _AWAY_PX * mm, at[1] - down * self._height_px / 2 * mm)
        self._image.transform = STTransform(scale=(right * pixel, down * pixel), translate=corner)

    def remove(self) -> None:
        """Take it off the canvas."""
        self._image.parent = None


@lru_cache(maxsize=64)
def _picture(text: str, ratio: float) -> NDArray[np.uint8]:
    """Return a text as an RGBA picture, shape (rows, columns, 4)."""
    font = QGuiApplication.font()
    lines = text.split("\n")
    metrics = QFontMetricsF(font)
    width = max(metrics.horizontalAdvance(line) for line in lines) + 2 * _MARGIN_PX
    height = metrics.lineSpacing() * len(lines) + 2 * _MARGIN_PX
    image = QImage(
        int(np.ceil(width * ratio)),
        int(np.ceil(height * ratio)),
        QImage.Format.Format_RGBA8888,
    )
    image.setDevicePixelRatio(ratio)
    image.fill(_GROUND)
    painter = QPainter(image)
    painter.setFont(font)
    painter.setPen(_INK)
    inside = QRectF(_MARGIN_PX, _MARGIN_PX, width, height)
    painter.drawText(inside, int(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignTop), text)
    painter.end()
    bits: Any = image.constBits()
    if hasattr(bits, "setsize"):  # PyQt hands out a pointer without a size
        bits.setsize(image.sizeInBytes())
    rows = np.frombuffer(bytes(bits), np.uint8).reshape(image.height(), image.bytesPerLine())
    return rows[:, : 4 * image.width()].reshape(image.height(), image.width(), 4).copy()
