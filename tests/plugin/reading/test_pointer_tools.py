from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import TYPE_CHECKING

import numpy as np
import pytest
from qtpy.QtCore import QEvent, QPoint, Qt
from qtpy.QtGui import QKeyEvent
from qtpy.QtWidgets import QApplication, QListView

from anofpdm import Analysis
from napari_anofpdm.app.context import Context
from napari_anofpdm.app.viewer_setup import prepare
from napari_anofpdm.layers.scan_layers import scan_layers
from napari_anofpdm.lesions.walking import go_to_lesion
from napari_anofpdm.reading.central import Central, main_window
from napari_anofpdm.reading.three_planes import ThreePlanes
from napari_anofpdm.space.placement import place_point
from napari_anofpdm.space.scale_bar import bar_length_mm
from tests.plugin.canvas_mouse import click, pixel_of, turn_wheel
from tests.plugin.patience import LONG
from tests.plugin.reading.conftest import settle
from tests.plugin.two_lesions import find_two_lesions

if TYPE_CHECKING:
    from napari.viewer import Viewer
    from pytestqt.qtbot import QtBot


@pytest.fixture
def analysed(
    make_napari_viewer_proxy: Callable[..., Viewer], tiny_analysis: Analysis, qtbot: QtBot
) -> tuple[Viewer, Context]:
    """Three planes in sight, with two lesions."""
    viewer = make_napari_viewer_proxy(show=True)
    viewer.window.resize(900, 700)
    context = prepare(viewer)
    for layer in scan_layers(tiny_analysis, "scan"):
        viewer.add_layer(layer)
    find_two_lesions(context.session, tiny_analysis, qtbot)
    context.layouts.show("planes")
    settle()
    return viewer, context


def a_click_selects_adds_and_removes_in_every_plane(
    analysed: tuple[Viewer, Context], qtbot: QtBot
) -> None:
    viewer, context = analysed
    session, tools = context.session, context.tools
    assert isinstance(context.layouts.shown, ThreePlanes)
    coronal, sagittal = context.layouts.shown.views
    assert session.analysis is not None and session.lesions is not None
    centre = session.lesions.table[0].centre_mm
    world = [float(x) for x in place_point(session.analysis.geometry, np.array(centre))]

    for view in (coronal, sagittal):
        native = view.canvas.canvas.native
        go_to_lesion(viewer, session, 1)
        session.select_lesion(None)
        click(native, pixel_of(view.model, native, world))
        assert session.reviews.selected == 1

    tools.arm("add")
    turn_wheel(coronal.canvas.canvas.native, 1, Qt.KeyboardModifier.ShiftModifier)
    assert tools.radius_mm == 11.0
    before, native = viewer.dims.point, coronal.canvas.canvas.native
    click(native, pixel_of(coronal.model, native, world) + QPoint(0, -1))
    qtbot.waitUntil(lambda: session.edited is not None, timeout=LONG)
    assert viewer.dims.point == before  # the click is the tool's, not the crosshair's

    tools.arm("remove")
    native = sagittal.canvas.canvas.native
    count = len(session.edited.lesions.table) if session.edited is not None else 0
    click(native, pixel_of(sagittal.model, native, world))
    qtbot.waitUntil(
        lambda: session.edited is not None and len(session.edited.lesions.table) < count,
        timeout=LONG,
    )
    assert viewer.dims.point == before
    tools.arm(None)


def a_tool_in_hand_puts_the_brush_away(analysed: tuple[Viewer, Context]) -> None:
    viewer, context = analysed
    layer = context.layers.commit_mask()
    assert layer is not None
    viewer.layers.selection.active = layer
    layer.mode = "paint"
    context.tools.arm("remove")
    assert layer.mode == "pan_zoom"


def marks_are_not_in_the_layer_list(analysed: tuple[Viewer, Context]) -> None:
    viewer, context = analysed
    context.session.select_lesion(None)
    assert "Lesion outlines" not in viewer.layers  # until a lesion has one
    context.session.select_lesion(1)
    lists = main_window(viewer).findChildren(QListView)
    (found,) = (each for each in lists if type(each).__name__ == "QtLayerList")
    model = found.model()
    assert model is not None
    shown = {
        str(model.index(row, 0).data())
        for row in range(model.rowCount())
        if not found.isRowHidden(row)
    }
    assert {layer.name for layer in viewer.layers} - shown == {"Lesion outlines", "Lesion numbers"}
    viewer.layers.move(0, len(viewer.layers))  # rows move; what is hidden stays so
    assert sum(found.isRowHidden(row) for row in range(model.rowCount())) == 2


def the_lens_is_on_the_canvas_of_the_pointer(analysed: tuple[Viewer, Context]) -> None:
    _, context = analysed
    with context.lens.held("map"):
        axial, coronal, sagittal = context.lens._glasses
        for glass in (sagittal, coronal):
            glass._follow(None, SimpleNamespace(pos=(40, 50)))
        assert [each._at for each in (axial, coronal, sagittal)] == [None, (40.0, 50.0), None]
        settle()
    assert not context.lens.is_held


def a_held_key_goes_on_and_on(analysed: tuple[Viewer, Context]) -> None:
    viewer, context = analysed
    context.layouts.show("single")
    native = Central(viewer).canvas.canvas.native
    viewer.dims.set_point(viewer.dims.ndim - 3, viewer.dims.range[-3].start)
    places = [viewer.dims.point[-3]]
    for again in (False, True, True):
        event = QKeyEvent(
            QEvent.Type.KeyPress, Qt.Key.Key_PageUp, Qt.KeyboardModifier.NoModifier, "", again
        )
        QApplication.sendEvent(native, event)
        places.append(viewer.dims.point[-3])
    assert np.diff(places) == pytest.approx([6.0, 6.0, 6.0])


def the_scale_bar_leaves_the_lower_letter_free(analysed: tuple[Viewer, Context]) -> None:
    assert bar_length_mm(zoom=2.0, width_px=1000.0) == 50.0
    assert bar_length_mm(zoom=2.0, width_px=200.0) == 20.0
    viewer, _ = analysed
    length = viewer.canvas.overlays.scale_bar.length
    assert length is not None
    assert length * viewer.scene.camera.zoom <= 0.3 * viewer.canvas.size[1]


def test_clicks_marks_tools_and_keys(analysed: tuple[Viewer, Context], qtbot: QtBot) -> None:
    """In one window, which takes seconds to make."""
    a_click_selects_adds_and_removes_in_every_plane(analysed, qtbot)
    the_scale_bar_leaves_the_lower_letter_free(analysed)
    the_lens_is_on_the_canvas_of_the_pointer(analysed)
    marks_are_not_in_the_layer_list(analysed)
    a_tool_in_hand_puts_the_brush_away(analysed)
    a_held_key_goes_on_and_on(analysed)
