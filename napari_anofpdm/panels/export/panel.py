"""`ExportPanel`: writes mask, map, tables, report and analysis to a folder."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from qtpy.compat import isalive
from qtpy.QtCore import QUrl
from qtpy.QtGui import QDesktopServices
from qtpy.QtWidgets import (
    QCheckBox,
    QFileDialog,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from anofpdm.common.user_path import user_path
from anofpdm.results.folder import present_results
from napari_anofpdm.host.docked_panel import DockedPanel
from napari_anofpdm.host.notify import show_failure, show_info
from napari_anofpdm.host.weak_listener import listen
from napari_anofpdm.layers.edited_mask import mark_of
from napari_anofpdm.layers.roles import ROLE, SOURCES
from napari_anofpdm.layers.windows import is_scan
from napari_anofpdm.measuring.measured import entries_of
from napari_anofpdm.panels.export.export_choice import ANALYSIS, DICOM, EDITED, NRRD, ExportChoice
from napari_anofpdm.panels.export.export_folder import proposed_folder
from napari_anofpdm.panels.export.exports import Export, write_export
from napari_anofpdm.panels.export.picture_job import Source
from napari_anofpdm.panels.export.source_series import (
    NEEDS_HIGHDICOM,
    NEEDS_SIMPLEITK,
    NOT_DICOM,
    is_installed,
    source_series,
)
from napari_anofpdm.panels.shared.reference_layers import mask_layers, reference_of
from napari_anofpdm.panels.shared.result_pages import ResultPages
from napari_anofpdm.session import engine_thread
from napari_anofpdm.space.layer_volume import volume_of
from napari_anofpdm.widgets.boxes.layer_box import LayerBox
from napari_anofpdm.widgets.busy_bar import BusyBar
from napari_anofpdm.widgets.field import wrapped_label
from napari_anofpdm.widgets.upright_scroll import UprightScroll

if TYPE_CHECKING:
    import napari.viewer
    from napari.layers import Labels, Layer

    from anofpdm import Analysis, Volume
    from anofpdm.results.dicom.files import DicomOutput
    from napari_anofpdm.panels.export.picture_dialog import PictureDialog
    from napari_anofpdm.session.region_names import RegionNames
    from napari_anofpdm.session.session import Session

WHAT_FOR = "Its mask, map, tables and report can then be written to a folder."
NOTHING_YET = "Nothing to export yet: run an analysis in the Analyse panel, or open a stored one."
UPDATING = "The result is being updated…"


class ExportPanel(DockedPanel):
    """Writes the result in view to a folder, on the scan's own voxels.

    Parameters
    ----------
    viewer : napari.viewer.Viewer
        The viewer whose edited masks can be exported.
    session : Session
        The session whose result is written.
    regions : RegionNames
        Names the regions of the lesions in the files, if the user wants it.
    """

    def __init__(
        self, viewer: napari.viewer.Viewer, session: Session, regions: RegionNames
    ) -> None:
        super().__init__()
        self._viewer, self._session, self._regions = viewer, session, regions
        self._task: engine_thread.Task | None = None
        self._folder_is_own = False
        self._pictures: PictureDialog | None = None
        self._reference_read: tuple[tuple[Layer, int | None, Analysis], Volume] | None = None
        self.written: Path | None = None
        self._make_controls()
        self._lay_out()
        self._connect()
        self._renew_folder()
        self.refresh()

    def _make_controls(self) -> None:
        self.choice = ExportChoice()
        self.edited_mask = LayerBox("Choose the mask")
        self.edited_mask.setToolTip("The mask layer to write as edited_mask.nii.gz.")
        self.deidentify = QCheckBox("De-identify the DICOM files")
        self.deidentify.setToolTip(
            "Leave name, identifiers, dates and UIDs of the patient out of the DICOM files\n"
            "(PS3.15 Basic Profile). They no longer refer to the series of the scan."
        )
        self.folder = QLineEdit()
        self.folder.setAccessibleName("Output folder")
        self.folder.setToolTip("The output folder; it is created if it does not exist.")
        self.browse = QPushButton("Browse…")
        self.browse.setToolTip("Choose the folder.")
        self.export = QPushButton("Export")
        self.export.setToolTip("Write the selected items to the folder.")
        self.picture = QPushButton("Figure or film…")
        self.picture.setToolTip(
            "Draw slices as a figure (PDF, SVG, PNG), or a film of slices or noise steps (GIF)."
        )
        self.state = wrapped_label()
        self.bar = BusyBar()
        self.bar.setRange(0, 0)
        self.bar.setToolTip("The files are being written. You can keep working.")
        self.question = QWidget()
        self.question_text = wrapped_label()
        self.replace = QPushButton("Replace")
        self.replace.setToolTip("Replace the existing files of the same names.")
        self.keep = QPushButton("Cancel")
        self.keep.setToolTip("Keep the existing files and write nothing.")
        self.outcome = wrapped_label()
        self.open_folder = QPushButton("Open folder")
        self.open_folder.setToolTip("Show the output folder in the file manager.")

    def _lay_out(self) -> None:
        place = QHBoxLayout()
        place.addWidget(self.folder, 1)
        place.addWidget(self.browse)
        answers = QHBoxLayout()
        answers.addWidget(self.replace)
        answers.addWidget(self.keep)
        asked = QVBoxLayout(self.question)
        asked.setContentsMargins(0, 0, 0, 0)
        asked.addWidget(self.question_text)
        asked.addLayout(answers)
        inside = QWidget()
        column = QVBoxLayout(inside)
        column.addWidget(self.choice)
        column.addWidget(self.edited_mask)
        column.addWidget(self.deidentify)
        column.addWidget(QLabel("Folder"))
        column.addLayout(place)
        for widget in (self.export, self.state, self.bar, self.question, self.outcome):
            column.addWidget(widget)
        column.addWidget(self.open_folder)
        column.addWidget(self.picture)
        column.addStretch(1)
        outer = QVBoxLayout(self)
        outer.setContentsMargins(0, 0, 0, 0)
        self._pages = ResultPages(self._session, UprightScroll(inside), WHAT_FOR)
        outer.addWidget(self._pages)
        for hidden in (self.bar, self.question, self.outcome, self.open_folder):
            hidden.hide()

    def _connect(self) -> None:
        self.choice.changed.connect(self.refresh)
        self.folder.textChanged.connect(self.refresh)
        self.folder.textEdited.connect(self._take_folder)
        self.browse.clicked.connect(self._browse)
        self.export.clicked.connect(lambda: self.start())
        self.replace.clicked.connect(lambda: self.start(overwrite=True))
        self.keep.clicked.connect(self.refresh)
        self.edited_mask.chosen.connect(self.refresh)
        self.open_folder.clicked.connect(self._open_folder)
        self.picture.clicked.connect(lambda: self.draw_picture())
        session, layers = self._session, self._viewer.layers.events
        listen(
            self,
            [
                (session.analysis_changed, self._renew_folder),
                (session.slices_done, self.refresh),
                (session.settings_changed, self.refresh),
                (session.native_changed, self.refresh),
                (session.native_changed, self._renew_picture),
                (session.edited_changed, self._renew_picture),
                *((each, self._renew_picture) for each in (layers.inserted, layers.removed)),
                (layers.inserted, self._renew_folder),
                (layers.removed, self.refresh),
                (layers.reordered, self.refresh),
                (layers.renamed, self.refresh),
            ],
        )

    def refresh(self, _: object = None) -> None:
        """Update from the session: the available items, and the reason if there are none."""
        session = self._session
        complete = session.analysis is not None and len(session.done) == len(session.analysis)
        masks = self._masks()
        self.choice.set_available(
            EDITED, bool(masks), "First press Edit mask in the Explore panel."
        )
        self.choice.set_available(ANALYSIS, complete, "Available when all slices are analysed.")
        self._refresh_formats()
        self.edited_mask.offer(masks, len(masks) - 1 if masks else None)
        self.edited_mask.setVisible(len(masks) > 1)
        why_not = self._why_not()
        self.export.setEnabled(why_not is None)
        text = why_not or ("" if complete else self._partly())
        self.state.setText(text)
        self.state.setVisible(bool(text))
        self.question.hide()

    def _refresh_formats(self) -> None:
        self.choice.set_available(NRRD, is_installed("SimpleITK"), NEEDS_SIMPLEITK)
        why_not = None
        if source_series(self._session.analysis, self._viewer.layers) is None:
            why_not = NOT_DICOM
        elif not is_installed("highdicom"):
            why_not = NEEDS_HIGHDICOM
        self.choice.set_available(DICOM, why_not is None, why_not or "")
        self.deidentify.setVisible(self.choice.is_chosen(DICOM))

    def start(self, *, overwrite: bool = False) -> None:
        """Write the files on the engine thread; ask first before existing files are replaced."""
        self.refresh()
        if self._why_not() is not None:
            return
        folder, names = self._target(), self.choice.names()
        present = [] if overwrite else present_results(folder, names)
        if present:
            self.question_text.setText(f"{folder} already contains {', '.join(present)}.")
            self.question.show()
            return
        try:
            export = self._snapshot()
        except Exception as error:
            show_failure(error, "exporting")
            return
        self.outcome.hide()
        self.open_folder.hide()
        self.bar.show()

        def write() -> Path:
            return write_export(export, folder, names, overwrite=overwrite)

        self._task = engine_thread.submit(
            write, on_done=self._written, on_error=self._failed, lane="interpret"
        )
        self.refresh()

    def _written(self, folder: Path) -> None:
        if self._end():
            self.written = folder
            self.outcome.setText(f"Written to {folder}")
            self.outcome.show()
            self.open_folder.show()
            show_info(f"The results were written to {folder}.")

    def _failed(self, error: Exception) -> None:
        self._end()
        show_failure(error, "exporting")

    def _end(self) -> bool:
        """Reset the controls after an export; return False if the panel is gone."""
        self._task = None
        if not isalive(self):
            return False
        self.bar.hide()
        self.refresh()
        return True

    def _snapshot(self) -> Export:
        session = self._session
        assert session.analysis is not None
        assert session.volume_result is not None
        assert session.native is not None
        assert session.reviews.found is not None
        remarks = [] if len(session.done) == len(session.analysis) else [self._partly()]
        if session.rejected:
            count = len(session.rejected)
            what = "lesion was" if count == 1 else "lesions were"
            remarks.append(f"{count} {what} rejected by the reader and left out of the mask.")
        edited = self._edited() if self.choice.is_chosen(EDITED) else None
        return Export(
            session.analysis,
            session.volume_result,
            session.native,
            session.reviews.found,
            tuple(remarks),
            edited,
            session.reviews.edited,
            self._dicom(),
            self._regions.fit,
            tuple(entries_of(self._viewer, session)),
        )

    def draw_picture(self) -> PictureDialog:
        """Open the form for figures and films, or bring it to the front."""
        from napari_anofpdm.panels.export.picture_dialog import PictureDialog

        if self._pictures is None or not isalive(self._pictures):
            self._pictures = PictureDialog(
                self._picture_source,
                self._references,
                lambda: Path(self.folder.text().strip()) / "figure",
                self,
            )
        self._pictures.show()
        self._pictures.raise_()
        return self._pictures

    def _renew_picture(self, _: object = None) -> None:
        if self._pictures is not None and isalive(self._pictures):
            self._pictures.refresh()

    def _picture_source(self, reference: Layer | None) -> Source | None:
        """Return the result in view, with a layer as the reference."""
        session = self._session
        analysis, found, native = session.analysis, session.volume_result, session.measured
        if analysis is None or found is None or native is None:
            return None
        position = session.position
        slice_id = int(analysis.slice_ids[position]) if position >= 0 else None
        known = None if reference is None else self._reference(reference, analysis)
        return Source(analysis, found, native, known, slice_id)

    def _reference(self, layer: Layer, analysis: Analysis) -> Volume:
        """Read the reference, once for each state of its layer."""
        state = (layer, mark_of(layer), analysis)
        if self._reference_read is None or self._reference_read[0] != state:
            mask = reference_of(layer, analysis)
            self._reference_read = state, analysis.geometry.as_volume(mask, "reference")
        return self._reference_read[1]

    def _references(self) -> tuple[list[Layer], int | None]:
        """Return what may be the reference; the first mask that was opened is the likely one."""
        analysis = self._session.analysis
        shape = None if analysis is None else analysis.geometry.shape
        layers = mask_layers(self._viewer.layers)
        opened = [
            index
            for index, layer in enumerate(layers)
            if ROLE not in layer.metadata
            and not is_scan(layer)
            and getattr(layer.metadata.get("volume"), "shape", None) == shape
        ]
        return layers, next(iter(opened), None)

    def _dicom(self) -> DicomOutput | None:
        from anofpdm.results.dicom.files import DicomOutput

        series = source_series(self._session.analysis, self._viewer.layers)
        if series is None or not self.choice.is_chosen(DICOM):
            return None
        # A lesion that a reader rejected is a change, too.
        edited = self.choice.is_chosen(EDITED) or bool(self._session.rejected)
        return DicomOutput(series, self.deidentify.isChecked(), edited)

    def _edited(self) -> Volume:
        from dataclasses import replace

        layer = self.edited_mask.layer
        assert layer is not None
        volume = volume_of(layer)
        # The user may continue to paint while the file is being written.
        return replace(volume, data=volume.data.copy())

    def _why_not(self) -> str | None:
        """Return one sentence that says why nothing can be exported now, or None."""
        session = self._session
        if session.analysis is None or not session.done:
            return NOTHING_YET
        if self._task is not None:
            return "The files are being written…"
        if not session.is_current:
            return UPDATING
        if not self.choice.names():
            return "Select the items to export."
        if self.choice.is_chosen(EDITED) and self.edited_mask.layer is None:
            return "Choose the mask to write as edited_mask.nii.gz."
        return None if self.folder.text().strip() else "Enter an output folder."

    def _partly(self) -> str:
        session = self._session
        total = 0 if session.analysis is None else len(session.analysis)
        return f"{len(session.done)} of {total} slices are analysed; the others count as unmarked."

    def _masks(self) -> list[Labels]:
        """Return the editable masks of the analysed scans, not those of other patients."""
        analysis = self._session.analysis
        sources = () if analysis is None else analysis.metadata.sources
        return [
            layer
            for layer in self._viewer.layers
            if layer.metadata.get(ROLE) == "mask" and layer.metadata.get(SOURCES) == sources
        ]

    def _target(self) -> Path:
        return user_path(self.folder.text().strip()).absolute()

    def _take_folder(self) -> None:
        self._folder_is_own = True

    def _renew_folder(self, _: object = None) -> None:
        """Propose a folder for the current analysis, unless the user entered one."""
        if not self._folder_is_own:
            self.folder.setText(str(proposed_folder(self._session.analysis, self._viewer.layers)))
        self.refresh()

    def _browse(self) -> None:
        start = next(p for p in (self._target(), *self._target().parents) if p.is_dir())
        chosen = QFileDialog.getExistingDirectory(self, "Export to", str(start))
        if chosen:
            self._folder_is_own = True
            self.folder.setText(chosen)

    def _open_folder(self) -> None:
        QDesktopServices.openUrl(QUrl.fromLocalFile(str(self.written)))
