"""Smooth surfaces of lesions and brain, in millimetres."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage, sparse
from scipy.sparse import csgraph

# Taubin's pair of steps: the first shrinks while it smooths, the second grows back.
_SHRINK, _GROW = 0.5, -0.53
_ROUNDS = 12
_OFFSETS = 2
MOST_TRIANGLES = 150_000
BRAIN_MM = 2.5


@dataclass(frozen=True, eq=False)
class Surface:
    """A closed surface of triangles.

    Attributes
    ----------
    vertices : ndarray, shape (v, 3), float64
        RAS in mm.
    triangles : ndarray, shape (t, 3), int32
        Indices of vertices, counter-clockwise from outside.
    labels : ndarray, shape (v,), int32
        The lesion of each vertex; 1 everywhere for a single body.
    """

    vertices: NDArray[np.float64]
    triangles: NDArray[np.int32]
    labels: NDArray[np.int32]

    @cached_property
    def volumes_mm3(self) -> NDArray[np.float64]:
        """Volume enclosed by the surface of each lesion, by its number; 0 where there is none.

        Of lesions that have grown together, as pooled voxels may, only the sum counts.
        """
        corners = self.vertices[self.triangles]
        signed = np.einsum("ij,ij->i", corners[:, 0], np.cross(corners[:, 1], corners[:, 2])) / 6
        count = int(self.labels.max(initial=0)) + 1
        return np.bincount(self._owners, signed, minlength=count).astype(np.float64)

    @property
    def _owners(self) -> NDArray[np.int32]:
        owners: NDArray[np.int32] = self.labels[self.triangles[:, 0]]
        return owners


def surface_of(
    labels: NDArray[Any], affine: NDArray[np.float64], most_triangles: int = MOST_TRIANGLES
) -> Surface:
    """Draw a smooth surface around each lesion, of exactly the volume of its voxels.

    Marching cubes around the voxels, Taubin's smoothing along the edges, then an offset along the
    normals that gives each lesion the volume it lost. Taubin, G. A signal processing approach to
    fair surface design. SIGGRAPH 1995.

    Parameters
    ----------
    labels : ndarray, shape (i, j, k), integers or bool
        0 outside, else the number of the lesion.
    affine : ndarray, shape (4, 4)
        Voxel index to RAS mm; may be oblique.
    most_triangles : int
        Beyond it the voxels are pooled before.

    Returns
    -------
    Surface
        Without triangles where nothing is marked.
    """
    sizes = np.bincount(np.asarray(labels, dtype=np.int64).ravel())
    if len(sizes) < 2:
        return _nothing()
    box = _box(labels)
    inside = np.asarray(labels[box], dtype=np.int32)
    start = np.array([side.start for side in box], dtype=np.float64)
    voxel = abs(float(np.linalg.det(affine[:3, :3])))
    pooled = 1
    spacing = np.linalg.norm(affine[:3, :3], axis=0)
    while True:
        factors = _factors(spacing, pooled)
        surface = _marched(inside, start, affine, factors)
        if len(surface.triangles) <= most_triangles or min(inside.shape) <= pooled:
            break
        pooled += 1
    sizes[0] = 0
    return _with_volumes(_smoothed(surface), np.asarray(sizes * voxel, dtype=np.float64))


def brain_surface(
    brain: NDArray[np.bool_],
    affine: NDArray[np.float64],
    most_triangles: int = MOST_TRIANGLES,
    resolution_mm: float = BRAIN_MM,
) -> Surface:
    """Draw a smooth surface around the brain.

    Parameters
    ----------
    brain : ndarray of bool, shape (i, j, k)
        Its holes are not drawn.
    affine : ndarray, shape (4, 4)
        Voxel index to RAS mm; may be oblique.
    most_triangles : int
    resolution_mm : float
        Smaller voxels are pooled to about this size before.
    """
    if not brain.any():
        return _nothing()
    box = _box(brain)
    start = np.array([side.start for side in box], dtype=np.float64)
    spacing = np.linalg.norm(affine[:3, :3], axis=0)
    surface = _nothing()
    for _ in range(8):
        factors = np.maximum(1, np.rint(resolution_mm / spacing)).astype(int)
        shares, at = _pooled(np.asarray(brain[box], dtype=np.float32), factors)
        filled = ndimage.binary_fill_holes(shares >= 0.5)
        shares = np.where(filled, np.maximum(shares, 0.5), shares)
        vertices, triangles = _cubes(ndimage.gaussian_filter(shares, 0.7), 0.5)
        surface = _placed(vertices, triangles, at, start, affine)
        if len(surface.triangles) <= most_triangles:
            break
        resolution_mm *= 1.3
    return _smoothed(surface)


def _nothing() -> Surface:
    return Surface(np.zeros((0, 3)), np.zeros((0, 3), np.int32), np.zeros(0, np.int32))


def _box(mask: NDArray[Any]) -> tuple[slice, ...]:
    """Where the mask lies."""
    sides = []
    for axis in range(3):
        others = tuple(other for other in range(3) if other != axis)
        used = np.flatnonzero(mask.any(axis=others))
        sides.append(slice(int(used[0]), int(used[-1]) + 1))
    return tuple(sides)


def _factors(spacing: NDArray[np.float64], pooled: int) -> NDArray[np.intp]:
    """Voxels that are pooled along each axis; long ones less, so that the pools are cubes."""
    if pooled == 1:
        return np.ones(3, dtype=np.intp)
    factors: NDArray[np.intp] = np.maximum(1, np.rint(pooled * spacing.min() / spacing)).astype(
        np.intp
    )
    return factors


def _blocks(values: NDArray[Any], factors: NDArray[Any]) -> NDArray[Any]:
    """View blocks of voxels along axes 1, 3 and 5; zeros fill the last ones."""
    short = [-n % f for n, f in zip(values.shape, factors, strict=True)]
    whole = np.pad(values, [(0, n) for n in short])
    a, b, c = (n // f for n, f in zip(whole.shape, factors, strict=True))
    i, j, k = factors
    return whole.reshape(a, i, b, j, c, k)


def _pooled(
    values: NDArray[Any], factors: NDArray[Any]
) -> tuple[NDArray[np.float32], NDArray[np.float64]]:
    """Means of blocks, and what leads from blocks to voxels: factors and first centres."""
    means = _blocks(values, factors).mean(axis=(1, 3, 5), dtype=np.float32)
    return means, np.array([factors, (np.asarray(factors) - 1) / 2], dtype=np.float64)


def _cubes(field: NDArray[Any], level: float) -> tuple[NDArray[np.float64], NDArray[np.int32]]:
    """Run marching cubes on a field with a rim of 0; indices of the field without the rim."""
    from skimage.measure import marching_cubes

    vertices, triangles, _, _ = marching_cubes(
        np.pad(field, 1), level, gradient_direction="ascent", allow_degenerate=False
    )
    return vertices.astype(np.float64) - 1.0, triangles.astype(np.int32)


def _placed(
    vertices: NDArray[np.float64],
    triangles: NDArray[np.int32],
    at: NDArray[np.float64],
    start: NDArray[np.float64],
    affine: NDArray[np.float64],
    labels: NDArray[np.int32] | None = None,
) -> Surface:
    """Bring vertices from the blocks of a box to mm."""
    world = (vertices * at[0] + at[1] + start) @ affine[:3, :3].T + affine[:3, 3]
    owners = np.ones(len(world), np.int32) if labels is None else labels
    surface = Surface(world, triangles, owners)
    if surface.volumes_mm3.sum() < 0:  # a grid that is mirrored turns surfaces inside out
        surface = Surface(world, np.ascontiguousarray(triangles[:, ::-1]), owners)
    return surface


def _marched(
    inside: NDArray[np.int32],
    start: NDArray[np.float64],
    affine: NDArray[np.float64],
    factors: NDArray[np.intp],
) -> Surface:
    shares, at = _pooled((inside > 0).astype(np.float32), factors)
    # A small lesion fills part of a block: it stays in view.
    vertices, triangles = _cubes(shares, min(0.5, 0.9 / float(np.prod(factors))))
    owners = _owners(inside, shares, factors, vertices, triangles)
    return _placed(vertices, triangles, at, start, affine, owners)


def _owners(
    inside: NDArray[np.int32],
    shares: NDArray[np.float32],
    factors: NDArray[np.intp],
    vertices: NDArray[np.float64],
    triangles: NDArray[np.int32],
) -> NDArray[np.int32]:
    """Return the lesion of each vertex: that of the fuller of the two blocks it lies between."""
    numbers = np.pad(_blocks(inside, factors).max(axis=(1, 3, 5)), 1)
    full = np.pad(shares, 1)
    ends = [tuple(side(vertices).astype(np.intp).T + 1) for side in (np.floor, np.ceil)]
    first, second = ends
    owners: NDArray[np.int32] = np.where(
        full[first] >= full[second], numbers[first], numbers[second]
    )
    # Some vertices lie within a cube of blocks; lesions apart do not meet in one.
    within = np.count_nonzero(vertices % 1.0, axis=1) > 1
    owners[within] = 0
    best = owners[triangles].max(axis=1)
    for corner in triangles.T:
        lonely = within[corner]
        np.maximum.at(owners, corner[lonely], best[lonely])
    return owners


def _graph(surface: Surface) -> sparse.csr_array:
    """Which vertices share an edge."""
    a, b, c = surface.triangles.T
    rows, columns = np.concatenate([a, b, b, c, c, a]), np.concatenate([b, a, c, b, a, c])
    count = len(surface.vertices)
    graph = sparse.csr_array((np.ones(len(rows)), (rows, columns)), shape=(count, count))
    graph.data[:] = 1.0
    return graph


def _smoothed(surface: Surface) -> Surface:
    if not len(surface.vertices):
        return surface
    graph = _graph(surface)
    mean = sparse.diags_array(1.0 / np.maximum(graph.sum(axis=1), 1.0)) @ graph
    vertices = surface.vertices
    for _ in range(_ROUNDS):
        for share in (_SHRINK, _GROW):
            vertices = vertices + share * (mean @ vertices - vertices)
    return Surface(vertices, surface.triangles, surface.labels)


def _groups(surface: Surface, count: int) -> NDArray[np.int32]:
    """Return the group of each of `count` lesions: pooled ones may have grown together."""
    bodies, body = csgraph.connected_components(_graph(surface), directed=False)
    size = count + bodies
    links = sparse.csr_array(
        (np.ones(len(body)), (surface.labels, count + body)), shape=(size, size)
    )
    _, group = csgraph.connected_components(links, directed=False)
    groups: NDArray[np.int32] = group[:count].astype(np.int32)
    return groups


def _with_volumes(surface: Surface, wanted: NDArray[np.float64]) -> Surface:
    """Move the vertices along their normals until each lesion has its volume."""
    labels, groups = surface.labels, _groups(surface, len(wanted))
    wanted = np.bincount(groups, wanted).astype(np.float64)
    surface = Surface(surface.vertices, surface.triangles, groups[labels])
    for _ in range(_OFFSETS):
        corners = surface.vertices[surface.triangles]
        areas = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]) / 2
        normals = np.zeros_like(surface.vertices)
        for corner in range(3):
            for axis in range(3):
                normals[:, axis] += np.bincount(
                    surface.triangles[:, corner], areas[:, axis], len(normals)
                )
        lengths = np.linalg.norm(normals, axis=1, keepdims=True)
        normals /= np.where(lengths > 0, lengths, 1.0)
        found = surface.volumes_mm3
        size = np.bincount(surface._owners, np.linalg.norm(areas, axis=1), len(found))
        missing = wanted[: len(found)] - found
        # No farther than a ball of that volume is wide: a thin sheet has little area to move.
        limit = 0.5 * np.cbrt(3 * wanted[: len(found)] / (4 * math.pi))
        shift = np.clip(missing / np.where(size > 0, size, 1.0), -limit, limit)
        vertices = surface.vertices + normals * shift[surface.labels][:, None]
        surface = Surface(vertices, surface.triangles, surface.labels)
    return Surface(_scaled(surface, wanted).vertices, surface.triangles, labels)


def _scaled(surface: Surface, wanted: NDArray[np.float64]) -> Surface:
    """Scale each lesion about its middle to its volume; the offsets leave little to do."""
    found = surface.volumes_mm3
    factors = np.cbrt(np.where(found > 0, wanted[: len(found)] / np.where(found > 0, found, 1), 1))
    counts = np.maximum(np.bincount(surface.labels, minlength=len(found)), 1)
    middles = np.stack(
        [np.bincount(surface.labels, axis, len(found)) / counts for axis in surface.vertices.T], 1
    )[surface.labels]
    vertices = middles + (surface.vertices - middles) * factors[surface.labels][:, None]
    return Surface(vertices, surface.triangles, surface.labels)
