"""The label tool, driven by keys on a real scan layer."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from qtpy.QtCore import QPoint, Qt
from qtpy.QtWidgets import QMessageBox

from anofpdm import Volume
from anofpdm.datasets.case import Annotation
from anofpdm.datasets.labels.annotations import read_annotations
from napari_anofpdm.app.docks.label import LabelDock
from napari_anofpdm.app.shortcuts import KEYS, mark_first, mark_last
from napari_anofpdm.panels.label.panel import LabelPanel
from napari_anofpdm.session.labelling import Labelling
from napari_anofpdm.space.layer_volume import layer_data

if TYPE_CHECKING:
    from napari.viewer import Viewer
    from pytestqt.qtbot import QtBot

    from napari_anofpdm.app.context import Context

LEFT = Qt.MouseButton.LeftButton


@pytest.fixture
def panel(viewer: Viewer, context: Context, qtbot: QtBot, tmp_path: Path) -> LabelPanel:
    # The third axis runs toward the feet: the file's slice 0 is the highest.
    affine = np.diag([1.0, 1.0, -2.0, 1.0])
    volume = Volume(np.zeros((6, 7, 20), np.float32), affine)
    volume = replace(volume, path=tmp_path / "scans" / "p01.nii.gz")
    data, attributes, _ = layer_data(volume, "scan", "image")
    panel = LabelPanel(viewer, context.labelling, KEYS)
    qtbot.addWidget(panel)
    assert not panel.first.isEnabled()
    viewer.add_image(data, **attributes)
    panel.file.line.setText(str(tmp_path / "labels.csv"))
    return panel


def test_two_keys_mark_ranges_that_are_saved(
    panel: LabelPanel, viewer: Viewer, tmp_path: Path
) -> None:
    assert panel.subject.text() == "p01"
    for first, last in ((3, 5), (9, 7), (6, 6)):
        panel._go_to(first)
        mark_first(viewer)
        assert f"unhealthy from {first}" in panel.state.text()
        panel._go_to(last)
        mark_last(viewer)
    assert read_annotations(tmp_path / "labels.csv") == {"p01": Annotation("unhealthy", ((3, 9),))}
    panel._go_to(4)
    assert "Slice 4 (0 to 19, from the feet up): unhealthy" in panel.state.text()
    panel._go_to(10)
    assert panel.state.text().endswith(": healthy")
    assert "Saved in" in panel.saved.text()


def test_slice_0_is_at_the_feet(panel: LabelPanel, viewer: Viewer) -> None:
    scan = viewer.layers["scan"]
    panel._go_to(0)
    lowest = viewer.dims.point[0]
    panel._go_to(19)
    # World coordinates of the first axis grow toward the head.
    assert viewer.dims.point[0] - lowest == pytest.approx(19 * abs(scan.scale[0]))


def test_what_was_saved_comes_back(
    panel: LabelPanel, tmp_path: Path, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    answers = [QMessageBox.StandardButton.No, QMessageBox.StandardButton.Yes]
    monkeypatch.setattr(QMessageBox, "question", lambda *_: answers.pop(0))
    path = tmp_path / "labels.csv"
    path.write_text('subject,label,unhealthy_slices\np02,unhealthy,"2-4, 8-9"\n')
    panel.subject.setText("p02")
    panel.subject.editingFinished.emit()
    rows = [panel.ranges.item(i) for i in range(panel.ranges.count())]
    assert [row.text() for row in rows if row is not None] == ["2 to 4", "8 to 9"]
    panel.ranges.setCurrentRow(1)
    assert "Slice 8 " in panel.state.text()
    qtbot.mouseClick(panel.remove, LEFT)
    assert read_annotations(path)["p02"].ranges == ((2, 4),)
    qtbot.mouseClick(panel.verdicts["healthy"], LEFT)
    assert read_annotations(path)["p02"].ranges == ((2, 4),)  # the answer was No
    qtbot.mouseClick(panel.verdicts["healthy"], LEFT)
    assert read_annotations(path)["p02"] == Annotation("healthy")
    assert not answers
    qtbot.mouseClick(panel.verdicts[None], LEFT)
    assert read_annotations(path)["p02"] == Annotation()


def test_without_a_file_nothing_is_lost_silently(panel: LabelPanel, qtbot: QtBot) -> None:
    panel.file.line.clear()
    qtbot.mouseClick(panel.verdicts["healthy"], LEFT)
    assert "Not saved yet" in panel.saved.text()


def add_scan(viewer: Viewer, path: Path, slices: int = 20, name: str = "scan") -> None:
    volume = Volume(np.zeros((6, 7, slices), np.float32), np.diag([1.0, 1.0, 2.0, 1.0]))
    data, attributes, _ = layer_data(replace(volume, path=path), name, "image")
    viewer.add_image(data, **attributes)


def mark(panel: LabelPanel, viewer: Viewer, first: int, last: int) -> None:
    panel._go_to(first)
    mark_first(viewer)
    panel._go_to(last)
    mark_last(viewer)


def choose(panel: LabelPanel, path: Path) -> None:
    panel.file.line.setText(str(path))
    panel.file.chosen.emit()


def test_marks_made_before_the_file_is_chosen_are_saved_in_it(
    panel: LabelPanel, viewer: Viewer, tmp_path: Path
) -> None:
    choose(panel, Path())
    panel.file.line.clear()
    panel.file.chosen.emit()
    mark(panel, viewer, 3, 5)
    add_scan(viewer, tmp_path / "scans" / "p02.nii.gz")
    assert panel.subject.text() == "p02"  # a scan that is opened is the one in view
    mark(panel, viewer, 8, 9)
    panel._go_to(12)
    mark_first(viewer)
    path = tmp_path / "later.csv"
    choose(panel, path)
    assert read_annotations(path) == {
        "p01": Annotation("unhealthy", ((3, 5),)),
        "p02": Annotation("unhealthy", ((8, 9),)),
    }
    assert panel.state.text().endswith("unhealthy from 12; mark the last slice")
    mark_last(viewer)
    assert read_annotations(path) == {
        "p01": Annotation("unhealthy", ((3, 5),)),
        "p02": Annotation("unhealthy", ((8, 9), (12, 12))),
    }


def test_what_waits_replaces_no_labels_of_a_scan_that_is_not_in_view(
    panel: LabelPanel, viewer: Viewer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    no = QMessageBox.StandardButton.No
    monkeypatch.setattr(QMessageBox, "question", lambda *_: no)
    panel.file.line.clear()
    mark(panel, viewer, 3, 5)
    add_scan(viewer, tmp_path / "scans" / "p02.nii.gz")
    path = tmp_path / "later.csv"
    path.write_text("subject,label,unhealthy_slices\np01,unhealthy,11-12\n")
    choose(panel, path)
    assert read_annotations(path) == {"p01": Annotation("unhealthy", ((11, 12),))}
    panel.scan.set_key("0")
    panel._on_scan()
    assert panel._marks.ranges == ((11, 12),) and not panel._marks.unsaved


@pytest.mark.parametrize("replaced", [True, False])
def test_labels_that_were_not_seen_are_replaced_only_when_asked(
    panel: LabelPanel, viewer: Viewer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    replaced: bool,
) -> None:  # fmt: skip
    buttons = QMessageBox.StandardButton
    asked: list[str] = []

    def answer(*given: object) -> QMessageBox.StandardButton:
        asked.append(str(given[2]))
        return buttons.Yes if replaced else buttons.No

    monkeypatch.setattr(QMessageBox, "question", answer)
    mark(panel, viewer, 3, 5)
    assert not asked
    path = tmp_path / "labels.csv"
    path.write_text('subject,label,unhealthy_slices\np01,unhealthy,"7-8, 11"\n')
    mark(panel, viewer, 14, 15)
    assert len(asked) == 1 and "unhealthy in slices 7-8, 11" in asked[0]
    wanted = ((3, 5), (14, 15)) if replaced else ((7, 8), (11, 11))
    assert read_annotations(path)["p01"].ranges == wanted
    assert panel._marks.ranges == wanted
    mark(panel, viewer, 18, 18)
    assert len(asked) == 1 and read_annotations(path)["p01"].ranges == (*wanted, (18, 18))


def test_a_fault_in_another_line_keeps_this_subjects_labels(
    panel: LabelPanel, viewer: Viewer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown: list[str] = []
    monkeypatch.setattr(
        "napari_anofpdm.panels.label.panel.show_failure", lambda e, _: shown.append(str(e))
    )
    path = tmp_path / "labels.csv"
    path.write_text("subject,label,unhealthy_slices\np01,unhealthy,3-5\np02,helthy,\n")
    before = path.read_text()
    choose(panel, path)
    mark(panel, viewer, 8, 9)
    assert all("helthy" in sentence for sentence in shown) and shown
    assert panel.saved.text() == "Not saved." and path.read_text() == before


@pytest.mark.parametrize("kind", ["another folder", "another grid"])
def test_two_scans_of_one_name_are_not_labelled_as_one(
    panel: LabelPanel, viewer: Viewer, tmp_path: Path, kind: str
) -> None:
    mark(panel, viewer, 3, 5)
    folder = tmp_path / ("scans" if kind == "another grid" else "others")
    add_scan(viewer, folder / "p01.nii", 8 if kind == "another grid" else 20)
    assert panel.scan.layer == viewer.layers[-1] and panel.subject.text() == "p01"
    assert "p01 is also the name of another scan" in panel.saved.text()
    assert not panel.first.isEnabled() and not panel.verdicts["healthy"].isEnabled()
    mark(panel, viewer, 6, 7)
    labels = tmp_path / "labels.csv"
    assert read_annotations(labels) == {"p01": Annotation("unhealthy", ((3, 5),))}
    panel.subject.setText("p02")
    panel.subject.editingFinished.emit()
    mark(panel, viewer, 6, 7)
    assert read_annotations(labels) == {
        "p01": Annotation("unhealthy", ((3, 5),)),
        "p02": Annotation("unhealthy", ((6, 7),)),
    }


def test_scans_of_one_examination_share_their_labels(
    panel: LabelPanel, viewer: Viewer, tmp_path: Path
) -> None:
    mark(panel, viewer, 3, 5)
    add_scan(viewer, tmp_path / "scans" / "p01_t1.nii.gz")
    assert (panel.subject.text(), panel.saved.text()) == ("p01", "")
    assert panel._marks.ranges == ((3, 5),)


def test_labels_beyond_the_scan_are_another_subjects(
    panel: LabelPanel, viewer: Viewer, tmp_path: Path
) -> None:
    path = tmp_path / "labels.csv"
    path.write_text("subject,label,unhealthy_slices\np01,unhealthy,20-25\n")
    choose(panel, path)
    assert "end at slice 25, but this scan has 20 slices" in panel.saved.text()
    mark(panel, viewer, 2, 4)
    assert read_annotations(path)["p01"].ranges == ((20, 25),)


def test_a_scan_stays_when_others_come_while_a_range_is_open(
    panel: LabelPanel, viewer: Viewer, tmp_path: Path
) -> None:
    panel._go_to(3)
    mark_first(viewer)
    add_scan(viewer, tmp_path / "scans" / "p02.nii")
    viewer.layers.move(0, 2)
    viewer.add_labels(np.zeros((20, 7, 6), int))
    assert panel.subject.text() == "p01" and panel._marks.open_end == 3


@pytest.mark.window
def test_a_closed_panel_labels_no_more(viewer: Viewer, qtbot: QtBot, tmp_path: Path) -> None:
    def opened() -> LabelPanel:
        panel = LabelDock(viewer)
        qtbot.addWidget(panel)  # napari lets go of a closed panel without destroying it
        viewer.window.add_dock_widget(panel, name="Label")
        return panel

    first = opened()
    add_scan(viewer, tmp_path / "scans" / "p01.nii")
    choose(first, tmp_path / "a.csv")
    mark(first, viewer, 3, 5)
    viewer.window.remove_dock_widget(first)
    second = opened()
    # The next panel goes on with the same file.
    assert second.file.text == str(tmp_path / "a.csv")
    assert second._marks.ranges == ((3, 5),)
    choose(second, tmp_path / "b.csv")
    mark(second, viewer, 11, 15)
    assert read_annotations(tmp_path / "a.csv")["p01"].ranges == ((3, 5),)
    assert read_annotations(tmp_path / "b.csv")["p01"].ranges == ((11, 15),)
    viewer.window.remove_dock_widget(second)
    mark_last(viewer)
    assert read_annotations(tmp_path / "b.csv")["p01"].ranges == ((11, 15),)


def test_a_click_on_the_strip_shows_the_slice(panel: LabelPanel, qtbot: QtBot) -> None:
    panel.bar.resize(200, 20)
    qtbot.mouseClick(panel.bar, LEFT, pos=QPoint(155, 10))
    assert "Slice 15 " in panel.state.text()


def test_ranges_are_joined_and_sorted() -> None:
    marks = Labelling()
    marks.load(((8, 9), (1, 2), (3, 4)), None)
    assert marks.ranges == ((1, 4), (8, 9))
    marks.mark_last(20)
    assert marks.ranges[-1] == (20, 20)
    for _ in range(3):
        marks.remove(0)
    assert not marks.ranges
    assert marks.verdict is None
