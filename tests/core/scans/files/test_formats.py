"""Other files than NIfTI, and files of several volumes: the same voxels at the same place."""

from __future__ import annotations

import builtins
import os
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import pytest
import SimpleITK as sitk  # noqa: N813 - its own documentation spells it so
from numpy.typing import NDArray

from anofpdm.common.errors import VolumeError
from anofpdm.scans.volume import read_channels, read_volume, write_nifti

SHAPE = (5, 6, 7)
ANGLE = np.radians(17)
TURN = np.array([[np.cos(ANGLE), -np.sin(ANGLE), 0], [0, 0, -1], [np.sin(ANGLE), np.cos(ANGLE), 0]])
AFFINE = np.eye(4)
AFFINE[:3, :3] = TURN @ np.diag([-0.9, 1.1, 3.0])
AFFINE[:3, 3] = [31.5, -40.25, 12.125]


def a_scan(*more: int) -> NDArray[np.float32]:
    return np.random.default_rng(0).normal(100, 20, SHAPE + more).astype(np.float32)


def an_itk_image(data: NDArray[Any], affine: NDArray[np.float64] = AFFINE) -> Any:
    """The same voxels at the same place, in the words of a program whose world is LPS."""
    channels = data.ndim > 3
    image: Any = sitk.GetImageFromArray(
        np.ascontiguousarray(np.moveaxis(data, (0, 1, 2), (2, 1, 0))), isVector=channels
    )
    spacing = np.linalg.norm(affine[:3, :3], axis=0)
    lps = np.diag([-1.0, -1.0, 1.0])
    image.SetSpacing(spacing.tolist())
    image.SetDirection((lps @ affine[:3, :3] / spacing).ravel().tolist())
    image.SetOrigin((lps @ affine[:3, 3]).tolist())
    return image


