"""`ComparisonLayers`: both scans and their lesions, coloured by what became of them."""

from __future__ import annotations

import weakref
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
from qtpy.QtCore import QTimer

from napari_anofpdm.layers.roles import FOLLOW_UP, FOUND_KEY, ROLE, Role
from napari_anofpdm.layers.shown_layers import ShownLayers
from napari_anofpdm.layers.windows import apply_window, is_scan
from napari_anofpdm.space.camera import go_to_point
from napari_anofpdm.space.layer_volume import layer_data
from napari_anofpdm.space.placement import WORLD_AXES, WORLD_UNITS, PlacedArray, place

if TYPE_CHECKING:
    from napari.layers import Image, Labels, Layer
    from napari.viewer import Viewer

    from anofpdm import Volume
    from anofpdm.results.follow_up.comparison import FollowUp, TimePoint
    from napari_anofpdm.comparing.comparison import Comparison
    from napari_anofpdm.session.session import Session

NOT_COMPARED = "#9A9A9A"
_DIMMED = "59"  # alpha, hexadecimal
_CHANGES: dict[TimePoint, Role] = {
    "baseline": "baseline_changes",
    "follow_up": "follow_up_changes",
}
_NAMES: dict[Role, str] = {
    "follow_up": "Follow-up",
    "baseline_changes": "Lesions at baseline",
    "follow_up_changes": "Lesions at follow-up",
}


class ComparisonLayers:
    """Shows a comparison: the baseline with its lesions, and the follow-up for a canvas beside it.

    The scan and the lesions of the follow-up are hidden on the viewer's own canvas. Each lesion
    has the colour of its state, or grey where it was not compared; while one is selected, the
    others are dimmed.

    Parameters
    ----------
    viewer : napari.viewer.Viewer
    session : Session
    comparison : Comparison
    """

    def __init__(self, viewer: Viewer, session: Session, comparison: Comparison) -> None:
        self._viewer, self._comparison = weakref.ref(viewer), comparison
        self._shown = ShownLayers(viewer, session)
        self._baseline: Callable[[], Layer | None] = lambda: None
        self._placed: PlacedArray | None = None
        self._windows = ((0.0, 1.0), (0.0, 1.0))
        comparison.changed.connect(self._show)
        comparison.selected_changed.connect(self._paint)
        viewer.layers.events.inserted.connect(self._on_inserted)

    @property
    def baseline(self) -> Layer | None:
        """The layer of the baseline's scan, if it is in the viewer."""
        viewer, layer = self._viewer(), self._baseline()
        return layer if viewer is not None and layer in viewer.layers else None

    def go_to(self, number: int) -> None:
        """Select a lesion, and move slices and camera to its middle."""
        viewer = self._viewer()
        self._comparison.select(number)
        if viewer is None or self._placed is None:
            return
        voxels = np.argwhere(self._placed.data == number)
        if len(voxels):
            away = np.linalg.norm(voxels - voxels.mean(axis=0), axis=1)
            voxel = voxels[away.argmin()]
            scale, start = (np.array(x) for x in (self._placed.scale, self._placed.translate))
            go_to_point(viewer, voxel * scale + start, centred=False)

    def select_at(self, position: Any) -> bool:
        """Select the lesion at a point, whose last coordinates are S, P, L in mm.

        Returns
        -------
        bool
            Whether there is a lesion of the comparison.
        """
        if self._placed is None or len(position) < len(WORLD_AXES):
            return False
        world = np.asarray(position[-len(WORLD_AXES) :], dtype=np.float64)
        at = (world - np.array(self._placed.translate)) / np.array(self._placed.scale)
        voxel = np.rint(at).astype(np.intp)
        if (voxel < 0).any() or (voxel >= self._placed.data.shape).any():
            return False
        number = int(self._placed.data[tuple(voxel)])
        if number:
            self._comparison.select(number)
        return bool(number)

    def _on_inserted(self, event: Any) -> None:
        found = event.value.metadata.pop(FOUND_KEY, None)
        if found is not None:
            comparison = self._comparison
            # napari has yet to tell others of the new layer.
            QTimer.singleShot(0, lambda: comparison.show(found))

    def _show(self, found: FollowUp | None) -> None:
        self._shown.clear()
        self._placed = None
        viewer = self._viewer()
        if found is None or viewer is None:
            return
        known = _layer_of(viewer, found.scan("baseline"))
        baseline: Any = _add_scan(viewer, found) if known is None else known
        self._baseline = weakref.ref(baseline)
        follow_up = _follow_up_layer(found.scan("follow_up"))
        self._windows = (tuple(baseline.contrast_limits), tuple(follow_up.contrast_limits))
        baseline.events.contrast_limits.connect(self._on_window)
        self._shown.show("follow_up", follow_up)
        affine = found.scan("baseline").affine
        self._placed = _placed(found.changes.labels, affine)
        outside = len(found.changes.table) + 1
        for time_point, role in _CHANGES.items():
            numbers = np.where(found.changes.labels > 0, found.changes.labels, outside)
            numbers *= found.mask(time_point) > 0
            layer = _change_layer(_placed(numbers, affine), role)
            layer.visible = time_point == "baseline"
            self._shown.show(role, layer)
        self._paint()

    def _on_window(self, event: Any) -> None:
        """Move the window of the follow-up with that of the baseline, each on its own scale."""
        layer: Any = self._shown.layer("follow_up")
        baseline = self._baseline()
        if layer is None or baseline is None or event.source is not baseline:
            return
        (low, high), (own_low, own_high) = self._windows
        factor = (own_high - own_low) / (high - low)
        limits = [own_low + (x - low) * factor for x in baseline.contrast_limits]
        bottom, top = layer.contrast_limits_range
        layer.contrast_limits_range = (min(bottom, limits[0]), max(top, limits[1]))
        layer.contrast_limits = limits

    def _paint(self, _: object = None) -> None:
        from napari.utils import DirectLabelColormap

        from anofpdm.results.follow_up.states import STATE_COLOURS

        found = self._comparison.found
        if found is None:
            return
        colours: dict[int | None, str] = {None: "transparent", 0: "transparent"}
        for change in found.changes.table:
            dimmed = self._comparison.selected not in (None, change.number)
            colours[change.number] = STATE_COLOURS[change.state] + _DIMMED * dimmed
        colours[len(found.changes.table) + 1] = NOT_COMPARED
        for role in _CHANGES.values():
            layer: Labels | Any = self._shown.layer(role)
            if layer is not None:
                layer.colormap = DirectLabelColormap(color_dict=colours)


