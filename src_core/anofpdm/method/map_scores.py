"""Scores of many maps at once, by PyTorch's operations alone, so that no map leaves a GPU."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from anofpdm.method.map_score import map_score
from anofpdm.method.postprocessing import component_limit

# Maps whose windows the median filter sorts at a time: 25 values a pixel.
_MAPS_AT_ONCE = 64


def map_scores(
    maps: Tensor, *, extent: float = 1.0, median_kernel: int, min_component_pixels: int
) -> NDArray[np.float64]:
    """Compute `map_score` of every map of a batch, on the maps' device.

    A bisection finds the thresholds of all maps together. At each step, components are labelled by
    spreading the largest index among their pixels. Holes matter only where a component is just too
    small; a map in which they do is scored by `map_score` instead.

    Parameters
    ----------
    maps : Tensor (M, H, W)
        float32, >= 0; H times W at most 2^24.
    extent, median_kernel, min_component_pixels
        As for `map_score`.

    Returns
    -------
    array (M,)
        Equal to those of `map_score`.
    """
    filtered = _median_filtered(maps, median_kernel)
    limit = component_limit(min_component_pixels, filtered[0].numel())
    flat = filtered.flatten(1).double()
    values = flat if extent == 1 else torch.cat([flat, flat / extent], dim=1)
    values = values.sort(dim=1, descending=True).values
    # Of each map: the last index known to mark nothing, and the first known to mark something.
    nothing = values.new_full((len(maps),), -1, dtype=torch.int64)
    some = (values > 0).sum(dim=1)
    unsure = torch.zeros_like(some, dtype=torch.bool)
    padded = functional.pad(values, (0, 1))  # a score of 0 behind the last value
    for _ in range(values.shape[1].bit_length() + 1):
        middle = (nothing + some).div(2, rounding_mode="floor").clamp_(min=0)
        level = padded.gather(1, middle[:, None])[:, :, None]
        marks, doubtful = _marks(filtered, (extent * level).float(), level.float(), limit)
        open_ = some - nothing > 1
        unsure |= doubtful & open_
        some = torch.where(open_ & marks, middle, some)
        nothing = torch.where(open_ & ~marks, middle, nothing)
    scores: NDArray[np.float64] = padded.gather(1, some[:, None])[:, 0].cpu().numpy()
    for index in unsure.nonzero()[:, 0].tolist():
        scores[index] = map_score(
            maps[index].cpu().numpy(),
            extent=extent,
            median_kernel=median_kernel,
            min_component_pixels=min_component_pixels,
        )
    return scores


def _median_filtered(maps: Tensor, kernel: int) -> Tensor:
    """Filter as `median_filter` does, with repeated borders."""
    if kernel == 1:
        return maps
    out = torch.empty_like(maps)
    for first in range(0, len(maps), _MAPS_AT_ONCE):
        part = maps[first : first + _MAPS_AT_ONCE]
        wide = functional.pad(part[:, None], [kernel // 2] * 4, mode="replicate")[:, 0]
        windows = wide.unfold(1, kernel, 1).unfold(2, kernel, 1).flatten(3)
        middle = windows.sort(dim=-1).values[..., kernel * kernel // 2]
        out[first : first + _MAPS_AT_ONCE] = middle
    return out


def _marks(maps: Tensor, low: Tensor, high: Tensor, limit: float) -> tuple[Tensor, Tensor]:
    """Whether thresholds (M, 1, 1) mark a component of each map, and whether a hole leaves doubt.

    Returns two tensors (M,): in doubt no component is large enough without its holes.
    """
    spots = (maps >= low) & (maps > 0)
    labels = _components(spots)
    places = labels.flatten(1)
    size = places.shape[1] + 1
    areas = _sums(places, spots.flatten(1), size)
    # Index 0 is the background.
    areas[:, 0] = 0
    strong = _sums(places, (maps >= high).flatten(1), size) > 0
    marks = ((areas > limit) & strong).any(dim=1)
    # A ring of a pixels, closed toward its 8-connected inside, encloses (a / 4 - 1)^2 at most.
    enclosed = (areas / 4 - 1).clamp(min=0).square()
    may = (areas >= 8) & (areas <= limit) & (areas + enclosed > limit) & strong
    doubtful = may.any(dim=1) & ~marks
    if bool(doubtful.any()):
        doubtful &= (may & _around_holes(spots, places, size)).any(dim=1)
    return marks, doubtful


def _around_holes(spots: Tensor, places: Tensor, size: int) -> Tensor:
    """Which components, by label (M, labels), touch background that no way out leads from."""
    # Of the frame added here, the last pixel has the largest index: what is outside takes it.
    outside = _components(functional.pad(~spots, [1] * 4, value=True))
    holes = (outside < outside[:, -1:, -1:]) & (outside > 0)
    beside = functional.max_pool2d(holes.float(), 3, stride=1)
    return _sums(places, beside.flatten(1) > 0, size) > 0


def _components(mask: Tensor) -> Tensor:
    """Label 8-connected components of masks (M, H, W) by their largest index from 1; 0 outside."""
    rows, columns = mask.shape[1:]
    index = torch.arange(1, rows * columns + 1, dtype=torch.float32, device=mask.device)
    inside = mask.float()
    labels = index.view(rows, columns) * inside
    while True:
        spread = functional.max_pool2d(labels, 3, stride=1, padding=1) * inside
        if torch.equal(spread, labels):
            return labels.long()
        # The pixel that a label names may know of a larger one by now: steps double in length.
        known = functional.pad(spread.flatten(1), (1, 0))
        labels = known.gather(1, spread.flatten(1).long()).view_as(spread)


def _sums(places: Tensor, counted: Tensor, size: int) -> Tensor:
    """How many of the pixels counted carry each label, (M, labels)."""
    sums = torch.zeros(len(places), size, device=places.device)
    return sums.scatter_add_(1, places, counted.float())
