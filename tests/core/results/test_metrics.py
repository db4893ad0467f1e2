from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from anofpdm.common.errors import SettingsError
from anofpdm.results.metrics import (
    auprc,
    dice,
    evaluate_masks,
    false_alarm_rate,
    image_accuracy,
    iou,
    roc_auc,
)


def test_overlaps_of_a_known_pair() -> None:
    mask, truth = np.array([1, 1, 1, 0, 0]), np.array([0, 1, 1, 1, 1])
    assert dice(mask, truth) == pytest.approx(4 / 7)
    assert iou(mask, truth) == pytest.approx(2 / 5)


def test_empty_on_empty_is_one_and_a_miss_is_zero() -> None:
    empty, full = np.zeros(4), np.ones(4)
    assert dice(empty, empty) == iou(empty, empty) == 1
    assert dice(empty, full) == iou(empty, full) == dice(full, empty) == iou(full, empty) == 0


@given(seed=st.integers(0, 10_000))
def test_dice_and_iou_say_the_same(seed: int) -> None:
    mask, truth = np.random.default_rng(seed).random((2, 40)) < 0.3
    assert dice(mask, truth) == dice(truth, mask)
    assert dice(mask, truth) == pytest.approx(2 * iou(mask, truth) / (1 + iou(mask, truth)))


def test_auprc_of_a_known_ranking() -> None:
    truth = np.array([1, 0, 1, 0])
    assert auprc(np.array([4, 3, 2, 1]), truth) == pytest.approx(0.5 * 1 + 0.5 * 2 / 3)
    assert auprc(np.array([4, 1, 3, 2]), truth) == 1
    assert auprc(np.ones(4), truth) == 0.5
    assert np.isnan(auprc(np.ones(4), np.zeros(4)))
    with pytest.raises(SettingsError, match="3 and 4"):
        auprc(np.ones(3), truth)


def test_slice_scores() -> None:
    assert image_accuracy([True, False, True], [True, True, True]) == pytest.approx(2 / 3)
    assert roc_auc([0.1, 0.4, 0.35, 0.8], [False, False, True, True]) == 0.75
    assert np.isnan(roc_auc([0.1, 0.2], [True, True]))
    truths = np.zeros((4, 2, 2), dtype=bool)
    truths[0] = True
    masks = np.zeros_like(truths)
    masks[:2, 0, 0] = True
    assert false_alarm_rate(masks, truths) == pytest.approx(1 / 3)
    assert np.isnan(false_alarm_rate(masks[:1], truths[:1]))


def test_whole_evaluation_beside_the_silent_baseline() -> None:
    rng = np.random.default_rng(0)
    truths = np.zeros((4, 8, 8), dtype=bool)
    truths[0, :4], truths[1, 2:6, 2:6] = True, True
    masks = truths.copy()
    masks[1], masks[2, 0, 0] = False, True
    maps, brain = rng.random(truths.shape), np.ones_like(truths)
    brain[:, :, 0] = False
    scores = evaluate_masks(
        masks,
        truths,
        maps,
        foreground=brain,
        predicted_unhealthy=np.array([True, False, True, False]),
        cosine=np.array([0.1, 0.9, 0.8, 0.95]),
    )
    assert scores["slices"] == 4 and scores["unhealthy_slices"] == 2
    assert scores["mixed"]["dice"] == pytest.approx((1 + 0 + 0 + 1) / 4)
    assert scores["unhealthy"]["dice"] == scores["unhealthy"]["iou"] == 0.5
    assert scores["mixed"]["auprc"] == pytest.approx(auprc(maps, truths))
    assert scores["unhealthy"]["auprc_brain"] == pytest.approx(
        auprc(maps[:2][brain[:2]], truths[:2][brain[:2]])
    )
    baseline = scores["all_empty_baseline"]
    assert baseline["mixed"]["dice"] == 0.5 and baseline["unhealthy"]["dice"] == 0
    assert baseline["image_accuracy"] == 0.5
    assert scores["false_alarm_rate"] == 0.5
    assert scores["image_accuracy"] == 0.5 and scores["roc_auc"] == 0.75


def test_healthy_slices_alone_have_no_unhealthy_scores() -> None:
    empty = np.zeros((2, 4, 4), dtype=bool)
    scores = evaluate_masks(empty, empty, np.zeros(empty.shape))
    assert scores["mixed"] == {"dice": 1.0, "iou": 1.0, "auprc": None}
    assert scores["unhealthy"] == {"dice": None, "iou": None, "auprc": None}
    assert scores["false_alarm_rate"] == 0


def test_shapes_that_differ_are_refused() -> None:
    mask = np.zeros((2, 4, 4), dtype=bool)
    with pytest.raises(SettingsError, match="differ"):
        evaluate_masks(mask, mask[:1], np.zeros(mask.shape))
    with pytest.raises(SettingsError, match="S above 0"):
        evaluate_masks(mask, mask, np.zeros((2, 4, 5)))
