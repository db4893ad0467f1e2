from __future__ import annotations

import csv
import json
import os
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import highdicom as hd
import nibabel as nib
import numpy as np
import pytest
from pydicom import dcmread
from qtpy.QtGui import QDesktopServices

from anofpdm import Analysis, interpret
from anofpdm.analysis.metadata import SourceFile
from anofpdm.method.settings import AbsoluteThreshold, Settings
from anofpdm.results.folder import DICOM_NAMES, NRRD_NAMES
from anofpdm.results.measuring.measurement import Measurement
from anofpdm.results.native import to_native
from anofpdm.scans.volume import read_volume
from napari_anofpdm.layers.scan_layers import scan_layers
from napari_anofpdm.panels.export.export_choice import (
    ANALYSIS,
    DICOM,
    EDITED,
    ITEMS,
    MAP,
    MASK,
    NRRD,
    REPORT,
    TABLE,
)
from napari_anofpdm.panels.export.panel import NOTHING_YET, ExportPanel
from napari_anofpdm.session.region_names import RegionNames
from napari_anofpdm.session.session import Session
from tests.core.dicom_cases import PATIENT, write_series
from tests.core.segmentation_cases import SPACING, analysis, scan
from tests.plugin.patience import LONG

if TYPE_CHECKING:
    from napari.viewer import Viewer
    from pytestqt.qtbot import QtBot

    from napari_anofpdm.app.context import Context

SETTINGS = Settings(
    guidance=1.0,
    threshold=AbsoluteThreshold(value=0.001),
    median_kernel=1,
    min_component_pixels=0,
)
FILES = ["anomaly_map.nii.gz", "lesions.csv", "mask.nii.gz", "report.json", "report.png"]


