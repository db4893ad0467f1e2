"""The U-Net's parts: embedding of time, residual block, the two attentions, resampling."""

from __future__ import annotations

import math
from typing import Any, TypeVar

import torch
from torch import Tensor, nn
from torch.nn import functional

from anofpdm.model.normalization import normalized, uses_fused
from anofpdm.model.unet_config import UNetConfig

ModuleT = TypeVar("ModuleT", bound=nn.Module)


def sinusoidal_embedding(index: Tensor, width: int) -> Tensor:
    """Embed integer indices by cosines, then sines, of geometrically falling frequencies.

    Parameters
    ----------
    index : Tensor
        (B,) integer timestep indices, 0..T-1.
    width : int
        Even width of the embedding; frequency i is ``exp(-ln(10000) i / (width / 2))``.

    Returns
    -------
    Tensor
        (B, width) float32 in [-1, 1]: first the `width` / 2 cosines, then the sines.
    """
    half = width // 2
    exponents = torch.arange(half, dtype=torch.float32, device=index.device) / half
    angles = index.float()[:, None] * torch.exp(-math.log(10000.0) * exponents)
    return torch.cat([angles.cos(), angles.sin()], dim=1)


def mlp(features: int, width: int) -> nn.Sequential:
    """Linear, SiLU, Linear: from `features` to `width` channels."""
    return nn.Sequential(nn.Linear(features, width), nn.SiLU(), nn.Linear(width, width))


def group_norm(config: UNetConfig, channels: int) -> nn.GroupNorm:
    """Group norm with the configuration's number of groups (torch keeps its sums in float32)."""
    return nn.GroupNorm(config.groups(channels), channels, eps=1e-5)


def activation(config: UNetConfig) -> nn.Module:
    """SiLU, or nothing where the reference network has none and its weights expect none."""
    return nn.Identity() if config.conditioning == "reference" else nn.SiLU()


def zeroed(module: ModuleT) -> ModuleT:
    """Set the parameters to zero, so that a residual branch or the output starts at nothing."""
    for parameter in module.parameters():
        nn.init.zeros_(parameter)
    return module


class ResidualBlock(nn.Module):
    """Two 3x3 convolutions around a scale-and-shift by the embedding, plus the input.

    ``out = skip(x) + conv(SiLU(norm(conv(act(norm(x)))) * (1 + scale) + shift))``, where ``act``
    is the identity in the reference network.
    """

    def __init__(self, config: UNetConfig, channels_in: int, channels_out: int) -> None:
        super().__init__()
        self.in_layers = nn.Sequential(
            group_norm(config, channels_in),
            activation(config),
            nn.Conv2d(channels_in, channels_out, 3, padding=1),
        )
        self.emb_layers = nn.Sequential(
            nn.SiLU(), nn.Linear(config.embedding_channels, 2 * channels_out)
        )
        self.out_layers = nn.Sequential(
            group_norm(config, channels_out),
            nn.SiLU(),
            nn.Dropout(config.dropout),
            zeroed(nn.Conv2d(channels_out, channels_out, 3, padding=1)),
        )
        self.skip_connection: nn.Module = (
            nn.Identity()
            if channels_in == channels_out
            else nn.Conv2d(channels_in, channels_out, 1)
        )

    def forward(self, x: Tensor, embedding: Tensor) -> Tensor:
        """Map x (B, channels_in, H, W) to (B, channels_out, H, W)."""
        first_norm, first_act, first_conv = _parts(self.in_layers)
        norm, act, dropout, conv = _parts(self.out_layers)
        modulation = self.emb_layers(embedding)
        hidden = normalized(x, first_norm, silu=isinstance(first_act, nn.SiLU))
        if not torch.is_grad_enabled() and uses_fused(hidden, norm):
            return self._in_fewer_passes(x, hidden, modulation)
        hidden = normalized(
            first_conv(hidden), norm, modulation=modulation, silu=isinstance(act, nn.SiLU)
        )
        out: Tensor = conv(dropout(hidden))
        skip = self.skip_connection(x)
        return out + skip if torch.is_grad_enabled() else out.add_(skip)

    def _in_fewer_passes(self, x: Tensor, hidden: Tensor, modulation: Tensor) -> Tensor:
        """Go on from the first norm without passes for biases alone, and without gradients."""
        from anofpdm.model.fused_group_norm import fused_sum

        first_conv, (norm, _, _, conv) = _parts(self.in_layers)[-1], _parts(self.out_layers)
        hidden = _without_bias(first_conv, hidden)
        hidden = normalized(hidden, norm, modulation=modulation, silu=True, bias=first_conv.bias)
        skip, bias = x, conv.bias
        if isinstance(self.skip_connection, nn.Conv2d):
            skip = _without_bias(self.skip_connection, x)
            bias = bias + self.skip_connection.bias
        return fused_sum(skip, _without_bias(conv, hidden), bias)


