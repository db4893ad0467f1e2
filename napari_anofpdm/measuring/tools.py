"""`MeasureTools`: rulers and regions drawn with the left button, on any canvas."""

from __future__ import annotations

import weakref
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from psygnal import Signal

from napari_anofpdm.measuring.measured import scan_to_measure
from napari_anofpdm.space.brush import put_brush_away
from napari_anofpdm.space.frame import Frame
from napari_anofpdm.space.placement import WORLD_AXES

if TYPE_CHECKING:
    from napari.viewer import Viewer
    from numpy.typing import NDArray

    from anofpdm.results.measuring.measurement import Measurement, MeasurementKind, Plane
    from napari_anofpdm.session.measurements import Measurements
    from napari_anofpdm.session.session import Session

    World = NDArray[np.float64]


class Tool(NamedTuple):
    """The title of a tool, what it does, and the name of its action among the shortcuts."""

    title: str
    tip: str
    action: str


TOOLS: dict[MeasurementKind, Tool] = {
    "ruler": Tool(
        "Ruler",
        "Drag over a slice to measure a length in mm. Drag an end to move it.",
        "draw_rulers",
    ),
    "ellipse": Tool(
        "Ellipse",
        "Drag over a slice to measure the values of scan and map in an ellipse.",
        "draw_ellipses",
    ),
    "rectangle": Tool(
        "Box",
        "Drag over a slice to measure the values of scan and map in a rectangle.",
        "draw_rectangles",
    ),
}
PLANES_ACROSS: tuple[Plane, ...] = ("axial", "coronal", "sagittal")
"""The plane whose slices lie across each of `WORLD_AXES`."""
_REACH_PX = 8.0  # from an end or corner, within which a press takes hold of it
_LEAST_PX = 3.0  # a shorter drag draws nothing


class MeasureTools:
    """At most one tool in hand; with it, each drag draws one more measurement.

    A drag that begins at the end of a ruler, or at a corner of the box of a region, moves that,
    with any tool in hand or none.

    Parameters
    ----------
    viewer : napari.viewer.Viewer
    session : Session
        Holds the measurements.

    Attributes
    ----------
    armed_changed : Signal(str or None)
        Another tool is in hand.
    armed : {"ruler", "ellipse", "rectangle"} or None
    """

    armed_changed = Signal(object)

    def __init__(self, viewer: Viewer, session: Session) -> None:
        self._viewer, self._session = weakref.ref(viewer), session
        self.armed: MeasurementKind | None = None

    def arm(self, tool: MeasurementKind | None) -> None:
        """Take a tool in hand, or none; a brush is put away."""
        viewer = self._viewer()
        if viewer is not None and tool is not None:
            put_brush_away(viewer)
        if tool != self.armed:
            self.armed = tool
            self.armed_changed.emit(tool)

    def toggle(self, tool: MeasurementKind) -> None:
        """Take a tool in hand, or put it away."""
        self.arm(None if self.armed == tool else tool)

    def press(self, position: Any, axis: str | None, mm_per_px: float) -> Grip | None:
        """Take hold of a measurement, or begin one.

        Parameters
        ----------
        position : sequence of float
            Where the button was pressed; the last three coordinates are S, P, L in mm.
        axis : {"S", "P", "L"} or None
            Across the slices of the canvas.
        mm_per_px : float
            Of the canvas.

        Returns
        -------
        Grip or None
            None where the press is not for measurements.
        """
        viewer, measurements = self._viewer(), self._session.measurements
        scan = None if viewer is None else scan_to_measure(viewer)
        if scan is None or axis is None or len(position) < len(WORLD_AXES):
            return None
        frame, across, at = Frame.of(scan), WORLD_AXES.index(axis), world_of(position)
        held = _corner_at(measurements, frame, across, at, _REACH_PX * mm_per_px)
        if held is not None:
            index, opposite = held
            kind: MeasurementKind = measurements.items[index].kind
        elif self.armed is not None:
            index, opposite, kind = None, at, self.armed
        else:
            return None
        least_mm = _LEAST_PX * mm_per_px
        return Grip(measurements, frame, kind, across, (at, opposite), index, least_mm)


