"""Reading and writing volumes: every dtype, every fault, the header's geometry bit for bit."""

from __future__ import annotations

import gzip
import logging
from io import StringIO
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import pytest
import SimpleITK as sitk  # noqa: N813 - its own documentation spells it so
from nibabel import imageglobals
from numpy.typing import NDArray

from anofpdm.common.errors import GeometryError, OutputError, VolumeError
from anofpdm.scans.same_grid import on_grid_of
from anofpdm.scans.volume import Volume, read_volume, write_nifti

SHAPE = (5, 6, 7)
AFFINE = np.array(
    [[-0.9, 0.1, 0.2, 31.5], [0.12, 1.1, -0.3, -40.25], [0.1, 0.3, 2.9, 12.125], [0, 0, 0, 1]]
)


def a_scan(dtype: str = "int16") -> NDArray[Any]:
    return np.random.default_rng(0).integers(0, 200, SHAPE).astype(dtype)


def saved(path: Path, data: NDArray[Any], affine: NDArray[np.float64] = AFFINE) -> Path:
    nib.save(nib.Nifti1Image(data, affine), path)
    return path


def loaded(path: Path) -> Any:
    return nib.load(path)


def placement(path: Path) -> tuple[tuple[float, ...], ...]:
    """Origin, spacing and direction as a second program reads them."""
    image: Any = sitk.ReadImage(path)
    return image.GetOrigin(), image.GetSpacing(), image.GetDirection()


def rotated(degrees: float, spacing: tuple[float, float, float]) -> NDArray[np.float64]:
    angle = np.radians(degrees)
    turn = np.array(
        [[1, 0, 0], [0, np.cos(angle), -np.sin(angle)], [0, np.sin(angle), np.cos(angle)]]
    )
    affine = np.eye(4)
    affine[:3, :3] = turn @ np.diag(spacing)
    affine[:3, 3] = [-50.3, 20.1, 7.7]
    return affine


@pytest.mark.parametrize("suffix", [".nii", ".nii.gz"])
@pytest.mark.parametrize(
    "dtype", ["uint8", "int8", "int16", "uint16", "int32", "uint32", "float32", "float64"]
)
@pytest.mark.parametrize("order", ["<", ">"])
def test_reads_every_real_dtype(tmp_path: Path, dtype: str, suffix: str, order: str) -> None:
    data = np.random.default_rng(1).integers(0, 100, SHAPE).astype(dtype)
    header = nib.Nifti1Header(endianness=order)
    header.set_data_dtype(dtype)
    path = tmp_path / f"scan{suffix}"
    nib.save(nib.Nifti1Image(data, AFFINE, header), path)

    volume = read_volume(path, "flair")

    np.testing.assert_array_equal(volume.data, data)
    assert volume.data.dtype.isnative
    np.testing.assert_allclose(volume.affine, AFFINE, atol=1e-5)
    assert volume.modality == "flair" and volume.path == path


def test_reads_nifti_2(tmp_path: Path) -> None:
    path = tmp_path / "scan.nii.gz"
    nib.save(nib.Nifti2Image(a_scan(), AFFINE), path)
    np.testing.assert_array_equal(read_volume(path).data, a_scan())


def test_applies_slope_and_intercept(tmp_path: Path) -> None:
    image = nib.Nifti1Image(a_scan(), AFFINE)
    image.header.set_slope_inter(0.5, 10)
    path = tmp_path / "scan.nii"
    image.to_filename(path)
    raw = bytearray(path.read_bytes())
    raw[352:] = a_scan().astype("<i2").tobytes(order="F")
    path.write_bytes(raw)
    np.testing.assert_allclose(read_volume(path).data, a_scan() * 0.5 + 10)


def test_a_gzip_without_the_suffix_and_the_reverse_are_read(tmp_path: Path) -> None:
    plain = saved(tmp_path / "a.nii", a_scan()).read_bytes()
    (tmp_path / "b.nii").write_bytes(gzip.compress(plain))
    (tmp_path / "c.nii.gz").write_bytes(plain)
    for name in ("b.nii", "c.nii.gz"):
        np.testing.assert_array_equal(read_volume(tmp_path / name).data, a_scan())


