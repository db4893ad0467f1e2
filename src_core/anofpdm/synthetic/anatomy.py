"""Healthy anatomy: an individual brain drawn from the ICBM152 tissue maps.

The maps are the ICBM 152 non-linear symmetric 2009a grey and white matter probabilities and T1
template (1 mm) that nilearn's package carries. CSF is the rest of the brain.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from scipy.spatial.transform import Rotation

from anofpdm.synthetic.fields import Field, sigmoid, smooth_noise

_CENTRE_MM = np.array([0.0, -18.0, 12.0])  # middle of the brain in template space
_EXTENT_MM = np.array([152.0, 188.0, 164.0])  # room for the largest brain drawn below
# What the template's maps are taken to be beyond its grid.
_BEYOND = {"grey": 0.0, "white": 0.0, "brain": 0.0, "depth": -20.0, "ventricle_distance": 60.0}


@dataclass(frozen=True)
class Template:
    """Template maps on their 1 mm grid; `affine` maps voxel to template mm (RAS)."""

    grey: Field
    white: Field
    brain: Field
    depth: Field  # mm inside the brain's border; negative outside
    ventricle_distance: Field  # mm from the ventricles; 0 inside them
    affine: NDArray[np.float64]


@dataclass(frozen=True)
class Anatomy:
    """One healthy subject on a grid: tissue fractions and the fields that lesions follow.

    Attributes
    ----------
    grey, white, csf : ndarray, float32, in [0, 1]
        Tissue fractions; they add up to `brain`.
    brain : ndarray, float32, in [0, 1]
        Soft brain mask, before the faults of brain extraction.
    depth, ventricle_distance : ndarray, float32
        Millimetres below the brain's surface, and away from the ventricles.
    spacing : tuple of float
        Grid spacing in mm.
    affine : ndarray (4, 4)
        Voxel to world, RAS mm.
    """

    grey: Field
    white: Field
    csf: Field
    brain: Field
    depth: Field
    ventricle_distance: Field
    spacing: tuple[float, float, float]
    affine: NDArray[np.float64]

    @property
    def shape(self) -> tuple[int, int, int]:
        """Grid size."""
        x, y, z = self.grey.shape
        return x, y, z

    def coordinates(self) -> tuple[Field, Field, Field]:
        """World coordinates (mm) of the grid, as three arrays that broadcast."""
        axes = [
            (self.affine[i, 3] + self.affine[i, i] * np.arange(n)).astype(np.float32)
            for i, n in enumerate(self.shape)
        ]
        return axes[0][:, None, None], axes[1][None, :, None], axes[2][None, None, :]


@lru_cache(maxsize=1)
def load_template() -> Template:
    """Read the ICBM152 maps from nilearn's package and derive the distance fields."""
    import nibabel as nib
    import nilearn.datasets

    folder = Path(nilearn.datasets.__file__).parent / "data"

    def read(tissue: str) -> tuple[Field, NDArray[np.float64]]:
        image = nib.nifti1.load(folder / f"mni_icbm152_{tissue}_tal_nlin_sym_09a_converted.nii.gz")
        return np.asarray(image.dataobj, dtype=np.float32) / 255.0, np.asarray(image.affine)

    grey, affine = read("gm")
    white, _ = read("wm")
    t1, _ = read("t1")
    brain = ndimage.binary_fill_holes(ndimage.binary_closing(t1 > 0, iterations=2))
    depth = _on_half_grid(brain)
    fluid = _lateral_ventricles(brain & (grey + white < 0.5) & (depth > 22.0), affine)
    distance = -_on_half_grid(fluid)
    return Template(
        grey=grey,
        white=white,
        brain=brain.astype(np.float32),
        depth=depth,
        ventricle_distance=np.maximum(distance, 0.0),
        affine=affine,
    )


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


