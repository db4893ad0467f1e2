from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from anofpdm.common.errors import DatasetError, DeviceError, SettingsError
from anofpdm.datasets.store.slices import SliceDataset
from anofpdm.guidance.accuracy import GuidanceAccuracy, guidance_accuracy
from anofpdm.guidance.measurement import Measurements, measure
from anofpdm.guidance.rules import (
    best_cosine_threshold,
    best_map_threshold,
    calibrate,
    choose_guidance,
)
from anofpdm.guidance.selection import select_guidance
from anofpdm.method.calibration import Criterion
from anofpdm.method.class_labels import HEALTHY, UNHEALTHY
from anofpdm.method.schedule import NoiseSchedule
from anofpdm.method.settings_words import rates_words
from anofpdm.model.bundle import ModelBundle
from anofpdm.model.bundle_metadata import BundleMetadata
from tests.core.oracles import GaussianOracle, MixtureOracle, Recorded

SCHEDULE = NoiseSchedule()
GRID: dict[str, Any] = {"process": "ddim", "steps": 5, "t_max": 600, "clip": True}


def accuracy_of(threshold: float, cosine: Sequence[float], unhealthy: Sequence[bool]) -> float:
    return float(np.mean((np.array(cosine) <= threshold) == np.array(unhealthy)))


@given(
    st.lists(
        st.tuples(st.integers(0, 20).map(lambda n: n / 20), st.booleans()), min_size=2, max_size=30
    ).filter(lambda rows: len({sick for _, sick in rows}) == 2)
)
def test_no_threshold_classifies_better(rows: list[tuple[float, bool]]) -> None:
    cosine, unhealthy = [c for c, _ in rows], [s for _, s in rows]
    threshold, accuracy = best_cosine_threshold(cosine, unhealthy)
    assert accuracy == pytest.approx(accuracy_of(threshold, cosine, unhealthy))
    everywhere = np.linspace(-0.0125, 1.0125, 83)
    assert accuracy == pytest.approx(max(accuracy_of(t, cosine, unhealthy) for t in everywhere))


def test_threshold_of_separable_slices_lies_midway() -> None:
    threshold, accuracy = best_cosine_threshold([0.2, 0.4, 0.9, 0.8], [True, True, False, False])
    assert threshold == pytest.approx(0.6) and accuracy == 1.0


def test_threshold_of_equal_accuracy_has_the_widest_gap() -> None:
    # 0.15 (sick below) and 0.65 both get four of five right; the second gap is wider.
    threshold, accuracy = best_cosine_threshold(
        [0.1, 0.2, 0.3, 1.0, 0.9], [True, False, True, False, False]
    )
    assert threshold == pytest.approx(0.6) and accuracy == 0.8


def test_hopeless_slices_are_all_given_to_the_larger_class() -> None:
    threshold, accuracy = best_cosine_threshold([0.5, 0.5, 0.5], [True, False, False])
    assert threshold == -1.0 and accuracy == pytest.approx(2 / 3)
    threshold, accuracy = best_cosine_threshold([0.5, 0.5, 0.5], [True, True, False])
    assert threshold == 1.0 and accuracy == pytest.approx(2 / 3)


def balanced_accuracy_of(
    threshold: float, cosine: Sequence[float], unhealthy: Sequence[bool]
) -> float:
    called, sick = np.array(cosine) <= threshold, np.array(unhealthy)
    return float((called[sick].mean() + (~called[~sick]).mean()) / 2)


@given(
    rows=st.lists(
        st.tuples(st.integers(0, 20).map(lambda n: n / 20), st.booleans()), min_size=2, max_size=30
    ).filter(lambda rows: len({sick for _, sick in rows}) == 2),
    copies=st.integers(2, 5),
)
def test_no_threshold_is_more_balanced_and_the_larger_class_does_not_move_it(
    rows: list[tuple[float, bool]], copies: int
) -> None:
    cosine, unhealthy = [c for c, _ in rows], [s for _, s in rows]
    found = best_cosine_threshold(cosine, unhealthy, "balanced")
    assert found[1] == pytest.approx(balanced_accuracy_of(found[0], cosine, unhealthy))
    everywhere = np.linspace(-0.0125, 1.0125, 83)
    best = max(balanced_accuracy_of(t, cosine, unhealthy) for t in everywhere)
    assert found[1] == pytest.approx(best)
    many = rows + [row for row in rows if not row[1]] * (copies - 1)
    assert found == best_cosine_threshold([c for c, _ in many], [s for _, s in many], "balanced")


