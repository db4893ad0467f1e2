"""Headers that promise what no scan of a head is: refused in a sentence, before memory is taken."""

from __future__ import annotations

import gzip
import os
import struct
import tracemalloc
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
import SimpleITK as sitk  # noqa: N813 - its own documentation spells it so

from anofpdm.common.errors import AnofpdmError, GeometryError, VolumeError
from anofpdm.scans.files.physical_limits import check_affine
from anofpdm.scans.preprocessing import preprocess
from anofpdm.scans.preprocessing_config import PreprocessingConfig
from anofpdm.scans.volume import Volume, read_volume

SHAPE = (32, 40, 10)
DATA = np.arange(np.prod(SHAPE), dtype=np.int16).reshape(SHAPE)
FAR = np.diag([2.0, 2.0, 5.0, 1.0])
FAR[0, 3] = 11_000.0
IMPOSSIBLE = {
    "voxels of microns": (np.diag([1e-5, 1.0, 5.0, 1.0]), "voxels of 1e-05 x 1 x 5 mm"),
    "voxels of nothing": (np.diag([1e-30, 1e-30, 1e-30, 1.0]), "voxels of 1e-30"),
    "voxels of parsecs": (np.diag([1e30, 1e30, 1e30, 1.0]), r"voxels of 1e\+30"),
    "slices 31 mm thick": (np.diag([1.0, 1.0, 31.0, 1.0]), "1 x 1 x 31 mm"),
    "a field of 1.2 m": (np.diag([5.0, 30.0, 5.0, 1.0]), "field of view of 160 x 1200 x 50 mm"),
    "a field of 16 mm": (np.diag([0.4, 0.4, 0.4, 1.0]), "field of view of 12.8 x 16 x 4 mm"),
    "11 m away": (FAR, "11000, 0, 0 mm"),
}


@pytest.mark.parametrize(("affine", "said"), IMPOSSIBLE.values(), ids=IMPOSSIBLE.keys())
@pytest.mark.parametrize("suffix", [".nii", ".mgz"])
def test_impossible_space_is_refused(
    tmp_path: Path, affine: np.ndarray, said: str, suffix: str
) -> None:
    path = tmp_path / f"scan{suffix}"
    if suffix == ".nii":
        header = nib.Nifti1Header()
        header.set_data_shape(SHAPE)
        header.set_data_dtype(np.int16)
        header["vox_offset"] = 352
        header.set_sform(affine, code=1)
        header["pixdim"][1:4] = np.diag(affine)[:3]
        # No voxels at all: they are not looked for.
        path.write_bytes(header.binaryblock + b"\0" * 4)
    else:
        nib.save(nib.MGHImage(DATA, affine), path)
    with pytest.raises(GeometryError, match=said) as caught:
        read_volume(path)
    assert str(caught.value).startswith("scan.")
    with pytest.raises(GeometryError, match=said):
        preprocess(
            {"flair": Volume(DATA, affine)},
            ("flair",),
            PreprocessingConfig(size=32, extent_mm=200.0),
        )


@pytest.mark.parametrize(
    ("shape", "affine"),
    [
        ((64, 64, 1), np.diag([3.5, 3.5, 5.0, 1.0])),
        ((64, 1, 64), np.diag([3.5, 30.0, 3.5, 1.0])),
        ((400, 400, 4), np.diag([0.05, 0.05, 1.0, 1.0])),
        ((8, 8, 30), np.diag([24.0, 24.0, 30.0, 1.0])),
    ],
)
def test_single_slices_and_thick_stacks_are_scans(
    tmp_path: Path, shape: tuple[int, ...], affine: np.ndarray
) -> None:
    nib.save(nib.Nifti1Image(np.ones(shape, np.int16), affine), tmp_path / "scan.nii.gz")
    assert read_volume(tmp_path / "scan.nii.gz").shape == shape


@pytest.mark.parametrize("suffix", [".nrrd", ".mha"])
def test_impossible_space_of_an_itk_file_is_refused(tmp_path: Path, suffix: str) -> None:
    image = sitk.GetImageFromArray(DATA)
    image.SetSpacing((1e-5, 1.0, 1.0))
    sitk.WriteImage(image, tmp_path / f"scan{suffix}")
    with pytest.raises(GeometryError, match="voxels of 1e-05 x 1 x 1 mm"):
        read_volume(tmp_path / f"scan{suffix}")


def _header(shape: tuple[int, ...], offset: float = 352.0) -> bytes:
    header = nib.Nifti1Header()
    header.set_data_shape(shape)
    header.set_data_dtype(np.int16)
    header.set_sform(np.diag([2.0, 2.0, 2.0, 1.0]), code=1)
    header["pixdim"][1:4] = 2
    header["vox_offset"] = offset
    return bytes(header.binaryblock) + b"\0" * 4


