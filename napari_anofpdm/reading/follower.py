"""`Follower`: a layer of another canvas that looks like its original and shares its voxels."""

from __future__ import annotations

import weakref
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
from napari.layers import Image, Labels, Layer, Points

from anofpdm.results.pictures.even_slices import EvenSlices, thick_axis
from napari_anofpdm.layers.roles import ROLE
from napari_anofpdm.space.placement import WORLD_AXES

if TYPE_CHECKING:
    from napari.viewer import Viewer

_LOOKS = ("opacity", "blending")
_OWN_LOOKS: dict[type[Layer], tuple[str, ...]] = {
    Image: ("contrast_limits", "colormap", "gamma", "interpolation2d"),
    Labels: ("colormap", "contour", "show_selected_label", "selected_label"),
    Points: ("symbol", "size", "face_color", "border_color"),
}
_PLACE = ("scale", "translate")


def can_follow(layer: Layer) -> bool:
    """Return whether a layer is of a kind that is shown in further canvases."""
    return isinstance(layer, tuple(_OWN_LOOKS))


class Follower:
    """Keeps a layer like its original, which belongs to another viewer.

    Both hold the same array. A change of the array in place reaches the follower by the original's
    redraw; a redraw that only shows another slice does not concern it. Where the canvas cuts
    through thick slices, the follower may be smooth instead: masks and scans are interpolated
    between the slices.

    Parameters
    ----------
    original : napari.layers.Layer
    viewer : napari.viewer.Viewer
        The viewer of the original.
    outdated : callable
        Called with the follower when its array has changed in place.
    always : bool
        Whether it is visible while the original is hidden.
    smooth_but : {"S", "P", "L"}, optional
        Be smooth across thick slices along any axis but this one, which is across the canvas.

    Attributes
    ----------
    layer : napari.layers.Layer
        To be added to another viewer.
    """

    def __init__(
        self,
        original: Layer,
        viewer: Viewer,
        outdated: Callable[[Follower], None],
        *,
        always: bool = False,
        smooth_but: str | None = None,
    ) -> None:
        self._original = weakref.ref(original)
        self._viewer = weakref.ref(viewer)
        self._outdated, self._shown_at = outdated, _point_of(viewer)
        data, attributes, kind = original.as_layer_data_tuple()
        axis = None if smooth_but is None else _thick_axis(original, WORLD_AXES.index(smooth_but))
        self._thick_axis = axis
        metadata = {k: v for k, v in original.metadata.items() if k in (ROLE, "volume")}
        attributes |= {"metadata": metadata, "visible": always or original.visible}
        if axis is not None and isinstance(original, Labels):
            data = EvenSlices(original.data, original.scale, axis)
            attributes |= _thin(original, axis, data.parts)
        self.layer = Layer.create(data, attributes, kind)
        # No list shows it; napari would make a thumbnail of each slice.
        vars(self.layer)["_update_thumbnail"] = _no_thumbnail
        looks = next(own for kind, own in _OWN_LOOKS.items() if isinstance(original, kind))
        for name in looks:  # not all of them are among a layer's attributes
            _copy_look(name, original, self.layer)
        if axis is not None and isinstance(original, Image):
            looks = tuple(name for name in looks if name != "interpolation2d")
            scan: Any = self.layer
            scan.interpolation2d = "linear"
        place = () if isinstance(self.layer.data, EvenSlices) else _PLACE
        names = (*_LOOKS, *looks, *place) + (() if always else ("visible",))
        self._heard: list[tuple[Any, Callable[..., None]]] = [
            (getattr(original.events, name), self._copier(name)) for name in names
        ]
        self._heard.append((original.events.data, self._on_data))
        self._heard.append((original.events.set_data, self._on_drawn))
        if isinstance(original, Labels):
            self._heard.append((original.events.labels_update, self._on_drawn))
        for signal, method in self._heard:
            signal.connect(method)

    def leave(self) -> None:
        """Stop following."""
        for signal, method in self._heard:
            signal.disconnect(method)
        self._heard = []

    def _copier(self, name: str) -> Callable[..., None]:
        mine = weakref.ref(self)

        def copy(_: object = None) -> None:
            own = mine()
            original = None if own is None else own._original()
            if own is not None and original is not None:
                _copy_look(name, original, own.layer)

        return copy

    def _on_data(self, _: object = None) -> None:
        original = self._original()
        if original is None:
            return
        own = self.layer.data
        if (own.labels if isinstance(own, EvenSlices) else own) is original.data:
            self._outdated(self)
        elif self._thick_axis is not None and isinstance(original, Labels):
            even = EvenSlices(original.data, original.scale, self._thick_axis)
            self.layer.data = even
            for name, value in _thin(original, self._thick_axis, even.parts).items():
                setattr(self.layer, name, value)
        else:
            self.layer.data = original.data

    def redraw(self) -> None:
        """Show what has changed in the array."""
        if isinstance(self.layer.data, EvenSlices):
            self.layer.data.renew()
        self.layer.refresh(extent=False, thumbnail=False, highlight=False)

    def _on_drawn(self, _: object = None) -> None:
        viewer = self._viewer()
        if viewer is None:
            return
        now = _point_of(viewer)
        if now == self._shown_at:
            self._outdated(self)
        self._shown_at = now


def _no_thumbnail() -> None:
    """Stand in for napari's."""


def _copy_look(name: str, original: Layer, layer: Layer) -> None:
    """Give a layer an attribute of another; napari warns of the looks of no points."""
    value = getattr(original, name)
    if not (isinstance(value, np.ndarray) and value.shape[:1] == (0,)):
        setattr(layer, name, value)


def _point_of(viewer: Viewer) -> tuple[Any, ...]:
    dims = viewer.dims
    return dims.point, dims.order, dims.ndisplay


def _thick_axis(original: Layer, across: int) -> int | None:
    """Return the axis of thick slices that a canvas across another axis cuts through."""
    placed = original.ndim == len(WORLD_AXES) and isinstance(original.data, np.ndarray)
    is_map = isinstance(original, Image) and ROLE in original.metadata
    if not placed or is_map:
        return None
    axis = thick_axis(np.abs(np.asarray(original.scale, dtype=np.float64)))
    return None if axis == across else axis


def _thin(original: Layer, axis: int, parts: int) -> dict[str, Any]:
    """Return where the thin slices of a thick one lie."""
    scale, translate = np.array(original.scale), np.array(original.translate)
    translate[axis] -= scale[axis] * (parts - 1) / (2 * parts)
    scale[axis] /= parts
    return {"scale": scale, "translate": translate}
