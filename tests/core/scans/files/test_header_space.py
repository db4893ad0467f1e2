"""What places the voxels: sizes of 0, forms that disagree, units other than mm; no false alarm."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import pytest
from numpy.typing import NDArray

from anofpdm.common.errors import GeometryError, VolumeError
from anofpdm.scans.files.header_form import Form
from anofpdm.scans.volume import Volume, read_volume, write_nifti

RADIUS = 7
SHAPE = (20, 22, 24)
GEOMETRY = ["pixdim", "qform_code", "sform_code", "xyzt_units", "srow_x", "srow_y", "srow_z"]
GEOMETRY += [f"quatern_{axis}" for axis in "bcd"] + [f"qoffset_{axis}" for axis in "xyz"]


def a_sphere() -> NDArray[np.int16]:
    """Ball of radius 7 voxels: 1,419 of them."""
    centre = np.array(SHAPE) // 2
    place = np.indices(SHAPE).reshape(3, -1) - centre[:, None]
    inside = ((place**2).sum(axis=0) <= RADIUS**2).reshape(SHAPE)
    return np.where(inside, np.int16(100), np.int16(0))


def affine_of(
    spacing: tuple[float, float, float],
    degrees: float = 0.0,
    flip: bool = False,
    origin: tuple[float, float, float] = (-20.0, -22.0, -24.0),
) -> NDArray[np.float64]:
    angle = np.radians(degrees)
    affine = np.eye(4)
    affine[:2, :2] = [[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]
    affine[:3, :3] = affine[:3, :3] @ np.diag(spacing)
    affine[:3, 3] = origin
    return np.diag([-1.0 if flip else 1.0, 1, 1, 1]) @ affine


def written(
    path: Path,
    *,
    sform: NDArray[np.float64] | None = None,
    qform: NDArray[np.float64] | None = None,
    units: str | int = "mm",
    pixdim: tuple[float, float, float] | None = None,
) -> Path:
    header = nib.Nifti1Header()
    header.set_data_shape(SHAPE)
    header.set_data_dtype(np.int16)
    if qform is not None:
        header.set_qform(qform, 1)
    if sform is not None:
        header.set_sform(sform, 2)
        if qform is None:
            header["pixdim"][1:4] = np.linalg.norm(sform[:3, :3], axis=0)
    header.set_xyzt_units(units)
    content = bytearray(nib.Nifti1Image(a_sphere(), None, header).to_bytes())
    if pixdim is not None:
        # nibabel would mend a size of 0 while writing.
        content[80:92] = np.array(pixdim, "<f4").tobytes()
    path.write_bytes(content)
    return path


def millilitres(volume: Volume) -> float:
    return float(np.count_nonzero(volume.data) * volume.voxel_volume_ml)


def fields(path: Path) -> dict[str, bytes]:
    header: Any = nib.Nifti1Header(path.read_bytes()[:348], check=False)
    return {name: header[name].tobytes() for name in GEOMETRY}


TWO = affine_of((2.0, 2.0, 2.0))
SPHERE_ML = 1419 * 8 / 1000


def test_the_sphere_has_its_volume(tmp_path: Path) -> None:
    volume = read_volume(written(tmp_path / "scan.nii", sform=TWO, qform=TWO))
    assert millilitres(volume) == pytest.approx(SPHERE_ML)
    assert volume.warnings == ()


@pytest.mark.parametrize("pixdim", [(0, 0, 0), (2, 2, 0), (np.nan, 2, 2)])
def test_a_voxel_size_of_0_is_refused(tmp_path: Path, pixdim: Any) -> None:
    path = written(tmp_path / "scan.nii", qform=TWO, pixdim=pixdim)
    said = r"^scan\.nii has a voxel size of 0 \(pixdim is .*DICOM"
    with pytest.raises(GeometryError, match=said):
        read_volume(path)


@pytest.mark.parametrize("form", [None, "sform"])
@pytest.mark.parametrize("qform", [None, TWO])
@pytest.mark.parametrize("pixdim", [(0, 0, 0), (2, 2, 0), (np.nan, 2, 2)])
def test_a_voxel_size_of_0_beside_an_sform_is_a_warning(
    tmp_path: Path, form: Form | None, qform: NDArray[np.float64] | None, pixdim: Any
) -> None:
    path = written(tmp_path / "scan.nii", sform=TWO, qform=qform, pixdim=pixdim)
    volume = read_volume(path, form=form)
    assert millilitres(volume) == pytest.approx(SPHERE_ML)
    (sentence,) = volume.warnings
    assert "voxel size of 0 in pixdim; the 2 x 2 x 2 mm of its sform count" in sentence
    write_nifti(tmp_path / "mask.nii", volume.data > 0, volume, np.uint8)
    assert millilitres(read_volume(tmp_path / "mask.nii")) == pytest.approx(SPHERE_ML)


def test_a_voxel_size_of_0_is_refused_where_the_qform_is_asked_for(tmp_path: Path) -> None:
    path = written(tmp_path / "scan.nii", sform=TWO, qform=TWO, pixdim=(0, 0, 0))
    with pytest.raises(GeometryError, match=r"leave --form out to take the 2 x 2 x 2 of its sform"):
        read_volume(path, form="qform")


def test_an_sform_that_gives_no_size_does_not_mend_a_size_of_0(tmp_path: Path) -> None:
    flat = np.diag([2.0, 2.0, 0.0, 1.0])
    path = written(tmp_path / "scan.nii", sform=flat, pixdim=(0, 0, 0))
    with pytest.raises(GeometryError, match=r"voxel size of 0 .*convert the scan again from DICOM"):
        read_volume(path)


def test_sizes_that_disagree_are_named_and_the_sform_counts(tmp_path: Path) -> None:
    one = affine_of((1.0, 1.0, 1.0))
    volume = read_volume(written(tmp_path / "scan.nii", sform=one, pixdim=(2, 2, 2)))
    assert millilitres(volume) == pytest.approx(SPHERE_ML / 8)
    (sentence,) = volume.warnings
    assert sentence.startswith(
        "scan.nii gives two voxel sizes: 1 x 1 x 1 mm by its sform and 2 x 2 x 2 mm by pixdim; the "
        "sform counts, and volumes would differ by a factor of 8"
    )


def test_the_other_size_counts_on_request(tmp_path: Path) -> None:
    one = affine_of((1.0, 1.0, 1.0))
    path = written(tmp_path / "scan.nii", sform=one, qform=TWO)
    assert "--form qform" in read_volume(path).warnings[0]
    volume = read_volume(path, form="qform")
    assert millilitres(volume) == pytest.approx(SPHERE_ML)
    assert "the qform counts" in volume.warnings[0]


@pytest.mark.parametrize(
    ("other", "words"),
    [
        (affine_of((2, 2, 2), flip=True), ["opposite handedness"]),
        (affine_of((2, 2, 2), degrees=5), ["rotated by 5 degrees"]),
        (affine_of((2, 2, 2), origin=(-20, -22, -21)), ["origins 3 mm apart", "up to 3 mm apart"]),
        (affine_of((2, 2, 3)), ["2 x 2 x 3 mm by pixdim"]),
        (affine_of((2, 2, 3), degrees=5), ["2 x 2 x 3 mm by pixdim", "rotated by 5 degrees"]),
    ],
    ids=["handedness", "rotation", "origin", "spacing", "spacing and rotation"],
)
@pytest.mark.parametrize("form", [None, "sform", "qform"])
def test_forms_that_disagree_are_told_apart(
    tmp_path: Path, other: NDArray[np.float64], words: list[str], form: Any
) -> None:
    path = written(tmp_path / "scan.nii", sform=TWO, qform=other)
    volume = read_volume(path, form=form)
    np.testing.assert_allclose(volume.affine, other if form == "qform" else TWO, atol=1e-5)
    said = " ".join(volume.warnings)
    assert all(word in said for word in words), said
    assert f"the {form or 'sform'} counts" in said
    write_nifti(tmp_path / "mask.nii", volume.data > 0, volume, np.uint8)
    assert fields(tmp_path / "mask.nii") == fields(path)


def test_rounding_of_a_quaternion_says_nothing(tmp_path: Path) -> None:
    oblique = affine_of((0.449, 0.449, 5.0), degrees=12.3456789)
    path = written(tmp_path / "scan.nii", sform=oblique, qform=oblique)
    assert read_volume(path).warnings == ()


def test_a_form_that_is_not_there_is_refused(tmp_path: Path) -> None:
    path = written(tmp_path / "scan.nii", sform=TWO)
    with pytest.raises(VolumeError, match=r"scan\.nii has no qform \(qform_code is 0\); leave"):
        read_volume(path, form="qform")


@pytest.mark.parametrize(("units", "factor"), [("meter", 1000.0), ("micron", 0.001)])
def test_units_are_converted_and_the_header_keeps_them(
    tmp_path: Path, units: str, factor: float
) -> None:
    stored = affine_of((2 / factor,) * 3, origin=(-20 / factor, -22 / factor, -24 / factor))
    path = written(tmp_path / "scan.nii", sform=stored, qform=stored, units=units)
    volume = read_volume(path)
    np.testing.assert_allclose(volume.affine, TWO, rtol=1e-5)
    assert millilitres(volume) == pytest.approx(SPHERE_ML, rel=1e-5)
    (sentence,) = volume.warnings
    assert "were converted to 2 x 2 x 2 mm" in sentence and "met" in sentence
    write_nifti(tmp_path / "mask.nii", volume.data > 0, volume, np.uint8)
    assert fields(tmp_path / "mask.nii") == fields(path)
    np.testing.assert_array_equal(read_volume(tmp_path / "mask.nii").affine, volume.affine)


@pytest.mark.parametrize("units", ["meter", "micron"])
def test_units_that_cannot_be_are_taken_as_mm(tmp_path: Path, units: str) -> None:
    volume = read_volume(written(tmp_path / "scan.nii", sform=TWO, units=units))
    assert millilitres(volume) == pytest.approx(SPHERE_ML)
    assert "impossible; the numbers are taken as mm" in volume.warnings[0]


def test_free_text_and_extensions_stay_behind(tmp_path: Path) -> None:
    header = nib.Nifti1Image(a_sphere(), TWO).header
    for field in ("descrip", "aux_file", "db_name", "intent_name", "data_type"):
        header[field] = b"DOE^JANE"
    header["intent_code"], header["intent_p1"] = 1002, 3
    header.extensions.append(nib.nifti1.Nifti1Extension("comment", b"DOE^JANE 19500101"))
    path = tmp_path / "scan.nii"
    nib.save(nib.Nifti1Image(a_sphere(), TWO, header), path)
    assert b"DOE^JANE" in path.read_bytes()

    volume = read_volume(path)
    assert volume.header is not None and b"DOE" not in volume.header.binaryblock
    write_nifti(tmp_path / "mask.nii", volume.data > 0, volume, np.uint8)

    content = (tmp_path / "mask.nii").read_bytes()
    assert b"DOE" not in content and len(content) == 352 + a_sphere().size
    assert fields(tmp_path / "mask.nii") == fields(path)
    assert int(nib.Nifti1Header(content[:348])["intent_code"]) == 0
    given = Volume(volume.data, volume.affine, header=header)
    write_nifti(tmp_path / "by_hand.nii", volume.data > 0, given, np.uint8)
    assert b"DOE" not in (tmp_path / "by_hand.nii").read_bytes()


def test_files_are_named_without_their_folder_unless_asked(tmp_path: Path) -> None:
    path = written(tmp_path / "scan.nii", sform=TWO, qform=affine_of((2, 2, 3)))
    assert read_volume(path).name == "scan.nii"
    assert str(tmp_path) not in " ".join(read_volume(path).warnings)
    kept = read_volume(path, keep_path=True)
    assert kept.name == str(path) and kept.warnings[0].startswith(str(path))


def test_no_real_scan_is_suspected(real_scans: Path) -> None:
    suspected = {}
    for path in sorted(real_scans.rglob("*.nii.gz")):
        try:
            volume = read_volume(path)
        except VolumeError:
            continue
        if volume.warnings:
            suspected[path.name] = volume.warnings
    assert suspected == {}
