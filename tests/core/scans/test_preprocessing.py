"""From volumes to slices: field of view, foreground, intensity, and the refusals."""

from __future__ import annotations

import tracemalloc
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from pydantic import ValidationError

from anofpdm.common.errors import GeometryError, SettingsError, VolumeError
from anofpdm.scans.foreground import CleanVoxels, cleaned, foreground_of, robust_centre
from anofpdm.scans.preprocessing import SliceStack, preprocess
from anofpdm.scans.preprocessing_config import MEDIAN_HEADROOM, PreprocessingConfig
from anofpdm.scans.volume import Volume, read_volume

SHAPE = (40, 48, 10)
AFFINE = np.diag([4.0, 4.0, 10.0, 1.0])
FIXED = PreprocessingConfig(size=32, extent_mm=192.0, min_foreground_fraction=0)
STRETCH = PreprocessingConfig(size=32, field_of_view="stretch", intensity="slice_minmax")


def a_brain(seed: int = 0, centre: tuple[float, float] = (0.0, 0.0)) -> NDArray[np.float32]:
    rng = np.random.default_rng(seed)
    x, y, z = np.meshgrid(*(np.linspace(-1, 1, n) for n in SHAPE), indexing="ij")
    inside = ((x - centre[0]) / 0.7) ** 2 + ((y - centre[1]) / 0.7) ** 2 + (z / 0.95) ** 2 < 1
    return np.where(inside, rng.uniform(60, 120, SHAPE), 0).astype(np.float32)


def run(data: NDArray[Any], config: PreprocessingConfig = FIXED, **more: Any) -> SliceStack:
    return preprocess({"f": Volume(data, AFFINE)}, ["f"], config, **more)


def test_slices_have_their_stated_form() -> None:
    stack = run(a_brain())
    count = len(stack.slice_ids)
    assert stack.slices.shape == (count, 1, 32, 32) and stack.slices.dtype == np.float32
    assert stack.foreground.shape == (count, 32, 32) and stack.foreground.dtype == bool
    assert stack.slices.min() == -1 and stack.slices.max() <= 1
    assert stack.foreground_native.shape == SHAPE
    assert stack.warnings == ()


def test_background_is_exactly_minus_one_and_p99_is_one() -> None:
    data = np.where(a_brain() > 0, np.float32(80), np.float32(0))
    data[20, 24, 5] = 4000  # one outlier is clipped before resampling
    stack = run(data)
    assert set(np.unique(stack.slices[:, :, 0, :])) == {-1.0}
    middle = np.flatnonzero(stack.slice_ids == 5)[0]
    assert stack.slices[middle, 0, 16, 16] == pytest.approx(1, abs=1e-6)
    assert stack.slices[middle, 0, 10:20, 10:20] == pytest.approx(1, abs=1e-6)


def test_volume_p99_is_the_papers_scaling_where_grids_coincide() -> None:
    """With pixels on voxels, resampling is the identity and the scaling can be checked directly."""
    data = a_brain()
    config = PreprocessingConfig(
        size=40, extent_mm=160.0, rows="R", columns="A", min_foreground_fraction=0
    )
    stack = run(data, config)
    x, y = (stack.geometry.rows, stack.geometry.columns)
    assert (x.step, y.step) == (1.0, 1.0) and x.start % 1 == y.start % 1 == 0
    p99 = np.percentile(data[data > 0], 99)
    expected = 2 * np.clip(data / p99, 0, 1) - 1
    cut = expected[int(x.start) :][:40, int(y.start) :][:, :40]
    for slice_id, image in zip(stack.slice_ids, stack.slices[:, 0], strict=True):
        np.testing.assert_allclose(image, cut[:, :, slice_id], atol=1e-6)


MEDIAN = FIXED.model_copy(update={"intensity": "volume_median"})


