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
    from napari.viewer import Viewer
    from numpy.typing import NDArray

_INK, _GROUND = QColor(255, 255, 255), QColor(0, 0, 0, 150)
_MARGIN_PX = 3.0
_AWAY_PX = 10.0  # from what it belongs to
_EDGE_PX = 32.0  # of the canvas, left to the letter of the side


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
        self._size_px = (0.0, 0.0)

    def show(self, text: str, at: tuple[float, float], model: Viewer) -> None:
        """Write a text to the right of a point; at the edge of the canvas it moves to the left.

        Parameters
        ----------
        text : str
        at : tuple of float
            Column and row of the point in mm of the canvas.
        model : napari.components.ViewerModel
            Of the canvas.
        """
        if text != self.text:
            self.text = text
            picture = _picture(text, self._ratio)
            self._size_px = (picture.shape[1] / self._ratio, picture.shape[0] / self._ratio)
            self._image.set_data(picture)
        camera, (_, across) = model.scene.camera, model.canvas.size
        down = 1.0 if camera.orientation2d[0] == "down" else -1.0
        right = 1.0 if camera.orientation2d[1] == "right" else -1.0
        room = across / 2 - right * (at[0] - camera.center[-1]) * camera.zoom
        aside = min(_AWAY_PX, max(room, 0.0) - self._size_px[0] - _EDGE_PX)
        mm = 1.0 / camera.zoom
        corner = (at[0] + right * aside * mm, at[1] - down * self._size_px[1] / 2 * mm)
        look = (corner, mm, down, right)
        if look != self._look:
            self._look = look
            pixel = mm / self._ratio
            self._image.transform = STTransform(
                scale=(right * pixel, down * pixel), translate=corner
            )

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
