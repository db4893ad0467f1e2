"""Orientation, resampling and the way back, against analytic oracles and as properties."""

from __future__ import annotations

import json
from itertools import permutations, product
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from nibabel.orientations import axcodes2ornt, inv_ornt_aff
from numpy.typing import NDArray

from anofpdm.common.errors import GeometryError
from anofpdm.scans.geometry import ImageAxis, SliceGeometry
from anofpdm.scans.orientation import Orientation
from anofpdm.scans.preprocessing import preprocess
from anofpdm.scans.preprocessing_config import PreprocessingConfig
from anofpdm.scans.resampling import antialias_matrix, linear_matrix
from anofpdm.scans.volume import Volume, read_volume, write_nifti

AXIS_CODES = [
    tuple(pair[sign] for pair, sign in zip(order, signs, strict=True))
    for order in permutations(["LR", "PA", "IS"])
    for signs in product([0, 1], repeat=3)
]
IMAGE_DIRECTIONS = [(r, c) for r, c in product("RLAP", repeat=2) if (r in "RL") != (c in "RL")]
# One canonical phantom, without any symmetry: an ellipsoid that brightens along each axis.
SHAPE = (30, 36, 12)
SPACING = (5.0, 4.5, 7.0)


def canonical_phantom() -> NDArray[np.float32]:
    x, y, z = np.meshgrid(*(np.linspace(-1, 1, n) for n in SHAPE), indexing="ij")
    inside = (x / 0.7) ** 2 + (y / 0.75) ** 2 + (z / 0.9) ** 2 < 1
    return np.where(inside, 100 + 20 * x + 30 * y + 10 * z, 0).astype(np.float32)


def stored(
    data: NDArray[np.float32], codes: tuple[str, ...], canonical_affine: NDArray[np.float64]
) -> Volume:
    """Store a canonical array along other axes, at the same place in the world."""
    permuted = axcodes2ornt(codes).astype(int)
    axes, flips = permuted[:, 0], permuted[:, 1] < 0
    moved = data.transpose(axes)[tuple(slice(None, None, -1 if f else 1) for f in flips)]
    # Voxel i of the stored array is voxel M i of the canonical one.
    matrix = np.zeros((4, 4))
    matrix[3, 3] = 1
    for k, (axis, flip) in enumerate(zip(axes, flips, strict=True)):
        matrix[axis, k] = -1 if flip else 1
        matrix[axis, 3] = data.shape[axis] - 1 if flip else 0
    return Volume(np.ascontiguousarray(moved), canonical_affine @ matrix)


def turned(angles: tuple[float, float, float]) -> NDArray[np.float64]:
    """Affine of the phantom under a rotation by three angles in degrees."""
    matrix = np.eye(3)
    for axis, degrees in enumerate(angles):
        a = np.radians(degrees)
        i, j = [k for k in range(3) if k != axis]
        turn = np.eye(3)
        turn[[i, i, j, j], [i, j, i, j]] = np.cos(a), -np.sin(a), np.sin(a), np.cos(a)
        matrix = turn @ matrix
    affine = np.eye(4)
    affine[:3, :3] = matrix @ np.diag(SPACING)
    affine[:3, 3] = [-71.25, 33.5, -12.0]
    return affine


def config(size: int = 64, rows: str = "P", columns: str = "L") -> PreprocessingConfig:
    return PreprocessingConfig.model_validate(
        {
            "size": size,
            "extent_mm": 220.0,
            "rows": rows,
            "columns": columns,
            "min_foreground_fraction": 0,
        }
    )


small_angles = st.tuples(*[st.floats(-19, 19)] * 3)


