"""Group norm with modulation and SiLU: PyTorch's way, and the fused kernels in the interpreter."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from anofpdm.model import normalization
from anofpdm.model.normalization import fused_works, normalized

INTERPRETED = Path(__file__).with_name("fused_group_norm_interpreted.py")


def exact(
    x: Tensor, norm: nn.GroupNorm, modulation: Tensor | None, silu: bool, bias: Tensor | None
) -> Tensor:
    """Everything spelled out in float64."""
    batch, channels, rows, columns = x.shape
    values = x.double()
    if bias is not None:
        values = values + bias.double()[:, None, None]
    grouped = values.reshape(batch, norm.num_groups, -1)
    deviation = grouped - grouped.mean(-1, keepdim=True)
    variance = deviation.square().mean(-1, keepdim=True)
    values = (deviation / (variance + norm.eps).sqrt()).reshape(batch, channels, rows, columns)
    values = values * norm.weight.double()[:, None, None] + norm.bias.double()[:, None, None]
    if modulation is not None:
        scale, shift = modulation.double()[:, :, None, None].chunk(2, dim=1)
        values = values * (1 + scale) + shift
    return functional.silu(values) if silu else values


def example(dtype: torch.dtype) -> tuple[Tensor, nn.GroupNorm, Tensor, Tensor]:
    generator = torch.Generator().manual_seed(0)
    norm = nn.GroupNorm(4, 16)
    with torch.no_grad():
        norm.weight.copy_(torch.randn(16, generator=generator))
        norm.bias.copy_(torch.randn(16, generator=generator))
    x = 50 + 3 * torch.randn(2, 16, 5, 7, generator=generator)
    modulation, bias = (torch.randn(shape, generator=generator) for shape in ((2, 32), (16,)))
    return x.to(dtype), norm, modulation, bias


@pytest.mark.parametrize("silu", [False, True])
@pytest.mark.parametrize("modulated", [False, True])
@pytest.mark.parametrize("biased", [False, True])
@pytest.mark.parametrize(
    ("dtype", "tolerance"),
    [(torch.float32, 1e-4), (torch.float16, 2**-10), (torch.bfloat16, 2**-7)],
    ids=str,
)
def test_plain_way_follows_the_equation(
    dtype: torch.dtype, tolerance: float, biased: bool, modulated: bool, silu: bool
) -> None:
    x, norm, modulation, bias = example(dtype)
    given = modulation if modulated else None
    before = bias if biased else None
    found = normalized(x, norm, modulation=given, silu=silu, bias=before)
    expected = exact(x, norm, given, silu, before)
    assert found.dtype == dtype
    torch.testing.assert_close(found.double(), expected, rtol=tolerance, atol=tolerance)


@pytest.mark.skipif(
    importlib.util.find_spec("triton") is None, reason="the fused kernels need Triton"
)
@pytest.mark.nightly
def test_kernels_follow_the_equation_and_its_gradients() -> None:
    """In Triton's interpreter, which must be chosen before Triton is imported."""
    done = subprocess.run(
        [sys.executable, str(INTERPRETED)],
        env={**os.environ, "TRITON_INTERPRET": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    ratios = json.loads(done.stdout)
    assert len(ratios) > 20
    assert {name: ratio for name, ratio in ratios.items() if not ratio <= 1} == {}


def test_kernels_that_fail_are_not_used(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(*_: object) -> float:
        raise RuntimeError("no compiler found\nand more")

    fused_works.cache_clear()
    monkeypatch.setattr(normalization, "_largest_difference", fail)
    assert not fused_works(0, torch.float16)
    assert not fused_works(0, torch.float16)
    (record,) = caplog.records
    assert "cannot run on GPU 0 (no compiler found)" in record.getMessage()
    fused_works.cache_clear()


@pytest.mark.parametrize("difference", [1.5, float("inf"), float("nan")])
def test_kernels_that_differ_are_not_used(
    difference: float, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    fused_works.cache_clear()
    monkeypatch.setattr(normalization, "_largest_difference", lambda *_: difference)
    assert not fused_works(0, torch.float16)
    assert "is inaccurate on GPU 0" in caplog.text
    fused_works.cache_clear()
