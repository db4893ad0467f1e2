from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
import pytest
from napari.layers import Labels
from qtpy.QtCore import QPoint, Qt
from qtpy.QtWidgets import QWidget

from anofpdm import Analysis
from napari_anofpdm.app.context import Context
from napari_anofpdm.reading.central import Central
from tests.plugin.canvas_mouse import drag, turn_wheel
from tests.plugin.reading.conftest import settle

if TYPE_CHECKING:
    from napari.viewer import Viewer
    from pytestqt.qtbot import QtBot

CONTROL = Qt.KeyboardModifier.ControlModifier
KEYS = {
    Qt.Key.Key_Up: 1,
    Qt.Key.Key_Right: 1,
    Qt.Key.Key_PageUp: 1,
    Qt.Key.Key_Down: -1,
    Qt.Key.Key_Left: -1,
    Qt.Key.Key_PageDown: -1,
}


@pytest.fixture
def canvas(shown: Viewer) -> QWidget:
    found: QWidget = Central(shown).canvas.canvas.native
    return found


def the_wheel_changes_the_slice_and_not_the_zoom(shown: Viewer, canvas: QWidget) -> None:
    zoom, before = shown.scene.camera.zoom, shown.dims.point
    turn_wheel(canvas, 3)
    assert shown.dims.point[0] == pytest.approx(before[0] + 3 * 4.0)
    turn_wheel(canvas, -1)
    assert shown.dims.point[0] == pytest.approx(before[0] + 2 * 4.0)
    turn_wheel(canvas, 1000)
    assert shown.dims.point[0] == pytest.approx(23 * 4.0)
    settle()
    assert shown.scene.camera.zoom == zoom


def control_and_wheel_zoom_about_the_pointer(shown: Viewer, canvas: QWidget) -> None:
    at = canvas.rect().center() + QPoint(60, 30)
    before, point = shown.scene.camera.zoom, shown.dims.point
    centre = np.array(shown.scene.camera.center[1:])
    under = centre + np.array([30, 60]) / before
    turn_wheel(canvas, 1, CONTROL, at)
    zoom = shown.scene.camera.zoom
    assert zoom > before
    assert shown.dims.point == point
    now = np.array(shown.scene.camera.center[1:]) + np.array([30, 60]) / zoom
    np.testing.assert_allclose(now, under, atol=2 / before)


def the_wheel_is_naparis_in_3d_and_without_a_scan(shown: Viewer) -> None:
    assert not shown.scene.camera.mouse_zoom
    shown.dims.ndisplay = 3
    assert shown.scene.camera.mouse_zoom
    shown.dims.ndisplay = 2
    assert not shown.scene.camera.mouse_zoom
    shown.layers.clear()
    assert shown.scene.camera.mouse_zoom


def another_active_layer_does_not_give_the_wheel_back(shown: Viewer) -> None:
    other = shown.add_labels(np.zeros((24, 40, 30), np.uint8))
    assert not shown.scene.camera.mouse_zoom
    shown.layers.remove(other)


def the_right_button_sets_the_window_and_not_the_zoom(
    shown: Viewer, canvas: QWidget, qtbot: QtBot
) -> None:
    scan, zoom = shown.layers[0], shown.scene.camera.zoom
    low, high = scan.contrast_limits
    middle = canvas.rect().center()
    right = Qt.MouseButton.RightButton

    def moved(before: tuple[float, float]) -> Callable[[], bool]:
        return lambda: tuple(scan.contrast_limits) != before

    drag(canvas, right, middle, middle + QPoint(100, 0), moved((low, high)), qtbot)
    wide_low, wide_high = scan.contrast_limits
    assert wide_high - wide_low == pytest.approx((high - low) * np.exp(0.5), rel=0.02)
    assert wide_high + wide_low == pytest.approx(high + low, rel=0.01)
    drag(canvas, right, middle, middle - QPoint(0, 60), moved((wide_low, wide_high)), qtbot)
    assert sum(scan.contrast_limits) < wide_high + wide_low  # brighter
    assert shown.scene.camera.zoom == zoom


def arrows_and_page_keys_change_the_slice(
    room: Context, shown: Viewer, canvas: QWidget, qtbot: QtBot, analysis: Analysis
) -> None:
    room.session.set_analysis(analysis)
    axis, step = shown.dims.ndim - 3, room.session.step
    for key, by in KEYS.items():
        shown.dims.set_point(axis, 40.0)
        shown.dims.last_used = 0  # the axis of steps, as after a run
        before = shown.dims.point[axis]
        qtbot.keyClick(canvas, key)
        assert shown.dims.point[axis] == pytest.approx(before + 4.0 * by), key
        assert room.session.step == step
    room.session.close_analysis()


def space_hides_all_but_the_scans_while_it_is_held(
    shown: Viewer, canvas: QWidget, qtbot: QtBot
) -> None:
    mask = Labels(np.ones((24, 40, 30), np.uint8), opacity=0.6)
    shown.add_layer(mask)
    shown.layers.selection.active = mask
    mask.mode = "paint"
    qtbot.keyPress(canvas, Qt.Key.Key_Space)
    assert mask.opacity == 0.0 and mask.visible
    assert mask.mode == "pan_zoom"
    assert shown.layers[0].opacity == 1.0
    qtbot.keyRelease(canvas, Qt.Key.Key_Space)
    assert mask.opacity == 0.6
    assert mask.mode == "paint"
    shown.layers.remove(mask)


def test_hands_on_a_canvas(
    room: Context, shown: Viewer, canvas: QWidget, qtbot: QtBot, tiny_analysis: Analysis
) -> None:
    """In one window, which takes seconds to make."""
    the_wheel_changes_the_slice_and_not_the_zoom(shown, canvas)
    control_and_wheel_zoom_about_the_pointer(shown, canvas)
    another_active_layer_does_not_give_the_wheel_back(shown)
    the_right_button_sets_the_window_and_not_the_zoom(shown, canvas, qtbot)
    space_hides_all_but_the_scans_while_it_is_held(shown, canvas, qtbot)
    arrows_and_page_keys_change_the_slice(room, shown, canvas, qtbot, tiny_analysis)
    the_wheel_is_naparis_in_3d_and_without_a_scan(shown)
