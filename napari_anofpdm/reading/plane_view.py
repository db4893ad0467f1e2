"""`PlaneView`: one more canvas beside napari's own, with the same layers and point in view."""

from __future__ import annotations

import weakref
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from napari.components import ViewerModel
from napari.qt import QtViewer
from qtpy.QtCore import QCoreApplication, QEvent, QObject, QTimer

from napari_anofpdm.reading.follower import Follower, can_follow
from napari_anofpdm.reading.hands import Hands, Pointer
from napari_anofpdm.space.dark_canvas import keep_canvas_dark
from napari_anofpdm.space.placement import WORLD_AXES
from napari_anofpdm.space.sides import mark_sides
from napari_anofpdm.space.title import set_title

if TYPE_CHECKING:
    from napari.layers import Layer
    from napari.viewer import Viewer

_KEYS = (QEvent.Type.KeyPress, QEvent.Type.KeyRelease)


class PlaneView(QObject):
    """A viewer model and its canvas that follow a main viewer; nothing is copied but looks.

    Parameters
    ----------
    main : napari.viewer.Viewer
    main_canvas : napari.qt.QtViewer
        Its canvas, which gets the keys pressed over this one.
    pointer : Pointer
        Gets the clicks.
    shows : callable
        Whether a layer of the main viewer is shown here.
    always : callable
        Whether it is visible here even while it is hidden there.
    smooth_but : {"S", "P", "L"}, optional
        The world axis across the canvas; thick slices along another one are smoothed. By default
        none are.

    Attributes
    ----------
    model : napari.components.ViewerModel
    canvas : napari.qt.QtViewer
        The widget.
    hands : Hands
    """

    def __init__(
        self,
        main: Viewer,
        main_canvas: QtViewer,
        pointer: Pointer,
        shows: Callable[[Layer], bool] = can_follow,
        always: Callable[[Layer], bool] = lambda _: False,
        smooth_but: str | None = None,
    ) -> None:
        super().__init__()
        self._main, self._main_canvas = weakref.ref(main), weakref.ref(main_canvas)
        self._shows, self._always, self._smooth_but = shows, always, smooth_but
        self._followers: dict[Layer, Follower] = {}
        self._outdated: list[Follower] = []
        self.model = ViewerModel()
        self.model.theme = main.theme
        # No status bar shows it, and it is made anew for each slice.
        self.model.cursor.events.position.disconnect(self.model.update_status_from_cursor)
        self.canvas = QtViewer(self.model)
        self.canvas.dims.hide()
        self.canvas.canvas.native.installEventFilter(self)
        self.canvas.installEventFilter(self)
        self._soon = QTimer(self)
        self._soon.setSingleShot(True)
        self._soon.timeout.connect(self._redraw)
        keep_canvas_dark(self.model)
        mark_sides(self.model)
        for layer in main.layers:
            self._follow(layer)
        self.hands = Hands(self.model, main, pointer)
        layers = main.layers.events
        self._heard: list[tuple[Any, Callable[..., None]]] = [
            (layers.inserted, self._on_inserted),
            (layers.removed, self._on_removed),
            (layers.reordered, self._on_reordered),
            (main.dims.events.point, self._on_point),
            (self.model.dims.events.ndim, self._on_point),
            # The axis across the new plane was in the former one, where it was not followed.
            (self.model.dims.events.order, self._on_point),
            (main.events.theme, self._on_theme),
        ]
        for signal, method in self._heard:
            signal.connect(method)
        self._on_point()

    def layer_of(self, original: Layer) -> Layer | None:
        """Return the layer that follows one of the main viewer, if there is one."""
        follower = self._followers.get(original)
        return None if follower is None else follower.layer

    def add(self, layer: Layer) -> None:
        """Add a layer that the main viewer does not have."""
        self.model.add_layer(layer)
        self.model.layers.selection.clear()
        self._on_point()  # napari goes to the middle of a first layer

    def set_title(self, text: str) -> None:
        """Name what the canvas shows, in its upper left corner."""
        set_title(self.model, text)

    def turn_with_main(self) -> None:
        """Show the plane that the main viewer shows."""
        main, model = self._main(), self.model
        if main is None or min(main.dims.ndim, model.dims.ndim) < len(WORLD_AXES):
            return
        first, own = (each.dims.ndim - len(WORLD_AXES) for each in (main, model))
        world = [axis - first for axis in main.dims.order if axis >= first]
        model.dims.ndisplay = main.dims.ndisplay
        model.dims.order = (*range(own), *(own + axis for axis in world))
        model.scene.camera.orientation2d = main.scene.camera.orientation2d

    def leave(self) -> None:
        """Let go of the main viewer."""
        for signal, method in self._heard:
            signal.disconnect(method)
        for follower in self._followers.values():
            follower.leave()
        self._heard, self._followers, self._outdated = [], {}, []

    def close(self) -> None:
        """Take the canvas away."""
        self.leave()
        self._soon.stop()
        self.canvas.canvas.native.removeEventFilter(self)
        self.canvas.removeEventFilter(self)
        self.model.layers.clear()
        self.canvas.setParent(None)
        self.canvas.close()
        self.deleteLater()

    def eventFilter(  # noqa: N802 - Qt's name
        self, watched: QObject | None, event: QEvent | None
    ) -> bool:
        """Pass keys to the main canvas."""
        main_canvas = self._main_canvas()
        if event is None or event.type() not in _KEYS or main_canvas is None:
            return False
        QCoreApplication.sendEvent(main_canvas, event)
        return True

    def _follow(self, layer: Layer, at: int | None = None) -> None:
        main = self._main()
        if main is None or not can_follow(layer) or not self._shows(layer):
            return
        follower = Follower(
            layer,
            main,
            self._on_outdated,
            always=self._always(layer),
            smooth_but=self._smooth_but,
        )
        self._followers[layer] = follower
        self.model.layers.insert(len(self.model.layers) if at is None else at, follower.layer)
        # Without an active layer the canvas offers no tools of its own.
        self.model.layers.selection.clear()
        self._on_point()  # napari goes to the middle of a first layer

    def _on_inserted(self, event: Any) -> None:
        self._follow(event.value)
        self._on_reordered()

    def _on_removed(self, event: Any) -> None:
        follower = self._followers.pop(event.value, None)
        if follower is not None:
            follower.leave()
            self.model.layers.remove(follower.layer)

    def _on_reordered(self, _: object = None) -> None:
        main = self._main()
        followed = [] if main is None else [x for x in main.layers if x in self._followers]
        for place, layer in enumerate(followed):
            own = self._followers[layer].layer
            here = self.model.layers.index(own)
            if here != place:
                self.model.layers.move(here, place)

    def _on_outdated(self, follower: Follower) -> None:
        if follower not in self._outdated:
            self._outdated.append(follower)
            self._soon.start(0)

    def _redraw(self) -> None:
        outdated, self._outdated = self._outdated, []
        for follower in outdated:
            follower.redraw()

    def _on_point(self, _: object = None) -> None:
        """Show the main viewer's point; a move within the shown slice draws nothing anew."""
        main = self._main()
        if main is None or self.model.dims.ndim < len(WORLD_AXES):
            return
        dims, point = self.model.dims, main.dims.point
        axes, values = [], []
        for axis in range(dims.ndim):
            there = axis - dims.ndim + len(point)
            across = axis not in dims.displayed
            if across and there >= 0 and dims.point[axis] != point[there]:
                axes.append(axis)
                values.append(point[there])
        if axes:
            # napari slices all layers once more for the step, which no slider shows here, and
            # moves the cursor, which the pointer alone moves here.
            cursor = self.model.cursor.events.position
            with dims.events.current_step.blocker(), cursor.blocker():
                dims.set_point(axes, values)

    def _on_theme(self, _: object = None) -> None:
        main = self._main()
        if main is not None:
            self.model.theme = main.theme
