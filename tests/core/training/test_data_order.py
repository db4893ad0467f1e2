from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from anofpdm.common.errors import TrainingError
from anofpdm.training.data.data_order import DataOrder

LABELS = np.array([0, 1, -1, 0, 0, 1, 0, 0, -1, 0, 0])


def walk(order: DataOrder, steps: int) -> NDArray[np.intp]:
    return np.concatenate([order.batch(step) for step in range(steps)])


def test_every_epoch_takes_every_slice_once_in_a_new_order() -> None:
    seen = walk(DataOrder(LABELS, 4, seed=3), 11).reshape(4, 11)
    assert (np.sort(seen, axis=1) == np.arange(11)).all()
    assert len({tuple(epoch) for epoch in seen}) == 4


def test_a_batch_can_be_found_without_those_before_it() -> None:
    order = DataOrder(LABELS, 4, seed=3, unhealthy_fraction=0.3)
    batches = [order.batch(step) for step in range(20)]
    for step in (13, 2, 19):
        fresh = DataOrder(LABELS, 4, seed=3, unhealthy_fraction=0.3)
        assert np.array_equal(fresh.batch(step), batches[step])


def test_seeds_give_different_orders() -> None:
    first, second = (walk(DataOrder(LABELS, 4, seed=s), 5) for s in (0, 1))
    assert not np.array_equal(first, second)


@pytest.mark.parametrize("fraction", [0.0, 0.1, 0.3, 0.5, 1 / 3, 1.0])
def test_fraction_of_unhealthy_slices_is_kept(fraction: float) -> None:
    order = DataOrder(LABELS, 7, seed=0, unhealthy_fraction=fraction)
    batches = [order.batch(step) for step in range(60)]
    assert all(len(batch) == 7 for batch in batches)
    unhealthy = [int((LABELS[batch] == 1).sum()) for batch in batches]
    assert abs(sum(unhealthy) - 420 * fraction) <= 1
    assert max(unhealthy) - min(unhealthy) <= 1


def test_batch_larger_than_the_data_wraps_round() -> None:
    counts = np.bincount(DataOrder(LABELS, 25, seed=0).batch(0), minlength=11)
    assert set(counts) == {2, 3}


@pytest.mark.parametrize(("labels", "fraction"), [([], None), ([0, 0], 0.5), ([1, 1], 0.5)])
def test_missing_slices_are_named(labels: list[int], fraction: float | None) -> None:
    with pytest.raises(TrainingError, match="lacks"):
        DataOrder(np.array(labels, dtype=np.int8), 2, 0, fraction)


def test_twins_end_the_batch_in_the_order_of_the_unhealthy_slices() -> None:
    labels = np.array([1, 0, 1, -1, 0, 0, 0, 1])
    twins = np.array([4, -1, 6, -1, -1, -1, -1, -1])
    order = DataOrder(labels, 5, seed=1, unhealthy_fraction=0.4, twins=twins)
    for step in range(12):
        batch = order.batch(step)
        assert set(batch[:2].tolist()) == {0, 2}  # 7 has no twin
        assert set(batch[2:3].tolist()) <= {1, 3, 5}  # twins come with their slice alone
        assert batch[3:].tolist() == twins[batch[:2]].tolist()
    assert order.rows().tolist() == [0, 1, 2, 0, 1]


def test_lesions_keep_a_share_that_follows_seed_and_step() -> None:
    labels = np.array([1, 0, 1, 0, 0, 0])
    twins = np.array([4, -1, 5, -1, -1, -1])
    order = DataOrder(labels, 5, 1, 0.4, twins, faintest_lesion=0.1)
    shares = np.stack([order.strengths(step) for step in range(2000)])
    assert (shares[:, 2:] == 1).all()
    sick = shares[:, :2].ravel()
    assert sick.min() >= 0.1
    assert 0.2 < (sick == 1).mean() < 0.3
    logs = np.log10(sick[sick < 1])
    assert abs(logs.mean() + 0.5) < 0.03
    again = DataOrder(labels, 5, 1, 0.4, twins, faintest_lesion=0.1)
    assert np.array_equal(again.strengths(1234), shares[1234])
    assert (DataOrder(labels, 5, 1, 0.4, twins).strengths(3) == 1).all()
