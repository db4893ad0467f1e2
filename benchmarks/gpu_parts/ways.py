"""Networks and inputs to measure, and the two ways of running them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from unittest import mock

import torch
from torch import Tensor, nn

from anofpdm.model import normalization
from anofpdm.model.unet import UNet
from anofpdm.model.unet_config import UNetConfig


@contextmanager
def plain() -> Iterator[None]:
    """Run the network by PyTorch's operations alone."""
    with (
        mock.patch.object(normalization, "uses_fused", lambda *_: False),
        mock.patch("anofpdm.model.unet_blocks.uses_fused", lambda *_: False),
    ):
        yield


@contextmanager
def as_it_is() -> Iterator[None]:
    """Run the network as the program does."""
    yield


def random_network(config: UNetConfig, device: torch.device) -> UNet:
    """Return a network of random weights, none of them zero, ready for inference."""
    torch.manual_seed(0)
    network = UNet(config).to(device).eval().requires_grad_(False)
    for parameter in network.parameters():
        if parameter.ndim > 1:
            nn.init.normal_(parameter, std=0.02)
    return network.to(memory_format=torch.channels_last)  # type: ignore[call-overload,no-any-return]


def inputs(config: UNetConfig, batch: int, device: torch.device) -> tuple[Tensor, Tensor, Tensor]:
    """Return noise, timesteps and labels."""
    size = (batch, config.in_channels, config.image_size, config.image_size)
    x = torch.randn(size, device=device).contiguous(memory_format=torch.channels_last)
    index = torch.full((batch,), 300, device=device)
    return x, index, torch.arange(batch, device=device) % 3
