"""What a device does at best, and the group norm by itself."""

from __future__ import annotations

import time

import torch
from torch import nn

from anofpdm.model import normalization
from anofpdm.model.precision import float32_products
from gpu_parts.bench import Bench
from gpu_parts.ways import as_it_is, plain


def peaks(bench: Bench) -> None:
    """Measure what the device does at best: copies and large matrix products."""
    words = 2**30 if bench.cuda else 2**24
    source = torch.zeros(words, dtype=torch.bfloat16, device=bench.device)
    target = torch.empty_like(source)
    seconds = bench.time(lambda: target.copy_(source), 5)
    bench.row("peaks", "copy", gb_per_s=4 * words / seconds / 1e9)
    size = 8192 if bench.cuda else 512
    for name, dtype, tf32 in (
        ("bfloat16", torch.bfloat16, False),
        ("tf32", torch.float32, True),
        ("float32", torch.float32, False),
    ):
        if tf32 and not bench.cuda:
            continue
        left, right = (torch.randn(size, size, device=bench.device).to(dtype) for _ in range(2))
        with float32_products("tf32" if tf32 else "float32"):
            seconds = bench.time(lambda a=left, b=right: a @ b, 5)  # type: ignore[misc]
        bench.row("peaks", f"matmul {name}", tflops=2 * size**3 / seconds / 1e12)


def norm(bench: Bench) -> None:
    """Measure the group norm by itself, with what is read and written at least once."""
    if bench.cuda:
        start = time.perf_counter()
        works = normalization.fused_works(bench.device.index or 0, torch.float16)
        bench.row("norm", "first use", works=works, seconds=time.perf_counter() - start)
    batch, channels, side = (256, 128, 128) if bench.cuda else (2, 32, 32)
    layer = nn.GroupNorm(32, channels).to(bench.device)
    modulation = torch.randn(batch, 2 * channels, device=bench.device)
    values = torch.randn(batch, channels, side, side, device=bench.device).half()
    values = values.contiguous(memory_format=torch.channels_last)
    for name, way in (("plain", plain), ("fused", as_it_is)):
        with torch.no_grad(), way():
            seconds = bench.time(
                lambda: normalization.normalized(values, layer, modulation=modulation, silu=True)
            )
        bench.row("norm", name, seconds=seconds, gb_per_s=4 * values.numel() / seconds / 1e9)