def test_the_balanced_threshold_finds_more_where_healthy_slices_are_many() -> None:
    # Two unhealthy slices of three lie among a quarter of the nine healthy ones.
    scores = np.array([1, 1, 1, 1, 1, 1, 1, 4, 4, 3.5, 3.5, 9])
    unhealthy = np.array([False] * 9 + [True] * 3)
    cautious, accuracy = best_map_threshold(scores, unhealthy)
    assert cautious == 6.5 and accuracy == pytest.approx(10 / 12)
    lower, balanced = best_map_threshold(scores, unhealthy, "balanced")
    assert lower == 2.25 and balanced == pytest.approx((7 / 9 + 1) / 2)


def test_a_fraction_of_the_best_accuracy_buys_the_lowest_threshold() -> None:
    """Every lower threshold is less accurate than that fraction of the best."""
    generator = np.random.default_rng(4)
    unhealthy = generator.random(400) < 0.3
    scores = generator.gamma(2.0, 1.0, 400) + 1.5 * unhealthy
    for criterion in ("accuracy", "balanced"):
        _, best = best_map_threshold(scores, unhealthy, criterion)
        lowest, accuracy = best_map_threshold(scores, unhealthy, criterion, 0.97)

        def accuracy_at(threshold: float, by: str = criterion) -> float:
            right = (scores >= threshold) == unhealthy
            if by == "accuracy":
                return float(right.mean())
            return float((right[unhealthy].mean() + right[~unhealthy].mean()) / 2)

        assert accuracy == pytest.approx(accuracy_at(lowest))
        assert accuracy >= 0.97 * best - 1e-12
        below = np.unique(scores[scores < lowest])
        alike = 0.5 if criterion == "balanced" else 1 - unhealthy.mean()
        assert accuracy > alike
        assert below.size and all(accuracy_at(v) < max(0.97 * best, alike + 1e-9) for v in below)
    assert best_map_threshold(scores, unhealthy, "balanced", 1.0) == best_map_threshold(
        scores, unhealthy, "balanced"
    )


def test_the_calibration_tells_of_thresholds_below_the_best() -> None:
    generator = np.random.default_rng(5)
    labels = (np.arange(200) % 4 == 0).astype(np.int64)
    scores = generator.gamma(2.0, 1.0, (1, 200)) + 1.5 * labels
    found = [
        calibrate(
            [2.0],
            np.full((1, 200), 0.5),
            np.full((1, 200, 1), 0.1),
            labels,
            process="ddim",
            steps=4,
            t_max=400,
            clip=True,
            scores=scores,
            threshold_fraction=fraction,
            source="d.zarr, split val",
        ).calibration
        for fraction in (1.0, 0.9)
    ]
    assert found[0].source == "d.zarr, split val"
    assert (
        found[1].source == "d.zarr, split val; the lowest thresholds with 0.9 of the best accuracy"
    )
    assert found[1].told_apart
    assert found[0].map_threshold is not None and found[1].map_threshold is not None
    assert found[1].map_threshold < found[0].map_threshold
    lower, best = found[1].candidates[0], found[0].candidates[0]
    assert (lower.sensitivity or 0) > (best.sensitivity or 1)
    assert (lower.specificity or 1) < (best.specificity or 0)


@pytest.mark.parametrize(("criterion", "baseline"), [("accuracy", 0.75), ("balanced", 0.5)])
def test_a_search_tells_whether_any_candidate_tells_the_slices_apart(
    criterion: Criterion, baseline: float
) -> None:
    labels, at_end = np.array([0, 0, 0, 1]), np.ones((2, 4, 1))
    alike = np.full((2, 4), 0.5)
    report = calibrate([1.0, 3.0], alike, at_end, labels, criterion=criterion, **GRID)
    assert (report.baseline, report.calibration.told_apart) == (baseline, False)
    assert report.doubt is not None and f"({baseline:.3f})" in report.doubt
    assert "no guidance" in report.calibration.source
    assert report.accuracies.tolist() == [baseline, baseline]
    alike[1, 3] = 0.4
    report = calibrate([1.0, 3.0], alike, at_end, labels, criterion=criterion, **GRID)
    assert report.calibration.told_apart and report.calibration.guidance == 3
    assert (report.doubt, report.calibration.source) == (None, "")
    assert report.calibration.criterion == criterion
    chosen = report.calibration.chosen
    assert chosen is not None and (chosen.sensitivity, chosen.specificity) == (1.0, 1.0)