def test_one_frame_is_a_volume_and_results_are_3d(tmp_path: Path) -> None:
    path = saved(tmp_path / "scan.nii.gz", a_scan()[..., None])
    volume = read_volume(path)
    assert volume.data.shape == SHAPE
    write_nifti(tmp_path / "out.nii.gz", volume.data > 100, volume, np.uint8)
    assert loaded(tmp_path / "out.nii.gz").shape == SHAPE


@pytest.mark.parametrize("kept", [0.02, 0.3, 0.9, 0.999])
@pytest.mark.parametrize("suffix", [".nii", ".nii.gz"])
def test_a_file_cut_off_is_refused(tmp_path: Path, kept: float, suffix: str) -> None:
    noise = np.random.default_rng(2).normal(size=(30, 30, 30)).astype(np.float32)
    path = saved(tmp_path / f"scan{suffix}", noise)
    content = path.read_bytes()
    path.write_bytes(content[: int(kept * len(content))])
    with pytest.raises(VolumeError, match=r"scan\.nii.*(truncated|header)"):
        read_volume(path)


def test_every_single_missing_or_altered_end_is_noticed(tmp_path: Path) -> None:
    path = saved(tmp_path / "scan.nii.gz", a_scan())
    content = path.read_bytes()
    for damaged in (content[:-1], content[:-8], content[:-5] + b"\0" + content[-4:]):
        path.write_bytes(damaged)
        with pytest.raises(VolumeError, match="truncated or damaged"):
            read_volume(path)


@pytest.mark.parametrize("content", [b"", b"hello", b"\0" * 400, b"<html>" * 200])
def test_no_nifti_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "scan.nii"
    path.write_bytes(content)
    with pytest.raises(VolumeError, match=r"scan\.nii is not a NIfTI"):
        read_volume(path)


def test_a_header_that_cannot_be_used_is_one_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    logged = StringIO()
    monkeypatch.setattr(imageglobals.logger, "handlers", [logging.StreamHandler(logged)])
    content = bytearray(nib.Nifti1Image(np.ones((3, 3, 3), np.float32), np.eye(4)).to_bytes())
    content[70:72] = (7777).to_bytes(2, "little")
    (tmp_path / "scan.nii").write_bytes(content)
    with pytest.raises(VolumeError, match="invalid NIfTI header"):
        read_volume(tmp_path / "scan.nii")
    assert (logged.getvalue(), capsys.readouterr().err) == ("", "")
    assert not imageglobals.logger.disabled


def test_missing_file_and_folder_are_refused(tmp_path: Path) -> None:
    with pytest.raises(VolumeError, match="does not exist"):
        read_volume(tmp_path / "none.nii")
    with pytest.raises(VolumeError, match="holds no DICOM images"):
        read_volume(tmp_path)


def test_a_header_without_its_image_is_refused(tmp_path: Path) -> None:
    nib.save(nib.Nifti1Pair(a_scan(), AFFINE), tmp_path / "scan.img")
    (tmp_path / "scan.hdr").rename(tmp_path / "alone.hdr")
    with pytest.raises(VolumeError, match=r"alone\.hdr is one half of a pair, but alone\.img"):
        read_volume(tmp_path / "alone.hdr")
    (tmp_path / "scan.nii").write_bytes((tmp_path / "alone.hdr").read_bytes())
    with pytest.raises(VolumeError, match="not a NIfTI"):
        read_volume(tmp_path / "scan.nii")


