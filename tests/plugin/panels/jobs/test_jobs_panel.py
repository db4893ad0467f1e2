"""The Jobs panel, with jobs that are told by their folders, and one that runs."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import psutil
import pytest
from qtpy.QtCore import QPoint, QPointF, Qt, QUrl
from qtpy.QtGui import QDesktopServices, QWheelEvent
from qtpy.QtWidgets import QAbstractSpinBox, QApplication, QMessageBox, QWidget

from anofpdm.common.event_log import EventLog
from anofpdm.jobs.log import LOG
from anofpdm.jobs.notes import JobNotes
from anofpdm.jobs.places import job_folder, job_folders
from anofpdm.jobs.process import PROCESS, own_mark, read_mark, write_mark
from anofpdm.jobs.progress import JobProgress
from anofpdm.jobs.request import JobRequest, create_job
from anofpdm.jobs.state import JobState, Status, state_of, write_state
from anofpdm.jobs.stop import Stop
from napari_anofpdm.app.docks.jobs import JobsDock
from napari_anofpdm.app.workspace import panel_named, show_panel
from napari_anofpdm.panels.analyse.panel import AnalysePanel
from napari_anofpdm.panels.jobs import job_estimator
from napari_anofpdm.panels.jobs.panel import JobsPanel
from napari_anofpdm.plots.plot_theme import plot_theme
from tests.plugin.patience import LONG

if TYPE_CHECKING:
    from napari.viewer import Viewer
    from pytestqt.qtbot import QtBot

LEFT = Qt.MouseButton.LeftButton


@pytest.fixture(autouse=True)
def no_job_goes_on(own_jobs: Path) -> Iterator[None]:
    yield
    for folder in job_folders():
        mark = read_mark(folder)
        # By its number: the start of a process, told anew, may differ by a corrected clock.
        if state_of(folder).live and (mark is None or mark.pid != os.getpid()):
            Stop(folder, patience=0).wait()


@pytest.fixture
def panel(qtbot: QtBot, viewer: Viewer) -> JobsPanel:
    panel = JobsDock(viewer)
    qtbot.addWidget(panel)
    return panel


def job(name: str, status: Status, *arguments: str) -> Path:
    """A job of this process, as its folder tells of it."""
    folder = job_folder(name)
    created = f"2026-01-0{1 + len(job_folders())}"
    create_job(folder, JobRequest(arguments=arguments or ("train", "t.toml"), created=created))
    write_mark(folder, own_mark())
    write_state(folder, JobState(status, attempts=1))
    return folder


def test_without_jobs_it_says_how_to_begin(panel: JobsPanel) -> None:
    assert "No jobs yet" in panel.empty.text()
    assert panel.list.isHidden()
    assert panel.details.isHidden()
    assert [panel.tabs.tabText(i) for i in range(4)] == ["Jobs", "Dataset", "Training", "Guidance"]


def test_it_follows_a_job_that_was_started_by_hand(panel: JobsPanel) -> None:
    folder = job("first", "running")
    EventLog(folder).write("state", status="running", attempt=1)
    notes = JobNotes(folder, clock=iter([10.0, 20.0, 30.0]).__next__)
    for done in (10, 20):
        values = {"loss": 1 / done, "held_out": 0.5}
        notes.progress(JobProgress("Training", done, 100, seconds_left=100 - done, values=values))
    (folder / LOG).write_text("a line\nthe last line\n")
    panel.monitor.look()
    [item] = panel._items()
    assert [item.text(i) for i in range(4)] == ["first", "running", "20 %", "1 min 20 s"]
    details = panel.details
    assert details.title.text() == "first: running"
    assert "Training: 20 of 100" in details.words.text()
    assert details.bar.value() == 200
    assert details.log.toPlainText().endswith("the last line")
    assert details.loss.words.text() == "0.0500, held out 0.5000"
    assert details.accuracy.isHidden()
    assert _enabled(panel) == {"folder", "stop"}
    notes.progress(JobProgress("Training", 50, 100, values={"loss": 0.01}))
    write_state(folder, JobState("stopped", "Stopped; resume the job to continue.", attempts=1))
    EventLog(folder).write("state", status="stopped", attempt=1)
    panel.monitor.look()
    assert item.text(1) == "stopped"
    assert "resume the job" in details.words.text()
    assert _enabled(panel) == {"folder", "resume", "remove"}


def test_a_damaged_job_is_shown_and_can_be_removed(
    panel: JobsPanel, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    job("sound", "done")
    folder = job("hurt", "done")
    (folder / PROCESS).unlink()  # this process lives, and with it the job
    (folder / "config.json").write_bytes(b"\xff\x00")
    panel.monitor.look()
    assert [(item.text(0), item.text(1)) for item in panel._items()] == [
        ("sound", "done"),
        ("hurt", "damaged"),
    ]
    panel.choose(folder)
    assert "remove the job" in panel.details.words.text()
    assert _enabled(panel) == {"folder", "remove"}
    yes = QMessageBox.StandardButton.Yes
    monkeypatch.setattr(QMessageBox, "question", lambda *_: yes)
    qtbot.mouseClick(panel.details.buttons["remove"], LEFT)
    assert not folder.exists()
    assert [item.text(0) for item in panel._items()] == ["sound"]


def test_without_a_job_there_is_nothing_to_scroll(panel: JobsPanel) -> None:
    panel.monitor.look()
    assert panel.room.isHidden() and not panel.empty.isHidden()
    job("first", "done")
    panel.monitor.look()
    assert panel.empty.isHidden() and not panel.room.isHidden()


def test_the_latest_is_first_and_the_choice_stays(panel: JobsPanel) -> None:
    old = job("old", "done")
    panel.monitor.look()
    job("new", "failed")
    panel.monitor.look()
    assert [item.text(0) for item in panel._items()] == ["new", "old"]
    assert panel.chosen is not None
    assert panel.chosen.folder == old


@pytest.mark.window
def test_a_finished_selection_shows_accuracy_and_gives_its_model(
    panel: JobsPanel, viewer: Viewer, tiny_bundle: Path, qtbot: QtBot
) -> None:
    folder = job("search", "done", "select-guidance", "--bundle", "x")
    candidates = [{"guidance": w, "accuracy": a} for w, a in ((1.0, 0.7), (2.0, 0.9))]
    JobNotes(folder).result({"out": str(tiny_bundle), "calibration": {"candidates": candidates}})
    panel.monitor.look()
    assert panel.details.loss.isHidden()
    assert panel.details.accuracy.words.text() == "best 0.900 at w = 2"
    qtbot.mouseClick(panel.details.buttons["use"], LEFT)
    analyse = show_panel(viewer, panel_named("Analyse"))
    assert isinstance(analyse, AnalysePanel)
    assert analyse.model.bundle == str(tiny_bundle)
    analyse.estimator.forget()


def test_the_accuracy_of_a_training_grows_beside_what_calling_all_alike_scores(
    viewer: Viewer, qtbot: QtBot
) -> None:
    folder = job("first", "running")
    notes = JobNotes(folder)
    panel = JobsDock(viewer)
    qtbot.addWidget(panel)
    shown = panel.details.accuracy
    notes.progress(JobProgress("Training", 900, 5000, values={"loss": 0.1}))
    panel.monitor.look()
    assert shown.isHidden()
    for step, accuracy in ((1000, 0.5), (2000, 0.75)):
        values = {"loss": 0.1, "held_out": 0.2, "accuracy": accuracy, "baseline": 0.5}
        notes.progress(JobProgress("Training", step, 5000, values=values))
        panel.monitor.look()
    assert not shown.isHidden()
    assert shown.points_shown() == [(1000, 0.5), (2000, 0.75)]
    assert shown.baseline_shown() == 0.5
    assert shown.words.text() == "0.750 at step 2,000"
    (plot,) = shown.plots
    assert plot.getAxis("bottom").labelText == "step"
    low, high = plot.vb.viewRange()[1]
    assert low < 0.5
    assert high > 0.75
    for theme in ("light", "dark"):
        viewer.theme = theme
        assert shown.theme == panel.details.loss.theme == plot_theme(theme)


def test_a_selection_shows_the_accuracy_of_the_slices_seen_so_far(panel: JobsPanel) -> None:
    folder = job("search", "running", "select-guidance", "--bundle", "x")
    notes = JobNotes(folder)
    notes.progress(JobProgress("Guidance selection", 3, 9))
    panel.monitor.look()
    shown = panel.details.accuracy
    assert shown.isHidden() and panel.details.loss.isHidden()
    for points in ([(1.0, 0.6), (2.0, 0.8)], [(1.0, 0.9), (2.0, 0.7)]):
        notes.progress(
            JobProgress("Guidance selection", 3, 9, values={"baseline": 0.6}, by_guidance=points)
        )
        panel.monitor.look()
        assert shown.points_shown() == points
    assert not shown.isHidden()
    assert shown.baseline_shown() == 0.6
    assert shown.words.text() == "best 0.900 at w = 1"
    # The next job has none.
    job("dataset", "running", "prepare", "scans")
    panel.monitor.look()
    panel.choose(job_folder("dataset"))
    assert shown.isHidden()


def test_a_job_is_removed_only_after_a_yes(
    panel: JobsPanel, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = job("first", "failed")
    panel.monitor.look()
    answers = iter([QMessageBox.StandardButton.No, QMessageBox.StandardButton.Yes])
    monkeypatch.setattr(QMessageBox, "question", lambda *_: next(answers))
    qtbot.mouseClick(panel.details.buttons["remove"], LEFT)
    assert folder.exists()
    qtbot.mouseClick(panel.details.buttons["remove"], LEFT)
    assert not folder.exists()
    assert panel.list.isHidden()


def test_the_folder_is_opened(
    panel: JobsPanel, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = job("first", "failed")
    panel.monitor.look()
    opened: list[QUrl] = []
    monkeypatch.setattr(QDesktopServices, "openUrl", opened.append)
    qtbot.mouseClick(panel.details.buttons["folder"], LEFT)
    assert [Path(url.toLocalFile()) for url in opened] == [folder]


def test_from_form_to_failure_to_another_try(
    panel: JobsPanel, qtbot: QtBot, tmp_path: Path
) -> None:
    form = panel.dataset
    assert not form.start.isEnabled()
    assert "the table of the scans" in form.why_not.text()
    scans = tmp_path / "scans"
    scans.mkdir()
    form.source.line.setText(str(scans))
    form.name.value = "mine"
    qtbot.mouseClick(form.start, LEFT)
    folder = job_folder("mine")
    assert panel.chosen is not None
    assert panel.chosen.folder == folder
    assert panel.tabs.currentIndex() == 0
    assert panel.chosen.request is not None
    assert panel.chosen.request.option("--out") == str(folder / "dataset.zarr")
    qtbot.waitUntil(lambda: panel.details.title.text() == "mine: failed", timeout=LONG)
    assert "contains no subject in the layout brats" in panel.details.words.text()
    qtbot.mouseClick(panel.details.buttons["resume"], LEFT)
    qtbot.waitUntil(
        lambda: panel.details.title.text() == "mine: failed" and state_of(folder).attempts == 2,
        timeout=LONG,
    )


def test_the_guidance_form_gives_its_command(panel: JobsPanel, tmp_path: Path) -> None:
    form = panel.guidance
    assert "model" in form.fault()
    form.bundle.line.setText("flair-synth")
    assert "dataset" in form.fault()
    form.dataset.line.setText(str(tmp_path))
    assert form.fault() == ""
    given = form.arguments(tmp_path)
    assert given[:2] == ["--bundle", "flair-synth"]
    assert given[given.index("--candidates") + 1].startswith("0.5,1,2,")
    assert given[given.index("--rule") + 1] == "dynamic"
    form.rule.setCurrentIndex(1)
    assert "--refine" not in form.arguments(tmp_path)
    form.refinement.setCurrentIndex(1)
    form.polarity.setCurrentIndex(1)
    form.criterion.setCurrentIndex(1)
    given = form.arguments(tmp_path)
    assert given[given.index("--rule") + 1] == "absolute"
    assert given[given.index("--polarity") + 1] == "hyperintense"
    assert "--refine" in given
    assert given[given.index("--criterion") + 1] == "balanced"


def test_the_dataset_form_gives_its_command(panel: JobsPanel, tmp_path: Path) -> None:
    form = panel.dataset
    assert "scans" in form.fault()
    form.source.line.setText(str(tmp_path))
    assert form.fault() == ""
    given = form.arguments(tmp_path)
    assert given[:3] == [str(tmp_path), "--layout", "brats"]
    assert given[given.index("--size") + 1] == "128"
    assert given[given.index("--intensity") + 1] == "volume_p99"
    form.pixels.set_key("64")
    form.intensity.set_key("volume_median")
    given = form.arguments(tmp_path)
    assert given[given.index("--size") + 1] == "64"
    assert given[given.index("--intensity") + 1] == "volume_median"


COST = {
    "words": "Time: about 5 min 00 s",
    "problems": ["PLACE/dataset.zarr needs about 2.0 GiB, but its disk has only 1 MiB free."],
}
# Stands for the command line, which imports nothing of the current folder: tells of the folder that
# the results would go to.
DRY_RUN = f"""
import sys
assert sys.flags.safe_path
assert sys.argv[-2:] == ["--dry-run", "--json"], sys.argv
place = sys.argv[sys.argv.index("--out") + 1].removesuffix("/dataset.zarr")
print({json.dumps(json.dumps(COST))}.replace("PLACE", place))
"""


def test_time_and_what_is_wrong_are_told_before_the_start(
    panel: JobsPanel, qtbot: QtBot, tmp_path: Path, own_jobs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(job_estimator, "COMMAND_LINE", (sys.executable, "-c", DRY_RUN))
    form = panel.dataset
    assert not form.estimate.isEnabled()
    form.source.line.setText(str(tmp_path))
    with qtbot.waitSignal(form.estimator.estimated, timeout=LONG):
        qtbot.mouseClick(form.estimate, LEFT)
        assert form.estimate.text() == "Cancel estimate"
    assert form.cost.text().splitlines() == [
        "the job's folder/dataset.zarr needs about 2.0 GiB, but its disk has only 1 MiB free.",
        "Time: about 5 min 00 s",
    ]
    assert list(own_jobs.iterdir()) == []
    form.name.value = "another name changes nothing"
    assert form.cost.text()
    form.pixels.setCurrentIndex(0)
    assert not form.cost.text()


def test_an_estimate_is_refused_or_cancelled(
    panel: JobsPanel, qtbot: QtBot, tmp_path: Path, own_jobs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    form = panel.dataset
    form.source.line.setText(str(tmp_path))
    with qtbot.waitSignal(form.estimator.failed, timeout=LONG):
        qtbot.mouseClick(form.estimate, LEFT)
    assert "contains no subject in the layout brats" in form.cost.text()
    for_ever = (sys.executable, "-c", "import time; time.sleep(1000)")
    monkeypatch.setattr(job_estimator, "COMMAND_LINE", for_ever)
    qtbot.mouseClick(form.estimate, LEFT)
    process = form.estimator._process
    assert process is not None
    assert process.waitForStarted()
    child = psutil.Process(process.processId())
    qtbot.mouseClick(form.estimate, LEFT)
    assert not form.estimator.running
    assert not child.is_running() or child.status() == psutil.STATUS_ZOMBIE
    assert not form.cost.text()
    assert list(own_jobs.iterdir()) == []


def test_the_estimate_of_a_training_follows_its_fields(panel: JobsPanel, tmp_path: Path) -> None:
    form = panel.training
    form.dataset.line.setText(str(tmp_path))
    before = form._given()
    form.steps.setValue(7)
    assert form._given() != before


def test_scrolling_a_form_changes_no_number(panel: JobsPanel, qtbot: QtBot) -> None:
    panel.tabs.setCurrentIndex(2)
    panel.show()
    form = panel.training
    spins = form.findChildren(QAbstractSpinBox)
    assert {form.steps, form.batch, form.rate.native} <= set(spins)
    before = [spin.text() for spin in spins]
    assert before[:3] == ["210,000", "64", "0.000100"]
    for spin in spins:
        _scroll(spin)
    assert [spin.text() for spin in spins] == before


def _scroll(widget: QWidget) -> None:
    at = QPointF(5, 5)
    none = Qt.KeyboardModifier.NoModifier
    turn = (QPoint(), QPoint(0, 120), Qt.MouseButton.NoButton, none, Qt.ScrollPhase.NoScrollPhase)
    QApplication.sendEvent(widget, QWheelEvent(at, widget.mapToGlobal(at), *turn, False))


def test_several_processes_are_offered_where_there_are_several_gpus(
    panel: JobsPanel, tmp_path: Path
) -> None:
    form = panel.training
    form.dataset.line.setText(str(tmp_path))
    form.device.set_key("auto")
    for gpus, offered in ((0, False), (1, False), (4, True)):
        form.offer_processes(gpus)
        assert form._processes_row.isHidden() is not offered
        assert ("--processes" in form.arguments(tmp_path)) is offered
    assert form.arguments(tmp_path)[-2:] == ["--processes", "4"]
    form.device.set_key("cpu")
    assert "--processes" not in form.arguments(tmp_path)


def _enabled(panel: JobsPanel) -> set[str]:
    return {name for name, button in panel.details.buttons.items() if button.isEnabled()}