class Grip:
    """A hold on the end of a ruler or on the corner of a region, until the button is released.

    Parameters
    ----------
    measurements : Measurements
    frame : Frame
        Of the scan.
    kind : {"ruler", "ellipse", "rectangle"}
    across : int
        Of `WORLD_AXES`, across the slices of the canvas.
    pressed, opposite : ndarray, shape (3,)
        Where the button was pressed, and the end or corner that stays.
    index : int or None
        Of the measurement; None for a new one.
    least_mm : float
        A shorter way moves nothing.
    """

    def __init__(
        self,
        measurements: Measurements,
        frame: Frame,
        kind: MeasurementKind,
        across: int,
        ends: tuple[World, World],
        index: int | None,
        least_mm: float,
    ) -> None:
        self._measurements, self._frame = measurements, frame
        self._kind: MeasurementKind = kind
        self._across, self._least_mm = across, least_mm
        self._pressed, self._opposite = ends
        self._index, self._moved = index, False

    def move(self, position: Any) -> None:
        """Move the end or corner to a point of the world."""
        from anofpdm.results.measuring.measurement import Measurement

        world = world_of(position)
        if not self._moved:
            if np.linalg.norm(world - self._pressed) <= self._least_mm:
                return
            self._moved = True
            self._measurements.begin()
        world[self._across] = self._opposite[self._across]  # in the slice that it was drawn on
        first, second = self._frame.to_ras(self._opposite), self._frame.to_ras(world)
        drawn = Measurement(
            kind=self._kind,
            plane=PLANES_ACROSS[self._across],
            first=(float(first[0]), float(first[1]), float(first[2])),
            second=(float(second[0]), float(second[1]), float(second[2])),
        )
        self._measurements.put(drawn, self._index)
        self._index = self._measurements.selected

    def release(self) -> None:
        """Let go; a press without a move selects the measurement, or none."""
        if not self._moved:
            self._measurements.select(self._index)


def world_of(position: Any) -> World:
    """Return the coordinates S, P, L in mm of a position of the canvas."""
    return np.array(position[-len(WORLD_AXES) :], dtype=np.float64)


def is_in_slice(measurement: Measurement, frame: Frame, across: int, at: World) -> bool:
    """Return whether a measurement lies on the slice through a point of the world.

    Parameters
    ----------
    measurement : Measurement
    frame : Frame
        Of the scan.
    across : int
        Of `WORLD_AXES`, across the slices.
    at : ndarray, shape (3,)
    """
    own = frame.to_voxel(frame.to_world(measurement.first))
    here = frame.to_voxel(at)
    return (
        measurement.plane == PLANES_ACROSS[across]
        and abs(float(np.rint(own[across]) - np.rint(here[across]))) == 0.0
    )


def _corner_at(
    measurements: Measurements, frame: Frame, across: int, at: World, reach_mm: float
) -> tuple[int, World] | None:
    """Return the index of the measurement with the corner nearest to a point, and the opposite."""
    nearest, found = reach_mm, None
    for index, each in enumerate(measurements.items):
        if not is_in_slice(each, frame, across, at):
            continue
        for corner, opposite in _corners(each, frame, across):
            away = float(np.linalg.norm(np.delete(corner - at, across)))
            if away <= nearest:
                nearest, found = away, (index, opposite)
    return found


def _corners(measurement: Measurement, frame: Frame, across: int) -> Iterator[tuple[World, World]]:
    """Yield each end or corner with the opposite one."""
    first, second = (frame.to_world(x) for x in (measurement.first, measurement.second))
    yield first, second
    yield second, first
    if measurement.kind != "ruler":
        one, other = first.copy(), second.copy()
        axis = (across + 1) % len(WORLD_AXES)
        one[axis], other[axis] = second[axis], first[axis]
        yield one, other
        yield other, one
