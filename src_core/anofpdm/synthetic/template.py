"""The ICBM152 tissue maps and what is derived from them.

The maps are the ICBM 152 non-linear symmetric 2009a grey and white matter probabilities and T1
template (1 mm) that nilearn's package carries. CSF is the rest of the brain.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import ndimage
from torch import Tensor
from torch.nn.functional import grid_sample

Map = NDArray[np.float32]

# What the maps are taken to be beyond their grid.
_BEYOND = {"grey": 0.0, "white": 0.0, "brain": 0.0, "depth": -20.0, "ventricle_distance": 60.0}


@dataclass(frozen=True)
class Template:
    """Template maps on their 1 mm grid; `affine` maps voxel to template mm (RAS)."""

    grey: Map
    white: Map
    brain: Map
    depth: Map  # mm inside the brain's border; negative outside
    ventricle_distance: Map  # mm from the lateral ventricles; 0 inside them
    affine: NDArray[np.float64]


@lru_cache(maxsize=1)
def load_template() -> Template:
    """Read the ICBM152 maps from nilearn's package and derive the distance fields."""
    import nibabel as nib

    folder = _nilearn_folder() / "datasets" / "data"

    def read(tissue: str) -> tuple[Map, NDArray[np.float64]]:
        image = nib.nifti1.load(folder / f"mni_icbm152_{tissue}_tal_nlin_sym_09a_converted.nii.gz")
        return np.asarray(image.dataobj, dtype=np.float32) / 255.0, np.asarray(image.affine)

    grey, affine = read("gm")
    white, _ = read("wm")
    t1, _ = read("t1")
    brain = _without_holes(_closed(t1 > 0))
    depth = _signed_distance(brain)
    fluid = _lateral_ventricles(brain & (grey + white < 0.5) & (depth > 22.0), affine)
    distance = -_signed_distance(fluid)
    return Template(
        grey=grey,
        white=white,
        brain=brain.astype(np.float32),
        depth=depth,
        ventricle_distance=np.maximum(distance, 0.0),
        affine=affine,
    )


def _nilearn_folder() -> Path:
    """Find nilearn's package without importing it, which takes seconds."""
    spec = find_spec("nilearn")
    if spec is None or not spec.submodule_search_locations:
        raise ModuleNotFoundError("No module named 'nilearn'", name="nilearn")
    return Path(spec.submodule_search_locations[0])


def _closed(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Dilate a mask twice and erode it twice, each time by one voxel along the axes.

    What `scipy.ndimage.binary_closing` does, several times faster. No voxel beyond the border
    belongs to the mask.
    """
    for _ in range(2):
        mask = _dilated(mask)
    outside = ~mask
    for _ in range(2):
        outside = _dilated(outside)
        for axis in range(3):
            np.moveaxis(outside, axis, 0)[[0, -1]] = True
    return ~outside


def _dilated(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    wider = mask.copy()
    for axis in range(3):
        source, target = np.moveaxis(mask, axis, 0), np.moveaxis(wider, axis, 0)
        target[1:] |= source[:-1]
        target[:-1] |= source[1:]
    return wider


def _without_holes(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Fill what the mask encloses: the outside is connected to the border."""
    labels, _ = ndimage.label(~mask)
    border = [np.moveaxis(labels, axis, 0)[[0, -1]].ravel() for axis in range(3)]
    open_ = np.zeros(labels.max() + 1, dtype=bool)
    open_[np.concatenate(border)] = True
    open_[0] = False
    return ~open_[labels]


def _lateral_ventricles(fluid: NDArray[np.bool_], affine: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Find the lateral ventricles: the two largest pieces of deep CSF beside the midline."""
    x, y, z = (
        affine[i, 3] + affine[i, i] * np.arange(n).reshape([-1 if i == j else 1 for j in range(3)])
        for i, n in enumerate(fluid.shape)
    )
    box = (np.abs(x) < 42) & (y > -52) & (y < 36) & (z > -16) & (z < 32)
    fissure = (np.abs(x) < 3) & ((y > 8) | (z < -4) | (z > 12) | (y < -25))
    labels, _ = ndimage.label(fluid & box & ~fissure)
    sizes = np.bincount(labels.ravel())
    sizes[0] = 0
    return np.isin(labels, np.argsort(sizes)[-2:])


def _signed_distance(mask: NDArray[np.bool_]) -> Map:
    """Signed distance (mm, positive inside) computed at 2 mm, brought back to the 1 mm grid."""
    half = mask[::2, ::2, ::2]
    distance = -ndimage.distance_transform_edt(~half)
    box = ndimage.find_objects(half.astype(np.int8))[0]  # it is 0 elsewhere
    inside = ndimage.distance_transform_edt(np.pad(half[box], 1))
    distance[box] += inside[1:-1, 1:-1, 1:-1]
    signed: Map = ndimage.gaussian_filter(2.0 * distance, 0.5).astype(np.float32)
    grids = [
        np.minimum(np.arange(n) / 2.0, h - 1) for n, h in zip(mask.shape, half.shape, strict=True)
    ]
    result = signed
    for axis, positions in enumerate(grids):
        low = np.clip(np.floor(positions).astype(int), 0, result.shape[axis] - 2)
        weight = (positions - low).astype(np.float32)
        weight = weight.reshape([-1 if i == axis else 1 for i in range(3)])
        result = (1 - weight) * result.take(low, axis) + weight * result.take(low + 1, axis)
    return np.asarray(result, dtype=np.float32)


@lru_cache(maxsize=2)
def _stacked(device: torch.device) -> Tensor:
    """Stack the maps less `_BEYOND`, (1, map, x, y, z), so that outside is zero.

    In memory, a voxel's maps lie side by side, since they are read together.
    """
    template = load_template()
    maps = np.empty((*template.brain.shape, len(_BEYOND)), dtype=np.float32)
    for index, (name, beyond) in enumerate(_BEYOND.items()):
        np.subtract(getattr(template, name), np.float32(beyond), out=maps[..., index])
    return torch.from_numpy(maps).permute(3, 0, 1, 2)[None].to(device)


def sample_template(points: tuple[Tensor, Tensor, Tensor]) -> dict[str, Tensor]:
    """Sample all maps, linearly, at template coordinates in mm.

    Parameters
    ----------
    points : tuple of 3 Tensor, each (x, y, z), float32
        Template coordinates (RAS mm) of each voxel.

    Returns
    -------
    dict of str to Tensor
        Keys as the maps of `Template`.
    """
    maps = _stacked(points[0].device)
    affine = load_template().affine
    grid = [
        ((p - float(affine[i, 3])) / float(affine[i, i])) * (2.0 / (maps.shape[2 + i] - 1)) - 1
        for i, p in enumerate(points)
    ]
    # grid_sample takes the coordinates last axis first.
    sampled = grid_sample(maps, torch.stack(grid[::-1], dim=-1)[None], align_corners=True)[0]
    return {
        name: values + beyond
        for (name, beyond), values in zip(_BEYOND.items(), sampled, strict=True)
    }
