"""Compare the fused kernels with float64, in Triton's interpreter; print errors over tolerance.

Run by test_normalization.py with TRITON_INTERPRET=1.
"""

from __future__ import annotations

import json
import os
import sys

import torch
from torch import Tensor, nn

from anofpdm.model import fused_group_norm as module
from anofpdm.model.fused_group_norm import fused_group_norm, fused_sum
from anofpdm.model.normalization import _largest_difference, plain_group_norm

# The interpreter cuts bfloat16 off instead of rounding.
TOLERANCE = {torch.float32: 2e-5, torch.float16: 2**-10, torch.bfloat16: 2**-7}
# The interpreter is slow: here chunks, the loop over them, and the maps are small.
SIZES = {"_CHUNK": 64, "_PIXELS": 64, "_CHUNKS": 2}
# (channels, groups, rows, columns): several chunks, one not full; blocks of 64, 32 and 16 channels,
# and one not full; a single pixel.
CASES: list[tuple[tuple[int, int, int, int], torch.dtype, bool, bool]] = [
    ((64, 8, 11, 12), torch.float32, True, True),
    ((96, 12, 8, 8), torch.float16, False, False),
    ((24, 3, 9, 20), torch.bfloat16, True, True),
    ((144, 18, 3, 5), torch.float32, False, True),
    ((16, 2, 1, 1), torch.float32, True, False),
]


def channels_last(values: Tensor) -> Tensor:
    return values.contiguous(memory_format=torch.channels_last)


def ratio(found: Tensor, expected: Tensor, tolerance: float) -> float:
    largest = float((found.detach().double() - expected).abs().max())
    return largest / tolerance / max(1.0, float(expected.abs().max()))


def compare(
    shape: tuple[int, int, int, int], dtype: torch.dtype, modulated: bool, silu: bool
) -> dict[str, float]:
    channels, groups, rows, columns = shape
    generator = torch.Generator().manual_seed(channels)

    def drawn(*size: int) -> Tensor:
        return torch.randn(size, generator=generator)

    norm = nn.GroupNorm(groups, channels)
    with torch.no_grad():
        norm.weight.copy_(drawn(channels))
        norm.bias.copy_(drawn(channels))
    exact = nn.GroupNorm(groups, channels).double()
    exact.load_state_dict(norm.state_dict())
    x = channels_last((20 + 3 * drawn(2, channels, rows, columns)).to(dtype))
    modulation = drawn(2, 2 * channels) if modulated else None
    bias, gradient = drawn(channels), drawn(*x.shape).to(dtype)
    tolerance = TOLERANCE[dtype]
    found = {}
    with torch.no_grad():
        fused = fused_group_norm(x, norm, modulation, silu, bias)
        plain = plain_group_norm(
            x.double(), exact, None if modulation is None else modulation.double(), silu,
            bias.double(),
        )  # fmt: skip
        assert fused.dtype == dtype
        assert fused.is_contiguous(memory_format=torch.channels_last)
        found["bias"] = ratio(fused, plain, tolerance)
    results = []
    for layer, compute in ((norm, fused_group_norm), (exact, plain_group_norm)):

        def widened(values: Tensor, wide: bool = layer is exact) -> Tensor:
            return values.double() if wide else values.clone()

        leaves = [widened(x).requires_grad_()]
        scaled = None if modulation is None else widened(modulation).requires_grad_()
        out = compute(leaves[0], layer, scaled, silu, None)
        leaves += [layer.weight, layer.bias] + ([] if scaled is None else [scaled])
        results.append([out, *torch.autograd.grad(out, leaves, widened(gradient))])
    names = ("out", "x", "weight", "bias of norm", "modulation")
    for name, one, other in zip(names, *results, strict=False):
        found[name] = ratio(one, other.detach(), tolerance)
    return found


def main() -> None:
    if os.environ.get("TRITON_INTERPRET") != "1":
        sys.exit("set TRITON_INTERPRET=1: this needs Triton's interpreter")
    module._PIXELS = 256
    ratios = {"self test": _largest_difference(torch.device("cpu"), torch.float16)}
    for name, size in SIZES.items():
        setattr(module, name, size)
    for shape, dtype, modulated, silu in CASES:
        for name, value in compare(shape, dtype, modulated, silu).items():
            ratios[f"{shape} {dtype} modulated={modulated} silu={silu}: {name}"] = value
    generator = torch.Generator().manual_seed(0)
    left, right = (
        channels_last(torch.randn(2, 24, 5, 7, generator=generator).bfloat16()) for _ in range(2)
    )
    bias = torch.randn(24, generator=generator)
    expected = left.double() + right.double() + bias.double()[:, None, None]
    ratios["sum"] = ratio(fused_sum(left, right, bias), expected, 2**-7)
    sys.stdout.write(json.dumps(ratios))


if __name__ == "__main__":
    main()
