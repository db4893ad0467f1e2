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
    diseased : Tensor (B, C, H, W), optional
        The slices with their lesions: for a healthy twin its unhealthy slice, for any other the
        slice itself. None if not asked for.
    """

    images: Tensor
    labels: Tensor
    lesions: Tensor | None = None
    diseased: Tensor | None = None

    def each(self, change: Callable[[Tensor], Tensor]) -> Slices:
        """Change every tensor, such as by moving it to a device."""
        return Slices(
            change(self.images),
            change(self.labels),
            None if self.lesions is None else change(self.lesions),
            None if self.diseased is None else change(self.diseased),
        )


class Paired(NamedTuple):
    """Images of a step's slices; see `Slices` for the fields."""

    images: Tensor
    lesions: Tensor | None
    diseased: Tensor | None


def paired_images(
    order: DataOrder,
    step: int,
    share: slice,
    read: Callable[[NDArray[np.intp]], Tensor],
    *,
    compare: bool,
) -> Paired:
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
    compare : bool
        Whether to tell where twins differ, and to give the diseased slices. Twins differ where the
        difference exceeds `VISIBLE` in any channel once the lesion has faded, and in the pixels
        next to these.

    Returns
    -------
    images : Tensor (B, C, H, W)
        float32, or as read if no lesion fades.
    lesions : Tensor (B, 1, H, W) bool, or None
        The same for both twins.
    diseased : Tensor (B, C, H, W) float32, or None
        With the lesion as faint as in the unhealthy slice.
    """
    positions, strengths = order.batch(step), order.strengths(step)
    places = np.arange(len(positions))[share]
    images = read(positions[places])
    found = _nowhere(images) if compare else None
    diseased = images.float() if compare else None
    # The batch begins with the unhealthy slices and ends with their twins, in the same order.
    offset = len(positions) - order.pairs
    sick, twin = places < order.pairs, places >= offset
    compared = np.flatnonzero((sick | twin) if compare else sick & (strengths[places] < 1))
    if not compared.size:
        return Paired(images, found, diseased)
    where = torch.from_numpy(compared).to(images.device)
    own_places = places[compared]
    other_places = np.where(sick[compared], own_places + offset, own_places - offset)
    kept = strengths[np.minimum(own_places, other_places)]
    strength = torch.from_numpy(kept).to(images.device)[:, None, None, None]
    own, other = images[where].float(), read(positions[other_places]).float()
    is_sick = torch.from_numpy(sick[compared]).to(images.device)[:, None, None, None]
    faded = torch.lerp(torch.where(is_sick, other, own), torch.where(is_sick, own, other), strength)
    if found is not None:
        found[where] = _widened(strength * (own - other))
    if diseased is not None:
        diseased = diseased.clone()
        diseased[where] = faded
    if (kept < 1).any():
        images = images.float()
        images[where] = torch.where(is_sick, faded, own)
    return Paired(images, found, diseased)


def _nowhere(images: Tensor) -> Tensor:
    return torch.zeros_like(images[:, :1], dtype=torch.bool)


def _widened(difference: Tensor) -> Tensor:
    visible = (difference.abs().amax(1, keepdim=True) > VISIBLE).float()
    return functional.max_pool2d(visible, 3, stride=1, padding=1) > 0