@pytest.mark.parametrize("suffix", [".nrrd", ".nhdr", ".mha", ".mhd"])
def test_nrrd_and_metaimage_lie_where_itk_says(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"scan{suffix}"
    image = an_itk_image(a_scan())
    sitk.WriteImage(image, path)

    volume = read_volume(path, "flair")

    np.testing.assert_array_equal(volume.data, a_scan())
    np.testing.assert_allclose(volume.affine, AFFINE, atol=1e-6)
    for voxel in ((0, 0, 0), (4, 0, 6), (1, 5, 2)):
        x, y, z = image.TransformIndexToPhysicalPoint(voxel)
        here = volume.affine @ [*voxel, 1]
        np.testing.assert_allclose(here[:3], [-x, -y, z], atol=1e-5)


@pytest.mark.parametrize("suffix", [".nrrd", ".mha"])
def test_results_of_an_itk_file_are_nifti_at_the_same_place(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"scan{suffix}"
    sitk.WriteImage(an_itk_image(a_scan()), path)
    volume = read_volume(path)
    write_nifti(tmp_path / "mask.nii.gz", volume.data > 100, volume, np.uint8)
    first, second = sitk.ReadImage(path), sitk.ReadImage(tmp_path / "mask.nii.gz")
    for voxel in ((0, 0, 0), (4, 5, 6)):
        np.testing.assert_allclose(
            first.TransformIndexToPhysicalPoint(voxel),
            second.TransformIndexToPhysicalPoint(voxel),
            atol=1e-4,
        )
    np.testing.assert_array_equal(
        sitk.GetArrayFromImage(second), sitk.GetArrayFromImage(first) > 100
    )


def test_components_of_an_nrrd_are_channels(tmp_path: Path) -> None:
    sitk.WriteImage(an_itk_image(a_scan(3)), tmp_path / "scan.nrrd")
    np.testing.assert_array_equal(
        read_volume(tmp_path / "scan.nrrd", channel=2).data, a_scan(3)[..., 2]
    )
    with pytest.raises(VolumeError, match="series of 3 frames"):
        read_volume(tmp_path / "scan.nrrd")


def test_an_nrrd_without_space_is_refused(tmp_path: Path) -> None:
    header = "NRRD0004\ntype: uchar\ndimension: 3\nsizes: 5 6 7\nencoding: raw\n\n"
    (tmp_path / "scan.nrrd").write_bytes(header.encode() + bytes(210))
    with pytest.raises(VolumeError, match=r"scan\.nrrd has no orientation"):
        read_volume(tmp_path / "scan.nrrd")


@pytest.mark.parametrize("suffix", [".nrrd", ".mha", ".mgz", ".mgh"])
def test_a_damaged_file_is_one_sentence(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"scan{suffix}"
    path.write_bytes(b"no such format")
    with pytest.raises(VolumeError, match=rf"scan\{suffix} .*copy or convert it again\.$"):
        read_volume(path)
    with pytest.raises(VolumeError, match="does not exist"):
        read_volume(tmp_path / f"none{suffix}")


def test_without_simpleitk_the_way_out_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    imported = builtins.__import__

    def without(name: str, *rest: Any) -> Any:
        if name == "SimpleITK":
            raise ImportError(name)
        return imported(name, *rest)

    (tmp_path / "scan.nrrd").write_bytes(b"")
    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(VolumeError, match=r"needs SimpleITK.*\[formats\].*or save the scan as"):
        read_volume(tmp_path / "scan.nrrd")


@pytest.mark.parametrize("suffix", [".mgz", ".mgh"])
def test_mgz_lies_where_nibabel_says(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"scan{suffix}"
    nib.save(nib.MGHImage(a_scan(), AFFINE), path)
    volume = read_volume(path)
    np.testing.assert_array_equal(volume.data, a_scan())
    np.testing.assert_allclose(volume.affine, AFFINE, atol=1e-5)
    assert volume.data.dtype.isnative
    write_nifti(tmp_path / "mask.nii.gz", volume.data > 100, volume, np.uint8)
    image: Any = nib.load(tmp_path / "mask.nii.gz")
    np.testing.assert_allclose(image.affine, AFFINE, atol=1e-5)


@pytest.mark.parametrize("kind", [nib.Nifti1Pair, nib.Nifti2Pair])
@pytest.mark.parametrize("packed", ["", ".gz"])
def test_a_pair_is_read_by_either_of_its_names(
    tmp_path: Path, kind: type[nib.Nifti1Pair], packed: str
) -> None:
    nib.save(kind(a_scan(), AFFINE), tmp_path / f"scan.img{packed}")
    for name in (f"scan.img{packed}", f"scan.hdr{packed}"):
        volume = read_volume(tmp_path / name)
        np.testing.assert_array_equal(volume.data, a_scan())
        np.testing.assert_allclose(volume.affine, AFFINE, atol=1e-5)
        out = tmp_path / f"mask-{name}.nii.gz"
        write_nifti(out, volume.data > 100, volume, np.uint8)
        image: Any = nib.load(out)
        np.testing.assert_array_equal(np.asarray(image.dataobj), a_scan() > 100)
        np.testing.assert_array_equal(image.affine, volume.affine)


def test_a_pair_without_orientation_is_refused(tmp_path: Path) -> None:
    nib.save(nib.Spm99AnalyzeImage(a_scan(), None), tmp_path / "scan.img")
    with pytest.raises(VolumeError, match=r"scan\.hdr is not the header of a NIfTI pair.*convert"):
        read_volume(tmp_path / "scan.img")


def test_only_nifti_has_forms(tmp_path: Path) -> None:
    nib.save(nib.MGHImage(a_scan(), AFFINE), tmp_path / "scan.mgz")
    with pytest.raises(VolumeError, match="leave --form out"):
        read_volume(tmp_path / "scan.mgz", form="qform")


def test_a_channel_of_a_file_is_a_volume(tmp_path: Path) -> None:
    path = tmp_path / "BRATS_001.nii.gz"
    nib.save(nib.Nifti1Image(a_scan(4), AFFINE), path)
    volume = read_volume(path, "t1", channel=1)
    np.testing.assert_array_equal(volume.data, a_scan(4)[..., 1])
    assert volume.name == "BRATS_001.nii.gz:1"
    write_nifti(tmp_path / "mask.nii.gz", volume.data > 100, volume, np.uint8)
    assert nib.Nifti1Image.from_filename(tmp_path / "mask.nii.gz").shape == SHAPE
    with pytest.raises(VolumeError, match="has no channel 4; it has 4, counted from 0"):
        read_volume(path, channel=4)
    with pytest.raises(VolumeError, match=r"series of 4 frames .*FILE:0"):
        read_volume(path)


@pytest.mark.parametrize(("frames", "count"), [(2, 2), (8, 8), (1, 1)])
def test_channels_come_apart(tmp_path: Path, frames: int, count: int) -> None:
    nib.save(nib.Nifti1Image(a_scan(frames), AFFINE), tmp_path / "scan.nii")
    volumes = read_channels(tmp_path / "scan.nii")
    assert [volume.channel for volume in volumes] == ([None] if count == 1 else list(range(count)))
    for k, volume in enumerate(volumes):
        np.testing.assert_array_equal(volume.data, a_scan(frames)[..., k])


def test_a_long_series_does_not_come_apart(tmp_path: Path) -> None:
    nib.save(nib.Nifti1Image(a_scan(9), AFFINE), tmp_path / "scan.nii")
    with pytest.raises(VolumeError, match="series of 9 frames"):
        read_channels(os.fspath(tmp_path / "scan.nii"))
