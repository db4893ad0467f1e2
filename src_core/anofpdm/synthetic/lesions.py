"""Shape and place of synthetic lesions; see `signal` for their appearance."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from anofpdm.synthetic.anatomy import Anatomy, Push
from anofpdm.synthetic.fields import bump, smooth_noise
from anofpdm.synthetic.streams import Stream


@dataclass(frozen=True)
class LesionMaps:
    """Lesion of one subject on its anatomy's grid.

    Attributes
    ----------
    kind : str
        tumour, infarct, ms, vascular or spots.
    extent : Tensor, float32, in [0, 1]
        Soft extent of all abnormal tissue, oedema and core included; the lesion is where it is
        at least 0.5.
    core : Tensor, float32, in [0, 1]
        The part with a signal of its own (necrosis, cavity, solid tumour).
    oedema : Tensor, float32, in [0, 1]
        The part with a weaker signal than the lesion proper.
    """

    kind: str
    extent: Tensor
    core: Tensor
    oedema: Tensor


@dataclass(frozen=True)
class Plan:
    """Decisions made before the anatomy is drawn, because a mass displaces tissue.

    Attributes
    ----------
    kind : str
        Which kind of disease to draw.
    volume_ml : float
        Volume aimed at, before the lesion is cut to the brain.
    centre : ndarray (3,)
        World position (mm) of a mass or an infarct.
    push : Push or None
        Mass effect for `draw_anatomy`.
    """

    kind: str
    volume_ml: float
    centre: NDArray[np.float64]
    push: Push | None


_SHARES = {"tumour": 0.42, "infarct": 0.16, "ms": 0.24, "vascular": 0.12, "spots": 0.06}
LESION_KINDS = tuple(_SHARES)
_VOLUMES_ML = {
    "tumour": (3.0, 110.0),
    "infarct": (0.5, 90.0),
    "ms": (0.5, 40.0),
    "vascular": (1.0, 60.0),
    "spots": (0.05, 5.0),
}


def draw_plan(stream: Stream, kind: str | None = None) -> Plan:
    """Draw kind, volume (0.05 to 110 ml aimed at), place and mass effect of a subject's lesions.

    Parameters
    ----------
    stream : Stream
        Source of what is drawn.
    kind : str, optional
        One of `LESION_KINDS`, in place of the one drawn.
    """
    drawn = stream.choice(LESION_KINDS, list(_SHARES.values()))
    kind = kind or drawn
    low, high = _VOLUMES_ML[kind]
    if kind == "tumour":  # its radius is uniform; the other kinds' volume is in its logarithm
        volume = _ball_ml(stream.uniform(_radius_mm(low), _radius_mm(high)))
    else:
        volume = stream.log_uniform(low, high)
    side = -1.0 if stream.chance(0.5) else 1.0
    centre = np.array(
        [side * stream.uniform(7, 53), stream.uniform(-62, 57), stream.uniform(-35, 53)]
    )
    # A point outside an ellipsoid somewhat smaller than the brain is drawn back into it.
    reach = np.sqrt(((centre / [57.0, 71.0, 57.0]) ** 2).sum())
    centre = centre / max(1.0, reach / 0.9)
    push = None
    if kind == "tumour" and stream.chance(0.7):
        radius = _radius_mm(volume)
        push = Push(centre, 1.6 * radius, stream.uniform(0.05, 0.4) * radius)
    return Plan(kind, volume, centre, push)


def draw_lesions(stream: Stream, anatomy: Anatomy, plan: Plan) -> LesionMaps:
    """Draw every lesion of `plan`, cut to the brain."""
    extent, core, oedema = _KINDS[plan.kind](stream, anatomy, plan)
    inside = torch.sigmoid((anatomy.depth - 0.5) / 0.5)
    return LesionMaps(plan.kind, extent * inside, core * inside, oedema * inside)


_Maps = tuple[Tensor, Tensor, Tensor]


def _radius_mm(volume_ml: float) -> float:
    return float((volume_ml * 1000.0 * 3.0 / (4.0 * np.pi)) ** (1.0 / 3.0))


def _ball_ml(radius_mm: float) -> float:
    return 4.0 / 3.0 * np.pi * radius_mm**3 / 1000.0


def _ellipsoid_distance(
    stream: Stream, anatomy: Anatomy, centre: NDArray[np.float64], stretch: float
) -> Tensor:
    """Distance (mm) from `centre` in a randomly turned and stretched metric of unit volume."""
    axes = np.exp([stream.uniform(-stretch, stretch) for _ in range(3)])
    axes /= np.cbrt(axes.prod())
    matrix = stream.rotation() / axes[:, None]
    offsets = [axis - float(c) for axis, c in zip(anatomy.grid.world, centre, strict=True)]
    squared = torch.zeros(anatomy.grid.shape, device=anatomy.grid.device)
    for row in matrix:
        squared += sum(float(w) * o for w, o in zip(row, offsets, strict=True)) ** 2
    return squared.sqrt()


def _octaves(stream: Stream, anatomy: Anatomy, sigma_mm: float) -> Tensor:
    """Noise of several scales, as of a cloud (Perlin's sum of octaves); variance near 1."""
    total = smooth_noise(stream, anatomy.grid, sigma_mm)
    for halving in (1, 2):
        finer = max(1.5, sigma_mm / 2**halving)
        total = total + 0.5**halving * smooth_noise(stream, anatomy.grid, finer)
    return total / 1.15


def _tumour(stream: Stream, anatomy: Anatomy, plan: Plan) -> _Maps:
    """Ellipsoid or cloud; oedema follows white matter; often a core of its own signal."""
    radius = _radius_mm(plan.volume_ml)
    cloud = stream.chance(0.5)
    distance = _ellipsoid_distance(stream, anatomy, plan.centre, 0.15 if cloud else 0.4)
    roughness = stream.uniform(0.35, 0.8) if cloud else stream.uniform(0.08, 0.3)
    level = (
        radius - distance + roughness * radius * _octaves(stream, anatomy, max(3.0, 0.45 * radius))
    )
    edge = stream.log_uniform(0.5, 4.0)
    solid_share = stream.uniform(0.3, 1.0)
    creep = stream.uniform(0.0, 0.8) * radius * (2.0 * anatomy.white - 0.9)
    # Oedema creeps near the mass alone, however far the white matter runs.
    creep = creep * torch.sigmoid((1.9 * radius - distance) / (0.15 * radius))
    fluid_spared = stream.uniform(0.7, 1.0)
    extent = torch.sigmoid((level + creep) / edge) * (1.0 - fluid_spared * anatomy.csf)
    solid = torch.sigmoid((level - (1.0 - solid_share) * radius) / edge)
    core = torch.zeros_like(extent)
    if stream.chance(0.6):
        core = torch.sigmoid((level - stream.uniform(0.3, 0.8) * radius) / 0.8) * extent
    return extent, core, extent * (1.0 - solid)


def _infarct(stream: Stream, anatomy: Anatomy, plan: Plan) -> _Maps:
    """Part of a vascular territory: often reaches the cortex, irregular, sometimes cavitated."""
    radius = _radius_mm(plan.volume_ml)
    distance = _ellipsoid_distance(stream, anatomy, plan.centre, 0.7)
    level = radius - distance
    level = level + stream.uniform(0.2, 0.7) * radius * _octaves(
        stream, anatomy, max(3.0, 0.5 * radius)
    )
    if stream.chance(0.3):  # the cortex suffers first
        level = level + 0.5 * radius * (anatomy.grey - 0.5)
    spared = 1.0 - stream.uniform(0.7, 1.0) * anatomy.csf
    extent = torch.sigmoid(level / stream.log_uniform(0.5, 3.0)) * spared
    core = torch.zeros_like(extent)
    if stream.chance(0.35):
        core = torch.sigmoid((level - stream.uniform(0.3, 0.6) * radius) / 0.8) * extent
    penumbra = extent * torch.sigmoid((0.35 * radius - level) / (0.15 * radius))
    return extent, core, penumbra if stream.chance(0.5) else torch.zeros_like(extent)


def _ms(stream: Stream, anatomy: Anatomy, plan: Plan) -> _Maps:
    """Plaques by the ventricles, below the cortex, in deep white matter and infratentorially."""
    share = stream.uniform(0.2, 0.8)
    band = _band(stream, anatomy, share * plan.volume_ml, stream.uniform(0.2, 0.7))
    spots = _spots(stream, anatomy, (1.0 - share) * plan.volume_ml, stream.uniform(0.5, 2.0))
    extent = torch.maximum(band, spots)
    return extent, torch.zeros_like(extent), torch.zeros_like(extent)


def _vascular(stream: Stream, anatomy: Anatomy, plan: Plan) -> _Maps:
    """Disease of small vessels: a symmetric band around the ventricles and deep spots."""
    share = stream.uniform(0.5, 1.0)
    band = _band(stream, anatomy, share * plan.volume_ml, stream.uniform(0.7, 1.0))
    spots = _spots(stream, anatomy, (1.0 - share) * plan.volume_ml + 0.05, 0.5)
    extent = torch.maximum(band, spots)
    halo = 0.6 * extent if stream.chance(0.3) else torch.zeros_like(extent)
    return extent, torch.zeros_like(extent), halo


def _only_spots(stream: Stream, anatomy: Anatomy, plan: Plan) -> _Maps:
    extent = _spots(stream, anatomy, plan.volume_ml, stream.uniform(0.0, 1.5))
    return extent, torch.zeros_like(extent), torch.zeros_like(extent)


def _band(stream: Stream, anatomy: Anatomy, volume_ml: float, symmetry: float) -> Tensor:
    """Confluent band along the ventricles, of uneven reach."""
    noise = smooth_noise(stream, anatomy.grid, stream.uniform(3.0, 12.0))
    noise = 0.65 * symmetry * (noise + noise.flip(0)) + (1.0 - symmetry) * noise
    base = anatomy.ventricle_distance - stream.uniform(2.0, 6.0) * noise
    base = base + stream.uniform(0.0, 1.2) * smooth_noise(stream, anatomy.grid, 2.0)
    near = (anatomy.ventricle_distance < 25.0) & (anatomy.csf < 0.5)
    reach = -_level_of_volume(-base, near, volume_ml / anatomy.grid.voxel_ml)
    tissue = anatomy.white + 0.6 * anatomy.grey
    extent = torch.sigmoid((reach - base) / stream.log_uniform(0.4, 2.0)) * tissue
    return extent * torch.sigmoid((26.0 - anatomy.ventricle_distance) / 1.0)


def _spots(stream: Stream, anatomy: Anatomy, volume_ml: float, clustering: float) -> Tensor:
    """Excursions of a random field: small plaques of all sizes where such plaques are found."""
    sigma = stream.log_uniform(1.3, 4.5)
    field = smooth_noise(stream, anatomy.grid, sigma)
    below_cortex = bump(anatomy.depth - stream.uniform(5.0, 9.0), 2.5)
    beside_ventricle = torch.exp(-anatomy.ventricle_distance / 7.0)
    _, _, z = anatomy.place
    infratentorial = torch.sigmoid((-24.0 - z) / 3.0)
    favoured = (
        stream.uniform(0.0, 1.0) * below_cortex
        + stream.uniform(0.0, 1.5) * beside_ventricle
        + stream.uniform(-1.0, 0.6) * infratentorial
    )
    level = field + clustering * favoured + clustering * smooth_noise(stream, anatomy.grid, 20.0)
    tissue = anatomy.white + stream.uniform(0.1, 0.7) * anatomy.grey
    allowed = (tissue > 0.5) & (anatomy.depth > 3.0)
    threshold = _level_of_volume(level, allowed, volume_ml / anatomy.grid.voxel_ml)
    # The field changes by about 1 over sigma.
    steepness = sigma / stream.log_uniform(0.4, 1.2)
    inside = torch.sigmoid((anatomy.depth - 3.0) / 0.7) * tissue.clamp(max=1.0)
    return torch.sigmoid((level - threshold) * steepness) * inside


def _level_of_volume(values: Tensor, region: Tensor, voxels: float) -> float:
    """Level above which about `voxels` voxels of a region lie; told from every seventh voxel."""
    inside = values.flatten()[::7][region.flatten()[::7]]
    if inside.numel() == 0:
        return float("inf")
    rank = inside.numel() - int(min(inside.numel() - 1, max(0.0, voxels / 7.0)))
    return float(inside.kthvalue(rank).values)


_KINDS: dict[str, Callable[[Stream, Anatomy, Plan], _Maps]] = {
    "tumour": _tumour,
    "infarct": _infarct,
    "ms": _ms,
    "vascular": _vascular,
    "spots": _only_spots,
}
