"""`Lens`: the healthy prediction, or the map, inside a circle round the pointer."""

from __future__ import annotations

import weakref
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from qtpy.QtGui import QCursor

from napari_anofpdm.lens.circle import Circle
from napari_anofpdm.reading.hidden_overlays import hidden_overlays

if TYPE_CHECKING:
    from napari.layers import Layer
    from napari.qt import QtViewer
    from napari.viewer import Viewer

    from napari_anofpdm.layers.manager import LayerManager
    from napari_anofpdm.reading.layouts import Layouts

Picture = Literal["healthy", "map"]
RADII_PX = (20.0, 400.0)
_START_PX = 70.0
_STEP = 1.15  # for each notch of the wheel


class Lens:
    """While it is held, the scan is seen outside of a circle, and the other picture inside.

    The circle follows the pointer on every canvas that shows the scan. Moving it sets two numbers
    of the graphics card and draws the canvas anew; no slice is computed.

    Parameters
    ----------
    viewer : napari.viewer.Viewer
    layers : LayerManager
        Makes the layers of prediction and map.
    layouts : Layouts

    Attributes
    ----------
    radius_px : float
        Kept from one use to the next.
    is_held : bool
    """

    def __init__(self, viewer: Viewer, layers: LayerManager, layouts: Layouts) -> None:
        self._viewer, self._layers, self._layouts = weakref.ref(viewer), layers, layouts
        self._glasses: list[_Glass] = []
        self.radius_px = _START_PX

    @property
    def is_held(self) -> bool:
        """Whether it is in use."""
        return bool(self._glasses)

    @contextmanager
    def held(self, picture: Picture) -> Iterator[None]:
        """Show a picture through the lens for a moment; without one nothing happens.

        Parameters
        ----------
        picture : {"healthy", "map"}
        """
        with ExitStack() as stack:
            viewer, layer = self._viewer(), None
            if viewer is not None and not self.is_held:
                layer = stack.enter_context(self._brought(picture))
            if viewer is not None and layer is not None:
                stack.enter_context(hidden_overlays(viewer, but=layer))
                self._glasses = [
                    _Glass(self, model, canvas, own) for model, canvas, own in self._shows_of(layer)
                ]
            try:
                yield
            finally:
                glasses, self._glasses = self._glasses, []
                for glass in glasses:
                    glass.remove()

    def turn(self, notches: float) -> bool:
        """Change the radius by the wheel; return whether the lens is held."""
        if not self.is_held:
            return False
        self.radius_px = float(np.clip(self.radius_px * _STEP**notches, *RADII_PX))
        for glass in self._glasses:
            glass.renew()
        return True

    def leave_others(self, glass: _Glass) -> None:
        """Take the circle off all canvases but that which the pointer is on."""
        for other in self._glasses:
            if other is not glass:
                other.hide()

    @contextmanager
    def _brought(self, picture: Picture) -> Iterator[Layer | None]:
        """Bring the layer of a picture into the viewer, opaque, and leave all as it was."""
        former: Any = self._layers.layer(picture)
        looked = None if former is None else (former.visible, former.opacity)
        if picture == "healthy" and former is None:
            self._layers.steps.blend(1.0)
        layer: Any = self._layers.layer(picture)
        if layer is None:
            yield None
            return
        layer.visible, layer.opacity = True, 1.0
        try:
            yield layer
        finally:
            if looked is None:
                self._layers.steps.blend(0.0)
            else:
                layer.visible, layer.opacity = looked

    def _shows_of(self, layer: Layer) -> Iterator[tuple[Viewer, QtViewer, Layer]]:
        """Yield the canvases that show the scan, with the layer that each has of the picture."""
        viewer, shown = self._viewer(), self._layouts.shown
        if viewer is None:
            return
        yield viewer, self._layouts.canvases[0][1], layer
        if self._layouts.name == "planes" and shown is not None:
            for view in shown.views:
                own = view.layer_of(layer)
                if own is not None:
                    yield view.model, view.canvas, own


class _Glass:
    """The lens over one canvas."""

    def __init__(self, lens: Lens, model: Viewer, canvas: QtViewer, layer: Layer) -> None:
        self._lens, self._model, self._canvas = lens, model, canvas
        self._node = canvas.canvas.layer_to_visual[layer].node
        native = canvas.canvas.native
        self._circle = Circle(native.devicePixelRatioF())
        self._node.attach(self._circle)
        at = native.mapFromGlobal(QCursor.pos())
        inside = native.rect().contains(at)
        self._at: tuple[float, float] | None = (at.x(), at.y()) if inside else None
        model.mouse_move_callbacks.append(self._follow)
        self.renew()

    def renew(self) -> None:
        """Draw the circle where the pointer is."""
        if self._at is None:
            self._circle.hide()
        else:
            height = self._canvas.canvas.native.height()
            self._circle.place(*self._at, height, self._lens.radius_px)
        self._node.update()

    def hide(self) -> None:
        """Draw nothing until the pointer comes back."""
        if self._at is not None:
            self._at = None
            self.renew()

    def remove(self) -> None:
        """Show the whole layer again."""
        if self._follow in self._model.mouse_move_callbacks:
            self._model.mouse_move_callbacks.remove(self._follow)
        self._node.detach(self._circle)
        self._node.update()

    def _follow(self, _: Any, event: Any) -> None:
        self._lens.leave_others(self)
        self._at = (float(event.pos[0]), float(event.pos[1]))
        self.renew()
