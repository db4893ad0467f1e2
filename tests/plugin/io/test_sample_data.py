from __future__ import annotations

import numpy as np
import pytest

from anofpdm import Volume
from napari_anofpdm.io.sample_data import phantom_healthy, phantom_patient
from napari_anofpdm.space.layer_volume import LayerData
from napari_anofpdm.space.placement import place


@pytest.fixture(scope="module")
def patient() -> list[LayerData]:
    return phantom_patient()


def test_a_patient_is_a_scan_and_its_lesions(patient: list[LayerData]) -> None:
    (scan, _, scan_kind), (lesion, _, lesion_kind) = patient
    assert (scan_kind, lesion_kind) == ("image", "labels")
    assert scan.shape == lesion.shape
    assert np.issubdtype(lesion.dtype, np.integer)
    assert set(np.unique(lesion)) == {0, 1}
    assert scan[lesion == 1].min() > 0


def test_scan_and_lesions_stand_where_their_affine_says(patient: list[LayerData]) -> None:
    for data, attributes, _ in patient:
        assert attributes["units"] == ("mm", "mm", "mm")
        assert attributes["axis_labels"] == ("S", "P", "L")
        source = Volume(data=data.transpose(), affine=attributes["metadata"]["affine"])
        expected = place(source)
        assert (attributes["scale"], attributes["translate"]) == (
            expected.scale,
            expected.translate,
        )


def test_a_healthy_subject_has_an_empty_mask() -> None:
    (scan, _, _), (lesion, _, _) = phantom_healthy()
    assert scan.any()
    assert not lesion.any()
