from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import highdicom as hd
import numpy as np
import pytest
import SimpleITK as sitk  # noqa: N813 - its own documentation spells it so
from pydicom import Dataset, dcmread

from anofpdm.analysis.analysis import Analysis
from anofpdm.common.errors import OutputError
from anofpdm.method.interpretation import interpret
from anofpdm.method.settings import AbsoluteThreshold, Settings
from anofpdm.results.dicom.files import DicomOutput, write_dicom_results
from anofpdm.results.folder import DICOM_NAMES
from anofpdm.results.native import NativeResult, to_native
from anofpdm.results.nrrd import write_nrrd
from anofpdm.scans.volume import Volume, read_volume
from tests.core.dicom_cases import (
    AXIAL,
    CORONAL,
    OBLIQUE,
    PATIENT,
    SAGITTAL,
    SECRETS,
    pixels,
    write_multi_frame,
    write_series,
)
from tests.core.segmentation_cases import analysis

LPS_TO_RAS = np.diag([-1.0, -1.0, 1.0])
SHAPE = (20, 18, 16)
SPACING = (4.0, 5.0, 6.0)


def head(shape: tuple[int, int, int] = SHAPE) -> np.ndarray:
    grid = np.stack(np.meshgrid(*[np.linspace(-1, 1, n) for n in shape], indexing="ij"))
    radius = np.sqrt((grid**2).sum(axis=0))
    return np.where(radius < 0.95, 300 - 100 * grid[0] + 20 * grid[2], 0).astype(np.uint16)


def result_of(volume: Volume, gap: float = 0.2) -> tuple[Analysis, NativeResult]:
    made = analysis(volume=volume, gap=gap)
    settings = Settings(guidance=2.0, threshold=AbsoluteThreshold(value=0.2), gate=False)
    return made, to_native(made, interpret(made, settings))


def written(
    tmp_path: Path, volume: Volume, *, deidentify: bool = False, gap: float = 0.2
) -> tuple[NativeResult, Path]:
    made, native = result_of(volume, gap)
    assert volume.source is not None
    output = DicomOutput(volume.source.series, deidentify)
    out = tmp_path / "out"
    out.mkdir()
    write_dicom_results(out, output, made, native, DICOM_NAMES)
    return native, out


def in_world(path: Path) -> tuple[np.ndarray, np.ndarray]:
    """RAS places (n, 3) and values of all pixels of a segmentation, read by pydicom alone."""
    image = dcmread(path)
    frames = image.pixel_array.reshape(-1, image.Rows, image.Columns)
    shared = image.SharedFunctionalGroupsSequence[0]
    row, column = np.array(
        shared.PlaneOrientationSequence[0].ImageOrientationPatient, float
    ).reshape(2, 3)
    down, across = map(float, shared.PixelMeasuresSequence[0].PixelSpacing)
    j, i = np.meshgrid(range(image.Rows), range(image.Columns), indexing="ij")
    places = [
        np.array(group.PlanePositionSequence[0].ImagePositionPatient, float)
        + i[..., None] * across * row
        + j[..., None] * down * column
        for group in image.PerFrameFunctionalGroupsSequence
    ]
    return np.concatenate(places).reshape(-1, 3) @ LPS_TO_RAS, frames.ravel()


def assert_same_voxels(path: Path, expected: np.ndarray, affine: np.ndarray, scale: float) -> None:
    places, values = in_world(path)
    voxels = (places - affine[:3, 3]) @ np.linalg.inv(affine[:3, :3]).T
    near = np.rint(voxels).astype(int)
    assert len(np.unique(near, axis=0)) == expected.size
    assert np.abs((near - voxels) @ affine[:3, :3].T).max() < 0.01
    np.testing.assert_allclose(values * scale, expected[tuple(near.T)], atol=scale / 2 + 1e-6)


@pytest.mark.parametrize("directions", [AXIAL, SAGITTAL, CORONAL, OBLIQUE])
def test_mask_and_map_lie_on_the_scan(tmp_path: Path, directions: Any) -> None:
    write_series(tmp_path / "in", head(), directions=directions, spacing=SPACING)
    volume = read_volume(tmp_path / "in", "flair")
    native, out = written(tmp_path, volume)
    assert 0 < native.mask.sum() < native.mask.size
    assert_same_voxels(out / "mask.dcm", native.mask, volume.affine, 1.0)
    peak = float(native.anomaly_map.max())
    assert_same_voxels(out / "anomaly_map.dcm", native.anomaly_map / peak, volume.affine, 1 / 255)
    assert f"{peak:.6g}" in dcmread(out / "anomaly_map.dcm").ContentDescription


