"""`Drawing`: the measurements of the slice in view on one canvas."""

from __future__ import annotations

import math
import weakref
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from qtpy.compat import isalive
from vispy.scene.visuals import Line

from napari_anofpdm.measuring.caption import Caption, Marked
from napari_anofpdm.measuring.measured import in_words, picture_on
from napari_anofpdm.measuring.tools import is_in_slice
from napari_anofpdm.space.placement import WORLD_AXES

if TYPE_CHECKING:
    from napari.qt import QtViewer
    from napari.viewer import Viewer
    from numpy.typing import NDArray

    from anofpdm.results.measuring.measurement import Measurement
    from napari_anofpdm.space.frame import Frame

COLOUR, SELECTED = "#ffb000", "#ffffff"
"""Of measurements, and of the selected one; neither is the colour of a mask or a lesion."""
_SHADE = (0.0, 0.0, 0.0, 0.6)
_ON_TOP = 10**5 + 10
_TICK_PX = 6.0  # half of the bar at the end of a ruler, or of the square at a corner
_ARC = np.linspace(0.0, 2 * math.pi, 73)

Segments = list[tuple[tuple[float, float], tuple[float, float]]]


class Drawing:
    """Lines and captions beside napari's layers, as wide at every zoom.

    Parameters
    ----------
    model : napari.components.ViewerModel
        Whose slice is shown.
    canvas : napari.qt.QtViewer
        Its canvas.
    """

    def __init__(self, model: Viewer, canvas: QtViewer) -> None:
        self._model, self._canvas = weakref.ref(model), weakref.ref(canvas)
        scene = canvas.canvas.view.scene
        none = np.zeros((2, 3), np.float32)
        self._lines = [
            Line(none, color=colour, width=width, connect="segments", method="gl", parent=scene)
            for colour, width in ((_SHADE, 4.0), (COLOUR, 1.5))
        ]
        for place, line in enumerate(self._lines):
            line.order = _ON_TOP + place
            line.set_gl_state("translucent", depth_test=False)
            line.visible = False
        self._drawn: tuple[Segments, list[Any]] = ([], [])
        self._captions: list[Caption] = []
        self._heard: list[tuple[Any, Callable[..., None]]] = []

    @property
    def model(self) -> Viewer | None:
        """Of the canvas, while it is there."""
        return self._model()

    def is_of(self, model: Viewer) -> bool:
        """Return whether this is the drawing on the canvas of a model."""
        return self._model() is model

    @property
    def is_alive(self) -> bool:
        """Whether the canvas is still there."""
        canvas = self._canvas()
        return canvas is not None and bool(isalive(canvas)) and self._model() is not None

    @property
    def captions(self) -> list[str]:
        """What is written on the canvas now."""
        return [caption.text for caption in self._captions]

    def redraw_with(self, redraw: Callable[[Drawing], None]) -> None:
        """Call a function when the canvas shows another slice, plane or zoom."""
        model = self._model()
        if model is None:
            return
        camera, dims = model.scene.camera.events, model.dims.events

        def moved(_: object = None) -> None:
            redraw(self)

        looks = (camera.zoom, camera.center, camera.orientation)
        for signal in (*looks, dims.point, dims.order, dims.ndisplay):
            signal.connect(moved)
            self._heard.append((signal, moved))

    def show(
        self,
        measurements: Sequence[Measurement],
        entries: Sequence[Mapping[str, Any]],
        frame: Frame | None,
        selected: int | None,
    ) -> None:
        """Draw those measurements that lie on the slice in view.

        Parameters
        ----------
        measurements : sequence of Measurement
        entries : sequence of mapping
            What the report says of each.
        frame : Frame or None
            Of the scan in front; without one nothing is drawn.
        selected : int or None
            Index of the measurement with handles.
        """
        from vispy.color import Color

        model = self._model()
        if model is None:
            return
        segments: Segments = []
        colours: list[NDArray[np.float64]] = []
        captions: list[tuple[str, Marked]] = []
        dims, zoom, picture = model.dims, model.scene.camera.zoom, picture_on(model)
        first = dims.ndim - len(WORLD_AXES)
        across = [axis - first for axis in dims.not_displayed if axis >= first]
        if frame is not None and dims.ndisplay == 2 and first >= 0 and len(across) == 1:
            rows, columns = (axis - first for axis in dims.displayed)
            at = np.array(dims.point[first:], dtype=np.float64)
            for index, (each, entry) in enumerate(zip(measurements, entries, strict=True)):
                if not is_in_slice(each, frame, across[0], at):
                    continue
                ends = [frame.to_world(x)[[columns, rows]] for x in (each.first, each.second)]
                own = _segments(each, ends, _TICK_PX / zoom, index == selected)
                colour = Color(SELECTED if index == selected else COLOUR).rgba
                segments += own
                colours += [colour] * (2 * len(own))
                words = in_words(entry, picture)
                captions.append((f"{entry['number']}: {words}", _marked(each, ends)))
        self._draw(segments, colours)
        self._write(captions)

    def clear(self) -> None:
        """Draw nothing."""
        self._draw([], [])
        self._write([])

    def remove(self) -> None:
        """Take everything off the canvas, and stop listening."""
        for signal, method in self._heard:
            signal.disconnect(method)
        self._heard = []
        if self.is_alive:
            self._write([])
            for line in self._lines:
                line.parent = None
        self._lines, self._captions = [], []

    def _draw(self, segments: Segments, colours: list[NDArray[np.float64]]) -> None:
        drawn = (segments, [tuple(colour) for colour in colours])
        if drawn == self._drawn:  # a canvas is drawn anew for each change
            return
        self._drawn = drawn
        points = np.array([(x, y, 0.0) for pair in segments for x, y in pair], dtype=np.float32)
        for line, own in zip(self._lines, (_SHADE, colours), strict=True):
            line.visible = bool(segments)
            if segments:
                line.set_data(points, color=np.array(own, dtype=np.float32))

    def _write(self, captions: list[tuple[str, Marked]]) -> None:
        model, canvas = self._model(), self._canvas()
        if model is None or canvas is None:
            return
        while len(self._captions) > len(captions):
            self._captions.pop().remove()
        while len(self._captions) < len(captions):
            self._captions.append(Caption(canvas, _ON_TOP + 2 + len(self._captions)))
        for caption, (text, place) in zip(self._captions, captions, strict=True):
            caption.show(text, place, model)