def _parts(layers: nn.Sequential) -> tuple[Any, ...]:
    """Layers of a row one by one, whose kinds the type checker cannot know."""
    return tuple(layers)


def _without_bias(conv: nn.Conv2d, x: Tensor) -> Tensor:
    return functional.conv2d(x, conv.weight, None, conv.stride, conv.padding)


class SelfAttention(nn.Module):
    """Multi-head self-attention over the pixels, added to its input."""

    def __init__(self, config: UNetConfig, channels: int) -> None:
        super().__init__()
        self.heads = config.heads
        self.norm = group_norm(config, channels)
        self.qkv = nn.Linear(channels, 3 * channels)
        self.proj_out = zeroed(nn.Linear(channels, channels))

    def forward(self, x: Tensor) -> Tensor:
        """Map x (B, C, H, W) to the same shape."""
        tokens = _tokens(normalized(x, self.norm))
        qkv = self.qkv(tokens).view(*tokens.shape[:2], 3, self.heads, -1)
        query, key, value = qkv.permute(2, 0, 3, 1, 4)
        mixed = functional.scaled_dot_product_attention(query, key, value)
        out = self.proj_out(mixed.transpose(1, 2).flatten(2))
        return x + _image(out, x)


class LabelAttention(nn.Module):
    """The reference network's attention: the label's tokens are put before the image's keys.

    The label code c enters as the tokens of the outer product c c^T; the null label, c = 0, still
    brings its tokens, all equal to the bias of `encoder_kv`.
    """

    def __init__(self, config: UNetConfig, channels: int) -> None:
        super().__init__()
        self.heads = config.heads
        self.norm = group_norm(config, channels)
        self.qkv = nn.Conv1d(channels, 3 * channels, 1)
        self.encoder_kv = nn.Conv1d(config.embedding_channels, 2 * channels, 1)
        self.proj_out = zeroed(nn.Conv1d(channels, channels, 1))

    def forward(self, x: Tensor, code: Tensor) -> Tensor:
        """Map x (B, C, H, W) and the label code (B, E) to (B, C, H, W)."""
        # As a linear map of tokens, which are what a channels-last map consists of in memory.
        tokens = _tokens(normalized(x, self.norm))
        qkv = _pointwise(self.qkv, tokens).view(*tokens.shape[:2], self.heads, 3, -1)
        query, key, value = qkv.permute(3, 0, 2, 1, 4)
        label_key, label_value = self._label_tokens(code.to(key.dtype))
        mixed = functional.scaled_dot_product_attention(
            query, torch.cat([label_key, key], dim=2), torch.cat([label_value, value], dim=2)
        )
        out = _pointwise(self.proj_out, mixed.transpose(1, 2).flatten(2))
        return x + _image(out, x)

    def _label_tokens(self, code: Tensor) -> Tensor:
        """Keys and values of the label, (2, B, heads, E, channels of a head)."""
        # A linear map of the rank-one c c^T is (W c) c^T: E times cheaper than the convolution.
        weight, bias = self.encoder_kv.weight[:, :, 0].to(code.dtype), self.encoder_kv.bias
        mapped = functional.linear(code, weight)
        tokens = mapped[:, None, :] * code[:, :, None]
        if bias is not None:
            tokens = tokens + bias.to(code.dtype)
        return tokens.view(*code.shape, self.heads, 2, -1).permute(3, 0, 2, 1, 4)


def _tokens(image: Tensor) -> Tensor:
    """(B, C, H, W) as tokens (B, H W, C); a view of a channels-last map."""
    return image.flatten(2).transpose(1, 2)


def _image(tokens: Tensor, like: Tensor) -> Tensor:
    """(B, H W, C) as an image (B, C, H, W) in channels-last."""
    return tokens.transpose(1, 2).view(like.shape).to(like.dtype)


def _pointwise(conv: nn.Conv1d, tokens: Tensor) -> Tensor:
    """Apply a convolution of width 1 to tokens (B, N, C)."""
    return functional.linear(tokens, conv.weight[:, :, 0], conv.bias)


class Downsample(nn.Module):
    """Halve the resolution by a strided 3x3 convolution."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.op = nn.Conv2d(channels, channels, 3, stride=2, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        """Map (B, C, H, W) to (B, C, H / 2, W / 2)."""
        out: Tensor = self.op(x)
        return out


class Upsample(nn.Module):
    """Double the resolution by nearest neighbours, then a 3x3 convolution."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(channels, channels, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        """Map (B, C, H, W) to (B, C, 2 H, 2 W)."""
        out: Tensor = self.conv(functional.interpolate(x, scale_factor=2.0, mode="nearest"))
        return out