def test_volume_median_puts_the_median_of_the_brain_at_a_fixed_grey() -> None:
    data = np.where(a_brain() > 0, np.float32(80), np.float32(0))
    data[18:22, 22:26, 4:7] = 80 * 1.3
    data[12, 24, 5] = 4000
    stack = run(data, MEDIAN)
    middle = np.flatnonzero(stack.slice_ids == 5)[0]
    image = stack.slices[middle, 0]
    assert set(np.unique(stack.slices[:, :, 0, :])) == {-1.0}
    grey = 2 / MEDIAN_HEADROOM - 1
    assert np.median(image[stack.foreground[middle]]) == pytest.approx(grey, abs=1e-6)
    assert 1 >= image.max() >= 2 * 1.29 / MEDIAN_HEADROOM - 1
    # The brightest voxel is cut off at the headroom before it is resampled.
    np.testing.assert_allclose(
        run(np.minimum(data, 80 * MEDIAN_HEADROOM), MEDIAN).slices, stack.slices, atol=1e-6
    )


def test_a_lesion_moves_the_grey_of_tissue_with_p99_and_not_with_the_median() -> None:
    """What the percentile within a large lesion, and below a small one, does to the picture."""
    healthy = a_brain()
    sick = healthy.copy()
    lesion = np.zeros(SHAPE, bool)
    lesion[16:24, 20:28, 2:8] = healthy[16:24, 20:28, 2:8] > 0
    sick[lesion] *= 2
    brain = healthy > 0
    assert 0.01 < lesion.sum() / brain.sum() < 0.1
    shifts, contrasts = {}, {}
    for name, config in (("p99", FIXED), ("median", MEDIAN)):
        before, after = run(healthy, config), run(sick, config)
        tissue = np.abs(after.slices - before.slices)[:, 0][before.foreground]
        shifts[name] = float(np.median(tissue))
        small = healthy.copy()
        small[18:20, 22:24, 5] = 160
        contrasts[name] = float((run(small, config).slices - before.slices).max())
    assert shifts["median"] < 0.05 < 0.3 < shifts["p99"]
    assert contrasts["median"] > 1.3 * contrasts["p99"]


def test_slice_minmax_is_the_references_scaling() -> None:
    data = a_brain()
    stack = run(data, STRETCH)
    assert stack.slices.shape[2:] == (32, 32)
    np.testing.assert_allclose(stack.slices.min(axis=(1, 2, 3)), -1, atol=1e-6)
    np.testing.assert_allclose(stack.slices.max(axis=(1, 2, 3)), 1, atol=1e-4)
    brighter = run(data * 37, STRETCH)
    np.testing.assert_allclose(brighter.slices, stack.slices, atol=1e-5)


def test_intensity_units_do_not_matter() -> None:
    np.testing.assert_allclose(run(a_brain() * 0.001).slices, run(a_brain()).slices, atol=1e-5)
    integers = np.rint(a_brain()).astype(np.int16)
    np.testing.assert_array_equal(run(integers).slices, run(integers.astype(np.float64)).slices)


def test_the_field_follows_the_brain_and_ignores_stray_voxels() -> None:
    shifted = run(np.roll(a_brain(), (4, -3), axis=(0, 1)))
    np.testing.assert_allclose(shifted.slices, run(a_brain()).slices, atol=1e-5)
    stray = a_brain()
    stray[0, 0, 3:6] = 100
    np.testing.assert_array_equal(run(stray).geometry.rows, run(a_brain()).geometry.rows)


def test_robust_centre_mirrors_exactly() -> None:
    ground = np.random.default_rng(3).random((31, 20, 9)) < np.linspace(0, 0.3, 31)[:, None, None]
    assert robust_centre(ground[::-1], 0) == 30 - robust_centre(ground, 0)


def test_slices_with_too_little_brain_are_dropped() -> None:
    few = run(a_brain(), FIXED.model_copy(update={"min_foreground_fraction": 0.15}))
    every = run(a_brain())
    assert set(few.slice_ids) < set(every.slice_ids)
    assert (few.foreground.mean(axis=(1, 2)) >= 0.15).all()
    kept = np.isin(every.slice_ids, few.slice_ids)
    np.testing.assert_array_equal(every.slices[kept], few.slices)
    assert (every.foreground[~kept].mean(axis=(1, 2)) < 0.15).all()
    with pytest.raises(VolumeError, match="no axial slice"):
        run(a_brain(), FIXED.model_copy(update={"min_foreground_fraction": 0.99}))


