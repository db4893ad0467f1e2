"""Where the canvas looks: it stays while results come and go, and moves to a scan out of sight."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, NamedTuple
from weakref import WeakKeyDictionary

import numpy as np

from napari_anofpdm.space.head_box import Box, box_of, head_box, scan_in_front
from napari_anofpdm.space.placement import WORLD_AXES

if TYPE_CHECKING:
    from napari.layers import Layer
    from napari.viewer import Viewer
    from numpy.typing import NDArray

_ENOUGH = 0.9  # share of a scan's width that counts as in sight
_FITTED = 0.95  # share of the canvas that a fitted scan takes, as in napari


_fits: WeakKeyDictionary[Viewer, tuple[float, ...]] = WeakKeyDictionary()


class View(NamedTuple):
    """Where the canvas looks: centre and zoom of the camera, and the point S, P, L in mm."""

    center: tuple[float, ...]
    zoom: float
    point: tuple[float, ...]


def view_of(viewer: Viewer) -> View:
    """Return where the canvas of a viewer looks."""
    camera = viewer.scene.camera
    return View(camera.center, camera.zoom, tuple(viewer.dims.point[-len(WORLD_AXES) :]))


@contextmanager
def kept_camera(viewer: Viewer) -> Iterator[None]:
    """Keep zoom and centre while layers are added or removed.

    napari fits all layers into the canvas when the number of axes changes, as it does with the
    first layer of steps.

    Parameters
    ----------
    viewer : napari.viewer.Viewer
        An empty one is left to napari, which fits its first layer.
    """
    camera, empty = viewer.scene.camera, not viewer.layers
    center, zoom = camera.center, camera.zoom
    yield
    if not empty:
        camera.center, camera.zoom = center, zoom


def go_to_scan(viewer: Viewer, layer: Layer, former: Box | None, own: View | None) -> None:
    """Show a scan that came into view: its slices, and its head or as much as of the former one.

    Parameters
    ----------
    viewer : napari.viewer.Viewer
    layer : napari.layers.Layer
    former : ndarray, shape (2, 3), or None
        Box of the scan that was in view. In the same box nothing moves.
    own : View or None
        How this scan was last looked at, if it was.
    """
    box, dims = box_of(layer), viewer.dims
    first = dims.ndim - len(WORLD_AXES)
    if first < 0 or (former is not None and np.allclose(box, former, atol=_voxel(layer))):
        return
    if own is not None and len(own.point) == len(WORLD_AXES):
        viewer.dims.set_point(range(first, dims.ndim), own.point)
        viewer.scene.camera.center, viewer.scene.camera.zoom = own.center, own.zoom
        return
    point = np.array(dims.point[first:])
    outside = np.any((point < box[0] - _voxel(layer)) | (point > box[1] + _voxel(layer)))
    if outside:
        dims.set_point(range(first, dims.ndim), box.mean(axis=0))
    if former is None or not _in_sight(viewer, box, former):
        fit_boxes([viewer], head_box(layer))


def go_to_point(viewer: Viewer, world: NDArray[np.float64], *, centred: bool = True) -> None:
    """Move slices and camera to a point S, P, L in mm; the zoom stays.

    Parameters
    ----------
    viewer : napari.viewer.Viewer
    world : ndarray, shape (3,)
    centred : bool
        Whether the camera moves even where the canvas shows the point already.
    """
    dims = viewer.dims
    first = dims.ndim - len(WORLD_AXES)
    if first < 0:
        return
    dims.set_point(range(first, dims.ndim), world)
    shown = [float(world[axis - first]) for axis in dims.displayed if axis >= first]
    camera = viewer.scene.camera
    half = _ENOUGH * np.array(viewer.canvas.size) / camera.zoom / 2
    away = np.abs(np.subtract(camera.center[-len(shown) :], shown))
    if centred or dims.ndisplay != 2 or np.any(away > half):
        camera.center = (*camera.center[: 3 - len(shown)], *shown)


def _in_sight(viewer: Viewer, box: Box, former: Box | None) -> bool:
    """Whether the canvas shows a box, or, zoomed in, a part of it around the canvas's centre."""
    dims, camera = viewer.dims, viewer.scene.camera
    shown = [axis - dims.ndim + len(WORLD_AXES) for axis in dims.displayed]
    center = np.array(camera.center[-len(shown) :])
    if min(shown) < 0:
        return True
    own = box[:, shown]
    if np.any((center < own[0]) | (center > own[1])):
        return False
    if dims.ndisplay != 2:
        return True
    half = np.array(viewer.canvas.size) / camera.zoom / 2
    canvas = np.array([center - half, center + half])
    zoomed_in = former is not None and not _covers(canvas, former[:, shown])
    # Along one axis a zoomed canvas may still be wider than the scan.
    least = np.minimum(own[1] - own[0], 2 * half) if zoomed_in else own[1] - own[0]
    return bool(np.all(_common(canvas, own) >= _ENOUGH * least))


