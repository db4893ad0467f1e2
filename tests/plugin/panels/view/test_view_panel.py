from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QPushButton

from anofpdm import Volume
from napari_anofpdm.app.docks.view import ViewDock
from napari_anofpdm.layers.windows import window_limits
from napari_anofpdm.panels.view.panel import ViewPanel
from napari_anofpdm.space.layer_volume import layer_data

if TYPE_CHECKING:
    from napari.viewer import Viewer
    from pytestqt.qtbot import QtBot

LEFT = Qt.MouseButton.LeftButton


@pytest.fixture
def panel(viewer: Viewer, qtbot: QtBot) -> ViewPanel:
    data = np.random.default_rng(0).normal(100, 20, (6, 7, 5)).astype(np.float32)
    voxels, attributes, _ = layer_data(Volume(data, np.eye(4)), "scan", "image")
    panel = ViewDock(viewer)
    qtbot.addWidget(panel)
    viewer.add_image(voxels, **attributes)
    return panel


def _pressed(panel: ViewPanel) -> list[str]:
    return [name for name, button in panel.planes.items() if button.isChecked()]


def test_the_planes_follow_button_and_key(panel: ViewPanel, viewer: Viewer, qtbot: QtBot) -> None:
    assert _pressed(panel) == ["axial"]
    qtbot.mouseClick(panel.planes["sagittal"], LEFT)
    assert tuple(viewer.dims.order) == (2, 0, 1)
    assert _pressed(panel) == ["sagittal"]
    qtbot.mouseClick(panel.planes["sagittal"], LEFT)
    assert _pressed(panel) == ["sagittal"]
    viewer.dims.roll()
    assert _pressed(panel) == []
    qtbot.mouseClick(panel.planes["axial"], LEFT)
    viewer.dims.ndisplay = 3
    assert _pressed(panel) == []


def test_the_window_buttons_set_the_contrast(
    panel: ViewPanel, viewer: Viewer, qtbot: QtBot
) -> None:
    scan = viewer.layers[0]
    for name, button in reversed(panel.windows.items()):
        qtbot.mouseClick(button, LEFT)
        assert tuple(scan.contrast_limits) == pytest.approx(window_limits(scan.data, name))


def test_the_open_buttons_open(
    panel: ViewPanel, viewer: Viewer, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[tuple[str, object]] = []
    for name in ("open_files", "open_analysis"):
        monkeypatch.setattr(
            f"napari_anofpdm.app.docks.view.{name}",
            lambda v, name=name: opened.append((name, v)),
        )
    qtbot.mouseClick(panel.open_scans, LEFT)
    qtbot.mouseClick(panel.open_stored, LEFT)
    assert opened == [("open_files", viewer), ("open_analysis", viewer)]


def test_every_control_says_what_it_does(panel: ViewPanel) -> None:
    for button in panel.findChildren(QPushButton):
        assert button.toolTip().endswith("."), button.text()
