"""`ThreePlanes`: axial, coronal and sagittal slices through one point, with a crosshair."""

from __future__ import annotations

import weakref
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import Qt
from qtpy.QtWidgets import QSplitter, QWidget

from napari_anofpdm.reading.central import Central
from napari_anofpdm.reading.crosshair import Crosshair
from napari_anofpdm.reading.fitting import Fitting
from napari_anofpdm.reading.linked_cameras import LinkedCameras
from napari_anofpdm.reading.plane_view import PlaneView
from napari_anofpdm.reading.surfaces.quarter import LEAST_PX
from napari_anofpdm.space.placement import WORLD_AXES
from napari_anofpdm.space.title import set_title
from napari_anofpdm.space.views import PLANES, PlaneName, turn_to

if TYPE_CHECKING:
    from napari.qt import QtViewer
    from napari.viewer import Viewer

    from napari_anofpdm.reading.hands import Pointer

_FURTHER: tuple[PlaneName, ...] = ("coronal", "sagittal")


class ThreePlanes:
    """The canvas of a viewer shows axial slices; coronal and sagittal ones stand beside it.

    Parameters
    ----------
    viewer : napari.viewer.Viewer
    pointer : Pointer
        Gets the clicks on all canvases.
    fourth : QWidget
        The fourth quarter, below the canvas; it is hidden with the planes and stays in the window.
    smooth : bool
        Whether scans and masks of thick slices are smoothed in the two further planes. The canvas
        of the viewer shows their voxels.

    Attributes
    ----------
    views : list of PlaneView
        The coronal and the sagittal canvas.
    """

    def __init__(
        self, viewer: Viewer, pointer: Pointer, fourth: QWidget, *, smooth: bool = True
    ) -> None:
        self._viewer = weakref.ref(viewer)
        central = Central(viewer)
        turn_to(viewer, "axial")
        self.views = [
            PlaneView(
                viewer,
                central.canvas,
                pointer,
                smooth_but=PLANES[plane].through if smooth else None,
            )
            for plane in _FURTHER
        ]
        self._heard: list[tuple[Any, Callable[..., None]]] = []
        for view, plane in zip(self.views, _FURTHER, strict=True):
            turn = _turner(view.model, plane)
            turn()
            self._heard.append((view.model.dims.events.ndim, turn))
            view.hands.pointing = True
            view.set_title(plane.capitalize())
        set_title(viewer, "Axial")
        self._column = QSplitter(Qt.Orientation.Vertical)
        self._column.setMinimumWidth(LEAST_PX)
        for view in self.views:
            self._column.addWidget(view.canvas)
        self._fourth = fourth
        self._central: Central | None = central
        central.put_right(self._column)
        central.put_below(fourth)
        canvases: list[tuple[Viewer, QtViewer]] = [
            (viewer, central.canvas),
            *((view.model, view.canvas) for view in self.views),
        ]
        self._crosshairs = [(model, Crosshair(canvas)) for model, canvas in canvases]
        models = [model for model, _ in canvases]
        self._cameras, self._fitting = LinkedCameras(models), Fitting(models)
        for model in models:
            self._heard.append((model.scene.camera.events.zoom, self._mark))
            self._heard.append((model.dims.events.order, self._mark))
        self._heard.append((viewer.dims.events.point, self._mark))
        self._heard.append((viewer.dims.events.ndisplay, self._mark))
        for signal, method in self._heard:
            signal.connect(method)
        self._fitting.fit()
        self._mark()

    def leave(self) -> None:
        """Let go of the viewer and of all canvases, as when its window is gone."""
        for signal, method in self._heard:
            signal.disconnect(method)
        self._cameras.leave()
        self._fitting.leave()
        for view in self.views:
            view.leave()
        self._heard, self.views, self._crosshairs, self._central = [], [], [], None

    def close(self) -> None:
        """Take everything away but the canvas of the viewer."""
        views, crosshairs, central = self.views, self._crosshairs, self._central
        self.leave()
        for _, crosshair in crosshairs:
            crosshair.remove()
        for view in views:
            view.close()
        self._fourth.hide()
        self._column.setParent(None)
        self._column.close()
        self._column.deleteLater()
        if central is not None:
            central.take_back()
        viewer = self._viewer()
        if viewer is not None:
            set_title(viewer, "")

    def _mark(self, _: object = None) -> None:
        """Draw the crosshairs through the point in view."""
        viewer = self._viewer()
        if viewer is None:
            return
        point = dict(zip(WORLD_AXES, viewer.dims.point[-len(WORLD_AXES) :], strict=False))
        for model, crosshair in self._crosshairs:
            first = model.dims.ndim - len(WORLD_AXES)
            shown = [WORLD_AXES[axis - first] for axis in model.dims.displayed if axis >= first]
            if first < 0 or len(shown) != 2 or len(point) < len(WORLD_AXES):
                crosshair.hide()
                continue
            row, column = (float(point[axis]) for axis in shown)
            crosshair.show(row, column, model.scene.camera.zoom)


def _turner(model: Viewer, plane: PlaneName) -> Callable[..., None]:
    def turn(_: object = None) -> None:
        turn_to(model, plane)

    return turn
