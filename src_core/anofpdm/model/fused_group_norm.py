"""The fused group norm: its kernels in their order, and its gradients.

Needs Triton when called, which PyTorch brings along where it has CUDA on Linux.
"""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import Any, cast

import torch
from torch import Tensor, nn

_CHUNK = 512
_PIXELS = 32
_GROUP = 64
_CHUNKS = 16


def fused_group_norm(
    x: Tensor,
    norm: nn.GroupNorm,
    modulation: Tensor | None,
    silu: bool,
    bias: Tensor | None,
) -> Tensor:
    """Compute `normalized` in three passes over the map: read, then read and write.

    `x` is in channels-last, and the result too. Gradients reach all but `bias`.
    """
    wanted = torch.is_grad_enabled() and any(
        each is not None and each.requires_grad for each in (x, modulation, norm.weight)
    )
    if not wanted:
        with _device_of(x):
            return _forward(x, norm.weight, norm.bias, modulation, bias, norm, silu)[0]
    if bias is not None:
        raise ValueError("the fused group norm has no gradient for the bias before it")
    out: Tensor = _GroupNorm.apply(x, norm.weight, norm.bias, modulation, norm, silu)  # type: ignore[no-untyped-call]
    return out


def fused_sum(left: Tensor, right: Tensor, bias: Tensor) -> Tensor:
    """Add two maps (B, C, H, W) and a bias (C,) in one pass over channels-last; no gradient."""
    from triton import cdiv

    from anofpdm.model.fused_group_norm_kernels import add_with_bias

    left, right = (each.contiguous(memory_format=torch.channels_last) for each in (left, right))
    out = torch.empty_like(left)
    channels = left.shape[1]
    pixels, block = left.numel() // channels, _block(channels)
    with _device_of(left):
        add_with_bias[(cdiv(pixels, _PIXELS), cdiv(channels, block))](
            left, right, bias, out, pixels, channels, BLOCK_P=_PIXELS, BLOCK_C=block
        )
    return out


class _GroupNorm(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any,
        x: Tensor,
        weight: Tensor,
        bias: Tensor,
        modulation: Tensor | None,
        norm: nn.GroupNorm,
        silu: bool,
    ) -> Tensor:
        with _device_of(x):
            found = _forward(x, weight, bias, modulation, None, norm, silu)
        out, *rest = found
        ctx.save_for_backward(x, weight, bias, modulation, *rest)
        ctx.groups, ctx.silu = norm.num_groups, silu
        return out

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        with _device_of(gradients[0]):
            return (*_backward(ctx, gradients[0]), None, None)


def _device_of(x: Tensor) -> AbstractContextManager[None]:
    """Make a map's GPU the current one, on which Triton starts its kernels."""
    return cast(AbstractContextManager[None], torch.cuda.device_of(x))  # type: ignore[no-untyped-call]


def _block(channels: int) -> int:
    """Channels a program takes: the widest block that leaves none idle, or the widest at all."""
    return next((block for block in (64, 32, 16) if channels % block == 0), 64)


