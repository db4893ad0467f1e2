"""`ReferenceBox`: live agreement of the mask with a reference mask."""

from __future__ import annotations

import zlib
from typing import TYPE_CHECKING, Any

import numpy as np
from qtpy.QtCore import QTimer
from qtpy.QtWidgets import QHBoxLayout, QLabel, QVBoxLayout, QWidget

from napari_anofpdm.host.notify import sentence_of
from napari_anofpdm.host.weak_listener import listen
from napari_anofpdm.panels.explore.reference_mask import (
    Scores,
    mask_layers,
    reference_of,
    scores_of,
)
from napari_anofpdm.widgets.layer_box import LayerBox

if TYPE_CHECKING:
    import napari.viewer
    from napari.layers import Layer
    from numpy.typing import NDArray

    from anofpdm import Analysis
    from napari_anofpdm.session.session import Session

_SETTLED_MS = 150
_TIP = (
    "A known lesion mask on the scan's own voxels, such as an expert's: a labels layer, or an "
    "image of 0 and 1. Any value except 0 counts as lesion."
)
_SCORES_TIP = (
    "DICE and IoU range from 0 (no common voxels) to 1 (identical masks); volumes are in "
    "millilitres. Dropped lesions do not count."
)


class ReferenceBox(QWidget):
    """Lets the user choose a reference layer and shows DICE, IoU and volumes.

    Parameters
    ----------
    viewer : napari.viewer.Viewer
    session : Session
    """

    def __init__(self, viewer: napari.viewer.Viewer, session: Session) -> None:
        super().__init__()
        self._session = session
        # napari gives plugins a proxy that returns new layer objects on each access.
        self._viewer = getattr(viewer, "__wrapped__", viewer)
        self._layer: Layer | None = None
        self._reference: NDArray[np.bool_] | None = None
        self._mark: int | None = None
        # After an undo napari emits only a redraw event, the same as for another slice.
        self._redrawn = QTimer(self)
        self._redrawn.setSingleShot(True)
        self._redrawn.setInterval(_SETTLED_MS)
        self._redrawn.timeout.connect(self._look_for_edits)
        self.layers = LayerBox("none")
        self.layers.setToolTip(_TIP)
        self.volume, self.slice, self.fault = QLabel(), QLabel(), QLabel()
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        row = QHBoxLayout()
        row.addWidget(QLabel("Reference mask"))
        row.addWidget(self.layers, 1)
        layout.addLayout(row)
        for label in (self.fault, self.volume, self.slice):
            label.setWordWrap(True)
            label.hide()
            label.setToolTip(_SCORES_TIP)
            layout.addWidget(label)
        self.layers.chosen.connect(self._take)
        events = self._viewer.layers.events
        listen(
            self,
            [
                (events.inserted, self._list_layers),
                (events.removed, self._list_layers),
                (events.renamed, self._list_layers),
                (session.analysis_changed, self._read_again),
                (session.native_changed, self._show_volume),
                (session.dropped_changed, self._show_slice),
                (session.slice_interpreted, self._show_slice),
                (session.position_changed, self._show_slice),
            ],
        )
        self._list_layers()

    def set_fault_colour(self, colour: str) -> None:
        """Set the red that is readable in the viewer's theme, "#rrggbb"."""
        self.fault.setStyleSheet(f"color: {colour};")

    def _list_layers(self, _: object = None) -> None:
        self.layers.offer(mask_layers(self._viewer.layers), None)
        self._take()

    def _take(self, _: object = None) -> None:
        """Use another layer, and update when the user paints on it."""
        layer = self.layers.layer
        if layer is self._layer:
            return
        if self._layer is not None:
            for event in _edits(self._layer):
                event.disconnect(self._read_again)
            self._layer.events.set_data.disconnect(self._on_redrawn)
        self._layer = layer
        if layer is not None:
            listen(self, [(event, self._read_again) for event in _edits(layer)])
            listen(self, [(layer.events.set_data, self._on_redrawn)])
        self._read_again()

    def _on_redrawn(self, _: object = None) -> None:
        self._redrawn.start()

    def _look_for_edits(self) -> None:
        if self._layer is not None and _mark_of(self._layer) != self._mark:
            self._read_again()

    def _read_again(self, _: object = None) -> None:
        self._reference = None
        self._mark = None if self._layer is None else _mark_of(self._layer)
        fault = ""
        analysis = self._session.analysis
        if self._layer is not None and analysis is not None:
            try:
                self._reference = reference_of(self._layer, analysis)
            except Exception as error:
                fault = sentence_of(error, "reading the reference mask")
        self.fault.setText(fault)
        self.fault.setVisible(bool(fault))
        self._show_volume()
        self._show_slice()

    def _show_volume(self, _: object = None) -> None:
        analysis, native, reference = self._session.analysis, self._session.native, self._reference
        known = analysis is not None and native is not None and reference is not None
        self.volume.setVisible(known)
        if analysis is not None and native is not None and reference is not None:
            scores = scores_of(native.mask, reference, analysis.geometry.voxel_volume_ml)
            self.volume.setText(f"Volume: {_words(scores)}")

    def _show_slice(self, _: object = None) -> None:
        analysis, result, reference = (
            self._session.analysis,
            self._session.slice_result,
            self._reference,
        )
        known = analysis is not None and result is not None and reference is not None
        self.slice.setVisible(known)
        if analysis is not None and result is not None and reference is not None:
            slice_id = int(result.slice_ids[0])
            plane = self._plane(analysis, slice_id)
            of_slice = analysis.geometry.orientation.to_canonical(reference)[:, :, slice_id]
            scores = scores_of(plane, of_slice, analysis.geometry.voxel_volume_ml)
            self.slice.setText(f"Slice {slice_id}: {_words(scores)}")

    def _plane(self, analysis: Analysis, slice_id: int) -> NDArray[Any]:
        """Return the mask of the slice in view on the scan's voxels, without dropped lesions."""
        from anofpdm.results.native import native_plane

        session, geometry = self._session, analysis.geometry
        assert session.slice_mask is not None
        assert session.slice_result is not None
        plane = native_plane(analysis, session.slice_result, session.slice_mask)
        if session.dropped and session.lesions is not None:
            labels = geometry.orientation.to_canonical(session.lesions.labels)[:, :, slice_id]
            plane = plane * ~np.isin(labels, list(session.dropped))
        return plane


def _edits(layer: Layer) -> list[Any]:
    """Return the events that report changed voxels."""
    names = ("data", "paint") if hasattr(layer.events, "paint") else ("data",)
    return [getattr(layer.events, name) for name in names]


def _mark_of(layer: Layer) -> int | None:
    """Return a checksum of the voxels, or None if they are not in memory."""
    data = layer.data
    if not isinstance(data, np.ndarray):
        return None
    return zlib.crc32(np.ascontiguousarray(data).data.cast("B"))


def _words(scores: Scores) -> str:
    volumes = f"mask {scores.volume_ml:.2f} ml, reference {scores.reference_ml:.2f} ml"
    return f"DICE {scores.dice:.3f}, IoU {scores.iou:.3f}; {volumes}"