def test_series_rgb_and_complex_are_refused(tmp_path: Path) -> None:
    rgb = np.zeros(SHAPE, dtype=[("R", "u1"), ("G", "u1"), ("B", "u1")])
    cases = {
        "series of 3 frames": np.stack([a_scan()] * 3, axis=-1),
        "RGB": rgb,
        "complex": a_scan().astype(np.complex64),
        "three axes": a_scan()[..., 0],
    }
    for word, data in cases.items():
        path = saved(tmp_path / "scan.nii", data)
        with pytest.raises(VolumeError, match=rf"scan\.nii .*{word}"):
            read_volume(path)


def test_no_affine_is_refused(tmp_path: Path) -> None:
    image = nib.Nifti1Image(a_scan(), None)
    image.to_filename(tmp_path / "scan.nii")
    with pytest.raises(VolumeError, match=r"scan\.nii has no orientation"):
        read_volume(tmp_path / "scan.nii")


@pytest.mark.parametrize("value", [0.0, np.nan])
def test_an_affine_that_places_nothing_is_refused(tmp_path: Path, value: float) -> None:
    header = nib.Nifti1Image(a_scan(), AFFINE).header
    header["srow_z"] = value
    image = nib.Nifti1Image(a_scan(), None, header)
    image.to_filename(tmp_path / "scan.nii")
    with pytest.raises(GeometryError, match=r"scan\.nii has an affine"):
        read_volume(tmp_path / "scan.nii")


@pytest.mark.parametrize(("qform", "sform"), [(1, 0), (0, 2), (1, 4), (3, 1)])
@pytest.mark.parametrize("kind", [nib.Nifti1Image, nib.Nifti2Image])
@pytest.mark.parametrize("order", ["<", ">"])
def test_header_geometry_survives_bit_for_bit(
    tmp_path: Path, qform: int, sform: int, kind: type[nib.Nifti1Image], order: str
) -> None:
    header = kind.header_class(endianness=order)
    header.set_data_dtype(np.int16)
    image = kind(a_scan(), None, header)
    image.header.set_qform(rotated(17, (0.7, 0.8, 3.1)), qform, strip_shears=True)
    image.header.set_sform(rotated(-12, (0.7, 0.8, 3.1)), sform)
    image.header.set_xyzt_units("mm", "sec")
    path = tmp_path / "scan.nii.gz"
    nib.save(kind(a_scan(), None, image.header), path)

    volume = read_volume(path)
    write_nifti(tmp_path / "mask.nii.gz", volume.data > 100, volume, np.uint8)

    before, after = loaded(path).header, loaded(tmp_path / "mask.nii.gz").header
    fields = ["pixdim", "qform_code", "sform_code", "xyzt_units", "srow_x", "srow_y", "srow_z"]
    fields += [f"quatern_{axis}" for axis in "bcd"] + [f"qoffset_{axis}" for axis in "xyz"]
    for field in fields:
        assert before[field].tobytes() == after[field].tobytes(), field
    np.testing.assert_array_equal(loaded(path).affine, loaded(tmp_path / "mask.nii.gz").affine)
    assert loaded(tmp_path / "mask.nii.gz").get_data_dtype() == np.uint8
    if kind is nib.Nifti2Image:
        return  # SimpleITK reads NIfTI-1 only
    assert placement(path) == placement(tmp_path / "mask.nii.gz")
    first, second = (
        sitk.GetArrayFromImage(sitk.ReadImage(tmp_path / name))
        for name in ("scan.nii.gz", "mask.nii.gz")
    )
    np.testing.assert_array_equal(second, first > 100)


def test_a_volume_made_by_hand_is_written_where_it_lies(tmp_path: Path) -> None:
    affine = rotated(20, (1.0, 1.5, 4.0))
    write_nifti(tmp_path / "map.nii", a_scan(), Volume(a_scan(), affine), np.float32)
    image = loaded(tmp_path / "map.nii")
    np.testing.assert_allclose(image.affine, affine, rtol=1e-6)
    np.testing.assert_array_equal(np.asarray(image.dataobj), a_scan())
    (x, y, z), _, _ = placement(tmp_path / "map.nii")
    np.testing.assert_allclose([-x, -y, z], affine[:3, 3], rtol=1e-6)


