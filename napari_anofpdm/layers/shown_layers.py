"""`ShownLayers`: the layers that the plugin has added to a viewer, by role."""

from __future__ import annotations

import weakref
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_anofpdm.space.camera import kept_camera

if TYPE_CHECKING:
    from napari.layers import Layer
    from napari.viewer import Viewer

    from napari_anofpdm.layers.roles import Role
    from napari_anofpdm.session.session import Session


class ShownLayers:
    """At most one layer of each `Role`; a layer that the user deletes is not added again.

    Parameters
    ----------
    viewer : napari.viewer.Viewer
    session : Session
        When it is closed, no more layers are shown.
    """

    def __init__(self, viewer: Viewer, session: Session) -> None:
        self._viewer = weakref.ref(viewer)
        self._session = session
        self._layers: dict[Role, Layer] = {}
        viewer.layers.events.removed.connect(self._on_removed)

    def layer(self, role: Role) -> Layer | None:
        """Return the layer of a role, if it is in the viewer."""
        return self._layers.get(role)

    def show(self, role: Role, layer: Layer, below: Role | None = None) -> None:
        """Add a layer to the viewer, on top or below another; active layer and camera stay.

        If a layer of this role is already in the same place, only its data are replaced. This
        keeps the user's display settings and is much faster.
        """
        viewer, shown = self._viewer(), self.layer(role)
        if viewer is None or self._session.is_closed:
            return
        if shown is not None and _same_place(shown, layer):
            shown.data = layer.data
            return
        active = viewer.layers.selection.active
        with kept_camera(viewer):
            self.remove(role)
            other = None if below is None else self.layer(below)
            at = len(viewer.layers) if other is None else viewer.layers.index(other)
            viewer.layers.insert(at, layer)
        self._layers[role] = layer
        if active is not None:
            viewer.layers.selection.active = active

    def remove(self, role: Role) -> None:
        """Remove the layer of a role from the viewer, if it is there."""
        viewer, layer = self._viewer(), self._layers.pop(role, None)
        if viewer is not None and layer in viewer.layers:
            with kept_camera(viewer):
                viewer.layers.remove(layer)

    def clear(self) -> None:
        """Remove all layers from the viewer."""
        for role in list(self._layers):
            self.remove(role)

    def refresh(self, *roles: Role, thumbnail: bool = True) -> None:
        """Redraw layers whose data changed in place, with or without their thumbnails."""
        for role in roles:
            layer = self.layer(role)
            if layer is not None and not self._session.is_closed:
                layer.refresh(extent=False, highlight=False, thumbnail=thumbnail)

    def _on_removed(self, event: Any) -> None:
        gone = event.value
        self._layers = {role: own for role, own in self._layers.items() if own is not gone}


def _same_place(one: Layer, other: Layer) -> bool:
    return (
        one.data.shape[-3:] == other.data.shape[-3:]
        and np.array_equal(one.scale, other.scale)
        and np.array_equal(one.translate, other.translate)
    )
