"""The Analyse panel, driven by mouse and keys on its real widgets."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QMessageBox

from anofpdm import Volume, analyze
from anofpdm.model.bundle import ModelBundle
from napari_anofpdm.app.context import context_of
from napari_anofpdm.app.docks import analyse as analyse_dock
from napari_anofpdm.app.docks.analyse import AnalyseDock
from napari_anofpdm.host.preferences import RunPreferences
from napari_anofpdm.panels.analyse import panel as analyse_panel
from napari_anofpdm.panels.analyse import run_estimator
from napari_anofpdm.panels.analyse.panel import AnalysePanel
from napari_anofpdm.panels.analyse.run_estimator import estimate_in_words
from napari_anofpdm.session.session import Session
from napari_anofpdm.space.layer_volume import layer_data, volume_of
from tests.plugin.patience import LONG

if TYPE_CHECKING:
    from napari.layers import Layer
    from napari.viewer import Viewer
    from pytestqt.qtbot import QtBot
    from qtpy.QtWidgets import QPushButton


@pytest.fixture
def brought(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Names of the panels that are brought to the front, for which they need a window."""
    names: list[str] = []
    monkeypatch.setattr(analyse_dock, "show_panel", lambda _, panel: names.append(panel.name))
    return names


@pytest.fixture
def panel(
    qtbot: QtBot,
    viewer: Viewer,
    tiny_bundle: Path,
    monkeypatch: pytest.MonkeyPatch,
    brought: list[str],
) -> Iterator[AnalysePanel]:
    monkeypatch.setattr(run_estimator, "_DELAY_MS", 0)
    panel = AnalyseDock(viewer)
    qtbot.addWidget(panel)
    panel.model.choose(str(tiny_bundle))
    panel.how.device_box.set_key("cpu")
    yield panel
    panel.estimator.forget()


@pytest.fixture
def scan(viewer: Viewer, panel: AnalysePanel, tiny_volume: Volume) -> Layer:
    data, attributes, _ = layer_data(tiny_volume, "FLAIR", "image")
    layer: Layer = viewer.add_image(data, **attributes)
    return layer


@pytest.fixture
def held(monkeypatch: pytest.MonkeyPatch) -> Iterator[threading.Event]:
    """Hold the network before its sixth call, the second of the second slice."""
    release, real, calls = threading.Event(), ModelBundle.predictor, [0]

    def predictor(self: ModelBundle, *args: Any) -> Callable[..., torch.Tensor]:
        predict = real(self, *args)

        def waiting(*inputs: torch.Tensor) -> torch.Tensor:
            calls[0] += 1
            if calls[0] == 6:
                assert release.wait(60)
            return predict(*inputs)

        return waiting

    monkeypatch.setattr(ModelBundle, "predictor", predictor)
    yield release
    release.set()


