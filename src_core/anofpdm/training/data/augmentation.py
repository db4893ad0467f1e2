"""Cheap random changes of a batch.

All work on v = (x + 1) / 2 in [0, 1], where background is exactly 0: products and powers leave it
0, and sampling outside the image gives 0, so background stays background without a mask.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn import functional

from anofpdm.training.data.augmentation_config import Augmentation
from anofpdm.training.data.draws import SharedDraws


def augment(
    images: Tensor,
    config: Augmentation,
    draws: SharedDraws,
    flip_axis: int,
    marks: Tensor | None = None,
) -> tuple[Tensor, Tensor | None]:
    """Augmented copy of a batch.

    Parameters
    ----------
    images : Tensor (B, C, H, W)
        Float, in [-1, 1].
    config : Augmentation
        What to do, and how strongly.
    draws : SharedDraws
        The only source of randomness, on the images' device.
    flip_axis : int
        Axis of `images` that runs left-right, -1 or -2.
    marks : Tensor (B, 1, H, W), optional
        Marked pixels of the slices, which move with them.

    Returns
    -------
    images : Tensor (B, C, H, W)
        In [-1, 1]; background (-1) stays background under the intensity changes.
    marks : Tensor (B, 1, H, W) float, or None
        In [0, 1]; between them where a mark's edge falls between pixels.
    """
    if config == Augmentation():
        return images, None if marks is None else marks.to(images.dtype)
    channels = images.shape[1]
    values = (images + 1) / 2
    if marks is not None:
        values = torch.cat([values, marks.to(values.dtype)], dim=1)
    if config.flip:
        mirrored = _signed(draws, 1) > 0
        values = torch.where(mirrored[:, :, None, None], values.flip(flip_axis), values)
    if config.rotation or config.scale or config.shift:
        values = _affine(values, config, draws)
    values, moved = values[:, :channels], None if marks is None else values[:, channels:]
    if config.gamma:
        power = (config.gamma * _signed(draws, channels)).exp()
        values = values ** power[:, :, None, None]
    if config.gain:
        gain = 1 + config.gain * _signed(draws, channels)
        values = values * gain[:, :, None, None]
    if config.bias:
        values = values * _bias_field(values, config.bias, draws)
    return values.clamp(0, 1) * 2 - 1, moved


def _signed(draws: SharedDraws, *shape: int) -> Tensor:
    return draws.uniform(*shape) * 2 - 1


def _affine(values: Tensor, config: Augmentation, draws: SharedDraws) -> Tensor:
    angle, zoom, down, right = _signed(draws, 4).unbind(1)
    angle = angle * math.radians(config.rotation)
    zoom = (zoom * config.scale).exp()
    rows, columns = values.shape[-2:]
    # Sampling coordinates run over [-1, 1] on either axis: a rotation of pixels needs the aspect.
    aspect = columns / rows
    cosine, sine = angle.cos() * zoom, angle.sin() * zoom
    theta = torch.stack(
        [
            torch.stack([cosine, -sine / aspect, 2 * config.shift * right], dim=1),
            torch.stack([sine * aspect, cosine, 2 * config.shift * down], dim=1),
        ],
        dim=1,
    )
    grid = functional.affine_grid(theta, list(values.shape), align_corners=False)
    return functional.grid_sample(values, grid, padding_mode="zeros", align_corners=False)


def _bias_field(values: Tensor, strength: float, draws: SharedDraws) -> Tensor:
    channels, rows, columns = values.shape[1:]
    orders = 3
    weights = _signed(draws, channels, orders, orders)
    weights[..., 0, 0] = 0
    field = _cosines(orders, rows, values) @ weights @ _cosines(orders, columns, values).mT
    peak = field.abs().amax(dim=(-2, -1), keepdim=True).clamp_min(1e-6)
    amount = strength * draws.uniform(channels, 1, 1)
    return (field / peak * amount).exp()


def _cosines(orders: int, length: int, like: Tensor) -> Tensor:
    places = (torch.arange(length, device=like.device, dtype=like.dtype) + 0.5) * (math.pi / length)
    return torch.cos(places[:, None] * torch.arange(orders, device=like.device, dtype=like.dtype))
