from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from napari._app_model import get_app_model
from npe2 import PluginManifest
from pytestqt.qtbot import QtBot
from qtpy.QtCore import Qt
from qtpy.QtWidgets import (
    QDockWidget,
    QMainWindow,
    QTabBar,
    QWidget,
)

from anofpdm import Analysis
from anofpdm.worklist.worklist import open_worklist
from napari_anofpdm.app.context import context_of
from napari_anofpdm.app.workspace import (
    PANELS,
    open_reading,
    open_training,
    panel_named,
    show_panel,
    toggle_panel,
)
from napari_anofpdm.io.open_action import open_paths
from tests.plugin.patience import LONG
from tests.plugin.two_cases import two_cases

if TYPE_CHECKING:
    from napari.viewer import Viewer


pytestmark = pytest.mark.window


def dock(viewer: Viewer, title: str) -> QDockWidget:
    above: QWidget | None = viewer.window.dock_widgets[title]
    while not isinstance(above, QDockWidget):
        assert above is not None
        above = above.parentWidget()
    return above


def test_panels_are_those_of_the_manifest() -> None:
    points = PluginManifest.from_distribution("napari-anofpdm").contributions
    named = {command.id: command.python_name for command in points.commands or []}
    offered = {widget.display_name: named[widget.command] for widget in points.widgets or []}
    assert offered == {panel.name: panel.python_name for panel in PANELS}


def one_command_opens_what_reading_needs(viewer: Viewer) -> None:
    open_reading(viewer)
    names = ["Prepare", "Analyse", "Explore", "Export"]
    assert {f"{name} (AnoFPDM)" for name in names} <= set(viewer.window.dock_widgets)
    assert "Jobs (AnoFPDM)" not in viewer.window.dock_widgets
    assert "Curves (AnoFPDM)" not in viewer.window.dock_widgets
    right = [dock(viewer, f"{name} (AnoFPDM)") for name in names]
    window = right[0].parentWidget()
    assert isinstance(window, QMainWindow)
    assert set(window.tabifiedDockWidgets(right[0])) >= set(right[1:])
    corner = window.corner(Qt.Corner.BottomLeftCorner)
    assert corner == Qt.DockWidgetArea.LeftDockWidgetArea


def reading_and_training_hide_each_others_panels(viewer: Viewer) -> None:
    open_training(viewer)
    hidden = {
        panel.name: dock(viewer, panel.title).isHidden()
        for panel in PANELS
        if panel.area == "right"
    }
    assert not hidden["Label"] and not hidden["Jobs"]
    assert hidden["Analyse"] and hidden["Explore"] and hidden["Export"]
    open_reading(viewer)
    assert dock(viewer, "Label (AnoFPDM)").isHidden()
    assert not dock(viewer, "Explore (AnoFPDM)").isHidden()


def curves_are_shown_on_request(viewer: Viewer) -> None:
    toggle_panel(viewer, panel_named("Curves"))
    curves = dock(viewer, "Curves (AnoFPDM)")
    assert not curves.isHidden()
    toggle_panel(viewer, panel_named("Curves"))
    assert curves.isHidden()


def test_curves_opened_in_a_low_window_get_room_in_a_higher_one(
    viewer: Viewer, qtbot: QtBot
) -> None:
    viewer.window.resize(1000, 690)
    open_reading(viewer)
    show_panel(viewer, panel_named("Curves"))
    curves = dock(viewer, PANELS[-1].title)
    window = curves.window()
    assert isinstance(window, QMainWindow)
    with qtbot.waitExposed(window, timeout=LONG):
        window.show()
    window.resizeDocks([curves], [180], Qt.Orientation.Vertical)
    qtbot.waitUntil(lambda: 0 < curves.height() < curves.sizeHint().height(), timeout=LONG)
    window.resize(1600, 1000)
    qtbot.waitUntil(lambda: curves.height() >= curves.sizeHint().height(), timeout=LONG)
    # What the user gave it by hand stays, in a window that grows, too.
    window.resizeDocks([curves], [380], Qt.Orientation.Vertical)
    qtbot.waitUntil(lambda: curves.height() == 380, timeout=LONG)
    window.resize(1600, 1050)
    qtbot.waitUntil(lambda: window.height() == 1050, timeout=LONG)
    assert curves.height() >= 380


def opening_again_brings_hidden_panels_back_and_makes_no_second(viewer: Viewer) -> None:
    before = dict(viewer.window.dock_widgets)
    hidden = dock(viewer, panel_named("Export").title)
    hidden.hide()
    open_reading(viewer)
    assert not hidden.isHidden()
    assert dict(viewer.window.dock_widgets) == before


def test_what_reading_and_training_open(viewer: Viewer) -> None:
    """In one window, which takes seconds to make."""
    one_command_opens_what_reading_needs(viewer)
    opening_again_brings_hidden_panels_back_and_makes_no_second(viewer)
    curves_are_shown_on_request(viewer)
    reading_and_training_hide_each_others_panels(viewer)


