from __future__ import annotations

from typing import TYPE_CHECKING

import napari.layers
import numpy as np
import pytest
from napari.components import ViewerModel
from napari.settings import get_settings
from napari.utils.key_bindings import coerce_keybinding
from napari.utils.shortcuts import default_shortcuts
from qtpy.QtCore import QSize, Qt
from qtpy.QtWidgets import QApplication, QDialogButtonBox, QLabel, QWidget

from anofpdm import Analysis
from napari_anofpdm.app.shortcuts import (
    SHORTCUTS,
    bind_shortcuts,
    free_keys,
    next_step,
    previous_step,
    show_shortcuts,
    toggle_results,
)
from napari_anofpdm.host import screen_room
from napari_anofpdm.reading.hands import MOUSE
from napari_anofpdm.session.session import Session
from napari_anofpdm.widgets.upright_scroll import UprightScroll
from tests.plugin.patience import LONG
from tests.plugin.window_faults import faults_of

if TYPE_CHECKING:
    from napari.viewer import Viewer
    from pytestqt.qtbot import QtBot


def _own() -> set[str]:
    return {str(coerce_keybinding(shortcut.key)) for shortcut in SHORTCUTS}


def test_no_key_is_given_twice() -> None:
    assert len(_own()) == len(SHORTCUTS)


def test_no_key_is_one_of_naparis_settings() -> None:
    theirs = {str(key) for keys in default_shortcuts.values() for key in keys}
    assert len(theirs) > 50
    replaced = {shortcut.key for shortcut in SHORTCUTS if shortcut.instead_of}
    assert replaced == {"Left", "Right", "Space"}
    assert not (_own() - replaced) & theirs


def test_a_key_replaces_the_action_that_it_names() -> None:
    for shortcut in SHORTCUTS:
        if shortcut.instead_of:
            assert shortcut.key in map(str, default_shortcuts[shortcut.instead_of])


@pytest.mark.window
def test_no_key_is_one_of_a_layer_or_menu(viewer: Viewer) -> None:
    from napari._app_model import get_app_model

    kinds = [napari.layers.Layer, *napari.layers.Layer.__subclasses__()]
    kinds += [napari.layers.Image, napari.layers.Labels]
    layers = {str(key) for kind in kinds for key in kind.class_keymap}
    menus = {str(rule.keybinding) for rule in get_app_model().keybindings}
    assert {"Ctrl+Z", "M"} <= layers
    assert "Ctrl+O" in menus
    assert not _own() & (layers | menus)


def test_a_key_that_the_user_gave_to_napari_stays_his(monkeypatch: pytest.MonkeyPatch) -> None:
    shortcuts = get_settings().shortcuts
    changed = dict(shortcuts.shortcuts) | {"napari:reset_view": [coerce_keybinding("W")]}
    monkeypatch.setattr(shortcuts, "shortcuts", changed)
    viewer = ViewerModel()
    bind_shortcuts(viewer)
    assert free_keys() == {s.key for s in SHORTCUTS} - {"W"}
    assert {str(key) for key in viewer.keymap} == _own() - {"W"}


def _canvas() -> QWidget:
    (canvas,) = (
        widget
        for widget in QApplication.allWidgets()
        if type(widget).__name__ == "CanvasBackendDesktop"
    )
    return canvas


@pytest.mark.window
def test_keys_work_on_the_canvas_while_labels_are_painted(viewer: Viewer, qtbot: QtBot) -> None:
    bind_shortcuts(viewer)
    labels = viewer.add_labels(np.zeros((4, 5, 6), dtype=np.uint8))
    labels.mode = "paint"
    qtbot.keyClick(_canvas(), Qt.Key.Key_9)
    assert tuple(viewer.dims.order) == (1, 0, 2)
    qtbot.keyClick(_canvas(), Qt.Key.Key_0)
    assert tuple(viewer.dims.order) == (2, 0, 1)
    qtbot.keyClick(_canvas(), Qt.Key.Key_8)
    assert tuple(viewer.dims.order) == (0, 1, 2)
    assert labels.mode == "paint"


def test_the_help_lists_every_key(qtbot: QtBot) -> None:
    dialog = show_shortcuts(ViewerModel())
    qtbot.addWidget(dialog)
    written = [label.text() for label in dialog.findChildren(QLabel)]
    keys = {key for text in written for key in text.removeprefix("<b>")[:-4].split(", ")}
    for shortcut in SHORTCUTS:
        assert shortcut.key in keys
        assert shortcut.does in written
    for hand, does in MOUSE:
        assert f"<b>{hand}</b>" in written and does in written
    dialog.close()


def test_results_are_hidden_and_come_back_as_they_were() -> None:
    viewer = ViewerModel()
    image = np.zeros((3, 4, 5))
    scan = viewer.add_image(image)
    shown = viewer.add_image(image, metadata={"anofpdm_role": "map"})
    unseen = viewer.add_image(image, metadata={"anofpdm_role": "sam"}, visible=False)
    mask = viewer.add_image(image, metadata={"anofpdm_role": "mask"})
    everything = [scan, shown, unseen, mask]
    toggle_results(viewer)
    assert [layer.visible for layer in everything] == [True, False, False, True]
    toggle_results(viewer)
    assert [layer.visible for layer in everything] == [True, True, False, True]


def test_steps_move_and_stop_at_both_ends(
    viewer: Viewer, session: Session, tiny_analysis: Analysis
) -> None:
    next_step(viewer)
    assert session.step == 0
    session.set_analysis(tiny_analysis)
    session.set_step(1)
    previous_step(viewer)
    previous_step(viewer)
    assert session.step == 0
    for _ in tiny_analysis.timesteps:
        next_step(viewer)
    assert session.step == len(tiny_analysis.timesteps) - 1


@pytest.mark.parametrize("room", [QSize(1366, 700), QSize(3000, 3000)])
def test_the_table_of_keys_fits_the_screen(
    qtbot: QtBot, viewer: Viewer, monkeypatch: pytest.MonkeyPatch, room: QSize
) -> None:
    """On a low screen it scrolls, and its button stays in view; on a high one it is whole."""
    monkeypatch.setattr(screen_room, "screen_size", lambda _: room)
    dialog = show_shortcuts(viewer)
    qtbot.addWidget(dialog)
    (scroll,) = dialog.findChildren(UprightScroll)
    (buttons,) = dialog.findChildren(QDialogButtonBox)
    table, bar = scroll.widget(), scroll.verticalScrollBar()
    assert table is not None and bar is not None
    qtbot.waitUntil(lambda: table.height() >= table.sizeHint().height(), timeout=LONG)
    qtbot.waitUntil(lambda: not faults_of(dialog), timeout=LONG)
    assert dialog.height() < room.height()
    assert dialog.rect().contains(buttons.geometry())
    assert (bar.maximum() > 0) is (room.height() < table.height())


def test_the_table_of_keys_asks_for_no_more_than_this_screen(qtbot: QtBot, viewer: Viewer) -> None:
    dialog = show_shortcuts(viewer)
    qtbot.addWidget(dialog)
    screen = dialog.screen()
    assert screen is not None
    assert dialog.height() < screen.availableSize().height()
