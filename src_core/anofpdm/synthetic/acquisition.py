"""The scanner's and the brain extraction's part: slices, coil, motion, noise, border."""

from __future__ import annotations

import torch
from torch import Tensor

from anofpdm.synthetic.anatomy import Anatomy
from anofpdm.synthetic.fields import Grid, apply_along, blurring, smooth_noise
from anofpdm.synthetic.streams import Stream


def brain_extraction(stream: Stream, anatomy: Anatomy) -> tuple[Tensor, Tensor]:
    """Brain mask with the faults of a brain extraction, and what remains of the head outside.

    Returns
    -------
    mask : Tensor, bool
        Voxels that the extraction keeps: the border wanders by a few mm, sometimes into the brain.
    remains : Tensor, float32
        Signal, relative to grey matter, of meninges, fat and other tissue kept outside the brain.
    """
    grid = anatomy.grid
    offset = 0.3 + stream.normal()
    wander = stream.uniform(0.2, 1.8) * smooth_noise(stream, grid, stream.uniform(4.0, 14.0))
    mask = anatomy.depth + offset + wander > 0.0
    base = stream.uniform(0.05, 0.6)
    noise = smooth_noise(stream, grid, stream.uniform(2.5, 6.0))
    patches = torch.sigmoid((noise - stream.uniform(0.6, 2.0)) * 3.0)
    remains = base + stream.log_uniform(0.2, 2.5) * patches
    return mask, remains * (1.0 - anatomy.brain).clamp(0.0, 1.0)


def thicken(values: Tensor, factor: int) -> Tensor:
    """Average `factor` thin slices into each thick one."""
    x, y, z = values.shape
    count = z // factor
    return values[:, :, : count * factor].reshape(x, y, count, factor).mean(dim=3)


def acquire(stream: Stream, signal: Tensor, mask: Tensor, grid: Grid) -> Tensor:
    """Blur, motion, coil profile, Rician noise and masking of a painted signal.

    Parameters
    ----------
    stream : Stream
        Source of the scan's faults.
    signal : Tensor, float32
        Noise-free signal on the grid to be stored, at the slice thickness to be stored.
    mask : Tensor, bool
        Brain mask; the background is set to exactly 0.
    grid : Grid
        The grid to be stored.
    """
    x, y, z = grid.axes
    blur_mm = stream.uniform(0.0, 0.9)
    still = torch.eye(len(z), device=grid.device)
    scan = apply_along(signal, blurring(x, blur_mm), blurring(y, blur_mm), still)
    scan = _ghosts(stream, scan)
    profile = smooth_noise(stream, grid, stream.uniform(35.0, 70.0))
    strength = stream.uniform(0.08, 0.16) if stream.chance(0.2) else stream.uniform(0.0, 0.07)
    scan = scan * torch.exp(strength * profile)
    sigma = stream.log_uniform(0.004, 0.04)
    real = scan + sigma * stream.white(scan.shape, grid.device)
    imaginary = sigma * stream.white(scan.shape, grid.device)
    magnitude = torch.sqrt(real**2 + imaginary**2)
    return torch.where(mask, magnitude.clamp(min=2e-3), 0.0)


def _ghosts(stream: Stream, scan: Tensor) -> Tensor:
    """Faint shifted copies along the phase direction, as motion leaves them."""
    if not stream.chance(0.3):
        return scan
    axis = 1 if stream.chance(0.7) else 0
    shift = int(stream.uniform(0.08, 0.5) * scan.shape[axis])
    strength = stream.uniform(0.01, 0.08)
    return scan + strength * (torch.roll(scan, shift, axis) - torch.roll(scan, -shift, axis))