@pytest.mark.parametrize("codes", AXIS_CODES, ids="".join)
def test_orientation_agrees_with_nibabel_on_all_48(codes: tuple[str, ...]) -> None:
    table = axcodes2ornt(codes)
    shape = (3, 4, 5)
    affine = inv_ornt_aff(table, shape)
    affine = np.linalg.inv(affine)
    orientation = Orientation.of_affine(np.linalg.inv(inv_ornt_aff(table, shape)))
    data = np.arange(60).reshape(shape)
    canonical = orientation.to_canonical(data)
    np.testing.assert_array_equal(orientation.to_input(canonical), data)
    assert canonical.shape == orientation.canonical_shape(shape)
    to_world = orientation.canonical_affine(affine, shape)
    assert np.allclose(to_world[:3, :3], np.diag(np.diag(to_world[:3, :3])))
    assert (np.diag(to_world) > 0).all()
    for index in np.ndindex(*shape):
        world = affine @ [*index, 1]
        back = np.rint(np.linalg.solve(to_world, world)).astype(int)
        assert canonical[tuple(back[:3])] == data[index]


def test_an_axis_without_length_has_no_orientation() -> None:
    with pytest.raises(GeometryError, match="axis of length 0"):
        Orientation.of_affine(np.diag([1.0, 0.0, 1.0, 1.0]))


@settings(max_examples=40, deadline=None)
@given(codes=st.sampled_from(AXIS_CODES), angles=small_angles)
def test_storage_order_does_not_change_what_the_network_sees(
    codes: tuple[str, ...], angles: tuple[float, float, float]
) -> None:
    affine = turned(angles)
    straight = preprocess({"f": Volume(canonical_phantom(), affine)}, ["f"], config())
    other = preprocess({"f": stored(canonical_phantom(), codes, affine)}, ["f"], config())
    np.testing.assert_array_equal(straight.slice_ids, other.slice_ids)
    np.testing.assert_array_equal(straight.slices, other.slices)


@settings(max_examples=60, deadline=None)
@given(
    codes=st.sampled_from(AXIS_CODES),
    angles=small_angles,
    directions=st.sampled_from(IMAGE_DIRECTIONS),
    view=st.sampled_from(["fixed", "stretch"]),
    data=st.data(),
)
def test_a_mark_in_the_network_comes_back_at_its_world_coordinate(
    codes: tuple[str, ...],
    angles: tuple[float, float, float],
    directions: tuple[str, str],
    view: str,
    data: st.DataObject,
) -> None:
    settings_ = config(64, *directions).model_copy(
        update={} if view == "fixed" else {"field_of_view": "stretch", "extent_mm": None}
    )
    volume = stored(canonical_phantom(), codes, turned(angles))
    stack = preprocess({"f": volume}, ["f"], settings_)
    position = data.draw(st.integers(0, len(stack.slice_ids) - 1))
    row, column = data.draw(st.tuples(st.integers(18, 44), st.integers(18, 44)))
    marked = np.zeros((len(stack.slice_ids), 64, 64), dtype=np.float32)
    # Three pixels wide, so that it spans voxels, which are larger than pixels here.
    marked[position, row - 1 : row + 2, column - 1 : column + 2] = 1

    native = stack.geometry.map_to_native(marked, stack.slice_ids)

    assert native.shape == volume.shape
    where = np.argwhere(native > 0)
    centre = (where * native[native > 0][:, None]).sum(axis=0) / native.sum()
    world = volume.affine @ [*centre, 1]
    expected = stack.geometry.network_affine @ [stack.slice_ids[position], row, column, 1]
    voxel_or_pixel = max(*stack.geometry.pixel_mm, *SPACING[:2])
    assert np.linalg.norm(world - expected) < voxel_or_pixel


