"""From volumes to the network's slices: orientation, field of view, foreground, intensity."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from anofpdm.common.errors import VolumeError
from anofpdm.common.memory import memory_fault
from anofpdm.scans.checks import contrast_warnings, scan_warnings
from anofpdm.scans.files.physical_limits import check_physical
from anofpdm.scans.foreground import (
    CleanVoxels,
    foreground_of,
    foreground_percentile,
    robust_centre,
)
from anofpdm.scans.geometry import SliceGeometry, image_axis
from anofpdm.scans.modalities import in_model_order
from anofpdm.scans.orientation import Orientation
from anofpdm.scans.preprocessing_config import MEDIAN_HEADROOM, PreprocessingConfig
from anofpdm.scans.same_grid import on_grid_of
from anofpdm.scans.skull import skull_warnings
from anofpdm.scans.values import check_usable, mask_voxels
from anofpdm.scans.volume import Volume

_BYTES_A_VOXEL: Final = 14
"""Of a scan that is analysed, beside its own: what its results take at their peak (the map, the
numbers of lesions, masks), which is more than what preprocessing takes."""


@dataclass(frozen=True, eq=False)
class SliceStack:
    """The network's input slices, and the mapping back to the scan.

    Attributes
    ----------
    volumes : tuple of Volume
        The scans in the order of the model's modalities, on the voxels of the first.
    slices : ndarray, shape (S, C, size, size), float32 in [-1, 1]
        Channels in the order of the model's modalities.
    foreground : ndarray of bool, shape (S, size, size)
        Brain on the network's grid.
    slice_ids : ndarray of int, shape (S,)
        Canonical axial index of each slice, growing toward the head's top.
    foreground_native : ndarray of bool, shape of the input
        Brain on the input's grid.
    geometry : SliceGeometry
        The map between the two.
    warnings : tuple of str
        Sentences for the user on what may spoil the result.
    """

    volumes: tuple[Volume, ...]
    slices: NDArray[np.float32]
    foreground: NDArray[np.bool_]
    slice_ids: NDArray[np.int64]
    foreground_native: NDArray[np.bool_]
    geometry: SliceGeometry
    warnings: tuple[str, ...]


def preprocess(
    volumes: Mapping[str, Volume],
    modalities: Sequence[str],
    config: PreprocessingConfig,
    brain_mask: Volume | None = None,
) -> SliceStack:
    """Turn co-registered volumes into the network's axial slices (docs/method.md#10-preprocessing).

    Parameters
    ----------
    volumes : mapping of str to Volume
        One volume per modality, all on one grid, along any axes.
    modalities : sequence of str
        The model's channels in order.
    config : PreprocessingConfig
        The model's preprocessing.
    brain_mask : Volume or None
        Voxels of 0.5 and more are brain; without one, foreground is what is brighter than the
        background in any modality.

    Raises
    ------
    SettingsError
        When a modality is missing or unknown to the model.
    GeometryError
        When volumes or mask are on different grids, or voxel sizes, field of view or origin are
        none of an MRI's.
    VolumeError
        When a volume holds no usable MRI, no slice holds enough brain, or memory suffices neither
        for preprocessing nor for results on the scan's voxels.
    """
    by_modality = in_model_order(volumes, modalities)
    ordered = [replace(volume, modality=name) for name, volume in by_modality.items()]
    first = ordered[0]
    _check_memory(first, len(ordered) + (brain_mask is not None))
    ordered = [first, *(on_grid_of(first, other) for other in ordered[1:])]
    if brain_mask is not None:
        brain_mask = on_grid_of(first, brain_mask)
    check_physical(first.affine, first.shape, first.name)
    for volume in ordered:
        check_usable(volume)

    inside = None if brain_mask is None else _canonical_mask(brain_mask)
    values = [CleanVoxels(_canonical(volume)) for volume in ordered]
    grounds = [foreground_of(v) for v in values]
    if inside is not None:
        grounds = [ground & inside for ground in grounds]
    brain = inside if inside is not None else np.logical_or.reduce(grounds)
    geometry = lay_field(first, brain, config)

    covered = geometry.to_network(brain) >= 0.5
    kept = np.flatnonzero(enough_foreground(covered, config.min_foreground_fraction))
    if kept.size == 0:
        raise VolumeError(
            f"{first.name} has no axial slice with foreground in "
            f"{100 * config.min_foreground_fraction:g} % of the field of view; "
            "check that it is a scan and not a mask, its voxel size, and the brain mask."
        )
    slices = np.empty((kept.size, len(ordered), config.size, config.size), dtype=np.float32)
    for c, (volume, v, ground) in enumerate(zip(ordered, values, grounds, strict=True)):
        white = _white(volume, v, ground, config)
        for out, k in zip(slices[:, c], kept, strict=True):
            scaled = np.where(ground[:, :, k], v[:, :, k] / white, np.float32(0))
            out[...] = _network_intensity(scaled, geometry, config)
    warnings = scan_warnings(ordered, brain, geometry, config)
    if brain_mask is not None:
        warnings += brain_mask.warnings
    heads: tuple[str, ...] = ()
    if config.brain_extracted and inside is None:
        heads = skull_warnings(ordered, values, covered, geometry)
    if not heads and (config.brain_extracted or inside is not None):
        # The order of tissues tells the contrast of a brain, not of a head.
        heads = contrast_warnings(ordered, values, grounds, geometry)
    warnings += heads
    return SliceStack(
        volumes=tuple(ordered),
        slices=slices,
        foreground=covered[kept],
        slice_ids=kept.astype(np.int64),
        foreground_native=np.ascontiguousarray(geometry.orientation.to_input(brain)),
        geometry=geometry,
        warnings=warnings,
    )


def _check_memory(volume: Volume, scans: int) -> None:
    """Refuse a grid whose foregrounds and results do not fit, before anything is computed."""
    needed = volume.data.size * (_BYTES_A_VOXEL + 2 * scans)
    if (fault := memory_fault(needed)) is not None:
        raise VolumeError(
            f"{volume.name} {fault} beyond the scan itself; close other programs, or cut or "
            "resample the scan to fewer voxels."
        )


def _canonical(volume: Volume) -> NDArray[Any]:
    return Orientation.of_affine(volume.affine).to_canonical(volume.data)


def _canonical_mask(mask: Volume) -> NDArray[np.bool_]:
    inside = Orientation.of_affine(mask.affine).to_canonical(mask_voxels(mask, "brain mask"))
    if not inside.any():
        raise VolumeError(f"The brain mask {mask.name} is empty; its brain voxels must be 1.")
    return inside


def lay_field(
    volume: Volume, brain: NDArray[np.bool_], config: PreprocessingConfig
) -> SliceGeometry:
    """Lay the network's field of view over a volume whose brain is given on canonical voxels.

    Raises
    ------
    VolumeError
        When there is no brain.
    """
    if not brain.any():
        raise VolumeError(f"{volume.name} has no foreground; check the scan.")
    orientation = Orientation.of_affine(volume.affine)
    lines = []
    for direction in (config.rows, config.columns):
        axis = 0 if direction in "RL" else 1
        spacing = volume.spacing[orientation.axes[axis]]
        field = None
        if config.extent_mm is not None:
            field = (config.extent_mm, robust_centre(brain, axis))
        lines.append(image_axis(direction, config.size, brain.shape[axis], spacing, field))
    header = None
    if volume.header is not None:
        header = base64.b64encode(volume.header.binaryblock).decode("ascii")
    return SliceGeometry(
        shape=volume.shape,
        affine=tuple(tuple(float(x) for x in row) for row in volume.affine),
        size=config.size,
        field_of_view=config.field_of_view,
        rows=lines[0],
        columns=lines[1],
        header=header,
    )


def enough_foreground(covered: NDArray[np.bool_], least: float) -> NDArray[np.bool_]:
    """Tell which slices (S, size, size) have at least this share of foreground."""
    share = covered.mean(axis=(1, 2))
    return np.asarray((share >= least) & (share > 0))


def white_level(
    values: CleanVoxels, foreground: NDArray[np.bool_], config: PreprocessingConfig
) -> float:
    """Give the value that becomes the network's brightest, 1; 0 becomes its darkest, -1.

    With `slice_minmax` each slice is then stretched on its own.

    Parameters
    ----------
    values : CleanVoxels, shape (x, y, z)
        A scan along canonical axes.
    foreground : ndarray of bool, shape (x, y, z)
    config : PreprocessingConfig

    Returns
    -------
    float
        In the units of the scan; 0 or less where nothing of the foreground is above 0.
    """
    if config.intensity == "volume_median":
        return MEDIAN_HEADROOM * foreground_percentile(values, foreground, 50)
    return foreground_percentile(values, foreground, 99)


def _white(
    volume: Volume,
    values: CleanVoxels,
    foreground: NDArray[np.bool_],
    config: PreprocessingConfig,
) -> np.float32:
    white = white_level(values, foreground, config)
    if white <= 0:
        raise VolumeError(
            f"{volume.name} has no positive voxels in the brain; check the scan and the brain mask."
        )
    return np.float32(white)


def _network_intensity(
    scaled: NDArray[np.float32], geometry: SliceGeometry, config: PreprocessingConfig
) -> NDArray[np.float32]:
    """Resample one slice, shape (x, y), and bring it to [-1, 1]."""
    if config.intensity != "slice_minmax":
        image = geometry.plane_to_network(np.minimum(scaled, np.float32(1)))
        return np.clip(2 * image - 1, -1, 1)
    image = geometry.plane_to_network(scaled)
    low, high = image.min(), image.max()
    return np.asarray(2 * (image - low) / (high - low + np.float32(1e-5)) - 1)
