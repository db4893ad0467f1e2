"""The U-Net's parts: embedding of time, residual block, the two attentions, resampling."""

from __future__ import annotations

import math
from typing import TypeVar

import torch
from torch import Tensor, nn
from torch.nn import functional

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
        norm, act, dropout, conv = self.out_layers
        hidden = norm(self.in_layers(x))
        scale, shift = self.emb_layers(embedding)[:, :, None, None].to(hidden.dtype).chunk(2, dim=1)
        # One pass over the map instead of two: shift + hidden * (1 + scale).
        hidden = torch.addcmul(shift, hidden, 1 + scale)
        out: Tensor = self.skip_connection(x) + conv(dropout(act(hidden)))
        return out


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
        batch, channels, height, width = x.shape
        tokens = self.norm(x).flatten(2).transpose(1, 2)
        qkv = self.qkv(tokens).view(batch, -1, 3, self.heads, channels // self.heads)
        query, key, value = qkv.permute(2, 0, 3, 1, 4)
        mixed = functional.scaled_dot_product_attention(query, key, value)
        out = self.proj_out(mixed.transpose(1, 2).reshape(batch, -1, channels))
        image: Tensor = out.transpose(1, 2).reshape(batch, channels, height, width)
        return x + image


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
        batch, channels, height, width = x.shape
        per_head = (batch, self.heads, -1, channels // self.heads, height * width)
        query, key, value = self.qkv(self.norm(x).flatten(2)).reshape(per_head).unbind(2)
        label_key, label_value = self._label_tokens(code).to(key.dtype)
        key = torch.cat([label_key, key], dim=-1)
        value = torch.cat([label_value, value], dim=-1)
        # Fused attention keeps its softmax in float32 whatever the inputs' precision.
        mixed = functional.scaled_dot_product_attention(
            query.transpose(-1, -2), key.transpose(-1, -2), value.transpose(-1, -2)
        )
        out: Tensor = self.proj_out(mixed.transpose(-1, -2).reshape(batch, channels, -1))
        return x + out.reshape(x.shape)

    def _label_tokens(self, code: Tensor) -> Tensor:
        """Keys and values of the label, (2, B, heads, channels of a head, E)."""
        # A linear map of the rank-one c c^T is (W c) c^T: E times cheaper than the convolution.
        mapped = functional.linear(code, self.encoder_kv.weight[:, :, 0])
        tokens = mapped[:, :, None] * code[:, None, :]
        if self.encoder_kv.bias is not None:
            tokens = tokens + self.encoder_kv.bias[:, None]
        batch, width = code.shape
        return tokens.reshape(batch, self.heads, 2, -1, width).permute(2, 0, 1, 3, 4)


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