@pytest.fixture
def no_estimate(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave the network to the run."""
    monkeypatch.setattr(run_estimator.RunEstimator, "ask", lambda *_: None)


def _click(qtbot: QtBot, button: QPushButton) -> None:
    qtbot.mouseClick(button, Qt.MouseButton.LeftButton)


def _until_idle(qtbot: QtBot, viewer: Viewer) -> None:
    qtbot.waitUntil(lambda: context_of(viewer).run.state == "idle", timeout=LONG)


def test_without_a_scan_the_panel_says_what_to_do(panel: AnalysePanel) -> None:
    assert not panel.run_volume.isEnabled()
    assert not panel.run_slice.isEnabled()
    assert "Open a scan" in panel.estimate.text()
    assert "Open a scan" in panel.run_volume.toolTip()


def test_a_scan_is_estimated_before_the_run(qtbot: QtBot, panel: AnalysePanel, scan: Layer) -> None:
    assert panel.run_volume.isEnabled()
    qtbot.waitUntil(lambda: "Time: " in panel.estimate.text(), timeout=LONG)
    assert "for 4 slices" in panel.estimate.text()
    assert "MiB for the result" in panel.estimate.text()


def test_what_may_spoil_the_result_is_said_before_the_run(
    qtbot: QtBot, viewer: Viewer, panel: AnalysePanel, tiny_volume: Volume
) -> None:
    assert panel.doubts.isHidden()
    broken = tiny_volume.data.copy()
    broken[7, 7, 3] = np.nan
    data, attributes, _ = layer_data(Volume(broken, tiny_volume.affine), "FLAIR", "image")
    layer = viewer.add_image(data, **attributes)
    qtbot.waitUntil(lambda: "1 voxels that are NaN" in panel.doubts.text(), timeout=LONG)
    assert panel.run_volume.isEnabled()
    viewer.layers.remove(layer)
    assert panel.doubts.isHidden()


def test_an_estimate_that_is_not_waited_for_is_not_promised(
    qtbot: QtBot, viewer: Viewer, panel: AnalysePanel, scan: Layer, no_estimate: None
) -> None:
    assert panel.estimate.text().startswith("Estimating")
    _click(qtbot, panel.run_volume)
    assert panel.estimate.text() == ""
    _until_idle(qtbot, viewer)
    assert "Analysed" in panel.outcome.text()


def test_run_volume_gives_the_core_s_own_analysis(
    qtbot: QtBot,
    viewer: Viewer,
    panel: AnalysePanel,
    scan: Layer,
    tiny_bundle: Path,
    tiny_volume: Volume,
    session: Session,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # Rounding to bfloat16 would depend on the size of a call.
    exact = RunPreferences(precision="float32", bundle=str(tiny_bundle))
    monkeypatch.setattr(analyse_panel, "run_preferences", lambda: exact)
    _click(qtbot, panel.run_volume)
    assert not panel.run_volume.isEnabled()
    assert not panel.bar.isHidden()
    _until_idle(qtbot, viewer)
    found = session.analysis
    assert found is not None
    middle = int(found.slice_ids[len(found) // 2])
    expected = analyze(
        {"flair": tiny_volume},
        tiny_bundle,
        device="cpu",
        precision="float32",
        first_slice=middle,
    )
    assert np.array_equal(found.slice_ids, expected.slice_ids)
    for position in range(len(found)):
        for a, b in zip(found.steps_of(position), expected.steps_of(position), strict=True):
            np.testing.assert_allclose(a, b, atol=2e-3)
    assert panel.bar.isHidden()
    assert panel.run_volume.isEnabled()
    assert panel.outcome.text() == f"Analysed {len(found)} slices."


def test_run_this_slice_takes_the_one_in_view(
    qtbot: QtBot,
    viewer: Viewer,
    panel: AnalysePanel,
    scan: Layer,
    no_estimate: None,
    session: Session,
    brought: list[str],
) -> None:
    for index in (1, 4):
        viewer.dims.set_point(viewer.dims.ndim - 3, scan.translate[0] + index * scan.scale[0])
        _click(qtbot, panel.run_slice)
        _until_idle(qtbot, viewer)
        analysis = session.analysis
        assert analysis is not None
        assert analysis.slice_ids.tolist() == [index]
    assert panel.outcome.text() == "Analysed 1 slice."
    qtbot.waitUntil(lambda: bool(brought), timeout=LONG)
    assert set(brought) == {"Explore"}


def test_one_slice_takes_the_place_of_a_volume_only_when_the_user_agrees(
    qtbot: QtBot,
    viewer: Viewer,
    panel: AnalysePanel,
    scan: Layer,
    no_estimate: None,
    session: Session,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    answers = [QMessageBox.StandardButton.No, QMessageBox.StandardButton.Yes]
    monkeypatch.setattr(QMessageBox, "question", lambda *_: answers.pop(0))
    _click(qtbot, panel.run_volume)
    _until_idle(qtbot, viewer)
    volume = session.analysis
    assert volume is not None and len(volume) > 1
    _click(qtbot, panel.run_slice)
    assert session.analysis is volume
    _click(qtbot, panel.run_slice)
    _until_idle(qtbot, viewer)
    assert session.analysis is not None and len(session.analysis) == 1


def test_the_run_takes_the_voxels_as_they_are_when_it_starts(
    qtbot: QtBot,
    viewer: Viewer,
    panel: AnalysePanel,
    scan: Layer,
    no_estimate: None,
    session: Session,
) -> None:
    scan.data = np.asarray(scan.data)[::-1].copy()
    _click(qtbot, panel.run_volume)
    _until_idle(qtbot, viewer)
    assert session.analysis is not None
    [native] = session.analysis.native.values()
    assert np.array_equal(native, volume_of(scan).data)
    assert session.scan is not None and not session.scan.is_changed


def test_cancel_stops_the_run_and_the_next_one_completes(
    qtbot: QtBot,
    viewer: Viewer,
    panel: AnalysePanel,
    scan: Layer,
    held: threading.Event,
    no_estimate: None,
    session: Session,
) -> None:
    _click(qtbot, panel.run_volume)
    qtbot.waitUntil(lambda: "slice 1 of 4 done" in panel.bar.words.text(), timeout=LONG)
    assert len(session.done) == 1
    assert panel.bar.bar.value() > 0
    _click(qtbot, panel.bar.cancel)
    assert not panel.bar.cancel.isEnabled()
    assert panel.bar.words.text() == "Stopping…"
    held.set()
    _until_idle(qtbot, viewer)
    assert panel.bar.isHidden()
    assert "cancelled" in panel.outcome.text()
    assert len(session.done) == 1
    _click(qtbot, panel.run_volume)
    assert panel.outcome.text() == ""
    _until_idle(qtbot, viewer)
    assert len(session.done) == 4


def test_another_panel_finds_the_run_under_way(
    qtbot: QtBot,
    viewer: Viewer,
    panel: AnalysePanel,
    scan: Layer,
    held: threading.Event,
    no_estimate: None,
    session: Session,
) -> None:
    _click(qtbot, panel.run_volume)
    qtbot.waitUntil(lambda: len(session.done) == 1, timeout=LONG)
    other = AnalyseDock(viewer)
    qtbot.addWidget(other)
    assert not other.bar.isHidden()
    assert not other.run_volume.isEnabled()
    _click(qtbot, other.bar.cancel)
    held.set()
    _until_idle(qtbot, viewer)
    assert other.bar.isHidden()
    assert panel.bar.isHidden()


def test_wrong_settings_are_red_and_cannot_be_run(
    qtbot: QtBot, panel: AnalysePanel, scan: Layer
) -> None:
    panel.how.steps_box.selectAll()
    qtbot.keyClicks(panel.how.steps_box, "777")
    qtbot.keyClick(panel.how.steps_box, Qt.Key.Key_Return)
    assert panel.how.steps.is_wrong
    assert not panel.run_volume.isEnabled()
    assert panel.estimate.text() == "Fix the field marked in red: Steps."
    panel.how.steps_box.setValue(5)
    assert panel.run_volume.isEnabled()


def test_a_scan_of_another_contrast_is_not_taken(
    viewer: Viewer, panel: AnalysePanel, scan: Layer
) -> None:
    scan.name = "T1"
    assert not panel.run_volume.isEnabled()
    assert panel.estimate.text() == "Choose the layer that holds the FLAIR scan."


def test_the_request_follows_fields_and_preferences(
    panel: AnalysePanel,
    scan: Layer,
    tiny_bundle: Path,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    preferred = RunPreferences(precision="bfloat16", memory_limit_gib=1.0, slices_per_call=3)
    monkeypatch.setattr(analyse_panel, "run_preferences", lambda: preferred)
    monkeypatch.setattr(analyse_panel, "folder", lambda which: tmp_path / which)
    panel.how.process_box.setCurrentIndex(1)
    panel.how.steps_box.setValue(7)
    request = panel.request()
    assert request is not None
    assert (request.bundle, request.process, request.steps) == (str(tiny_bundle), "ddpm", 7)
    assert (request.device, request.precision) == ("cpu", "bfloat16")
    assert (request.batch_size, request.memory_limit) == (3, 1 << 30)
    assert request.temporary_folder == tmp_path / "analyses"
    assert request.slices is None


def test_a_run_that_fails_leaves_a_usable_panel(
    qtbot: QtBot,
    viewer: Viewer,
    panel: AnalysePanel,
    scan: Layer,
    no_estimate: None,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with monkeypatch.context() as broken:

        def fail(*_: Any) -> None:
            raise torch.OutOfMemoryError("CUDA out of memory")

        broken.setattr(ModelBundle, "predictor", fail)
        _click(qtbot, panel.run_volume)
        _until_idle(qtbot, viewer)
    assert "does not have enough memory for the model" in panel.outcome.text()
    assert panel.bar.isHidden()
    _click(qtbot, panel.run_volume)
    _until_idle(qtbot, viewer)
    assert "Analysed" in panel.outcome.text()


def test_an_estimate_that_fails_says_why(
    qtbot: QtBot, panel: AnalysePanel, scan: Layer, monkeypatch: pytest.MonkeyPatch
) -> None:
    from anofpdm.common.errors import BundleError

    def gone(*_: Any) -> None:
        raise BundleError("The bundle has gone.")

    monkeypatch.setattr(run_estimator, "_estimate", gone)
    panel.how.steps_box.setValue(5)
    qtbot.waitUntil(lambda: panel.estimate.text() == "The bundle has gone.", timeout=LONG)


def test_a_run_does_not_wait_for_an_estimate(
    qtbot: QtBot,
    viewer: Viewer,
    panel: AnalysePanel,
    scan: Layer,
    monkeypatch: pytest.MonkeyPatch,
    session: Session,
) -> None:
    looks, release = threading.Event(), threading.Event()

    def look(*_: Any) -> None:
        looks.set()
        release.wait(LONG / 1000)

    monkeypatch.setattr(run_estimator, "_looked_at", look)
    panel.how.steps_box.setValue(5)
    qtbot.waitUntil(looks.is_set, timeout=LONG)
    _click(qtbot, panel.run_volume)
    _until_idle(qtbot, viewer)
    assert len(session.done) == 4
    release.set()


def test_estimates_in_words() -> None:
    from anofpdm.analysis.estimate import RunEstimate

    text = estimate_in_words(RunEstimate(64, 20, (125.0, 250.0), 3 << 29, 200 << 20))
    assert text == (
        "Time: 2 min 05 s to 4 min 10 s for 64 slices\n"
        "Memory: 200 MiB to run, 1.5 GiB for the result"
    )
    assert "unknown for 1 slices (no slice fits" in estimate_in_words(RunEstimate(1, 1, None, 0, 0))


def test_every_control_has_a_tooltip(panel: AnalysePanel, scan: Layer) -> None:
    from qtpy.QtWidgets import QAbstractSpinBox, QComboBox, QPushButton

    controls = [
        child
        for kind in (QAbstractSpinBox, QComboBox, QPushButton)
        for child in panel.findChildren(kind)
    ]
    assert len(controls) >= 10
    assert all(control.toolTip() for control in controls)
