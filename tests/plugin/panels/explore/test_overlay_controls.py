"""How map and mask are drawn: the controls of Explore, the layers, and what is remembered."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from anofpdm import Analysis
from napari_anofpdm.app.context import Context
from napari_anofpdm.host.preferences import OverlayPreferences
from napari_anofpdm.layers import overlay_look
from napari_anofpdm.panels.explore.overlay_controls import OverlayControls
from tests.plugin.patience import LONG

if TYPE_CHECKING:
    from napari.viewer import Viewer
    from pytestqt.qtbot import QtBot


def test_the_look_of_map_and_mask(
    viewer: Viewer,
    context: Context,
    tiny_analysis: Analysis,
    qtbot: QtBot,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    stored: list[OverlayPreferences] = []
    monkeypatch.setattr(overlay_look, "remember_overlays", stored.append)
    session, look = context.session, context.look
    controls = OverlayControls(look)
    qtbot.addWidget(controls)
    assert not controls.map.isEnabled()
    # What was chosen before holds for layers that come later.
    controls.opacity.setValue(50)
    controls.colours.setCurrentIndex(controls.colours.findData("viridis"))
    session.set_analysis(tiny_analysis)
    qtbot.waitUntil(lambda: session.is_current, timeout=LONG)
    shown: Any = context.layers.layer("map")
    steps: Any = context.layers.layer("sam")
    preview: Any = context.layers.layer("preview")
    assert shown.opacity == steps.opacity == 0.5
    assert np.argmax(shown.colormap.map(np.array([0.5]))[0][:3]) == 1  # green in the middle
    assert shown.colormap.map(np.array([0.0]))[0][3] == 0.0
    fitted = tuple(shown.contrast_limits)
    assert (controls.low.value(), controls.high.value()) == pytest.approx(fitted, abs=1e-3)
    assert controls.automatic.isChecked() and not controls.high.isEnabled()

    controls.automatic.setChecked(False)
    controls.high.setValue(3.5)
    assert tuple(shown.contrast_limits) == tuple(steps.contrast_limits)
    assert shown.contrast_limits[1] == 3.5 and look.chosen.map_high == 3.5
    session.volume_interpreted.emit(session.volume_result)
    assert shown.contrast_limits[1] == 3.5  # no result takes it back
    controls.automatic.setChecked(True)
    assert tuple(shown.contrast_limits) == pytest.approx(fitted)

    assert preview.contour == 1
    controls.mask_style.setCurrentIndex(1)
    controls.mask_opacity.setValue(30)
    controls.mask_colour.setCurrentIndex(controls.mask_colour.findData("#e69f00"))
    assert preview.contour == 0 and preview.opacity == pytest.approx(0.3)
    orange = np.array([0xE6, 0x9F, 0x00, 0xFF]) / 255
    np.testing.assert_allclose(preview.colormap.map(np.array([1]))[0], orange, atol=0.01)
    mask: Any = context.layers.commit_mask()
    np.testing.assert_allclose(mask.colormap.map(np.array([1]))[0], orange, atol=0.01)
    assert mask.contour == 0 and mask.opacity != pytest.approx(0.3)

    controls.smooth.setChecked(False)
    assert not look.chosen.smooth and not context.layouts.smooth
    controls.bar.setChecked(True)
    assert shown.colorbar.visible
    controls.map.setChecked(False)
    assert not shown.visible
    shown.visible = True  # by its key or in the list
    assert controls.map.isChecked()

    look.store()
    assert stored[-1] == look.chosen and look.chosen.colour_map == "viridis"
    controls.reset.click()
    assert look.chosen == OverlayPreferences() and preview.contour == 1
    assert controls.smooth.isChecked() and context.layouts.smooth
    assert shown.opacity == 0.8 and not shown.colorbar.visible
    viewer.layers.remove(shown)
    assert not controls.map.isEnabled()
    look.store()
