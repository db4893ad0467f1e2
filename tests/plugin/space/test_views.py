from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
import pytest
from napari.components import ViewerModel

from anofpdm import Volume
from napari_anofpdm.space.layer_volume import layer_data
from napari_anofpdm.space.sides import Sides, mark_sides, sides_in_view
from napari_anofpdm.space.views import (
    PlaneName,
    show_axial,
    show_coronal,
    show_plane,
    show_sagittal,
)

if TYPE_CHECKING:
    from napari.viewer import Viewer

AXIAL = Sides(left="R", right="L", top="A", bottom="P")
CORONAL = Sides(left="R", right="L", top="S", bottom="I")
SAGITTAL = Sides(left="A", right="P", top="S", bottom="I")
# An LPS head of 60 x 80 x 48 voxels, 2 x 1.5 x 2.5 mm.
AFFINE = np.diag([-2.0, -1.5, 2.5, 1.0])
SHAPE = (60, 80, 48)


def _add(viewer: ViewerModel, data: np.ndarray | None = None) -> None:
    volume = Volume(np.ones(SHAPE, dtype=np.uint8) if data is None else data, AFFINE)
    voxels, attributes, _ = layer_data(volume, "scan", "image")
    viewer.add_image(voxels, **attributes, contrast_limits=(0, 1))


def _marks(viewer: ViewerModel) -> Sides:
    overlays = viewer.canvas.overlays
    marks = {side: overlays[f"anofpdm_{side}"] for side in Sides._fields}
    assert all(mark.visible == bool(mark.text) for mark in marks.values())
    return Sides(**{side: mark.text for side, mark in marks.items()})


@pytest.fixture
def viewer() -> ViewerModel:
    """A viewer without a window: sides and planes are a matter of its axes and camera."""
    return ViewerModel()


@pytest.fixture
def marked(viewer: ViewerModel) -> ViewerModel:
    mark_sides(viewer)
    _add(viewer)
    return viewer


def test_a_scan_opens_axial(marked: ViewerModel) -> None:
    assert _marks(marked) == AXIAL


@pytest.mark.parametrize(
    ("show", "expected"),
    [(show_axial, AXIAL), (show_coronal, CORONAL), (show_sagittal, SAGITTAL)],
)
def test_the_marks_follow_the_plane(
    marked: ViewerModel, show: Callable[[ViewerModel], None], expected: Sides
) -> None:
    show(marked)
    assert _marks(marked) == expected


def test_the_marks_follow_swapped_and_rolled_axes(marked: ViewerModel) -> None:
    marked.dims.transpose()
    assert _marks(marked) == Sides(left="A", right="P", top="R", bottom="L")
    marked.dims.transpose()
    marked.dims.roll()
    assert tuple(marked.dims.order) == (2, 0, 1)
    assert _marks(marked) == Sides(left="A", right="P", top="I", bottom="S")


def test_the_marks_follow_a_mirrored_camera(marked: ViewerModel) -> None:
    marked.scene.camera.orientation2d = ("up", "left")
    assert _marks(marked) == Sides(left="L", right="R", top="P", bottom="A")


def test_the_marks_stay_at_any_zoom(marked: ViewerModel) -> None:
    marked.scene.camera.zoom *= 10
    marked.scene.camera.center = (0, 500, 500)
    assert _marks(marked) == AXIAL


def test_there_are_no_marks_in_3d(marked: ViewerModel) -> None:
    marked.dims.ndisplay = 3
    assert _marks(marked) == Sides()
    show_axial(marked)
    assert _marks(marked) == AXIAL


def test_there_are_no_marks_without_a_scan(marked: ViewerModel) -> None:
    marked.layers.clear()
    marked.add_image(np.zeros((4, 5, 6)))
    assert _marks(marked) == Sides()


def test_a_step_axis_in_front_changes_nothing(marked: ViewerModel) -> None:
    layer = marked.layers[0]
    marked.add_image(
        np.zeros((3, *layer.data.shape)),
        scale=(1, *layer.scale),
        translate=(0, *layer.translate),
        axis_labels=("step", "S", "P", "L"),
    )
    assert _marks(marked) == AXIAL
    show_coronal(marked)
    assert tuple(marked.dims.order) == (0, 2, 1, 3)
    assert _marks(marked) == CORONAL


def test_an_edge_along_the_steps_has_no_letter(marked: ViewerModel) -> None:
    marked.add_image(np.zeros((3, 4, 5, 6)), axis_labels=("step", "S", "P", "L"))
    marked.dims.order = (1, 2, 0, 3)
    assert _marks(marked) == Sides(left="R", right="L")


def test_marking_twice_is_marking_once(marked: ViewerModel) -> None:
    before = list(marked.canvas.overlays)
    mark_sides(marked)
    assert list(marked.canvas.overlays) == before


def test_the_point_in_view_survives_a_change_of_plane(marked: ViewerModel) -> None:
    marked.dims.point = (40.0, -30.0, 20.0)
    before = marked.dims.point
    show_coronal(marked)
    show_sagittal(marked)
    assert marked.dims.point == before


def test_two_axes_have_no_planes(viewer: ViewerModel) -> None:
    viewer.add_image(np.zeros((4, 5)))
    show_plane(viewer, "sagittal")
    assert tuple(viewer.dims.order) == (0, 1)
    assert sides_in_view(viewer) == Sides()


def _place_of_light(viewer: Viewer) -> tuple[float, float]:
    """Centre of the bright pixels, from -1 (left, top) to 1 (right, bottom)."""
    for side in Sides._fields:
        viewer.canvas.overlays[f"anofpdm_{side}"].visible = False
    picture = viewer.screenshot(canvas_only=True, flash=False)[..., 0]
    rows, columns = np.nonzero(picture > 128)
    height, width = picture.shape
    return float(columns.mean() / width * 2 - 1), float(rows.mean() / height * 2 - 1)


@pytest.mark.parametrize(
    ("plane", "right", "down"),
    [("axial", 1, -1), ("coronal", 1, -1), ("sagittal", -1, -1)],
)
def test_a_light_in_the_upper_left_front_is_drawn_there(
    make_napari_viewer_proxy: Callable[..., Viewer], plane: PlaneName, right: int, down: int
) -> None:
    viewer = make_napari_viewer_proxy(show=True)
    mark_sides(viewer)
    data = np.ones(SHAPE, dtype=np.uint8)
    data[40:58, 2:20, 30:46] = 4  # in LPS indices: left, anterior, superior
    _add(viewer, data)
    viewer.layers[0].contrast_limits = (0, 4)
    viewer.dims.point = (38 * 2.5, 10 * 1.5, 48 * 2.0)  # S, P, L of the light's middle
    show_plane(viewer, plane)
    x, y = _place_of_light(viewer)
    assert np.sign(x) == right and np.sign(y) == down
    assert min(abs(x), abs(y)) > 0.1