def test_a_tilted_stack_keeps_its_place(tmp_path: Path) -> None:
    positions = [(-30.0, -40.0 + 1.5 * k, -20.0 + 6.0 * k) for k in range(SHAPE[2])]
    write_series(tmp_path / "in", head(), positions=positions, spacing=SPACING)
    volume = read_volume(tmp_path / "in", "flair")
    native, out = written(tmp_path, volume)
    assert_same_voxels(out / "mask.dcm", native.mask, volume.affine, 1.0)


@pytest.mark.parametrize("echoes", [None, [20.0, 90.0]])
def test_results_of_a_multi_frame_image(tmp_path: Path, echoes: list[float] | None) -> None:
    write_multi_frame(tmp_path / "in" / "a.dcm", head(), spacing=SPACING, echoes=echoes)
    volume = read_volume(tmp_path / "in", "flair", series="7b" if echoes else None)
    native, out = written(tmp_path, volume)
    assert_same_voxels(out / "mask.dcm", native.mask, volume.affine, 1.0)
    source = dcmread(tmp_path / "in" / "a.dcm")
    (series,) = dcmread(out / "mask.dcm").ReferencedSeriesSequence
    assert series.SeriesInstanceUID == source.SeriesInstanceUID


def test_highdicom_reads_the_mask_back_by_its_source_images(tmp_path: Path) -> None:
    paths = write_series(tmp_path / "in", head(), spacing=SPACING)
    native, out = written(tmp_path, read_volume(tmp_path / "in", "flair"))
    mask = hd.seg.segread(out / "mask.dcm")
    uids = [dcmread(path).SOPInstanceUID for path in paths]
    frames = mask.get_pixels_by_source_instance(uids, combine_segments=True)
    np.testing.assert_array_equal(frames.transpose(2, 1, 0), native.mask)
    (segment,) = mask.SegmentSequence
    assert segment.SegmentedPropertyTypeCodeSequence[0].CodeMeaning == "Lesion"
    (algorithm,) = segment.SegmentationAlgorithmIdentificationSequence
    assert algorithm.AlgorithmName == "AnoFPDM, model tiny 0.1"
    source = dcmread(paths[0])
    for name in ("PatientID", "PatientName", "StudyInstanceUID", "FrameOfReferenceUID"):
        assert mask.get(name) == source.get(name)


def test_itk_reads_the_mask_at_its_place(tmp_path: Path) -> None:
    write_series(tmp_path / "in", head(), spacing=SPACING)
    volume = read_volume(tmp_path / "in", "flair")
    native, out = written(tmp_path, volume)
    image = sitk.ReadImage(str(out / "anomaly_map.dcm"))
    assert image.GetSize() == SHAPE
    values = sitk.GetArrayFromImage(image).transpose() / 255
    peak = native.anomaly_map.max()
    for voxel in np.ndindex(SHAPE):
        place = LPS_TO_RAS @ image.TransformIndexToPhysicalPoint(voxel)
        there = (place - volume.affine[:3, 3]) @ np.linalg.inv(volume.affine[:3, :3]).T
        near = np.rint(there).astype(int)
        assert np.abs(there - near).max() < 1e-4
        assert values[voxel] == pytest.approx(native.anomaly_map[tuple(near)] / peak, abs=0.002)


def test_the_report_has_the_measurements_of_the_lesions(tmp_path: Path) -> None:
    paths = write_series(tmp_path / "in", head(), spacing=SPACING)
    native, out = written(tmp_path, read_volume(tmp_path / "in", "flair"))
    report: Any = hd.sr.srread(out / "measurements.dcm")
    (whole,) = report.content.get_volumetric_roi_measurement_groups()
    found = {m.name.meaning: (m.value, m.unit.value) for m in whole.get_measurements()}
    assert found["Volume"] == (pytest.approx(native.lesions.volume_ml), "mL")
    assert found["Number of lesions"][0] == len(native.lesions.table) > 0
    peak = max(lesion.peak or 0 for lesion in native.lesions.table)
    assert found["Anomaly map value"][0] == pytest.approx(peak)
    mask = dcmread(out / "mask.dcm")
    assert whole.referenced_segment.referenced_sop_instance_uid == mask.SOPInstanceUID
    each = report.content.get_image_measurement_groups()
    assert [group.tracking_identifier for group in each] == [
        f"lesion {lesion.number}" for lesion in native.lesions.table
    ]
    diameters = [
        measurement.value
        for group in each
        for measurement in group.get_measurements()
        if measurement.unit.value == "mm"
    ]
    assert diameters == pytest.approx([lesion.diameter_mm for lesion in native.lesions.table])
    referred = {element.value for element in walk(report) if element.VR == "UI"}
    assert {dcmread(path).SOPInstanceUID for path in paths} <= referred