def _on_half_grid(mask: NDArray[np.bool_]) -> Field:
    """Signed distance (mm, positive inside) computed at 2 mm, brought back to the 1 mm grid."""
    half = mask[::2, ::2, ::2]
    signed = ndimage.distance_transform_edt(half) - ndimage.distance_transform_edt(~half)
    signed = ndimage.gaussian_filter(2.0 * signed, 0.5).astype(np.float32)
    grids = [
        np.minimum(np.arange(n) / 2.0, h - 1) for n, h in zip(mask.shape, half.shape, strict=True)
    ]
    result: Field = signed
    for axis, positions in enumerate(grids):
        low = np.clip(np.floor(positions).astype(int), 0, result.shape[axis] - 2)
        weight = (positions - low).astype(np.float32)
        weight = weight.reshape([-1 if i == axis else 1 for i in range(3)])
        result = (1 - weight) * result.take(low, axis) + weight * result.take(low + 1, axis)
    return np.asarray(result, dtype=np.float32)


def draw_anatomy(
    rng: np.random.Generator,
    spacing: tuple[float, float, float],
    push: tuple[NDArray[np.float64], float, float] | None = None,
) -> Anatomy:
    """Draw an individual healthy brain.

    Parameters
    ----------
    rng : Generator
        Source of everything random about the subject's anatomy.
    spacing : tuple of float
        Voxel size in mm.
    push : tuple (centre, radius, displacement), optional
        Mass effect: tissue around `centre` (world mm) is pushed outward by up to `displacement`
        mm, fading over `radius` mm.
    """
    template = load_template()
    shape = tuple(int(np.ceil(e / s)) for e, s in zip(_EXTENT_MM, spacing, strict=True))
    affine = np.diag([*spacing, 1.0])
    affine[:3, 3] = -0.5 * np.array(spacing) * (np.array(shape) - 1)
    points = _template_points(rng, shape, spacing, affine, template, push)
    sampled = _sample(points)
    grey, white, csf = _individual_tissues(rng, sampled, spacing)
    return Anatomy(
        grey=grey,
        white=white,
        csf=csf,
        brain=sampled["brain"],
        depth=sampled["depth"],
        ventricle_distance=sampled["ventricle_distance"],
        spacing=spacing,
        affine=affine,
    )


def _template_points(
    rng: np.random.Generator,
    shape: tuple[int, ...],
    spacing: tuple[float, float, float],
    affine: NDArray[np.float64],
    template: Template,
    push: tuple[NDArray[np.float64], float, float] | None,
) -> Field:
    """Template voxel coordinates (3, *shape) of every voxel: tilt, size, shape, mass effect."""
    tilt = Rotation.from_euler(
        "xyz", rng.normal(0, 1, 3) * [8.0, 3.0, 4.0], degrees=True
    ).as_matrix()
    size = np.diag(1.0 / (rng.uniform(0.92, 1.07) * rng.uniform(0.95, 1.05, 3)))
    world = np.stack(
        np.meshgrid(
            *(affine[i, 3] + spacing[i] * np.arange(n) for i, n in enumerate(shape)), indexing="ij"
        )
    ).astype(np.float32)
    if push is not None:
        centre, radius, displacement = push
        away = world - centre.astype(np.float32)[:, None, None, None]
        distance = np.sqrt((away**2).sum(0)) + 1e-3
        world = world - away / distance * displacement * np.exp(
            -((distance / radius) ** 2)
        ) * np.minimum(distance / (0.5 * radius), 1.0)
    linear = (size @ tilt).astype(np.float32)
    points = np.tensordot(linear, world, axes=1)
    points += (_CENTRE_MM + rng.normal(0, 2.0, 3)).astype(np.float32)[:, None, None, None]
    for sigma, amplitude in ((22.0, rng.uniform(1.0, 3.5)), (9.0, rng.uniform(0.5, 1.6))):
        for axis in range(3):
            points[axis] += amplitude * smooth_noise(rng, shape, spacing, sigma)
    to_voxel = np.linalg.inv(template.affine)
    result: Field = np.tensordot(to_voxel[:3, :3].astype(np.float32), points, axes=1)
    result += to_voxel[:3, 3].astype(np.float32)[:, None, None, None]
    return result


