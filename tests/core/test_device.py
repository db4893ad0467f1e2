"""Devices: the choice, the reasons given, and the batch size from free memory."""

from __future__ import annotations

import pytest
import torch

from anofpdm import device
from anofpdm.errors import DeviceError
from anofpdm.unet_config import UNetConfig

NETWORK = UNetConfig(
    image_size=64, in_channels=1, base_channels=16, channel_multipliers=(1, 2), heads=1
)


def test_auto_takes_what_there_is() -> None:
    chosen = device.resolve_device("auto")
    assert (chosen == "cuda") == torch.cuda.is_available()


@pytest.mark.parametrize("name", ["tpu", "cuda:x", "cuda:-1", "cpu:1", "auto:0", ""])
def test_an_unknown_device_is_named(name: str) -> None:
    with pytest.raises(DeviceError, match=f"'{name}'.*choose one of"):
        device.resolve_device(name)


@pytest.mark.parametrize(
    ("cuda_version", "words"), [(None, "built without CUDA"), ("13.0", "no NVIDIA GPU")]
)
def test_cuda_refused_with_the_reason(
    monkeypatch: pytest.MonkeyPatch, cuda_version: str | None, words: str
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.version, "cuda", cuda_version)
    with pytest.raises(DeviceError, match=words):
        device.resolve_device("cuda")


def test_a_gpu_that_is_not_there_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    assert device.resolve_device("cuda:0") == "cuda:0"
    with pytest.raises(DeviceError, match="no GPU 3"):
        device.resolve_device("cuda:3")


def test_batches_shrink_with_memory_and_never_vanish(monkeypatch: pytest.MonkeyPatch) -> None:
    one = device.slice_bytes(NETWORK, steps=30)
    for slices_that_fit in (0, 1, 3):
        monkeypatch.setattr(device, "free_bytes", lambda _, n=slices_that_fit: 2 * n * one)
        assert device.default_batch_size(NETWORK, 30, "cpu", 100) == max(1, slices_that_fit)


def test_a_batch_is_no_larger_than_the_scan() -> None:
    assert device.default_batch_size(NETWORK, 30, "cpu", 2) <= 2