def is_later(layer: Layer) -> bool:
    """Return whether a layer shows the follow-up."""
    return layer.metadata.get(ROLE) in ("follow_up", "follow_up_changes")


def _placed(data: Any, affine: Any) -> PlacedArray:
    from anofpdm import Volume

    return place(Volume(data, affine))


def _layer_of(viewer: Viewer, scan: Volume) -> Any:
    """Return the scan's layer, if its voxels are already in the viewer."""
    voxels = place(scan).data
    for layer in viewer.layers:
        if is_scan(layer) and np.may_share_memory(layer.data, voxels):
            return layer
    return None


def _add_scan(viewer: Viewer, found: FollowUp) -> Image:
    from napari.layers import Image

    data, attributes, _ = layer_data(found.scan("baseline"), f"Baseline {found.shown}", "image")
    layer = Image(data, **attributes)
    viewer.add_layer(layer)
    return layer


def _follow_up_layer(scan: Volume) -> Image:
    from napari.layers import Image

    placed = place(scan)
    layer = Image(
        placed.data,
        name=_NAMES["follow_up"],
        scale=placed.scale,
        translate=placed.translate,
        axis_labels=WORLD_AXES,
        units=WORLD_UNITS,
        colormap="gray",
        visible=False,
        metadata={ROLE: "follow_up", FOLLOW_UP: scan},
    )
    apply_window(layer, "brain")
    return layer


def _change_layer(placed: PlacedArray, role: Role) -> Labels:
    from napari.layers import Labels

    layer = Labels(
        placed.data,
        name=_NAMES[role],
        scale=placed.scale,
        translate=placed.translate,
        axis_labels=WORLD_AXES,
        units=WORLD_UNITS,
        opacity=1.0,
        metadata={ROLE: role},
    )
    layer.contour = 1
    layer.editable = False
    return layer