@lru_cache(maxsize=1)
def _stacked() -> Field:
    """Stack the template's maps less `_BEYOND`, (map, x, y, z), so that outside is zero."""
    template = load_template()
    return np.stack([getattr(template, name) - beyond for name, beyond in _BEYOND.items()])


def _sample(points: Field) -> dict[str, Field]:
    """All template maps at fractional voxel coordinates `points`, linearly; `_BEYOND` outside."""
    import torch
    from torch.nn.functional import grid_sample

    maps = torch.from_numpy(_stacked())
    half = (np.array(maps.shape[1:], dtype=np.float32) - 1) / 2
    grid = points / half[:, None, None, None] - 1
    # grid_sample takes the coordinates last axis first.
    grid = np.ascontiguousarray(np.moveaxis(grid[::-1], 0, -1))
    sampled = grid_sample(maps[None], torch.from_numpy(grid)[None], align_corners=True)[0].numpy()
    return {
        name: np.asarray(values + np.float32(beyond))
        for (name, beyond), values in zip(_BEYOND.items(), sampled, strict=True)
    }


def _individual_tissues(
    rng: np.random.Generator, maps: dict[str, Field], spacing: tuple[float, float, float]
) -> tuple[Field, Field, Field]:
    """Sharpen the population's probabilities into one subject's folds, sulci and ventricles.

    The template blurs thousands of folds into probabilities. A random field added to their
    logarithms, followed by a softmax of low temperature, draws one set of folds from them.
    """
    shape = maps["grey"].shape
    depth, distance, brain = maps["depth"], maps["ventricle_distance"], maps["brain"]
    cortical = sigmoid((18.0 - depth) / 4.0)
    fluid = np.clip(brain - maps["grey"] - maps["white"], 0.0, 1.0)
    folding = rng.uniform(0.5, 1.2)
    temperature = rng.uniform(0.35, 0.7)
    atrophy = max(0.0, rng.normal(0.0, 0.8))
    widening_mm = max(0.0, rng.normal(0.0, 1.0)) * (3.0 if rng.random() < 0.7 else 6.0)
    widening = widening_mm * np.exp(0.35 * smooth_noise(rng, shape, spacing, 18.0)) - 0.5
    scale_mm = rng.uniform(1.8, 3.0)
    noise = [smooth_noise(rng, shape, spacing, scale_mm) for _ in range(3)]
    amplitude = folding * (0.15 + cortical)
    # The zero level of a random field is a folded sheet: fluid in it, a ribbon of grey along it.
    sheet = np.abs(smooth_noise(rng, shape, spacing, rng.uniform(5.0, 8.0)))
    sulcus = np.exp(-((sheet / rng.uniform(0.08, 0.2)) ** 2)) * cortical
    ribbon = np.exp(-((sheet / rng.uniform(0.4, 0.7)) ** 2)) * cortical
    depth_of_folds = rng.uniform(0.5, 3.0)
    logits = [
        np.log(maps["grey"] + 0.02) + 0.9 * amplitude * noise[0] + 1.2 * ribbon,
        np.log(maps["white"] + 0.02) + 0.9 * amplitude * noise[1],
        np.log(fluid + 0.03) + amplitude * noise[2] + atrophy * cortical + depth_of_folds * sulcus,
    ]
    logits[2] = logits[2] + 6.0 * sigmoid((widening - distance) / 0.6) * (depth > 8.0)
    weights = [np.exp(np.clip(value / temperature, -30.0, 30.0)) for value in logits]
    total = weights[0] + weights[1] + weights[2]
    grey, white, csf = (np.asarray(brain * w / total, dtype=np.float32) for w in weights)
    return grey, white, csf
