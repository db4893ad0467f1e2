from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from anofpdm import Analysis, Settings
from anofpdm.method.settings import AbsoluteThreshold
from napari_anofpdm.app.context import Context
from napari_anofpdm.layers.roles import ROLE
from napari_anofpdm.session.session import Session

if TYPE_CHECKING:
    from napari.viewer import Viewer
    from pytestqt.qtbot import QtBot


@pytest.fixture
def ready(session: Session, tiny_analysis: Analysis, qtbot: QtBot) -> Session:
    """A session whose mask is known."""
    session.set_analysis(tiny_analysis)
    session.set_settings(Settings(threshold=AbsoluteThreshold(value=0.001)))
    qtbot.waitUntil(lambda: session.is_current, timeout=60_000)
    return session


def mask_of(viewer: Viewer) -> Any:
    (layer,) = (each for each in viewer.layers if each.metadata.get(ROLE) == "mask")
    return layer


def test_every_correction_is_one_step_of_undo_and_is_measured(
    ready: Session, viewer: Viewer, context: Context, qtbot: QtBot
) -> None:
    tools = context.tools
    tools.keep_in_brain()  # copies the mask into a layer, in which this changes nothing
    layer = mask_of(viewer)
    start = layer.data.copy()
    analysis = ready.analysis
    assert analysis is not None and start.any()
    brain = analysis.geometry.orientation.to_canonical(analysis.foreground_native).transpose()
    free = np.argwhere(brain & (start == 0))
    seed = layer.data_to_world(free[len(free) // 2])
    tools.set_radius(5.0)
    tools.add_at(seed)
    added = layer.data.copy()
    assert added[tuple(free[len(free) // 2])] == 1
    assert not (added.astype(bool) & ~brain & (start == 0)).any()
    tools.remove_at(seed)
    assert layer.data[tuple(free[len(free) // 2])] == 0
    tools.undo()
    np.testing.assert_array_equal(layer.data, added)
    tools.undo()
    np.testing.assert_array_equal(layer.data, start)
    tools.redo()
    np.testing.assert_array_equal(layer.data, added)
    tools.shrink()
    assert layer.data.sum() < added.sum()
    shrunk = layer.data.copy()
    tools.grow()
    assert layer.data.sum() > shrunk.sum()
    tools.keep_in_brain()
    assert not layer.data[~brain].any()
    voxels = int(layer.data.sum())
    qtbot.waitUntil(
        lambda: ready.edited is not None and ready.edited.lesions.voxels == voxels, timeout=60_000
    )
    assert mask_of(viewer) is layer


def test_painted_slices_are_joined_and_a_tool_in_hand_is_shown(
    ready: Session, viewer: Viewer, context: Context
) -> None:
    tools = context.tools
    tools.keep_in_brain()
    layer = mask_of(viewer)
    layer.data[...] = 0
    layer.data[[1, 3], 4:8, 4:8] = 1
    tools.interpolate()
    np.testing.assert_array_equal(layer.data[2], layer.data[1])
    assert not layer.data[[0, 4, 5]].any()
    told: list[str | None] = []
    tools.armed_changed.connect(told.append)
    tools.arm("add")
    tools.arm("add")
    ready.close_analysis()
    assert told == ["add", None]
