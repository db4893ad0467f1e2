from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from anofpdm import Analysis
from napari_anofpdm.app.context import Context
from napari_anofpdm.layers.roles import ROLE
from napari_anofpdm.reading.central import Central
from napari_anofpdm.reading.side_by_side import SideBySide
from napari_anofpdm.space.views import plane_in_view
from tests.plugin.reading.conftest import settle

if TYPE_CHECKING:
    from napari.viewer import Viewer


def _titles(shown: SideBySide, viewer: Viewer) -> list[str]:
    models = [viewer, *(view.model for view in shown.views)]
    return [model.canvas.overlays["anofpdm_title"].text for model in models]


def test_scan_prediction_and_map_stand_side_by_side(
    room: Context, shown: Viewer, tiny_analysis: Analysis
) -> None:
    session = room.session
    room.layouts.show("side_by_side")
    arrangement = room.layouts.shown
    assert isinstance(arrangement, SideBySide)
    assert _titles(arrangement, shown) == ["Scan", "Healthy: none yet", "Map: none yet"]
    shown.dims.set_point(0, 8.0)  # off the middle of what was analysed
    session.set_analysis(tiny_analysis)
    superior = shown.dims.point[-3]
    assert [view.model.dims.point[-3] for view in arrangement.views] == [superior] * 2
    drawn = {layer.metadata[ROLE]: layer for layer in shown.layers if ROLE in layer.metadata}
    settle()
    # The prediction is named with the guidance in use, which can go beyond healthy tissue.
    session.update_settings(guidance=2.0)
    assert _titles(arrangement, shown) == ["Scan", "Healthy\nw = 2", "Map"]
    session.update_settings(guidance=32.0)
    assert _titles(arrangement, shown)[1].startswith("Healthy\nw = 32\n(ex")  # as it has room
    assert not drawn["map"].visible and not drawn["preview"].visible
    prediction, found = (view.model for view in arrangement.views)
    assert [layer.metadata[ROLE] for layer in prediction.layers] == ["healthy"]
    own = {layer.metadata[ROLE]: layer for layer in found.layers}
    assert own["map"].visible and own["preview"].visible
    assert np.shares_memory(own["map"].data, drawn["map"].data)
    # The prediction is of the session's step, and all canvases show the viewer's plane.
    session.set_step(2)
    assert prediction.dims.point[0] == 2.0
    room.layers.steps.blend(0.4)
    (blended,) = (each for each in shown.layers if each.metadata.get(ROLE) == "healthy")
    assert blended.visible and blended.opacity == 0.4
    room.layers.steps.blend(0.0)
    assert blended not in shown.layers
    room.layouts.show_plane("sagittal")
    assert [plane_in_view(model) for model in (shown, prediction, found)] == ["sagittal"] * 3
    zooms = {model.scene.camera.zoom for model in (shown, prediction, found)}
    assert len(zooms) == 1
    room.layouts.show("single")
    room.layouts.show("side_by_side")
    again: Any = room.layouts.shown
    assert [view.model.dims.point[-3] for view in again.views] == [superior] * 2
    room.layouts.show("single")
    assert drawn["map"].visible and drawn["preview"].visible
    assert not drawn["sam"].visible
    assert not Central(shown).canvas.dims.isHidden()
