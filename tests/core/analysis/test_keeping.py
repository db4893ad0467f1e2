"""Batches that are kept while the network works on the next one."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from anofpdm.analysis.batches.keeping import Keeper, keeps_apart
from anofpdm.analysis.engine import analyze
from anofpdm.analysis.progress import SliceProgress
from anofpdm.analysis.writer import AnalysisWriter
from anofpdm.common.errors import AnalysisError, Cancelled
from anofpdm.model.bundle import ModelBundle
from anofpdm.scans.volume import Volume

WAIT = 60


@pytest.fixture
def scans() -> dict[str, Volume]:
    """Random tissue, six axial slices, two modalities."""
    rng = np.random.default_rng(0)
    affine = np.diag([6.0, 6.0, 6.0, 1.0])
    return {
        name: Volume(rng.uniform(50, 100, (16, 18, 6)).astype(np.float32), affine, name)
        for name in ("flair", "t1")
    }


@pytest.fixture
def apart(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep batches in a thread, as on a GPU."""
    monkeypatch.setattr("anofpdm.analysis.run.keeps_apart", lambda _: True)


def test_a_gpu_does_not_wait_and_a_processor_keeps_by_itself() -> None:
    assert keeps_apart("cuda:0") and not keeps_apart("cpu") and not keeps_apart("mps")


def test_the_caller_goes_on_and_is_told_in_its_own_thread() -> None:
    begun, release = threading.Event(), threading.Event()
    kept: list[str] = []
    told: list[tuple[list[int], threading.Thread]] = []

    def keep(positions: list[int], found: str) -> None:
        begun.set()
        assert release.wait(WAIT)
        kept.append(found)

    def tell(positions: list[int]) -> None:
        told.append((positions, threading.current_thread()))

    with Keeper(keep, tell, apart=True) as keeper:
        keeper.add([0, 1], "first")
        assert begun.wait(WAIT)
        keeper.tell()
        assert not kept and not told
        release.set()
        keeper.add([2], "second")  # waits for the first
        assert kept[0] == "first"
    assert kept == ["first", "second"]
    assert told == [([0, 1], threading.current_thread()), ([2], threading.current_thread())]


def test_a_failure_is_raised_by_the_next_call() -> None:
    def keep(positions: list[int], found: None) -> None:
        raise AnalysisError("too large")

    told: list[list[int]] = []
    with (
        pytest.raises(AnalysisError, match="too large"),
        Keeper(keep, told.append, apart=True) as k,
    ):
        k.add([0], None)
    assert not told


def test_after_an_error_nothing_is_being_kept_any_more() -> None:
    release, ended = threading.Event(), threading.Event()

    def keep(positions: list[int], found: None) -> None:
        assert release.wait(WAIT)
        ended.set()

    told: list[list[int]] = []
    with pytest.raises(Cancelled), Keeper(keep, told.append, apart=True) as keeper:
        keeper.add([0], None)
        release.set()
        raise Cancelled("stop")
    assert ended.is_set() and not told


@pytest.mark.usefixtures("apart")
def test_an_analysis_is_the_same(
    scans: dict[str, Volume], tiny_bundle: ModelBundle, monkeypatch: pytest.MonkeyPatch
) -> None:
    given: dict[str, Any] = {"steps": 4, "batch_size": 2, "device": "cpu"}
    seen: list[SliceProgress] = []
    done: list[int] = []
    found = analyze(
        scans, tiny_bundle, on_progress=seen.append, on_slices=done.extend, first_slice=3, **given
    )
    monkeypatch.setattr("anofpdm.analysis.run.keeps_apart", lambda _: False)
    expected = analyze(scans, tiny_bundle, first_slice=3, **given)
    for position in range(len(expected)):
        for one, other in zip(found.steps_of(position), expected.steps_of(position), strict=True):
            np.testing.assert_array_equal(one, other)
    assert sorted(done) == list(range(len(expected))) and done[0] == 3
    assert [p.done for p in seen] == sorted(p.done for p in seen)
    assert (seen[-1].done, seen[-1].slices_done) == (seen[-1].total, seen[-1].slices_total)


@pytest.mark.usefixtures("apart")
def test_the_slice_in_view_is_told_of_before_the_next_batch(
    scans: dict[str, Volume], tiny_bundle: ModelBundle
) -> None:
    told: list[str] = []
    analyze(
        scans,
        tiny_bundle,
        steps=2,
        device="cpu",
        first_slice=3,
        on_slices=lambda positions: told.append(f"slices {positions}"),
        on_progress=lambda progress: told.append(f"step {progress.done}"),
    )
    # One slice of two steps comes first; the third step counted is of the batch after it.
    assert told.index("slices [3]") == 2


@pytest.mark.usefixtures("apart")
def test_a_failure_while_writing_ends_the_run(
    scans: dict[str, Volume],
    tiny_bundle: ModelBundle,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    real = AnalysisWriter.write

    def write(self: AnalysisWriter, positions: Sequence[int], *found: Any) -> None:
        if 2 in positions:
            raise AnalysisError("cannot be written")
        real(self, positions, *found)

    monkeypatch.setattr(AnalysisWriter, "write", write)
    with pytest.raises(AnalysisError, match="cannot be written"):
        analyze(scans, tiny_bundle, steps=2, batch_size=1, store=tmp_path / "a.anofpdm.zarr")
    assert not list(tmp_path.iterdir())
