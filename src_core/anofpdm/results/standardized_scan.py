"""The scan in robust standard deviations of the brain: what refinement and fused map look at."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final
from weakref import WeakKeyDictionary

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from anofpdm.common.errors import SettingsError, VolumeError
from anofpdm.common.memory import memory_fault
from anofpdm.scans.foreground import cleaned

if TYPE_CHECKING:
    from anofpdm.analysis.analysis import Analysis
    from anofpdm.method.calibration import Polarity

_NORMAL_MAD = 1.4826
"""Standard deviation of a normal distribution in units of its median absolute deviation."""
_TRUNCATE = 4.0
_BYTES_A_VOXEL: Final = 20
"""Of the brain's box: what the smoothing, and then the refined mask or the fused map, take at their
peak (19 bytes measured)."""
# The last smoothing of each analysis, so that a slider of the threshold costs no smoothing.
_LATEST: WeakKeyDictionary[Analysis, tuple[tuple[str, float], StandardizedScan]] = (
    WeakKeyDictionary()
)


@dataclass(frozen=True, eq=False)
class StandardizedScan:
    """A smoothed scan in robust standard deviations from the brain's median.

    Attributes
    ----------
    z : ndarray, shape of the box, float32
        (smoothed - median) / SD inside the brain, 0 outside.
    brain : ndarray of bool, shape of the box
    box : tuple of slice
        Where the box lies in the scan: the smallest that holds the brain.
    """

    z: NDArray[np.float32]
    brain: NDArray[np.bool_]
    box: tuple[slice, slice, slice]

    def toward(self, polarity: Polarity) -> NDArray[np.float32]:
        """Return z so that lesions are large, see `toward`."""
        return toward(self.z, polarity)


def toward(z: NDArray[np.float32], polarity: Polarity) -> NDArray[np.float32]:
    """Turn z so that lesions are large: z, -z (hypointense) or the magnitude (both)."""
    if polarity == "hyperintense":
        return z
    return -z if polarity == "hypointense" else np.abs(z)


def standardized_scan(analysis: Analysis, modality: str, smoothing_mm: float) -> StandardizedScan:
    """Smooth a scan inside the brain and express it in robust standard deviations.

    The Gaussian is isotropic in mm, whatever the voxels. It averages over brain voxels only, so
    that the dark background does not darken the rim. Median and SD (1.4826 times the median
    absolute deviation) are those of the smoothed brain. The latest result of an analysis is kept.

    Parameters
    ----------
    analysis : Analysis
    modality : str
        One of the scans that the analysis holds.
    smoothing_mm : float
        Standard deviation of the Gaussian; 0 does not smooth.

    Raises
    ------
    SettingsError
        When the analysis does not hold this scan.
    VolumeError
        When the memory does not suffice.
    """
    key = (modality, smoothing_mm)
    kept = _LATEST.get(analysis)
    if kept is not None and kept[0] == key:
        return kept[1]
    made = _standardize(analysis, modality, smoothing_mm)
    _LATEST[analysis] = (key, made)
    return made


def _standardize(analysis: Analysis, modality: str, smoothing_mm: float) -> StandardizedScan:
    if modality not in analysis.native:
        raise SettingsError(
            f"The analysis does not contain the scan {modality}, so the mask cannot be refined; "
            "turn the refinement off, or run the analysis again."
        )
    inside = analysis.foreground_native
    boxes = ndimage.find_objects(inside.view(np.int8))
    if not boxes:
        nothing = (slice(0, 0), slice(0, 0), slice(0, 0))
        empty = inside[nothing]
        return StandardizedScan(empty.astype(np.float32), empty, nothing)
    x, y, z = boxes[0]
    box = (x, y, z)
    _check_memory(analysis.geometry.shape, box)
    brain = np.ascontiguousarray(inside[box])
    values = cleaned(np.asarray(analysis.native[modality])[box])
    values[~brain] = 0
    if smoothing_mm > 0:
        spacing = np.linalg.norm(np.array(analysis.geometry.affine)[:3, :3], axis=0)
        sigma = tuple(float(smoothing_mm / mm) for mm in spacing)
        # Zeros beyond the box: there is no brain there, which both filters know.
        weight = _smoothed(brain.astype(np.float32), sigma)
        values = np.divide(_smoothed(values, sigma), weight, out=values, where=brain)
        del weight
    return StandardizedScan(robust_deviations(values, brain), brain, box)


def _check_memory(shape: tuple[int, ...], box: tuple[slice, ...]) -> None:
    """Refuse what does not fit, before anything is computed."""
    needed = _BYTES_A_VOXEL * math.prod(side.stop - side.start for side in box)
    if (fault := memory_fault(needed)) is not None:
        size = "x".join(str(length) for length in shape)
        raise VolumeError(
            f"The smoothed scan of {size} voxels {fault}; close other programs, or turn off the "
            "refinement and the fused map."
        )


def robust_deviations(values: NDArray[np.float32], brain: NDArray[np.bool_]) -> NDArray[np.float32]:
    """Return (value - median) / SD of the brain, and 0 outside (Eq. R1).

    Parameters
    ----------
    values : ndarray, float32
    brain : ndarray of bool, shape of the values
        Median and SD (1.4826 times the median absolute deviation) are taken here.
    """
    of_brain = values[brain]
    z = np.zeros(values.shape, dtype=np.float32)
    if not of_brain.size:
        return z
    # In place, as the values of a big scan's brain are many.
    median = float(np.median(of_brain, overwrite_input=True))
    of_brain -= median
    np.abs(of_brain, out=of_brain)
    deviation = _NORMAL_MAD * float(np.median(of_brain, overwrite_input=True))
    del of_brain
    # More than half of the brain may have one value (a mask, a coarse integer scan): no scale then.
    if deviation > 0:
        np.subtract(values, np.float32(median), out=z, where=brain)
        np.divide(z, np.float32(deviation), out=z, where=brain)
    return z


def _smoothed(values: NDArray[np.float32], sigma: tuple[float, ...]) -> NDArray[np.float32]:
    out: NDArray[np.float32] = ndimage.gaussian_filter(
        values, sigma, mode="constant", truncate=_TRUNCATE
    )
    return out
