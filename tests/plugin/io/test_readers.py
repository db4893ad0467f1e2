from __future__ import annotations

import gzip
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import nibabel as nib
import numpy as np
import pytest
import SimpleITK as sitk  # noqa: N813 - its own documentation spells it so
from napari.layers import Labels, Layer
from napari.settings import get_settings
from npe2 import PluginManifest
from qtpy.QtCore import QMimeData, QPoint, QPointF, Qt, QUrl
from qtpy.QtGui import QDragEnterEvent, QDropEvent
from qtpy.QtWidgets import QApplication

from anofpdm import Analysis, Volume, read_volume, write_nifti
from anofpdm.scans.files.suffixes import SUFFIXES
from napari_anofpdm.host.reader_preference import prefer_own_reader
from napari_anofpdm.io.open_action import open_paths
from napari_anofpdm.io.readers import (
    analysis_layers,
    get_analysis_reader,
    get_scan_reader,
    scan_file_layers,
)
from napari_anofpdm.layers.analysis_opener import ANALYSIS_KEY
from napari_anofpdm.layers.layer_guess import guess_scan, of_one_head
from napari_anofpdm.session.engine_thread import submit
from napari_anofpdm.session.session import Session
from napari_anofpdm.space.layer_volume import LayerData, volume_of
from tests.plugin.patience import LONG

if TYPE_CHECKING:
    from napari.viewer import Viewer
    from pytestqt.qtbot import QtBot


