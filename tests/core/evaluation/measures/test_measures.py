from __future__ import annotations

import numpy as np
import pytest
import SimpleITK
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy import ndimage
from sklearn.metrics import (
    average_precision_score,
    jaccard_score,
    precision_score,
    recall_score,
    roc_auc_score,
)

from anofpdm.evaluation.measures.bootstrap import PatientBootstrap
from anofpdm.evaluation.measures.lesion_detection import SIZES_ML, lesion_counts
from anofpdm.evaluation.measures.map_counts import (
    BINS,
    average_precision,
    bin_of,
    bin_value,
    map_counts,
)
from anofpdm.evaluation.measures.surface_distance import surface_distances
from anofpdm.evaluation.scores import overlaps
from anofpdm.results.metrics import dice, iou

SPACING = (1.0, 1.5, 3.0)
Mask = NDArray[np.bool_]


def blob(seed: int, shape: tuple[int, int, int] = (24, 22, 14)) -> Mask:
    """A few smooth spots."""
    noise = np.random.default_rng(seed).standard_normal(shape)
    smooth = ndimage.gaussian_filter(noise, 2.0)
    return np.asarray(smooth > np.quantile(smooth, 0.93))


def itk_distances(mask: Mask, truth: Mask) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Distances between the contours of two masks, measured by SimpleITK."""

    def image(array: Mask) -> SimpleITK.Image:
        found = SimpleITK.GetImageFromArray(np.pad(array, 1).astype(np.uint8).transpose())
        found.SetSpacing(SPACING)
        return found

    contours = [SimpleITK.LabelContour(image(each), fullyConnected=False) for each in (mask, truth)]
    maps = [
        SimpleITK.Abs(
            SimpleITK.SignedMaurerDistanceMap(each, squaredDistance=False, useImageSpacing=True)
        )
        for each in contours
    ]
    on = [SimpleITK.GetArrayFromImage(each) > 0 for each in contours]
    away = [SimpleITK.GetArrayFromImage(each) for each in maps]
    return away[1][on[0]].astype(np.float64), away[0][on[1]].astype(np.float64)


@pytest.mark.parametrize("seed", range(6))
def test_surface_distances_are_those_of_simpleitk(seed: int) -> None:
    mask, truth = blob(seed), blob(seed + 100)
    there, back = itk_distances(mask, truth)
    found = surface_distances(mask, truth, SPACING)
    assert found is not None
    assert found.hd95_mm == pytest.approx(
        max(np.percentile(there, 95), np.percentile(back, 95)), abs=1e-4
    )
    assert found.mean_mm == pytest.approx(np.concatenate([there, back]).mean(), abs=1e-4)
    # With all distances in place of 95 %, it is the Hausdorff distance of SimpleITK's own filter.
    filter_ = SimpleITK.HausdorffDistanceImageFilter()
    images = [SimpleITK.GetImageFromArray(m.astype(np.uint8).transpose()) for m in (mask, truth)]
    for image in images:
        image.SetSpacing(SPACING)
    filter_.Execute(*images)
    assert max(there.max(), back.max()) == pytest.approx(filter_.GetHausdorffDistance(), abs=1e-4)


def test_distances_of_two_voxels_and_of_an_empty_mask() -> None:
    one, other = np.zeros((2, 9, 9, 9), dtype=bool)
    one[4, 4, 4] = True
    assert surface_distances(one, other, SPACING) is None
    assert surface_distances(other, one, SPACING) is None
    other[4, 4, 6] = True
    found = surface_distances(one, other, SPACING)
    assert found is not None and found == (6.0, 6.0)
    assert surface_distances(one, one, SPACING) == (0.0, 0.0)


def test_overlaps_are_those_of_scikit_learn() -> None:
    for seed in range(4):
        mask, truth = blob(seed), blob(seed + 50)
        found = overlaps(mask, truth, (0, 1, 2))
        flat = truth.ravel(), mask.ravel()
        assert found["iou"] == pytest.approx(jaccard_score(*flat))
        assert found["precision"] == pytest.approx(precision_score(*flat))
        assert found["recall"] == pytest.approx(recall_score(*flat))
        assert found["dice"] == pytest.approx(dice(mask, truth))
        assert found["iou"] == pytest.approx(iou(mask, truth))
        by_slice = overlaps(mask, truth, (0, 1))
        assert by_slice["dice"][5] == pytest.approx(dice(mask[:, :, 5], truth[:, :, 5]))


def test_undefined_overlaps_are_as_documented() -> None:
    some = np.ones((2, 2), dtype=bool)
    none = np.zeros((2, 2), dtype=bool)
    silent = overlaps(none, some, (0, 1))
    assert silent["dice"] == silent["iou"] == silent["recall"] == 0
    assert np.isnan(silent["precision"])
    alarm = overlaps(some, none, (0, 1))
    assert alarm["dice"] == alarm["iou"] == alarm["precision"] == 0
    assert np.isnan(alarm["recall"])
    right = overlaps(none, none, (0, 1))
    assert right["dice"] == right["iou"] == 1
    assert np.isnan(right["precision"]) and np.isnan(right["recall"])


def test_lesions_are_counted_by_their_size() -> None:
    truth = np.zeros((40, 40, 12), dtype=bool)
    truth[2:12, 2:12, 1:6] = True  # 500 voxels of 4.5 mm3: 2.25 ml
    truth[20:22, 20:22, 3] = True  # 0.018 ml, missed
    truth[30, 30, 3] = truth[31, 31, 4] = True  # one lesion: it touches itself by a corner
    mask = np.zeros_like(truth)
    mask[11:13, 11:13, 3] = True  # touches the large lesion
    mask[31, 31, 4] = True
    mask[25:36, 2:12, 8:10] = True  # false, 0.99 ml
    counts = lesion_counts(mask, truth, 0.0045)
    assert SIZES_ML == (0.0, 0.1, 1.0, 10.0)
    assert counts.true.tolist() == [2, 0, 1, 0]
    assert counts.detected.tolist() == [1, 0, 1, 0]
    assert counts.marked.tolist() == [2, 1, 0, 0]
    assert counts.false.tolist() == [0, 1, 0, 0]


def test_a_lesion_of_exactly_a_limit_belongs_to_the_larger_class() -> None:
    truth = np.zeros((10, 10, 10), dtype=bool)
    truth[:10, 0, 0] = True
    counts = lesion_counts(np.zeros_like(truth), truth, 0.01)
    assert counts.true.tolist() == [0, 1, 0, 0]


def test_no_lesion_and_no_mask_count_nothing() -> None:
    empty = np.zeros((4, 4, 4), dtype=bool)
    counts = lesion_counts(empty, empty, 1.0)
    assert not any(each.any() for each in (counts.true, counts.detected, counts.marked))


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 10_000), levels=st.sampled_from([3, 50, 100_000]))
def test_the_auprc_of_counts_is_that_of_scikit_learn(seed: int, levels: int) -> None:
    rng = np.random.default_rng(seed)
    truth = rng.random((12, 12, 4)) < 0.2
    scores = np.round((0.3 * truth + rng.random(truth.shape)) * levels) / levels
    scores = np.where(rng.random(truth.shape) < 0.2, 0, scores)
    everywhere = np.ones_like(truth)
    found = map_counts(scores, truth, everywhere, np.arange(4), np.array([0, 1, 1, -1]))
    rounded = bin_of(scores)[:, :, :3]
    expected = average_precision_score(truth[:, :, :3].ravel(), rounded.ravel())
    assert average_precision(found.pixels("mixed", "brain")) == pytest.approx(expected)
    # Rounding to 0.5 % hardly changes the score.
    unrounded = average_precision_score(truth[:, :, :3].ravel(), scores[:, :, :3].ravel())
    assert average_precision(found.pixels("mixed", "brain")) == pytest.approx(unrounded, abs=0.01)


def test_levels_are_bounds_from_below() -> None:
    values = np.array([0.0, 1e-8, 1e-7, 0.003, 0.5, 1.0, 4.0, 16.0, 99.0])
    levels = bin_of(values)
    assert levels[:2].tolist() == [0, 0] and levels[-1] == levels[-2] == BINS - 1
    for value, level in zip(values[2:-1], levels[2:-1], strict=True):
        assert bin_value(int(level)) <= value * (1 + 1e-9)
        assert value < bin_value(int(level) + 1) * (1 + 1e-9)


def test_dice_at_every_threshold_is_that_of_the_mask() -> None:
    rng = np.random.default_rng(3)
    truth, brain = blob(1), rng.random((24, 22, 14)) < 0.9
    scores = rng.random(truth.shape) + 0.5 * truth
    ids = np.arange(14)
    labels = np.where(truth.any(axis=(0, 1)), 1, 0)
    found = map_counts(scores, truth, brain, ids, labels)
    level = int(bin_of(np.array([0.9]))[0])
    mask = (bin_of(scores) >= level) & brain
    assert found.volume_dice()[level] == pytest.approx(dice(mask, truth))
    expected = sum(dice(mask[:, :, k], truth[:, :, k]) for k in np.flatnonzero(labels))
    assert found.slice_dice[level] == pytest.approx(expected)
    assert found.slices == labels.sum()


def test_the_roc_auc_is_that_of_scikit_learn_ties_included() -> None:
    rng = np.random.default_rng(0)
    truth = rng.random(60) < 0.4
    scores = np.round(truth + rng.standard_normal(60), 1)
    scans = np.arange(60) % 5
    bootstrap = PatientBootstrap([f"p{k}" for k in range(5)], draws=200)
    found = bootstrap.roc_auc(scores, truth, scans)
    assert found.value == pytest.approx(roc_auc_score(truth, scores))
    assert found.low is not None and found.high is not None
    assert found.value is not None and found.low < found.value < found.high
    # One resample by hand.
    weights = bootstrap.weights[0][scans]
    expected = roc_auc_score(np.repeat(truth, weights), np.repeat(scores, weights))
    once = PatientBootstrap([f"p{k}" for k in range(5)], draws=1)
    assert once.weights[0].tolist() == bootstrap.weights[0].tolist()
    assert once.roc_auc(scores, truth, scans).low == pytest.approx(expected)


def test_intervals_draw_patients_and_not_scans() -> None:
    # Ten scans of two patients, all alike within a patient.
    values = [0.0] * 5 + [1.0] * 5
    by_patient = PatientBootstrap(["a"] * 5 + ["b"] * 5).mean(values)
    assert (by_patient.value, by_patient.low, by_patient.high) == (0.5, 0.0, 1.0)
    by_scan = PatientBootstrap([str(k) for k in range(10)]).mean(values)
    assert by_scan.low is not None and by_scan.low > 0.1
    assert by_patient.cases == 10


def test_the_same_seed_gives_the_same_interval() -> None:
    values = np.random.default_rng(0).random(12)
    patients = [str(k) for k in range(12)]
    assert PatientBootstrap(patients, seed=3).mean(values) == PatientBootstrap(
        patients, seed=3
    ).mean(values)
    assert PatientBootstrap(patients, seed=3).mean(values) != PatientBootstrap(
        patients, seed=4
    ).mean(values)


def test_one_patient_has_no_interval_and_nothing_known_no_value() -> None:
    alone = PatientBootstrap(["a", "a"]).mean([0.2, 0.4])
    assert alone.value == pytest.approx(0.3) and alone.low is None
    two = PatientBootstrap(["a", "b"])
    assert two.mean([np.nan, np.nan]).value is None
    known = two.mean([0.5, np.nan])
    assert known == (0.5, None, None, 1)
