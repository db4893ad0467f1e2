"""`OverlayLook`: how map and mask are drawn over the scan, as the user last chose."""

from __future__ import annotations

import weakref
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from psygnal import Signal
from qtpy.compat import isalive
from qtpy.QtCore import QTimer

from napari_anofpdm.host.preferences import (
    OverlayPreferences,
    overlay_preferences,
    remember_overlays,
)
from napari_anofpdm.layers.roles import ROLE

if TYPE_CHECKING:
    from napari.layers import Layer
    from napari.viewer import Viewer

_MAPS = ("map", "sam", "fused")
_MASKS = ("preview", "mask")
_SOON_MS = 700


class OverlayLook:
    """Applies the user's choices to the layers of map and mask, present and future.

    Opacity, colours and the colour bar are those of all maps; the limits of the colours those of
    the anomaly map and the step maps. An editable mask is filled, so that strokes can be seen, and
    takes the colour only.

    Parameters
    ----------
    viewer : napari.viewer.Viewer
    fit_limits : callable
        Fits the limits of the colours to the map in view.

    Attributes
    ----------
    changed : Signal()
        Another choice, or the layer of the map has other limits or is shown or hidden.
    chosen : OverlayPreferences
    """

    changed = Signal()

    def __init__(self, viewer: Viewer, fit_limits: Callable[[], None]) -> None:
        self._viewer, self._fit_limits = weakref.ref(viewer), fit_limits
        self.chosen = overlay_preferences()
        self._soon = QTimer()
        self._soon.setSingleShot(True)
        self._soon.setInterval(_SOON_MS)
        self._soon.timeout.connect(self._remember)
        viewer.layers.events.inserted.connect(self._on_inserted)
        viewer.layers.events.removed.connect(self._on_removed)

    @property
    def map(self) -> Any:
        """The layer of the anomaly map, if there is one."""
        viewer = self._viewer()
        layers = [] if viewer is None else viewer.layers
        return next((layer for layer in layers if layer.metadata.get(ROLE) == "map"), None)

    def choose(self, **changes: Any) -> None:
        """Change some of the choices, now and for later windows.

        Parameters
        ----------
        **changes
            Fields of `OverlayPreferences`.
        """
        chosen = replace(self.chosen, **changes)
        if chosen == self.chosen:
            return
        were_fixed, self.chosen = self.chosen.limits is not None, chosen
        viewer = self._viewer()
        for layer in [] if viewer is None else viewer.layers:
            self._apply(layer, frozenset(changes))
        if were_fixed and chosen.limits is None:
            self._fit_limits()
        self._soon.start()
        self.changed.emit()

    def reset(self) -> None:
        """Choose what is shown at first."""
        first = OverlayPreferences()
        self.choose(**first.__dict__)

    def show_map(self, shown: bool) -> None:
        """Show or hide the anomaly map."""
        layer = self.map
        if layer is not None:
            layer.visible = shown

    def store(self) -> None:
        """Store the choices now, if they wait to be stored."""
        if isalive(self._soon) and self._soon.isActive():
            self._soon.stop()
            self._remember()

    def _remember(self) -> None:
        remember_overlays(self.chosen)

    def _apply(self, layer: Layer | Any, changes: frozenset[str] | None = None) -> None:
        """Give a layer its look; without `changes` all of it."""
        from napari_anofpdm.layers.layer_making import map_colours, mask_colours

        role, chosen = layer.metadata.get(ROLE), self.chosen

        def concerns(*names: str) -> bool:
            return changes is None or not changes.isdisjoint(names)

        if role in _MAPS:
            if concerns("map_opacity"):
                layer.opacity = chosen.map_opacity
            if concerns("colour_map"):
                layer.colormap = map_colours(chosen.colour_map)
            if concerns("colour_bar"):
                layer.colorbar.visible = chosen.colour_bar
            limits = chosen.limits
            if role != "fused" and limits is not None and concerns("map_low", "map_high"):
                bottom, top = layer.contrast_limits_range
                layer.contrast_limits_range = (min(bottom, limits[0]), max(top, limits[1]))
                layer.contrast_limits = limits
        if role in _MASKS and concerns("mask_colour"):
            layer.colormap = mask_colours(chosen.mask_colour)
        if role == "preview":
            if concerns("mask_style"):
                layer.contour = 1 if chosen.mask_style == "contour" else 0
            if concerns("mask_opacity"):
                layer.opacity = chosen.mask_opacity

    def _on_inserted(self, event: Any) -> None:
        layer = event.value
        self._apply(layer)
        if layer.metadata.get(ROLE) == "map":
            layer.events.visible.connect(self._on_map)
            layer.events.contrast_limits.connect(self._on_map)
            self.changed.emit()

    def _on_removed(self, event: Any) -> None:
        layer = event.value
        if layer.metadata.get(ROLE) == "map":
            layer.events.visible.disconnect(self._on_map)
            layer.events.contrast_limits.disconnect(self._on_map)
            self.changed.emit()

    def _on_map(self, _: object = None) -> None:
        self.changed.emit()