@pytest.mark.parametrize("packed", [False, True])
def test_a_header_cannot_promise_more_than_its_file_holds(tmp_path: Path, packed: bool) -> None:
    path = tmp_path / ("scan.nii.gz" if packed else "scan.nii")
    content = _header((450, 450, 450, 30000)) + b"\0" * 1000
    path.write_bytes(gzip.compress(content) if packed else content)
    tracemalloc.start()
    try:
        with pytest.raises(VolumeError, match=r"truncated or damaged \(its header declares"):
            read_volume(path)
        assert tracemalloc.get_traced_memory()[1] < 5e6
    finally:
        tracemalloc.stop()


def test_a_file_that_unpacks_to_far_more_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "scan.nii.gz"
    path.write_bytes(gzip.compress(_header(SHAPE) + b"\0" * 200_000_000, compresslevel=1))
    tracemalloc.start()
    try:
        with pytest.raises(VolumeError, match="holds far more than"):
            read_volume(path)
        assert tracemalloc.get_traced_memory()[1] < 10e6
    finally:
        tracemalloc.stop()


def test_a_packed_file_with_gigabytes_behind_it_is_refused_unread(tmp_path: Path) -> None:
    path = tmp_path / "scan.nii.gz"
    path.write_bytes(gzip.compress(_header(SHAPE) + DATA.tobytes(order="F")))
    with path.open("r+b") as file:
        file.truncate(8 * 2**30)  # takes no space on the disk
    with pytest.raises(VolumeError, match="holds far more than"):
        read_volume(path)


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        (b"kinds: domain", b"kinds:" + b"1" * 5000, "a line of its header"),
        (b"dimension: 3", b"dimension: 9223372036854775807", "number of dimensions"),
        (b"data file: scan.raw", b"data file: pipe", "named pipe"),
    ],
)
def test_headers_that_end_the_process_of_itk_are_refused_before(
    tmp_path: Path, old: bytes, new: bytes, said: str
) -> None:
    path = tmp_path / "scan.nhdr"
    sitk.WriteImage(sitk.GetImageFromArray(DATA), path)
    content = path.read_bytes()
    assert old in content
    path.write_bytes(content.replace(old, new))
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(VolumeError, match=said):
        read_volume(path)


def test_some_bytes_behind_the_voxels_do_no_harm(tmp_path: Path) -> None:
    content = _header(SHAPE) + DATA.tobytes(order="F")
    (tmp_path / "scan.nii.gz").write_bytes(gzip.compress(content + b"\0" * 4096))
    (tmp_path / "scan.nii").write_bytes(content + b"note")
    for name in ("scan.nii.gz", "scan.nii"):
        np.testing.assert_array_equal(read_volume(tmp_path / name).data, DATA)


@pytest.mark.parametrize("name", ["scan.nii.gz", "scan.mgz", "scan.nrrd"])
def test_too_little_memory_is_a_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    affine = np.diag([2.0, 2.0, 5.0, 1.0])
    if name.endswith("nrrd"):
        sitk.WriteImage(sitk.GetImageFromArray(DATA), tmp_path / name)
    else:
        kind = nib.MGHImage if name.endswith("mgz") else nib.Nifti1Image
        nib.save(kind(DATA, affine), tmp_path / name)
    monkeypatch.setattr("anofpdm.common.memory.available_bytes", lambda: 2**14)
    with pytest.raises(VolumeError, match=r"needs about 1 MiB of memory, but only .* are free; "):
        read_volume(tmp_path / name)


@pytest.mark.parametrize("offset", [float("inf"), float("nan"), -4.0, 1e30])
def test_a_place_of_the_voxels_that_is_no_number_is_refused(tmp_path: Path, offset: float) -> None:
    (tmp_path / "scan.nii").write_bytes(_header(SHAPE, offset) + DATA.tobytes(order="F"))
    with pytest.raises(VolumeError, match=r"scan\.nii (has an invalid|is truncated)"):
        read_volume(tmp_path / "scan.nii")


def test_dimensions_below_one_are_refused(tmp_path: Path) -> None:
    content = bytearray(_header(SHAPE) + DATA.tobytes(order="F"))
    for wrong in (0, -1, -30000):
        content[42:44] = struct.pack("<h", wrong)
        (tmp_path / "scan.nii").write_bytes(content)
        with pytest.raises(AnofpdmError, match=r"scan\.nii"):
            read_volume(tmp_path / "scan.nii")


def test_a_path_that_no_file_can_have_is_a_sentence() -> None:
    for suffix in (".nii", ".mgz", ".nrrd"):
        with pytest.raises(VolumeError):
            read_volume(f"sc\0an{suffix}")


def test_an_mgz_without_voxels_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "scan.mgh"
    nib.save(nib.MGHImage(DATA, np.diag([2.0, 2.0, 5.0, 1.0])), path)
    content = bytearray(path.read_bytes())
    content[4:8] = struct.pack(">i", 0)  # its width
    path.write_bytes(content)
    with pytest.raises(VolumeError, match=r"scan\.mgh is truncated or damaged"):
        read_volume(path)


def test_an_affine_of_another_shape_is_refused_in_a_short_sentence() -> None:
    with pytest.raises(GeometryError, match=r"an affine of shape \(40, 4\), not \(4, 4\)") as error:
        check_affine(np.ones((40, 4)), "scan.nii")
    assert len(str(error.value)) < 120
