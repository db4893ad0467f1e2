"""A run from its start to each of its ends: one message, nothing left running, a usable session."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import pytest
import torch

from anofpdm import Analysis, Volume, analyze
from anofpdm.analysis.progress import SliceProgress
from anofpdm.model.bundle import ModelBundle
from napari_anofpdm.session.run_request import RunRequest
from napari_anofpdm.session.runner import AnalysisRun
from napari_anofpdm.session.session import Session
from napari_anofpdm.space.layer_volume import layer_data
from tests.plugin.patience import LONG

if TYPE_CHECKING:
    from napari.layers import Image
    from napari.viewer import Viewer
    from pytestqt.qtbot import QtBot

    from napari_anofpdm.app.context import Context


class Gate:
    """Lets a test act in the middle of a run: the network waits, or raises, at its n-th call."""

    def __init__(self) -> None:
        self.at = -1
        self.error: BaseException | None = None
        self.calls = 0
        self.reached, self.release = threading.Event(), threading.Event()

    def pass_through(self) -> None:
        self.calls += 1
        if self.calls == self.at:
            self.reached.set()
            if self.error is not None:
                raise self.error
            assert self.release.wait(60)


@pytest.fixture
def gate(monkeypatch: pytest.MonkeyPatch) -> Iterator[Gate]:
    gate, real = Gate(), ModelBundle.predictor

    def predictor(self: ModelBundle, *args: Any) -> Callable[..., torch.Tensor]:
        predict = real(self, *args)

        def gated(*inputs: torch.Tensor) -> torch.Tensor:
            gate.pass_through()
            return predict(*inputs)

        return gated

    monkeypatch.setattr(ModelBundle, "predictor", predictor)
    yield gate
    gate.release.set()


@pytest.fixture
def run(context: Context) -> AnalysisRun:
    return context.run


@pytest.fixture
def scan(viewer: Viewer, tiny_volume: Volume) -> Image:
    data, attributes, _ = layer_data(tiny_volume, "FLAIR", "image")
    layer: Image = viewer.add_image(data, **attributes)
    return layer


def _request(bundle: Path, volume: Volume, **changes: Any) -> RunRequest:
    given: dict[str, Any] = {"process": "ddim", "steps": 4, "device": "cpu", "batch_size": 1}
    return RunRequest(
        bundle=str(bundle), volumes={"flair": volume}, brain_mask=None, **(given | changes)
    )


class Begin(Protocol):
    def __call__(self, **changes: Any) -> None:
        """Begin a run on the scan with the tiny bundle."""


@pytest.fixture
def begin(run: AnalysisRun, scan: Image, tiny_bundle: Path, tiny_volume: Volume) -> Begin:
    def start(**changes: Any) -> None:
        run.start(_request(tiny_bundle, tiny_volume, **changes), [scan])

    return start


def _until_idle(qtbot: QtBot, run: AnalysisRun) -> None:
    qtbot.waitUntil(lambda: run.state == "idle", timeout=LONG)


def _same(one: Analysis, other: Analysis) -> bool:
    return len(one) == len(other) and all(
        np.array_equal(a, b)
        for p in range(len(one))
        for a, b in zip(one.steps_of(p), other.steps_of(p), strict=True)
    )


def test_a_run_ends_in_the_analysis_that_the_core_computes(
    qtbot: QtBot,
    tiny_bundle: Path,
    tiny_volume: Volume,
    told: list[tuple[str, str]],
    run: AnalysisRun,
    session: Session,
    begin: Begin,
) -> None:
    seen: list[tuple[int, int]] = []
    states: list[str] = []
    grown: list[int] = []
    run.progressed.connect(lambda p: seen.append((p.done, p.total)))
    run.state_changed.connect(states.append)
    session.analysis_changed.connect(lambda _: grown.append(len(session.done)))
    begin(first_slice=3)
    _until_idle(qtbot, run)
    assert session.analysis is not None
    expected = analyze({"flair": tiny_volume}, tiny_bundle, steps=4, device="cpu", batch_size=1)
    assert _same(session.analysis, expected)
    assert session.done == set(range(len(expected)))
    assert states == ["running", "idle"]
    assert seen[-1] == (4 * len(expected), 4 * len(expected))
    assert grown == [1]
    assert run.outcome == f"Analysed {len(expected)} slices."
    assert {severity for severity, _ in told} <= {"warning"}


def test_slices_come_from_the_one_in_view_outward(
    qtbot: QtBot, run: AnalysisRun, session: Session, begin: Begin
) -> None:
    order: list[int] = []
    session.analysis_changed.connect(lambda _: order.extend(session.done))
    session.slices_done.connect(order.extend)
    begin(first_slice=3)
    _until_idle(qtbot, run)
    assert session.analysis is not None
    distances = [abs(int(session.analysis.slice_ids[p]) - 3) for p in order]
    assert distances == sorted(distances)
    assert len(distances) == len(session.analysis) > 3


def test_one_slice_can_be_run_alone(
    qtbot: QtBot, run: AnalysisRun, session: Session, begin: Begin
) -> None:
    begin(slices=(2,))
    _until_idle(qtbot, run)
    assert session.analysis is not None
    assert session.analysis.slice_ids.tolist() == [2]
    assert run.outcome == "Analysed 1 slice."


def test_cancel_keeps_what_was_finished_and_a_second_run_completes(
    qtbot: QtBot,
    gate: Gate,
    told: list[tuple[str, str]],
    run: AnalysisRun,
    session: Session,
    begin: Begin,
) -> None:
    gate.at = 10  # two slices of four steps are done, the third is under way
    begin(first_slice=3)
    qtbot.waitUntil(lambda: len(session.done) == 2, timeout=LONG)
    assert gate.reached.wait(60)
    run.cancel()
    assert run.state == "cancelling"
    gate.release.set()
    _until_idle(qtbot, run)
    assert gate.calls == 10
    assert session.analysis is not None
    assert session.analysis.slice_ids.tolist() == [2, 3]
    assert session.done == {0, 1}
    text = "The run was cancelled. Finished slices: 2."
    assert told == [("info", text)]
    assert run.outcome == text
    begin()
    _until_idle(qtbot, run)
    assert len(session.analysis) > 2


def test_an_analysis_opened_during_a_run_stays_until_its_end(
    qtbot: QtBot,
    tiny_analysis: Analysis,
    gate: Gate,
    run: AnalysisRun,
    session: Session,
    begin: Begin,
) -> None:
    gate.at = 10
    begin(first_slice=3)
    qtbot.waitUntil(lambda: len(session.done) == 2, timeout=LONG)
    assert gate.reached.wait(60)
    session.set_analysis(tiny_analysis)
    later: list[Analysis | None] = []
    session.analysis_changed.connect(later.append)
    gate.release.set()
    _until_idle(qtbot, run)
    assert session.analysis is not None
    assert later == [session.analysis]
    assert session.analysis is not tiny_analysis
    assert session.done == set(range(len(session.analysis)))


def test_cancel_before_the_first_slice_leaves_the_former_analysis(
    qtbot: QtBot,
    tiny_analysis: Analysis,
    gate: Gate,
    run: AnalysisRun,
    session: Session,
    begin: Begin,
) -> None:
    session.set_analysis(tiny_analysis)
    gate.at = 2
    begin()
    assert gate.reached.wait(60)
    run.cancel()
    gate.release.set()
    _until_idle(qtbot, run)
    assert session.analysis is tiny_analysis
    assert run.outcome == "The run was cancelled."


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (
            torch.OutOfMemoryError("CUDA out of memory"),
            "does not have enough memory for a single slice",
        ),
        (MemoryError(), "does not have enough memory for a single slice"),
        (
            ValueError("something\nodd"),
            "An unexpected error occurred while running (ValueError: so",
        ),
    ],
)
def test_an_error_in_the_middle_is_one_message_and_the_next_run_works(
    qtbot: QtBot,
    gate: Gate,
    told: list[tuple[str, str]],
    error: BaseException,
    words: str,
    run: AnalysisRun,
    session: Session,
    begin: Begin,
) -> None:
    gate.at, gate.error = 7, error
    begin(first_slice=3)
    _until_idle(qtbot, run)
    assert len(told) == 1
    assert told[0][0] == "error"
    assert words in told[0][1]
    assert "\n" not in told[0][1]
    assert session.done == {0}
    assert session.analysis is not None
    assert session.analysis.slice_ids.tolist() == [3]
    gate.error = None
    begin()
    _until_idle(qtbot, run)
    assert len(session.analysis) > 1


def test_a_scan_removed_during_the_run_stops_it_and_is_named(
    qtbot: QtBot,
    viewer: Viewer,
    scan: Image,
    gate: Gate,
    told: list[tuple[str, str]],
    run: AnalysisRun,
    begin: Begin,
) -> None:
    gate.at = 3
    other = viewer.add_image(np.zeros((3, 4, 5)), units=("mm",) * 3)
    begin()
    assert gate.reached.wait(60)
    viewer.layers.remove(other)
    assert run.state == "running"
    viewer.layers.remove(scan)
    gate.release.set()
    _until_idle(qtbot, run)
    assert told == [("warning", "The run stopped because the layer 'FLAIR' was removed.")]
    assert gate.calls == 3


def test_a_bundle_that_was_removed_is_named(
    qtbot: QtBot,
    scan: Image,
    tiny_bundle: Path,
    tiny_volume: Volume,
    tmp_path: Path,
    told: list[tuple[str, str]],
    run: AnalysisRun,
    session: Session,
) -> None:
    gone = tmp_path / "gone"
    shutil.copytree(tiny_bundle, gone)
    request = _request(gone, tiny_volume)
    shutil.rmtree(gone)
    run.start(request, [scan])
    _until_idle(qtbot, run)
    assert len(told) == 1
    assert str(gone) in told[0][1]
    assert session.analysis is None


def test_a_bundle_removed_while_the_network_runs_does_no_harm(
    qtbot: QtBot,
    scan: Image,
    tiny_bundle: Path,
    tiny_volume: Volume,
    tmp_path: Path,
    gate: Gate,
    run: AnalysisRun,
    session: Session,
) -> None:
    gone = tmp_path / "gone"
    shutil.copytree(tiny_bundle, gone)
    gate.at = 3
    run.start(_request(gone, tiny_volume), [scan])
    assert gate.reached.wait(60)
    shutil.rmtree(gone)
    gate.release.set()
    _until_idle(qtbot, run)
    assert session.analysis is not None
    assert run.outcome.startswith("Analysed ")


def test_closing_the_viewer_ends_the_run_in_silence(
    qtbot: QtBot,
    viewer: Viewer,
    scan: Image,
    gate: Gate,
    told: list[tuple[str, str]],
    run: AnalysisRun,
    session: Session,
    begin: Begin,
) -> None:
    gate.at = 6
    begin()
    assert gate.reached.wait(60)
    del scan
    viewer.close()
    qtbot.waitUntil(lambda: session.is_closed, timeout=LONG)
    gate.release.set()
    _until_idle(qtbot, run)
    assert gate.calls == 6
    assert told == []
    assert run.outcome == ""


def test_two_runs_at_once_are_refused(
    qtbot: QtBot, gate: Gate, run: AnalysisRun, begin: Begin
) -> None:
    gate.at = 1
    begin()
    with pytest.raises(RuntimeError, match="already active"):
        begin()
    gate.release.set()
    _until_idle(qtbot, run)


def test_what_may_spoil_the_result_is_told(
    qtbot: QtBot,
    scan: Image,
    tiny_bundle: Path,
    tiny_volume: Volume,
    told: list[tuple[str, str]],
    tmp_path: Path,
    run: AnalysisRun,
    session: Session,
) -> None:
    broken = tiny_volume.data.copy()
    broken[7, 7, 3] = np.nan
    before = list[tuple[str, str]]()
    session.analysis_changed.connect(lambda _: before.extend(told))
    path = tmp_path / "scan.nii.gz"
    path.write_bytes(b"its checksum enters the analysis")
    named = Volume(broken, tiny_volume.affine, "flair", path)
    run.start(_request(tiny_bundle, named), [scan])
    _until_idle(qtbot, run)
    ((severity, text),) = told
    assert before == told  # in time to stop the run
    assert severity == "warning"
    assert "scan.nii.gz has 1 voxels that are NaN" in text
    assert tmp_path.name not in text


def test_the_progress_names_the_time_left(
    qtbot: QtBot, scan: Image, run: AnalysisRun, begin: Begin
) -> None:
    seen: list[SliceProgress] = []
    run.progressed.connect(seen.append)
    begin()
    _until_idle(qtbot, run)
    assert list(dict.fromkeys(each.stage for each in seen)) == [
        "Waiting for the engine",
        "Reading the model",
        "Preparing the scan",
        "Starting the network",
        "Running the network",
    ]
    assert seen[-1].seconds_left == 0.0
