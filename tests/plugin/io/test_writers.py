from __future__ import annotations

from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from napari.layers import Image, Labels, Layer

from anofpdm import read_volume
from anofpdm.common.errors import GeometryError, OutputError, VolumeError
from napari_anofpdm.io.readers import scan_file_layers
from napari_anofpdm.io.writers import write_image, write_labels

GEOMETRY = (
    *("dim", "pixdim", "xyzt_units", "qform_code", "sform_code"),
    *("quatern_b", "quatern_c", "quatern_d", "qoffset_x", "qoffset_y", "qoffset_z"),
    *("srow_x", "srow_y", "srow_z"),
)


@pytest.fixture
def scan(tmp_path: Path) -> Path:
    """An oblique, axis-permuted int16 scan with differing qform and sform."""
    rng = np.random.default_rng(1)
    affine = np.array([[0, -0.9, 0.2, 31], [1.1, 0, 0, -7], [0.1, 0.2, 4, 12], [0, 0, 0, 1.0]])
    data = rng.integers(0, 1000, (7, 6, 5)).astype(np.int16)
    image = nib.Nifti1Image(data, affine)
    image.set_sform(affine, code=2)
    image.set_qform(affine, code=1, strip_shears=True)
    image.header.set_xyzt_units("mm", "sec")
    nib.save(image, tmp_path / "scan.nii.gz")
    return tmp_path / "scan.nii.gz"


def _layer(path: Path) -> Layer:
    ((data, attributes, kind),) = scan_file_layers(path)
    return {"image": Image, "labels": Labels}[kind](data, **attributes)


def _write(layer: Layer, path: Path) -> list[str]:
    data, attributes, kind = layer.as_layer_data_tuple()
    return {"image": write_image, "labels": write_labels}[kind](str(path), data, attributes)


def _geometry(path: Path) -> dict[str, bytes]:
    header = nib.Nifti1Image.from_filename(path).header
    return {name: np.asarray(header[name]).tobytes() for name in GEOMETRY}


def test_an_image_comes_back_bit_for_bit(scan: Path, tmp_path: Path) -> None:
    target = tmp_path / "copy.nii.gz"
    assert _write(_layer(scan), target) == [str(target)]
    assert _geometry(target) == _geometry(scan)
    written, original = read_volume(target).data, read_volume(scan).data
    assert written.dtype == original.dtype
    np.testing.assert_array_equal(written, original)


def test_painted_labels_go_onto_the_scans_voxels(scan: Path, tmp_path: Path) -> None:
    image = _layer(scan)
    labels = Labels(
        np.zeros(image.data.shape, dtype=np.int64),
        scale=image.scale,
        translate=image.translate,
        metadata=image.metadata,
        name="mask",
    )
    original = read_volume(scan).data
    spot = tuple(int(i) for i in np.argwhere(image.data == original[2, 4, 1])[0])
    labels.data_setitem(tuple(np.array([i]) for i in spot), 3)
    _write(labels, tmp_path / "mask.nii")
    assert _geometry(tmp_path / "mask.nii") == _geometry(scan)
    mask = read_volume(tmp_path / "mask.nii").data
    assert mask.dtype == np.uint8
    assert {tuple(original[tuple(i)] for i in np.argwhere(mask == 3))} == {(original[2, 4, 1],)}
    assert np.count_nonzero(mask) == 1


@pytest.mark.parametrize(
    ("value", "dtype"), [(255, np.uint8), (-1, np.int16), (40_000, np.int32), (2**40, np.int64)]
)
def test_labels_are_stored_in_the_smallest_type(
    scan: Path, tmp_path: Path, value: int, dtype: type[np.generic]
) -> None:
    image = _layer(scan)
    data = np.full(image.data.shape, value, dtype=np.int64)
    attributes = image.as_layer_data_tuple()[1]
    write_labels(str(tmp_path / "labels.nii"), data, attributes)
    stored = read_volume(tmp_path / "labels.nii").data
    assert stored.dtype == dtype
    assert (stored == value).all()


@pytest.mark.parametrize(
    ("dtype", "stored"), [("float16", "float32"), ("bool", "uint8"), ("float64", "float64")]
)
def test_image_types_that_nifti_lacks_are_widened(
    scan: Path, tmp_path: Path, dtype: str, stored: str
) -> None:
    image = _layer(scan)
    attributes = image.as_layer_data_tuple()[1]
    write_image(str(tmp_path / "image.nii"), np.ones(image.data.shape, dtype), attributes)
    assert read_volume(tmp_path / "image.nii").data.dtype == stored


def test_a_layer_of_another_grid_is_refused(scan: Path, tmp_path: Path) -> None:
    layer = _layer(scan)
    layer.data = layer.data[:-1]
    with pytest.raises(GeometryError, match="is on another grid"):
        _write(layer, tmp_path / "copy.nii.gz")
    with pytest.raises(VolumeError, match="has no affine"):
        _write(Image(np.zeros((3, 4, 5)), name="foreign"), tmp_path / "copy.nii.gz")
    assert not (tmp_path / "copy.nii.gz").exists()


def test_another_suffix_is_refused(scan: Path, tmp_path: Path) -> None:
    with pytest.raises(OutputError, match=r"must end in \.nii or \.nii\.gz"):
        _write(_layer(scan), tmp_path / "copy.tif")
