"""Batch sizes from free memory."""

from __future__ import annotations

import pytest

from anofpdm.model import memory
from anofpdm.model.unet_config import UNetConfig

NETWORK = UNetConfig(
    image_size=64, in_channels=1, base_channels=16, channel_multipliers=(1, 2), heads=1
)


def test_batches_shrink_with_memory_and_never_vanish(monkeypatch: pytest.MonkeyPatch) -> None:
    one = memory.slice_bytes(NETWORK, steps=30)
    for slices_that_fit in (0, 1, 3):
        monkeypatch.setattr(memory, "free_bytes", lambda _, n=slices_that_fit: 2 * n * one)
        assert memory.default_batch_size(NETWORK, 30, "cpu", 100) == max(1, slices_that_fit)


def test_a_batch_is_no_larger_than_the_scan() -> None:
    assert memory.default_batch_size(NETWORK, 30, "cpu", 2) <= 2


def test_scans_together_fill_a_call(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "free_bytes", lambda _: 2**40)
    assert memory.most_slices(NETWORK, "cuda:1") == 128
    monkeypatch.setattr(memory, "free_bytes", lambda _: 6 * memory.slice_bytes(NETWORK, steps=0))
    assert memory.most_slices(NETWORK, "cuda") == 3
