"""`EditedMask`: measures the committed mask that the user works on."""

from __future__ import annotations

import weakref
import zlib
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

import numpy as np
from qtpy.compat import isalive
from qtpy.QtCore import QTimer

from napari_anofpdm.host.notify import show_failure
from napari_anofpdm.layers.roles import ROLE, SOURCES
from napari_anofpdm.session.engine_thread import submit
from napari_anofpdm.space.layer_volume import volume_of

if TYPE_CHECKING:
    from napari.layers import Layer
    from napari.viewer import Viewer

    from anofpdm import Volume
    from anofpdm.results.native import NativeResult
    from napari_anofpdm.session.session import Session

_SETTLED_MS = 150


class EditedMask:
    """Lets a committed mask count in the session from its making, and again with each stroke.

    It counts until the settings change, it is hidden or deleted, or another one is painted on.

    Parameters
    ----------
    viewer : napari.viewer.Viewer
    session : Session
    """

    def __init__(self, viewer: Viewer, session: Session) -> None:
        self._viewer = weakref.ref(viewer)
        self._session = session
        self._marks: WeakKeyDictionary[Layer, int] = WeakKeyDictionary()
        self._layers: WeakKeyDictionary[NativeResult, Layer] = WeakKeyDictionary()
        self._touched: weakref.ref[Layer] | None = None
        # After an undo napari emits only a redraw event, the same as for another slice.
        self._soon = QTimer()
        self._soon.setSingleShot(True)
        self._soon.setInterval(_SETTLED_MS)
        self._soon.timeout.connect(self._look)
        viewer.layers.events.inserted.connect(self._on_inserted)
        viewer.layers.events.removed.connect(self._on_removed)
        session.analysis_changed.connect(self._on_analysis)
        session.closed.connect(self._stop)
        for layer in viewer.layers:
            self._watch(layer)

    def _on_inserted(self, event: Any) -> None:
        self._watch(event.value)
        if event.value in self._marks:
            self._measure(event.value)

    def _on_removed(self, event: Any) -> None:
        layer = event.value
        if self._marks.pop(layer, None) is not None:
            for name in ("paint", "data", "set_data"):
                getattr(layer.events, name).disconnect(self._on_edit)
            layer.events.visible.disconnect(self._on_visible)
            self._give_up(layer)

    def _watch(self, layer: Layer) -> None:
        if layer.metadata.get(ROLE) == "mask" and hasattr(layer.events, "paint"):
            self._marks[layer] = mark_of(layer) or 0
            for name in ("paint", "data", "set_data"):
                getattr(layer.events, name).connect(self._on_edit)
            layer.events.visible.connect(self._on_visible)

    def _on_edit(self, event: Any) -> None:
        if not self._session.is_closed:
            self._touched = weakref.ref(event.source)
            self._soon.start()

    def _look(self) -> None:
        layer = None if self._touched is None else self._touched()
        if layer is None or layer not in self._marks:
            return
        mark = mark_of(layer) or 0
        if mark != self._marks[layer]:
            self._marks[layer] = mark
            self._measure(layer)

    def _on_visible(self, event: Any) -> None:
        if event.source.visible:
            self._measure(event.source)
        else:
            self._give_up(event.source)

    def _give_up(self, layer: Layer) -> None:
        if self._layer_that_counts() is layer:
            self._session.set_edited(None)

    def _layer_that_counts(self) -> Layer | None:
        edited = self._session.edited
        return None if edited is None else self._layers.get(edited)

    def _on_analysis(self, _: object = None) -> None:
        """Let go of a mask that was hidden or deleted while another scan was in view."""
        viewer, layer = self._viewer(), self._layer_that_counts()
        if viewer is None or layer is None or layer not in viewer.layers or not layer.visible:
            self._session.set_edited(None)

    def _measure(self, layer: Layer) -> None:
        session = self._session
        analysis, native, settings = session.analysis, session.native, session.settings
        if analysis is None or layer.metadata.get(SOURCES) != analysis.metadata.sources:
            return
        anomaly_map = None if native is None else native.anomaly_map
        try:
            volume = volume_of(layer)
        except Exception as error:
            show_failure(error, "reading the mask")
            return
        # The user may go on painting meanwhile.
        mask = np.asarray(volume.data > 0, dtype=np.uint8)

        def done(measured: NativeResult) -> None:
            same = session.analysis is analysis and session.settings == settings
            if same and layer in self._marks and layer.visible:
                self._layers[measured] = layer
                session.set_edited(measured)

        submit(
            lambda: _measured(volume, mask, anomaly_map),
            on_done=done,
            on_error=lambda error: show_failure(error, "measuring the mask"),
            lane="interpret",
        )

    def _stop(self) -> None:
        # At the end of the process Qt may destroy its objects before the viewer is gone.
        if isalive(self._soon):
            self._soon.stop()


def mark_of(layer: Layer) -> int | None:
    """Return a checksum of a layer's voxels, or None if they are not in memory."""
    data = layer.data
    if not isinstance(data, np.ndarray):
        return None
    return zlib.crc32(np.ascontiguousarray(data).data.cast("B"))


def _measured(
    volume: Volume, mask: np.ndarray[Any, Any], anomaly_map: np.ndarray[Any, Any] | None
) -> NativeResult:
    from anofpdm.results.lesions import find_lesions
    from anofpdm.results.native import NativeResult

    lesions = find_lesions(mask, volume.affine, anomaly_map)
    shown = np.zeros(mask.shape, np.float32) if anomaly_map is None else anomaly_map
    return NativeResult(mask, shown, lesions)
