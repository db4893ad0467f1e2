"""The button that makes a brain mask: a layer that can be edited, a sentence, and a way to stop."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
import pytest

from anofpdm import Volume
from anofpdm.preprocessing.skull.tool import ToolMissingError
from napari_anofpdm.panels.analyse.scan_fields import ScanFields
from napari_anofpdm.session.engine_thread import submit
from napari_anofpdm.space.layer_volume import layer_data, volume_of
from tests.plugin.patience import LONG

if TYPE_CHECKING:
    from napari.viewer import Viewer
    from pytestqt.qtbot import QtBot

Finder = Callable[[Volume, Callable[[], bool]], tuple[np.ndarray, str]]


@pytest.fixture
def fields(qtbot: QtBot, viewer: Viewer, tiny_volume: Volume) -> ScanFields:
    fields = ScanFields(viewer)
    qtbot.addWidget(fields)
    fields.set_modalities(("flair",))
    data, attributes, _ = layer_data(tiny_volume, "patient FLAIR", "image")
    viewer.add_image(data, **attributes)
    return fields


def found_by(monkeypatch: pytest.MonkeyPatch, finder: Finder) -> None:
    monkeypatch.setattr("anofpdm.preprocessing.skull.deepbet.find_brain", finder)


def test_the_mask_becomes_a_layer_and_is_chosen(
    qtbot: QtBot, viewer: Viewer, fields: ScanFields, monkeypatch: pytest.MonkeyPatch
) -> None:
    found_by(monkeypatch, lambda volume, _: (np.asarray(volume.data) > 0, "1.0"))
    fields.brain.button.click()
    assert fields.brain.button.text() == "Cancel extraction"
    qtbot.waitUntil(lambda: not fields.brain.busy, timeout=LONG)
    mask = fields.mask_box.layer
    assert mask is not None and mask.name == "patient FLAIR brain mask" and mask.editable
    assert mask.contour == 1  # the scan under it can be judged
    scan = volume_of(viewer.layers[0])
    np.testing.assert_array_equal(volume_of(mask).data > 0, scan.data > 0)
    np.testing.assert_allclose(volume_of(mask).affine, scan.affine)
    assert fields.scans is not None and fields.scans.brain_mask is not None
    assert fields.brain.outcome.text() != ""


def test_a_missing_tool_is_a_sentence(
    qtbot: QtBot, viewer: Viewer, fields: ScanFields, monkeypatch: pytest.MonkeyPatch
) -> None:
    def none(volume: Volume, cancelled: Callable[[], bool]) -> tuple[np.ndarray, str]:
        raise ToolMissingError("deepbet is not installed; install it.")

    found_by(monkeypatch, none)
    fields.brain.button.click()
    qtbot.waitUntil(lambda: not fields.brain.busy, timeout=LONG)
    assert fields.brain.outcome.text() == "deepbet is not installed; install it."
    assert len(viewer.layers) == 1


def test_an_extraction_is_cancelled(
    qtbot: QtBot, viewer: Viewer, fields: ScanFields, monkeypatch: pytest.MonkeyPatch
) -> None:
    go_on = threading.Event()

    def held(volume: Volume, cancelled: Callable[[], bool]) -> tuple[np.ndarray, str]:
        go_on.wait(LONG / 1000)
        return np.asarray(volume.data) > 0, "1.0"

    found_by(monkeypatch, held)
    fields.brain.button.click()
    fields.brain.button.click()
    go_on.set()
    qtbot.waitUntil(lambda: not fields.brain.busy, timeout=LONG)
    assert fields.brain.outcome.text() == "Cancelled."
    assert len(viewer.layers) == 1


def test_without_a_scan_there_is_nothing_to_extract(viewer: Viewer, fields: ScanFields) -> None:
    assert fields.brain.button.isEnabled()
    viewer.layers.clear()
    assert not fields.brain.button.isEnabled()


def test_a_panel_that_is_closed_meanwhile_hears_nothing(
    qtbot: QtBot, viewer: Viewer, fields: ScanFields, monkeypatch: pytest.MonkeyPatch
) -> None:
    go_on, ended = threading.Event(), threading.Event()

    def held(volume: Volume, cancelled: Callable[[], bool]) -> tuple[np.ndarray, str]:
        go_on.wait(LONG / 1000)
        ended.set()
        return np.asarray(volume.data) > 0, "1.0"

    found_by(monkeypatch, held)
    fields.brain.button.click()
    gone: list[bool] = []
    fields.brain.destroyed.connect(lambda: gone.append(True))
    fields.brain.deleteLater()
    qtbot.waitUntil(lambda: bool(gone), timeout=LONG)
    go_on.set()
    qtbot.waitUntil(ended.is_set, timeout=LONG)
    done: list[object] = []
    submit(lambda: None, on_done=done.append)
    qtbot.waitUntil(lambda: bool(done), timeout=LONG)  # whatever came before is delivered
    assert len(viewer.layers) == 1
