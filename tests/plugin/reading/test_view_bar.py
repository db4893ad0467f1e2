from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QPushButton

from anofpdm import Volume
from napari_anofpdm.app.bars import show_bars
from napari_anofpdm.app.viewer_setup import prepare
from napari_anofpdm.layers.windows import window_limits
from napari_anofpdm.reading.bars.view_bar import ViewBar
from napari_anofpdm.space.layer_volume import layer_data

if TYPE_CHECKING:
    from napari.viewer import Viewer
    from pytestqt.qtbot import QtBot

pytestmark = pytest.mark.window

LEFT = Qt.MouseButton.LeftButton


@pytest.fixture
def bar(viewer: Viewer) -> ViewBar:
    data = np.random.default_rng(0).normal(100, 20, (6, 7, 5)).astype(np.float32)
    voxels, attributes, _ = layer_data(Volume(data, np.eye(4)), "scan", "image")
    prepare(viewer)
    bar = show_bars(viewer, curves=lambda: None)
    viewer.add_image(voxels, **attributes)
    return bar


def _pressed(bar: ViewBar) -> list[str]:
    return [name for name, button in bar.planes.items() if button.isChecked()]


def the_planes_follow_button_and_key(bar: ViewBar, viewer: Viewer, qtbot: QtBot) -> None:
    assert _pressed(bar) == ["axial"]
    qtbot.mouseClick(bar.planes["sagittal"], LEFT)
    assert tuple(viewer.dims.order) == (2, 0, 1)
    assert _pressed(bar) == ["sagittal"]
    qtbot.mouseClick(bar.planes["sagittal"], LEFT)
    assert _pressed(bar) == ["sagittal"]
    viewer.dims.roll()
    assert _pressed(bar) == []
    qtbot.mouseClick(bar.planes["axial"], LEFT)
    viewer.dims.ndisplay = 3
    assert _pressed(bar) == []


def the_window_buttons_set_the_contrast(bar: ViewBar, viewer: Viewer, qtbot: QtBot) -> None:
    scan = viewer.layers[0]
    for name, button in reversed(bar.windows.items()):
        qtbot.mouseClick(button, LEFT)
        assert tuple(scan.contrast_limits) == pytest.approx(window_limits(scan.data, name))


def the_open_menu_opens(bar: ViewBar, viewer: Viewer, monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[tuple[str, object]] = []
    for name in ("open_files", "open_analysis"):
        monkeypatch.setattr(
            f"napari_anofpdm.app.bars.{name}", lambda v, name=name: opened.append((name, v))
        )
    menu = bar.open.menu()
    assert menu is not None
    for action in menu.actions():
        action.trigger()
    assert opened == [("open_files", viewer), ("open_analysis", viewer)]


def the_bars_are_made_once(bar: ViewBar, viewer: Viewer) -> None:
    bar.hide()
    assert show_bars(viewer, curves=lambda: None) is bar
    assert not bar.isHidden()


def every_control_says_what_it_does(bar: ViewBar) -> None:
    for button in bar.findChildren(QPushButton):
        assert button.toolTip().endswith("."), button.text()


def test_the_bar(
    bar: ViewBar, viewer: Viewer, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In one window, which takes seconds to make."""
    the_planes_follow_button_and_key(bar, viewer, qtbot)
    the_window_buttons_set_the_contrast(bar, viewer, qtbot)
    the_open_menu_opens(bar, viewer, monkeypatch)
    the_bars_are_made_once(bar, viewer)
    every_control_says_what_it_does(bar)