@pytest.fixture
def errors(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What the user was told of failures."""
    told: list[str] = []
    monkeypatch.setattr("napari_anofpdm.host.notify.show_error", told.append)
    return told


@pytest.fixture
def panel(viewer: Viewer, qtbot: QtBot, tmp_path: Path, session: Session) -> ExportPanel:
    """A panel without an analysis, which is to write to tmp_path/out."""
    made = ExportPanel(viewer, session, RegionNames(session))
    qtbot.addWidget(made)
    made.folder.clear()
    qtbot.keyClicks(made.folder, str(tmp_path / "out"))
    return made


@pytest.fixture
def ready(
    panel: ExportPanel, session: Session, tiny_analysis: Analysis, qtbot: QtBot
) -> ExportPanel:
    """The panel with an analysis, interpreted."""
    take(session, tiny_analysis, qtbot)
    return panel


def take(session: Session, tiny: Analysis, qtbot: QtBot) -> None:
    session.set_analysis(tiny)
    session.set_settings(SETTINGS)
    qtbot.waitUntil(lambda: session.is_current, timeout=LONG)


def choose(panel: ExportPanel, *items: object) -> None:
    for item in ITEMS:
        panel.choice.boxes[item].setChecked(item in items)


def export(panel: ExportPanel, qtbot: QtBot) -> None:
    panel.export.click()
    qtbot.waitUntil(lambda: panel.bar.isHidden(), timeout=LONG)


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_dicom_is_offered_for_scans_that_came_from_it(
    panel: ExportPanel, session: Session, qtbot: QtBot, tmp_path: Path, viewer: Viewer
) -> None:
    data = scan().data.astype(np.uint16)
    write_series(tmp_path / "exam", data, spacing=SPACING)
    volume = read_volume(tmp_path / "exam", "flair")
    viewer.open(tmp_path / "exam", plugin="napari-anofpdm")
    take(session, analysis(volume=volume), qtbot)
    assert panel.choice.boxes[DICOM].isEnabled()
    assert panel.deidentify.isHidden()
    choose(panel, DICOM, NRRD)
    assert not panel.deidentify.isHidden()
    export(panel, qtbot)
    out = tmp_path / "out"
    assert names(out) == sorted((*DICOM_NAMES, *NRRD_NAMES))
    mask = dcmread(out / "mask.dcm")
    assert str(mask.PatientName) == PATIENT["PatientName"]
    assert mask.SegmentSequence[0].SegmentAlgorithmType == "AUTOMATIC"
    panel.deidentify.setChecked(True)
    panel.start(overwrite=True)
    qtbot.waitUntil(lambda: panel.bar.isHidden(), timeout=LONG)
    assert dcmread(out / "mask.dcm").PatientIdentityRemoved == "YES"


def test_the_report_lists_what_was_measured(
    panel: ExportPanel,
    session: Session,
    context: Context,
    tiny_analysis: Analysis,
    qtbot: QtBot,
    tmp_path: Path,
    viewer: Viewer,
) -> None:
    context.measured.canvases = list  # nothing is drawn without a window
    [layer] = scan_layers(tiny_analysis, "scan")
    viewer.add_layer(layer)
    take(session, tiny_analysis, qtbot)
    affine = np.array(tiny_analysis.geometry.affine)
    first, second = ((affine @ (*voxel, 1))[:3].tolist() for voxel in ((2, 2, 1), (9, 11, 1)))
    drawn = {"plane": "axial", "first": first, "second": second}
    kinds = ("ruler", "rectangle")
    items = tuple(Measurement.model_validate(drawn | {"kind": kind}) for kind in kinds)
    session.measurements.set(items)
    choose(panel, REPORT)
    export(panel, qtbot)
    report = json.loads((tmp_path / "out" / "report.json").read_text())
    ruler, box = report["measurements"]
    assert ruler["length_mm"] == pytest.approx(float(np.hypot(7 * 4, 9 * 5)), abs=0.01)
    assert session.native is not None and session.native.anomaly_map is not None
    inside = session.native.anomaly_map[2:10, 2:12, 1]
    assert box["anomaly_map"]["voxels"] == box["scan"]["voxels"] == inside.size
    assert box["anomaly_map"]["maximum"] == pytest.approx(float(inside.max()))


def test_dicom_has_the_edited_mask_and_its_measurements(
    panel: ExportPanel,
    session: Session,
    qtbot: QtBot,
    tmp_path: Path,
    viewer: Viewer,
    context: Context,
) -> None:
    write_series(tmp_path / "exam", scan().data.astype(np.uint16), spacing=SPACING)
    volume = read_volume(tmp_path / "exam", "flair")
    viewer.open(tmp_path / "exam", plugin="napari-anofpdm")
    take(session, analysis(volume=volume), qtbot)
    layer = context.layers.commit_mask()
    assert layer is not None and session.native is not None
    layer.data_setitem((np.array([0, 3]), np.array([0, 1]), np.array([0, 2])), 2)
    choose(panel, DICOM, EDITED)
    export(panel, qtbot)
    out = tmp_path / "out"
    edited = np.asarray(nib.Nifti1Image.from_filename(out / "edited_mask.nii.gz").dataobj) > 0
    mask = hd.seg.segread(out / "mask.dcm")
    assert mask.pixel_array.sum() == edited.sum() != session.native.mask.sum()
    assert mask.SegmentSequence[0].SegmentAlgorithmType == "SEMIAUTOMATIC"
    report: Any = hd.sr.srread(out / "measurements.dcm")
    (whole,) = report.content.get_volumetric_roi_measurement_groups()
    found = {m.name.meaning: m.value for m in whole.get_measurements()}
    assert found["Volume"] == pytest.approx(edited.sum() * volume.voxel_volume_ml)
    assert whole.referenced_segment.referenced_sop_instance_uid == mask.SOPInstanceUID
    assert b"mask edited by a reader" in (out / "measurements.dcm").read_bytes()


def test_dicom_is_not_offered_for_other_scans(ready: ExportPanel) -> None:
    assert not ready.choice.boxes[DICOM].isEnabled()
    assert "opened from DICOM" in ready.choice.boxes[DICOM].toolTip()


def test_without_an_analysis_there_is_nothing_to_export(panel: ExportPanel) -> None:
    assert not panel.export.isEnabled()
    assert panel.state.text() == NOTHING_YET


def test_files_are_those_of_the_core_bit_for_bit(
    ready: ExportPanel, session: Session, tiny_analysis: Analysis, qtbot: QtBot, tmp_path: Path
) -> None:
    assert session.settings is not None
    export(ready, qtbot)
    out = tmp_path / "out"
    assert names(out) == FILES
    expected = to_native(tiny_analysis, interpret(tiny_analysis, session.settings))
    assert expected.mask.any()
    for name, data in (("mask", expected.mask), ("anomaly_map", expected.anomaly_map)):
        image = nib.Nifti1Image.from_filename(out / f"{name}.nii.gz")
        np.testing.assert_array_equal(np.asarray(image.dataobj), data)
        np.testing.assert_array_equal(image.affine, scan().affine)
        assert image.get_data_dtype() == data.dtype
    report = json.loads((out / "report.json").read_text())
    assert report["lesions"]["voxels"] == expected.mask.sum()
    assert report["settings"] == session.settings.model_dump(mode="json")
    assert str(out) in ready.outcome.text() and not ready.open_folder.isHidden()


def test_only_what_is_ticked_is_written(ready: ExportPanel, qtbot: QtBot, tmp_path: Path) -> None:
    for item, expected in ((MASK, FILES[2:3]), (MAP, FILES[:1]), (REPORT, FILES[3:])):
        choose(ready, item)
        ready.folder.setText(str(tmp_path / item.title))
        export(ready, qtbot)
        assert names(tmp_path / item.title) == expected
    choose(ready)
    assert not ready.export.isEnabled()


def test_rejected_lesions_are_left_out_and_the_report_says_so(
    ready: ExportPanel, session: Session, qtbot: QtBot, tmp_path: Path
) -> None:
    session.set_note(1, "artefact")
    session.set_verdict(1, "rejected")
    assert session.native is not None and session.native_found is not None
    assert session.native.mask.sum() < session.native_found.mask.sum()
    export(ready, qtbot)
    image = nib.Nifti1Image.from_filename(tmp_path / "out" / "mask.nii.gz")
    np.testing.assert_array_equal(np.asarray(image.dataobj), session.native.mask)
    report = json.loads((tmp_path / "out" / "report.json").read_text())
    assert "1 lesion was rejected by the reader and left out of the mask." in report["warnings"]
    (rejected,) = report["lesions"]["rejected"]
    assert (rejected["verdict"], rejected["note"]) == ("rejected", "artefact")
    table = (tmp_path / "out" / "lesions.csv").read_text().splitlines()
    assert table[0].endswith(",verdict,note")
    assert table[-1].endswith(",rejected,artefact")


def test_results_that_lie_there_are_replaced_only_on_request(
    ready: ExportPanel, qtbot: QtBot, tmp_path: Path
) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "mask.nii.gz").write_text("old")
    (tmp_path / "out" / "notes.txt").write_text("mine")
    choose(ready, MASK, MAP)
    export(ready, qtbot)
    assert not ready.question.isHidden()
    assert "mask.nii.gz" in ready.question_text.text()
    ready.keep.click()
    assert ready.question.isHidden()
    assert (tmp_path / "out" / "mask.nii.gz").read_text() == "old"
    ready.export.click()
    ready.replace.click()
    qtbot.waitUntil(lambda: ready.written is not None, timeout=LONG)
    assert names(tmp_path / "out") == ["anomaly_map.nii.gz", "mask.nii.gz", "notes.txt"]
    assert (tmp_path / "out" / "mask.nii.gz").read_bytes()[:2] == b"\x1f\x8b"


def test_a_folder_that_cannot_be_written_is_one_sentence(
    ready: ExportPanel,
    errors: list[str],
    qtbot: QtBot,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # Permissions do not bind root, under whom the tests may run.
    monkeypatch.setattr(os, "access", lambda path, mode: False)
    export(ready, qtbot)
    (told,) = errors
    assert "read-only" in told and "choose another folder" in told and "--" not in told
    assert ready.export.isEnabled() and ready.outcome.isHidden()
    assert not (tmp_path / "out").exists()


def test_an_unexpected_failure_leaves_nothing_behind(
    ready: ExportPanel,
    errors: list[str],
    qtbot: QtBot,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise MemoryError("no room")

    monkeypatch.setattr("anofpdm.results.pictures.report.page.save_picture", fail)
    export(ready, qtbot)
    assert errors == ["An unexpected error occurred while exporting (MemoryError: no room)."]
    assert ready.export.isEnabled()
    assert not (tmp_path / "out").exists()


def test_the_analysis_is_stored_and_opens_again(
    ready: ExportPanel, tiny_analysis: Analysis, qtbot: QtBot, tmp_path: Path
) -> None:
    choose(ready, ANALYSIS)
    export(ready, qtbot)
    again = Analysis.open(tmp_path / "out" / "analysis.anofpdm.zarr")
    assert again.metadata == tiny_analysis.metadata
    for position in range(len(again)):
        for mine, theirs in zip(
            again.steps_of(position), tiny_analysis.steps_of(position), strict=True
        ):
            np.testing.assert_array_equal(mine, theirs)


def test_a_growing_analysis_is_exported_as_far_as_it_has_come(
    panel: ExportPanel, session: Session, qtbot: QtBot, tmp_path: Path
) -> None:
    session.set_analysis(analysis(), done=[0, 1])
    qtbot.waitUntil(lambda: session.is_current, timeout=LONG)
    assert not panel.choice.boxes[ANALYSIS].isEnabled()
    assert panel.state.text().startswith("2 of ")
    choose(panel, REPORT, ANALYSIS)
    export(panel, qtbot)
    assert names(tmp_path / "out") == FILES[3:]
    report = json.loads((tmp_path / "out" / "report.json").read_text())
    assert len(report["slices"]) == 2
    assert any(warning.startswith("2 of ") for warning in report["warnings"])


def test_a_mask_of_another_scan_is_not_offered(
    ready: ExportPanel, session: Session, context: Context
) -> None:
    assert session.analysis is not None
    layer = context.layers.commit_mask()
    assert layer is not None
    assert ready.choice.boxes[EDITED].isEnabled()
    first = session.analysis
    other = SourceFile(modality="flair", name="other.nii.gz", sha256="0" * 64)
    metadata = first.metadata.model_copy(update={"sources": (other,)})
    session.set_analysis(replace(first, metadata=metadata))
    assert layer in ready._viewer.layers
    assert not ready._masks()


def test_the_mask_that_was_chosen_is_written_whatever_becomes_of_its_name(
    ready: ExportPanel, session: Session, qtbot: QtBot, tmp_path: Path, context: Context
) -> None:
    assert session.native is not None
    first, second = context.layers.commit_mask(), context.layers.commit_mask()
    assert first is not None and second is not None
    assert ready.edited_mask.layer == second  # the latest, unless another is chosen
    first.data_setitem((np.array([0]), np.array([0]), np.array([0])), 1)
    ready.edited_mask.choose(first)
    first.name = "final"
    assert ready.edited_mask.currentText() == "final"
    layers = ready._viewer.layers
    layers.move(layers.index(second), 0)
    assert ready.edited_mask.layer == first
    choose(ready, EDITED)
    export(ready, qtbot)
    image = nib.Nifti1Image.from_filename(tmp_path / "out" / "edited_mask.nii.gz")
    assert np.count_nonzero(np.asarray(image.dataobj) != session.native.mask) == 1


def test_a_painted_mask_is_written_beside_the_result(
    ready: ExportPanel, session: Session, qtbot: QtBot, tmp_path: Path, context: Context
) -> None:
    box = ready.choice.boxes[EDITED]
    assert not box.isEnabled() and not box.isChecked()
    assert session.native is not None
    layer = context.layers.commit_mask()
    assert layer is not None
    assert box.isEnabled() and box.isChecked() and ready.choice.is_chosen(EDITED)
    layer.data_setitem((np.array([0]), np.array([0]), np.array([0])), 1)
    choose(ready, TABLE, EDITED)
    export(ready, qtbot)
    assert names(tmp_path / "out") == ["edited_lesions.csv", "edited_mask.nii.gz", "lesions.csv"]
    image = nib.Nifti1Image.from_filename(tmp_path / "out" / "edited_mask.nii.gz")
    edited = np.asarray(image.dataobj)
    assert np.count_nonzero(edited != session.native.mask) == 1
    np.testing.assert_array_equal(image.affine, scan().affine)
    with (tmp_path / "out" / "edited_lesions.csv").open(newline="") as stream:
        assert sum(int(row["voxels"]) for row in csv.DictReader(stream)) == edited.sum()


def test_a_panel_that_is_closed_during_an_export_stays_closed(
    viewer: Viewer, session: Session, tiny_analysis: Analysis, qtbot: QtBot, tmp_path: Path
) -> None:
    panel = ExportPanel(viewer, session, RegionNames(session))
    take(session, tiny_analysis, qtbot)
    panel.folder.setText(str(tmp_path / "out"))
    panel.export.click()
    panel.close()
    panel.deleteLater()
    qtbot.waitUntil(lambda: (tmp_path / "out").exists(), timeout=LONG)


def test_the_folder_is_shown_in_the_file_manager(
    ready: ExportPanel, qtbot: QtBot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[str] = []
    monkeypatch.setattr(QDesktopServices, "openUrl", lambda url: opened.append(url.toLocalFile()))
    choose(ready, MASK)
    export(ready, qtbot)
    ready.open_folder.click()
    assert opened == [str(tmp_path / "out")]
