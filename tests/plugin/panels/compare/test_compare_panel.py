"""The panel that compares two examinations: its choices, its table, and what it writes."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from qtpy.QtCore import Qt
from qtpy.QtGui import QColor

from anofpdm import Volume
from anofpdm.results.follow_up.states import STATE_COLOURS
from anofpdm.results.follow_up.stored import read_follow_up
from napari_anofpdm.app.context import Context
from napari_anofpdm.panels.compare.change_model import COLUMNS, STATE
from napari_anofpdm.panels.compare.panel import ComparePanel
from napari_anofpdm.space.layer_volume import layer_data
from napari_anofpdm.space.placement import place
from tests.core.follow_up_cases import AFFINE, NOTE, SHAPE, comparison
from tests.plugin.patience import LONG
from tests.plugin.windowless import has_window

if TYPE_CHECKING:
    from napari.viewer import Viewer
    from pytestqt.qtbot import QtBot


@pytest.fixture
def panel(
    qtbot: QtBot,
    viewer: Viewer,
    context: Context,
    tiny_bundle: Path,
    monkeypatch: pytest.MonkeyPatch,
    request: pytest.FixtureRequest,
) -> ComparePanel:
    """The panel; two canvases side by side need a window."""
    if not has_window(request):
        monkeypatch.setattr(context.layouts, "show", lambda name: None)
    panel = ComparePanel(
        viewer,
        context.session,
        context.comparison,
        context.compare_run,
        context.compared,
        context.layouts,
    )
    qtbot.addWidget(panel)
    panel.model.choose(str(tiny_bundle))
    return panel


def add_scan(viewer: Viewer, name: str, value: float) -> None:
    scan = Volume(np.full(SHAPE, value, dtype=np.float32), AFFINE)
    data, attributes, _ = layer_data(scan, name, "image")
    viewer.add_image(data, **attributes)


def test_the_scan_opened_first_is_the_baseline(panel: ComparePanel, viewer: Viewer) -> None:
    assert panel.request() is None and not panel.start.isEnabled()
    add_scan(viewer, "2019 flair", 1.0)
    assert panel.request() is None
    add_scan(viewer, "2021 flair", 2.0)
    request = panel.request()
    assert request is not None and request.register == "auto"
    values = [float(request.scans[each]["flair"].data[0, 0, 0]) for each in request.scans]
    assert values == [1.0, 2.0]
    assert panel.start.isEnabled()
    # A layer cannot be both.
    panel.follow_up.boxes["flair"].choose(viewer.layers[0])
    panel.register.setChecked(False)
    request = panel.request()
    assert request is not None and request.register == "off"


@pytest.mark.window
def test_the_table_tells_what_became_of_each_lesion(
    panel: ComparePanel, context: Context, viewer: Viewer
) -> None:
    assert panel.result.isHidden()
    found = comparison()
    context.comparison.show(found)
    assert not panel.result.isHidden() and panel.side_by_side.isChecked()
    assert panel.changes.totals.text().startswith("4 lesions: 2.")
    assert panel.changes.note.text() == NOTE and not panel.changes.note.isHidden()
    for words in ("1&nbsp;new", "1&nbsp;gone", "1&nbsp;grown", "0&nbsp;shrunk", "1&nbsp;unchanged"):
        assert words in panel.changes.legend.text()
    model, table = panel.changes.model, panel.changes.table
    last = len(COLUMNS) - 1
    table.sortByColumn(last, Qt.SortOrder.DescendingOrder)
    states = [model.index(row, STATE).data() for row in range(model.rowCount())]
    assert states == ["new", "grown", "unchanged", "gone"]
    colour = model.index(0, STATE).data(Qt.ItemDataRole.DecorationRole)
    assert colour == QColor(STATE_COLOURS["new"])
    table.clicked.emit(model.index(3, 0))
    gone = next(change for change in found.changes.table if change.state == "gone")
    assert context.comparison.selected == gone.number
    assert float(viewer.dims.point[0]) == pytest.approx(gone.centre_mm[2])
    # A lesion selected elsewhere has its row selected, and the view stays.
    point = viewer.dims.point
    context.comparison.select(model.item(1).number)
    assert table.currentIndex().row() == 1 and viewer.dims.point == point
    # So does a click on one, on either canvas; it does not take the click away from the point.
    other = found.changes.table[0]
    placed = place(Volume(found.changes.labels, AFFINE))
    voxel = np.argwhere(placed.data == other.number)[0]
    assert not context.pointer.click(voxel * np.array(placed.scale) + np.array(placed.translate))
    assert table.currentIndex().row() == model.row_of(other.number)
    assert not context.pointer.click((0.0, 0.0, 0.0))
    assert context.comparison.selected == other.number


def test_the_same_scan_twice_has_nothing_new(panel: ComparePanel, context: Context) -> None:
    context.comparison.show(comparison(twice=True))
    assert "+0.00 ml, +0 %" in panel.changes.totals.text()
    model = panel.changes.model
    assert {model.index(row, STATE).data() for row in range(model.rowCount())} == {"unchanged"}


def test_a_registration_that_failed_is_said(panel: ComparePanel, context: Context) -> None:
    found = comparison()
    found.report["warnings"].append("Follow-up: it fits by chance. Do not trust the comparison.")
    context.comparison.show(found)
    assert "Do not trust the comparison" in panel.changes.doubts.text()
    assert not panel.changes.doubts.isHidden()


def test_what_is_exported_can_be_opened_again(
    panel: ComparePanel, context: Context, qtbot: QtBot, tmp_path: Path
) -> None:
    found = comparison()
    context.comparison.show(found)
    panel.write(tmp_path / "out")
    qtbot.waitUntil(lambda: "Written" in panel.outcome.text(), timeout=LONG)
    assert read_follow_up(tmp_path / "out").changes.table == found.changes.table
    panel.write(tmp_path / "out")
    qtbot.waitUntil(lambda: "already contains" in panel.outcome.text(), timeout=LONG)