def _forward(
    x: Tensor,
    weight: Tensor,
    bias: Tensor,
    modulation: Tensor | None,
    conv_bias: Tensor | None,
    norm: nn.GroupNorm,
    silu: bool,
) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
    """Return the result, slope and offset of each channel, and mean and 1 / std of each group."""
    from triton import cdiv

    from anofpdm.model import fused_group_norm_kernels as kernels

    batch, channels, rows, columns = x.shape
    pixels, groups, block = rows * columns, norm.num_groups, _block(channels)
    chunks, blocks = cdiv(pixels, _CHUNK), cdiv(channels, block)
    mean, spread = _numbers(x, 2, batch, chunks, channels)
    kernels.chunk_moments[(chunks, blocks, batch)](
        x, mean, spread, pixels, channels, CHUNK=_CHUNK, BLOCK_P=_PIXELS, BLOCK_C=block
    )
    slope, offset = _numbers(x, 2, batch, channels)
    group_mean, group_rstd = _numbers(x, 2, batch, groups)
    scale, shift = (weight, weight)
    if modulation is not None:
        scale, shift = modulation.contiguous().chunk(2, dim=1)
    kernels.coefficients[(groups, batch)](
        mean,
        spread,
        weight if conv_bias is None else conv_bias,
        weight,
        bias,
        scale,
        shift,
        slope,
        offset,
        group_mean,
        group_rstd,
        pixels,
        channels,
        channels // groups,
        chunks,
        2 * channels,
        norm.eps,
        HAS_CONV_BIAS=conv_bias is not None,
        HAS_SCALE=modulation is not None,
        CHUNK=_CHUNK,
        MOST_CHUNKS=_CHUNKS * cdiv(chunks, _CHUNKS),
        BLOCK_N=_CHUNKS,
        BLOCK_G=_GROUP,
    )
    out = torch.empty_like(x, memory_format=torch.channels_last)
    grid = (cdiv(pixels, _PIXELS), blocks, batch)
    kernels.apply[grid](
        x, slope, offset, out, pixels, channels, SILU=silu, BLOCK_P=_PIXELS, BLOCK_C=block
    )
    return out, slope, offset, group_mean, group_rstd


def _backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor | None]:
    """Gradients of x, weight, bias and modulation."""
    from triton import cdiv

    from anofpdm.model import fused_group_norm_kernels as kernels

    x, weight, bias, modulation, slope, offset, mean, rstd = ctx.saved_tensors
    gradient = gradient.contiguous(memory_format=torch.channels_last)
    batch, channels, rows, columns = x.shape
    pixels, groups, block = rows * columns, ctx.groups, _block(channels)
    chunks, blocks = cdiv(pixels, _CHUNK), cdiv(channels, block)
    per_group = channels // groups
    centre = mean.repeat_interleave(per_group, dim=1)
    by_one, by_x = _numbers(x, 2, batch, chunks, channels)
    kernels.chunk_gradients[(chunks, blocks, batch)](
        x,
        gradient,
        slope,
        offset,
        centre,
        by_one,
        by_x,
        pixels,
        channels,
        SILU=ctx.silu,
        CHUNK=_CHUNK,
        BLOCK_P=_PIXELS,
        BLOCK_C=block,
    )
    # With x^ = (x - mean) rstd: sums over the pixels of dz and of dz x^, of each channel.
    inverse = rstd.repeat_interleave(per_group, dim=1)
    ones, products = by_one.sum(1), by_x.sum(1) * inverse
    gain = 1.0 if modulation is None else 1.0 + modulation[:, :channels].float()
    factor = weight.float() * gain

    def over_group(sums: Tensor) -> Tensor:
        """Mean over a group's values of dz * factor, given the sums over the pixels."""
        of_group = (factor * sums).view(batch, groups, per_group).sum(-1) / (per_group * pixels)
        spread: Tensor = of_group.repeat_interleave(per_group, dim=1)
        return spread

    # dx = rstd (factor dz - mean(factor dz) - x^ mean(factor dz x^)), as slope dz + linear x + c.
    linear = -over_group(products) * inverse * inverse
    constant = -over_group(ones) * inverse - linear * centre
    out = torch.empty_like(x, memory_format=torch.channels_last)
    kernels.input_gradient[(cdiv(pixels, _PIXELS), blocks, batch)](
        x,
        gradient,
        slope,
        offset,
        linear,
        constant,
        out,
        pixels,
        channels,
        SILU=ctx.silu,
        BLOCK_P=_PIXELS,
        BLOCK_C=block,
    )
    weight_gradient = (gain * products).sum(0).to(weight.dtype)
    bias_gradient = (gain * ones).sum(0).to(bias.dtype)
    if modulation is None:
        return out, weight_gradient, bias_gradient, None
    of_scale = weight.float() * products + bias.float() * ones
    return out, weight_gradient, bias_gradient, torch.cat([of_scale, ones], 1).to(modulation.dtype)


def _numbers(like: Tensor, count: int, *shape: int) -> tuple[Tensor, ...]:
    """`count` new float32 tensors on the same device."""
    return torch.empty((count, *shape), dtype=torch.float32, device=like.device).unbind(0)
