"""`MaskTools`: correct the mask by hand, in an editable layer with napari's undo."""

from __future__ import annotations

import weakref
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from psygnal import Signal

from napari_anofpdm.host.notify import show_failure, show_info
from napari_anofpdm.layers.roles import ROLE, SOURCES
from napari_anofpdm.space.brush import put_brush_away
from napari_anofpdm.space.head_box import scan_in_front
from napari_anofpdm.space.placement import WORLD_AXES, place

if TYPE_CHECKING:
    from napari.layers import Labels
    from napari.viewer import Viewer
    from numpy.typing import NDArray

    from anofpdm import Analysis, Settings
    from napari_anofpdm.layers.manager import LayerManager
    from napari_anofpdm.session.session import Session

    Change = Callable[[NDArray[np.bool_], NDArray[np.float64]], NDArray[np.bool_]]

ClickTool = Literal["add", "remove"]
_NOT_YET = "The mask is being updated; try again in a moment."
RADII_MM = (1.0, 50.0)
_START_MM = 10.0


class MaskTools:
    """Corrections of the mask, each one step of the layer's undo.

    They work on the visible editable mask of the scan in view; without one that counts, the mask
    is copied into one first. Grow, shrink and smooth work on the selected lesion if there is one,
    else on the whole mask.

    Parameters
    ----------
    viewer : napari.viewer.Viewer
    session : Session
    layers : LayerManager
        Makes the editable mask.

    Attributes
    ----------
    armed_changed : Signal(str or None)
        Another tool waits for a click in the canvas: "add", "remove" or none.
    radius_changed : Signal(float)
    armed : str or None
    radius_mm : float
        Limit of the region that *add* grows.
    """

    armed_changed = Signal(object)
    radius_changed = Signal(float)

    def __init__(self, viewer: Viewer, session: Session, layers: LayerManager) -> None:
        self._viewer, self._session, self._layers = weakref.ref(viewer), session, layers
        self._last: tuple[weakref.ref[Labels], Settings | None] | None = None
        self.armed: ClickTool | None = None
        self.radius_mm = _START_MM
        session.analysis_changed.connect(lambda _: self.arm(None))

    def arm(self, tool: ClickTool | None) -> None:
        """Let the next clicks in a canvas add or remove lesions, or neither.

        A brush that is in hand is put away.
        """
        viewer = self._viewer()
        if viewer is not None and tool is not None:
            put_brush_away(viewer)
        if tool != self.armed:
            self.armed = tool
            self.armed_changed.emit(tool)

    def set_radius(self, radius_mm: float) -> None:
        """Set the limit of the region that *add* grows."""
        radius = float(np.clip(radius_mm, *RADII_MM))
        if radius != self.radius_mm:
            self.radius_mm = radius
            self.radius_changed.emit(radius)

    def use_at(self, position: Any) -> None:
        """Use the tool in hand at a point, whose last coordinates are S, P, L in mm."""
        if self.armed == "add":
            self.add_at(position)
        elif self.armed == "remove":
            self.remove_at(position)

    def add_at(self, position: Any) -> None:
        """Add the region around a point, whose last coordinates are S, P, L in mm."""
        from anofpdm.results.mask_editing import region_around

        analysis, native = self._session.analysis, self._session.native
        seed = self._voxel(position)
        if analysis is None or seed is None:
            return
        scan = self._scan(analysis)
        maps = None if native is None else native.anomaly_map

        def add(mask: NDArray[np.bool_], affine: NDArray[np.float64]) -> NDArray[np.bool_]:
            return mask | region_around(
                seed,
                affine,
                self.radius_mm,
                scan=scan,
                anomaly_map=None if maps is None else _along_world(analysis, maps),
                brain=_along_world(analysis, analysis.foreground_native),
            )

        self._apply(add, "adding a lesion")

    def _scan(self, analysis: Analysis) -> NDArray[Any] | None:
        """Return the scan in view, or the first analysed one where that has other voxels."""
        viewer = self._viewer()
        layer: Any = None if viewer is None else scan_in_front(viewer)
        placed = place(analysis.geometry.as_volume(analysis.foreground_native))
        if (
            layer is not None
            and layer.data.shape == placed.data.shape
            and np.allclose(layer.scale, placed.scale)
            and np.allclose(layer.translate, placed.translate)
        ):
            return np.asarray(layer.data)
        first = next(iter(analysis.native.values()), None)
        return None if first is None else _along_world(analysis, first)

    def remove_at(self, position: Any) -> None:
        """Remove the lesion at a point, whose last coordinates are S, P, L in mm."""
        from anofpdm.results.mask_editing import lesion_at

        seed = self._voxel(position)
        if seed is not None:
            self._apply(lambda mask, _: mask & ~lesion_at(mask, seed), "removing a lesion")

    def grow(self) -> None:
        """Grow the selected lesion, or the mask, by the smallest voxel spacing."""
        from anofpdm.results.mask_editing import grown

        self._change_part(lambda part, affine: grown(part, affine, _spacing(affine)), "growing")

    def shrink(self) -> None:
        """Shrink the selected lesion, or the mask, by the smallest voxel spacing."""
        from anofpdm.results.mask_editing import shrunk

        self._change_part(lambda part, affine: shrunk(part, affine, _spacing(affine)), "shrinking")

    def smooth(self) -> None:
        """Smooth the selected lesion, or the mask, by the smallest voxel spacing."""
        from anofpdm.results.mask_editing import smoothed

        self._change_part(
            lambda part, affine: smoothed(part, affine, _spacing(affine)), "smoothing"
        )

    def interpolate(self) -> None:
        """Fill the empty slices between painted ones, across the plane in view."""
        from anofpdm.results.mask_editing import interpolated

        viewer = self._viewer()
        if viewer is None:
            return
        first = viewer.dims.ndim - len(WORLD_AXES)
        across = [axis - first for axis in viewer.dims.not_displayed if axis >= first]
        if len(across) == 1:
            axis = across[0]
            self._apply(lambda mask, affine: interpolated(mask, affine, axis), "interpolating")

    def keep_in_brain(self) -> None:
        """Remove what lies outside the brain."""
        analysis = self._session.analysis
        if analysis is not None:
            brain = _along_world(analysis, analysis.foreground_native)
            self._apply(lambda mask, _: mask & brain, "keeping the mask in the brain")

    def undo(self) -> None:
        """Take back the last change of the editable mask, strokes included."""
        layer = self._layer()
        if layer is not None:
            layer.undo()

    def redo(self) -> None:
        """Make the change again that was taken back last."""
        layer = self._layer()
        if layer is not None:
            layer.redo()

    def _change_part(self, change: Change, doing: str) -> None:
        selected = self._selected()

        def apply(mask: NDArray[np.bool_], affine: NDArray[np.float64]) -> NDArray[np.bool_]:
            part = mask if selected is None else mask & selected
            return (mask & ~part) | change(part, affine)

        self._apply(apply, doing)

    def _selected(self) -> NDArray[np.bool_] | None:
        analysis, reviews = self._session.analysis, self._session.reviews
        if analysis is None or reviews.shown is None or reviews.selected is None:
            return None
        return _along_world(analysis, reviews.shown.lesions.labels == reviews.selected)

    def _apply(self, change: Change, doing: str) -> None:
        analysis = self._session.analysis
        if analysis is None:
            return
        try:
            layer = self._layer() or self._layers.commit_mask()
            if layer is None:
                show_info(_NOT_YET)
                return
            self._last = weakref.ref(layer), self._session.settings
            before = np.asarray(layer.data) > 0
            after = change(before, _affine(analysis))
        except Exception as error:
            show_failure(error, doing)
            return
        changed = np.nonzero(before != after)
        if len(changed[0]):
            layer.data_setitem(changed, after[changed].astype(layer.data.dtype))
            layer.refresh()

    def _layer(self) -> Labels | None:
        """Return the editable mask that counts under the current settings."""
        viewer, session = self._viewer(), self._session
        if viewer is None or session.analysis is None:
            return None
        if self._last is not None:
            last, settings = self._last[0](), self._last[1]
            if (
                last is not None
                and last in viewer.layers
                and last.visible
                and settings == session.settings
            ):
                return last
        if session.edited is None:
            return None
        sources = session.analysis.metadata.sources
        masks: list[Any] = [
            each
            for each in viewer.layers
            if each.metadata.get(ROLE) == "mask"
            and each.metadata.get(SOURCES) == sources
            and each.visible
        ]
        return masks[-1] if masks else None

    def _voxel(self, position: Any) -> tuple[int, int, int] | None:
        analysis = self._session.analysis
        if analysis is None or len(position) < len(WORLD_AXES):
            return None
        placed = place(analysis.geometry.as_volume(analysis.foreground_native))
        world = np.asarray(position[-len(WORLD_AXES) :], dtype=np.float64)
        at = np.rint((world - placed.translate) / np.array(placed.scale)).astype(int)
        if (at < 0).any() or (at >= placed.data.shape).any():
            return None
        return int(at[0]), int(at[1]), int(at[2])


def _along_world(analysis: Analysis, native: NDArray[Any]) -> NDArray[Any]:
    """View an array of the scan's voxels along the axes of the layers, (s, a, r)."""
    return analysis.geometry.orientation.to_canonical(native).transpose()


def _affine(analysis: Analysis) -> NDArray[np.float64]:
    """Take a layer's voxel (s, a, r) to RAS mm."""
    return np.asarray(analysis.geometry.canonical_affine)[:, [2, 1, 0, 3]]


def _spacing(affine: NDArray[np.float64]) -> float:
    return float(np.linalg.norm(affine[:3, :3], axis=0).min())
