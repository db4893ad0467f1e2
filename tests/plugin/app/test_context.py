from __future__ import annotations

from typing import TYPE_CHECKING

from pytestqt.qtbot import QtBot

from anofpdm import Analysis
from napari_anofpdm.app.context import context_of
from napari_anofpdm.layers.roles import ROLE
from tests.plugin.patience import LONG

if TYPE_CHECKING:
    from napari.viewer import Viewer


def test_a_viewer_has_one_context_also_by_its_proxy(viewer: Viewer) -> None:
    context = context_of(viewer)
    assert context_of(viewer) is context
    assert context_of(viewer.__wrapped__) is context


def test_the_session_ends_with_its_viewer(viewer: Viewer, qtbot: QtBot) -> None:
    session = context_of(viewer).session
    viewer.close()
    qtbot.waitUntil(lambda: session.is_closed, timeout=LONG)


def test_who_waits_for_the_result_need_not_know_who_makes_it(
    viewer: Viewer, tiny_analysis: Analysis, qtbot: QtBot
) -> None:
    context = context_of(viewer)
    context.session.set_analysis(tiny_analysis)
    assert context.layers.commit_mask() is None

    def committed() -> bool:
        return any(layer.metadata.get(ROLE) == "mask" for layer in viewer.layers)

    qtbot.waitUntil(committed, timeout=LONG)
