"""`Caption`: a line or two of text on a canvas, on a dark ground, in the font of the system."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any, NamedTuple

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


class Marked(NamedTuple):
    """What a caption belongs to: a measurement, in mm of the canvas.

    Attributes
    ----------
    first, second : tuple of float
        Column and row of its leftmost and rightmost point.
    low, high : tuple of float
        Corners of its box: the smallest and the largest column and row.
    """

    first: tuple[float, float]
    second: tuple[float, float]
    low: tuple[float, float]
    high: tuple[float, float]


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

    def show(self, text: str, marked: Marked, model: Viewer) -> None:
        """Write a text beside a measurement: on the first side of it that has room for it.

        Parameters
        ----------
        text : str
        marked : Marked
        model : napari.components.ViewerModel
            Of the canvas.
        """
        if text != self.text:
            self.text = text
            picture = _picture(text, self._ratio)
            self._size_px = (picture.shape[1] / self._ratio, picture.shape[0] / self._ratio)
            self._image.set_data(picture)
        camera, (height, width) = model.scene.camera, model.canvas.size
        down = 1.0 if camera.orientation2d[0] == "down" else -1.0
        right = 1.0 if camera.orientation2d[1] == "right" else -1.0
        signs, size = np.array([right, down]), np.array([width, height], dtype=np.float64)
        centre, mm = np.array(camera.center[:0:-1], dtype=np.float64), 1.0 / camera.zoom
        points = size / 2 + signs * (np.array(marked, dtype=np.float64) - centre) / mm
        place = place_beside(points, np.array(self._size_px), size)
        x, y = (float(each) for each in centre + signs * (place - size / 2) * mm)
        corner = (x, y)
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


def place_beside(
    points: NDArray[np.float64], text: NDArray[np.float64], canvas: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return the upper left corner of a text to the right of something, left, above or below it.

    Parameters
    ----------
    points : ndarray, shape (4, 2)
        Those of `Marked`, as column and row in pixels of the canvas.
    text, canvas : ndarray, shape (2,)
        Width and height in pixels.

    Returns
    -------
    ndarray, shape (2,)
        Of the first place within the canvas; where there is none, of one that covers as little as
        possible of it.
    """
    edges = points[np.argsort(points[:2, 0], kind="stable")]
    low, high = points[2:].min(axis=0), points[2:].max(axis=0)
    first, last = np.full(2, _EDGE_PX), canvas - text - _EDGE_PX
    middle = np.clip((low[0] + high[0] - text[0]) / 2, first[0], max(first[0], last[0]))
    places = [
        np.array([edges[1, 0] + _AWAY_PX, edges[1, 1] - text[1] / 2]),
        np.array([edges[0, 0] - _AWAY_PX - text[0], edges[0, 1] - text[1] / 2]),
        np.array([middle, low[1] - _AWAY_PX - text[1]]),
        np.array([middle, high[1] + _AWAY_PX]),
    ]
    sideways, upright = places[:2], places[2:]
    fitting = [x for x in sideways if first[0] <= x[0] <= last[0]]
    fitting += [x for x in upright if 0 <= x[1] <= canvas[1] - text[1]]
    return fitting[0] if fitting else np.clip(places[0], 0, np.maximum(canvas - text, 0))


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