def fit_head(*viewers: Viewer) -> bool:
    """Fit the head of the scan in front into canvases, all at the same zoom.

    Parameters
    ----------
    *viewers : napari.viewer.Viewer
        The first one holds the scan; the others show it, too.

    Returns
    -------
    bool
        False without a scan; nothing is moved then.
    """
    scan = scan_in_front(viewers[0])
    if scan is None or viewers[0].dims.ndim < len(WORLD_AXES):
        return False
    fit_boxes(viewers, head_box(scan))
    return True


def fit_boxes(viewers: Sequence[Viewer], box: Box) -> None:
    """Fit a box into canvases, at the zoom of the tightest.

    napari's own fit fails for a layer without the axis of steps.

    Parameters
    ----------
    viewers : sequence of napari.viewer.Viewer
        Those with fewer than three axes are left unchanged.
    box : ndarray, shape (2, 3)
        First and last corner, S, P, L in mm.
    """
    shown = {viewer: _shown(viewer) for viewer in viewers if viewer.dims.ndim >= len(WORLD_AXES)}
    if not shown:
        return
    center = box.mean(axis=0)
    rooms = [_room(viewer, box, axes) for viewer, axes in shown.items()]
    for viewer, axes in shown.items():
        viewer.scene.camera.center = (0.0, 0.0, 0.0)[: 3 - len(axes)] + tuple(
            float(center[axis]) for axis in axes
        )
        viewer.scene.camera.zoom = _FITTED * min(rooms)
        _fits[_real(viewer)] = _look(viewer)


def is_fitted(viewer: Viewer) -> bool:
    """Return whether a canvas still looks where it was last fitted to a head."""
    fit = _fits.get(_real(viewer))
    return fit is not None and bool(np.allclose(fit, _look(viewer), rtol=1e-4, atol=1e-3))


def _real(viewer: Viewer) -> Viewer:
    return getattr(viewer, "__wrapped__", viewer)  # plugins get a proxy


def _look(viewer: Viewer) -> tuple[float, ...]:
    camera = viewer.scene.camera
    return (*camera.center, camera.zoom)


def _shown(viewer: Viewer) -> list[int]:
    dims = viewer.dims
    return [axis - dims.ndim + len(WORLD_AXES) for axis in dims.displayed]


def _room(viewer: Viewer, box: Box, axes: list[int]) -> float:
    """Return the zoom at which a box just fills a canvas."""
    width = np.maximum((box[1] - box[0])[axes], 1.0)
    canvas = np.array(viewer.canvas.size, dtype=np.float64)
    room = canvas / width if viewer.dims.ndisplay == 2 else canvas.min() / width
    return float(room.min())


def _covers(one: Box, other: Box) -> bool:
    """Whether a box covers most of another along each axis."""
    return bool(np.all(_common(one, other) >= _ENOUGH * (other[1] - other[0])))


def _common(one: Box, other: Box) -> NDArray[np.float64]:
    """Return the width that two boxes share along each axis; negative where they are apart."""
    shared: NDArray[np.float64] = np.minimum(one[1], other[1]) - np.maximum(one[0], other[0])
    return shared


def _voxel(layer: Layer) -> NDArray[np.float64]:
    return np.abs(np.asarray(layer.scale, dtype=np.float64)[-len(WORLD_AXES) :])
