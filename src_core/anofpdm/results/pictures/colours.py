"""The colours of pictures: grey scans, and maps over them."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
from matplotlib import colormaps
from matplotlib.cm import ScalarMappable
from matplotlib.colors import ListedColormap, Normalize
from numpy.typing import NDArray

MASK_COLOUR, TRUTH_COLOUR = "#00E5FF", "#F0E442"
HEALTHY_COLOUR, UNHEALTHY_COLOUR = "#0072B2", "#D55E00"
WARNING_COLOUR = "#D55E00"

Pixels = NDArray[np.uint8]
"""An image, shape (rows, columns, 3), 0 to 255."""


def grey_pixels(values: NDArray[Any], window: tuple[float, float]) -> Pixels:
    """Return an image of a scan; what lies outside the window is black or white, NaN black.

    Parameters
    ----------
    values : ndarray, shape (rows, columns)
    window : tuple of float
        Values that are black and white.
    """
    low, high = window
    grey = _steps((values - low) / max(high - low, 1e-12))
    return np.repeat(grey[..., None], 3, axis=2)


def with_map(image: Pixels, values: NDArray[Any], top: float) -> Pixels:
    """Return an image with a map over it; `top` is the value with the last colour.

    Parameters
    ----------
    image : ndarray, shape (rows, columns, 3), uint8
    values : ndarray, shape (rows, columns)
        0 or less is transparent.
    top : float
    """
    chosen = _colours()[_steps(values / top)]
    alpha = chosen[..., 3:]
    mixed: Pixels = np.rint(image * (1 - alpha) + 255 * chosen[..., :3] * alpha).astype(np.uint8)
    return mixed


def map_scale(top: float) -> ScalarMappable:
    """Return what a colour bar shows of `with_map`."""
    return ScalarMappable(Normalize(0.0, top), ListedColormap(_colours()))


def _steps(share: NDArray[Any]) -> NDArray[np.uint8]:
    """Turn 0 to 1 into 256 equal steps; NaN is 0."""
    steps: NDArray[np.uint8] = (np.clip(np.nan_to_num(share), 0, 1) * 255.999).astype(np.uint8)
    return steps


@cache
def _colours() -> NDArray[np.float64]:
    """Red, green, blue and opacity of 256 steps: transparent at 0."""
    colours: NDArray[np.float64] = colormaps["inferno"](np.linspace(0.15, 1.0, 256))
    colours[:, 3] = np.linspace(0.0, 1.0, 256) ** 0.8 * 0.85
    return colours
