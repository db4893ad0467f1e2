"""`Hands`: wheel and mouse buttons on a canvas that shows slices of a scan."""

from __future__ import annotations

import weakref
from collections.abc import Callable, Generator
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from napari_anofpdm.layers.windows import drag_window
from napari_anofpdm.reading.slices import axis_through, has_slices, move_slice
from napari_anofpdm.space.brush import is_painting
from napari_anofpdm.space.placement import WORLD_AXES

if TYPE_CHECKING:
    from napari.viewer import Viewer

MOUSE: tuple[tuple[str, str], ...] = (
    ("Wheel", "Next or previous slice"),
    ("Ctrl + wheel", "Zoom"),
    ("Left drag", "Move the picture"),
    ("Right drag", "Window: right is wider, up is brighter"),
    ("Click", "Select the lesion there; where three planes are shown, go to the point"),
    ("Left drag with a measuring tool", "Draw a ruler or a region; its ends can be moved later"),
    ("Shift + wheel", "Radius of Add or of the lens, while in hand"),
)
"""What wheel and buttons do, for the help."""

_ZOOM = 1.2  # for each notch of the wheel
STILL_PX = 3.0
"""A press that moves less is a click."""
_LEFT, _RIGHT = 1, 2


class Grip(Protocol):
    """A hold on what is under the pointer, while the left button is down."""

    def move(self, position: Any) -> None:
        """Follow the pointer to a point of the world."""

    def release(self) -> None:
        """Let go."""


class Pointer(Protocol):
    """What clicks and drags do to lesions, mask and measurements."""

    def press(self, position: Any, axis: str | None, mm_per_px: float) -> Grip | None:
        """Take hold of what is under the pointer, or begin to draw; None leaves it to others."""

    def click(self, position: Any) -> bool:
        """Use a click at a point of the world; return whether it is used up."""

    def turn(self, notches: float, *, shift: bool) -> bool:
        """Use the wheel with Shift or Ctrl; return whether it is used."""


class Hands:
    """Wheel: slices. Ctrl and wheel: zoom. Right button: window. Click: the point in view.

    In 3-D, and without a scan, wheel and buttons do what they do in napari.

    Parameters
    ----------
    canvas : napari.components.ViewerModel
        The viewer whose canvas the hand is on.
    main : napari.viewer.Viewer
        The viewer with the layers; the same one, or the one that the canvas is linked to.
    pointer : Pointer
        Gets the clicks first, unless a brush is in hand.
    """

    def __init__(self, canvas: Viewer, main: Viewer, pointer: Pointer) -> None:
        self._canvas, self._main = weakref.ref(canvas), weakref.ref(main)
        self._pointer = pointer
        self._turned = 0.0
        self.pointing = False
        """Whether a click goes to a point, as it does where several planes are shown."""
        self._napari_wheel = _replace_wheel(canvas, self._wheel)
        canvas.mouse_drag_callbacks.append(self._window)
        canvas.mouse_drag_callbacks.append(self._click)
        camera, dims, layers = canvas.scene.camera.events, canvas.dims.events, canvas.layers.events
        changes = (camera.mouse_zoom, dims.ndisplay, dims.ndim, layers.inserted, layers.removed)
        for changed in changes:
            changed.connect(self._claim)
        self._claim()

    def _claim(self, _: object = None) -> None:
        """Take the wheel from napari's camera while slices are shown; give it back otherwise."""
        canvas, main = self._canvas(), self._main()
        if canvas is None or main is None:
            return
        free = not has_slices(main) or canvas.dims.ndisplay == 3
        if canvas.scene.camera.mouse_zoom != free:
            canvas.scene.camera.mouse_zoom = free

    def _is_ours(self) -> bool:
        canvas, main = self._canvas(), self._main()
        if canvas is None or main is None or canvas.dims.ndisplay == 3:
            return False
        return canvas is not main or has_slices(main)

    def _wheel(self, canvas: Viewer, event: Any) -> None:
        main = self._main()
        if main is None or not self._is_ours():
            self._napari_wheel(canvas, event)
            return
        held = set(event.modifiers)
        if held == {"Control"}:
            if not self._pointer.turn(float(np.sign(event.delta[1])), shift=False):
                _zoom_at(canvas, event.position, _ZOOM ** float(event.delta[1]))
        elif held == {"Shift"}:
            # Some systems turn the wheel with Shift into a horizontal one.
            self._pointer.turn(float(np.sign(sum(event.delta))), shift=True)
        elif not held:
            self._turned += float(event.delta[1])
            slices = int(self._turned)
            self._turned -= slices
            if slices:
                move_slice(main, slices, axis_through(canvas))
        event.handled = True

    def _window(self, canvas: Viewer, event: Any) -> Generator[None]:
        main = self._main()
        if event.button != _RIGHT or event.modifiers or main is None or not self._is_ours():
            return
        # napari's camera, which would zoom, must not see the button.
        event.handled = True
        before = np.asarray(event.pos, dtype=np.float64)
        yield
        while event.type == "mouse_move":
            now = np.asarray(event.pos, dtype=np.float64)
            right, down = now - before
            drag_window(main, wider=float(right), brighter=float(-down))
            before = now
            event.handled = True
            yield

    def _click(self, canvas: Viewer, event: Any) -> Generator[None]:
        main = self._main()
        left = event.button == _LEFT and not event.modifiers
        if not left or main is None or not self._is_ours() or is_painting(main):
            return
        start = np.asarray(event.pos, dtype=np.float64)
        mm_per_px = 1.0 / canvas.scene.camera.zoom
        grip = self._pointer.press(event.position, axis_through(canvas), mm_per_px)
        if grip is not None:
            # napari's camera, which would move the picture, must not see the button.
            event.handled = True
            yield
            while event.type == "mouse_move":
                grip.move(event.position)
                event.handled = True
                yield
            grip.release()
            return
        yield
        while event.type == "mouse_move":
            if np.abs(np.asarray(event.pos) - start).max() > STILL_PX:
                return
            yield
        if not self._pointer.click(event.position) and self.pointing:
            go_to_point(main, event.position)


def go_to_point(viewer: Viewer, position: Any) -> None:
    """Bring a point, of which the last coordinates are S, P, L in mm, into view."""
    first = viewer.dims.ndim - len(WORLD_AXES)
    if first >= 0 and len(position) >= len(WORLD_AXES):
        point = tuple(float(x) for x in position[-len(WORLD_AXES) :])
        viewer.dims.set_point(range(first, viewer.dims.ndim), point)


def _zoom_at(canvas: Viewer, position: Any, factor: float) -> None:
    """Zoom so that the point under the pointer stays there."""
    camera, shown = canvas.scene.camera, list(canvas.dims.displayed)
    centre = np.asarray(camera.center, dtype=np.float64)[-len(shown) :]
    pointer = np.asarray(position, dtype=np.float64)[shown]
    camera.zoom = camera.zoom * factor
    moved = pointer + (centre - pointer) / factor
    camera.center = (*camera.center[: 3 - len(shown)], *map(float, moved))


def _replace_wheel(
    canvas: Viewer, ours: Callable[[Any, Any], None]
) -> Callable[[Any, Any], object]:
    """Put a callback in the place of napari's, which scrolls with Ctrl; return that."""
    callbacks = canvas.mouse_wheel_callbacks
    for place, callback in enumerate(callbacks):
        if getattr(callback, "__name__", "") == "dims_scroll":
            callbacks[place] = ours
            return callback  # type: ignore[no-any-return]
    callbacks.append(ours)
    return lambda *_: None