def test_nan_inf_and_ringing_are_background() -> None:
    clean = a_brain()
    clean[:2] = 0
    dirty = clean.copy()
    dirty[0, :3, :] = np.nan
    dirty[1, :3, :] = np.inf
    dirty[0, 5:8, 2] = -7
    stack = run(dirty)
    np.testing.assert_array_equal(stack.slices, run(clean).slices)
    assert len(stack.warnings) == 1 and "60 voxels that are NaN or infinite" in stack.warnings[0]


@pytest.mark.parametrize("floor", ["constant", "noise", "residue"])
def test_a_floor_outside_the_brain_is_background(floor: str) -> None:
    brain = a_brain()
    rng = np.random.default_rng(1)
    background = {
        "constant": np.full(SHAPE, 3.0),
        "noise": rng.rayleigh(1.0, SHAPE),
        "residue": rng.random(SHAPE) * 0.02,
    }[floor]
    data = np.where(brain > 0, brain, background).astype(np.float32)
    found = foreground_of(CleanVoxels(data))
    assert (found & (brain == 0)).mean() < 1e-3
    assert found[brain > 0].all()


def test_a_brain_that_fills_the_volume_is_not_taken_for_a_floor() -> None:
    data = np.random.default_rng(0).uniform(60, 120, SHAPE).astype(np.float32)
    assert foreground_of(CleanVoxels(data)).all()