def test_slope_of_the_input_does_not_reach_the_results(tmp_path: Path) -> None:
    image = nib.Nifti1Image(a_scan("float32") * 0.37 + 5, AFFINE)
    image.set_data_dtype(np.uint8)
    nib.save(image, tmp_path / "scan.nii.gz")
    volume = read_volume(tmp_path / "scan.nii.gz")
    mask = (volume.data > 30).astype(np.uint8)
    write_nifti(tmp_path / "mask.nii.gz", mask, volume, np.uint8)
    np.testing.assert_array_equal(read_volume(tmp_path / "mask.nii.gz").data, mask)


def test_writing_refuses_what_it_cannot_do_and_leaves_nothing(tmp_path: Path) -> None:
    volume = Volume(a_scan(), AFFINE)
    (tmp_path / "file").write_text("here")
    write_nifti(tmp_path / "there.nii", a_scan(), volume, np.uint8)
    before = sorted(tmp_path.iterdir())
    with pytest.raises(OutputError, match="already exists"):
        write_nifti(tmp_path / "there.nii", a_scan(), volume, np.uint8)
    with pytest.raises(OutputError, match="cannot be written"):
        write_nifti(tmp_path / "file" / "mask.nii", a_scan(), volume, np.uint8)
    with pytest.raises(OutputError, match=r"must end in \.nii"):
        write_nifti(tmp_path / "mask.mgz", a_scan(), volume, np.uint8)
    with pytest.raises(GeometryError, match="cannot be written on the grid"):
        write_nifti(tmp_path / "mask.nii", a_scan()[1:], volume, np.uint8)
    assert sorted(tmp_path.iterdir()) == before


def test_grids_are_compared_by_where_voxels_lie() -> None:
    first = Volume(a_scan(), AFFINE, "flair")
    moved = AFFINE.copy()
    moved[0, 3] += 1e-3
    on_grid_of(first, Volume(a_scan(), moved, "t2"))
    moved[0, 3] += 1
    with pytest.raises(GeometryError, match=r"flair .* t2 .* 1 mm apart.*resample one onto"):
        on_grid_of(first, Volume(a_scan(), moved, "t2"))
    with pytest.raises(GeometryError, match=r"\(5, 6, 7\) and \(4, 6, 7\)"):
        on_grid_of(first, Volume(a_scan()[1:], AFFINE, "t2"))
    turned = AFFINE @ np.diag([1, 1, 1.02, 1])
    with pytest.raises(GeometryError, match="mm apart"):
        on_grid_of(first, Volume(a_scan(), turned, "t2"))


def test_voxel_size() -> None:
    volume = Volume(a_scan(), rotated(33, (0.5, 2.0, 4.0)))
    assert volume.spacing == pytest.approx((0.5, 2.0, 4.0))
    assert volume.voxel_volume_ml == pytest.approx(0.004)


@pytest.mark.parametrize(
    ("name", "word"),
    [
        ("odd/real_4d.nii.gz", "series of 25 frames"),
        ("odd/rgb.nii.gz", "RGB"),
        ("odd/complex64.nii.gz", "complex"),
        ("odd/no_affine.nii.gz", "has no orientation"),
        ("README.md", "not a NIfTI"),
    ],
)
def test_odd_real_files_are_refused(real_scans: Path, name: str, word: str) -> None:
    with pytest.raises(VolumeError, match=word):
        read_volume(real_scans / name)


@pytest.mark.parametrize(
    "name", ["ms/patient19/flair", "ms_raw/flair_oblique_skull", "odd/t1_LIA_skull"]
)
def test_simpleitk_agrees_on_real_scans(real_scans: Path, tmp_path: Path, name: str) -> None:
    path = real_scans / f"{name}.nii.gz"
    volume = read_volume(path)
    write_nifti(tmp_path / "mask.nii.gz", volume.data > 50, volume, np.uint8)
    assert placement(path) == placement(tmp_path / "mask.nii.gz")
