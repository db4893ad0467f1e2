"""A reader's session through real events: a worklist, a false lesion in each case, one table."""

from __future__ import annotations

import csv
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QApplication, QFileDialog, QPushButton, QWidget

from anofpdm import Analysis
from napari_anofpdm.app.context import context_of
from napari_anofpdm.app.workspace import PANELS, open_reading, panel_named, show_panel
from napari_anofpdm.reading.bars.point_bar import PointBar
from napari_anofpdm.reading.bars.view_bar import ViewBar
from napari_anofpdm.reading.central import Central, main_window
from tests.plugin.patience import LONG
from tests.plugin.two_cases import two_cases
from tests.plugin.window_faults import faults_of

if TYPE_CHECKING:
    from napari.viewer import Viewer
    from pytestqt.qtbot import QtBot

PICTURES = "ANOFPDM_PICTURES"
"""Variable that names a folder for pictures of the window."""
SIZES = ((1280, 800), (1920, 1080))

# Clicks and keys for the same work in the window before it had keys for lesions and a worklist
# (commit 9d89914). Each case took 8: the tab View, Analysis..., the folder in the dialog; the tab
# Explore, the row of the lesion, its box Drop; the tab Export, and Export, without which nothing
# was kept. The proposed folder would do. There was no table of all cases.
_FORMERLY_A_CASE = 8


class Hand:
    """Clicks and presses keys, and counts both."""

    def __init__(self, qtbot: QtBot) -> None:
        self._qtbot = qtbot
        self.count = 0

    def click(self, button: QWidget) -> None:
        """Click on a button."""
        assert button.isEnabled()
        self._qtbot.mouseClick(button, Qt.MouseButton.LeftButton)
        self.count += 1

    def press(self, widget: QWidget, key: Qt.Key, *, shift: bool = False) -> None:
        """Press a key over a widget, with Shift or without."""
        held = Qt.KeyboardModifier.ShiftModifier if shift else Qt.KeyboardModifier.NoModifier
        self._qtbot.keyClick(widget, key, held)
        self.count += 1


@pytest.fixture
def reading(make_napari_viewer_proxy: Callable[..., Viewer]) -> Viewer:
    """The reading workspace, in sight."""
    viewer = make_napari_viewer_proxy(show=True)
    viewer.window.resize(*SIZES[0])
    open_reading(viewer)
    return viewer


def test_a_list_is_read_with_fewer_clicks_than_formerly(
    reading: Viewer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, qtbot: QtBot
) -> None:
    root, table = two_cases(tmp_path / "results"), tmp_path / "reviews.csv"
    monkeypatch.setattr(QFileDialog, "getExistingDirectory", lambda *_: str(root))
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_: (str(table), ""))
    canvas = Central(reading).canvas.canvas.native
    context, hand = context_of(reading), Hand(qtbot)
    session, cases = context.session, context.cases

    def wait_for_lesions(rejected: set[int]) -> None:
        def are_shown() -> bool:
            shown = session.reviews.shown
            found = 0 if shown is None else len(shown.lesions.table)
            return session.is_current and found == 2 and session.rejected == rejected

        qtbot.waitUntil(are_shown, timeout=LONG)

    worklist: Any = show_panel(reading, panel_named("Worklist"))
    menu = worklist.open.menu()
    assert menu is not None
    menu.actions()[0].trigger()
    hand.count += 4  # its tab, Open, Folder, and the folder in the dialog
    for index in (0, 1):
        before = hand.count
        if index > 0:
            hand.press(canvas, Qt.Key.Key_N, shift=True)
        assert cases.index == index
        wait_for_lesions(set())
        hand.press(canvas, Qt.Key.Key_N)
        hand.press(canvas, Qt.Key.Key_N)
        assert session.reviews.selected == 2
        hand.press(canvas, Qt.Key.Key_F3)
        assert session.rejected == {2}
        hand.press(canvas, Qt.Key.Key_R, shift=True)
        assert cases.states[index] == "reviewed"
        _keep_picture(reading, f"session-case-{index + 1}")
        assert hand.count - before < _FORMERLY_A_CASE
    hand.click(worklist.save)
    hand.count += 1  # the file in the dialog
    assert hand.count < 2 * _FORMERLY_A_CASE
    with table.open(encoding="utf-8", newline="") as lines:
        verdicts = [(line["case"], line["verdict"]) for line in csv.DictReader(lines)]
    wanted = ("rejected", "unreviewed")
    assert sorted(verdicts) == [(case, each) for case in ("first", "second") for each in wanted]

    hand.press(canvas, Qt.Key.Key_U, shift=True)
    wait_for_lesions({2})
    panel: Any = show_panel(reading, panel_named("Export"))
    panel.folder.setText(str(tmp_path / "out"))
    hand.click(panel.export)
    qtbot.waitUntil(lambda: panel.written is not None, timeout=LONG)
    found = json.loads((tmp_path / "out" / "report.json").read_text(encoding="utf-8"))["lesions"]
    assert (len(found["components"]), len(found["rejected"])) == (1, 1)
    _keep_picture(reading, "session-export")


def test_nothing_is_cut_covered_or_outside(
    reading: Viewer, tiny_analysis: Analysis, qtbot: QtBot
) -> None:
    context = context_of(reading)
    context.session.set_analysis(tiny_analysis)
    qtbot.waitUntil(lambda: context.session.is_current, timeout=LONG)
    faults: list[str] = []
    for theme in ("dark", "light"):  # a change takes longer than one of the size
        reading.theme = theme
        for width, height in SIZES:
            reading.window.resize(width, height)
            faults += [f"{width} {theme}: {each}" for each in _faults(reading, f"{width}-{theme}")]
    assert not faults


def _faults(viewer: Viewer, name: str) -> list[str]:
    window, found = main_window(viewer), []
    for bar in (window.findChild(ViewBar), window.findChild(PointBar)):
        assert isinstance(bar, QWidget)
        found += [f"{type(bar).__name__}: {each}" for each in faults_of(bar)]
        assert bar.findChild(QPushButton, "qt_toolbar_ext_button") is None
    for panel in PANELS:
        widget = show_panel(viewer, panel)
        for _ in range(4):
            QApplication.processEvents()
        found += [f"{panel.name}: {each}" for each in faults_of(widget)]
        _keep_picture(viewer, f"{panel.name.lower()}-{name}")
    return found


def _keep_picture(viewer: Viewer, name: str) -> None:
    """Save a picture of the window where the variable `PICTURES` names a folder."""
    folder = os.environ.get(PICTURES)
    if folder:
        for _ in range(4):
            QApplication.processEvents()
        path = Path(folder) / f"{name}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        viewer.screenshot(str(path), canvas_only=False, flash=False)
