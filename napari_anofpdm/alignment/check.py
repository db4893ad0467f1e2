"""`AlignmentCheck`: how two scans are laid over or beside each other in a viewer."""

from __future__ import annotations

import weakref
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from psygnal import Signal

from napari_anofpdm.space.camera import kept_camera

if TYPE_CHECKING:
    from napari.layers import Image, Layer
    from napari.qt import QtViewer
    from napari.viewer import Viewer

    from napari_anofpdm.alignment.checkerboard import Tiles
    from napari_anofpdm.alignment.pair import Pair
    from napari_anofpdm.reading.hands import Pointer
    from napari_anofpdm.reading.layouts import Layouts
    from napari_anofpdm.session.session import Session

Mode = Literal["off", "blend", "checkerboard", "side_by_side"]


@dataclass(frozen=True)
class _Looks:
    """How a layer was shown before."""

    visible: bool
    opacity: float
    blending: str


class AlignmentCheck:
    """Shows two scans in one of the modes; `end` shows all layers again as they were.

    Parameters
    ----------
    viewer : napari.viewer.Viewer
    session : Session
    layouts : Layouts
        The single view is needed; another layout ends the check.
    pointer : Pointer
        What a click on the second canvas does.

    Attributes
    ----------
    changed : Signal(str)
        The new mode.
    mode : {"off", "blend", "checkerboard", "side_by_side"}
    """

    changed = Signal(str)

    def __init__(
        self, viewer: Viewer, session: Session, layouts: Layouts, pointer: Pointer
    ) -> None:
        self._viewer = weakref.ref(viewer)
        self._layouts, self._pointer = layouts, pointer
        self._before: dict[Layer, _Looks] = {}
        self._layers: tuple[Layer, Layer] | None = None
        self._tiles: Tiles | None = None
        self._board: Image | None = None
        self._pair: Pair | None = None
        self.mode: Mode = "off"
        session.closed.connect(self._forget)
        layouts.changed.connect(self._on_layout)
        viewer.layers.events.removed.connect(self._on_removed)

    @property
    def pair(self) -> Pair | None:
        """The two canvases side by side, if they are shown."""
        return self._pair

    @property
    def canvases(self) -> list[tuple[Viewer, QtViewer]]:
        """The models and canvases beside the viewer's own."""
        return [] if self._pair is None else [(v.model, v.canvas) for v in self._pair.views]

    def show(self, mode: Mode, fixed: Layer, moving: Layer, share: float, tile_mm: float) -> None:
        """Change to a mode.

        Parameters
        ----------
        mode : {"off", "blend", "checkerboard", "side_by_side"}
        fixed, moving : napari.layers.Layer
            Scans in the viewer.
        share : float
            Of the moving scan in the blend, 0 to 1.
        tile_mm : float
            Edge of the tiles.

        Raises
        ------
        AnofpdmError
            When a layer is no scan, or a checkerboard is asked for and the grids differ.
        """
        viewer = self._viewer()
        if viewer is None or mode == "off":
            self.end()
            return
        # napari gives plugins a proxy that returns new objects on each access.
        fixed, moving = (getattr(layer, "__wrapped__", layer) for layer in (fixed, moving))
        self._restore()
        try:
            tiles = _tiles(fixed, moving) if mode == "checkerboard" else None
        except Exception:
            self.end()
            raise
        self._layouts.show("single")
        self._layers, self.mode, self._tiles = (fixed, moving), mode, tiles
        if mode == "side_by_side":
            from napari_anofpdm.alignment.pair import Pair

            self._pair = Pair(viewer, fixed, moving, self._pointer)
        else:
            self._lay_over(viewer, share, tile_mm)
        self.changed.emit(mode)

    def _lay_over(self, viewer: Viewer, share: float, tile_mm: float) -> None:
        assert self._layers is not None
        self._before = {
            layer: _Looks(layer.visible, layer.opacity, str(layer.blending))
            for layer in viewer.layers
        }
        for layer in self._before:
            shown = self._layers if self.mode == "blend" else self._layers[:1]
            layer.visible = layer in shown
        if self.mode == "blend":
            self.set_share(share)
        else:
            self.set_tile(tile_mm)

    def set_share(self, share: float) -> None:
        """Blend the scans anew."""
        viewer, layers = self._viewer(), self._layers
        if viewer is None or layers is None or self.mode != "blend":
            return
        fixed, moving = layers
        moving_above = viewer.layers.index(moving) > viewer.layers.index(fixed)
        above, below = (moving, fixed) if moving_above else (fixed, moving)
        below.opacity, below.blending = 1.0, "opaque"
        above.blending = "translucent_no_depth"
        above.opacity = share if moving_above else 1 - share

    def set_tile(self, tile_mm: float) -> None:
        """Tile the scans anew."""
        viewer = self._viewer()
        if viewer is None or self._tiles is None:
            return
        made = self._tiles.layer(tile_mm)
        if self._board is not None and self._board in viewer.layers:
            self._board.data = made.data
            return
        active = viewer.layers.selection.active
        with kept_camera(viewer):
            viewer.add_layer(made)
        self._board = made
        viewer.layers.selection.active = active

    def end(self) -> None:
        """Show all layers as they were before."""
        self._restore()
        if self.mode != "off":
            self.mode = "off"
            self.changed.emit("off")

    def _restore(self) -> None:
        viewer, board, pair = self._viewer(), self._board, self._pair
        self._layers = self._tiles = None
        self._board = self._pair = None
        if pair is not None:
            pair.close()
        if viewer is None:
            return
        if board is not None and board in viewer.layers:
            with kept_camera(viewer):
                viewer.layers.remove(board)
        for layer, looks in self._before.items():
            if layer in viewer.layers:
                layer.visible, layer.opacity = looks.visible, looks.opacity
                layer.blending = looks.blending
        self._before = {}

    def _on_layout(self, name: str) -> None:
        if name != "single":
            self.end()

    def _on_removed(self, event: Any) -> None:
        if self._layers is not None and event.value in self._layers:
            self.end()

    def _forget(self) -> None:
        """Let go of a viewer whose window is gone."""
        if self._pair is not None:
            self._pair.leave()
        self._pair = self._board = self._layers = self._tiles = None
        self._before, self.mode = {}, "off"


def _tiles(fixed: Layer, moving: Layer) -> Tiles:
    from napari_anofpdm.alignment.checkerboard import Tiles

    return Tiles(fixed, moving)
