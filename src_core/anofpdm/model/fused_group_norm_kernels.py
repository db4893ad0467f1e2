"""Triton kernels of the fused group norm, for channels-last maps in any float dtype.

A map (B, C, H, W) in channels-last lies in memory as (B, pixels, C). Programs take blocks of
channels and chunks of pixels; all sums are float32. Loops run over constants, since the
interpreter has no others. Importing this module needs Triton.
"""

import triton
import triton.language as tl


@triton.jit
def chunk_moments(
    x,
    mean,
    spread,
    pixels,
    channels,
    CHUNK: tl.constexpr,
    BLOCK_P: tl.constexpr,
    BLOCK_C: tl.constexpr,
):
    """Mean and sum of squared deviations of each channel in each chunk of pixels."""
    chunk = tl.program_id(0)
    image = tl.program_id(2).to(tl.int64)
    channel = tl.program_id(1) * BLOCK_C + tl.arange(0, BLOCK_C)
    inside = channel < channels
    base = x + image * pixels * channels
    first = chunk * CHUNK
    # Deviations from a first value, not the values themselves: no cancellation at a large mean.
    reference = tl.load(base + first * channels + channel, mask=inside, other=0.0).to(tl.float32)
    total = tl.zeros((BLOCK_P, BLOCK_C), tl.float32)
    square = tl.zeros((BLOCK_P, BLOCK_C), tl.float32)
    last = tl.minimum(first + CHUNK, pixels)
    for start in range(0, CHUNK, BLOCK_P):
        pixel = first + start + tl.arange(0, BLOCK_P)
        there = (pixel < last)[:, None] & inside[None, :]
        value = tl.load(base + pixel[:, None] * channels + channel[None, :], mask=there, other=0.0)
        value = tl.where(there, value.to(tl.float32) - reference[None, :], 0.0)
        total += value
        square += value * value
    count = (last - first).to(tl.float32)
    offset = tl.sum(total, axis=0) / count
    out = (image * tl.num_programs(0) + chunk) * channels + channel
    tl.store(mean + out, reference + offset, mask=inside)
    tl.store(spread + out, tl.sum(square, axis=0) - count * offset * offset, mask=inside)


@triton.jit(do_not_specialize=["pixels", "channels", "per_group", "chunks", "row"])
def coefficients(
    mean,
    spread,
    conv_bias,
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
    per_group,
    chunks,
    row,
    eps,
    HAS_CONV_BIAS: tl.constexpr,
    HAS_SCALE: tl.constexpr,
    CHUNK: tl.constexpr,
    MOST_CHUNKS: tl.constexpr,
    BLOCK_N: tl.constexpr,
    BLOCK_G: tl.constexpr,
):
    """Slope and offset of each channel of a slice, such that act(slope * x + offset) is due."""
    group = tl.program_id(0)
    image = tl.program_id(1).to(tl.int64)
    within = tl.arange(0, BLOCK_G)
    channel = group * per_group + within
    inside = within < per_group
    added = tl.zeros((BLOCK_G,), tl.float32)
    if HAS_CONV_BIAS:
        added += tl.load(conv_bias + channel, mask=inside, other=0.0).to(tl.float32)
    count = (pixels * per_group).to(tl.float32)
    total = tl.zeros((BLOCK_G,), tl.float32)
    for start in range(0, MOST_CHUNKS, BLOCK_N):
        number = start + tl.arange(0, BLOCK_N)
        there = (number < chunks)[:, None] & inside[None, :]
        size = tl.minimum(tl.maximum(pixels - number * CHUNK, 0), CHUNK).to(tl.float32)
        at = (image * chunks + number[:, None]) * channels + channel[None, :]
        means = tl.load(mean + at, mask=there, other=0.0) + added[None, :]
        total += tl.sum(tl.where(there, means * size[:, None], 0.0), axis=0)
    centre = tl.sum(total, axis=0) / count
    total = tl.zeros((BLOCK_G,), tl.float32)
    for start in range(0, MOST_CHUNKS, BLOCK_N):
        number = start + tl.arange(0, BLOCK_N)
        there = (number < chunks)[:, None] & inside[None, :]
        size = tl.minimum(tl.maximum(pixels - number * CHUNK, 0), CHUNK).to(tl.float32)
        at = (image * chunks + number[:, None]) * channels + channel[None, :]
        away = tl.load(mean + at, mask=there, other=0.0) + added[None, :] - centre
        spreads = tl.load(spread + at, mask=there, other=0.0)
        total += tl.sum(tl.where(there, spreads + size[:, None] * away * away, 0.0), axis=0)
    rstd = 1.0 / tl.sqrt(tl.sum(total, axis=0) / count + eps)
    groups = tl.num_programs(0)
    tl.store(group_mean + image * groups + group, centre)
    tl.store(group_rstd + image * groups + group, rstd)
    factor = rstd * tl.load(weight + channel, mask=inside, other=0.0).to(tl.float32)
    constant = tl.load(bias + channel, mask=inside, other=0.0).to(tl.float32) - centre * factor
    if HAS_SCALE:
        gain = 1.0 + tl.load(scale + image * row + channel, mask=inside, other=0.0).to(tl.float32)
        constant = constant * gain
        constant += tl.load(shift + image * row + channel, mask=inside, other=0.0).to(tl.float32)
        factor = factor * gain
    constant += added * factor
    tl.store(slope + image * channels + channel, factor, mask=inside)
    tl.store(offset + image * channels + channel, constant, mask=inside)


