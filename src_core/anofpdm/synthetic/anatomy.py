"""Healthy anatomy: an individual brain drawn from the template's tissue maps."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from anofpdm.synthetic.fields import Grid, bump, smooth_noise
from anofpdm.synthetic.streams import Stream
from anofpdm.synthetic.template import sample_template

_CENTRE_MM = (0.0, -18.0, 12.0)  # middle of the brain in template space
_EXTENT_MM = (166.0, 200.0, 168.0)  # room for the largest brain drawn below


@dataclass(frozen=True)
class Anatomy:
    """One healthy subject on a grid: tissue fractions and the fields that lesions follow.

    Attributes
    ----------
    grid : Grid
        Where the fields below are sampled; they are float32 tensors of its shape.
    grey, white, csf : Tensor, in [0, 1]
        Tissue fractions; they add up to `brain`.
    brain : Tensor, in [0, 1]
        Soft brain mask, before the faults of brain extraction.
    depth, ventricle_distance : Tensor
        Millimetres of template space below the brain's surface, and away from the lateral
        ventricles.
    place : tuple of 3 Tensor
        Template coordinates (RAS mm) of each voxel.
    age : float, in [0, 1]
        From young to atrophied.
    """

    grid: Grid
    grey: Tensor
    white: Tensor
    csf: Tensor
    brain: Tensor
    depth: Tensor
    ventricle_distance: Tensor
    place: tuple[Tensor, Tensor, Tensor]
    age: float

    def near(self, x: float, y: float, z: float, width_mm: float) -> Tensor:
        """Weight 0..1 of the voxels around a template place, on both sides of the midline."""
        px, py, pz = self.place
        # In place: memory takes longer than the arithmetic.
        squared = px.abs().sub_(x).square_()
        squared.add_((py - y).square_()).add_((pz - z).square_())
        return squared.mul_(-0.5 / width_mm**2).exp_()


@dataclass(frozen=True)
class Push:
    """Mass effect: tissue around a centre is pushed outward.

    Attributes
    ----------
    centre : ndarray (3,)
        World mm.
    radius : float
        Distance in mm over which the displacement fades.
    displacement : float
        Largest displacement in mm.
    """

    centre: NDArray[np.float64]
    radius: float
    displacement: float


def grid_for(spacing: tuple[float, float, float], device: torch.device) -> Grid:
    """Lay the grid that holds any brain drawn, at a voxel size in mm."""
    x, y, z = (int(np.ceil(e / s)) for e, s in zip(_EXTENT_MM, spacing, strict=True))
    return Grid((x, y, z), spacing, device)


def draw_anatomy(stream: Stream, grid: Grid, push: Push | None = None) -> Anatomy:
    """Draw an individual healthy brain.

    Parameters
    ----------
    stream : Stream
        Source of everything random about the subject's anatomy.
    grid : Grid
        Where to sample it; see `grid_for`.
    push : Push, optional
        Mass effect of a tumour.
    """
    age = stream.beta(1.2, 1.2)
    place = _template_place(stream, grid, push)
    maps = sample_template(place)
    grey, white, csf = _individual_tissues(stream, grid, maps, age)
    return Anatomy(
        grid=grid,
        grey=grey,
        white=white,
        csf=csf,
        brain=maps["brain"],
        depth=maps["depth"],
        ventricle_distance=maps["ventricle_distance"],
        place=place,
        age=age,
    )


def _template_place(stream: Stream, grid: Grid, push: Push | None) -> tuple[Tensor, Tensor, Tensor]:
    """Template coordinates of every voxel: tilt, size, individual shape, mass effect."""
    from scipy.spatial.transform import Rotation

    angles = [stream.normal() * degrees for degrees in (8.0, 3.0, 4.0)]
    tilt = Rotation.from_euler("xyz", angles, degrees=True).as_matrix()
    # The template averages brains after they were enlarged to its space: it holds 1.9 litres.
    overall = stream.uniform(0.83, 0.98)
    size = np.diag([1.0 / (overall * stream.uniform(0.95, 1.05)) for _ in range(3)])
    world = [axis.expand(grid.shape) for axis in grid.world]
    if push is not None:
        away = [axis - float(c) for axis, c in zip(world, push.centre, strict=True)]
        distance = torch.sqrt(away[0] ** 2 + away[1] ** 2 + away[2] ** 2) + 1e-3
        shift = (push.displacement * torch.exp(-((distance / push.radius) ** 2))) * (
            distance * (2.0 / push.radius)
        ).clamp(max=1.0)
        world = [axis - a / distance * shift for axis, a in zip(world, away, strict=True)]
    linear = size @ tilt
    bends = [(22.0, stream.uniform(1.0, 3.5)), (9.0, stream.uniform(0.5, 1.6))]
    points = []
    for row, centre in zip(linear, _CENTRE_MM, strict=True):
        x, y, z = (float(w) * axis for w, axis in zip(row, world, strict=True))
        point = x + y + z + (centre + 2.0 * stream.normal())
        for sigma, amplitude in bends:
            point = point + amplitude * smooth_noise(stream, grid, sigma)
        points.append(point)
    return points[0], points[1], points[2]


def _individual_tissues(
    stream: Stream, grid: Grid, maps: dict[str, Tensor], age: float
) -> tuple[Tensor, Tensor, Tensor]:
    """Sharpen the population's probabilities into one subject's folds, sulci and ventricles.

    The template blurs thousands of folds into probabilities. A random field added to their
    logarithms, followed by a softmax of low temperature, draws one set of folds from them.
    """
    depth, distance, brain = maps["depth"], maps["ventricle_distance"], maps["brain"]
    cortical = torch.sigmoid((18.0 - depth) / 4.0)
    fluid = (brain - maps["grey"] - maps["white"]).clamp(0.0, 1.0)
    folding = stream.uniform(0.5, 1.2)
    temperature = stream.uniform(0.35, 0.7)
    atrophy = max(0.0, 1.6 * (age - 0.4) + 0.5 * stream.normal())
    widening_mm = max(0.0, 5.0 * (age - 0.3) + 1.5 * stream.normal())
    widening = widening_mm * torch.exp(0.35 * smooth_noise(stream, grid, 18.0)) - 0.5
    scale_mm = stream.uniform(1.8, 3.0)
    noise = [smooth_noise(stream, grid, scale_mm) for _ in range(3)]
    amplitude = folding * (0.15 + cortical)
    # The zero level of a random field is a folded sheet: fluid in it, a ribbon of grey along it.
    sheets = [smooth_noise(stream, grid, stream.uniform(4.0, 7.5)).abs() for _ in range(2)]
    sheet = torch.minimum(*sheets)
    sulcus = bump(sheet, stream.uniform(0.06, 0.15)) * cortical
    ribbon = bump(sheet, stream.uniform(0.25, 0.45)) * cortical
    depth_of_folds = stream.uniform(0.8, 4.0)
    logits = torch.stack(
        [
            torch.log(maps["grey"] + 0.02) + 0.9 * amplitude * noise[0] + 1.2 * ribbon,
            torch.log(maps["white"] + 0.02) + 0.9 * amplitude * noise[1],
            torch.log(fluid + 0.03)
            + amplitude * noise[2]
            + atrophy * cortical
            + depth_of_folds * sulcus
            + 6.0 * torch.sigmoid((widening - distance) / 0.6) * (depth > 8.0),
        ]
    )
    shares = torch.softmax((logits / temperature).clamp(-30.0, 30.0), dim=0) * brain
    return shares[0], shares[1], shares[2]
