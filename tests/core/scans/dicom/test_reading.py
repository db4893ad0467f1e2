from __future__ import annotations

import shutil
import subprocess
import zipfile
from pathlib import Path
from typing import Any

import dcm2niix
import gdcm
import highdicom as hd
import nibabel as nib
import numpy as np
import pytest
from pydicom import Dataset, dcmread
from pydicom.uid import (
    UID,
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
)

from anofpdm.common.errors import VolumeError
from anofpdm.scans.dicom.series import find_series
from anofpdm.scans.volume import Volume, read_volume
from tests.core.dicom_cases import (
    AXIAL,
    CORONAL,
    OBLIQUE,
    SAGITTAL,
    compress,
    pixels,
    save,
    write_disc,
    write_multi_frame,
    write_series,
)

LPS_TO_RAS = np.diag([-1.0, -1.0, 1.0])


def world(affine: np.ndarray, voxels: np.ndarray) -> np.ndarray:
    return np.asarray(voxels @ affine[:3, :3].T + affine[:3, 3])


def all_voxels(shape: tuple[int, ...]) -> np.ndarray:
    return np.stack(np.meshgrid(*map(np.arange, shape), indexing="ij"), -1).reshape(-1, 3)


@pytest.mark.parametrize("directions", [AXIAL, SAGITTAL, CORONAL, OBLIQUE])
def test_each_voxel_lies_where_its_image_says(tmp_path: Path, directions: Any) -> None:
    paths = write_series(tmp_path, directions=directions)
    volume = read_volume(tmp_path)
    np.testing.assert_array_equal(volume.data, pixels())
    for k, path in enumerate(paths):
        image = dcmread(path)
        along_row, along_column = np.array(image.ImageOrientationPatient, float).reshape(2, 3)
        corner = np.array(image.ImagePositionPatient, float)
        rows, columns = map(float, image.PixelSpacing)
        for i, j in ((0, 0), (13, 0), (0, 11), (13, 11)):
            there = LPS_TO_RAS @ (corner + along_row * columns * i + along_column * rows * j)
            found = world(volume.affine, np.array([i, j, k]))
            np.testing.assert_allclose(found, there, atol=1e-6)


@pytest.mark.parametrize("directions", [AXIAL, SAGITTAL, CORONAL, OBLIQUE])
def test_world_space_is_that_of_dcm2niix(tmp_path: Path, directions: Any) -> None:
    write_series(tmp_path / "in", directions=directions)
    assert_as_dcm2niix(read_volume(tmp_path / "in"), tmp_path / "in", tmp_path)


def test_the_real_series_lies_where_dcm2niix_puts_it(real_scans: Path, tmp_path: Path) -> None:
    folder = real_scans / "dicom/sagittal_t1_gap"
    volume = read_volume(folder)
    assert volume.shape == (256, 256, 35)
    assert volume.spacing == pytest.approx((1.015625, 1.015625, 4.8), abs=1e-4)
    assert_as_dcm2niix(volume, folder, tmp_path)


def assert_as_dcm2niix(volume: Volume, folder: Path, out: Path) -> None:
    command = [dcm2niix.bin, "-o", str(out), "-f", "converted", str(folder)]
    subprocess.run(command, check=True, capture_output=True)
    image: Any = nib.load(out / "converted.nii")
    voxels = all_voxels(volume.shape)
    places = world(volume.affine, voxels)
    theirs = np.rint(world(np.linalg.inv(image.affine), places)).astype(int)
    assert np.abs(world(image.affine, theirs) - places).max() < 0.01
    values = np.asanyarray(image.dataobj)[tuple(theirs.T)]
    np.testing.assert_allclose(values, volume.data[tuple(voxels.T)], rtol=1e-6)


@pytest.mark.parametrize(
    "syntax",
    [
        ImplicitVRLittleEndian,
        ExplicitVRBigEndian,
        DeflatedExplicitVRLittleEndian,
        ExplicitVRLittleEndian,
    ],
)
def test_uncompressed_transfer_syntaxes(tmp_path: Path, syntax: UID) -> None:
    write_series(tmp_path, syntax=syntax)
    np.testing.assert_array_equal(read_volume(tmp_path).data, pixels())


@pytest.mark.parametrize(
    "syntax",
    [
        gdcm.TransferSyntax.JPEGLosslessProcess14_1,
        gdcm.TransferSyntax.JPEGLSLossless,
        gdcm.TransferSyntax.JPEG2000Lossless,
        gdcm.TransferSyntax.RLELossless,
    ],
)
def test_compressed_transfer_syntaxes(tmp_path: Path, syntax: int) -> None:
    for path in write_series(tmp_path):
        compress(path, syntax)
        assert dcmread(path).file_meta.TransferSyntaxUID.is_compressed
    np.testing.assert_array_equal(read_volume(tmp_path).data, pixels())