@settings(max_examples=60, deadline=None)
@given(
    codes=st.sampled_from(AXIS_CODES),
    angles=small_angles,
    directions=st.sampled_from(IMAGE_DIRECTIONS),
    index=st.tuples(st.integers(10, 20), st.integers(10, 26), st.integers(3, 8)),
)
def test_a_dark_voxel_is_seen_at_its_world_coordinate(
    codes: tuple[str, ...],
    angles: tuple[float, float, float],
    directions: tuple[str, str],
    index: tuple[int, int, int],
) -> None:
    base = canonical_phantom()
    base[base > 0] = 50
    marked = base.copy()
    marked[index] = 10
    affine = turned(angles)
    seen = [
        preprocess({"f": stored(d, codes, affine)}, ["f"], config(128, *directions))
        for d in (base, marked)
    ]
    loss = seen[0].slices[:, 0] - seen[1].slices[:, 0]
    assert np.unique(np.nonzero(loss)[0]).size == 1
    position, row, column = np.unravel_index(np.argmax(loss), loss.shape)
    slice_id = seen[0].slice_ids[position]
    assert slice_id == index[2]
    world = seen[0].geometry.network_affine @ [slice_id, row, column, 1]
    assert np.linalg.norm(world - affine @ [*index, 1]) < max(seen[0].geometry.pixel_mm)


@pytest.mark.parametrize(("rows", "columns"), IMAGE_DIRECTIONS)
def test_rows_and_columns_run_as_the_config_says(rows: str, columns: str) -> None:
    toward = {"R": (0, 1), "L": (0, -1), "A": (1, 1), "P": (1, -1)}
    stack = preprocess(
        {"f": Volume(canonical_phantom(), turned((0, 0, 0)))}, ["f"], config(64, rows, columns)
    )
    for k, letter in ((1, rows), (2, columns)):
        axis, sign = toward[letter]
        assert np.sign(stack.geometry.network_affine[axis, k]) == sign
        assert abs(stack.geometry.network_affine[axis, k]) == pytest.approx(220 / 64)


def test_a_mirrored_head_gives_mirrored_slices() -> None:
    phantom = canonical_phantom()
    affine = np.diag([*SPACING, 1.0])
    for axis, image_axis in ((0, 3), (1, 2)):
        first = preprocess({"f": Volume(phantom, affine)}, ["f"], config())
        mirrored = preprocess({"f": Volume(np.flip(phantom, axis), affine)}, ["f"], config())
        np.testing.assert_allclose(mirrored.slices, np.flip(first.slices, image_axis), atol=2e-6)
        np.testing.assert_array_equal(
            mirrored.foreground, np.flip(first.foreground, image_axis - 1)
        )


def test_left_stays_left() -> None:
    """A mark on the subject's left comes back at negative x, however the file is stored."""
    affine = np.diag([*SPACING, 1.0])
    affine[:3, 3] = -np.array(SPACING) * (np.array(SHAPE) - 1) / 2
    for codes in AXIS_CODES:
        volume = stored(canonical_phantom(), codes, affine)
        stack = preprocess({"f": volume}, ["f"], config())
        mask = np.zeros(stack.foreground.shape, dtype=bool)
        mask[:, :, 36:] = True  # columns run toward L, so the image's right half is left
        native = stack.geometry.mask_to_native(mask, stack.slice_ids, stack.foreground_native)
        x = (np.argwhere(native) @ volume.affine[:3, :3].T + volume.affine[:3, 3])[:, 0]
        assert len(x) > 100 and (x < 0).all()


@settings(max_examples=60, deadline=None)
@given(
    width=st.floats(1, 6),
    start=st.floats(-3, 40),
    slope=st.floats(-3, 3),
    level=st.floats(-5, 5),
)
def test_constants_and_ramps_are_exact_in_the_interior(
    width: float, start: float, slope: float, level: float
) -> None:
    length = 80
    positions = start + width * np.arange(12, dtype=np.float64)
    ramp = level + slope * np.arange(length)
    inside = (positions > width) & (positions < length - 1 - width)
    for matrix in (
        antialias_matrix(length, positions, width),
        linear_matrix(length, positions, "zero"),
    ):
        out = matrix.astype(np.float64) @ ramp
        np.testing.assert_allclose(out[inside], (level + slope * positions)[inside], atol=1e-4)


