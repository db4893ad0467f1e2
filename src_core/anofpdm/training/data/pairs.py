"""The slices of a batch beside their twins: lesions that fade, and where the twins differ."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from anofpdm.training.data.data_order import DataOrder

VISIBLE: Final = 0.03
"""Smallest difference of twins, of the range [-1, 1], that counts as their lesion."""


class Slices(NamedTuple):
    """One process's part of a batch.

    Attributes
    ----------
    images : Tensor (B, C, H, W)
        In [-1, 1].
    labels : Tensor (B,) int64
        0 healthy, 1 unhealthy, -1 unknown.
    lesions : Tensor (B, 1, H, W) bool, optional
        Where a slice differs from its twin; False in slices without one. None if not asked for.
    """

    images: Tensor
    labels: Tensor
    lesions: Tensor | None

    def each(self, change: Callable[[Tensor], Tensor]) -> Slices:
        """Change every tensor, such as by moving it to a device."""
        lesions = None if self.lesions is None else change(self.lesions)
        return Slices(change(self.images), change(self.labels), lesions)


def paired_images(
    order: DataOrder,
    step: int,
    share: slice,
    read: Callable[[NDArray[np.intp]], Tensor],
    *,
    lesions: bool,
) -> tuple[Tensor, Tensor | None]:
    """Images of a step's slices, with the lesions as faint as the order says.

    Parameters
    ----------
    order : DataOrder
        Which slices make up a batch, and what share of its lesion each keeps.
    step : int
        0 for the first.
    share : slice
        The part of the batch that is wanted.
    read : callable
        Gives the images (B, C, H, W) at positions (B,), any floating dtype.
    lesions : bool
        Whether to tell where twins differ: by more than `VISIBLE` in any channel once the lesion
        has faded, and in the pixels next to these.

    Returns
    -------
    images : Tensor (B, C, H, W)
        float32, or as read if no lesion fades.
    lesions : Tensor (B, 1, H, W) bool, or None
        The same for both twins.
    """
    positions, strengths = order.batch(step), order.strengths(step)
    places = np.arange(len(positions))[share]
    images = read(positions[places])
    found = _nowhere(images) if lesions else None
    # The batch begins with the unhealthy slices and ends with their twins, in the same order.
    offset = len(positions) - order.pairs
    sick, twin = places < order.pairs, places >= offset
    compared = np.flatnonzero((sick | twin) if lesions else sick & (strengths[places] < 1))
    if not compared.size:
        return images, found
    where = torch.from_numpy(compared).to(images.device)
    own_places = places[compared]
    other_places = np.where(sick[compared], own_places + offset, own_places - offset)
    kept = strengths[np.minimum(own_places, other_places)]
    strength = torch.from_numpy(kept).to(images.device)[:, None, None, None]
    own, other = images[where].float(), read(positions[other_places]).float()
    if found is not None:
        found[where] = _widened(strength * (own - other))
    if (kept < 1).any():
        fading = torch.from_numpy(sick[compared]).to(images.device)[:, None, None, None]
        images = images.float()
        images[where] = torch.where(fading, torch.lerp(other, own, strength), own)
    return images, found


def _nowhere(images: Tensor) -> Tensor:
    return torch.zeros_like(images[:, :1], dtype=torch.bool)


def _widened(difference: Tensor) -> Tensor:
    visible = (difference.abs().amax(1, keepdim=True) > VISIBLE).float()
    return functional.max_pool2d(visible, 3, stride=1, padding=1) > 0
