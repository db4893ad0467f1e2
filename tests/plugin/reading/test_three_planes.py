from __future__ import annotations

import gc
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from napari.layers import Labels
from napari.qt import QtViewer
from qtpy.QtCore import QPoint, Qt

from anofpdm import Analysis
from napari_anofpdm.app.context import Context
from napari_anofpdm.reading.central import Central
from napari_anofpdm.reading.three_planes import ThreePlanes
from napari_anofpdm.space.views import plane_in_view
from tests.plugin.canvas_mouse import click, turn_wheel
from tests.plugin.reading.conftest import settle

if TYPE_CHECKING:
    from napari.viewer import Viewer
    from pytestqt.qtbot import QtBot


def _canvas(viewer: Viewer) -> QtViewer:
    return Central(viewer).canvas


def the_three_planes_are_axial_coronal_and_sagittal(planes: ThreePlanes, shown: Viewer) -> None:
    assert plane_in_view(shown) == "axial"
    assert [plane_in_view(view.model) for view in planes.views] == ["coronal", "sagittal"]
    zooms = {view.model.scene.camera.zoom for view in planes.views}
    assert zooms == {shown.scene.camera.zoom}


def layers_share_their_voxels_and_follow(planes: ThreePlanes, shown: Viewer) -> None:
    scan = shown.layers[0]
    scan.contrast_limits = (10, 60)
    scan.colormap = "viridis"
    for view in planes.views:
        (own,) = view.model.layers
        assert np.shares_memory(own.data, scan.data)
        assert tuple(own.contrast_limits) == (10, 60)
        assert own.colormap.name == "viridis"
        np.testing.assert_array_equal(own.scale, scan.scale)
    scan.visible = False
    assert not any(view.model.layers[0].visible for view in planes.views)


def layers_come_go_and_move(planes: ThreePlanes, shown: Viewer) -> None:
    scan = shown.layers[0]
    mask = Labels(np.zeros(scan.data.shape, np.uint8), scale=scan.scale, translate=scan.translate)
    mask.contour = 1
    shown.add_layer(mask)
    for view in planes.views:
        own = view.model.layers[1]
        assert isinstance(own, Labels) and own.contour == 1
        assert np.shares_memory(own.data, mask.data)
    shown.layers.move(1, 0)
    assert all(isinstance(view.model.layers[0], Labels) for view in planes.views)
    shown.layers.remove(mask)
    assert all(len(view.model.layers) == 1 for view in planes.views)