@pytest.mark.parametrize("by_map", [False, True])
def test_a_candidate_tells_how_many_slices_of_each_class_it_gets_right(by_map: bool) -> None:
    labels = np.array([0] * 5 + [1] * 4)
    scores = np.array([1.0, 1, 1, 1, 4, 1, 3, 3, 5])
    report = calibrate(
        [2.0], 1 - scores[None] / 10, np.ones((1, 9, 1)), labels, criterion="balanced",
        scores=scores[None] if by_map else None, **GRID,
    )  # fmt: skip
    (found,) = report.calibration.candidates
    assert found.sensitivity == 0.75
    assert found.specificity == pytest.approx(0.8)
    assert rates_words(report.calibration) == (
        "On its calibration slices, the model classifies 75 % of the unhealthy and 20 % of the "
        "healthy slices as unhealthy."
    )
    assert rates_words(report.calibration.model_copy(update={"candidates": ()})) is None


@pytest.mark.parametrize(
    ("labels", "said"), [([True, True], "unhealthy ones"), ([False], "healthy ones"), ([], "none")]
)
def test_one_class_is_refused(labels: list[bool], said: str) -> None:
    with pytest.raises(DatasetError, match=said):
        best_cosine_threshold([0.5] * len(labels), labels)


@pytest.mark.parametrize(
    ("candidates", "accuracies", "chosen"),
    [
        ([2.0], [0.7], 0),
        ([1, 2, 3], [0.9, 0.95, 0.8], 1),  # none above w is near enough: w itself
        ([1, 2, 3, 4], [0.9, 0.95, 0.94, 0.8], 2),
        ([1, 2, 3, 4], [0.949, 0.95, 0.8, 0.94], 3),  # the largest, over a worse one between
        ([1, 2, 3], [0.95, 0.949, 0.2], 1),
        ([1, 2, 3], [0.9, 0.9, 0.9], 2),
        ([1, 2], [1.0, 0.98], 1),  # exactly the fraction counts
        ([1, 2], [1.0, 0.9799], 0),
        ([3, 1, 2], [0.94, 0.8, 0.95], 0),  # in any order
    ],
)
def test_guidance_is_the_largest_that_is_nearly_best(
    candidates: list[float], accuracies: list[float], chosen: int
) -> None:
    assert choose_guidance(candidates, accuracies) == chosen


@given(accuracies=st.lists(st.floats(0, 1), min_size=1, max_size=12), fraction=st.floats(0.5, 1.0))
def test_guidance_follows_the_rule(accuracies: list[float], fraction: float) -> None:
    index = choose_guidance(range(len(accuracies)), accuracies, fraction)
    best = int(np.argmax(accuracies))
    assert index >= best and accuracies[index] >= fraction * accuracies[best] - 1e-9
    assert all(a < fraction * accuracies[best] for a in accuracies[index + 1 :])


def test_a_candidate_no_better_than_none_is_not_nearly_as_good() -> None:
    # Eight unhealthy slices of a hundred: 0.92 is what calling all healthy scores.
    assert choose_guidance([2, 32], [0.93, 0.92]) == 1
    assert choose_guidance([2, 32], [0.93, 0.92], baseline=0.92) == 0
    assert choose_guidance([2, 8, 32], [0.93, 0.925, 0.92], baseline=0.92) == 1
    labels = np.array([1] * 8 + [0] * 92)
    cosines = np.full((2, 100), 0.5)
    cosines[0, 0] = 0.1
    report = calibrate([2.0, 32.0], cosines, np.ones((2, 100, 1)), labels, **GRID)
    assert report.accuracies.tolist() == [0.93, 0.92]
    assert report.calibration.guidance == 2 and report.calibration.told_apart


@pytest.mark.parametrize(
    ("candidates", "accuracies", "fraction"),
    [([], [], 0.98), ([1], [1, 1], 0.98), ([1], [1], 1.5)],
)
def test_choice_without_sense_is_refused(
    candidates: list[float], accuracies: list[float], fraction: float
) -> None:
    with pytest.raises(SettingsError):
        choose_guidance(candidates, accuracies, fraction)