def test_a_scan_is_cleaned_slab_by_slab_as_in_one_piece(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("anofpdm.scans.foreground._SLAB_VOXELS", 3 * SHAPE[0] * SHAPE[1])
    data = a_brain() - 70
    data[0, 0, :3] = np.nan, np.inf, -np.inf
    for turned in (data, data.T[::-1], np.asfortranarray(data)):
        whole, voxels = cleaned(turned), CleanVoxels(turned)
        assert len(list(voxels.slabs())) > 2
        assert voxels.max() == whole.max()
        np.testing.assert_array_equal(np.sort(voxels.positive()), np.sort(whole[whole > 0]))
        np.testing.assert_array_equal(voxels.above(12.5), whole > 12.5)


def test_a_large_scan_needs_no_copy_of_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("anofpdm.scans.foreground._SLAB_VOXELS", 1 << 14)
    data = np.asfortranarray(np.kron(a_brain(), np.ones((4, 4, 4), np.float32)))
    volume = Volume(data, np.diag([1.0, 1.0, 2.5, 1.0]))
    tracemalloc.start()
    preprocess({"f": volume}, ["f"], FIXED)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 1.6 * data.nbytes  # the values above 0, and masks of a byte a voxel


def test_too_little_memory_is_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("anofpdm.common.memory.available_bytes", lambda: 100_000)
    with pytest.raises(VolumeError, match=r"needs about .* but only .* beyond the scan itself; "):
        run(a_brain())


def test_a_brain_mask_replaces_the_rule() -> None:
    data = a_brain() + 30  # a bright background
    mask = (a_brain() > 0).astype(np.uint8)
    stack = run(data, brain_mask=Volume(mask, AFFINE))
    np.testing.assert_array_equal(stack.foreground_native, mask.astype(bool))
    assert stack.slices[:, 0, 0].max() == -1
    inside = data * mask
    np.testing.assert_array_equal(stack.slices, run(inside, brain_mask=Volume(mask, AFFINE)).slices)


def test_channels_keep_the_models_order_and_their_own_scaling() -> None:
    volumes = {"t2": Volume(5 * a_brain(2), AFFINE), "flair": Volume(a_brain(1), AFFINE)}
    stack = preprocess(volumes, ["flair", "t2"], FIXED)
    for channel, name in enumerate(["flair", "t2"]):
        alone = preprocess({name: volumes[name]}, [name], FIXED)
        np.testing.assert_array_equal(stack.slices[:, channel], alone.slices[:, 0])


def test_modalities_are_checked_by_name() -> None:
    volume = Volume(a_brain(), AFFINE)
    with pytest.raises(SettingsError, match=r"reads flair, t2, but t2 is missing.*--image t2=PATH"):
        preprocess({"flair": volume}, ["flair", "t2"], FIXED)
    with pytest.raises(SettingsError, match="not t1"):
        preprocess({"flair": volume, "t1": volume}, ["flair"], FIXED)


def test_grids_must_agree() -> None:
    volume = Volume(a_brain(), AFFINE)
    moved = AFFINE.copy()
    moved[1, 3] = 5
    with pytest.raises(GeometryError, match=r"flair .* t2 .* different grids"):
        preprocess({"flair": volume, "t2": Volume(a_brain(), moved)}, ["flair", "t2"], FIXED)
    with pytest.raises(GeometryError, match="different grids"):
        run(a_brain(), brain_mask=Volume(a_brain()[1:], AFFINE))
    with pytest.raises(GeometryError, match="different grids"):
        run(a_brain(), brain_mask=Volume(a_brain(), moved))


def test_an_empty_mask_or_one_beside_the_brain_is_refused() -> None:
    with pytest.raises(VolumeError, match=r"brain mask .* is empty"):
        run(a_brain(), brain_mask=Volume(np.zeros(SHAPE), AFFINE))
    beside = np.zeros(SHAPE)
    beside[:6, :6] = 1
    with pytest.raises(VolumeError, match="no positive voxels in the brain"):
        run(a_brain(), brain_mask=Volume(beside, AFFINE))


@pytest.mark.parametrize(
    "wrong",
    [
        {"size": 32},
        {"size": 32, "field_of_view": "stretch", "extent_mm": 200.0},
        {"size": 32, "extent_mm": 200.0, "rows": "P", "columns": "A"},
        {"size": 32, "extent_mm": 200.0, "spacing_range_mm": (5.0, 1.0)},
        {"size": 32, "extent_mm": 200.0, "unknown": 1},
        {"size": 0, "extent_mm": 200.0},
    ],
)
def test_a_config_that_contradicts_itself_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        PreprocessingConfig.model_validate(wrong)


def test_config_survives_json() -> None:
    config = FIXED.model_copy(update={"spacing_range_mm": (0.9, 6.1)})
    assert PreprocessingConfig.model_validate_json(config.model_dump_json()) == config


def test_real_modalities_on_two_grids_are_refused(real_scans: Path) -> None:
    volumes = {
        "flair": read_volume(real_scans / "ms_raw/flair_oblique_skull.nii.gz", "flair"),
        "t1": read_volume(real_scans / "ms_raw/t1_other_grid_skull.nii.gz", "t1"),
    }
    with pytest.raises(GeometryError, match=r"flair_oblique.*t1_other.*\(320, 320, 48\)"):
        preprocess(volumes, ["flair", "t1"], FIXED)


@pytest.mark.parametrize(
    "name", ["ms/patient19/flair", "stroke/flair_5mm_oblique", "odd/flair_oblique_19deg"]
)
def test_real_scans_come_back_where_they_were(real_scans: Path, name: str) -> None:
    volume = read_volume(real_scans / f"{name}.nii.gz", "flair")
    config = PreprocessingConfig(size=128, extent_mm=220.0)
    stack = preprocess({"flair": volume}, ["flair"], config)
    back = stack.geometry.map_to_native(stack.slices[:, 0] + 1, stack.slice_ids)
    seen = np.clip(volume.data, 0, None)
    assert np.corrcoef(seen[seen > 0][::7], back[seen > 0][::7])[0, 1] > 0.8
    assert np.corrcoef(seen.ravel()[::11], back.ravel()[::11])[0, 1] > 0.98
