"""`LayerList`: a drop-down list of the viewer's layers that can hold a mask."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QSignalBlocker, Qt, Signal
from qtpy.QtWidgets import QComboBox, QSizePolicy

from napari_anofpdm.host.weak_listener import listen
from napari_anofpdm.widgets.wheel_guard import WheelGuard

if TYPE_CHECKING:
    import napari.viewer
    from napari.layers import Layer

# Layers that the plugin draws. A committed mask belongs to the user.
_DERIVED_ROLES = frozenset({"map", "sam", "healthy", "unguided", "preview"})


class LayerList(QComboBox):
    """A list of the labels layers, then the image layers; it updates with the viewer.

    Parameters
    ----------
    viewer : napari.viewer.Viewer
    """

    chosen = Signal(object)
    """Emitted with the new layer or None, also when the selected layer is removed."""

    def __init__(self, viewer: napari.viewer.Viewer) -> None:
        super().__init__()
        # napari gives plugins a proxy that returns new layer objects on each access.
        self._viewer = getattr(viewer, "__wrapped__", viewer)
        self._layer: Layer | None = None
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setMinimumContentsLength(8)
        self.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        self.installEventFilter(WheelGuard(self))
        self.currentIndexChanged.connect(self._picked)
        events = self._viewer.layers.events
        listen(self, [(events.inserted, self._fill), (events.removed, self._fill)])
        self._fill()

    def showPopup(self) -> None:  # noqa: N802 - Qt's name
        """Open the list with the layers' current names."""
        self._fill()
        super().showPopup()

    def _fill(self, _: object = None) -> None:
        layers = _candidates(self._viewer)
        with QSignalBlocker(self):
            self.clear()
            self.addItem("none", None)
            for layer in layers:
                self.addItem(layer.name, layer)
            if self._layer in layers:
                self.setCurrentIndex(1 + layers.index(self._layer))
        self._picked()

    def _picked(self, _: int = 0) -> None:
        layer = self.currentData()
        if layer is not self._layer:
            self._layer = layer
            self.chosen.emit(layer)


def _candidates(viewer: napari.viewer.Viewer) -> list[Any]:
    from napari.layers import Image, Labels

    from napari_anofpdm.layers.roles import ROLE

    own = [
        layer
        for layer in viewer.layers
        if isinstance(layer, (Image, Labels))
        and layer.ndim == 3
        and layer.metadata.get(ROLE) not in _DERIVED_ROLES
    ]
    return sorted(own, key=lambda layer: not isinstance(layer, Labels))