def test_calibration_from_numbers_keeps_every_candidate() -> None:
    labels = np.array([0, 0, 1, 1, -1])
    cosines = np.array([[0.9, 0.8, 0.7, 0.85, 0.0], [0.9, 0.8, 0.2, 0.3, 0.0]])
    at_end = np.array(
        [
            [[5, 5], [5, 5], [1, 2], [2, 1], [9, 9]],
            [[7, 7], [7, 7], [3, 6], [4, 5], [9, 9]],
        ],
        dtype=float,
    )
    report = calibrate([1.0, 3.0], cosines, at_end, labels, **GRID, source="numbers")
    calibration = report.calibration
    assert calibration.guidance == 3 and calibration.cosine_threshold == pytest.approx(0.55)
    # The largest over the unhealthy slices alone, modality by modality.
    assert calibration.max_divergence == (4, 6)
    assert calibration.slices == {"healthy": 2, "unhealthy": 2}
    assert [c.guidance for c in calibration.candidates] == [1, 3]
    assert [c.accuracy for c in calibration.candidates] == [0.75, 1.0]
    assert calibration.candidates[0].max_divergence == (2, 2)
    assert report.cosines.shape == (2, 4) and report.divergence_at_end.shape == (2, 4, 2)
    assert report.accuracies.tolist() == [0.75, 1.0] and report.labels.tolist() == [0, 0, 1, 1]
    assert calibration.at(1.0) == (calibration.candidates[0].cosine_threshold, (2, 2), None)


def test_a_model_blind_to_labels_is_refused() -> None:
    labels, at_end = np.array([0, 1]), np.zeros((1, 2, 1))
    with pytest.raises(DatasetError, match="M_max is 0"):
        calibrate([1.0], np.array([[0.9, 0.1]]), at_end, labels, **GRID)


def oracle_slices() -> tuple[MixtureOracle, Tensor, np.ndarray[tuple[int], np.dtype[np.int64]]]:
    means = torch.full((2, 2, 8, 8), -0.5, dtype=torch.float64)
    means[1, :, 2:5, 2:5] = 0.5
    gaussian = GaussianOracle(SCHEDULE, {HEALTHY: means[0], UNHEALTHY: means[1]}, s=0.2)
    labels = np.array([0, 1, 0, 1, 1, 0, 0])
    rng = torch.Generator().manual_seed(0)
    noise = 0.2 * torch.randn(len(labels), 2, 8, 8, generator=rng, dtype=torch.float64)
    return MixtureOracle(gaussian, 0.5), means[labels] + noise, labels


def batches(x0: Tensor, size: int) -> Iterator[tuple[Tensor, Sequence[int]]]:
    for start in range(0, len(x0), size):
        yield x0[start : start + size], range(start, min(start + size, len(x0)))


def test_one_pass_gives_what_separate_runs_give() -> None:
    oracle, x0, labels = oracle_slices()
    steps, candidates = (1, 200, 400, 600), (0.5, 1.0, 2.0, 8.0)

    def run(guidances: Sequence[float], size: int = 3) -> tuple[Any, Any, int]:
        predictor = Recorded(oracle)
        cosines, divergences, _ = measure(
            batches(x0, size), predictor, SCHEDULE, steps, guidances,
            channels=[1], process="ddim", clip=True, seed=0,
        )  # fmt: skip
        return cosines, divergences, sum(len(call[0]) for call in predictor.calls)

    cosines, divergences, evaluations = run(candidates)
    assert evaluations == 2 * len(steps) * len(x0)
    assert cosines.shape == (4, 7) and divergences.shape == (4, 7, 1)
    for index, guidance in enumerate(candidates):
        alone = run([guidance])
        np.testing.assert_array_equal(alone[0][0], cosines[index])
        np.testing.assert_array_equal(alone[1][0], divergences[index])
    np.testing.assert_array_equal(run(candidates, size=7)[0], cosines)
    report = calibrate(candidates, cosines, divergences, labels, **GRID)
    assert report.accuracies.max() == 1.0


