"""Checks that the model can read a scan: warnings on contrast, spacing and field of view."""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from anofpdm.scans.contrast import LOOKS, Contrast, contrast_of
from anofpdm.scans.foreground import CleanVoxels
from anofpdm.scans.geometry import SliceGeometry
from anofpdm.scans.modalities import CONTRASTS
from anofpdm.scans.preprocessing_config import PreprocessingConfig
from anofpdm.scans.values import value_warnings
from anofpdm.scans.volume import Volume

# In-plane voxels this many times larger than a network pixel blur what the model looks for.
_COARSE = 2.0
_TILT_DEGREES = 30.0
_LOST_SHARE = 0.01
# With a contrast agent a T1 keeps the order of its tissues.
_LOOK_ALIKE: dict[str, Contrast] = {"flair": "flair", "t1": "t1", "t1ce": "t1", "t2": "t2"}


def scan_warnings(
    volumes: Sequence[Volume],
    brain: NDArray[np.bool_],
    geometry: SliceGeometry,
    config: PreprocessingConfig,
) -> tuple[str, ...]:
    """Return warnings: headers, values, the wrong contrast, spacing, field of view.

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
    found: list[str | None] = []
    for volume in volumes:
        # A DICOM header tells the contrast better than a folder's name; its reader has compared it.
        named = None if _header_says(volume) else _other_contrast(volume)
        found += [*volume.warnings, *value_warnings(volume), named]
    name = volumes[0].name
    found += [
        _thickness(name, geometry, config),
        _coarse(name, geometry),
        _tilt(name, geometry),
        _outside_field(name, brain, geometry, config),
    ]
    return tuple(sentence for sentence in found if sentence)


def contrast_warnings(
    volumes: Sequence[Volume],
    values: Sequence[CleanVoxels],
    grounds: Sequence[NDArray[np.bool_]],
    geometry: SliceGeometry,
) -> tuple[str, ...]:
    """Warn of extracted brains whose intensities are those of another contrast than they stand for.

    Parameters
    ----------
    volumes : sequence of Volume
        The model's inputs; their modalities are what the model expects.
    values, grounds : sequences of CleanVoxels and of ndarray, shape (x, y, slices)
        Their intensities and foregrounds along canonical axes.
    geometry : SliceGeometry
        For the voxel size.

    Returns
    -------
    tuple of str
        One sentence a volume; none where in doubt, or where the name says so already.
    """
    spacing = np.linalg.norm(geometry.canonical_affine[:3, :3], axis=0)
    found = []
    for volume, intensities, ground in zip(volumes, values, grounds, strict=True):
        expected = _LOOK_ALIKE.get(volume.modality or "")
        if expected is None or _other_contrast(volume):
            continue
        seen = contrast_of(intensities, ground, spacing)
        if seen is not None and seen != expected:
            found.append(
                f"{volume.name} looks like {LOOKS[seen]}, but the model expects "
                f"{LOOKS[expected]} as {volume.modality}; check that the right file was given."
            )
    return tuple(found)


def _header_says(volume: Volume) -> bool:
    """Whether the reader has told already that a series' header names another contrast."""
    header = None if volume.source is None else volume.source.series.modality
    return header is not None and header != volume.modality


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
