from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from qtpy.QtCore import Qt

from anofpdm import Analysis
from anofpdm.results.fused_map import fused_map
from napari_anofpdm.panels.explore.layer_controls import LayerControls
from tests.plugin.patience import LONG

if TYPE_CHECKING:
    from napari.viewer import Viewer
    from pytestqt.qtbot import QtBot

    from napari_anofpdm.app.context import Context
    from napari_anofpdm.session.session import Session


@pytest.fixture
def controls(
    viewer: Viewer, qtbot: QtBot, tiny_analysis: Analysis, session: Session, context: Context
) -> LayerControls:
    made = LayerControls(viewer, session, context.layers)
    qtbot.addWidget(made)
    assert not made.edit.isEnabled()
    session.set_analysis(tiny_analysis)
    qtbot.waitUntil(lambda: session.is_current, timeout=LONG)
    return made


def names(viewer: Viewer) -> set[str]:
    return {layer.name for layer in viewer.layers}


def test_the_button_makes_a_mask_to_paint_on(
    viewer: Viewer, controls: LayerControls, qtbot: QtBot, session: Session
) -> None:
    qtbot.mouseClick(controls.edit, Qt.MouseButton.LeftButton)
    mask = viewer.layers["Mask"]
    native = session.native
    assert native is not None
    assert mask.editable
    assert np.count_nonzero(mask.data) == np.count_nonzero(native.mask)


def test_the_fused_map_comes_goes_and_follows(
    viewer: Viewer,
    controls: LayerControls,
    qtbot: QtBot,
    session: Session,
    tiny_analysis: Analysis,
) -> None:
    controls.fused.click()
    qtbot.waitUntil(lambda: "Fused map" in names(viewer), timeout=LONG)
    turn = tiny_analysis.geometry.orientation.to_canonical

    def shown() -> bool:
        assert session.volume_result is not None
        expected = turn(fused_map(tiny_analysis, session.volume_result)).transpose()
        return np.array_equal(viewer.layers["Fused map"].data, expected)

    assert shown() and viewer.layers["Fused map"].data.any()
    session.update_settings(threshold={"kind": "absolute", "value": 0.02})
    qtbot.waitUntil(lambda: session.is_current, timeout=LONG)
    qtbot.waitUntil(shown, timeout=LONG)
    controls.fused.click()
    assert "Fused map" not in names(viewer)


def test_a_fused_map_of_another_scan_does_not_stay(
    viewer: Viewer, controls: LayerControls, qtbot: QtBot, session: Session
) -> None:
    controls.fused.click()
    qtbot.waitUntil(lambda: "Fused map" in names(viewer), timeout=LONG)
    session.close_analysis()
    assert "Fused map" not in names(viewer)
    assert not controls.fused.isChecked() and not controls.fused.isEnabled()


def test_a_fused_map_taken_from_the_list_is_unticked(
    viewer: Viewer, controls: LayerControls, qtbot: QtBot
) -> None:
    controls.fused.click()
    qtbot.waitUntil(lambda: "Fused map" in names(viewer), timeout=LONG)
    viewer.layers.remove(viewer.layers["Fused map"])
    assert not controls.fused.isChecked()


def test_predictions_come_and_go_with_the_tick(viewer: Viewer, controls: LayerControls) -> None:
    without = names(viewer)
    controls.predictions.click()
    assert len(names(viewer) - without) == 2
    controls.predictions.click()
    assert names(viewer) == without


def test_predictions_taken_from_the_list_are_unticked(
    viewer: Viewer, controls: LayerControls
) -> None:
    without = names(viewer)
    controls.predictions.click()
    for name in names(viewer) - without:
        viewer.layers.remove(name)
    assert not controls.predictions.isChecked()
    controls.predictions.click()
    assert len(names(viewer) - without) == 2


def test_one_scored_scan_leaves_nothing_to_choose(controls: LayerControls) -> None:
    assert controls.modality.isHidden()


def test_without_an_analysis_nothing_is_offered(
    viewer: Viewer, controls: LayerControls, session: Session
) -> None:
    controls.predictions.click()
    session.close_analysis()
    assert not controls.edit.isEnabled()
    assert not controls.predictions.isChecked()