def in_front(viewer: Viewer, name: str) -> bool:
    """Whether a panel's tab is the chosen one of its column."""
    own = dock(viewer, f"{name} (AnoFPDM)")
    window = own.parentWidget()
    assert isinstance(window, QMainWindow)
    bars = [bar for bar in window.findChildren(QTabBar) if bar.parentWidget() is window]
    chosen = {bar.tabText(bar.currentIndex()) for bar in bars}
    return not own.isHidden() and name in chosen


# The plugin's own entries, and those that napari puts into its Plugins menu.
COMMANDS = ("show_explore", "explore")


def execute(command: str) -> None:
    get_app_model().commands.execute_command(f"napari-anofpdm.{command}").result()


def test_menu_entries_bring_tabs_to_the_front(viewer: Viewer, qtbot: QtBot) -> None:
    open_reading(viewer)
    window = dock(viewer, PANELS[0].title).window()
    assert window is not None
    with qtbot.waitExposed(window, timeout=LONG):
        window.show()
    for command in COMMANDS:
        show_panel(viewer, panel_named("Analyse"))
        qtbot.waitUntil(lambda: in_front(viewer, "Analyse"), timeout=LONG)
        assert not in_front(viewer, "Explore")
        execute(command)
        qtbot.waitUntil(lambda: in_front(viewer, "Explore"), timeout=LONG)
        assert not in_front(viewer, "Analyse")
    # The Plugins menu hides a panel in front, and shows it in front.
    show_panel(viewer, panel_named("Analyse"))
    qtbot.waitUntil(lambda: in_front(viewer, "Analyse"), timeout=LONG)
    execute("analyse")
    assert dock(viewer, "Analyse (AnoFPDM)").isHidden()
    execute("analyse")
    qtbot.waitUntil(lambda: in_front(viewer, "Analyse"), timeout=LONG)


def test_an_opened_analysis_brings_explore_to_the_front(
    viewer: Viewer, qtbot: QtBot, tiny_analysis: Analysis, tmp_path: Path
) -> None:
    """In the reading workspace; while training, the panel stays hidden."""
    path = tiny_analysis.save(tmp_path / "scan.anofpdm.zarr").path
    assert path is not None
    opened: list[Path] = []

    def note() -> None:
        opened.append(path)

    def open_it() -> None:
        opened.clear()
        open_paths(viewer, [path])
        qtbot.waitUntil(lambda: bool(opened), timeout=LONG)

    open_reading(viewer)
    context_of(viewer).opener.opened.connect(note)  # after the panel
    window = dock(viewer, PANELS[0].title).window()
    assert window is not None
    with qtbot.waitExposed(window, timeout=LONG):
        window.show()
    qtbot.waitUntil(lambda: in_front(viewer, "Analyse"), timeout=LONG)
    open_it()
    qtbot.waitUntil(lambda: in_front(viewer, "Explore"), timeout=LONG)
    open_training(viewer)
    open_it()
    assert dock(viewer, "Explore (AnoFPDM)").isHidden()


def test_walking_through_a_worklist_leaves_its_panel_in_front(
    viewer: Viewer, qtbot: QtBot, tmp_path: Path
) -> None:
    context = context_of(viewer)
    context.cases.set(open_worklist(two_cases(tmp_path / "results"), ["flair"]))
    open_reading(viewer)
    opened: list[int | None] = []

    def note() -> None:
        opened.append(context.cases.index)

    context.opener.opened.connect(note)  # after the panel
    show_panel(viewer, panel_named("Worklist"))
    window = dock(viewer, PANELS[0].title).window()
    assert window is not None
    with qtbot.waitExposed(window, timeout=LONG):
        window.show()
    context.cases.walk(1)
    qtbot.waitUntil(lambda: opened == [0], timeout=LONG)
    assert in_front(viewer, "Worklist")


def test_a_panel_that_was_closed_comes_back_as_a_tab_of_its_column(
    viewer: Viewer, qtbot: QtBot
) -> None:
    open_reading(viewer)
    for command in COMMANDS:
        closed_and_back(viewer, qtbot, command)


def closed_and_back(viewer: Viewer, qtbot: QtBot, command: str) -> None:
    title = "Explore (AnoFPDM)"
    viewer.window.remove_dock_widget(viewer.window.dock_widgets[title])
    assert title not in viewer.window.dock_widgets
    execute(command)
    reading = [p for p in PANELS if p.area == "right" and p.workspace == "read"]
    column = {dock(viewer, panel.title) for panel in reading}
    back = dock(viewer, title)
    window = back.parentWidget()
    assert isinstance(window, QMainWindow)
    qtbot.waitUntil(lambda: set(window.tabifiedDockWidgets(back)) == column - {back}, timeout=LONG)
    assert back.windowTitle() == "Explore"
