"""Hysteresis: what is weakly marked counts where it is connected to something strongly marked."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from anofpdm.method.lookup import looked_up

Mask = NDArray[np.bool_]


def hysteresis(weak: Mask, strong: Mask) -> Mask:
    """Return the components of a mask that contain a voxel of another.

    Parameters
    ----------
    weak : ndarray of bool
        Its components are connected through corners, too: 8 neighbours in a plane, 26 in space.
    strong : ndarray of bool, shape of `weak`
        Counts only inside `weak`.

    Returns
    -------
    ndarray of bool, shape of `weak`
    """
    labels, count = ndimage.label(weak, structure=np.ones((3,) * weak.ndim, dtype=bool))
    keep = np.zeros(count + 1, dtype=bool)
    keep[labels[strong & weak]] = True
    return looked_up(keep, labels)