@settings(max_examples=30, deadline=None)
@given(width=st.floats(1, 5), offset=st.floats(-0.5, 0.5))
def test_mass_is_preserved(width: float, offset: float) -> None:
    """A smooth bump, summed in mm, keeps its mass to 1 % (0.7 % is the worst, near width 1.1)."""
    bump = np.exp(-0.5 * ((np.arange(100) - 50) / (2 * width)) ** 2)
    positions = 50 + width * (np.arange(61, dtype=np.float64) - 30 + offset)
    matrix = antialias_matrix(100, positions, width)
    assert (matrix @ bump).sum() * width == pytest.approx(bump.sum(), rel=1e-2)


def test_outside_the_samples() -> None:
    positions = np.array([-0.75, -0.5, -0.25, 0.0, 2.5, 2.75])
    ones = np.ones(3, dtype=np.float32)
    assert (linear_matrix(3, positions, "clamp") @ ones).tolist() == [1] * 6
    assert (linear_matrix(3, positions, "half_pixel") @ ones).tolist() == [0, 1, 1, 1, 1, 0]
    np.testing.assert_allclose(
        linear_matrix(3, positions, "zero") @ ones, [0.25, 0.5, 0.75, 1, 0.5, 0.25]
    )


def test_stretch_is_torchs_bilinear_resampling() -> None:
    torch = pytest.importorskip("torch")
    image = np.random.default_rng(0).random((23, 41, 1)).astype(np.float32)
    geometry = SliceGeometry(
        shape=(23, 41, 1),
        affine=tuple(tuple(row) for row in np.eye(4).tolist()),
        size=16,
        field_of_view="stretch",
        rows=ImageAxis(0, 23 / 32 - 0.5, 23 / 16),
        columns=ImageAxis(1, 41 / 32 - 0.5, 41 / 16),
    )
    expected = torch.nn.functional.interpolate(
        torch.from_numpy(image[None, None, :, :, 0]), (16, 16), mode="bilinear"
    )
    np.testing.assert_allclose(geometry.to_network(image)[0], expected[0, 0].numpy(), atol=1e-6)


def test_a_linear_map_comes_back_exactly() -> None:
    volume = Volume(canonical_phantom(), turned((5, -7, 11)))
    stack = preprocess({"f": volume}, ["f"], config())
    geometry = stack.geometry
    grid = np.stack(np.meshgrid(np.arange(64), np.arange(64), indexing="ij"), axis=-1)
    maps = np.stack(
        [
            grid @ geometry.network_affine[0, 1:3] + geometry.network_affine[0] @ [k, 0, 0, 1]
            for k in stack.slice_ids
        ]
    )
    native = geometry.map_to_native(maps, stack.slice_ids)
    for index in np.argwhere(stack.foreground_native)[::50]:
        assert native[tuple(index)] == pytest.approx((volume.affine @ [*index, 1])[0], abs=1e-3)


def test_slices_not_analysed_and_voxels_beyond_the_field_are_zero() -> None:
    volume = stored(canonical_phantom(), ("I", "L", "P"), turned((0, 0, 0)))
    stack = preprocess({"f": volume}, ["f"], config().model_copy(update={"extent_mm": 60.0}))
    ones = np.ones((2, 64, 64), dtype=np.float32)
    native = stack.geometry.map_to_native(ones, [3, 7])
    # The first axis runs from the head down.
    assert np.unique(np.nonzero(native)[0]).tolist() == [12 - 1 - 7, 12 - 1 - 3]
    assert set(np.unique(native)) == {0.0, 1.0}
    extents = [np.ptp(np.nonzero(native)[k]) * s for k, s in ((1, SPACING[0]), (2, SPACING[1]))]
    assert max(extents) <= 60


