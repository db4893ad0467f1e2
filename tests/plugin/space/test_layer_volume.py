from __future__ import annotations

from itertools import permutations, product
from typing import Any

import numpy as np
import pytest
from napari.layers import Image, Labels
from numpy.typing import NDArray

from anofpdm import Volume
from anofpdm.common.errors import GeometryError, VolumeError
from napari_anofpdm.space.layer_volume import layer_data, volume_of

OBLIQUE = np.array(
    [[-0.9, 0.1, 0.0, 10.0], [0.1, 1.0, -0.6, -5.0], [0.0, 0.2, 3.0, 7.0], [0.0, 0.0, 0.0, 1.0]]
)


def _volume(affine: NDArray[np.float64] = OBLIQUE, dtype: str = "int16") -> Volume:
    data = np.arange(3 * 4 * 5).reshape(3, 4, 5).astype(dtype)
    return Volume(data, affine, "flair")


def _image(volume: Volume) -> Image:
    data, attributes, _ = layer_data(volume, "scan", "image")
    return Image(data, **attributes)


@pytest.mark.parametrize("signs", list(product((1.0, -1.0), repeat=3)))
@pytest.mark.parametrize("order", list(permutations(range(3))))
def test_a_layer_finds_back_to_its_volume(order: tuple[int, ...], signs: tuple[float, ...]) -> None:
    affine = np.eye(4)
    affine[:3, :3] = np.diag(signs)[:, list(order)]
    volume = _volume(affine)
    back = volume_of(_image(volume))
    np.testing.assert_array_equal(back.data, volume.data)
    np.testing.assert_array_equal(back.affine, affine)
    assert back.modality == "flair"


def test_edited_voxels_are_the_volume() -> None:
    data, attributes, _ = layer_data(_volume(), "mask", "labels")
    layer = Labels(np.zeros_like(data), **attributes)
    layer.data_setitem((np.array([1]), np.array([2]), np.array([0])), np.array([7]))
    expected = np.zeros(data.shape, dtype=int)
    expected[1, 2, 0] = 7
    again = layer_data(volume_of(layer), "mask", "labels")[0]
    np.testing.assert_array_equal(again, expected)


def test_the_modality_can_be_given() -> None:
    assert volume_of(_image(_volume()), "t1").modality == "t1"


def test_an_affine_alone_suffices() -> None:
    layer = _image(_volume())
    del layer.metadata["volume"]
    np.testing.assert_array_equal(volume_of(layer).data, _volume().data)


def test_a_layer_without_an_affine_is_refused() -> None:
    with pytest.raises(VolumeError, match="'plain' has no affine"):
        volume_of(Image(np.zeros((3, 4, 5)), name="plain"))


def test_a_four_dimensional_layer_is_refused() -> None:
    layer = Image(np.zeros((2, 3, 4, 5)), name="steps", metadata={"affine": OBLIQUE})
    with pytest.raises(VolumeError, match="'steps' has 4 axes"):
        volume_of(layer)


def test_a_cropped_layer_is_refused() -> None:
    layer = _image(_volume())
    layer.data = layer.data[1:]
    with pytest.raises(GeometryError, match=r"'scan' has shape .*another grid"):
        volume_of(layer)


@pytest.mark.parametrize(
    ("attribute", "value"),
    [
        ("translate", (0.0, 0.0, 0.0)),
        ("scale", (3.2, -1.0, -0.9)),
        ("rotate", 10.0),
        ("affine", np.diag([1.0, 1.0, 2.0, 1.0])),
    ],
)
def test_a_moved_layer_is_refused(attribute: str, value: Any) -> None:
    layer = _image(_volume())
    setattr(layer, attribute, value)
    with pytest.raises(GeometryError, match="'scan' was moved"):
        volume_of(layer)
