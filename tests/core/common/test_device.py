"""Devices: the choice, and the reasons given."""

from __future__ import annotations

import pytest
import torch

from anofpdm.common import device
from anofpdm.common.errors import DeviceError


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
    with pytest.raises(DeviceError, match="GPU 3 does not exist"):
        device.resolve_device("cuda:3")


def test_memory_that_pytorch_holds_unused_is_free(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda device: (100, 1000))
    monkeypatch.setattr(torch.cuda, "memory_reserved", lambda device: 50)
    monkeypatch.setattr(torch.cuda, "memory_allocated", lambda device: 20)
    assert device.free_bytes("cuda") == 130
