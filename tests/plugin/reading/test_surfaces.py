"""The 3-D quarter: sides as they are, colours of the lesions, and what it follows."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from qtpy.QtCore import QPoint, Qt

from anofpdm.results.pictures.surfaces import Surface, surface_of
from napari_anofpdm.reading.surfaces.quarter import Quarter
from napari_anofpdm.reading.surfaces.view import SurfaceView
from napari_anofpdm.reading.three_planes import ThreePlanes
from napari_anofpdm.space.placement import place_point, scan_point
from tests.plugin.reading.conftest import settle
from tests.plugin.two_lesions import find_two_lesions

if TYPE_CHECKING:
    from napari.viewer import Viewer
    from pytestqt.qtbot import QtBot

    from anofpdm import Analysis
    from napari_anofpdm.app.context import Context


def test_positions_of_planes_and_scan_are_inverse(tiny_analysis: Analysis) -> None:
    point = np.array([3.0, -12.0, 7.5])
    placed = place_point(tiny_analysis.geometry, point)
    np.testing.assert_allclose(scan_point(tiny_analysis.geometry, placed), point)


def body(centre: tuple[float, float, float]) -> Surface:
    """A cube of 20 mm at a point in RAS."""
    affine = np.eye(4)
    affine[:3, 3] = np.array(centre) - 11.5
    cube = np.zeros((24, 24, 24), np.int32)
    cube[2:22, 2:22, 2:22] = 1
    return surface_of(cube, affine)


def test_lesions_in_3d(room: Context, shown: Viewer, tiny_analysis: Analysis, qtbot: QtBot) -> None:
    """All that holds in one window: each takes seconds to make."""
    qtbot.keyClick(_native(shown), Qt.Key.Key_Q, Qt.KeyboardModifier.ShiftModifier)
    assert isinstance(room.layouts.shown, ThreePlanes)
    view = _view(room)
    assert view.isVisible() and not view.model.layers  # type: ignore[union-attr]
    the_surfaces_follow_the_mask(room, view, tiny_analysis, qtbot)
    the_point_in_view_is_marked(room, view, shown, qtbot)
    a_click_selects_a_lesion(room, view, shown, qtbot)
    the_sides_are_where_they_should_be(view)
    room.layouts.toggle_surfaces()
    assert not view.isVisible()
    assert isinstance(room.layouts.shown, ThreePlanes)


def the_surfaces_follow_the_mask(
    room: Context, view: SurfaceView, analysis: Analysis, qtbot: QtBot
) -> None:
    session = room.session
    find_two_lesions(session, analysis, qtbot)
    assert session.lesions is not None
    qtbot.waitUntil(lambda: view.bodies.brain is not None and _count(view) == 2)
    assert view.model is not None
    assert [layer.name for layer in view.model.layers] == ["brain", "lesions", "point"]
    lesions = view.model.layers["lesions"]
    assert lesions.metadata["surface"] is view.bodies.lesions
    first = lesions.vertex_colors[view.bodies.lesions.labels == 1]
    session.select_lesion(1)
    selected = lesions.vertex_colors[view.bodies.lesions.labels == 1]
    assert not np.allclose(first, selected)
    wanted = np.array([lesion.volume_ml for lesion in session.lesions.table]) * 1000
    surface = view.bodies.lesions
    assert surface is not None
    np.testing.assert_allclose(surface.volumes_mm3[1:], wanted, rtol=0.05)
    view.brain.click()
    assert not view.model.layers["brain"].visible
    view.brain.click()


def the_point_in_view_is_marked(
    room: Context, view: SurfaceView, shown: Viewer, qtbot: QtBot
) -> None:
    assert room.session.analysis is not None and view.model is not None
    geometry = room.session.analysis.geometry
    point = np.array([2.0, -5.0, 1.0])
    first = shown.dims.ndim - 3
    shown.dims.set_point(range(first, first + 3), place_point(geometry, point))
    wanted = scan_point(geometry, np.array(shown.dims.point[first:]))

    def is_marked() -> bool:
        superior, anterior, left = view.model.layers["point"].data[0]  # type: ignore[union-attr]
        return np.allclose((-left, anterior, superior), wanted)

    qtbot.waitUntil(is_marked)


def a_click_selects_a_lesion(room: Context, view: SurfaceView, shown: Viewer, qtbot: QtBot) -> None:
    """The one that is blue, found by its colour in the picture; a drag there selects nothing."""
    session = room.session
    session.select_lesion(1)
    assert view.canvas is not None and session.lesions is not None
    native = view.canvas.canvas.native
    view.brain.click()
    view.look_from("Front")
    settle()
    red, _, blue = np.moveaxis(view.canvas.screenshot(flash=False)[..., :3].astype(int), -1, 0)
    places = np.argwhere(blue > red + 40)
    row, column = places[np.linalg.norm(places - places.mean(axis=0), axis=1).argmin()]
    at = QPoint(int(column), int(row))
    for moved in (QPoint(12, 0), QPoint(0, 0)):
        qtbot.mousePress(native, Qt.MouseButton.LeftButton, pos=at)
        qtbot.mouseMove(native, at + moved)
        settle()
        qtbot.mouseRelease(native, Qt.MouseButton.LeftButton, pos=at + moved)
        if not moved.isNull():
            assert session.reviews.selected == 1
            view.look_from("Front")
            settle()
    qtbot.waitUntil(lambda: session.reviews.selected == 2)
    assert session.analysis is not None
    centre = next(each.centre_mm for each in session.lesions.table if each.number == 2)
    np.testing.assert_allclose(
        shown.dims.point[-3:], place_point(session.analysis.geometry, np.array(centre)), atol=6.0
    )
    view.brain.click()


def the_sides_are_where_they_should_be(view: SurfaceView) -> None:
    """A lesion left, anterior and superior of the brain's middle, from each side."""
    view.bodies.brain, view.bodies.lesions = body((0.0, 0.0, 0.0)), body((-40.0, 30.0, 20.0))
    view.bodies.changed.emit()
    assert view.model is not None and view.canvas is not None
    view.model.layers.remove("point")
    upper_right, upper_left = (True, True), (True, False)
    for side, (up, right), letters in (
        ("Front", upper_right, "RLSI"),
        ("Left", upper_left, "APSI"),
        ("Right", upper_right, "PASI"),
        ("Back", upper_left, "LRSI"),
        ("Top", upper_left, "LRAP"),
    ):
        view.look_from(side)
        overlays = view.model.canvas.overlays
        shown = [overlays[f"anofpdm_{edge}"].text for edge in ("left", "right", "top", "bottom")]
        assert "".join(shown) == letters
        settle()
        picture = view.canvas.screenshot(flash=False)[..., :3].astype(int)
        coloured = np.ptp(picture, axis=-1) > 60
        assert picture[coloured].max(axis=-1).mean() > 120, "lit from behind"
        grey = (picture.max(axis=-1) > 30) & ~coloured
        (row, column), (middle, centre) = (
            (np.median(each) for each in np.nonzero(mask)) for mask in (coloured, grey)
        )
        assert (row < middle) == up, side
        assert (column > centre) == right, side


def _count(view: SurfaceView) -> int:
    lesions = view.bodies.lesions
    return 0 if lesions is None else len(set(lesions.labels.tolist()))


def _view(room: Context) -> SurfaceView:
    from qtpy.QtWidgets import QApplication

    quarters = [w for w in QApplication.allWidgets() if isinstance(w, Quarter)]
    return quarters[-1].surfaces


def _native(viewer: Viewer):  # type: ignore[no-untyped-def]
    from napari_anofpdm.reading.central import Central

    return Central(viewer).canvas.canvas.native


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Do without the patience that a hand at a slider needs."""
    monkeypatch.setattr("napari_anofpdm.reading.surfaces.bodies._SETTLED_MS", 0)
