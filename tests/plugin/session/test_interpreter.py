from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from pytestqt.qtbot import QtBot

from anofpdm import Analysis, Interpretation, interpret
from anofpdm.common.errors import AnalysisError
from anofpdm.results.native import to_native
from napari_anofpdm.session import interpreter as interpreter_module
from napari_anofpdm.session.interpreter import Interpreter
from napari_anofpdm.session.session import Session
from tests.plugin.patience import LONG


@pytest.fixture
def session() -> Iterator[Session]:
    session = Session()
    yield session
    session.close()


@pytest.fixture(autouse=True)
def interpreter(session: Session) -> Interpreter:
    return Interpreter(session)


class Volumes(list[Interpretation]):
    """The interpretations of the volume that a session has told of."""

    def __init__(self, session: Session) -> None:
        super().__init__()
        session.volume_interpreted.connect(self.append)


class BrokenSteps:
    """Steps of which the slices from position 2 on cannot be read."""

    def __init__(self, analysis: Analysis) -> None:
        self._steps = analysis.steps
        self.shape, self.dtype = analysis.steps.shape, analysis.steps.dtype

    def read(self, position: int) -> tuple[NDArray[Any], NDArray[Any]]:
        if position >= 2:
            raise AnalysisError("scan.anofpdm.zarr is damaged; run the analysis again.")
        return self._steps.read(position)


def current(session: Session) -> Callable[[], bool]:
    return lambda: session.is_current


def test_results_are_the_cores(session: Session, tiny_analysis: Analysis, qtbot: QtBot) -> None:
    session.set_analysis(tiny_analysis)
    session.set_position(1)
    session.update_settings(
        threshold={"kind": "absolute", "value": 0.5}, median_kernel=1, guidance=3.0
    )
    qtbot.waitUntil(current(session), timeout=LONG)
    assert session.settings is not None
    expected = interpret(tiny_analysis, session.settings)
    assert session.volume_result is not None and session.slice_result is not None
    np.testing.assert_array_equal(session.volume_result.mask, expected.mask)
    np.testing.assert_array_equal(session.slice_result.mask[0], expected.mask[1])
    assert session.native is not None and session.native.mask.any()
    native = to_native(tiny_analysis, expected)
    np.testing.assert_array_equal(session.native.mask, native.mask)
    np.testing.assert_array_equal(session.native.anomaly_map, native.anomaly_map)
    assert session.lesions is not None
    np.testing.assert_array_equal(session.lesions.labels > 0, native.mask > 0)


def test_the_slice_comes_with_the_settings(
    session: Session, tiny_analysis: Analysis, qtbot: QtBot
) -> None:
    session.set_analysis(tiny_analysis)
    qtbot.waitUntil(current(session), timeout=LONG)
    session.set_position(0)
    assert session.slice_result is not None
    session.update_settings(guidance=4.0)
    assert session.slice_result.settings.guidance == 4.0
    assert not session.is_current