def test_a_mask_is_cut_at_one_half_and_kept_inside_the_foreground() -> None:
    volume = Volume(canonical_phantom(), turned((0, 0, 0)))
    stack = preprocess({"f": volume}, ["f"], config())
    full = np.ones(stack.foreground.shape, dtype=bool)
    mask = stack.geometry.mask_to_native(full, stack.slice_ids, stack.foreground_native)
    assert mask.dtype == np.uint8
    np.testing.assert_array_equal(mask.astype(bool), stack.foreground_native)
    half = stack.geometry.mask_to_native(stack.foreground, stack.slice_ids, stack.foreground_native)
    overlap = 2 * (half & mask).sum() / (half.sum() + mask.sum())
    assert overlap > 0.95


@pytest.mark.parametrize(("rows", "columns"), [("P", "L"), ("R", "A")])
@pytest.mark.parametrize("codes", [("L", "P", "S"), ("I", "R", "A")])
def test_a_plane_of_a_mask_is_that_of_the_whole(
    rows: str, columns: str, codes: tuple[str, ...]
) -> None:
    volume = stored(canonical_phantom(), codes, turned((0, 0, 0)))
    stack = preprocess({"f": volume}, ["f"], config(rows=rows, columns=columns))
    mask = stack.slices[:, 0] > 0.3
    assert mask.any()
    geometry, brain = stack.geometry, stack.foreground_native
    whole = geometry.mask_to_native(mask, stack.slice_ids, brain)
    canonical = geometry.orientation.to_canonical(whole)
    for image, k in zip(mask, stack.slice_ids, strict=True):
        plane = geometry.mask_plane(image, int(k), brain)
        assert plane.dtype == np.uint8
        np.testing.assert_array_equal(plane, canonical[:, :, k])


def test_maps_that_do_not_fit_are_refused() -> None:
    stack = preprocess({"f": Volume(canonical_phantom(), turned((0, 0, 0)))}, ["f"], config())
    with pytest.raises(GeometryError, match="do not fit 2 slices"):
        stack.geometry.map_to_native(np.zeros((3, 64, 64), np.float32), [0, 1])


@settings(max_examples=20, deadline=None)
@given(codes=st.sampled_from(AXIS_CODES), angles=small_angles)
def test_json_keeps_the_geometry_exactly(
    codes: tuple[str, ...], angles: tuple[float, float, float]
) -> None:
    volume = stored(canonical_phantom(), codes, turned(angles))
    geometry = preprocess({"f": volume}, ["f"], config()).geometry
    again = SliceGeometry.from_dict(json.loads(json.dumps(geometry.to_dict())))
    assert again == geometry
    np.testing.assert_array_equal(again.canonical_affine, geometry.canonical_affine)
    np.testing.assert_array_equal(again.as_volume(volume.data).affine, volume.affine)


def test_a_stored_geometry_that_is_damaged_is_refused() -> None:
    volume = Volume(canonical_phantom(), turned((0, 0, 0)))
    whole = preprocess({"f": volume}, ["f"], config()).geometry.to_dict()
    with pytest.raises(GeometryError, match="damaged at 'shape'"):
        SliceGeometry.from_dict({k: v for k, v in whole.items() if k != "shape"})
    with pytest.raises(GeometryError, match="damaged at 'rows"):
        SliceGeometry.from_dict({**whole, "rows": ["x", 1, 2]})
    with pytest.raises(GeometryError, match="3 bytes"):
        SliceGeometry.from_dict({**whole, "header": "AAAA"}).as_volume(volume.data)


def test_results_of_a_stored_geometry_carry_the_files_header(tmp_path: Path) -> None:
    write_nifti(
        tmp_path / "scan.nii",
        canonical_phantom(),
        Volume(canonical_phantom(), turned((9, 4, -3))),
        np.float32,
    )
    volume = read_volume(tmp_path / "scan.nii")
    geometry = preprocess({"f": volume}, ["f"], config()).geometry
    again = SliceGeometry.from_dict(json.loads(json.dumps(geometry.to_dict())))
    header = again.as_volume(volume.data).header
    assert header is not None and volume.header is not None
    assert header.binaryblock == volume.header.binaryblock
    assert again.voxel_volume_ml == pytest.approx(5 * 4.5 * 7 / 1000)