@pytest.fixture
def errors(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What was told to the user as an error."""
    told: list[str] = []
    monkeypatch.setattr("napari_anofpdm.io.readers.show_error", told.append)
    return told


def _save(folder: Path, name: str, data: np.ndarray) -> Path:
    volume = Volume(data, np.diag([-4.0, 8.0, 12.0, 1.0]))
    path = folder / name
    write_nifti(path, data, volume, data.dtype)
    return path


@pytest.fixture
def scan(tmp_path: Path) -> Path:
    data = np.random.default_rng(0).normal(100, 20, (6, 7, 5)).astype(np.float32)
    return _save(tmp_path, "flair.nii.gz", data)


@pytest.fixture
def mask(tmp_path: Path) -> Path:
    data = np.zeros((6, 7, 5), dtype=np.float32)
    data[2:4, 2:5, 1:3] = 2
    return _save(tmp_path, "lesion.v2.nii", data)


def only_layer(path: Path) -> LayerData:
    (layer,) = scan_file_layers(path)
    return layer


def test_each_reader_takes_its_own_files_alone() -> None:
    assert get_scan_reader("a/B.NII.GZ") is not None
    assert get_scan_reader(["a.nii", "b.nii.gz"]) is not None
    assert get_scan_reader(["a.mgz", "b.nrrd", "c.mhd", "d.img", "e.HDR"]) is not None
    assert get_scan_reader(["a.nii", "b.tif"]) is None
    assert get_scan_reader("a.anofpdm.zarr") is None
    assert get_analysis_reader("a.anofpdm.zarr/") is not None
    assert get_analysis_reader("a.zarr") is None


def test_a_scan_is_an_image_with_its_true_affine(scan: Path) -> None:
    data, attributes, kind = only_layer(scan)
    volume = read_volume(scan)
    assert (kind, attributes["name"]) == ("image", "flair")
    assert attributes["units"] == ("mm", "mm", "mm")
    assert attributes["axis_labels"] == ("S", "P", "L")
    np.testing.assert_array_equal(attributes["metadata"]["affine"], volume.affine)
    assert attributes["metadata"]["volume"].path == scan
    assert data.shape == volume.shape[::-1]


def test_the_manifest_offers_every_format_of_the_core() -> None:
    manifest = PluginManifest.from_distribution("napari-anofpdm")
    patterns = {
        reader.command.rsplit(".", 1)[-1]: reader.filename_patterns
        for reader in manifest.contributions.readers or []
    }
    assert patterns["read_scan"] == [f"*{suffix}" for suffix in SUFFIXES]


_TURN = np.array([[0.0, -3.2, 2.4, 12.0], [8.0, 0, 0, -30.0], [0, 7.2, 9.6, 5.5], [0, 0, 0, 1]])


def _values() -> np.ndarray:
    return np.random.default_rng(3).normal(100, 20, (6, 7, 5)).astype(np.float32)


def _itk_image() -> Any:
    image: Any = sitk.GetImageFromArray(np.ascontiguousarray(_values().transpose()))
    spacing = np.linalg.norm(_TURN[:3, :3], axis=0)
    lps = np.diag([-1.0, -1.0, 1.0])
    image.SetSpacing(spacing.tolist())
    image.SetDirection((lps @ _TURN[:3, :3] / spacing).ravel().tolist())
    image.SetOrigin((lps @ _TURN[:3, 3]).tolist())
    return image


@pytest.mark.parametrize("suffix", [".mgz", ".img", ".hdr", ".nrrd", ".nhdr", ".mha", ".mhd"])
def test_other_formats_open_where_they_lie(viewer: Viewer, tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"p01_flair{suffix}"
    if suffix == ".mgz":
        nib.save(nib.MGHImage(_values(), _TURN), path)
    elif suffix in (".img", ".hdr"):
        nib.save(nib.Nifti1Pair(_values(), _TURN), path)
    else:
        sitk.WriteImage(_itk_image(), path)
    (layer,) = open_paths(viewer, [path])
    assert layer.name == "p01_flair"
    volume = volume_of(layer)
    np.testing.assert_array_equal(volume.data, _values())
    np.testing.assert_allclose(volume.affine, _TURN, atol=1e-5)
    (written,) = layer.save(str(tmp_path / "again.nii.gz"), plugin="napari-anofpdm")
    np.testing.assert_allclose(read_volume(written).affine, _TURN, atol=1e-5)


def test_both_files_of_a_pair_are_one_layer(viewer: Viewer, tmp_path: Path, scan: Path) -> None:
    nib.save(nib.Nifti1Pair(_values(), _TURN), tmp_path / "p01.img")
    layers = open_paths(viewer, [tmp_path / "p01.hdr", scan, tmp_path / "p01.img"])
    assert [layer.name for layer in layers] == ["p01", "flair"]
    paths = [str(tmp_path / "p01.img"), str(tmp_path / "p01.hdr")]
    reader = get_scan_reader(paths)
    assert reader is not None
    assert len(reader(paths)) == 1


def test_without_simpleitk_the_remedy_is_told(
    tmp_path: Path, errors: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "p01.nrrd"
    sitk.WriteImage(_itk_image(), path)
    monkeypatch.setitem(sys.modules, "SimpleITK", None)
    reader = get_scan_reader(str(path))
    assert reader is not None
    assert reader(str(path)) == [(None,)]
    (sentence,) = errors
    assert sentence.startswith("p01.nrrd needs SimpleITK")
    assert "napari-anofpdm[formats]" in sentence


def _decathlon(folder: Path, description: str | None) -> Path:
    """Four channels of one scan, as the Medical Segmentation Decathlon stores them."""
    path = folder / "imagesTr" / "BRATS_001.nii.gz"
    path.parent.mkdir()
    data = np.stack([_values() + 10 * k for k in range(4)], axis=-1)
    nib.save(nib.Nifti1Image(data, np.diag([-4.0, 8.0, 12.0, 1.0])), path)
    if description is not None:
        (folder / "dataset.json").write_text(description)
    return path


_NAMES = '{"0": "FLAIR", "1": "T1w", "2": "t1gd", "3": "T2w"}'


@pytest.mark.parametrize("key", ["modality", "channel_names"])
def test_channels_are_layers_that_the_fields_find(viewer: Viewer, tmp_path: Path, key: str) -> None:
    path = _decathlon(tmp_path, f'{{"{key}": {_NAMES}}}')
    layers = open_paths(viewer, [path])
    names = ["BRATS_001:0 flair", "BRATS_001:1 t1", "BRATS_001:2 t1ce", "BRATS_001:3 t2"]
    assert [layer.name for layer in layers] == names
    for k, layer in enumerate(layers):
        volume = volume_of(layer)
        np.testing.assert_array_equal(volume.data, read_volume(path, channel=k).data)
        assert (volume.channel, volume.name) == (k, f"BRATS_001.nii.gz:{k}")
        np.testing.assert_array_equal(volume.affine, np.diag([-4.0, 8.0, 12.0, 1.0]))
    assert [guess_scan(names, m) for m in ("flair", "t1", "t1ce", "t2")] == [0, 1, 2, 3]
    assert of_one_head(layers[0], layers[3])
    assert not of_one_head(layers[0], layers[0])


@pytest.mark.parametrize(
    "description", [None, "{", "[]", '{"modality": {"0": "FLAIR"}}', '{"modality": {"a": 1}}']
)
def test_channels_of_unknown_contrast_are_numbered(tmp_path: Path, description: str | None) -> None:
    layers = scan_file_layers(_decathlon(tmp_path, description))
    assert [attributes["name"] for _, attributes, _ in layers] == [
        f"BRATS_001:{k}" for k in range(4)
    ]


def test_a_mask_of_whole_floats_is_labels(mask: Path) -> None:
    data, attributes, kind = only_layer(mask)
    assert (kind, attributes["name"]) == ("labels", "lesion.v2")
    assert data.dtype == np.uint8
    assert set(np.unique(data)) == {0, 2}


def test_a_mask_of_ones_has_one_colour_of_its_own(scan: Path, tmp_path: Path) -> None:
    data = np.zeros(read_volume(scan).shape, np.uint8)
    data[2, 2, 1] = 1
    path = tmp_path / "lesion.nii.gz"
    write_nifti(path, data, read_volume(scan), np.uint8)
    voxels, attributes, _ = only_layer(path)
    layer = Labels(voxels, **attributes)
    red, green, blue = layer.get_color(1)[:3]
    assert min(red, blue) > green  # magenta
    assert layer.get_color(0) is None or layer.get_color(0)[3] == 0


def test_several_files_give_a_layer_each(scan: Path, mask: Path) -> None:
    paths = [str(scan), str(mask)]
    reader = get_scan_reader(paths)
    assert reader is not None
    assert [layer[-1] for layer in reader(paths)] == ["image", "labels"]


def test_a_cut_off_file_is_one_sentence_and_no_layer(scan: Path, errors: list[str]) -> None:
    scan.write_bytes(scan.read_bytes()[:200])
    reader = get_scan_reader(str(scan))
    assert reader is not None
    assert reader(str(scan)) == [(None,)]
    (sentence,) = errors
    assert sentence.startswith("flair.nii.gz is truncated or damaged")


def test_good_files_come_though_one_is_bad(scan: Path, tmp_path: Path, errors: list[str]) -> None:
    bad = tmp_path / "bad.nii.gz"
    bad.write_bytes(gzip.compress(b"no scan at all"))
    paths = [str(bad), str(scan)]
    reader = get_scan_reader(paths)
    assert reader is not None
    assert [layer[-1] for layer in reader(paths)] == ["image"]
    assert len(errors) == 1


def test_an_unforeseen_failure_is_one_sentence_too(
    scan: Path, errors: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(path: object) -> None:
        raise RuntimeError("boom")

    monkeypatch.setattr("napari_anofpdm.io.readers.scan_file_layers", broken)
    reader = get_scan_reader(str(scan))
    assert reader is not None
    assert reader(str(scan)) == [(None,)]
    (sentence,) = errors
    assert "boom" in sentence
    assert "\n" not in sentence


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("rgb", "RGB colours"),
        ("complex64", "complex numbers"),
        ("no_affine", "has no orientation"),
        ("real_4d", "save the volume you mean as a file of its own"),
    ],
)
def test_odd_files_are_told_in_one_sentence(
    real_scans: Path, errors: list[str], name: str, says: str
) -> None:
    path = str(real_scans / "odd" / f"{name}.nii.gz")
    reader = get_scan_reader(path)
    assert reader is not None
    assert reader(path) == [(None,)]
    (sentence,) = errors
    assert sentence.startswith(f"{name}.nii.gz")
    assert says in sentence


def test_an_analysis_brings_its_scans_and_its_path(tiny_analysis: Analysis, tmp_path: Path) -> None:
    path = tmp_path / "case.anofpdm.zarr"
    tiny_analysis.save(path)
    layers = analysis_layers(path)
    assert [attributes["name"] for _, attributes, _ in layers] == [
        f"case {modality}" for modality in tiny_analysis.native
    ]
    for (_, attributes, kind), voxels in zip(layers, tiny_analysis.native.values(), strict=True):
        assert kind == "image"
        assert attributes["metadata"]["anofpdm_analysis"] == str(path)
        np.testing.assert_array_equal(attributes["metadata"]["volume"].data, voxels)


def test_a_damaged_analysis_is_one_sentence(tmp_path: Path, errors: list[str]) -> None:
    path = tmp_path / "case.anofpdm.zarr"
    path.mkdir()
    reader = get_analysis_reader(str(path))
    assert reader is not None
    assert reader(str(path)) == [(None,)]
    (sentence,) = errors
    assert "case.anofpdm.zarr" in sentence
    assert str(tmp_path) not in sentence


@pytest.mark.window
def test_the_viewer_opens_scan_and_mask_and_saves_them(
    viewer: Viewer, scan: Path, mask: Path, tmp_path: Path
) -> None:
    image, labels = open_paths(viewer, [scan, mask])
    assert (type(image).__name__, type(labels).__name__) == ("Image", "Labels")
    assert viewer.dims.axis_labels == ("S", "P", "L")
    assert "anofpdm_left" in viewer.canvas.overlays
    assert viewer.canvas.overlays.scale_bar.visible
    low, high = image.contrast_limits
    assert 0 < low < high < volume_of(image).data.max()
    (written,) = labels.save(str(tmp_path / "again.nii.gz"), plugin="napari-anofpdm")
    np.testing.assert_array_equal(read_volume(written).data, read_volume(mask).data)


def _drop(path: Path) -> None:
    """Drop a file on the canvas, as a user does."""
    (target,) = (w for w in QApplication.allWidgets() if type(w).__name__ == "QtViewer")
    mime = QMimeData()
    mime.setUrls([QUrl.fromLocalFile(str(path))])
    left, none = Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier
    copy = Qt.DropAction.CopyAction
    QApplication.sendEvent(target, QDragEnterEvent(QPoint(5, 5), copy, mime, left, none))
    QApplication.sendEvent(target, QDropEvent(QPointF(5, 5), copy, mime, left, none))


@pytest.mark.window
def test_with_the_preference_set_a_dropped_file_comes_to_us(
    viewer: Viewer, scan: Path, tmp_path: Path, errors: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(get_settings().plugins, "extension2reader", {})
    prefer_own_reader()
    _drop(scan)
    assert [layer.source.reader_plugin for layer in viewer.layers] == ["napari-anofpdm"]
    bad = tmp_path / "bad.nii"
    bad.write_bytes(b"no scan at all")
    _drop(bad)
    assert len(viewer.layers) == 1
    (sentence,) = errors
    assert sentence.startswith("bad.nii is not a NIfTI file")


def test_an_opened_analysis_is_taken_up_by_the_session(
    viewer: Viewer, qtbot: QtBot, tiny_analysis: Analysis, tmp_path: Path, session: Session
) -> None:
    path = tmp_path / "case.anofpdm.zarr"
    tiny_analysis.save(path)
    open_paths(viewer, [path])
    qtbot.waitUntil(lambda: session.analysis is not None, timeout=LONG)
    assert session.analysis is not None
    assert session.analysis.path == path


def test_a_copy_of_a_layer_opens_nothing_and_a_further_reading_does(
    viewer: Viewer, qtbot: QtBot, tiny_analysis: Analysis, tmp_path: Path, session: Session
) -> None:
    path = tmp_path / "case.anofpdm.zarr"
    tiny_analysis.save(path)
    open_paths(viewer, [path])
    qtbot.waitUntil(lambda: session.analysis is not None, timeout=LONG)
    opened: list[Analysis | None] = []
    session.analysis_changed.connect(opened.append)
    # A run in memory has taken the place of the stored one; its scan is duplicated.
    session.set_analysis(tiny_analysis)
    scan = next(layer for layer in viewer.layers if ANALYSIS_KEY in layer.metadata)
    viewer.add_layer(Layer.create(*scan.as_layer_data_tuple()))
    # What were opened would stand before this in the engine's queue.
    through: list[int] = []
    submit(int, on_done=through.append, on_error=lambda _: None, lane="interpret")
    qtbot.waitUntil(lambda: through == [0], timeout=LONG)
    assert opened == [tiny_analysis] and session.analysis is tiny_analysis
    viewer.layers.clear()
    assert opened.pop() is None
    open_paths(viewer, [path])
    qtbot.waitUntil(lambda: len(opened) == 2, timeout=LONG)
    assert session.analysis is not None and session.analysis.path == path


def test_the_viewer_survives_a_bad_file(viewer: Viewer, scan: Path, errors: list[str]) -> None:
    scan.write_bytes(b"")
    assert open_paths(viewer, [scan]) == []
    assert len(errors) == 1
