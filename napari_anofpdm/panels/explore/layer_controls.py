"""`LayerControls`: an editable mask, the predictions of the steps, and the modality shown."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QSignalBlocker
from qtpy.QtWidgets import QCheckBox, QHBoxLayout, QPushButton, QVBoxLayout, QWidget

from napari_anofpdm.host.notify import show_failure
from napari_anofpdm.host.weak_listener import listen
from napari_anofpdm.layers.roles import ROLE
from napari_anofpdm.widgets.boxes.choice_box import ChoiceBox

if TYPE_CHECKING:
    import napari.viewer

    from anofpdm import Analysis
    from napari_anofpdm.layers.manager import LayerManager
    from napari_anofpdm.session.session import Session

_MEAN = "Mean of all"


class LayerControls(QWidget):
    """Controls for the layers that are not shown by default.

    Parameters
    ----------
    viewer : napari.viewer.Viewer
    session : Session
        The session of this viewer.
    layers : LayerManager
        The layers of this viewer.
    """

    def __init__(
        self, viewer: napari.viewer.Viewer, session: Session, layers: LayerManager
    ) -> None:
        super().__init__()
        self._session, self._layers = session, layers
        self.edit = QPushButton("Edit mask")
        self.edit.setToolTip(
            "Copy the mask into a new layer to paint on, with its own undo, on the scan's own\n"
            "voxels. Settings do not change this layer; Export writes it with the result."
        )
        self.predictions = QCheckBox("Predictions")
        self.predictions.setToolTip(
            "Show two more layers: the model's healthy-guided and unguided predictions at each\n"
            "noise level. The slider 'step' moves through them."
        )
        self.fused = QCheckBox("Fused map")
        self.fused.setToolTip(
            "Show one more layer: the anomaly map times the brightness of the smoothed scan, on\n"
            "the scan's own voxels. It ranks voxels; the mask does not depend on it."
        )
        self.modality = ChoiceBox({})
        self.modality.setAccessibleName("Modality of the step maps")
        self.modality.setToolTip("The scan whose step maps are shown.")
        row = QHBoxLayout()
        row.addWidget(self.edit, 1)
        row.addWidget(self.predictions)
        row.addWidget(self.fused)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.addLayout(row)
        column.addWidget(self.modality)
        self.edit.clicked.connect(self._edit)
        self.predictions.toggled.connect(self._show_predictions)
        self.fused.toggled.connect(layers.fused.show)
        self.modality.chosen.connect(self._choose_modality)
        listen(
            self,
            [
                (session.analysis_changed, self._on_analysis),
                (session.slices_done, self._on_slices),
                (viewer.layers.events.removed, self._on_removed),
            ],
        )
        self._on_analysis(session.analysis)

    def _edit(self) -> None:
        try:
            self._layers.commit_mask()
        except Exception as error:
            show_failure(error, "copying the mask")

    def _show_predictions(self, shown: bool) -> None:
        self._layers.show_predictions(shown)

    def _choose_modality(self, modality: str) -> None:
        self._session.set_modality(modality or None)

    def _on_analysis(self, analysis: Analysis | None) -> None:
        scored = () if analysis is None else analysis.scored
        with QSignalBlocker(self.modality):
            self.modality.clear()
            self.modality.addItem(_MEAN, "")
            for name in scored:
                self.modality.addItem(name.upper(), name)
        self.modality.setVisible(len(scored) > 1)
        with QSignalBlocker(self.fused):
            self.fused.setChecked(False)
        self._on_slices()
        self._on_removed()

    def _on_slices(self, _: object = None) -> None:
        for widget in (self.edit, self.fused):
            widget.setEnabled(bool(self._session.done))

    def _on_removed(self, event: Any = None) -> None:
        """Clear the check boxes if the user removed the layers from the layer list."""
        if event is not None and event.value.metadata.get(ROLE) == "fused":
            self.fused.setChecked(False)
        if self._layers.layer("healthy") is None and self._layers.layer("unguided") is None:
            with QSignalBlocker(self.predictions):
                self.predictions.setChecked(False)
