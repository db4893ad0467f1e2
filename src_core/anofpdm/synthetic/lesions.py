"""Shape and place of synthetic lesions; see `acquisition` for their appearance."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from anofpdm.synthetic.anatomy import Anatomy
from anofpdm.synthetic.fields import Field, log_uniform, sigmoid, smooth_noise


@dataclass(frozen=True)
class LesionMaps:
    """Lesion of one subject on its anatomy's grid.

    Attributes
    ----------
    kind : str
        How it was drawn: tumour, infarct, periventricular, scattered, or several joined by "+".
    extent : ndarray, float32, in [0, 1]
        Soft extent of all abnormal tissue, oedema and core included.
    core : ndarray, float32, in [0, 1]
        The part with a signal of its own (necrosis, cavity, solid tumour).
    oedema : ndarray, float32, in [0, 1]
        The part with a weaker signal than the lesion proper.
    """

    kind: str
    extent: Field
    core: Field
    oedema: Field


@dataclass(frozen=True)
class Plan:
    """Decisions made before the anatomy is drawn, because a mass displaces tissue.

    Attributes
    ----------
    kinds : tuple of str
        Names of the lesion kinds to draw.
    volume_ml : float
        Volume aimed at, before the lesion is cut to the brain.
    centre : ndarray (3,)
        World position (mm) of the main lesion.
    push : tuple or None
        Mass effect for `draw_anatomy`.
    """

    kinds: tuple[str, ...]
    volume_ml: float
    centre: NDArray[np.float64]
    push: tuple[NDArray[np.float64], float, float] | None


def draw_plan(rng: np.random.Generator) -> Plan:
    """Draw kinds, volume (1 to 100 ml aimed at), place and mass effect of a subject's lesions."""
    kind = str(
        rng.choice(["tumour", "infarct", "periventricular", "scattered"], p=[0.45, 0.25, 0.2, 0.1])
    )
    kinds: tuple[str, ...] = (kind,)
    if kind == "periventricular" or (kind != "scattered" and rng.random() < 0.15):
        kinds += ("scattered",)
    volume = _draw_volume(rng, kind)
    side = rng.choice([-1.0, 1.0])
    centre = np.array([side * rng.uniform(8, 58), rng.uniform(-68, 62), rng.uniform(-38, 58)])
    # A point outside an ellipsoid somewhat smaller than the brain is drawn back into it.
    reach = np.sqrt(((centre / [62.0, 78.0, 62.0]) ** 2).sum())
    centre = centre / max(1.0, reach / 0.9)
    push = None
    if kind == "tumour" and rng.random() < 0.6:
        radius = (volume * 1000 * 3 / (4 * np.pi)) ** (1 / 3)
        push = (centre, 1.6 * radius, rng.uniform(0.05, 0.3) * radius)
    return Plan(kinds, volume, centre, push)


def _draw_volume(rng: np.random.Generator, kind: str) -> float:
    """Volume (ml) aimed at: a mass's radius is uniform, other kinds' volume is in its logarithm."""
    if kind in _MASSES_ML:
        low, high = (_radius_mm(volume) for volume in _MASSES_ML[kind])
        return float(4.0 / 3.0 * np.pi * rng.uniform(low, high) ** 3 / 1000.0)
    return log_uniform(rng, *_OTHERS_ML[kind])


_MASSES_ML = {"tumour": (4.0, 100.0), "infarct": (2.0, 90.0)}
_OTHERS_ML = {"periventricular": (4.0, 60.0), "scattered": (1.0, 60.0)}


def draw_lesions(rng: np.random.Generator, anatomy: Anatomy, plan: Plan) -> LesionMaps:
    """Draw every lesion of `plan` and join them (voxelwise maximum)."""
    drawn = [_KINDS[kind](rng, anatomy, plan) for kind in plan.kinds]
    inside = sigmoid((anatomy.depth - 0.5) / 0.5)
    extent, core, oedema = (
        np.asarray(np.maximum.reduce([maps[i] for maps in drawn]) * inside, dtype=np.float32)
        for i in range(3)
    )
    return LesionMaps("+".join(plan.kinds), extent, core, oedema)


