"""`Layouts`: one plane, three planes, or several canvases side by side."""

from __future__ import annotations

import weakref
from collections.abc import Callable
from typing import TYPE_CHECKING, Literal, Protocol

from psygnal import Signal

from napari_anofpdm.reading.central import Central
from napari_anofpdm.reading.slices import axis_through
from napari_anofpdm.space.camera import fit_head, view_of
from napari_anofpdm.space.views import PlaneName, show_plane

if TYPE_CHECKING:
    from napari.qt import QtViewer
    from napari.viewer import Viewer

    from napari_anofpdm.layers.step_layers import StepLayers
    from napari_anofpdm.reading.hands import Hands, Pointer
    from napari_anofpdm.reading.plane_view import PlaneView
    from napari_anofpdm.reading.surfaces.quarter import Quarter
    from napari_anofpdm.session.session import Session

LayoutName = Literal["single", "planes", "side_by_side", "two_times"]


class Arrangement(Protocol):
    """Canvases beside a viewer's own."""

    views: list[PlaneView]

    def leave(self) -> None:
        """Let go of the viewer and of all canvases, as when its window is gone."""

    def close(self) -> None:
        """Take everything away but the canvas of the viewer."""


class Layouts:
    """Arranges the canvases of a viewer.

    Parameters
    ----------
    viewer : napari.viewer.Viewer
    session : Session
    steps : StepLayers
    hands : Hands
        Those on the viewer's own canvas.
    pointer : Pointer
        Gets the clicks on all canvases.

    Attributes
    ----------
    changed : Signal(str)
        The new layout.
    name : {"single", "planes", "side_by_side", "two_times"}
    two_times : callable
        Arranges two examinations side by side.
    fourth : callable
        Makes the widget in the fourth quarter of the three planes.
    smooth : bool
        Whether the further planes smooth thick slices.
    """

    changed = Signal(str)

    def __init__(
        self,
        viewer: Viewer,
        session: Session,
        steps: StepLayers,
        hands: Hands,
        pointer: Pointer,
    ) -> None:
        self._viewer = weakref.ref(viewer)
        self._session, self._steps = session, steps
        self._hands, self._pointer = hands, pointer
        self._shown: Arrangement | None = None
        self._before: Callable[[], None] = lambda: None
        self.name: LayoutName = "single"
        self.smooth = True
        self.fourth: Callable[[], Quarter] | None = None
        self.two_times: Callable[[], Arrangement] | None = None
        # Made once; it belongs to the window from then on.
        self._quarter: Quarter | None = None
        session.closed.connect(self._forget)

    @property
    def shown(self) -> Arrangement | None:
        """The arrangement in use; None while there is one canvas only."""
        return self._shown

    @property
    def canvases(self) -> list[tuple[Viewer, QtViewer]]:
        """The viewer with its own canvas, and the models and canvases beside it."""
        viewer = self._viewer()
        if viewer is None or self._session.is_closed:
            return []
        views = [] if self._shown is None else self._shown.views
        return [(viewer, Central(viewer).canvas), *((v.model, v.canvas) for v in views)]

    def show(self, name: LayoutName) -> None:
        """Change to a layout; the single view comes back as it was left."""
        viewer = self._viewer()
        if viewer is None or name == self.name:
            return
        if self._shown is not None:
            self._shown.close()
            self._shown, self._hands.pointing = None, False
            self._before()
        if name != "single":
            self._before = _restorer(viewer)
        if name == "planes":
            from napari_anofpdm.reading.three_planes import ThreePlanes

            if self._quarter is None:
                assert self.fourth is not None
                self._quarter = self.fourth()
            self._shown = ThreePlanes(viewer, self._pointer, self._quarter, smooth=self.smooth)
            self._hands.pointing = True
        elif name == "side_by_side":
            from napari_anofpdm.reading.side_by_side import SideBySide

            self._shown = SideBySide(viewer, self._session, self._steps, self._pointer)
        elif name == "two_times":
            assert self.two_times is not None
            self._shown = self.two_times()
        self.name = name
        self.changed.emit(name)

    def toggle(self, name: LayoutName) -> None:
        """Change to a layout, or back to the single view."""
        self.show("single" if self.name == name else name)

    def set_smooth(self, smooth: bool) -> None:
        """Smooth thick slices in the further planes, or show their voxels."""
        if smooth == self.smooth:
            return
        self.smooth = smooth
        if self.name == "planes":
            self.show("single")
            self.show("planes")

    def toggle_surfaces(self) -> None:
        """Show the surfaces in the fourth quarter of the three planes, or the curves again."""
        was_open = self.name == "planes"
        self.show("planes")
        if self._quarter is not None:
            if was_open:
                self._quarter.toggle()
            else:
                self._quarter.show_surfaces(True)

    @property
    def axis_in_hand(self) -> str | None:
        """The world axis across the slices of the canvas that has the keyboard."""
        viewer = self._viewer()
        views = [] if self._shown is None else self._shown.views
        for view in views:
            if view.canvas.canvas.native.hasFocus():
                return axis_through(view.model)
        return None if viewer is None else axis_through(viewer)

    def show_plane(self, name: PlaneName) -> None:
        """Show one plane; side by side, all three canvases show it."""
        viewer = self._viewer()
        if viewer is None:
            return
        if self.name == "planes":
            self.show("single")
        show_plane(viewer, name)
        if self._shown is not None:
            fit_head(viewer, *(view.model for view in self._shown.views))

    def _forget(self) -> None:
        """Let go of a viewer whose window is gone."""
        if self._shown is not None:
            self._shown.leave()
        self._shown = self._quarter = None


def _restorer(viewer: Viewer) -> Callable[[], None]:
    """Return what gives the canvas of a viewer the plane and camera back that it has now."""
    mine = weakref.ref(viewer)
    ndim, order, ndisplay = viewer.dims.ndim, viewer.dims.order, viewer.dims.ndisplay
    orientation, look = viewer.scene.camera.orientation2d, view_of(viewer)

    def restore() -> None:
        viewer = mine()
        if viewer is None or viewer.dims.ndim < ndim:
            return
        more = viewer.dims.ndim - ndim
        viewer.dims.ndisplay = ndisplay
        viewer.dims.order = (*range(more), *(axis + more for axis in order))
        viewer.scene.camera.orientation2d = orientation
        viewer.scene.camera.center, viewer.scene.camera.zoom = look.center, look.zoom

    return restore
