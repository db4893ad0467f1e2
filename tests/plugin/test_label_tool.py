"""The label tool, driven by keys on a real scan layer."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from qtpy.QtCore import QPoint, Qt

from anofpdm import Volume
from anofpdm.datasets.annotations import read_annotations
from anofpdm.datasets.case import Annotation
from napari_anofpdm.label_tool import LabelPanel
from napari_anofpdm.labelling import Labelling
from napari_anofpdm.layer_volume import layer_data
from napari_anofpdm.shortcuts import mark_first, mark_last

if TYPE_CHECKING:
    from napari.viewer import Viewer
    from pytestqt.qtbot import QtBot

LEFT = Qt.MouseButton.LeftButton


@pytest.fixture
def panel(viewer: Viewer, qtbot: QtBot, tmp_path: Path) -> LabelPanel:
    # The third axis runs toward the feet: the file's slice 0 is the highest.
    affine = np.diag([1.0, 1.0, -2.0, 1.0])
    volume = Volume(np.zeros((6, 7, 20), np.float32), affine)
    volume = replace(volume, path=tmp_path / "scans" / "p01.nii.gz")
    data, attributes, _ = layer_data(volume, "scan", "image")
    panel = LabelPanel(viewer)
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


def test_what_was_saved_comes_back(panel: LabelPanel, tmp_path: Path, qtbot: QtBot) -> None:
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
    assert read_annotations(path)["p02"] == Annotation("healthy")
    qtbot.mouseClick(panel.verdicts[None], LEFT)
    assert read_annotations(path)["p02"] == Annotation()


def test_without_a_file_nothing_is_lost_silently(panel: LabelPanel, qtbot: QtBot) -> None:
    panel.file.line.clear()
    qtbot.mouseClick(panel.verdicts["healthy"], LEFT)
    assert "Not saved yet" in panel.saved.text()


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