def test_maps_are_scored_while_the_network_works_on_the_next_batch() -> None:
    oracle, x0, _ = oracle_slices()
    second, calls = threading.Event(), 0
    seen: list[int] = []

    def predictor(x: Tensor, index: Tensor, label: Tensor) -> Tensor:
        nonlocal calls
        calls += 1
        if calls == 3:  # of two steps each, the first of the second batch
            second.set()
        return oracle(x, index, label)

    def score(anomaly_map: np.ndarray[Any, Any]) -> float:
        assert second.wait(60)
        return float(anomaly_map.max())

    found = measure(
        batches(x0, 3), predictor, SCHEDULE, (1, 400), (0.5, 8.0), channels=[1],
        process="ddim", clip=True, seed=0, score=score,
        on_batch=lambda so_far: seen.append(so_far.cosines.shape[1]),
    )  # fmt: skip
    whole = measure(
        batches(x0, 7), oracle, SCHEDULE, (1, 400), (0.5, 8.0), channels=[1],
        process="ddim", clip=True, seed=0, score=lambda one: float(one.max()),
    )  # fmt: skip
    assert seen == [3, 6, 7]
    assert found.scores is not None and whole.scores is not None
    np.testing.assert_array_equal(found.scores, whole.scores)


def test_on_a_gpu_the_maps_of_a_batch_are_scored_together(monkeypatch: pytest.MonkeyPatch) -> None:
    oracle, x0, _ = oracle_slices()
    shapes: list[tuple[int, ...]] = []

    def score_batch(maps: Tensor) -> np.ndarray[Any, Any]:
        shapes.append(tuple(maps.shape))
        return maps.amax(dim=(1, 2)).double().numpy()

    def run() -> Measurements:
        return measure(
            batches(x0, 4), oracle, SCHEDULE, (1, 400), (0.5, 8.0), channels=[1],
            process="ddim", clip=True, seed=0, score=lambda one: float(one.max()),
            score_batch=score_batch,
        )  # fmt: skip

    by_threads = run().scores
    assert not shapes
    monkeypatch.setattr("anofpdm.guidance.measurement._on_gpu", lambda _: True)
    together = run().scores
    assert [shape[0] for shape in shapes] == [4, 4, 3, 3]
    assert by_threads is not None and together is not None
    np.testing.assert_array_equal(together, by_threads)


def test_a_score_that_fails_ends_the_search() -> None:
    oracle, x0, _ = oracle_slices()

    def score(anomaly_map: np.ndarray[Any, Any]) -> float:
        raise SettingsError("no score")

    with pytest.raises(SettingsError, match="no score"):
        measure(
            batches(x0, 3), oracle, SCHEDULE, (1, 400), (0.5,), channels=[1],
            process="ddim", clip=True, seed=0, score=score,
        )  # fmt: skip


def dataset(path: Path, labels: Sequence[int], modalities: Sequence[str]) -> SliceDataset:
    images = np.random.default_rng(0).uniform(-1, 1, (len(labels), len(modalities), 8, 8))
    with SliceDataset.create(path, modalities=modalities, scored=["flair"]) as writer:
        writer.append(images[:1], [0], subject="a", split="train")
        writer.append(images, labels, subject="b", split="val")
    return SliceDataset.open(path)


def test_selection_on_a_dataset(tmp_path: Path, tiny_bundle: ModelBundle) -> None:
    data = dataset(tmp_path / "d.zarr", [0, 1, -1, 1, 0], ["flair", "t1"])
    told: list[tuple[int, int]] = []
    report = select_guidance(
        tiny_bundle,
        data,
        candidates=[4, 1, 2, 1],
        steps=3,
        batch_size=3,
        region="brain",
        progress=lambda done, total: told.append((done, total)),
    )
    assert report.candidates.tolist() == [1, 2, 4]
    assert told == [(3, 12), (6, 12), (9, 12), (10, 12), (11, 12), (12, 12)]
    calibration = report.calibration
    assert (calibration.steps, calibration.t_max, calibration.region) == (3, 600, "brain")
    assert calibration.slices == {"healthy": 2, "unhealthy": 2}
    assert calibration.source == "d.zarr, split val"
    assert tiny_bundle.with_calibration(calibration).metadata.calibration == calibration
    again = select_guidance(tiny_bundle, data, candidates=[1, 2, 4], steps=3, batch_size=1)
    np.testing.assert_allclose(again.cosines, report.cosines, rtol=1e-4)


