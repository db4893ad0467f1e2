"""Group norm with scale, shift and SiLU: by PyTorch's operations, or fused on a GPU."""

from __future__ import annotations

import functools
import logging

import torch
from torch import Tensor, nn
from torch.nn import functional

log = logging.getLogger(__name__)

# The kernels hold one group's channels in a tile of this width.
_WIDEST_GROUP = 64
_TOLERANCE = {torch.float32: 1e-4, torch.float16: 2**-9, torch.bfloat16: 2**-6}


def normalized(
    x: Tensor,
    norm: nn.GroupNorm,
    *,
    modulation: Tensor | None = None,
    silu: bool = False,
    bias: Tensor | None = None,
) -> Tensor:
    """Compute act(norm(x + bias) * (1 + scale) + shift), with float32 sums in any precision.

    Parameters
    ----------
    x : Tensor (B, C, H, W)
        Feature map.
    norm : GroupNorm
        Groups, eps, and weight and bias of each channel.
    modulation : Tensor (B, 2 C), optional
        Each slice's scale of the channels, then the shift; none by default.
    silu : bool
        Whether act is SiLU; else it is the identity.
    bias : Tensor (C,), optional
        Added first: that of the convolution before, which then needs no pass of its own.

    Returns
    -------
    Tensor (B, C, H, W)
        In the dtype of `x`.
    """
    if uses_fused(x, norm):
        from anofpdm.model.fused_group_norm import fused_group_norm

        return fused_group_norm(x, norm, modulation, silu, bias)
    return plain_group_norm(x, norm, modulation, silu, bias)


def plain_group_norm(
    x: Tensor,
    norm: nn.GroupNorm,
    modulation: Tensor | None,
    silu: bool,
    bias: Tensor | None,
) -> Tensor:
    """Compute `normalized` by PyTorch's operations, on any device."""
    # Widened by hand: CUDA's group norm rounds mean and deviation to the dtype of its input.
    hidden = x if x.dtype == torch.float64 else x.float()
    if bias is not None:
        hidden = hidden + bias.to(hidden.dtype)[:, None, None]
    hidden = functional.group_norm(hidden, norm.num_groups, norm.weight, norm.bias, norm.eps)
    if modulation is not None:
        scale, shift = modulation[:, :, None, None].to(hidden.dtype).chunk(2, dim=1)
        # One pass over the map instead of two: shift + hidden * (1 + scale).
        out = None if torch.is_grad_enabled() else hidden
        hidden = torch.addcmul(shift, hidden, 1 + scale, out=out)
    if silu:
        hidden = functional.silu(hidden, inplace=not torch.is_grad_enabled())
    return hidden.to(x.dtype)


def uses_fused(x: Tensor, norm: nn.GroupNorm) -> bool:
    """Whether the fused kernels take this map: on CUDA, in channels-last, and proven to work."""
    return (
        not torch.compiler.is_compiling()
        and x.is_cuda
        and x.dtype in _TOLERANCE
        and norm.num_channels // norm.num_groups <= _WIDEST_GROUP
        and x.is_contiguous(memory_format=torch.channels_last)
        and fused_works(x.device.index or 0, x.dtype)
    )


@functools.cache
def fused_works(gpu: int, dtype: torch.dtype) -> bool:
    """Try the fused kernels on a GPU against PyTorch's operations, once a process and dtype.

    Where they fail or differ, a sentence is logged and the network runs by PyTorch's operations.
    """
    try:
        difference = _largest_difference(torch.device("cuda", gpu), dtype)
    except Exception as error:  # a compiler or driver may fail in any way
        reason = next(iter(str(error).strip().splitlines()), type(error).__name__)
        log.warning(
            "The fused group norm cannot run on GPU %d (%s); the network runs without it, at a "
            "lower speed.",
            gpu,
            reason,
        )
        return False
    if not difference <= 1:
        log.warning(
            "The fused group norm is inaccurate on GPU %d (%.1f times the tolerance); the network "
            "runs without it, at a lower speed.",
            gpu,
            difference,
        )
        return False
    return True


def _largest_difference(device: torch.device, dtype: torch.dtype) -> float:
    """Difference between both ways, gradients included, in units of the tolerance."""
    from anofpdm.model.fused_group_norm import fused_group_norm

    generator = torch.Generator().manual_seed(0)

    def drawn(*shape: int) -> Tensor:
        return torch.randn(shape, generator=generator).to(device)

    # PyTorch forbids gradients in inference mode, from which the first call may come.
    with torch.inference_mode(False), torch.enable_grad():
        norm = nn.GroupNorm(4, 48).to(device)
        values, bias = 2 + drawn(2, 48, 25, 30), drawn(48)
        modulation, gradient = drawn(2, 96), drawn(2, 48, 25, 30)
        results = []
        for compute in (plain_group_norm, fused_group_norm):
            x = values.to(dtype).contiguous(memory_format=torch.channels_last)
            leaves = [x.requires_grad_(), modulation.clone().requires_grad_()]
            out = compute(x, norm, leaves[1], True, None)
            slopes = torch.autograd.grad(out, leaves, gradient.to(dtype))
            with torch.no_grad():
                biased = compute(x, norm, modulation, True, bias)
            results.append([each.detach().float() for each in (out, biased, *slopes)])
        ratios = [
            (found - expected).abs().max() / expected.abs().max() / _TOLERANCE[dtype]
            for expected, found in zip(*results, strict=True)
        ]
        return float(torch.stack(ratios).max())  # nan, if one of them is