@triton.jit
def apply(
    x,
    slope,
    offset,
    out,
    pixels,
    channels,
    SILU: tl.constexpr,
    BLOCK_P: tl.constexpr,
    BLOCK_C: tl.constexpr,
):
    """Compute act(slope * x + offset)."""
    image = tl.program_id(2).to(tl.int64)
    pixel = tl.program_id(0) * BLOCK_P + tl.arange(0, BLOCK_P)
    channel = tl.program_id(1) * BLOCK_C + tl.arange(0, BLOCK_C)
    inside = channel < channels
    there = (pixel < pixels)[:, None] & inside[None, :]
    at = image * pixels * channels + pixel[:, None] * channels + channel[None, :]
    factor = tl.load(slope + image * channels + channel, mask=inside, other=0.0)
    constant = tl.load(offset + image * channels + channel, mask=inside, other=0.0)
    value = tl.load(x + at, mask=there, other=0.0).to(tl.float32)
    value = value * factor[None, :] + constant[None, :]
    if SILU:
        value = value / (1.0 + tl.exp(-value))
    tl.store(out + at, value.to(out.dtype.element_ty), mask=there)


@triton.jit
def chunk_gradients(
    x,
    gradient,
    slope,
    offset,
    centre,
    by_one,
    by_x,
    pixels,
    channels,
    SILU: tl.constexpr,
    CHUNK: tl.constexpr,
    BLOCK_P: tl.constexpr,
    BLOCK_C: tl.constexpr,
):
    """Sum over a chunk's pixels of dz and dz (x - centre), z being act's argument."""
    chunk = tl.program_id(0)
    image = tl.program_id(2).to(tl.int64)
    channel = tl.program_id(1) * BLOCK_C + tl.arange(0, BLOCK_C)
    inside = channel < channels
    base = image * pixels * channels
    factor = tl.load(slope + image * channels + channel, mask=inside, other=0.0)
    constant = tl.load(offset + image * channels + channel, mask=inside, other=0.0)
    middle = tl.load(centre + image * channels + channel, mask=inside, other=0.0)
    ones = tl.zeros((BLOCK_P, BLOCK_C), tl.float32)
    products = tl.zeros((BLOCK_P, BLOCK_C), tl.float32)
    first = chunk * CHUNK
    last = tl.minimum(first + CHUNK, pixels)
    for start in range(0, CHUNK, BLOCK_P):
        pixel = first + start + tl.arange(0, BLOCK_P)
        there = (pixel < last)[:, None] & inside[None, :]
        at = base + pixel[:, None] * channels + channel[None, :]
        value = tl.load(x + at, mask=there, other=0.0).to(tl.float32)
        slopes = tl.load(gradient + at, mask=there, other=0.0).to(tl.float32)
        if SILU:
            z = value * factor[None, :] + constant[None, :]
            gate = 1.0 / (1.0 + tl.exp(-z))
            slopes = slopes * gate * (1.0 + z * (1.0 - gate))
        ones += slopes
        products += slopes * (value - middle[None, :])
    out = (image * tl.num_programs(0) + chunk) * channels + channel
    tl.store(by_one + out, tl.sum(ones, axis=0), mask=inside)
    tl.store(by_x + out, tl.sum(products, axis=0), mask=inside)


@triton.jit
def input_gradient(
    x,
    gradient,
    slope,
    offset,
    linear,
    constant,
    out,
    pixels,
    channels,
    SILU: tl.constexpr,
    BLOCK_P: tl.constexpr,
    BLOCK_C: tl.constexpr,
):
    """Compute slope * dz + linear * x + constant, the gradient of x."""
    image = tl.program_id(2).to(tl.int64)
    pixel = tl.program_id(0) * BLOCK_P + tl.arange(0, BLOCK_P)
    channel = tl.program_id(1) * BLOCK_C + tl.arange(0, BLOCK_C)
    inside = channel < channels
    there = (pixel < pixels)[:, None] & inside[None, :]
    at = image * pixels * channels + pixel[:, None] * channels + channel[None, :]
    place = image * channels + channel
    factor = tl.load(slope + place, mask=inside, other=0.0)
    value = tl.load(x + at, mask=there, other=0.0).to(tl.float32)
    slopes = tl.load(gradient + at, mask=there, other=0.0).to(tl.float32)
    if SILU:
        z = value * factor[None, :] + tl.load(offset + place, mask=inside, other=0.0)[None, :]
        gate = 1.0 / (1.0 + tl.exp(-z))
        slopes = slopes * gate * (1.0 + z * (1.0 - gate))
    result = slopes * factor[None, :]
    result += value * tl.load(linear + place, mask=inside, other=0.0)[None, :]
    result += tl.load(constant + place, mask=inside, other=0.0)[None, :]
    tl.store(out + at, result.to(out.dtype.element_ty), mask=there)


@triton.jit
def add_with_bias(
    left,
    right,
    bias,
    out,
    pixels,
    channels,
    BLOCK_P: tl.constexpr,
    BLOCK_C: tl.constexpr,
):
    """Compute left + right + bias, the bias one a channel; `pixels` are those of all slices."""
    pixel = (tl.program_id(0) * BLOCK_P + tl.arange(0, BLOCK_P)).to(tl.int64)
    channel = tl.program_id(1) * BLOCK_C + tl.arange(0, BLOCK_C)
    inside = channel < channels
    there = (pixel < pixels)[:, None] & inside[None, :]
    at = pixel[:, None] * channels + channel[None, :]
    value = tl.load(left + at, mask=there, other=0.0).to(tl.float32)
    value += tl.load(bias + channel, mask=inside, other=0.0).to(tl.float32)[None, :]
    value += tl.load(right + at, mask=there, other=0.0).to(tl.float32)
    tl.store(out + at, value.to(out.dtype.element_ty), mask=there)
