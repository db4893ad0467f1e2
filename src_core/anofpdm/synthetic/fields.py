"""Smooth random fields on a regular grid, the raw material of every synthetic subject."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from anofpdm.synthetic.streams import Stream

_OVERSAMPLING = 1.5  # lattice points a standard deviation
_HALF_HEAD_MM = (80.0, 103.0, 87.0)  # half the room of the largest brain drawn
_BAND = 16  # rows that are multiplied together where a matrix is narrow
_REACH = 3.5  # standard deviations after which the kernel is cut


@dataclass(frozen=True)
class Grid:
    """A grid along the world's axes, centred on the origin.

    Attributes
    ----------
    shape : tuple of int
        Voxels toward R, A and S.
    spacing : tuple of float
        Voxel size in mm.
    device : torch.device
        Where its fields live.
    """

    shape: tuple[int, int, int]
    spacing: tuple[float, float, float]
    device: torch.device

    @property
    def affine(self) -> NDArray[np.float64]:
        """Voxel to world, RAS mm, shape (4, 4)."""
        affine = np.diag([*self.spacing, 1.0])
        affine[:3, 3] = -0.5 * np.array(self.spacing) * (np.array(self.shape) - 1)
        return affine

    @property
    def voxel_ml(self) -> float:
        """Volume of a voxel in millilitres."""
        return float(np.prod(self.spacing)) / 1000.0

    @cached_property
    def axes(self) -> tuple[Tensor, Tensor, Tensor]:
        """World coordinate (mm) of each voxel along R, A and S, float32."""
        x, y, z = (
            (torch.arange(n, device=self.device, dtype=torch.float32) - 0.5 * (n - 1)) * s
            for n, s in zip(self.shape, self.spacing, strict=True)
        )
        return x, y, z

    @cached_property
    def world(self) -> tuple[Tensor, Tensor, Tensor]:
        """The axes shaped so that they broadcast to the grid."""
        x, y, z = self.axes
        return x[:, None, None], y[None, :, None], z[None, None, :]


def smooth_noise(stream: Stream, grid: Grid, sigma_mm: float) -> Tensor:
    """Gaussian random field of zero mean and unit variance.

    White noise on a lattice that is fixed in the world, weighted by a Gaussian kernel. Where
    `sigma_mm` is above 1.5 voxels the field does not depend on the grid: another spacing samples
    the same field.

    Parameters
    ----------
    stream : Stream
        Source of the white noise.
    grid : Grid
        Where to sample the field.
    sigma_mm : float
        Standard deviation of the kernel in mm, > 0.

    Returns
    -------
    Tensor, float32, of the grid's shape
    """
    kernels = [
        _kernel(axis, half, spacing, sigma_mm)
        for axis, half, spacing in zip(grid.axes, _HALF_HEAD_MM, grid.spacing, strict=True)
    ]
    lattice = stream.white([k.shape[1] for k in kernels], grid.device)
    return apply_along(lattice, *kernels)


def _kernel(axis: Tensor, half_mm: float, spacing: float, sigma_mm: float) -> Tensor:
    """Weights (voxels, lattice points); the squares of each row add up to 1."""
    step = max(spacing, sigma_mm / _OVERSAMPLING)
    sigma = max(sigma_mm, 0.6 * step)
    # The head's size, not the grid's, decides how many points there are.
    points = int(np.ceil((half_mm + _REACH * sigma) / step))
    nodes = torch.arange(-points, points + 1, device=axis.device, dtype=torch.float32) * step
    distance = (axis[:, None] - nodes) / sigma
    weights = torch.exp(-0.5 * distance**2) * (distance.abs() <= _REACH)
    return weights / weights.square().sum(1, keepdim=True).sqrt()


def apply_along(values: Tensor, along_x: Tensor, along_y: Tensor, along_z: Tensor) -> Tensor:
    """Multiply a volume by one matrix along each axis: (a, b, c) to (x, y, z)."""
    partly = values @ along_z.T
    partly = along_y @ partly
    x, (_, y, z) = along_x.shape[0], partly.shape
    return _banded_product(along_x, partly.reshape(partly.shape[0], y * z)).reshape(x, y, z)


def _banded_product(matrix: Tensor, values: Tensor) -> Tensor:
    """Multiply by a matrix that is zero away from its diagonal."""
    if matrix.is_cuda or matrix.shape[1] <= 2 * _BAND:
        return matrix @ values
    # A CPU gains several times by leaving out the zeros; a GPU is faster with one product.
    result = values.new_empty(matrix.shape[0], values.shape[1])
    for start in range(0, matrix.shape[0], _BAND):
        rows = matrix[start : start + _BAND]
        used = rows.any(0).nonzero()
        low, high = int(used[0]), int(used[-1]) + 1
        torch.mm(rows[:, low:high], values[low:high], out=result[start : start + _BAND])
    return result


def blurring(axis: Tensor, sigma_mm: float) -> Tensor:
    """Matrix (n, n) that smooths along an axis by a Gaussian; constants stay, borders too."""
    if sigma_mm <= 0:
        return torch.eye(len(axis), device=axis.device)
    weights = torch.exp(-0.5 * ((axis[:, None] - axis) / sigma_mm) ** 2)
    return weights / weights.sum(1, keepdim=True)


def bump(distance_mm: Tensor, width_mm: float) -> Tensor:
    """1 at distance 0, falling as a Gaussian of the given width."""
    return (distance_mm / width_mm).square_().mul_(-0.5).exp_()
