"""A comparison of two examinations in the viewer: layers, linked canvases, run and folder."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QApplication

from anofpdm import Volume
from anofpdm.common.errors import Cancelled, GeometryError
from anofpdm.results.follow_up.comparison import FollowUp, FollowUpListener, TimePoint
from anofpdm.results.follow_up.states import STATE_COLOURS
from anofpdm.results.measuring.values import statistics
from napari_anofpdm.app.context import Context
from napari_anofpdm.comparing.request import CompareRequest
from napari_anofpdm.layers.roles import ROLE
from napari_anofpdm.measuring.measured import entries_of
from napari_anofpdm.space.views import plane_in_view
from tests.core.follow_up_cases import comparison, written
from tests.plugin.canvas_mouse import drag, pixel_of
from tests.plugin.patience import LONG
from tests.plugin.reading.conftest import room, settle, shown

if TYPE_CHECKING:
    from napari.viewer import Viewer
    from pytestqt.qtbot import QtBot

__all__ = ["room", "shown"]


def drawn(viewer: Viewer) -> dict[str, Any]:
    return {layer.metadata[ROLE]: layer for layer in viewer.layers if ROLE in layer.metadata}


def colour_of(layer: Any, number: int) -> np.ndarray:
    return np.asarray(layer.colormap.map(np.array([number]))[0])


def test_both_times_stand_side_by_side_in_the_colours_of_the_states(
    room: Context, shown: Viewer
) -> None:
    from napari.utils.colormaps.standardize_color import transform_color

    other = shown.layers[0]
    found = comparison()
    room.comparison.show(found)
    settle()
    assert room.layouts.name == "two_times"
    layers = drawn(shown)
    assert set(layers) == {"follow_up", "baseline_changes", "follow_up_changes"}
    baseline = room.compared.baseline
    assert baseline is not None and baseline.visible and not other.visible
    assert not layers["follow_up"].visible and not layers["follow_up_changes"].visible
    assert room.layouts.shown is not None
    (view,) = room.layouts.shown.views
    assert [layer.metadata[ROLE] for layer in view.model.layers] == [
        "follow_up",
        "follow_up_changes",
    ]
    assert all(layer.visible for layer in view.model.layers)
    titles = [m.canvas.overlays["anofpdm_title"].text for m in (shown, view.model)]
    assert titles[0] == "Baseline" and titles[1].startswith("Follow-up")
    for change in found.changes.table:
        wanted = transform_color(STATE_COLOURS[change.state])[0]
        for role in ("baseline_changes", "follow_up_changes"):
            np.testing.assert_allclose(colour_of(layers[role], change.number), wanted, atol=0.01)
    # A lesion in view in both; slices, plane and zoom are linked.
    new = next(change for change in found.changes.table if change.state == "new")
    room.compared.go_to(new.number)
    assert room.comparison.selected == new.number
    alphas = {
        change.number: colour_of(layers["follow_up_changes"], change.number)[3]
        for change in found.changes.table
    }
    assert [number for number, alpha in alphas.items() if alpha > 0.9] == [new.number]
    assert view.model.dims.point[0] == shown.dims.point[0]
    value = view.model.layers[1].get_value(shown.dims.point, world=True)
    assert value == new.number
    room.layouts.show_plane("coronal")
    assert plane_in_view(view.model) == "coronal"
    assert view.model.dims.point[1] == shown.dims.point[1]
    assert view.model.scene.camera.zoom == shown.scene.camera.zoom
    # The window moves on both, each on its own scale.
    before = layers["follow_up"].contrast_limits
    low, high = baseline.contrast_limits
    baseline.contrast_limits = (low, (low + high) / 2)
    assert layers["follow_up"].contrast_limits[1] < before[1]
    room.layouts.show("single")
    assert other.visible


def test_a_region_drawn_at_either_time_has_the_values_of_both(
    room: Context, shown: Viewer, qtbot: QtBot
) -> None:
    found = comparison()
    room.comparison.show(found)
    settle()
    assert room.layouts.shown is not None
    (view,) = room.layouts.shown.views
    here = np.array(shown.dims.point[-3:], dtype=np.float64)
    canvas = view.canvas.canvas.native
    start, end = (pixel_of(view.model, canvas, list(here + by)) for by in ((0, -8, -8), (0, 9, 9)))
    room.measure.arm("rectangle")
    drawn_on = room.session.measurements
    drag(canvas, Qt.MouseButton.LeftButton, start, end, lambda: bool(drawn_on.items), qtbot)
    [entry] = entries_of(shown, room.session)
    times: dict[str, TimePoint] = {"scan": "baseline", "follow_up": "follow_up"}
    for name, time in times.items():
        values = statistics(drawn_on.items[0], found.scan(time))
        assert values is not None and entry[name]["mean"] == values.mean
    assert entry["scan"]["mean"] != entry["follow_up"]["mean"]
    captions = [drawing.captions[0] for drawing in room.measured.drawings]
    means = [f"1: {entry[name]['mean']:.4g} " for name in ("scan", "follow_up")]
    assert [caption[: len(mean)] for caption, mean in zip(captions, means, strict=True)] == means
    room.measure.arm(None)


@pytest.mark.nightly
def test_a_second_comparison_takes_the_place_of_the_first(room: Context, shown: Viewer) -> None:
    room.comparison.show(comparison())
    room.compared.go_to(1)
    second = comparison()
    room.comparison.show(second)
    assert room.comparison.selected is None
    roles = [layer.metadata[ROLE] for layer in shown.layers if ROLE in layer.metadata]
    assert sorted(roles) == ["baseline_changes", "follow_up", "follow_up_changes"]
    room.comparison.show(None)
    assert room.layouts.name == "single" and not drawn(shown)


@pytest.mark.window
def test_a_stored_comparison_opens_with_its_panel(
    context: Context, viewer: Viewer, qtbot: QtBot, tmp_path: Path
) -> None:
    viewer.open(str(written(tmp_path)), plugin="napari-anofpdm")
    qtbot.waitUntil(lambda: context.comparison.found is not None, timeout=LONG)
    found = context.comparison.found
    assert found is not None and found.changes.count("grown") == 1
    assert context.compared.baseline is viewer.layers[0].__wrapped__
    assert "Compare (AnoFPDM)" in viewer.window.dock_widgets


def test_a_damaged_comparison_is_a_sentence(
    context: Context, viewer: Viewer, told: list[tuple[str, str]], tmp_path: Path
) -> None:
    (written(tmp_path) / "follow_up_mask.nii.gz").unlink()
    assert viewer.open(str(tmp_path), plugin="napari-anofpdm") == []
    assert "follow_up_mask.nii.gz is missing" in told[-1][1]
    assert context.comparison.found is None


def request() -> CompareRequest:
    scan = Volume(np.ones((4, 4, 4), dtype=np.float32), np.eye(4), "flair")
    return CompareRequest("tiny", {"baseline": {"flair": scan}, "follow_up": {"flair": scan}})


def run_of(
    context: Context, monkeypatch: pytest.MonkeyPatch, work: Any
) -> tuple[list[str], list[str]]:
    monkeypatch.setattr("napari_anofpdm.comparing.run.compare", work)
    said: list[str] = []
    stages: list[str] = []
    context.compare_run.ended.connect(said.append)
    context.compare_run.progressed.connect(lambda progress: stages.append(progress.stage))
    context.compare_run.start(request())
    return said, stages


def test_a_run_shows_its_stages_and_its_result(
    context: Context, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(context.layouts, "show", lambda name: None)

    def work(request: CompareRequest, listener: FollowUpListener) -> FollowUp:
        listener.stage("Registering")
        return comparison()

    said, stages = run_of(context, monkeypatch, work)
    qtbot.waitUntil(lambda: context.comparison.found is not None, timeout=LONG)
    assert said == [""] and "Registering" in stages
    assert context.compare_run.state == "idle"


def test_a_run_is_cancelled_or_fails_in_a_sentence(
    context: Context, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    go_on = threading.Event()

    def held(request: CompareRequest, listener: FollowUpListener) -> FollowUp:
        go_on.wait(LONG / 1000)
        if listener.should_cancel():
            raise Cancelled("The analysis was cancelled.")
        return comparison()

    said, _ = run_of(context, monkeypatch, held)
    context.compare_run.cancel()
    assert context.compare_run.state == "cancelling"
    go_on.set()
    qtbot.waitUntil(lambda: bool(said), timeout=LONG)
    assert said == ["The comparison was cancelled."]

    def apart(request: CompareRequest, listener: FollowUpListener) -> FollowUp:
        raise GeometryError("a and b do not overlap; check them.")

    said, _ = run_of(context, monkeypatch, apart)
    qtbot.waitUntil(lambda: bool(said), timeout=LONG)
    assert said == ["a and b do not overlap; check them."]
    assert context.comparison.found is None
    QApplication.processEvents()
