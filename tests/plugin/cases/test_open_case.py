from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from anofpdm import Analysis
from anofpdm.results.folder import ANALYSIS_FOLDER
from anofpdm.worklist.case_review import EDITED_MASK_FILE, LESIONS_FILE, load_review
from anofpdm.worklist.worklist import open_worklist
from napari_anofpdm.app.context import Context
from napari_anofpdm.app.shortcuts import KEYS
from napari_anofpdm.app.workspace import panel_named, show_panel
from napari_anofpdm.panels.worklist.panel import WorklistPanel
from tests.plugin.cases.killed_reader import WORKED
from tests.plugin.patience import LONG
from tests.plugin.two_cases import two_cases

if TYPE_CHECKING:
    from napari.viewer import Viewer
    from pytestqt.qtbot import QtBot


@pytest.fixture
def root(tmp_path: Path, tiny_analysis: Analysis) -> Path:
    """A folder of results with two analysed cases."""
    for name in ("first", "second"):
        tiny_analysis.save(tmp_path / "results" / name / ANALYSIS_FOLDER)
    return tmp_path / "results"


def test_a_readers_work_is_stored_and_comes_back(
    root: Path, viewer: Viewer, context: Context, qtbot: QtBot, told: list[tuple[str, str]]
) -> None:
    session, cases = context.session, context.cases
    own = viewer.add_points([[0.0, 0.0, 0.0]], name="the user's")
    cases.set(open_worklist(root, ("flair",)))
    assert cases.summary() == "2 cases: 0 reviewed, 2 analysed, 0 new"
    cases.walk(1)
    qtbot.waitUntil(lambda: session.is_current, timeout=LONG)
    assert viewer.layers[1].name == "first flair"
    session.update_settings(min_component_pixels=1)
    qtbot.waitUntil(lambda: session.is_current, timeout=LONG)
    session.set_note(1, "odd")
    first = cases.cases[0].folder
    qtbot.waitUntil((first / LESIONS_FILE).exists, timeout=LONG)
    context.tools.shrink()
    qtbot.waitUntil((first / EDITED_MASK_FILE).exists, timeout=LONG)
    assert session.edited is not None
    voxels = session.edited.lesions.voxels

    cases.toggle_reviewed()
    cases.walk(1)
    qtbot.waitUntil(lambda: session.is_current, timeout=LONG)
    assert cases.index == 1 and cases.states == ["reviewed", "analysed"]
    assert session.edited is None
    assert own in viewer.layers
    assert not [layer for layer in viewer.layers if layer.name.startswith("first")]

    cases.walk(-1)
    qtbot.waitUntil(lambda: session.edited is not None, timeout=LONG)
    assert session.edited.lesions.voxels == voxels
    assert session.settings is not None and session.settings.min_component_pixels == 1
    stored = load_review(cases.cases[0]).lesions
    assert stored is not None
    assert not [text for kind, text in told if kind == "error"]


def test_the_panel_walks_and_exports(
    root: Path, tmp_path: Path, context: Context, qtbot: QtBot
) -> None:
    panel = WorklistPanel(context.cases, KEYS)
    qtbot.addWidget(panel)
    assert not panel.next.isEnabled() and not panel.analyse.isEnabled()
    panel.open_source(root)
    assert panel.model.rowCount() == 2 and not panel.analyse.isEnabled()
    assert context.cases.index == 0 and panel.table.currentIndex().row() == 0
    panel.note.setText("fine")
    panel.note.editingFinished.emit()
    panel.reviewed.click()
    assert panel.summary.text() == "2 cases: 1 reviewed, 1 analysed, 0 new"
    panel.unfinished.click()
    assert context.cases.index == 1 and panel.note.text() == "" and not panel.reviewed.isChecked()
    panel.open_source(root)  # goes on where the reader stopped
    assert context.cases.index == 1
    table = tmp_path / "reviews.csv"
    panel.export(table, overwrite=False)
    assert "first,reviewed,fine" in table.read_text(encoding="utf-8")


@pytest.mark.nightly
@pytest.mark.window
def test_a_killed_window_loses_nothing_that_was_stored(
    tmp_path: Path, viewer: Viewer, context: Context, qtbot: QtBot, told: list[tuple[str, str]]
) -> None:
    root = two_cases(tmp_path / "results")
    command = [sys.executable, "-m", "tests.plugin.cases.killed_reader", str(root)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as reader:
        assert reader.stdout is not None
        try:
            assert WORKED in reader.stdout.read(len(WORKED))
        finally:
            reader.kill()

    session, cases = context.session, context.cases
    panel = show_panel(viewer, panel_named("Worklist"))
    assert isinstance(panel, WorklistPanel)
    panel.open_source(root)
    assert cases.index == 1 and cases.states == ["reviewed", "analysed"]
    assert panel.note.text() == "look again"

    def said() -> tuple[str, str]:
        shown = session.reviews.shown
        lesion = None if shown is None else shown.review.of(1)
        return ("", "") if lesion is None else (lesion.verdict, lesion.note)

    qtbot.waitUntil(lambda: said() == ("accepted", "vessel"), timeout=LONG)
    stored = load_review(cases.cases[1]).edited
    assert session.edited is not None and stored is not None
    assert session.edited.lesions.voxels == stored.sum() > 0
    assert not [text for kind, text in told if kind == "error"]
