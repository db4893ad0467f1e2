"""Surfaces of lesions and brain: their place, their volume, and how many triangles they have."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from anofpdm.results.lesions import find_lesions
from anofpdm.results.pictures.surfaces import Surface, brain_surface, surface_of

SHAPE = (40, 40, 20)


def oblique() -> NDArray[np.float64]:
    """Thick slices, mirrored, turned by 17 degrees."""
    turn, angle = np.eye(4), 0.3
    turn[1:3, 1:3] = [[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]
    affine = turn @ np.diag([-0.7, 0.7, 3.0, 1.0])
    affine[:3, 3] = (12.0, -40.0, 7.0)
    return np.asarray(affine)


def ball(middle: tuple[int, int, int], radius: float) -> NDArray[np.bool_]:
    grid = np.indices(SHAPE)
    return sum((grid[k] - middle[k]) ** 2 for k in range(3)) < radius**2  # type: ignore[no-any-return]


def lesions() -> NDArray[np.int32]:
    """A ball, a voxel, a block and a row of voxels."""
    labels = np.zeros(SHAPE, np.int32)
    labels[ball((10, 10, 10), 6)] = 1
    labels[30, 30, 10] = 2
    labels[28:34, 5:8, 5:8] = 3
    labels[5:25, 30, 10] = 4
    return labels


@pytest.mark.parametrize("most", [100_000, 500])
def test_each_lesion_has_the_volume_and_the_place_of_its_voxels(most: int) -> None:
    labels, affine = lesions(), oblique()
    surface = surface_of(labels, affine, most)
    assert 0 < len(surface.triangles) <= most
    voxel = abs(np.linalg.det(affine[:3, :3]))
    for number in range(1, 5):
        inside = labels == number
        volume = surface.volumes_mm3[number]
        assert volume == pytest.approx(inside.sum() * voxel, rel=0.05), number
        if most > 500:
            middle = affine[:3, :3] @ np.argwhere(inside).mean(axis=0) + affine[:3, 3]
            found = surface.vertices[surface.labels == number].mean(axis=0)
            np.testing.assert_allclose(found, middle, atol=0.1)


def test_lesions_of_any_shape_keep_their_volume() -> None:
    """Speckles touch at corners and edges, where marching cubes is ambiguous."""
    speckles = np.random.default_rng(3).random((24, 24, 24)) < 0.06
    affine = np.diag([0.9, 0.8, 1.1, 1.0])
    lesions = find_lesions(speckles, affine)
    surface = surface_of(lesions.labels, affine)
    wanted = [1000 * lesion.volume_ml for lesion in lesions.table]
    np.testing.assert_allclose(surface.volumes_mm3[1:], wanted, rtol=0.05)


def test_the_surface_is_closed_and_smooth() -> None:
    labels = ball((20, 20, 10), 8).astype(np.int32)
    surface = surface_of(labels, np.diag([1.5, 1.5, 1.5, 1.0]))
    edges = np.sort(surface.triangles[:, [0, 1, 1, 2, 2, 0]].reshape(-1, 2), axis=1)
    _, uses = np.unique(edges, axis=0, return_counts=True)
    assert set(uses.tolist()) == {2}
    radii = np.linalg.norm(surface.vertices - 1.5 * np.array([20, 20, 10]), axis=1)
    wanted = np.cbrt(3 * labels.sum() * 1.5**3 / (4 * np.pi))
    deviation = np.sqrt(np.mean((radii - wanted) ** 2))
    assert deviation < 0.2


def sphere(affine: NDArray[np.float64], radius: float) -> NDArray[np.bool_]:
    """A sphere around the origin in mm, sampled at the centres of 60 x 60 x 12 voxels."""
    grid = np.moveaxis(np.indices((60, 60, 12)), 0, -1)
    away = np.linalg.norm(grid @ affine[:3, :3].T + affine[:3, 3], axis=-1)
    return np.asarray(away < radius)


@pytest.mark.parametrize("brain", [False, True])
def test_thick_slices_make_no_stairs(brain: bool) -> None:
    """A sphere in voxels of 1 x 1 x 6 mm: its surface is that of the sphere, not of the voxels."""
    affine, radius = np.diag([1.0, 1.0, 6.0, 1.0]), 20.0
    affine[:3, 3] = (-29.6, -29.3, -34.0)
    inside = sphere(affine, radius)
    surface = brain_surface(inside, affine) if brain else surface_of(inside, affine)
    assert surface.volumes_mm3[1] == pytest.approx(inside.sum() * 6.0, rel=0.03)
    corners = surface.vertices[surface.triangles]
    normals = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    areas = np.linalg.norm(normals, axis=1)
    middles = corners.mean(axis=1)
    radii = np.linalg.norm(middles, axis=1)
    deviation = np.sqrt(np.average((radii - radius) ** 2, weights=areas))
    assert deviation < 1.0
    # Stairs are steps of 6 mm, whose walls and treads look away from the sphere's normals.
    slant = np.einsum("ij,ij->i", normals, middles) / (areas * radii)
    assert np.average(slant, weights=areas) > 0.97


def test_the_brain_is_one_body_of_few_triangles() -> None:
    brain = ball((20, 20, 10), 9)
    brain[20, 20, 10] = False
    affine = oblique()
    surface = brain_surface(brain, affine, most_triangles=2000, resolution_mm=1.5)
    assert 100 < len(surface.triangles) <= 2000
    voxel = abs(np.linalg.det(affine[:3, :3]))
    assert surface.volumes_mm3[1] == pytest.approx(brain.sum() * voxel, rel=0.05)


def test_nothing_has_no_surface() -> None:
    for surface in (surface_of(np.zeros(SHAPE, int), np.eye(4)),
                    brain_surface(np.zeros(SHAPE, bool), np.eye(4))):  # fmt: skip
        assert isinstance(surface, Surface)
        assert len(surface.triangles) == len(surface.vertices) == 0
