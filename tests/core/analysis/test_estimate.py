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
from anofpdm.common.errors import BundleError, DeviceError
from anofpdm.model.bundle import ModelBundle
from anofpdm.scans.volume import Volume


@pytest.fixture(autouse=True)
def _nothing_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(estimate, "_rates", {})


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
    assert found.seconds == pytest.approx(40 * 10 * (0.01 + 0.02 * 5) / 5)
    assert (found.slices, found.steps) == (40, 10)


def test_a_slow_network_is_timed_on_one_slice(
    tiny_bundle: ModelBundle, monkeypatch: pytest.MonkeyPatch, clock: list[float]
) -> None:
    sizes = _network(monkeypatch, clock, lambda n: 3.0 * n)
    assert estimate_run(4, tiny_bundle, steps=5, device="cpu").seconds == pytest.approx(60)
    assert set(sizes) == {1}


def test_the_pace_is_measured_once(
    tiny_bundle: ModelBundle, monkeypatch: pytest.MonkeyPatch, clock: list[float]
) -> None:
    sizes = _network(monkeypatch, clock, lambda n: 0.01 * n)
    for steps in (3, 30):
        estimate_run(20, tiny_bundle, steps=steps, device="cpu", batch_size=2)
    first = len(sizes)
    estimate_run(20, tiny_bundle, steps=3, device="cpu", precision="bfloat16", batch_size=2)
    assert first == 4
    assert len(sizes) == 8


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
    assert found.seconds > 0
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