@pytest.mark.parametrize(
    ("size", "preprocessing", "words"),
    [
        (16, {}, "16x16 pixels, but the model reads 8x8"),
        (8, {"intensity": "volume_p99"}, "intensity = "),
        (8, {"field_of_view": "fixed", "extent_mm": 100.0}, "field_of_view = fixed"),
        (8, {"rows": "A"}, "rows = A"),
    ],
)
def test_slices_made_otherwise_than_the_models_are_refused(
    tmp_path: Path,
    tiny_bundle: ModelBundle,
    size: int,
    preprocessing: dict[str, Any],
    words: str,
) -> None:
    document = tiny_bundle.metadata.model_dump(mode="json")
    document["preprocessing"]["intensity"] = "slice_minmax"
    other = replace(tiny_bundle, metadata=BundleMetadata.model_validate(document))
    with SliceDataset.create(
        tmp_path / "d.zarr", modalities=["flair", "t1"], preprocessing=preprocessing
    ) as writer:
        writer.append(np.zeros((2, 2, size, size)), [0, 1], subject="a", split="val")
    with pytest.raises(DatasetError, match=words):
        select_guidance(other, SliceDataset.open(tmp_path / "d.zarr"), candidates=[1], steps=2)


def test_too_large_a_batch_is_said(
    tmp_path: Path, tiny_bundle: ModelBundle, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: Any) -> None:
        raise torch.OutOfMemoryError("CUDA out of memory")

    data = dataset(tmp_path / "d.zarr", [0, 1, 0, 1], ["flair", "t1"])
    monkeypatch.setattr(ModelBundle, "predictor", full)
    with pytest.raises(DeviceError, match="7 slices per batch"):
        select_guidance(tiny_bundle, data, candidates=[1], steps=2, batch_size=7)


def test_unfit_selections_are_refused(tmp_path: Path, tiny_bundle: ModelBundle) -> None:
    def never(*_: object) -> None:
        pytest.fail("the network ran")

    fine = dataset(tmp_path / "fine.zarr", [0, 1], ["flair", "t1"])
    with pytest.raises(DatasetError, match="only healthy ones"):
        healthy = dataset(tmp_path / "healthy.zarr", [0, -1], ["flair", "t1"])
        select_guidance(tiny_bundle, healthy, candidates=[1], progress=never)
    with pytest.raises(DatasetError, match=r"contains flair, but the model reads flair, t1"):
        other = dataset(tmp_path / "other.zarr", [0, 1], ["flair"])
        select_guidance(tiny_bundle, other, candidates=[1], progress=never)
    for candidates in ([], [-1.0], [2000.0]):
        with pytest.raises(SettingsError):
            select_guidance(tiny_bundle, fine, candidates=candidates, progress=never)
    for unfit in ({"batch_size": 0}, {"steps": 0}, {"t_max": 2000}):
        with pytest.raises(SettingsError):
            select_guidance(tiny_bundle, fine, candidates=[1], progress=never, **unfit)  # type: ignore[arg-type]


def test_the_accuracy_grows_with_the_slices_and_changes_nothing(
    tmp_path: Path, tiny_bundle: ModelBundle
) -> None:
    data = dataset(tmp_path / "d.zarr", [0, 0, -1, 0, 1, 1, 1], ["flair", "t1"])
    told: list[GuidanceAccuracy] = []
    given: dict[str, Any] = {"candidates": [1, 2], "steps": 3, "batch_size": 2, "rule": "absolute"}
    report = select_guidance(tiny_bundle, data, **given, on_accuracy=told.append)
    # The first two are both healthy: there is nothing to tell apart.
    assert [one.slices for one in told] == [4, 6]
    assert [one.baseline for one in told] == [0.75, 0.5]
    assert told[-1].points == tuple(zip((1.0, 2.0), report.accuracies, strict=True))
    quiet = select_guidance(tiny_bundle, data, **given)
    np.testing.assert_array_equal(quiet.cosines, report.cosines)
    assert quiet.calibration == report.calibration


def test_accuracy_of_slices_that_part_is_one_and_never_below_the_larger_class() -> None:
    labels = np.array([0, 0, 0, 1])
    cosines = np.array([[0.9, 0.8, 0.7, 0.1], [0.1, 0.2, 0.9, 0.5], [0.3, 0.3, 0.3, 0.3]])
    found = guidance_accuracy([1, 2, 4], cosines, labels)
    assert found is not None
    assert found.accuracies == (1.0, 0.75, 0.75)
    assert (found.best, found.baseline, found.slices) == (1.0, 0.75, 4)
    by_map = guidance_accuracy([1, 2, 4], cosines, labels, scores=cosines)
    assert by_map is not None
    # The unhealthy slice has the least of all scores in the first row.
    assert by_map.accuracies == (0.75, 0.75, 0.75)
    assert guidance_accuracy([1, 2, 4], cosines[:, :3], labels[:3]) is None