def test_slope_and_intercept_of_each_slice(tmp_path: Path) -> None:
    of_slice = {k: {"RescaleSlope": 1 + k, "RescaleIntercept": -k} for k in range(6)}
    write_series(tmp_path, of_slice=of_slice)
    k = np.arange(6)
    expected = pixels().astype(float) * (1 + k) - k
    volume = read_volume(tmp_path)
    assert volume.data.dtype == np.float32
    np.testing.assert_allclose(volume.data, expected, rtol=1e-6)


def test_philips_scale_slope_gives_precise_values(tmp_path: Path) -> None:
    paths = write_series(
        tmp_path,
        fields={"RescaleSlope": 2.0, "RescaleIntercept": 10.0, "Manufacturer": "Philips"},
    )
    for k, path in enumerate(paths):
        image = dcmread(path)
        block = image.private_block(0x2005, "Philips MR Imaging DD 001", create=True)
        block.add_new(0x0E, "FL", 0.5 + k)
        save(image, path)
    stored = pixels().astype(float)
    expected = (stored * 2 + 10) / (2 * (0.5 + np.arange(6)))
    np.testing.assert_allclose(read_volume(tmp_path).data, expected, rtol=1e-6)


def test_philips_scale_slope_of_each_frame(tmp_path: Path) -> None:
    path = tmp_path / "enhanced.dcm"
    write_multi_frame(path, slopes=[2.0] * 6)
    image = dcmread(path)
    for k, group in zip(reversed(range(6)), image.PerFrameFunctionalGroupsSequence, strict=True):
        private = Dataset()
        block = private.private_block(0x2005, "Philips MR Imaging DD 001", create=True)
        block.add_new(0x0E, "FL", 0.5 + k)
        outer = group.private_block(0x2005, "Philips MR Imaging DD 005", create=True)
        outer.add_new(0x0F, "SQ", [private])
    save(image, path)
    expected = pixels() / (0.5 + np.arange(6))
    np.testing.assert_allclose(read_volume(path).data, expected, rtol=1e-6)


def test_a_multi_frame_image(tmp_path: Path) -> None:
    write_multi_frame(tmp_path / "enhanced.dcm", slopes=[1 + k for k in range(6)])
    volume = read_volume(tmp_path / "enhanced.dcm", "flair")
    np.testing.assert_allclose(volume.data, pixels() * (1.0 + np.arange(6)))
    assert volume.affine[:3, 3].tolist() == [30, 40, -20]
    assert volume.spacing == (2, 3, 5)


def test_echoes_are_series_of_their_own(tmp_path: Path) -> None:
    write_multi_frame(tmp_path / "echoes.dcm", echoes=[20.0, 90.0])
    assert [series.key for series in find_series(tmp_path)] == ["7a", "7b"]
    with pytest.raises(VolumeError, match=r"several series, 7a \(.*#7a"):
        read_volume(tmp_path)
    np.testing.assert_array_equal(read_volume(tmp_path, series="7b").data, pixels())


def test_low_values_shown_bright_are_inverted(tmp_path: Path) -> None:
    """As highdicom presents them, with a window over all values."""
    fields = {"PhotometricInterpretation": "MONOCHROME1", "WindowCenter": 360.5, "WindowWidth": 702}
    scaled = {"RescaleSlope": "1.5", "RescaleIntercept": "-200"}
    for name, more in (("stored", {}), ("scaled", scaled), ("signed", {"PixelRepresentation": 1})):
        paths = write_series(tmp_path / name, fields=fields | more)
        volume = read_volume(tmp_path / name)
        assert "MONOCHROME1" in " ".join(volume.warnings)
        assert volume.data.min() == 0
        low, high = (float(pixels().min()), float(pixels().max()))
        window = (low + high) / 2 + 0.5, high - low + 1
        for k, path in enumerate(paths):
            image = hd.imread(path)
            image.WindowCenter, image.WindowWidth = window
            for own in ("RescaleSlope", "RescaleIntercept"):
                image.pop(own, None)
            shown = image.get_frame(1, apply_voi_transform=True, apply_presentation_lut=True)
            ours = volume.data[:, :, k].T / volume.data.max()
            np.testing.assert_allclose(ours, shown, atol=1e-6)


def test_images_of_either_shading_are_no_series(tmp_path: Path) -> None:
    write_series(tmp_path, of_slice={2: {"PhotometricInterpretation": "MONOCHROME1"}})
    with pytest.raises(VolumeError, match="low values bright"):
        read_volume(tmp_path)


