from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from anofpdm import Analysis
from napari_anofpdm.app.context import Context
from napari_anofpdm.layers.roles import ROLE
from napari_anofpdm.lesions.marks import REJECTED, SELECTED
from napari_anofpdm.lesions.walking import go_to_lesion, toggle_verdict, walk_lesions
from napari_anofpdm.session.session import Session
from napari_anofpdm.space.placement import place_point
from tests.plugin.two_lesions import find_two_lesions

if TYPE_CHECKING:
    from napari.viewer import Viewer
    from pytestqt.qtbot import QtBot


@pytest.fixture
def two(session: Session, tiny_analysis: Analysis, qtbot: QtBot) -> Session:
    """A session with two lesions at known places."""
    find_two_lesions(session, tiny_analysis, qtbot)
    return session


def layer_of(viewer: Viewer, role: str) -> Any:
    (layer,) = (layer for layer in viewer.layers if layer.metadata.get(ROLE) == role)
    return layer


def colour_of(viewer: Viewer, number: int) -> Any:
    return layer_of(viewer, "lesions").colormap.map(number)[..., :]


def rgba(text: str) -> list[float]:
    return [int(text[i : i + 2], 16) / 255 for i in (1, 3, 5)] + [1.0]


def test_numbers_outlines_and_verdicts_are_on_the_canvas(
    two: Session, viewer: Viewer, context: Context
) -> None:
    numbers = layer_of(viewer, "numbers")
    for number in (1, 2):
        go_to_lesion(viewer, two, number)
        assert list(numbers.features["number"]) == [number]
        assert two.reviews.selected == number
        np.testing.assert_allclose(colour_of(viewer, number).ravel(), rgba(SELECTED), atol=0.01)
        assert colour_of(viewer, 3 - number).ravel()[3] == 0
    world = numbers.data_to_world(numbers.data[0])
    assert context.marks.number_at(world) == 2
    assert context.marks.number_at((1e6, 0.0, 0.0)) is None
    walk_lesions(viewer, two, 1)
    assert two.reviews.selected == 1
    toggle_verdict(two, "rejected")
    walk_lesions(viewer, two, -1)
    assert two.reviews.selected == 2
    np.testing.assert_allclose(colour_of(viewer, 1).ravel(), rgba(REJECTED), atol=0.01)
    assert two.native is not None and two.native_found is not None
    assert two.native.lesions.voxels == 4
    two.select_lesion(None)
    two.set_own_colours(True)
    assert colour_of(viewer, 2).ravel()[3] == 1
    viewer.dims.order = (*range(viewer.dims.ndim - 3), *np.array([1, 0, 2]) + viewer.dims.ndim - 3)
    analysis = two.analysis
    assert analysis is not None
    centre = place_point(analysis.geometry, np.array(two.native_found.lesions.table[0].centre_mm))
    viewer.dims.set_point(viewer.dims.ndim - 2, float(centre[1]))
    assert list(numbers.features["number"]) == [1]
    two.close_analysis()
    assert not [each for each in viewer.layers if each.metadata.get(ROLE) in ("lesions", "numbers")]
