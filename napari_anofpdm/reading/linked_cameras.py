"""`LinkedCameras`: canvases that zoom together and look at one point."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from napari_anofpdm.space.placement import WORLD_AXES

if TYPE_CHECKING:
    from napari.viewer import Viewer


class LinkedCameras:
    """Gives each canvas the zoom of the one that moved, and its centre along the axes they share.

    Parameters
    ----------
    viewers : sequence of napari.viewer.Viewer
    """

    def __init__(self, viewers: Sequence[Viewer]) -> None:
        self._viewers = list(viewers)
        self._busy = False
        self._heard: list[tuple[Any, Callable[..., None]]] = []
        for viewer in viewers:
            for name in ("center", "zoom"):
                follow = self._follower_of(viewer)
                getattr(viewer.scene.camera.events, name).connect(follow)
                self._heard.append((getattr(viewer.scene.camera.events, name), follow))

    def leave(self) -> None:
        """End the link."""
        for signal, method in self._heard:
            signal.disconnect(method)
        self._heard, self._viewers = [], []

    def _follower_of(self, viewer: Viewer) -> Callable[..., None]:
        def follow(_: object = None) -> None:
            if not self._busy and viewer.dims.ndisplay == 2:
                self._busy = True
                try:
                    self._spread(viewer)
                finally:
                    self._busy = False

        return follow

    def _spread(self, moved: Viewer) -> None:
        centre = _centre_of(moved)
        for viewer in self._viewers:
            if viewer is moved or viewer.dims.ndisplay != 2:
                continue
            camera, own = viewer.scene.camera, _centre_of(viewer)
            wanted = tuple(centre.get(axis, value) for axis, value in own.items())
            if wanted != tuple(own.values()):
                camera.center = (*camera.center[: 3 - len(wanted)], *wanted)
            if camera.zoom != moved.scene.camera.zoom:
                camera.zoom = moved.scene.camera.zoom


def _centre_of(viewer: Viewer) -> dict[str, float]:
    """Return the centre of a canvas by the world axes that it shows."""
    first = viewer.dims.ndim - len(WORLD_AXES)
    shown = [axis for axis in viewer.dims.displayed if axis >= first]
    values = viewer.scene.camera.center[-len(shown) :] if shown else ()
    return {
        WORLD_AXES[axis - first]: float(value) for axis, value in zip(shown, values, strict=True)
    }