_Maps = tuple[Field, Field, Field]


def _ellipsoid_distance(
    rng: np.random.Generator, anatomy: Anatomy, centre: NDArray[np.float64], stretch: float
) -> Field:
    """Distance (mm) from `centre` in a randomly turned and stretched metric of unit volume."""
    axes = np.exp(rng.uniform(-stretch, stretch, 3))
    axes /= np.cbrt(axes.prod())
    matrix = Rotation.random(rng=rng).as_matrix() / axes[:, None]
    x, y, z = anatomy.coordinates()
    offsets = (x - centre[0], y - centre[1], z - centre[2])
    squared = np.zeros(anatomy.shape, dtype=np.float32)
    for row in matrix.astype(np.float32):
        squared += (row[0] * offsets[0] + row[1] * offsets[1] + row[2] * offsets[2]) ** 2
    result: Field = np.sqrt(squared)
    return result


def _radius_mm(volume_ml: float) -> float:
    return float((volume_ml * 1000.0 * 3.0 / (4.0 * np.pi)) ** (1.0 / 3.0))


def _tumour(rng: np.random.Generator, anatomy: Anatomy, plan: Plan) -> _Maps:
    """Noisy ellipsoid; oedema creeps along white matter; often a core of its own signal."""
    radius = _radius_mm(plan.volume_ml)
    shape, spacing = anatomy.shape, anatomy.spacing
    distance = _ellipsoid_distance(rng, anatomy, plan.centre, 0.35)
    roughness = rng.uniform(0.1, 0.35) * radius
    level = (
        radius - distance + roughness * smooth_noise(rng, shape, spacing, max(3.0, 0.45 * radius))
    )
    level += rng.uniform(0.0, 0.12) * radius * smooth_noise(rng, shape, spacing, 3.0)
    edge = rng.uniform(0.5, 1.8)
    solid_share = rng.uniform(0.4, 1.0)
    creep = rng.uniform(0.0, 0.5) * radius * (2.0 * anatomy.white - 0.8)
    extent = sigmoid((level + creep) / edge) * (1.0 - 0.85 * anatomy.csf)
    solid = sigmoid((level - (1.0 - solid_share) * radius) / edge)
    core = np.zeros(shape, dtype=np.float32)
    if rng.random() < 0.5:
        core = sigmoid((level - rng.uniform(0.35, 0.75) * radius) / 0.8) * extent
    return extent, core, extent * (1.0 - solid)


def _infarct(rng: np.random.Generator, anatomy: Anatomy, plan: Plan) -> _Maps:
    """Wedge of a vascular territory: reaches the cortex, often irregular, sometimes cavitated."""
    radius = _radius_mm(plan.volume_ml * 1.3)
    shape, spacing = anatomy.shape, anatomy.spacing
    distance = _ellipsoid_distance(rng, anatomy, plan.centre, 0.7)
    level = radius - distance
    level += (
        rng.uniform(0.2, 0.6) * radius * smooth_noise(rng, shape, spacing, max(4.0, 0.5 * radius))
    )
    level += rng.uniform(0.0, 2.0) * smooth_noise(rng, shape, spacing, 2.5)
    extent = sigmoid(level / rng.uniform(0.5, 1.2)) * (1.0 - 0.9 * anatomy.csf)
    core = np.zeros(shape, dtype=np.float32)
    if rng.random() < 0.35:
        core = sigmoid((level - rng.uniform(0.3, 0.6) * radius) / 0.8) * extent
    return extent, core, np.zeros(shape, dtype=np.float32)


