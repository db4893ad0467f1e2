"""Checks that a scan is a brain MRI that suits the model: errors and warnings."""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from anofpdm.common.errors import VolumeError
from anofpdm.scans.geometry import SliceGeometry
from anofpdm.scans.preprocessing_config import PreprocessingConfig
from anofpdm.scans.volume import Volume

# Air in Hounsfield units is -1000; ringing around a brain never gets a percent below -200.
_AIR_HU = -200
_AIR_SHARE = 0.01
_NEGATIVE_SHARE = 0.1
# In-plane voxels this many times larger than a network pixel blur what the model looks for.
_COARSE = 2.0
_TILT_DEGREES = 30.0
_LOST_SHARE = 0.01
# How file names spell contrasts (BraTS, BIDS, scanners), and how bundles do.
CONTRASTS = {
    "flair": "flair",
    "t2f": "flair",
    "t1": "t1",
    "t1w": "t1",
    "t1n": "t1",
    "t1ce": "t1ce",
    "t1c": "t1ce",
    "t1gd": "t1ce",
    "t2": "t2",
    "t2w": "t2",
    "dwi": "dwi",
    "adc": "adc",
    "swi": "swi",
    "pd": "pd",
}


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
        raise VolumeError(f"{volume.name} contains only NaN or infinity; convert it again.")
    low, high = float(values.min()), float(values.max())
    if low == high:
        what = (
            "is empty (all voxels are 0)" if low == 0 else f"is constant (all voxels are {low:g})"
        )
        raise VolumeError(f"{volume.name} {what}; choose the scan itself.")
    air = np.count_nonzero(values <= _AIR_HU) / values.size if low <= _AIR_HU else 0.0
    if air > _AIR_SHARE:
        raise VolumeError(
            f"{volume.name} looks like CT, not MRI ({100 * air:.0f} % of its voxels are at or "
            f"below {_AIR_HU}, as in Hounsfield units); use an MRI volume."
        )
    if high <= 0:
        raise VolumeError(
            f"{volume.name} has no positive voxels (largest value {high + 0:g}); use the scan with "
            "its original intensities."
        )


def scan_warnings(
    volumes: Sequence[Volume],
    brain: NDArray[np.bool_],
    geometry: SliceGeometry,
    config: PreprocessingConfig,
) -> tuple[str, ...]:
    """Return warnings: broken voxels, the wrong contrast, spacing, field of view.

    Parameters
    ----------
    volumes : sequence of Volume
        The model's inputs, on one grid.
    brain : ndarray of bool, shape (x, y, slices)
        Foreground along canonical axes.
    geometry : SliceGeometry
        Where the network's pixels lie.
    config : PreprocessingConfig
        What the model was trained with.

    Returns
    -------
    tuple of str
        One sentence per finding; empty if there are none.
    """
    found = [f(volume) for volume in volumes for f in (_broken_voxels, _negatives, _other_contrast)]
    name = volumes[0].name
    found += [
        _thickness(name, geometry, config),
        _coarse(name, geometry),
        _tilt(name, geometry),
        _outside_field(name, brain, geometry, config),
    ]
    return tuple(sentence for sentence in found if sentence)


def _broken_voxels(volume: Volume) -> str | None:
    if volume.data.dtype.kind != "f":
        return None
    count = volume.data.size - int(np.count_nonzero(np.isfinite(volume.data)))
    if count == 0:
        return None
    return (
        f"{volume.name} has {count} voxels that are NaN or infinite; "
        "they are treated as background."
    )


def _negatives(volume: Volume) -> str | None:
    with np.errstate(invalid="ignore"):
        negative = np.count_nonzero(volume.data < 0)
        positive = np.count_nonzero(volume.data > 0)
    if negative <= _NEGATIVE_SHARE * positive:
        return None
    return (
        f"{volume.name} has {negative} negative and {positive} positive voxels, as after a "
        "normalisation. Negative voxels are treated as background; use the original intensities."
    )


def _other_contrast(volume: Volume) -> str | None:
    if volume.path is None or volume.modality not in CONTRASTS.values():
        return None
    words = re.split(r"[^a-z0-9]+", volume.path.name.lower())
    named = {CONTRASTS[word] for word in words if word in CONTRASTS}
    if "ce" in words and "t1" in named:  # BIDS: sub-01_ce-gadolinium_T1w
        named.add("t1ce")
    if not named or volume.modality in named:
        return None
    return (
        f"{volume.name} is used as {volume.modality}, but its name says "
        f"{' and '.join(sorted(named))}; the model expects {volume.modality}."
    )


def _thickness(name: str, geometry: SliceGeometry, config: PreprocessingConfig) -> str | None:
    if config.spacing_range_mm is None:
        return None
    low, high = config.spacing_range_mm
    distance = geometry.slice_thickness_mm
    # Headers round: 0.999 mm is no finding against a range that begins at 1 mm.
    if 0.95 * low <= distance <= 1.05 * high:
        return None
    return (
        f"{name} has axial slices {distance:.2g} mm apart, but the model was trained on {low:g} to "
        f"{high:g} mm; expect lower accuracy."
    )


def _coarse(name: str, geometry: SliceGeometry) -> str | None:
    spacing = np.linalg.norm(geometry.canonical_affine[:3, :2], axis=0)
    pixel = max(geometry.pixel_mm)
    if spacing.max() <= _COARSE * pixel:
        return None
    return (
        f"{name} has voxels of {spacing[0]:.2g} x {spacing[1]:.2g} mm in the axial plane, coarser "
        f"than the model's {pixel:.2g} mm pixels; fine lesions will be missed."
    )


def _tilt(name: str, geometry: SliceGeometry) -> str | None:
    normal = geometry.canonical_affine[:3, 2]
    angle = float(np.degrees(np.arccos(np.clip(normal[2] / np.linalg.norm(normal), -1, 1))))
    if angle <= _TILT_DEGREES:
        return None
    return (
        f"{name} has slices tilted {angle:.0f} degrees from axial, but the model was trained on "
        "axial slices; resample the scan first."
    )


def _outside_field(
    name: str, brain: NDArray[np.bool_], geometry: SliceGeometry, config: PreprocessingConfig
) -> str | None:
    within = brain
    for line in (geometry.rows, geometry.columns):
        position = (np.arange(brain.shape[line.axis]) - line.start) / line.step
        reached = np.abs(position - (geometry.size - 1) / 2) <= geometry.size / 2
        within = np.compress(reached, within, axis=line.axis)
    lost = 1 - np.count_nonzero(within) / np.count_nonzero(brain)
    if lost <= _LOST_SHARE:
        return None
    return (
        f"{name} has {100 * lost:.0f} % of its foreground outside the model's field of view "
        f"({config.extent_mm:g} mm); that part is not analysed."
    )
