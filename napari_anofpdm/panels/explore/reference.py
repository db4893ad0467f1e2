"""`ReferenceBox`: live agreement of the mask with a reference mask."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from qtpy.QtCore import QTimer
from qtpy.QtWidgets import QHBoxLayout, QLabel, QVBoxLayout, QWidget

from napari_anofpdm.host.notify import sentence_of
from napari_anofpdm.host.weak_listener import listen
from napari_anofpdm.layers.edited_mask import mark_of
from napari_anofpdm.layers.roles import ROLE
from napari_anofpdm.panels.explore.reference_mask import scores_of, slice_words, volume_words
from napari_anofpdm.panels.shared.reference_layers import mask_layers, reference_of
from napari_anofpdm.widgets.boxes.layer_box import LayerBox

if TYPE_CHECKING:
    import napari.viewer
    from napari.layers import Layer
    from numpy.typing import NDArray

    from anofpdm import Analysis
    from anofpdm.results.native import NativeResult
    from napari_anofpdm.session.session import Session

_SETTLED_MS = 150
_TIP = (
    "A known lesion mask on the scan's own voxels, such as an expert's: a labels layer, or an "
    "image of 0 and 1. Any value above 0 counts as lesion."
)
_SCORES_TIP = (
    "DICE and IoU range from 0 (no common voxels) to 1 (identical masks); volumes are in "
    "millilitres, in the analysed slices alone. Dropped lesions do not count."
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
        self.layers.setAccessibleName("Reference mask")
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
                (session.edited_changed, self._show_scores),
                (session.review_changed, self._show_slice),
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
        if self._layer is not None and mark_of(self._layer) != self._mark:
            self._read_again()

    def _read_again(self, _: object = None) -> None:
        self._reference = None
        self._mark = None if self._layer is None else mark_of(self._layer)
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

    @property
    def _edited(self) -> NativeResult | None:
        """The edited mask, if it counts; a committed mask as reference is scored as such."""
        committed = self._layer is not None and self._layer.metadata.get(ROLE) == "mask"
        return None if committed else self._session.edited

    def _show_volume(self, _: object = None) -> None:
        session, reference, edited = self._session, self._reference, self._edited
        analysis, result = session.analysis, session.volume_result
        shown = session.native if edited is None else edited
        known = analysis is not None and result is not None and shown is not None
        self.volume.setVisible(known and reference is not None)
        if analysis is None or result is None or shown is None or reference is None:
            return
        canonical = analysis.geometry.orientation.to_canonical
        words = volume_words(
            canonical(shown.mask),
            canonical(reference),
            analysis.geometry.voxel_volume_ml,
            result.slice_ids,
            edited=edited is not None,
        )
        self.volume.setText(words)

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
            self.slice.setText(slice_words(slice_id, scores))

    def _show_scores(self, _: object = None) -> None:
        self._show_volume()
        self._show_slice()

    def _plane(self, analysis: Analysis, slice_id: int) -> NDArray[Any]:
        """Return the mask of the slice in view on the scan's voxels, without rejected lesions."""
        from anofpdm.results.native import native_plane

        session, geometry, edited = self._session, analysis.geometry, self._edited
        if edited is not None:
            return geometry.orientation.to_canonical(edited.mask)[:, :, slice_id]
        assert session.slice_mask is not None
        assert session.slice_result is not None
        plane = native_plane(analysis, session.slice_result, session.slice_mask)
        if session.rejected and session.lesions is not None:
            labels = geometry.orientation.to_canonical(session.lesions.labels)[:, :, slice_id]
            plane = plane * ~np.isin(labels, list(session.rejected))
        return plane


def _edits(layer: Layer) -> list[Any]:
    """Return the events that report changed voxels."""
    names = ("data", "paint") if hasattr(layer.events, "paint") else ("data",)
    return [getattr(layer.events, name) for name in names]
