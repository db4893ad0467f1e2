"""A reader's session through real events: open, go to a lesion, reject a false one, export."""

from __future__ import annotations

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
from napari_anofpdm.reading.central import Central, main_window
from napari_anofpdm.reading.point_bar import PointBar
from napari_anofpdm.reading.view_bar import ViewBar
from tests.plugin.patience import LONG
from tests.plugin.two_lesions import find_two_lesions
from tests.plugin.window_faults import faults_of

if TYPE_CHECKING:
    from napari.viewer import Viewer
    from pytestqt.qtbot import QtBot

PICTURES = "ANOFPDM_PICTURES"
"""Variable that names a folder for pictures of the window."""
SIZES = ((1280, 800), (1920, 1080))
_MOST_HANDS = 9  # clicks and keys, those in the file dialog counted as one


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

    def press(self, widget: QWidget, key: Qt.Key) -> None:
        """Press a key over a widget."""
        self._qtbot.keyClick(widget, key)
        self.count += 1


@pytest.fixture
def reading(make_napari_viewer_proxy: Callable[..., Viewer]) -> Viewer:
    """The reading workspace, in sight."""
    viewer = make_napari_viewer_proxy(show=True)
    viewer.window.resize(*SIZES[0])
    open_reading(viewer)
    return viewer


def test_a_lesion_is_rejected_and_the_rest_exported(
    reading: Viewer,
    tiny_analysis: Analysis,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    qtbot: QtBot,
) -> None:
    stored = tmp_path / "one.anofpdm.zarr"
    tiny_analysis.save(stored)
    monkeypatch.setattr(QFileDialog, "getExistingDirectory", lambda *_: str(stored))
    context, hand = context_of(reading), Hand(qtbot)
    session, window = context.session, main_window(reading)
    bar = window.findChild(ViewBar)
    assert isinstance(bar, ViewBar)
    menu = bar.open.menu()
    assert menu is not None
    menu.actions()[1].trigger()
    hand.count += 3  # Open, Stored analysis, and the folder in the dialog
    qtbot.waitUntil(lambda: session.is_current, timeout=LONG)
    find_two_lesions(session, session.analysis or tiny_analysis, qtbot)

    canvas = Central(reading).canvas.canvas.native
    hand.press(canvas, Qt.Key.Key_N)
    hand.press(canvas, Qt.Key.Key_N)
    assert session.reviews.selected == 2
    hand.press(canvas, Qt.Key.Key_F3)
    assert session.rejected == {2}

    panel: Any = show_panel(reading, panel_named("Export"))
    hand.count += 1  # its tab
    panel.folder.setText(str(tmp_path / "out"))
    hand.click(panel.export)
    qtbot.waitUntil(lambda: panel.written is not None, timeout=LONG)
    found = json.loads((tmp_path / "out" / "report.json").read_text(encoding="utf-8"))["lesions"]
    assert (len(found["components"]), len(found["rejected"])) == (1, 1)
    assert hand.count <= _MOST_HANDS


def test_nothing_is_cut_covered_or_outside(
    reading: Viewer, tiny_analysis: Analysis, qtbot: QtBot
) -> None:
    context = context_of(reading)
    context.session.set_analysis(tiny_analysis)
    qtbot.waitUntil(lambda: context.session.is_current, timeout=LONG)
    faults: list[str] = []
    for width, height in SIZES:
        reading.window.resize(width, height)
        for theme in ("dark", "light"):
            reading.theme = theme
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
        folder = os.environ.get(PICTURES)
        if folder:
            path = Path(folder) / f"{panel.name.lower()}-{name}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            viewer.screenshot(str(path), canvas_only=False, flash=False)
    return found
