"""The class-conditional U-Net that predicts the noise, in both of its conditionings."""

from __future__ import annotations

from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional

from anofpdm.method.class_labels import HEALTHY, NULL
from anofpdm.model.normalization import normalized
from anofpdm.model.unet_blocks import (
    Downsample,
    LabelAttention,
    ResidualBlock,
    SelfAttention,
    Upsample,
    activation,
    group_norm,
    mlp,
    sinusoidal_embedding,
    zeroed,
)
from anofpdm.model.unet_config import UNetConfig


class Stage(nn.ModuleList):
    """Layers in a row, each handed what it needs of the conditioning."""

    def forward(self, x: Tensor, embedding: Tensor, code: Tensor) -> Tensor:
        """Apply the layers to x (B, C, H, W), embedding (B, E) and label code (B, E)."""
        for layer in self:
            if isinstance(layer, ResidualBlock):
                x = layer(x, embedding)
            elif isinstance(layer, LabelAttention):
                x = layer(x, code)
            else:
                x = layer(x)
        return x


class Head(nn.Sequential):
    """Norm, activation and the last convolution."""

    def forward(self, x: Tensor) -> Tensor:
        """Map the last feature map (B, C, H, W) to the predicted noise, still folded."""
        norm, act, conv = cast(tuple[nn.GroupNorm, nn.Module, nn.Conv2d], tuple(self))
        hidden = normalized(x, norm, silu=isinstance(act, nn.SiLU))
        # In float32 even where all before is narrower: the gap of two predictions is small.
        out: Tensor = conv(hidden.to(conv.weight.dtype))
        return out


class UNet(nn.Module):
    """eps(x_t, t, y): the noise in x_t, for a healthy, unhealthy or null label.

    Parameters
    ----------
    config : UNetConfig
        Architecture. With ``conditioning="reference"`` the state dict has the keys and shapes of
        the published network.
    """

    def __init__(self, config: UNetConfig) -> None:
        super().__init__()
        self.config = config
        width = config.embedding_channels
        self.time_embed = mlp(config.time_features, width)
        if config.conditioning == "reference":
            self.label_emb = _embedding(2, config.time_features)
            self.class_emb = mlp(config.time_features, width)
        else:
            self.label_emb = _embedding(3, width)
        folded = config.in_channels * config.patch_size**2
        self.input_blocks, skips = self._encoder(folded)
        self.middle_block = self._stage(config.widths[-1], config.widths[-1], attention=True)
        self.middle_block.append(ResidualBlock(config, config.widths[-1], config.widths[-1]))
        self.output_blocks = self._decoder(skips)
        self.out = Head(
            group_norm(config, config.widths[0]),
            activation(config),
            zeroed(nn.Conv2d(config.widths[0], folded, 3, padding=1)),
        )

    def forward(self, x: Tensor, index: Tensor, label: Tensor) -> Tensor:
        """Predict the noise.

        Parameters
        ----------
        x : Tensor
            (B, C, H, W) noised slices.
        index : Tensor
            (B,) int64 timestep indices, the paper's t minus 1.
        label : Tensor
            (B,) int64: 0 healthy, 1 unhealthy, 2 null.

        Returns
        -------
        Tensor
            (B, C, H, W) in the dtype of `x`.
        """
        embedding, code = self._condition(index, label, self.label_emb.weight.dtype)
        # The convolutions' weights may be narrower than the rest; see `cast_for_inference`.
        hidden = x.to(self.input_blocks.get_parameter("0.0.weight").dtype)
        if self.config.patch_size > 1:
            hidden = functional.pixel_unshuffle(hidden, self.config.patch_size)
        if x.device.type != "mps":
            hidden = hidden.contiguous(memory_format=torch.channels_last)
        skips: list[Tensor] = []
        for stage in self.input_blocks:
            hidden = stage(hidden, embedding, code)
            skips.append(hidden)
        hidden = self.middle_block(hidden, embedding, code)
        for stage in self.output_blocks:
            hidden = stage(torch.cat([hidden, skips.pop()], dim=1), embedding, code)
        noise = cast(Tensor, self.out(hidden))
        if self.config.patch_size > 1:
            noise = functional.pixel_shuffle(noise, self.config.patch_size)
        return noise.to(x.dtype)

    def _condition(self, index: Tensor, label: Tensor, dtype: torch.dtype) -> tuple[Tensor, Tensor]:
        """Embedding of time and label (B, E), and the label's own code (B, E), 0 for null."""
        features = sinusoidal_embedding(index, self.config.time_features).to(dtype)
        time = cast(Tensor, self.time_embed(features))
        if self.config.conditioning == "added":
            code = cast(Tensor, self.label_emb(label))
            return time + code, code
        null = label == NULL
        known = cast(Tensor, self.class_emb(self.label_emb(label.masked_fill(null, HEALTHY))))
        code = known.masked_fill(null[:, None], 0.0)
        return time + code, code

    def _encoder(self, channels_in: int) -> tuple[nn.ModuleList, list[int]]:
        """Stages on the way down, and the width of the skip that each leaves."""
        config = self.config
        width = config.widths[0]
        stages = nn.ModuleList([Stage([nn.Conv2d(channels_in, width, 3, padding=1)])])
        skips = [width]
        for level, target in enumerate(config.widths):
            for _ in range(config.blocks[level]):
                stages.append(self._stage(width, target, attention=self._attends(level)))
                width = target
                skips.append(width)
            if level + 1 < len(config.widths):
                stages.append(Stage([Downsample(width)]))
                skips.append(width)
        return stages, skips

    def _decoder(self, skips: list[int]) -> nn.ModuleList:
        """Stages on the way up; each takes the running map joined with the matching skip."""
        config = self.config
        stages = nn.ModuleList()
        width, remaining = config.widths[-1], list(skips)
        for level in reversed(range(len(config.widths))):
            target = config.widths[level]
            for block in range(config.blocks[level] + 1):
                stage = self._stage(width + remaining.pop(), target, attention=self._attends(level))
                if level and block == config.blocks[level]:
                    stage.append(Upsample(target))
                stages.append(stage)
                width = target
        return stages

    def _attends(self, level: int) -> bool:
        return self.config.resolutions[level] in self.config.attention_resolutions

    def _stage(self, channels_in: int, channels_out: int, *, attention: bool) -> Stage:
        stage = Stage([ResidualBlock(self.config, channels_in, channels_out)])
        if attention:
            kind = LabelAttention if self.config.conditioning == "reference" else SelfAttention
            stage.append(kind(self.config, channels_out))
        return stage


def _embedding(labels: int, width: int) -> nn.Embedding:
    """`nn.Embedding`; to draw weights on the meta device, it would load torch's compiler."""
    weights = torch.empty(labels, width)
    if not weights.is_meta:
        nn.init.normal_(weights)
    return nn.Embedding(labels, width, _weight=weights)