def _marked(measurement: Measurement, ends: Sequence[NDArray[np.float64]]) -> Marked:
    """Say where captions may stand: at the ends of a ruler, at the middle of a region's sides."""
    (x1, y1), (x2, y2) = ((float(x), float(y)) for x, y in ends)
    row = (y1 + y2) / 2
    first, second = ((x1, y1), (x2, y2)) if measurement.kind == "ruler" else ((x1, row), (x2, row))
    low, high = (min(x1, x2), min(y1, y2)), (max(x1, x2), max(y1, y2))
    return Marked(first, second, low, high)


def _segments(
    measurement: Measurement,
    ends: Sequence[NDArray[np.float64]],
    tick_mm: float,
    selected: bool,
) -> Segments:
    """Return the lines of a measurement, as points (column, row) in mm of the canvas."""
    (x1, y1), (x2, y2) = ((float(x), float(y)) for x, y in ends)
    if measurement.kind == "ruler":
        length = math.hypot(x2 - x1, y2 - y1) or 1.0
        aside = (-(y2 - y1) / length * tick_mm, (x2 - x1) / length * tick_mm)
        ticks: Segments = [
            ((x - aside[0], y - aside[1]), (x + aside[0], y + aside[1]))
            for x, y in ((x1, y1), (x2, y2))
        ]
        return [((x1, y1), (x2, y2)), *ticks]
    corners = [(x1, y1), (x2, y1), (x2, y2), (x1, y2)]
    outline = corners
    if measurement.kind == "ellipse":
        centre, half = ((x1 + x2) / 2, (y1 + y2) / 2), ((x2 - x1) / 2, (y2 - y1) / 2)
        outline = [
            (centre[0] + half[0] * math.cos(a), centre[1] + half[1] * math.sin(a)) for a in _ARC
        ]
    lines = _closed(outline)
    if selected:
        side = tick_mm / 2
        for x, y in corners:
            lines += _closed(
                [
                    (x - side, y - side),
                    (x + side, y - side),
                    (x + side, y + side),
                    (x - side, y + side),
                ]
            )
    return lines


def _closed(points: Sequence[tuple[float, float]]) -> Segments:
    return list(zip(points, [*points[1:], points[0]], strict=True))
