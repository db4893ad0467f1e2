"""The estimate before a run: the slices are counted, the pace is measured once."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

from anofpdm.analysis import estimate
from anofpdm.analysis.engine import analyze
from anofpdm.analysis.estimate import estimate_run
from anofpdm.common.errors import BundleError, Cancelled, DeviceError
from anofpdm.model.bundle import ModelBundle
from anofpdm.scans.volume import Volume


@pytest.fixture(autouse=True)
def _nothing_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(estimate, "_paces", {})


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """A clock that a fake network advances."""
    now = [0.0]
    monkeypatch.setattr(time, "perf_counter", lambda: now[0])
    return now


def _network(
    monkeypatch: pytest.MonkeyPatch, clock: list[float], seconds: Callable[[int], float]
) -> list[int]:
    """Let the network take `seconds` of slices a call; returns the sizes of its calls."""
    sizes: list[int] = []

    def predictor(self: ModelBundle, *_: Any) -> Callable[..., torch.Tensor]:
        def predict(x: torch.Tensor, *_: torch.Tensor) -> torch.Tensor:
            sizes.append(len(x) // 2)
            clock[0] += seconds(len(x) // 2)
            return x

        return predict

    monkeypatch.setattr(ModelBundle, "predictor", predictor)
    return sizes


def test_the_time_follows_slices_and_steps(
    tiny_bundle: ModelBundle, monkeypatch: pytest.MonkeyPatch, clock: list[float]
) -> None:
    _network(monkeypatch, clock, lambda n: 0.01 + 0.02 * n)
    found = estimate_run(40, tiny_bundle, steps=10, device="cpu", batch_size=5)
    exact = 40 * 10 * (0.01 + 0.02 * 5) / 5
    assert found.seconds == pytest.approx((exact / 1.25, exact * 1.25**2))
    assert (found.slices, found.steps) == (40, 10)


def test_a_slow_network_is_timed_on_one_slice(
    tiny_bundle: ModelBundle, monkeypatch: pytest.MonkeyPatch, clock: list[float]
) -> None:
    sizes = _network(monkeypatch, clock, lambda n: 3.0 * n)
    found = estimate_run(4, tiny_bundle, steps=5, device="cpu", batch_size=4).seconds
    # Four slices together may take a third less a slice than one alone.
    assert found == pytest.approx((60 / 1.5 / 1.25, 60 * 1.25**2))
    assert set(sizes) == {1}


def test_a_load_while_measuring_widens_the_range(
    tiny_bundle: ModelBundle, monkeypatch: pytest.MonkeyPatch, clock: list[float]
) -> None:
    loads = iter([1.0, 1.0, 1.0, 1.0, 1.0, 3.0, 2.0])
    _network(monkeypatch, clock, lambda n: 0.05 * n * next(loads))
    found = estimate_run(10, tiny_bundle, steps=20, device="cpu", batch_size=2).seconds
    assert found == pytest.approx((10 / 1.25, 20 * 1.25**2))


def test_waits_between_threads_are_not_counted_for_each_slice(
    tiny_bundle: ModelBundle, monkeypatch: pytest.MonkeyPatch, clock: list[float]
) -> None:
    sizes = _network(monkeypatch, clock, lambda n: 0.9 + 0.06 * n)
    found = estimate_run(32, tiny_bundle, steps=1, device="cpu", batch_size=32).seconds
    # Once for the full batch at least, and at most for each of the two slices of a long call.
    assert max(sizes) == 2
    assert found == pytest.approx(((0.9 + 0.06 * 32) / 1.25, 16 * (0.9 + 0.06 * 2) * 1.25**2))


def test_the_timed_part_grows_until_a_call_is_long(
    tiny_bundle: ModelBundle, monkeypatch: pytest.MonkeyPatch, clock: list[float]
) -> None:
    sizes = _network(monkeypatch, clock, lambda n: 0.6 + 0.01 * n)
    estimate_run(32, tiny_bundle, steps=1, device="cpu", batch_size=32)
    assert sizes == [1, 1, 1, 2, 2, 4, 4, 8, 8, 16, 16, 32, 32, 32, 32]


def test_a_run_shows_the_pace_of_the_next(
    tiny_bundle: ModelBundle, monkeypatch: pytest.MonkeyPatch, clock: list[float]
) -> None:
    _network(monkeypatch, clock, lambda n: 0.25 * n)
    rng = np.random.default_rng(0)
    data = np.zeros((20, 24, 5), np.float32)
    data[4:16, 4:20] = rng.uniform(50, 100, (12, 16, 5))
    scans = {name: Volume(data, np.diag([4.0, 4.0, 6.0, 1.0]), name) for name in ("flair", "t1")}
    monkeypatch.setattr("anofpdm.analysis.run.Run.buffered", _slow_steps(clock))
    analyze(scans, tiny_bundle, steps=3, device="cpu", batch_size=2)
    found = estimate_run(10, tiny_bundle, steps=3, device="cpu", batch_size=2).seconds
    assert found == pytest.approx((10 * 3 * 0.7 / 1.25, 10 * 3 * 0.7 * 1.25))


def _slow_steps(clock: list[float]) -> Callable[..., tuple[Any, Any]]:
    """Let a run take 0.7 s a slice and step."""

    def buffered(run: Any, positions: list[int], _: object) -> tuple[Any, Any]:
        clock[0] += 0.7 * len(positions) * len(run.timesteps)
        side = run.stack.slices.shape[2:]
        shape = (len(positions), len(run.timesteps), len(run.scored), *side)
        return np.zeros(shape, run.dtype), np.zeros(shape, run.dtype)

    return buffered


def test_the_pace_is_measured_once(
    tiny_bundle: ModelBundle, monkeypatch: pytest.MonkeyPatch, clock: list[float]
) -> None:
    sizes = _network(monkeypatch, clock, lambda n: 0.01 * n)
    for steps in (3, 30):
        estimate_run(20, tiny_bundle, steps=steps, device="cpu", batch_size=2)
    first = len(sizes)
    estimate_run(20, tiny_bundle, steps=3, device="cpu", precision="bfloat16", batch_size=2)
    assert first == 7
    assert len(sizes) == 14


def test_an_estimate_that_is_cancelled_leaves_no_pace(
    tiny_bundle: ModelBundle, monkeypatch: pytest.MonkeyPatch, clock: list[float]
) -> None:
    sizes = _network(monkeypatch, clock, lambda n: 0.01 * n)

    def estimate(should_cancel: Callable[[], bool]) -> None:
        estimate_run(20, tiny_bundle, device="cpu", batch_size=2, should_cancel=should_cancel)

    with pytest.raises(Cancelled):
        estimate(lambda: len(sizes) == 2)
    assert len(sizes) == 2
    estimate(lambda: False)
    assert len(sizes) == 2 + 7


def test_the_analysis_takes_what_is_estimated(tiny_bundle: ModelBundle) -> None:
    rng = np.random.default_rng(0)
    data = np.zeros((20, 24, 5), np.float32)
    data[4:16, 4:20] = rng.uniform(50, 100, (12, 16, 5))
    scans = {name: Volume(data, np.diag([4.0, 4.0, 6.0, 1.0]), name) for name in ("flair", "t1")}
    analysis = analyze(scans, tiny_bundle, steps=3)
    kept = sum(array.nbytes for p in range(5) for array in analysis.steps_of(p))
    found = estimate_run(5, tiny_bundle, steps=3, device="cpu")
    assert found.analysis_bytes == kept
    assert found.seconds is not None
    assert 0 < found.seconds[0] < found.seconds[1]
    assert found.network_bytes > len(tiny_bundle.weights)


def test_no_memory_for_one_slice_leaves_the_time_open(
    tiny_bundle: ModelBundle, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: Any) -> None:
        raise torch.OutOfMemoryError("CUDA out of memory")

    monkeypatch.setattr(ModelBundle, "predictor", full)
    assert estimate_run(5, tiny_bundle, device="cpu").seconds is None


def test_what_cannot_run_is_said(tiny_bundle: ModelBundle) -> None:
    with pytest.raises(DeviceError, match="unknown"):
        estimate_run(5, tiny_bundle, device="tpu")
    with pytest.raises(BundleError, match="no bundle"):
        estimate_run(5, "nothing-of-the-kind")
