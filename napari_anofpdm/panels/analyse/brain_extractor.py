"""`BrainExtractor`: one button that makes an editable brain mask of a scan, or stops making it."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from qtpy.QtWidgets import QPushButton, QVBoxLayout, QWidget

from napari_anofpdm.host.notify import sentence_of
from napari_anofpdm.preparation.made_layers import add_extracted
from napari_anofpdm.session.engine_thread import Task, is_cancelled, submit
from napari_anofpdm.space.layer_volume import volume_of
from napari_anofpdm.widgets.field import wrapped_label

if TYPE_CHECKING:
    import napari.viewer
    from napari.layers import Layer

    from anofpdm import Volume
    from anofpdm.preprocessing.skull.extraction import BrainExtraction

_EXTRACT, _CANCEL = "Extract brain", "Cancel extraction"
_TOOLTIP = (
    "Find the brain of the first scan with deepbet (extra skull; published for T1 of healthy "
    "adults), as a labels layer that you can correct with the brush. It takes about 10 seconds."
)


class BrainExtractor(QWidget):
    """Extracts the brain of a scan in the background.

    Parameters
    ----------
    viewer : napari.viewer.Viewer
        Gets the labels layer.
    layer_of : callable
        Returns the layer of the scan, or None.

    Attributes
    ----------
    button : QPushButton
    outcome : QLabel
        What was done or why not, in one sentence.
    """

    def __init__(self, viewer: napari.viewer.Viewer, layer_of: Callable[[], Layer | None]) -> None:
        super().__init__()
        self._viewer, self._layer_of = viewer, layer_of
        self._task: Task | None = None
        self._alive = alive = [True]
        self.button = QPushButton(_EXTRACT)
        self.button.setToolTip(_TOOLTIP)
        self.outcome = wrapped_label()
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.addWidget(self.button)
        column.addWidget(self.outcome)
        self.button.clicked.connect(self._on_click)
        # Qt may destroy the widget while its thread works.
        self.destroyed.connect(alive.clear)
        self.refresh()

    @property
    def busy(self) -> bool:
        """Whether an extraction runs."""
        return self._task is not None

    def refresh(self) -> None:
        """Follow the choice of the scan."""
        self.button.setText(_CANCEL if self.busy else _EXTRACT)
        self.button.setEnabled(self.busy or self._layer_of() is not None)

    def start(self) -> None:
        """Extract the brain of the scan, unless an extraction runs."""
        layer = self._layer_of()
        if layer is None or self.busy:
            return
        from anofpdm.common.errors import AnofpdmError

        try:
            volume = volume_of(layer)
        except AnofpdmError as error:
            self.outcome.setText(str(error))
            return
        name = layer.name
        self.outcome.setText("Extracting the brain…")
        alive = self._alive
        self._task = submit(
            _extract,
            volume,
            lambda: is_cancelled() or not alive,
            on_done=lambda found: self._on_done(found, name),
            on_error=self._on_error,
            lane="prepare",
        )
        self.refresh()

    def cancel(self) -> None:
        """Stop the extraction; no layer is added."""
        if self._task is not None:
            self._task.cancel()
            self.button.setEnabled(False)

    def _on_click(self) -> None:
        if self.busy:
            self.cancel()
        else:
            self.start()

    def _on_done(self, found: BrainExtraction, name: str) -> None:
        if not self._alive:
            return
        self._task = None
        add_extracted(self._viewer, found, name)
        done = f"Brain mask by {found.tool} {found.version}: {found.volume_ml:.0f} ml."
        self.outcome.setText(found.warning or f"{done} Look at it; correct it with the brush.")
        self.refresh()

    def _on_error(self, error: Exception) -> None:
        from anofpdm.common.errors import Cancelled

        if not self._alive:
            return
        self._task = None
        cancelled = isinstance(error, Cancelled)
        self.outcome.setText(
            "Cancelled." if cancelled else sentence_of(error, "extracting the brain")
        )
        self.refresh()


def _extract(volume: Volume, should_cancel: Callable[[], bool]) -> Any:
    from anofpdm.preprocessing.skull.extraction import extract_brain

    return extract_brain(volume, should_cancel=should_cancel)
