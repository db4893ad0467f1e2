"""`ComparePanel`: compare two examinations of one patient."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from qtpy.compat import isalive
from qtpy.QtCore import QSize, Signal
from qtpy.QtWidgets import (
    QCheckBox,
    QFileDialog,
    QGroupBox,
    QHBoxLayout,
    QMessageBox,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from napari_anofpdm.comparing.request import CompareRequest
from napari_anofpdm.host.docked_panel import DockedPanel
from napari_anofpdm.host.notify import sentence_of, show_info
from napari_anofpdm.host.preferences import folder, run_preferences
from napari_anofpdm.host.theme import doubt_colour, is_dark
from napari_anofpdm.host.weak_listener import listen
from napari_anofpdm.layers.windows import is_scan
from napari_anofpdm.panels.compare.changes_view import ChangesView
from napari_anofpdm.panels.compare.time_point_fields import TimePointFields
from napari_anofpdm.panels.compare.writing import present_files, write_comparison
from napari_anofpdm.panels.shared.bundle_chooser import BundleChooser
from napari_anofpdm.panels.shared.run_bar import RunBar
from napari_anofpdm.session.engine_thread import Task, submit
from napari_anofpdm.widgets.field import wrapped_label
from napari_anofpdm.widgets.upright_scroll import UprightScroll

if TYPE_CHECKING:
    import napari.viewer

    from anofpdm.analysis.progress import SliceProgress
    from anofpdm.results.follow_up.comparison import FollowUp
    from napari_anofpdm.comparing.comparison import Comparison
    from napari_anofpdm.comparing.layers import ComparisonLayers
    from napari_anofpdm.comparing.run import CompareRun, RunState
    from napari_anofpdm.reading.layouts import Layouts
    from napari_anofpdm.session.session import Session

_WHAT = (
    "Segments two examinations of one patient with the same model and its own settings, on the "
    "voxels of the baseline, and compares the lesions."
)


class ComparePanel(DockedPanel):
    """Chooses two examinations, runs the comparison, and shows what became of each lesion.

    Parameters
    ----------
    viewer : napari.viewer.Viewer
        The viewer whose layers are the choices.
    session : Session
        Emits `bundle_chosen` when a model is chosen elsewhere.
    comparison : Comparison
    run : CompareRun
    layers : ComparisonLayers
    layouts : Layouts

    Attributes
    ----------
    scans_wanted, result_wanted : Signal()
        Emitted when the user wants to open scans, or a stored comparison.
    """

    scans_wanted = Signal()
    result_wanted = Signal()

    def __init__(
        self,
        viewer: napari.viewer.Viewer,
        session: Session,
        comparison: Comparison,
        run: CompareRun,
        layers: ComparisonLayers,
        layouts: Layouts,
    ) -> None:
        super().__init__()
        self._viewer, self._comparison, self._run = viewer, comparison, run
        self._layouts = layouts
        self._task: Task | None = None
        self.model = BundleChooser(brief=True)
        self.baseline = TimePointFields("Baseline", 0)
        self.follow_up = TimePointFields("Follow-up", 1)
        self.changes = ChangesView(comparison, layers.go_to)
        self._make_buttons()
        self._lay_out()
        self._connect(session)
        self._on_model()
        self._on_theme()
        self._on_state(run.state)
        self._on_found(comparison.found)

    def sizeHint(self) -> QSize:  # noqa: N802 - Qt's name
        """Return a size that leaves space for the canvas; the panel scrolls."""
        return QSize(360, 420)

    def _make_buttons(self) -> None:
        self.what = wrapped_label(_WHAT)
        self.register = QCheckBox("Register the follow-up onto the baseline")
        self.register.setChecked(True)
        self.register.setToolTip(
            "A head never lies twice in the same place. Without it, both scans must have the same "
            "voxels."
        )
        self.open = QPushButton("Open scans…")
        self.open.setToolTip("Open the scans of both examinations.")
        self.open_result = QPushButton("Open a comparison…")
        self.open_result.setToolTip("Open a folder that anofpdm follow-up or Export has written.")
        self.start = QPushButton("Compare")
        self.bar = RunBar()
        self.bar.bar.setToolTip("Network steps done for this examination.")
        self.bar.cancel.setToolTip("Stop within one network call; nothing is kept.")
        self.outcome = wrapped_label()
        self.side_by_side = QPushButton("Side by side")
        self.side_by_side.setCheckable(True)
        self.side_by_side.setToolTip("Show both examinations beside each other, linked.")
        self.export = QPushButton("Export…")
        self.export.setToolTip(
            "Write scans, masks, the table, a report and a picture to a folder, as anofpdm "
            "follow-up does."
        )

    def _lay_out(self) -> None:
        inside = QWidget()
        column = QVBoxLayout(inside)
        self.result = QGroupBox("Changes")
        found = QVBoxLayout(self.result)
        found.addWidget(self.changes)
        found.addLayout(_row(self.side_by_side, self.export))
        column.addWidget(self.result)
        column.addWidget(self.what)
        self.scans = QGroupBox("Examinations")
        form = QVBoxLayout(self.scans)
        for widget in (self.model, self.baseline, self.follow_up, self.register):
            form.addWidget(widget)
        form.addLayout(_row(self.open, self.open_result))
        column.addWidget(self.scans)
        column.addStretch(1)
        below = QVBoxLayout()
        below.setContentsMargins(9, 0, 9, 6)
        below.addWidget(self.start)
        below.addWidget(self.bar)
        below.addWidget(self.outcome)
        outer = QVBoxLayout(self)
        outer.setContentsMargins(0, 0, 0, 0)
        outer.addWidget(UprightScroll(inside), 1)
        outer.addLayout(below)

    def _connect(self, session: Session) -> None:
        self.model.changed.connect(self._on_model)
        for fields in (self.baseline, self.follow_up):
            fields.changed.connect(self.refresh)
        self.open.clicked.connect(self.scans_wanted)
        self.open_result.clicked.connect(self.result_wanted)
        self.start.clicked.connect(lambda: self.compare())
        self.bar.cancelled.connect(self._run.cancel)
        self.side_by_side.clicked.connect(lambda: self._layouts.toggle("two_times"))
        self.export.clicked.connect(lambda: self._ask_folder())
        layers = self._viewer.layers.events
        listen(
            self,
            [
                (session.bundle_chosen, self.model.choose),
                (self._run.state_changed, self._on_state),
                (self._run.progressed, self._on_progress),
                (self._run.ended, self._on_end),
                (self._comparison.changed, self._on_found),
                (self._layouts.changed, self._on_layout),
                (self._viewer.events.theme, self._on_theme),
                *((event, self._offer) for event in (layers.inserted, layers.removed)),
                (layers.renamed, self._offer),
            ],
        )

    def request(self) -> CompareRequest | None:
        """Return what the fields describe, or None while something is missing or wrong."""
        baseline, follow_up = self.baseline.volumes, self.follow_up.volumes
        if baseline is None or follow_up is None or self.model.metadata is None:
            return None
        preferred = run_preferences()
        return CompareRequest(
            bundle=self.model.bundle,
            scans={"baseline": baseline, "follow_up": follow_up},
            register="auto" if self.register.isChecked() else "off",
            device=preferred.device,
            precision=preferred.precision,
            batch_size=preferred.batch_size,
        )

    def compare(self) -> None:
        """Start the comparison, on the voxels as they are now."""
        for fields in (self.baseline, self.follow_up):
            fields.check()
        request = self.request()
        if request is not None and self._run.state == "idle":
            self.outcome.setText("")
            self._run.start(request)

    def refresh(self, _: Any = None) -> None:
        """Enable the button if both examinations are chosen."""
        ready = self.request() is not None
        self.start.setEnabled(ready and self._run.state == "idle")
        self.start.setToolTip(
            "Register, segment and compare; it takes as long as two runs of the Analyse panel."
            if ready
            else "First choose the scans of both examinations."
        )

    def write(self, target: Path, *, overwrite: bool = False) -> None:
        """Write the comparison to a folder, on the engine thread."""
        found = self._comparison.found
        if found is None or self._task is not None:
            return
        self.outcome.setText("Writing…")
        self._task = submit(
            lambda: write_comparison(found, target, overwrite=overwrite),
            on_done=self._written,
            on_error=self._not_written,
            lane="interpret",
        )

    def _ask_folder(self) -> None:
        found = self._comparison.found
        start = str(folder("exports") or "")
        chosen = QFileDialog.getExistingDirectory(self, "Export the comparison to a folder", start)
        if not chosen or found is None:
            return
        present = present_files(found, Path(chosen))
        if present:
            text = f"{chosen} already contains {', '.join(present)}. Replace these files?"
            answer = QMessageBox.question(self, "Replace the files?", text)
            if answer != QMessageBox.StandardButton.Yes:
                return
        self.write(Path(chosen), overwrite=bool(present))

    def _written(self, target: Path) -> None:
        self._task = None
        if isalive(self):
            self.outcome.setText(f"Written to {target}")
            show_info(f"The comparison was written to {target}.")

    def _not_written(self, error: Exception) -> None:
        self._task = None
        if isalive(self):
            self.outcome.setText(sentence_of(error, "exporting"))

    def _on_model(self) -> None:
        metadata = self.model.metadata
        if metadata is not None:
            for fields in (self.baseline, self.follow_up):
                fields.set_modalities(metadata.modalities)
        self._offer()
        self._on_theme()

    def _offer(self, _: object = None) -> None:
        scans = [layer for layer in self._viewer.layers if is_scan(layer)]
        for fields in (self.baseline, self.follow_up):
            fields.offer(scans)

    def _on_found(self, found: FollowUp | None) -> None:
        self.result.setVisible(found is not None)
        self.what.setVisible(found is None)
        self._on_layout()

    def _on_layout(self, _: object = None) -> None:
        self.side_by_side.setChecked(self._layouts.name == "two_times")

    def _on_state(self, state: RunState) -> None:
        self.bar.show_state(state)
        self.refresh()

    def _on_progress(self, progress: SliceProgress) -> None:
        if self._run.state == "running":
            self.bar.show_progress(progress)

    def _on_end(self, text: str) -> None:
        self.outcome.setText(text)

    def _on_theme(self, _: object = None) -> None:
        dark = is_dark(self._viewer.theme)
        self.changes.set_doubt_colour(doubt_colour(dark))
        for fields in (self.baseline, self.follow_up):
            for field in fields.fields.values():
                field.set_dark(dark)
        self.model.field.set_dark(dark)


def _row(*buttons: QPushButton) -> QHBoxLayout:
    row = QHBoxLayout()
    for button in buttons:
        row.addWidget(button, 1)
    return row
