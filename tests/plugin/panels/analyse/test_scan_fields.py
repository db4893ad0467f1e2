from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest

from anofpdm import Volume
from napari_anofpdm.panels.analyse.scan_fields import ScanFields
from napari_anofpdm.space.layer_volume import layer_data

if TYPE_CHECKING:
    from napari.layers import Layer
    from napari.viewer import Viewer
    from pytestqt.qtbot import QtBot


@pytest.fixture
def fields(qtbot: QtBot, viewer: Viewer) -> ScanFields:
    fields = ScanFields(viewer)
    qtbot.addWidget(fields)
    fields.set_modalities(("flair", "t1"))
    return fields


def _add(viewer: Viewer, volume: Volume, name: str) -> Layer:
    data, attributes, _ = layer_data(volume, name, "image")
    layer: Layer = viewer.add_image(data, **attributes)
    return layer


def _add_mask(viewer: Viewer, volume: Volume, name: str) -> Layer:
    brain = replace(volume, data=(volume.data > 0).astype(np.uint8))
    data, attributes, _ = layer_data(brain, name, "labels")
    layer: Layer = viewer.add_labels(data, **attributes)
    return layer


def test_the_scans_are_guessed_as_they_come(
    viewer: Viewer, fields: ScanFields, tiny_volume: Volume
) -> None:
    assert fields.scans is None
    flair = _add(viewer, tiny_volume, "patient FLAIR")
    assert fields.boxes["flair"].layer == flair
    assert fields.scans is None
    t1 = _add(viewer, tiny_volume, "patient T1w")
    assert fields.boxes["t1"].layer == t1
    assert fields.scans is not None
    assert list(fields.scans.volumes) == ["flair", "t1"]
    assert fields.scans.volumes["t1"].modality == "t1"
    assert fields.scans.layers == (flair, t1)
    assert fields.scans.brain_mask is None
    mask = _add_mask(viewer, tiny_volume, "brain mask")
    assert fields.scans.brain_mask is not None
    assert fields.scans.layers == (flair, t1, mask)
    viewer.layers.remove(flair)
    assert fields.scans is None
    assert fields.boxes["flair"].layer is None


def test_a_choice_by_hand_outlives_newcomers(
    viewer: Viewer, fields: ScanFields, tiny_volume: Volume
) -> None:
    _add(viewer, tiny_volume, "FLAIR")
    odd = _add(viewer, tiny_volume, "odd")
    fields.boxes["flair"].choose(odd)
    _add(viewer, tiny_volume, "another FLAIR")
    assert fields.boxes["flair"].layer == odd
    viewer.layers.remove(odd)
    assert fields.boxes["flair"].layer == viewer.layers["another FLAIR"]


def test_a_renamed_layer_is_guessed_anew(
    viewer: Viewer, fields: ScanFields, tiny_volume: Volume
) -> None:
    layer = _add(viewer, tiny_volume, "FLAIR")
    layer.name = "T1"
    assert fields.boxes["flair"].layer is None
    assert fields.boxes["t1"].layer == layer
    assert fields.boxes["t1"].currentText() == "T1"


def test_scans_on_two_grids_are_refused_beside_the_second(
    viewer: Viewer, fields: ScanFields, tiny_volume: Volume
) -> None:
    _add(viewer, tiny_volume, "FLAIR")
    affine = tiny_volume.affine.copy()
    affine[0, 3] += 7
    _add(viewer, replace(tiny_volume, affine=affine), "T1")
    assert not fields.fields["flair"].is_wrong
    assert fields.fields["t1"].is_wrong
    assert "different grids" in fields.fields["t1"].note.text()
    assert fields.scans is None


def test_a_brain_mask_on_another_grid_is_refused(
    viewer: Viewer, fields: ScanFields, tiny_volume: Volume
) -> None:
    fields.set_modalities(("flair",))
    _add(viewer, tiny_volume, "FLAIR")
    small = replace(tiny_volume, data=tiny_volume.data[:-1])
    mask = _add_mask(viewer, small, "brain mask")
    assert fields.mask_field.is_wrong
    assert fields.scans is None
    viewer.layers.remove(mask)
    assert not fields.mask_field.is_wrong
    assert fields.scans is not None


def test_a_layer_without_a_place_in_the_patient_is_refused(
    viewer: Viewer, fields: ScanFields
) -> None:
    fields.set_modalities(("flair",))
    viewer.add_image(np.ones((3, 4, 5)), name="flair", units=("mm",) * 3)
    assert "has no affine" in fields.fields["flair"].note.text()
    assert fields.scans is None


def test_one_layer_cannot_be_two_scans(
    viewer: Viewer, fields: ScanFields, tiny_volume: Volume
) -> None:
    layer = _add(viewer, tiny_volume, "FLAIR")
    fields.boxes["t1"].choose(layer)
    assert all(field.is_wrong for field in fields.fields.values())
    assert fields.scans is None


def test_our_own_layers_are_not_offered(
    viewer: Viewer, fields: ScanFields, tiny_volume: Volume
) -> None:
    layer = _add(viewer, tiny_volume, "FLAIR")
    data, attributes, _ = layer_data(tiny_volume, "anomaly map FLAIR", "image")
    attributes["metadata"] = {"anofpdm_role": "map"}
    viewer.add_image(data, **attributes)
    assert fields.boxes["flair"].count() == 2
    assert fields.boxes["flair"].layer == layer


def test_another_model_has_other_rows(fields: ScanFields) -> None:
    fields.set_modalities(("t2",))
    assert list(fields.fields) == ["t2"]
    assert fields.fields["t2"].name.text() == "T2"