def test_a_threshold_does_not_go_through_the_steps_again(
    session: Session, tiny_analysis: Analysis, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    session.set_analysis(tiny_analysis)
    session.update_settings(guidance=3.0)
    qtbot.waitUntil(current(session), timeout=LONG)
    read: list[int] = []
    steps_of = Analysis.steps_of

    def noted(self: Analysis, position: int) -> tuple[NDArray[Any], NDArray[Any]]:
        read.append(position)
        return steps_of(self, position)

    monkeypatch.setattr(Analysis, "steps_of", noted)
    for value in (0.01, 0.02, 0.5):
        session.update_settings(threshold={"kind": "absolute", "value": value}, median_kernel=1)
    qtbot.waitUntil(current(session), timeout=LONG)
    assert read == []
    assert session.settings is not None and session.volume_result is not None
    expected = interpret(tiny_analysis, session.settings)
    np.testing.assert_array_equal(session.volume_result.mask, expected.mask)
    read.clear()
    session.update_settings(guidance=5.0)
    qtbot.waitUntil(current(session), timeout=LONG)
    assert sorted(read) == list(range(len(tiny_analysis)))


def test_a_refinement_costs_only_the_way_to_the_scan(
    session: Session, tiny_analysis: Analysis, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    session.set_analysis(tiny_analysis)
    session.set_position(1)
    session.update_settings(threshold={"kind": "absolute", "value": 0.01}, median_kernel=1)
    qtbot.waitUntil(current(session), timeout=LONG)
    assert session.native is not None
    coarse = session.native.mask

    def never(*_: Any) -> Interpretation:
        raise AssertionError("the slices are the same on the network's grid")

    monkeypatch.setattr("anofpdm.interpret", never)
    monkeypatch.setattr("anofpdm.method.interpretation.interpret", never)
    session.update_settings(refinement={"border": 0.2, "core": 0.0})
    assert session.slice_result is not None and session.settings is not None
    assert session.slice_result.settings == session.settings
    qtbot.waitUntil(current(session), timeout=LONG)
    monkeypatch.undo()
    expected = to_native(tiny_analysis, interpret(tiny_analysis, session.settings))
    assert (expected.mask != coarse).any() and expected.mask.any()
    np.testing.assert_array_equal(session.native.mask, expected.mask)
    assert session.lesions is not None
    assert session.lesions.volume_ml == expected.lesions.volume_ml


def test_the_newest_settings_win(
    session: Session, tiny_analysis: Analysis, qtbot: QtBot, interpreter: Interpreter
) -> None:
    session.set_analysis(tiny_analysis)
    qtbot.waitUntil(current(session), timeout=LONG)
    volumes = Volumes(session)
    for guidance in (3.0, 4.0, 5.0):
        session.update_settings(guidance=guidance)
        session.result_wanted.emit()
        with qtbot.waitSignal(interpreter._timer.timeout, timeout=LONG):
            pass
    qtbot.waitUntil(current(session), timeout=LONG)
    assert volumes[-1].settings.guidance == 5.0
    assert [v.settings.guidance for v in volumes] == sorted({v.settings.guidance for v in volumes})


def test_only_computed_slices_are_interpreted(
    session: Session, tiny_analysis: Analysis, qtbot: QtBot
) -> None:
    steps: Any = BrokenSteps(tiny_analysis)
    session.set_analysis(replace(tiny_analysis, steps=steps), done=[1])
    session.set_position(3)
    qtbot.waitUntil(current(session), timeout=LONG)
    assert session.volume_result is not None
    assert session.volume_result.slice_ids.tolist() == [int(tiny_analysis.slice_ids[1])]
    assert session.slice_result is None
    session.add_done([0])
    qtbot.waitUntil(current(session), timeout=LONG)
    assert len(session.volume_result.slice_ids) == 2
    growing = session.analysis
    assert growing is not None
    session.finish_analysis(growing, tiny_analysis)
    assert session.slice_result is not None, "the slice in view is interpreted when it is done"
    qtbot.waitUntil(current(session), timeout=LONG)
    assert len(session.volume_result.slice_ids) == 4


def test_a_failure_is_told_once(
    session: Session, tiny_analysis: Analysis, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[str] = []
    monkeypatch.setattr(interpreter_module, "show_error", told.append)
    steps: Any = BrokenSteps(tiny_analysis)
    session.set_analysis(replace(tiny_analysis, steps=steps))
    qtbot.waitUntil(lambda: bool(told), timeout=LONG)
    session.set_position(3)
    session.set_position(2)
    assert told == ["scan.anofpdm.zarr is damaged; run the analysis again."]
    session.set_position(0)
    assert session.slice_result is not None, "sound slices can still be seen"
    session.set_analysis(tiny_analysis)
    qtbot.waitUntil(current(session), timeout=LONG)


def test_a_healthy_slice_can_be_shown_anyway(
    session: Session, tiny_analysis: Analysis, qtbot: QtBot
) -> None:
    session.set_analysis(tiny_analysis)
    session.update_settings(
        threshold={"kind": "absolute", "value": 0.0},
        cosine_threshold=0.0,
        guidance=3.0,
        median_kernel=1,
    )
    qtbot.waitUntil(current(session), timeout=LONG)
    session.set_position(0)
    session.update_settings(cosine_threshold=0.0, gate=True)
    position = next(p for p in range(4) if session.volume_result.healthy[p])  # type: ignore[union-attr]
    session.set_position(position)
    assert session.slice_result is not None and session.slice_mask is not None
    assert session.slice_result.healthy[0] and not session.slice_mask.any()
    session.show_anyway(position)
    assert session.settings is not None
    ungated = session.settings.model_copy(update={"gate": False})
    expected = interpret(tiny_analysis, ungated, [position]).mask[0]
    np.testing.assert_array_equal(session.slice_mask, expected)
    assert session.slice_result.healthy[0]
    session.show_anyway(position, False)
    assert not session.slice_mask.any()


def test_nothing_comes_after_the_end(
    session: Session, tiny_analysis: Analysis, qtbot: QtBot, interpreter: Interpreter
) -> None:
    session.set_analysis(tiny_analysis)
    qtbot.waitUntil(current(session), timeout=LONG)
    volumes = Volumes(session)
    session.update_settings(guidance=4.0)
    session.close()
    session.set_position(2)
    assert session.slice_result is None
    assert not interpreter._timer.isActive()
    assert not volumes


def test_making_a_session_imports_no_torch() -> None:
    code = (
        "import sys; from napari_anofpdm.session.session import Session; "
        "from napari_anofpdm.layers import manager; "
        "from napari_anofpdm.session import interpreter; Session(); "
        "sys.exit('torch' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