def test_a_tilted_stack_keeps_its_exact_place(tmp_path: Path) -> None:
    positions = [(-30.0, -40.0 + 1.5 * k, -20.0 + 5.0 * k) for k in range(6)]
    write_series(tmp_path, positions=positions)
    volume = read_volume(tmp_path)
    (warning,) = volume.warnings
    assert "gantry tilt of 16.7 degrees" in warning
    for k, position in enumerate(positions):
        found = world(volume.affine, np.array([0, 0, k]))
        np.testing.assert_allclose(found, LPS_TO_RAS @ position, atol=1e-6)
    np.testing.assert_allclose(volume.geometry_header().get_sform(), volume.affine, atol=1e-5)


def test_one_file_stands_for_its_series_and_no_other(tmp_path: Path) -> None:
    paths = write_series(tmp_path)
    write_series(tmp_path, number=6, start=100, description="t1_mprage")
    volume = read_volume(paths[3])
    assert volume.name == "DICOM series 5"
    np.testing.assert_array_equal(volume.data, pixels())


def test_a_copied_file_counts_once(tmp_path: Path) -> None:
    paths = write_series(tmp_path)
    shutil.copy(paths[2], tmp_path / "again")
    volume = read_volume(tmp_path)
    np.testing.assert_array_equal(volume.data, pixels())
    assert volume.warnings == ("DICOM series 5 has 1 images twice; each was taken once.",)


def test_a_zip_gives_what_its_folder_gives(tmp_path: Path) -> None:
    paths = write_series(tmp_path / "in")
    with zipfile.ZipFile(tmp_path / "exam.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("readme.txt", "no image")
        for path in paths:
            archive.write(path, f"a/{path.name}")
    packed, plain = read_volume(tmp_path / "exam.zip"), read_volume(tmp_path / "in")
    np.testing.assert_array_equal(packed.data, plain.data)
    np.testing.assert_array_equal(packed.affine, plain.affine)
    assert packed.source is not None
    assert plain.source is not None
    assert packed.source.sha256 == plain.source.sha256 != ""


def test_a_dicomdir_lists_its_images(tmp_path: Path) -> None:
    write_disc(tmp_path / "disc", write_series(tmp_path / "in"))
    np.testing.assert_array_equal(read_volume(tmp_path / "disc" / "DICOMDIR").data, pixels())
    np.testing.assert_array_equal(read_volume(tmp_path / "disc").data, pixels())


def test_the_guess_decides_where_it_is_the_only_one(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    write_series(tmp_path / "a", number=4, description="t1_mprage_sag")
    write_series(tmp_path / "b", number=5, description="t2_tirm_tra_dark-fluid")
    write_series(tmp_path / "c", number=6, description="t2_tse_tra")
    with caplog.at_level("INFO", logger="anofpdm"):
        volume = read_volume(tmp_path, "flair")
    assert volume.name == "DICOM series 5"
    assert "Reading 5 (FLAIR, 14 x 12 x 6) of 3 series." in caplog.text
    with pytest.raises(VolumeError, match=r"several series, 4 .*, 5 .*, 6 "):
        read_volume(tmp_path)
    assert read_volume(tmp_path, series="T2_TSE").name == "DICOM series 6"
    assert read_volume(tmp_path, series="4").name == "DICOM series 4"
    with pytest.raises(VolumeError, match="no series '9'; it has 4 "):
        read_volume(tmp_path, series="9")


def test_a_series_read_as_another_contrast_is_told(tmp_path: Path) -> None:
    write_series(tmp_path, description="t1_mprage_sag")
    volume = read_volume(tmp_path, "flair")
    assert volume.warnings == ("DICOM series 5 is read as flair, but its header looks like t1.",)


def test_the_header_of_results_has_both_forms(tmp_path: Path) -> None:
    write_series(tmp_path, directions=OBLIQUE)
    volume = read_volume(tmp_path)
    header = volume.geometry_header()
    for matrix, code in (header.get_sform(coded=True), header.get_qform(coded=True)):
        assert code == 1
        np.testing.assert_allclose(matrix, volume.affine, atol=1e-4)


def test_a_damaged_scaling_is_one_sentence(tmp_path: Path) -> None:
    """Found by tests/fuzz: an element of an unknown kind, which is read after the pixels."""
    write_multi_frame(tmp_path / "exam.dcm")
    content = (tmp_path / "exam.dcm").read_bytes()
    damaged = content.replace(b"\x28\x00\x52\x10DS", b"\x28\x00\x52\x10TS")
    assert damaged != content
    (tmp_path / "exam.dcm").write_bytes(damaged)
    with pytest.raises(VolumeError, match=r"image 1 of .* is damaged .*export it again\.$"):
        read_volume(tmp_path / "exam.dcm", "flair")
