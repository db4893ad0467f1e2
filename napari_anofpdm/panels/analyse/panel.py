"""`AnalysePanel`: choose a model and scans, and run the network on them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QGroupBox, QHBoxLayout, QMessageBox, QPushButton, QVBoxLayout, QWidget

from napari_anofpdm.host.docked_panel import DockedPanel
from napari_anofpdm.host.preferences import folder, run_preferences
from napari_anofpdm.host.theme import doubt_colour, is_dark
from napari_anofpdm.host.weak_listener import listen
from napari_anofpdm.panels.analyse.run_estimator import Outlook, RunEstimator, estimate_in_words
from napari_anofpdm.panels.analyse.run_fields import RunFields
from napari_anofpdm.panels.analyse.scan_fields import ScanFields
from napari_anofpdm.panels.shared.bundle_chooser import BundleChooser
from napari_anofpdm.panels.shared.run_bar import RunBar
from napari_anofpdm.preparation.records import preparation_of
from napari_anofpdm.session.run_request import RunRequest
from napari_anofpdm.space.slice_in_view import slice_in_view
from napari_anofpdm.widgets.field import Field, wrapped_label
from napari_anofpdm.widgets.upright_scroll import UprightScroll

if TYPE_CHECKING:
    import napari.viewer
    from napari.layers import Layer

    from anofpdm.analysis.progress import SliceProgress
    from napari_anofpdm.session.runner import AnalysisRun, RunState
    from napari_anofpdm.session.scan import Scan
    from napari_anofpdm.session.session import Session

_ESTIMATING = "Estimating time and memory…"
_NO_SCAN = "Open a scan to begin, or try one from File > Open Sample > AnoFPDM."


class AnalysePanel(DockedPanel):
    """The panel that starts runs: model, scans, process, device, an estimate, and the run.

    Parameters
    ----------
    viewer : napari.viewer.Viewer
        The viewer whose layers are the choices.
    session : Session
        Emits `bundle_chosen` when a model is chosen elsewhere.
    run : AnalysisRun
        The run that the panel starts; it outlives the panel.
    scan_of : callable
        Returns the `Scan` that layers show, and brings it into view.

    Attributes
    ----------
    scans_wanted : Signal()
        Emitted when the user wants to open scans.
    """

    scans_wanted = Signal()

    def __init__(
        self,
        viewer: napari.viewer.Viewer,
        session: Session,
        run: AnalysisRun,
        scan_of: Callable[[Sequence[Layer]], Scan],
    ) -> None:
        super().__init__()
        self._viewer, self._session, self._run = viewer, session, run
        self._scan_of = scan_of
        self.model = BundleChooser()
        self.scans = ScanFields(viewer)
        self.how = RunFields()
        self.estimator = RunEstimator(self)
        self._asked: tuple[object, ...] | None = None
        self._make_buttons()
        self._lay_out()
        self._connect()
        self._on_model()
        self._on_theme()
        self._on_state(self._run.state)
        if self._run.state != "idle":
            self.bar.show_progress(self._run.progress)

    def _make_buttons(self) -> None:
        self.open = QPushButton("Open scans…")
        self.open.setToolTip(
            "Open scan files (NIfTI, MGZ, NRRD, MetaImage, DICOM) as scans and masks."
        )
        self.estimate = wrapped_label()
        self.estimate.setToolTip(
            "Time is measured on this computer with one network call; memory is in MiB or GiB."
        )
        self.doubts = wrapped_label()
        self.doubts.setToolTip("Warnings about the result. You can still start the run.")
        self.doubts.hide()
        self.brain_first = QPushButton("Extract the brain first")
        self.brain_first.setToolTip("The scan looks unstripped; make a brain mask before the run.")
        self.brain_first.hide()
        self.run_volume = QPushButton("Run volume")
        self.run_slice = QPushButton("Run this slice")
        self.bar = RunBar()
        self.outcome = wrapped_label()

    def _lay_out(self) -> None:
        inside = QWidget()
        column = QVBoxLayout(inside)
        column.addWidget(_group("Model", self.model))
        column.addWidget(_group("Scan", self.scans, self.open))
        column.addWidget(_group("Network", self.how))
        column.addStretch(1)
        buttons = QHBoxLayout()
        buttons.addWidget(self.run_volume, 1)
        buttons.addWidget(self.run_slice, 1)
        # The run controls stay visible while the form above scrolls.
        below = QVBoxLayout()
        below.setContentsMargins(9, 0, 9, 6)
        below.addWidget(self.estimate)
        below.addWidget(self.doubts)
        below.addWidget(self.brain_first)
        below.addLayout(buttons)
        below.addWidget(self.bar)
        below.addWidget(self.outcome)
        outer = QVBoxLayout(self)
        outer.setContentsMargins(0, 0, 0, 0)
        outer.addWidget(UprightScroll(inside), 1)
        outer.addLayout(below)

    def _connect(self) -> None:
        self.model.changed.connect(self._on_model)
        self.scans.changed.connect(self.refresh)
        self.how.changed.connect(self.refresh)
        self.open.clicked.connect(self.scans_wanted)
        self.run_volume.clicked.connect(lambda: self.start())
        self.run_slice.clicked.connect(lambda: self.start(this_slice=True))
        self.brain_first.clicked.connect(lambda: self.scans.brain.start())
        self.bar.cancelled.connect(self._run.cancel)
        self.estimator.devices_found.connect(self.how.set_devices)
        self.estimator.estimated.connect(self._on_estimate)
        self.estimator.failed.connect(self.estimate.setText)
        listen(
            self,
            [
                (self._session.bundle_chosen, self.model.choose),
                (self._run.state_changed, self._on_state),
                (self._run.progressed, self._on_progress),
                (self._run.ended, self._on_end),
                (self._viewer.events.theme, self._on_theme),
            ],
        )

    def request(self, *, this_slice: bool = False) -> RunRequest | None:
        """Return the run that the fields describe, or None while one is missing or wrong."""
        scans = self.scans.scans
        if scans is None or self.model.metadata is None or self._wrong():
            return None
        preferred = run_preferences()
        in_view = slice_in_view(self._viewer, scans.layers[0])
        return RunRequest(
            bundle=self.model.bundle,
            volumes=scans.volumes,
            brain_mask=scans.brain_mask,
            process=self.how.chosen_process,
            steps=self.how.chosen_steps,
            device=self.how.chosen_device,
            precision=preferred.precision,
            batch_size=preferred.batch_size,
            memory_limit=preferred.memory_limit,
            temporary_folder=folder("analyses"),
            slices=(in_view,) if this_slice else None,
            first_slice=in_view,
            preparation=preparation_of(scans.layers),
        )

    def start(self, *, this_slice: bool = False) -> None:
        """Run the volume, or only the slice in view, on the voxels as they are now."""
        self.scans.check()
        request, scans = self.request(this_slice=this_slice), self.scans.scans
        if request is None or scans is None or self._run.state != "idle":
            return
        scan = self._scan_of(scans.layers)
        if this_slice and not self._may_replace():
            return
        self.outcome.setText("")
        self._run.start(request, scans.layers, scan)

    def _may_replace(self) -> bool:
        """Ask before one slice takes the place of an analysis of several."""
        count = len(self._session.done)
        if count <= 1:
            return True
        answer = QMessageBox.question(
            self,
            "Replace the analysis?",
            f"This scan has an analysis of {count} slices. Replace it by one of this slice only?",
        )
        return bool(answer == QMessageBox.StandardButton.Yes)

    def refresh(self, _: Any = None) -> None:
        """Enable the run buttons if all fields are valid, and request an estimate."""
        request = self.request()
        idle = self._run.state == "idle"
        for button, words in (
            (
                self.run_volume,
                "Analyse all slices that contain brain, starting with the slice in view.",
            ),
            (self.run_slice, "Analyse only the axial slice in view, as a quick preview."),
        ):
            button.setEnabled(request is not None and idle)
            button.setToolTip(words if request is not None else self._why_not())
        self._estimate(request if idle else None)
        if request is None:
            self.estimate.setText(self._why_not())

    def _estimate(self, request: RunRequest | None) -> None:
        """Request an estimate, unless the last request was the same."""
        asked = None
        if request is not None:
            chosen = (request.bundle, request.steps, request.device, request.precision)
            asked = (*chosen, request.batch_size, *map(hash, self._layers()))
        if asked == self._asked:
            return
        self._asked = asked
        self.estimator.forget()
        if self._run.state == "idle":  # warnings about a run stay visible while it runs
            self._doubt(())
        if (
            self.estimate.text() == _ESTIMATING
        ):  # no estimate will come; the bar shows the time left
            self.estimate.setText("")
        if request is not None:
            self.estimate.setText(_ESTIMATING)
            self.estimator.ask(request)

    def _layers(self) -> tuple[Layer, ...]:
        return () if self.scans.scans is None else self.scans.scans.layers

    def _wrong(self) -> list[Field]:
        fields = [self.model.field, *self.scans.all_fields(), *self.how.all_fields()]
        return [field for field in fields if field.is_wrong]

    def _why_not(self) -> str:
        """Return the reason why the run cannot start."""
        wrong = self._wrong()
        if wrong:
            return f"Fix the field marked in red: {wrong[0].name.text()}."
        missing = [m.upper() for m, box in self.scans.boxes.items() if box.layer is None]
        if not missing:
            return ""
        if self.scans.boxes[missing[0].lower()].count() == 1:
            return _NO_SCAN
        return f"Choose the layer that holds the {missing[0]} scan."

    def _on_model(self) -> None:
        metadata = self.model.metadata
        if metadata is not None:
            self.scans.set_modalities(metadata.modalities)
            self.how.set_model(metadata)
            self._on_theme()
        self.refresh()

    def _on_estimate(self, outlook: Outlook) -> None:
        self.estimate.setText(estimate_in_words(outlook.estimate))
        self._doubt(outlook.warnings)

    def _doubt(self, warnings: tuple[str, ...]) -> None:
        from anofpdm.scans.skull import tells_of_skull

        self.doubts.setText("\n".join(warnings))
        self.doubts.setVisible(bool(warnings))
        self.brain_first.setVisible(tells_of_skull(warnings))

    def _on_state(self, state: RunState) -> None:
        self.bar.show_state(state)
        self.refresh()

    def _on_progress(self, progress: SliceProgress) -> None:
        if self._run.state == "running":
            self.bar.show_progress(progress)

    def _on_end(self, text: str) -> None:
        self.outcome.setText(text)
        self.model.check()

    def _on_theme(self, _: Any = None) -> None:
        dark = is_dark(self._viewer.theme)
        for field in (self.model.field, *self.scans.all_fields(), *self.how.all_fields()):
            field.set_dark(dark)
        self.doubts.setStyleSheet(f"color: {doubt_colour(dark)};")


def _group(title: str, *widgets: QWidget) -> QGroupBox:
    group = QGroupBox(title)
    column = QVBoxLayout(group)
    for widget in widgets:
        column.addWidget(widget)
    return group
