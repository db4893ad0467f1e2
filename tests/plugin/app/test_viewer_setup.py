from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING

import numpy as np
import pytest
from napari.components import ViewerModel
from napari.layers import Labels, Layer

from anofpdm import Volume
from napari_anofpdm.app.viewer_setup import prepare, set_up_viewer
from napari_anofpdm.space.layer_volume import layer_data, lend_geometry, volume_of

if TYPE_CHECKING:
    from napari.viewer import Viewer

AFFINE = np.array([[0, -0.9, 0.2, 31], [1.1, 0, 0, -7], [0.1, 0.2, 4, 12], [0, 0, 0, 1.0]])


@pytest.fixture
def model() -> ViewerModel:
    viewer = ViewerModel()
    set_up_viewer(viewer)
    return viewer


def _add_scan(viewer: ViewerModel) -> Layer:
    data = np.random.default_rng(0).normal(100, 5, (5, 6, 7)).astype(np.float32)
    data[0, 0, 0] = 9000
    voxels, attributes, _ = layer_data(
        Volume(data, AFFINE, path=Path("flair.nii.gz")), "s", "image"
    )
    return viewer.add_image(voxels, **attributes)


def test_a_scan_gets_the_window_of_the_brain(model: ViewerModel) -> None:
    layer = _add_scan(model)
    assert layer.contrast_limits[1] < 200
    assert layer.contrast_limits_range[1] == 9000


def test_a_window_that_was_chosen_stays_in_a_copy(model: ViewerModel) -> None:
    layer = _add_scan(model)
    layer.contrast_limits = (90, 110)
    data, attributes, _ = layer.as_layer_data_tuple()
    copy = model.add_image(data, **attributes)
    assert tuple(copy.contrast_limits) == (90, 110)


def test_new_labels_on_a_scans_grid_get_its_geometry(model: ViewerModel) -> None:
    scan = _add_scan(model)
    labels = model.add_labels(
        np.zeros(scan.data.shape, dtype=np.uint8), scale=scan.scale, translate=scan.translate
    )
    volume = volume_of(labels)
    np.testing.assert_array_equal(volume.affine, AFFINE)
    assert volume.shape == (5, 6, 7)


def test_labels_elsewhere_get_none(model: ViewerModel) -> None:
    scan = _add_scan(model)
    labels = [
        Labels(np.zeros((3, 3, 3), dtype=np.uint8)),
        Labels(np.zeros(scan.data.shape, dtype=np.uint8)),
    ]
    for layer in labels:
        model.add_layer(layer)
        assert "affine" not in layer.metadata


def test_a_layer_that_knows_where_it_lies_keeps_that() -> None:
    volume = Volume(np.zeros((5, 6, 7), dtype=np.uint8), AFFINE)
    data, attributes, _ = layer_data(volume, "own", "labels")
    layer = Labels(np.array(data), **attributes)
    assert not lend_geometry(layer, Volume(volume.data, AFFINE.copy()))
    assert layer.metadata["volume"] is volume


@pytest.mark.window
def test_preparing_twice_is_once(viewer: Viewer) -> None:
    context = prepare(viewer)
    overlays, keys = list(viewer.canvas.overlays), dict(viewer.keymap)
    callbacks = len(viewer.layers.events.inserted.callbacks)
    assert prepare(viewer) is context
    assert list(viewer.canvas.overlays) == overlays
    assert dict(viewer.keymap) == keys
    assert len(viewer.layers.events.inserted.callbacks) == callbacks


@pytest.mark.window
def test_the_sample_is_shown_with_marks_and_window(
    viewer: Viewer, monkeypatch: pytest.MonkeyPatch
) -> None:
    scan = Volume(np.random.default_rng(0).normal(100, 5, (5, 6, 7)), np.eye(4), "flair")
    lesion = Volume(np.zeros((5, 6, 7), dtype=np.uint8), np.eye(4))
    phantom = SimpleNamespace(volumes={"flair": scan}, lesion=lesion)
    monkeypatch.setattr("anofpdm.make_phantom", lambda *_, **__: phantom)
    image, labels = viewer.open_sample("napari-anofpdm", "phantom-patient")
    assert viewer.canvas.overlays["anofpdm_right"].text == "L"
    assert image.metadata["anofpdm_window"] == "brain"
    assert volume_of(labels).shape == volume_of(image).shape