def thick_slices_are_smooth_where_a_plane_cuts_through_them(
    planes: ThreePlanes, shown: Viewer, room: Context
) -> None:
    scan = shown.layers[0]
    voxels = np.zeros((6, 40, 30), np.uint8)
    voxels[1, 15:20, 10:15] = voxels[2, 12:25, 8:20] = 1
    spacing = (20.0, *scan.scale[1:])
    mask = Labels(voxels, scale=spacing, translate=scan.translate, axis_labels=scan.axis_labels)
    shown.add_layer(mask)
    for view in planes.views:
        own = view.model.layers[1]
        parts = own.data.shape[0] // 6
        assert parts > 4 and own.scale[0] * parts == pytest.approx(20.0)
        first = [float(x.translate[0] - x.scale[0] / 2) for x in (own, mask)]
        assert first[0] == pytest.approx(first[1])
        np.testing.assert_array_equal(own.data[parts // 2 :: parts], voxels)  # slices stay
        # From the narrow slice to the wide one in many steps.
        assert len(np.unique(np.asarray(own.data)[:, 17, :].sum(axis=1))) > 3
    voxels[2] = 0
    mask.refresh()
    settle()
    for view in planes.views:
        own = view.model.layers[1]
        assert not own.data[2 * parts + parts // 2].any()
    room.look.choose(smooth=False)
    shown_now: Any = room.layouts.shown
    for view in shown_now.views:
        assert np.shares_memory(view.model.layers[1].data, voxels)
    room.look.choose(smooth=True)
    shown.layers.remove(mask)


def what_changes_in_place_is_drawn_anew(planes: ThreePlanes, shown: Viewer) -> None:
    drawn: list[object] = []
    own = planes.views[0].model.layers[0]
    own.events.set_data.connect(lambda event: drawn.append(event))
    shown.layers[0].refresh()
    settle()
    assert len(drawn) == 1
    # Another axial slice leaves the coronal picture as it is.
    shown.dims.set_point(0, shown.dims.point[0] + 8)
    settle()
    assert len(drawn) == 1


def a_click_in_one_plane_moves_the_others(planes: ThreePlanes, shown: Viewer) -> None:
    coronal, sagittal = planes.views
    native = coronal.canvas.canvas.native
    before = shown.dims.point
    click(native, native.rect().center() + QPoint(20, -15))
    after = shown.dims.point
    zoom = coronal.model.scene.camera.zoom
    centre = coronal.model.scene.camera.center
    # Superior is up, left is right, to the nearest voxel; the plane itself stays.
    assert after[0] == pytest.approx(centre[1] + 15 / zoom, abs=2.5)
    assert after[2] == pytest.approx(centre[2] + 20 / zoom, abs=1.5)
    assert after[1] == before[1]
    assert sagittal.model.dims.point[2] == after[2]


def the_wheel_goes_through_the_plane_under_it(planes: ThreePlanes, shown: Viewer) -> None:
    sagittal = planes.views[1]
    before = shown.dims.point
    turn_wheel(sagittal.canvas.canvas.native, 2)
    assert shown.dims.point[2] == pytest.approx(before[2] + 4.0)
    assert shown.dims.point[:2] == before[:2]
    assert sagittal.model.dims.point[2] == shown.dims.point[2]


def zoom_and_centre_are_shared(planes: ThreePlanes, shown: Viewer) -> None:
    coronal, sagittal = planes.views
    turn_wheel(coronal.canvas.canvas.native, 1, Qt.KeyboardModifier.ControlModifier)
    assert shown.scene.camera.zoom == coronal.model.scene.camera.zoom
    assert sagittal.model.scene.camera.zoom == coronal.model.scene.camera.zoom
    shown.scene.camera.center = (0.0, 12.0, 34.0)  # P, L
    assert coronal.model.scene.camera.center[2] == 34.0
    assert sagittal.model.scene.camera.center[2] == 12.0


def keys_over_a_further_plane_are_the_viewers(
    planes: ThreePlanes, shown: Viewer, qtbot: QtBot
) -> None:
    coronal = planes.views[0]
    native = coronal.canvas.canvas.native
    native.setFocus()
    settle()
    before = shown.dims.point
    qtbot.keyClick(native, Qt.Key.Key_PageUp)
    moved = 1 if native.hasFocus() else 0  # coronal slices, where the canvas has the keyboard
    assert shown.dims.point[moved] != before[moved]


def map_and_mask_of_an_analysis_are_in_every_plane(
    room: Context, planes: ThreePlanes, shown: Viewer, analysis: Analysis
) -> None:
    room.session.set_analysis(analysis)
    names = [layer.name for layer in shown.layers]
    assert "Anomaly map" in names and "Mask (preview)" in names
    for view in planes.views:
        assert [layer.name for layer in view.model.layers] == names
        assert view.model.dims.ndim == 4
    assert [plane_in_view(view.model) for view in planes.views] == ["coronal", "sagittal"]
    room.session.close_analysis()


def the_single_view_comes_back(room: Context, shown: Viewer) -> None:
    room.layouts.show_plane("sagittal")
    shown.scene.camera.zoom = 3.21
    room.layouts.show("planes")
    settle()
    room.layouts.show("single")
    settle()
    assert plane_in_view(shown) == "sagittal"
    assert shown.scene.camera.zoom == pytest.approx(3.21)
    fourth = Central(shown).canvas.widget(1)
    assert fourth is not None and fourth.isHidden()


def test_three_planes(room: Context, shown: Viewer, qtbot: QtBot, tiny_analysis: Analysis) -> None:
    """All that holds from the key that opens them to the one that closes them, in one window.

    The window takes seconds to make.
    """
    qtbot.keyClick(_canvas(shown).canvas.native, Qt.Key.Key_Q)
    settle()
    planes = room.layouts.shown
    assert isinstance(planes, ThreePlanes)
    the_three_planes_are_axial_coronal_and_sagittal(planes, shown)
    a_click_in_one_plane_moves_the_others(planes, shown)
    the_wheel_goes_through_the_plane_under_it(planes, shown)
    zoom_and_centre_are_shared(planes, shown)
    what_changes_in_place_is_drawn_anew(planes, shown)
    keys_over_a_further_plane_are_the_viewers(planes, shown, qtbot)
    layers_come_go_and_move(planes, shown)
    thick_slices_are_smooth_where_a_plane_cuts_through_them(planes, shown, room)
    again = room.layouts.shown
    assert isinstance(again, ThreePlanes)
    planes = again
    layers_share_their_voxels_and_follow(planes, shown)
    map_and_mask_of_an_analysis_are_in_every_plane(room, planes, shown, tiny_analysis)
    qtbot.keyClick(_canvas(shown).canvas.native, Qt.Key.Key_9)
    assert room.layouts.shown is None
    assert plane_in_view(shown) == "coronal"
    the_single_view_comes_back(room, shown)


@pytest.mark.nightly
def test_opening_and_closing_leaves_no_canvas_behind(room: Context, shown: Viewer) -> None:
    scan = shown.layers[0]
    listeners = len(scan.events.contrast_limits.callbacks)
    inserted = len(shown.layers.events.inserted.callbacks)
    for _ in range(3):
        room.layouts.show("planes")
        settle()
        room.layouts.show("single")
        settle()
    gc.collect()
    assert len(scan.events.contrast_limits.callbacks) == listeners
    assert len(shown.layers.events.inserted.callbacks) == inserted
    window = Central(shown).canvas.window()
    assert window is not None
    assert len(window.findChildren(QtViewer)) == 1
