"""Several scans share calls of the network: their results stay, and none waits for ever."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from anofpdm.analysis.analysis import Analysis
from anofpdm.analysis.batches.shared_calls import SharedPredictor, taking_part
from anofpdm.analysis.engine import analyze
from anofpdm.common.errors import Cancelled
from anofpdm.method.calibration import Process
from anofpdm.method.forward_process import NoisePredictor, Step, forward_process
from anofpdm.method.schedule import NoiseSchedule
from anofpdm.model.bundle import ModelBundle
from anofpdm.scans.volume import Volume
from anofpdm.segmentation.loaded_model import LoadedModel, slices_to_share
from tests.core.oracles import Recorded, gaussian, images

SCHEDULE = NoiseSchedule()
STEPS = {"ddim": (1, 150, 300, 600), "ddpm": (100, 200, 300)}
LONG = 60.0
"""Seconds after which a test gives up on a thread."""


def walk(
    predictor: NoisePredictor, first: int, count: int, process: Process = "ddim"
) -> list[Step]:
    x0 = images(12)[first : first + count]
    ids = list(range(first, first + count))
    with taking_part(predictor):
        made = forward_process(
            x0, predictor, SCHEDULE, STEPS[process], process=process, seed=3, slice_ids=ids
        )
        return list(made)


def together(*works: Callable[[], Any]) -> list[Future[Any]]:
    """Run in threads, and wait for all; a deadlock is a failure."""
    futures = [Future[Any]() for _ in works]

    def run(work: Callable[[], Any], future: Future[Any]) -> None:
        try:
            future.set_result(work())
        except Exception as error:
            future.set_exception(error)

    for each in zip(works, futures, strict=True):
        threading.Thread(target=run, args=each, daemon=True).start()
    for future in futures:
        future.exception(LONG)
    return futures


def sizes(recorded: Recorded) -> list[int]:
    return [len(x) for x, _, _ in recorded.calls]


def assert_same(found: Sequence[Step], expected: Sequence[Step]) -> None:
    for one, other in zip(found, expected, strict=True):
        assert one.t == other.t
        for name in ("x_t", "x0_null", "eps_gap"):
            assert torch.equal(getattr(one, name), getattr(other, name))


@pytest.mark.parametrize("process", ["ddim", "ddpm"])
def test_steps_are_bit_for_bit_those_of_a_walk_alone(process: Process) -> None:
    # Each evaluation of the oracle is by itself, so its bits show those of all around it.
    plan = [(0, 3), (3, 1), (4, 5)]
    recorded = Recorded(gaussian(SCHEDULE))
    shared, ready = SharedPredictor(recorded, 100), threading.Barrier(len(plan))

    def one(first: int, count: int) -> list[Step]:
        with shared.joined():
            ready.wait()
            return walk(shared, first, count, process)

    found = together(*(lambda part=part: one(*part) for part in plan))
    for (first, count), future in zip(plan, found, strict=True):
        assert_same(future.result(), walk(gaussian(SCHEDULE), first, count, process))
    assert sum(sizes(recorded)) == 2 * 9 * len(STEPS[process])


def test_scans_at_different_noise_levels_share_calls() -> None:
    recorded = Recorded(gaussian(SCHEDULE))
    shared, ready = SharedPredictor(recorded, 100), threading.Barrier(2)

    def one(process: Process, first: int) -> list[Step]:
        with taking_part(shared):
            ready.wait()
            x0 = images(12)[first : first + 2]
            made = forward_process(
                x0, shared, SCHEDULE, STEPS[process], process=process, seed=3, slice_ids=[0, 1]
            )
            return list(made)

    a, b = together(lambda: one("ddim", 0), lambda: one("ddpm", 5))
    assert len(a.result()) == 4 and len(b.result()) == 3
    # Three calls of both, and one of the longer walk after the other had ended.
    assert sorted(sizes(recorded)) == [4, 8, 8, 8]
    levels = [sorted({int(i) + 1 for i in index}) for _, index, _ in recorded.calls]
    assert levels == [[1, 100], [150, 200], [300], [600]]


def test_one_alone_waits_for_nobody() -> None:
    recorded = Recorded(gaussian(SCHEDULE))
    shared = SharedPredictor(recorded, 100)
    assert_same(walk(shared, 0, 2), walk(gaussian(SCHEDULE), 0, 2))
    assert sizes(recorded) == [4] * 4
    # Nor does a call outside of any walk.
    x, index = images(2), torch.zeros(2, dtype=torch.int64)
    assert torch.equal(shared(x, index, index), gaussian(SCHEDULE)(x, index, index))


def test_a_full_call_does_not_wait_for_the_others() -> None:
    recorded = Recorded(gaussian(SCHEDULE))
    shared = SharedPredictor(recorded, 4)
    with shared.joined():  # a scan that is at work elsewhere, for as long as this takes
        (future,) = together(lambda: walk(shared, 0, 2))
    assert len(future.result()) == 4


def test_calls_are_filled_up_to_the_limit_and_never_split() -> None:
    recorded = Recorded(gaussian(SCHEDULE))
    shared, ready = SharedPredictor(recorded, 8), threading.Barrier(4)
    plan = [(0, 2), (2, 2), (4, 2), (6, 6)]

    def one(first: int, count: int) -> list[Step]:
        with shared.joined():
            ready.wait()
            return walk(shared, first, count)

    for (first, count), future in zip(
        plan, together(*(lambda part=part: one(*part) for part in plan)), strict=True
    ):
        assert_same(future.result(), walk(gaussian(SCHEDULE), first, count))
    assert max(size for size in sizes(recorded) if size != 12) <= 8
    assert sum(size == 12 for size in sizes(recorded)) == 4  # larger than the limit: by itself


def test_a_scan_that_fails_between_two_calls_keeps_nobody_waiting() -> None:
    shared, ready = SharedPredictor(gaussian(SCHEDULE), 100), threading.Barrier(2)

    def fails() -> None:
        with taking_part(shared):
            ready.wait()
            made = forward_process(
                images(1), shared, SCHEDULE, STEPS["ddim"], seed=3, slice_ids=[0]
            )
            next(made)
            raise ValueError("a broken scan")

    def goes_on() -> list[Step]:
        with taking_part(shared):
            ready.wait()
            return walk_of_two(shared)

    def walk_of_two(predictor: NoisePredictor) -> list[Step]:
        x0 = images(12)[3:5]
        return list(
            forward_process(x0, predictor, SCHEDULE, STEPS["ddim"], seed=3, slice_ids=[3, 4])
        )

    broken, other = together(fails, goes_on)
    assert isinstance(broken.exception(), ValueError)
    assert_same(other.result(), walk_of_two(gaussian(SCHEDULE)))


def test_an_error_of_the_network_reaches_all_who_shared_the_call() -> None:
    def broken(x: Tensor, index: Tensor, label: Tensor) -> Tensor:
        raise RuntimeError("device-side assert")

    shared, ready = SharedPredictor(broken, 100), threading.Barrier(2)

    def one(first: int) -> list[Step]:
        with shared.joined():
            ready.wait()
            return walk(shared, first, 1)

    for future in together(lambda: one(0), lambda: one(1)):
        with pytest.raises(RuntimeError, match="assert"):
            future.result()


class Limited:
    """A network whose memory holds so many evaluations."""

    def __init__(self, most: int) -> None:
        self.most, self.refused = most, list[int]()
        self.predictor = gaussian(SCHEDULE)

    def __call__(self, x: Tensor, index: Tensor, label: Tensor) -> Tensor:
        if len(x) > self.most:
            self.refused.append(len(x))
            raise torch.OutOfMemoryError("CUDA out of memory")
        return self.predictor(x, index, label)


def test_a_shared_call_without_memory_is_halved_and_stays_so() -> None:
    network = Limited(4)
    shared, ready = SharedPredictor(network, 100), threading.Barrier(4)

    def one(first: int) -> list[Step]:
        with shared.joined():
            ready.wait()
            return walk(shared, first, 1)

    found = together(*(lambda n=n: one(n) for n in range(4)))
    for first, future in enumerate(found):
        assert_same(future.result(), walk(gaussian(SCHEDULE), first, 1))
    assert network.refused == [8]


def test_the_scan_that_is_too_large_alone_is_told_so_and_the_others_go_on() -> None:
    network = Limited(4)
    shared, ready = SharedPredictor(network, 100), threading.Barrier(2)

    def one(first: int, count: int) -> list[Step]:
        with shared.joined():
            ready.wait()
            return walk(shared, first, count)

    large, small = together(lambda: one(0, 3), lambda: one(3, 1))
    assert isinstance(large.exception(), torch.OutOfMemoryError)
    assert_same(small.result(), walk(gaussian(SCHEDULE), 3, 1))


@pytest.fixture(scope="module")
def scans() -> list[dict[str, Volume]]:
    """Three scans of two to four slices, in the modalities of the tiny bundle."""
    found = []
    for slices in (2, 3, 4):
        rng = np.random.default_rng(slices)
        x, y = np.meshgrid(*[np.linspace(-1, 1, n) for n in (20, 24)], indexing="ij")
        brain = np.repeat((x**2 + y**2 < 0.7)[..., None], slices, axis=2)
        affine = np.diag([4.0, 4.0, 6.0, 1.0])
        found.append(
            {
                name: Volume(np.where(brain, rng.uniform(50, 100, brain.shape), 0), affine, name)
                for name in ("flair", "t1")
            }
        )
    return found


def steps_of(analysis: Analysis) -> np.ndarray[Any, Any]:
    return np.stack([np.stack(analysis.steps_of(i)) for i in range(len(analysis))])


def test_scans_together_are_what_they_are_alone(
    scans: list[dict[str, Volume]], tiny_bundle: ModelBundle
) -> None:
    alone = [steps_of(analyze(scan, tiny_bundle, steps=4, dtype="float32")) for scan in scans]
    model, ready = LoadedModel.of(tiny_bundle, shared_slices=64), threading.Barrier(3)

    def one(scan: dict[str, Volume]) -> Analysis:
        ready.wait()
        return analyze(scan, model, steps=4, dtype="float32")

    found = together(*(lambda scan=scan: one(scan) for scan in scans))
    for future, expected in zip(found, alone, strict=True):
        # As when the batch size differs: the convolution of a larger batch may round otherwise.
        np.testing.assert_allclose(steps_of(future.result()), expected, atol=1e-4)


def test_a_cancelled_scan_and_one_out_of_memory_leave_the_others_at_work(
    scans: list[dict[str, Volume]], tiny_bundle: ModelBundle, monkeypatch: pytest.MonkeyPatch
) -> None:
    alone = [steps_of(analyze(scan, tiny_bundle, steps=4, dtype="float32")) for scan in scans]
    real = ModelBundle.predictor

    def predictor(self: ModelBundle, *args: Any) -> Callable[..., Tensor]:
        predict = real(self, *args)

        def limited(x: Tensor, *rest: Tensor) -> Tensor:
            if len(x) > 4:  # two slices
                raise torch.OutOfMemoryError("CUDA out of memory")
            return predict(x, *rest)

        return limited

    monkeypatch.setattr(ModelBundle, "predictor", predictor)
    model, ready, asked = LoadedModel.of(tiny_bundle, shared_slices=64), threading.Barrier(3), []

    def second() -> bool:
        asked.append(1)
        return len(asked) == 2

    def one(scan: dict[str, Volume], cancel: Callable[[], bool] | None = None) -> Analysis:
        ready.wait()
        return analyze(scan, model, steps=4, dtype="float32", batch_size=4, should_cancel=cancel)

    found = together(lambda: one(scans[0], second), lambda: one(scans[1]), lambda: one(scans[2]))
    assert isinstance(found[0].exception(), Cancelled)
    for future, expected in zip(found[1:], alone[1:], strict=True):
        np.testing.assert_allclose(steps_of(future.result()), expected, atol=1e-4)


def test_only_a_gpu_is_shared(tiny_bundle: ModelBundle, monkeypatch: pytest.MonkeyPatch) -> None:
    assert slices_to_share(tiny_bundle, "cpu", 16) is None
    monkeypatch.setattr("anofpdm.segmentation.loaded_model.resolve_device", lambda name: "cuda")
    monkeypatch.setattr("anofpdm.model.memory.free_bytes", lambda device: 2**40)
    assert slices_to_share(tiny_bundle, "auto", None) == 128
    assert slices_to_share(tiny_bundle, "auto", 16) == 16
