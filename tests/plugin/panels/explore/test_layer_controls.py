from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from qtpy.QtCore import Qt

from anofpdm import Analysis
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
