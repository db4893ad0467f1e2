"""Rulers and regions drawn with real drags on every canvas, in one window."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from qtpy.QtCore import QPoint, Qt
from qtpy.QtWidgets import QApplication, QWidget

from anofpdm import Volume
from napari_anofpdm.app.context import Context
from napari_anofpdm.app.docks.measure import MeasureDock
from napari_anofpdm.app.shortcuts import hide_overlays
from napari_anofpdm.panels.measure.measure_model import MeasureModel
from napari_anofpdm.reading.central import Central
from napari_anofpdm.space.frame import Frame
from napari_anofpdm.space.placement import place
from tests.plugin.canvas_mouse import click, drag, pixel_of
from tests.plugin.reading.conftest import AFFINE, SHAPE, room, settle, shown

if TYPE_CHECKING:
    from napari.viewer import Viewer
    from pytestqt.qtbot import QtBot

__all__ = ["room", "shown"]
LEFT = Qt.MouseButton.LeftButton


def beside(point: np.ndarray, *by: float) -> np.ndarray:
    return np.asarray(point + np.array(by))


def test_small_values_keep_their_column_and_their_tooltip_is_exact() -> None:
    found = {"mean": 0.00123456, "sd": 0.034, "minimum": 0.0, "maximum": 1234.56, "voxels": 9}
    model = MeasureModel()
    model.set_entries(
        [{"number": 1, "kind": "box", "area_mm2": 12.3, "scan": found, "anomaly_map": None}]
    )
    cells = [model.index(0, column) for column in range(3, model.columnCount())]
    assert [model.data(cell) for cell in cells] == ["<.01", "0.03", "0", "1235", "9"]
    exact = [model.data(cell, Qt.ItemDataRole.ToolTipRole) for cell in cells]
    assert exact == ["0.00123456", "0.034", "0", "1234.56", "9"]


class Window:
    """The canvases of three planes, with drags between points S, P, L in mm."""

    def __init__(self, viewer: Viewer, context: Context, qtbot: QtBot) -> None:
        self.viewer, self.context, self._qtbot = viewer, context, qtbot
        context.layouts.show("planes")
        settle()
        shown: Any = context.layouts.shown
        coronal, sagittal = shown.views
        self.canvases: dict[str, tuple[Any, QWidget]] = {
            "axial": (viewer, Central(viewer).canvas.canvas.native),
            "coronal": (coronal.model, coronal.canvas.canvas.native),
            "sagittal": (sagittal.model, sagittal.canvas.canvas.native),
        }

    @property
    def items(self) -> Any:
        return self.context.session.measurements.items

    def drag(self, plane: str, start: np.ndarray, end: np.ndarray) -> None:
        model, canvas = self.canvases[plane]
        before = self.items
        first, last = (pixel_of(model, canvas, list(world)) for world in (start, end))
        drag(canvas, LEFT, first, last, lambda: self.items != before, self._qtbot)

    def captions(self, plane: str) -> list[str]:
        return self.context.measured.drawings[list(self.canvases).index(plane)].captions


def rulers_are_drawn_moved_and_taken_back(window: Window) -> None:
    viewer, measurements = window.viewer, window.context.session.measurements
    here = np.array(viewer.dims.point, dtype=np.float64)
    centre = viewer.scene.camera.center
    window.context.measure.arm("ruler")
    window.drag("axial", beside(here, 0, -20, -15), beside(here, 0, 10, 25))
    mm_per_px = 1 / viewer.scene.camera.zoom
    assert window.items[0].length_mm == pytest.approx(50, abs=2 * mm_per_px)
    [caption] = window.captions("axial")
    assert caption.startswith("1: ") and caption.endswith(" mm")
    assert float(caption[3:-3]) == pytest.approx(window.items[0].length_mm, abs=0.06)
    assert not window.captions("coronal") and not window.captions("sagittal")
    window.drag("sagittal", beside(here, -20, 0, 0), beside(here, 20, 15, 0))
    assert [each.plane for each in window.items] == ["axial", "sagittal"]
    assert window.items[1].length_mm == pytest.approx(math.hypot(40, 15), abs=3 * mm_per_px)
    assert viewer.scene.camera.center == centre  # the picture was not moved

    window.context.measure.arm(None)
    window.drag("axial", beside(here, 0, 10, 25), beside(here, 0, 10, 0))
    assert len(window.items) == 2 and measurements.selected == 0
    assert window.items[0].length_mm == pytest.approx(math.hypot(30, 15), abs=3 * mm_per_px)
    measurements.undo()
    assert window.items[0].length_mm == pytest.approx(50, abs=2 * mm_per_px)
    measurements.redo()
    measurements.remove(1)
    assert len(window.items) == 1
    measurements.undo()
    assert len(window.items) == 2
    viewer.dims.set_point(0, here[0] + 8)  # another slice
    assert not window.captions("axial")
    viewer.dims.set_point(0, here[0])
    assert window.captions("axial")


def regions_give_the_values_of_their_voxels(window: Window, panel: MeasureDock) -> None:
    viewer = window.viewer
    here = np.array(viewer.dims.point, dtype=np.float64)
    scan: Any = viewer.layers[0]
    window.context.measure.arm("rectangle")
    assert panel.tools["rectangle"].isChecked() and not panel.tools["ruler"].isChecked()
    start, end = beside(here, 0, -9, -12), beside(here, 0, 10, 9)
    window.drag("axial", start, end)
    entry = panel._entries[2]
    frame, drawn = Frame.of(scan.metadata["volume"]), window.items[2]
    ends = [frame.to_world(x) for x in (drawn.first, drawn.second)]
    mm = 1.5 / viewer.scene.camera.zoom
    np.testing.assert_allclose(ends, [start, end], atol=mm)  # drawn to a pixel
    first, second = (frame.to_voxel(x) for x in ends)
    low, high = np.minimum(first, second)[1:], np.maximum(first, second)[1:]
    at = round(float(first[0]))
    plane = np.asarray(scan.data[at])
    values = plane[
        math.ceil(low[0]) : math.floor(high[0]) + 1, math.ceil(low[1]) : math.floor(high[1]) + 1
    ]
    assert entry["scan"]["voxels"] == values.size > 100
    assert entry["scan"]["mean"] == pytest.approx(values.mean())
    assert panel.model.rowCount() == 3  # without an analysis, no map
    # Its other corners can be taken hold of, too.
    window.drag("axial", np.array([here[0], start[1], end[2]]), beside(here, 0, -5, 5))
    assert len(window.items) == 3
    assert panel._entries[2]["area_mm2"] < entry["area_mm2"]


def the_table_leads_to_a_measurement_and_out(
    window: Window, panel: MeasureDock, tmp_path: Path, qtbot: QtBot
) -> None:
    viewer, here = window.viewer, window.viewer.dims.point
    viewer.dims.set_point(0, here[0] + 16)
    panel.table.selectRow(0)
    assert window.context.session.measurements.selected == 0
    assert viewer.dims.point[0] == pytest.approx(here[0])
    qtbot.mouseClick(panel.copy, LEFT)
    clipboard = QApplication.clipboard()
    assert clipboard is not None
    assert clipboard.text().splitlines()[1].split("\t")[:3] == ["1", "ruler", "axial"]
    panel.write(tmp_path / "m.csv")
    assert len((tmp_path / "m.csv").read_text(encoding="utf-8").splitlines()) == 4
    qtbot.mouseClick(panel.delete, LEFT)
    assert [each.kind for each in window.items] == ["ruler", "rectangle"]
    qtbot.mouseClick(panel.clear, LEFT)
    assert not window.items and not panel.save.isEnabled()
    qtbot.mouseClick(panel.undo, LEFT)
    assert len(window.items) == 2


def one_tool_is_in_hand(window: Window) -> None:
    context = window.context
    context.measure.arm("ellipse")
    context.tools.arm("add")
    assert context.measure.armed is None
    context.measure.arm("ellipse")
    assert context.tools.armed is None
    # A click draws nothing, and does not go to the point either.
    _, canvas = window.canvases["axial"]
    before = window.items, window.viewer.dims.point
    click(canvas, canvas.rect().center() + QPoint(20, 30))
    assert (window.items, window.viewer.dims.point) == before
    context.measure.arm(None)


def space_hides_them_and_the_planes_take_theirs_away(window: Window) -> None:
    measured = window.context.measured
    held: Any = hide_overlays(window.viewer)
    next(held)
    assert not window.captions("axial")
    next(held, None)
    assert window.captions("axial")
    window.context.layouts.show("single")
    settle()
    assert len(measured.drawings) == 1 and window.captions("axial")


def each_scan_has_its_own(window: Window) -> None:
    viewer, session = window.viewer, window.context.session
    before = window.items
    first = viewer.layers[0]
    other = Volume(np.ones(SHAPE, np.float32), AFFINE)
    placed = place(other)
    viewer.add_image(
        placed.data,
        scale=placed.scale,
        translate=placed.translate,
        axis_labels=("S", "P", "L"),
        metadata={"volume": other, "affine": AFFINE},
        name="other patient",
    )
    assert session.measurements.items == ()
    viewer.layers.remove(viewer.layers["other patient"])
    assert first in viewer.layers and session.measurements.items == before


def test_measuring(shown: Viewer, room: Context, qtbot: QtBot, tmp_path: Path) -> None:
    window = Window(shown, room, qtbot)
    panel = MeasureDock(shown)
    qtbot.addWidget(panel)
    rulers_are_drawn_moved_and_taken_back(window)
    regions_give_the_values_of_their_voxels(window, panel)
    one_tool_is_in_hand(window)
    the_table_leads_to_a_measurement_and_out(window, panel, tmp_path, qtbot)
    space_hides_them_and_the_planes_take_theirs_away(window)
    each_scan_has_its_own(window)


def test_an_oblique_scan_is_measured_in_its_own_millimetres() -> None:
    affine = np.diag([0.7, 1.2, 4.0, 1.0])
    turn, _ = np.linalg.qr(np.eye(3) + 0.2 * np.random.default_rng(1).normal(size=(3, 3)))
    affine[:3, :3] = turn * np.sign(np.diag(turn)) @ affine[:3, :3]
    frame = Frame.of(Volume(np.zeros((20, 24, 10), np.float32), affine))
    one, other = np.array([2.0, 3.0, 5.0]), np.array([2.0, 15.0, 11.0])
    ends = [
        frame.to_ras(voxel * frame.placed.scale + frame.placed.translate) for voxel in (one, other)
    ]
    true = math.hypot(12 * 1.2, 6 * 0.7)
    assert np.linalg.norm(ends[0] - ends[1]) == pytest.approx(true)
    back = frame.to_world(ends[1])
    np.testing.assert_allclose(frame.to_voxel(back), other, atol=1e-9)
