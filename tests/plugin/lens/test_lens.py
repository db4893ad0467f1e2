"""The lens: another picture round the pointer, in pixels of the real canvas."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
from qtpy.QtCore import QPoint, Qt
from qtpy.QtGui import QMouseEvent
from qtpy.QtWidgets import QApplication

from anofpdm import Analysis
from napari_anofpdm.app.viewer_setup import prepare
from napari_anofpdm.layers.scan_layers import scan_layers
from napari_anofpdm.reading.central import Central
from tests.plugin.canvas_mouse import turn_wheel
from tests.plugin.patience import LONG
from tests.plugin.reading.conftest import settle
from tests.plugin.two_lesions import find_two_lesions

if TYPE_CHECKING:
    from napari.viewer import Viewer
    from pytestqt.qtbot import QtBot


def point_at(canvas: Any, at: QPoint) -> None:
    """Move the pointer without a button."""
    move, none = QMouseEvent.Type.MouseMove, Qt.MouseButton.NoButton
    held = Qt.KeyboardModifier.NoModifier
    where = at.toPointF()
    event = QMouseEvent(move, where, canvas.mapToGlobal(at).toPointF(), none, none, held)
    QApplication.sendEvent(canvas, event)


def test_the_prediction_is_seen_inside_the_circle_only(
    make_napari_viewer_proxy: Callable[..., Viewer], tiny_analysis: Analysis, qtbot: QtBot
) -> None:
    viewer = make_napari_viewer_proxy(show=True)
    viewer.window.resize(480, 420)
    context = prepare(viewer)
    for layer in scan_layers(tiny_analysis, "scan"):
        viewer.add_layer(layer)
    find_two_lesions(context.session, tiny_analysis, qtbot)
    settle()
    canvas: Any = Central(viewer).canvas.canvas.native
    middle, lens = canvas.rect().center(), context.lens
    roles = [layer.metadata.get("anofpdm_role") for layer in viewer.layers]
    opacities = [layer.opacity for layer in viewer.layers]

    def picture() -> np.ndarray:
        settle()
        return np.asarray(viewer.screenshot(canvas_only=True, flash=False))[..., :3].astype(int)

    def differs(one: np.ndarray, other: np.ndarray) -> np.ndarray:
        return np.asarray(np.abs(one - other).max(axis=-1) > 8)

    with lens.held("healthy"):
        assert context.layers.layer("healthy") is not None
        lens._glasses[0].hide()
        alone = picture()
        point_at(canvas, middle)
        qtbot.waitUntil(lambda: lens._glasses[0]._at is not None, timeout=LONG)
        through = picture()
        rows, columns = np.nonzero(differs(alone, through))
        away = np.hypot(rows - middle.y(), columns - middle.x())
        assert away.max() <= lens.radius_px + 2
        assert away.max() >= lens.radius_px - 2  # the rim
        zoom, before = viewer.scene.camera.zoom, lens.radius_px
        for held in (Qt.KeyboardModifier.ShiftModifier, Qt.KeyboardModifier.ControlModifier):
            turn_wheel(canvas, 1, held)
        assert lens.radius_px > before and viewer.scene.camera.zoom == zoom
        # No other overlay is drawn meanwhile.
        assert context.layers.layer("preview").opacity == 0.0  # type: ignore[union-attr]
    assert not lens.is_held
    assert [layer.metadata.get("anofpdm_role") for layer in viewer.layers] == roles
    assert [layer.opacity for layer in viewer.layers] == opacities
