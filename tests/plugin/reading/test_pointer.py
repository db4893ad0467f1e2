from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from napari.components import ViewerModel

from anofpdm import Volume
from napari_anofpdm.reading.pointer import words_at
from napari_anofpdm.space.layer_volume import layer_data

if TYPE_CHECKING:
    from napari.layers import Image

OBLIQUE = np.array([[-2.0, 0.3, 0, 30], [0.2, 1.5, 0.4, -20], [0.1, -0.3, 4, 10], [0, 0, 0, 1.0]])


@pytest.fixture
def viewer() -> ViewerModel:
    model = ViewerModel()
    values = np.arange(5 * 6 * 7, dtype=np.float32).reshape(5, 6, 7)
    voxels, attributes, _ = layer_data(Volume(values, OBLIQUE), "scan", "image")
    model.add_image(voxels, **attributes)
    return model


def _world_of(layer: Image, index: tuple[int, int, int]) -> list[float]:
    found = np.asarray(layer.translate) + np.asarray(layer.scale) * np.array(index)
    return [float(x) for x in found]


def test_coordinates_are_those_of_the_scans_own_affine(viewer: ViewerModel) -> None:
    # Canonical (s, a, r): the first voxel axis of the file runs toward the left.
    words = words_at(viewer, _world_of(viewer.layers[0], (3, 2, 1)))
    ras = OBLIQUE @ np.array([4 - 1, 2, 3, 1.0])
    letters = ["RL"[int(ras[0] < 0)], "AP"[int(ras[1] < 0)], "SI"[int(ras[2] < 0)]]
    expected = "  ".join(
        f"{letter} {abs(value):.1f}" for letter, value in zip(letters, ras[:3], strict=True)
    )
    assert words == f"{expected} mm  ·  scan {float((3 * 6 + 2) * 7 + 3):.4g}"


def test_the_map_is_told_too(viewer: ViewerModel) -> None:
    scan = viewer.layers[0]
    viewer.add_image(
        np.full(scan.data.shape, 0.25, np.float32),
        scale=scan.scale,
        translate=scan.translate,
        metadata={"anofpdm_role": "map"},
    )
    assert words_at(viewer, _world_of(scan, (0, 0, 0))).endswith("  ·  map 0.25")


def test_outside_the_scan_and_without_one_there_is_nothing(viewer: ViewerModel) -> None:
    assert words_at(viewer, _world_of(viewer.layers[0], (3, 2, 9))) == ""
    viewer.layers.clear()
    assert words_at(viewer, (0.0, 0.0, 0.0)) == ""
