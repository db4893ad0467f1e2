"""Smooth surfaces of lesions and brain, in millimetres."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage, sparse

from anofpdm.results.pictures.even_slices import signed_distance

# Taubin's pair of steps: the first shrinks while it smooths, the second grows back.
_SHRINK, _GROW = 0.5, -0.53
_ROUNDS = 12
_OFFSETS = 2
_MOST_CUBES = 8e6
"""Of all lesions together: some seconds, and some 100 MiB for the largest."""
_COARSER, _COARSEST = 1.5, 8.0
MOST_TRIANGLES = 150_000
BRAIN_MM = 2.5
_Part = tuple[NDArray[np.float64], NDArray[np.int32], NDArray[np.int32]]
"""Vertices, triangles and the lesion of each vertex."""


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
        """Volume enclosed by the surface of each lesion, by its number; 0 where there is none."""
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

    The signed distance to the lesion's edge is interpolated onto cubes, so that thick slices make
    no stairs; then marching cubes, Taubin's smoothing along the edges, and an offset along the
    normals that gives each lesion the volume of its voxels. Raya, S. P. & Udupa, J. K. Shape-based
    interpolation of multidimensional objects. IEEE Trans. Med. Imaging 9 (1990). Taubin, G. A
    signal processing approach to fair surface design. SIGGRAPH 1995.

    Parameters
    ----------
    labels : ndarray, shape (i, j, k), integers or bool
        0 outside, else the number of the lesion.
    affine : ndarray, shape (4, 4)
        Voxel index to RAS mm; may be oblique.
    most_triangles : int
        Beyond it the cubes are made larger.

    Returns
    -------
    Surface
        Without triangles where nothing is marked.
    """
    labels = np.asarray(labels).astype(np.int32, copy=False)
    spacing = np.linalg.norm(affine[:3, :3], axis=0)
    bodies = {
        number: box
        for number, box in enumerate(ndimage.find_objects(labels), start=1)
        if box is not None
    }
    if not bodies:
        return _nothing()
    distances = {
        number: signed_distance(labels[box] == number, spacing) for number, box in bodies.items()
    }
    size = _finest(spacing, distances.values())
    while True:
        parts = [
            _marched(distances[number], box, spacing, size, number)
            for number, box in bodies.items()
        ]
        surface = _placed(*_joined(parts), affine)
        if len(surface.triangles) <= most_triangles or size > _COARSEST * spacing.max():
            break
        size *= _COARSER
    voxel = abs(float(np.linalg.det(affine[:3, :3])))
    sizes = np.bincount(labels.ravel()).astype(np.float64) * voxel
    sizes[0] = 0.0
    return _with_volumes(_smoothed(surface), sizes)


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
        Smaller voxels are pooled to about this size before; between larger ones the surface is
        interpolated as that of a lesion.
    """
    if not brain.any():
        return _nothing()
    box = _box(brain)
    spacing = np.linalg.norm(affine[:3, :3], axis=0)
    surface = _nothing()
    for _ in range(8):
        factors = np.maximum(1, np.rint(resolution_mm / spacing)).astype(int)
        shares, at = _pooled(np.asarray(brain[box], dtype=np.float32), factors)
        filled = ndimage.binary_fill_holes(shares >= 0.5)
        if not filled.any():  # a brain thinner than a pool
            filled = shares == shares.max()
        pooled = spacing * factors
        whole = tuple(slice(0, n) for n in filled.shape)
        distance = ndimage.gaussian_filter(
            signed_distance(filled, pooled), 0.7 * resolution_mm / pooled
        )
        vertices, triangles, owners = _marched(distance, whole, pooled, resolution_mm, 1)
        start = np.array([side.start for side in box], dtype=np.float64)
        surface = _placed(vertices * at[0] + at[1] + start, triangles, owners, affine)
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


def _finest(spacing: NDArray[np.float64], distances: Iterable[NDArray[Any]]) -> float:
    """Return the side of the cubes in mm: the smallest of a voxel's, unless they are too many."""
    voxels = sum(float(each.size) for each in distances)
    cubes = voxels * float(np.prod(spacing)) / _MOST_CUBES
    return max(float(spacing.min()), float(np.cbrt(cubes)))


def _marched(
    distance: NDArray[np.float32],
    box: tuple[slice, ...],
    spacing: NDArray[np.float64],
    size: float,
    number: int,
) -> _Part:
    """Run marching cubes on a signed distance; vertices are in voxels of the whole."""
    from skimage.measure import marching_cubes

    ends = np.array(distance.shape) - 1
    counts = np.maximum(2, np.rint(ends * spacing / size)) + 1
    # Both grids begin and end at the same centres.
    field = ndimage.zoom(distance, counts / (ends + 1), order=1, mode="nearest")
    if not (field > 0).any():  # smaller than a cube: it stays in view on its own voxels
        field = distance
    vertices, triangles, _, _ = marching_cubes(
        field, 0.0, gradient_direction="ascent", allow_degenerate=False
    )
    steps = ends / (np.array(field.shape) - 1)
    start = np.array([side.start for side in box]) - 1.0
    owners = np.full(len(vertices), number, dtype=np.int32)
    return vertices.astype(np.float64) * steps + start, triangles.astype(np.int32), owners


def _joined(parts: list[_Part]) -> _Part:
    firsts = np.cumsum([0, *(len(vertices) for vertices, _, _ in parts)])
    return (
        np.concatenate([vertices for vertices, _, _ in parts]),
        np.concatenate([t + np.int32(n) for (_, t, _), n in zip(parts, firsts, strict=False)]),
        np.concatenate([owners for _, _, owners in parts]),
    )


def _placed(
    voxels: NDArray[np.float64],
    triangles: NDArray[np.int32],
    owners: NDArray[np.int32],
    affine: NDArray[np.float64],
) -> Surface:
    """Bring vertices from voxels to mm."""
    world = voxels @ affine[:3, :3].T + affine[:3, 3]
    surface = Surface(world, triangles, owners)
    if surface.volumes_mm3.sum() < 0:  # a grid that is mirrored turns surfaces inside out
        surface = Surface(world, np.ascontiguousarray(triangles[:, ::-1]), owners)
    return surface


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


def _with_volumes(surface: Surface, wanted: NDArray[np.float64]) -> Surface:
    """Move the vertices along their normals until each lesion has its volume."""
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
    return _scaled(surface, wanted)


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