def _periventricular(rng: np.random.Generator, anatomy: Anatomy, plan: Plan) -> _Maps:
    """Confluent band along the ventricles, of uneven reach, mostly symmetric."""
    shape, spacing = anatomy.shape, anatomy.spacing
    noise = smooth_noise(rng, shape, spacing, rng.uniform(5.0, 12.0))
    symmetry = rng.uniform(0.3, 1.0)
    noise = symmetry * 0.5 * (noise + noise[::-1]) * np.float32(1.3) + (1 - symmetry) * noise
    tissue = anatomy.white + 0.6 * anatomy.grey
    near = (anatomy.ventricle_distance < 25.0) & (anatomy.csf < 0.5)
    base = anatomy.ventricle_distance - rng.uniform(2.0, 5.0) * noise
    base += rng.uniform(0.0, 1.2) * smooth_noise(rng, shape, spacing, 2.0)
    voxel_ml = float(np.prod(spacing)) / 1000.0
    values = np.sort(base[near])
    count = min(values.size - 1, max(1, int(plan.volume_ml / voxel_ml)))
    reach = float(values[count]) if values.size else 0.0
    extent = sigmoid((reach - base) / rng.uniform(0.4, 0.9)) * tissue
    extent = extent * sigmoid((26.0 - anatomy.ventricle_distance) / 1.0)
    empty = np.zeros(shape, dtype=np.float32)
    oedema = extent * (rng.random() < 0.3) * 0.6
    return extent, empty, np.asarray(oedema, dtype=np.float32)


def _scattered(rng: np.random.Generator, anatomy: Anatomy, plan: Plan) -> _Maps:
    """Small blobs in white matter, a few to some dozens, of 2.5 to 10 mm radius."""
    extent = np.zeros(anatomy.shape, dtype=np.float32)
    left = plan.volume_ml if len(plan.kinds) == 1 else min(0.3 * plan.volume_ml, 5.0)
    candidates = np.argwhere((anatomy.white > 0.6) & (anatomy.depth > 4.0))
    if candidates.size == 0:
        return extent, extent.copy(), extent.copy()
    origin = anatomy.affine[:3, 3]
    for _ in range(60):
        if left <= 0:
            break
        radius = min(log_uniform(rng, 2.5, 10.0), _radius_mm(left) + 1.0)
        left -= 4.0 / 3.0 * np.pi * radius**3 / 1000.0
        centre = origin + np.array(anatomy.spacing) * candidates[rng.integers(len(candidates))]
        window = _window(anatomy, centre, 2.2 * radius + 2.0)
        part = _crop(anatomy, window)
        distance = _ellipsoid_distance(rng, part, centre, 0.45)
        ragged = 0.2 * radius * smooth_noise(rng, part.shape, part.spacing, max(2.0, 0.5 * radius))
        blob = sigmoid((radius - distance + ragged) / 0.6) * (1.0 - part.csf)
        extent[window] = np.maximum(extent[window], blob)
    empty = np.zeros(anatomy.shape, dtype=np.float32)
    return extent, empty, empty.copy()


def _window(anatomy: Anatomy, centre: NDArray[np.float64], reach: float) -> tuple[slice, ...]:
    index = (centre - anatomy.affine[:3, 3]) / anatomy.spacing
    margin = reach / np.array(anatomy.spacing)
    low = np.maximum(np.floor(index - margin).astype(int), 0)
    high = np.minimum(np.ceil(index + margin).astype(int) + 1, anatomy.shape)
    return tuple(slice(int(a), int(b)) for a, b in zip(low, high, strict=True))


def _crop(anatomy: Anatomy, window: tuple[slice, ...]) -> Anatomy:
    """Cut `anatomy` to `window`, so that a small blob costs little."""
    affine = anatomy.affine.copy()
    affine[:3, 3] += np.array(anatomy.spacing) * [w.start for w in window]
    names = ("grey", "white", "csf", "brain", "depth", "ventricle_distance")
    parts = {name: getattr(anatomy, name)[window] for name in names}
    return Anatomy(**parts, spacing=anatomy.spacing, affine=affine)


_KINDS: dict[str, Callable[[np.random.Generator, Anatomy, Plan], _Maps]] = {
    "tumour": _tumour,
    "infarct": _infarct,
    "periventricular": _periventricular,
    "scattered": _scattered,
}