def test_a_result_without_lesions_is_written_too(tmp_path: Path) -> None:
    write_series(tmp_path / "in", head(), spacing=SPACING)
    native, out = written(tmp_path, read_volume(tmp_path / "in", "flair"), gap=0.0)
    assert not native.mask.any()
    assert not in_world(out / "mask.dcm")[1].any()
    report: Any = hd.sr.srread(out / "measurements.dcm")
    (whole,) = report.content.get_volumetric_roi_measurement_groups()
    assert [m.value for m in whole.get_measurements()] == [0, 0]


def walk(dataset: Dataset) -> Iterator[Any]:
    for element in dataset:
        yield element
        if element.VR == "SQ":
            for item in element.value:
                yield from walk(item)


@pytest.mark.parametrize("multi", [False, True])
def test_deidentified_results_hold_nothing_of_the_patient(tmp_path: Path, multi: bool) -> None:
    if multi:
        write_multi_frame(tmp_path / "in" / "a.dcm", head(), spacing=SPACING)
        sources = [tmp_path / "in" / "a.dcm"]
    else:
        sources = write_series(tmp_path / "in", head(), spacing=SPACING)
    volume = read_volume(tmp_path / "in", "flair")
    native, out = written(tmp_path, volume, deidentify=True)
    uids = {
        str(element.value)
        for path in sources
        for element in walk(dcmread(path, stop_before_pixels=True))
        if element.VR == "UI" and "Class" not in element.keyword
    }
    for name in DICOM_NAMES:
        content = (out / name).read_bytes()
        for secret in (*SECRETS, *uids):
            assert secret.encode() not in content, (name, secret)
        result = dcmread(out / name)
        assert result.PatientIdentityRemoved == "YES"
        assert result.DeidentificationMethodCodeSequence[0].CodeValue == "113100"
        dates = {str(e.value) for e in walk(result) if e.VR in ("DA", "DT")} - {""}
        assert dates <= {"19000101"}
    assert_same_voxels(out / "mask.dcm", native.mask, volume.affine, 1.0)
    mask, report = dcmread(out / "mask.dcm"), dcmread(out / "measurements.dcm")
    assert mask.StudyInstanceUID == report.StudyInstanceUID


def test_results_belong_to_the_patient_otherwise(tmp_path: Path) -> None:
    write_series(tmp_path / "in", head(), spacing=SPACING)
    _, out = written(tmp_path, read_volume(tmp_path / "in", "flair"))
    for name in DICOM_NAMES:
        result = dcmread(out / name)
        assert str(result.PatientName) == PATIENT["PatientName"]
        assert "PatientIdentityRemoved" not in result


def test_another_series_is_refused(tmp_path: Path) -> None:
    write_series(tmp_path / "in", head(), spacing=SPACING)
    write_series(tmp_path / "other", pixels())
    made, native = result_of(read_volume(tmp_path / "in", "flair"))
    other = read_volume(tmp_path / "other").source
    assert other is not None
    with pytest.raises(OutputError, match="is not the scan of this analysis"):
        write_dicom_results(tmp_path, DicomOutput(other.series), made, native, DICOM_NAMES)


def test_images_that_are_gone_are_told(tmp_path: Path) -> None:
    paths = write_series(tmp_path / "in", head(), spacing=SPACING)
    volume = read_volume(tmp_path / "in", "flair")
    paths[3].unlink()
    with pytest.raises(OutputError, match="have changed or are gone"):
        written(tmp_path, volume)


@pytest.mark.parametrize("directions", [AXIAL, SAGITTAL, OBLIQUE])
def test_nrrd_lies_where_the_scan_does(tmp_path: Path, directions: Any) -> None:
    write_series(tmp_path / "in", head(), directions=directions, spacing=SPACING)
    volume = read_volume(tmp_path / "in")
    write_nrrd(tmp_path / "a.nrrd", volume.data, volume)
    again = read_volume(tmp_path / "a.nrrd")
    np.testing.assert_array_equal(again.data, volume.data)
    np.testing.assert_allclose(again.affine, volume.affine, atol=1e-6)


def test_sheared_voxels_are_no_nrrd(tmp_path: Path) -> None:
    positions = [(-30.0, 1.5 * k, 5.0 * k) for k in range(6)]
    write_series(tmp_path / "in", positions=positions)
    volume = read_volume(tmp_path / "in")
    with pytest.raises(OutputError, match="sheared voxels"):
        write_nrrd(tmp_path / "a.nrrd", volume.data, volume)
