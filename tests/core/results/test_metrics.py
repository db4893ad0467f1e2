from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from anofpdm.common.errors import SettingsError
from anofpdm.results.metrics import (
    auprc,
    dice,
    image_accuracy,
    iou,
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


def test_shapes_that_differ_are_refused() -> None:
    mask = np.zeros((2, 4, 4), dtype=bool)
    with pytest.raises(SettingsError, match="differ"):
        dice(mask, mask[:1])
