"""The map locates a lesion coarsely; the refined mask has the borders that the scan shows."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from anofpdm.analysis.analysis import Analysis
from anofpdm.analysis.inputs import AnalysisInputs
from anofpdm.analysis.steps import MemorySteps
from anofpdm.common.errors import SettingsError, VolumeError
from anofpdm.method.calibration import Polarity
from anofpdm.method.interpretation import Interpretation, interpret
from anofpdm.method.refinement import Refinement
from anofpdm.method.settings import AbsoluteThreshold, Settings
from anofpdm.results.fused_map import FUSION, fused_map
from anofpdm.results.metrics import auprc, dice
from anofpdm.results.native import native_plane, to_native
from anofpdm.results.refinement import candidates, refined_mask
from anofpdm.results.standardized_scan import standardized_scan
from anofpdm.scans.orientation import Orientation
from anofpdm.scans.preprocessing import preprocess
from anofpdm.scans.volume import Volume
from tests.core import segmentation_cases

SHAPE = (44, 52, 16)
SPACING = (1.5, 1.5, 4.0)
RULE = Refinement(border=3.0, core=1.0, reach_mm=4.0, smoothing_mm=0.0)
Floats = NDArray[np.float64]


def ball(centre: tuple[float, float, float], radius_mm: float) -> NDArray[np.bool_]:
    """Voxels within a radius of a voxel."""
    offset = (np.indices(SHAPE).T - centre) * SPACING
    return np.asarray((np.linalg.norm(offset, axis=-1) <= radius_mm).T)


BRAIN = ball((21.5, 25.5, 7.5), 29.0)
LESION = ball((15.0, 20.0, 7.0), 7.0)
ELSEWHERE = ball((32.0, 32.0, 7.0), 5.0)


def brain_with(lesion: float, elsewhere: float = 0.0) -> Volume:
    """A brain of 100 with a little noise, and two spots that differ from it."""
    noise = np.random.default_rng(0).normal(0, 3, SHAPE)
    values = np.where(BRAIN, 100 + noise, 0)
    values[LESION] += lesion
    values[ELSEWHERE] += elsewhere
    affine = np.diag([*SPACING, 1.0])
    return Volume(values.astype(np.float32), affine, "flair")


def turned(volume: Volume, axes: tuple[int, int, int]) -> Volume:
    """The same brain with its axes in another order, the first one reversed."""
    data = volume.data.transpose(axes)[::-1]
    back = np.zeros((4, 4))
    for k, axis in enumerate(axes):
        back[axis, k] = 1.0
    back[3, 3] = 1.0
    back[axes[0], 0], back[axes[0], 3] = -1.0, data.shape[0] - 1
    return Volume(np.ascontiguousarray(data), volume.affine @ back, "flair")


def located(
    volume: Volume, spots: NDArray[np.bool_] = LESION, polarity: Polarity = "hyperintense"
) -> tuple[Analysis, Interpretation]:
    """An analysis whose map is 1 in some spots, in the axes of `brain_with`, and 0 elsewhere."""
    made = segmentation_cases.analysis()
    model = made.metadata.bundle
    stack = preprocess({"flair": volume}, ("flair",), model.preprocessing)
    inputs = AnalysisInputs.of(stack, {"flair": volume.data}, [0])
    count, size = len(stack.slice_ids), segmentation_cases.SIZE
    nothing = np.zeros((count, len(made.timesteps), 1, size, size), dtype=np.float32)
    stored = Analysis(made.metadata, inputs, MemorySteps({"x0_null": nothing, "eps_gap": nothing}))
    settings = Settings(threshold=AbsoluteThreshold(value=0.5), polarity=polarity, median_kernel=1)
    maps = stack.geometry.to_network(spots.astype(np.float32))[stack.slice_ids]
    threshold = np.full(count, 0.5)
    found = replace(
        interpret(stored, settings),
        anomaly_map=maps,
        filtered_map=maps,
        threshold=threshold,
        mask=maps >= 0.5,
    )
    return stored, found


def test_borders_come_from_the_scan() -> None:
    stored, found = located(brain_with(40.0))
    coarse = to_native(stored, found).mask
    refined = refined_mask(stored, found, RULE)
    np.testing.assert_array_equal(refined, LESION)
    assert dice(coarse, LESION) < 0.9
    assert refined.dtype == np.uint8


def test_the_result_takes_the_settings_refinement() -> None:
    stored, found = located(brain_with(40.0))
    settings = found.settings.model_copy(update={"refinement": RULE})
    native = to_native(stored, replace(found, settings=settings))
    np.testing.assert_array_equal(native.mask, LESION)
    assert native.lesions.volume_ml == pytest.approx(LESION.sum() * np.prod(SPACING) / 1000)


def test_a_bright_spot_beside_a_lesion_that_the_map_does_not_mark_is_left_out() -> None:
    volume = brain_with(40.0)
    vessel = ball((15.0, 30.0, 7.0), 3.5)
    volume.data[vessel] += 80
    far = RULE.model_copy(update={"reach_mm": 12.0})
    assert not (vessel & LESION).any()
    np.testing.assert_array_equal(refined_mask(*located(volume), far), LESION)
    marked = refined_mask(*located(volume, spots=LESION | vessel), far)
    np.testing.assert_array_equal(marked, LESION | vessel)


def test_each_lesion_has_a_border_of_its_own() -> None:
    # Half-bright rims around a bright and a faint lesion: partial volume of the one is a lesion's
    # brightness of the other.
    volume = brain_with(0.0)
    rim, other_rim = ball((15.0, 20.0, 7.0), 9.0), ball((32.0, 32.0, 7.0), 7.0)
    volume.data[rim | other_rim] += 30
    volume.data[LESION] += 90
    found = located(volume, spots=LESION | ELSEWHERE)
    rule = RULE.model_copy(update={"contrast": 0.5, "reach_mm": 7.0})
    np.testing.assert_array_equal(refined_mask(*found, rule), LESION | other_rim)
    expected = rim | other_rim
    expected[:, :, [5, 9]] = False  # slices without a mask of their own
    one_border = rule.model_copy(update={"contrast": 0.0})
    np.testing.assert_array_equal(refined_mask(*found, one_border), expected)


@pytest.mark.parametrize("axes", [(1, 0, 2), (2, 1, 0), (1, 2, 0)])
def test_axes_in_any_order_give_the_same_voxels(axes: tuple[int, int, int]) -> None:
    volume = turned(brain_with(40.0, elsewhere=40.0), axes)
    refined = refined_mask(*located(volume), RULE)
    back = Orientation.of_affine(volume.affine).to_canonical(refined)
    np.testing.assert_array_equal(back, LESION)


def test_what_the_map_does_not_mark_stays_unmarked() -> None:
    stored, found = located(brain_with(40.0, elsewhere=60.0))
    np.testing.assert_array_equal(refined_mask(stored, found, RULE), LESION)


@pytest.mark.parametrize(
    ("polarity", "contrast", "marked"),
    [
        ("hypointense", -40.0, True),
        ("hypointense", 40.0, False),
        ("hyperintense", -40.0, False),
        ("both", -40.0, True),
        ("both", 40.0, True),
    ],
)
def test_the_sign_follows_the_polarity(polarity: Polarity, contrast: float, marked: bool) -> None:
    refined = refined_mask(*located(brain_with(contrast), polarity=polarity), RULE)
    np.testing.assert_array_equal(refined, LESION if marked else np.zeros(SHAPE))


def test_without_a_core_nothing_is_marked() -> None:
    stored, found = located(brain_with(20.0))
    z = standardized_scan(stored, "flair", 0.0)
    highest = float(z.z.max())
    needed = RULE.model_copy(update={"core": highest - RULE.border + 0.1})
    assert not refined_mask(stored, found, needed).any()
    reached = RULE.model_copy(update={"core": highest - RULE.border - 0.1})
    assert refined_mask(stored, found, reached).any()


def test_nothing_is_marked_beyond_the_reach() -> None:
    core = ball((15.0, 20.0, 7.0), 4.0)
    stored, found = located(brain_with(40.0), spots=core)
    near = refined_mask(stored, found, RULE.model_copy(update={"reach_mm": 0.0}))
    far = refined_mask(stored, found, RULE.model_copy(update={"reach_mm": 3.0}))
    assert 0 < near.sum() < far.sum() < LESION.sum()
    assert not (far & ~LESION).any()


def test_a_slice_without_a_mask_of_its_own_stays_empty() -> None:
    stored, found = located(brain_with(40.0))
    mask = found.mask.copy()
    empty = int(np.flatnonzero(found.slice_ids == 7)[0])
    mask[empty] = False
    refined = refined_mask(stored, replace(found, mask=mask), RULE)
    assert not refined[:, :, 7].any()
    assert refined[:, :, 6].any() and refined[:, :, 8].any()
    assert not refined_mask(stored, replace(found, mask=np.zeros_like(mask)), RULE).any()


def test_only_some_slices_interpreted() -> None:
    stored, found = located(brain_with(40.0))
    position = int(np.flatnonzero(found.slice_ids == 7)[0])
    one = {
        name: getattr(found, name)[[position]]
        for name in ("slice_ids", "anomaly_map", "filtered_map", "threshold", "mask")
    }
    refined = refined_mask(stored, replace(found, **one), RULE)
    np.testing.assert_array_equal(refined[:, :, 7], LESION[:, :, 7])
    assert refined.sum() == LESION[:, :, 7].sum()
    fused = fused_map(stored, replace(found, **one))
    assert fused[:, :, 7].any() and not np.delete(fused, 7, axis=2).any()


@pytest.mark.parametrize("axes", [(0, 1, 2), (1, 2, 0), (2, 1, 0)])
@pytest.mark.parametrize("polarity", ["hyperintense", "hypointense"])
def test_a_slice_by_itself_looks_as_in_its_volume(
    axes: tuple[int, int, int], polarity: Polarity
) -> None:
    contrast = 40.0 if polarity == "hyperintense" else -40.0
    stored, found = located(turned(brain_with(contrast), axes), polarity=polarity)
    # So short a reach leaves no slice to its neighbours.
    rule = RULE.model_copy(update={"reach_mm": 3.0})
    settings = found.settings.model_copy(update={"refinement": rule})
    volume = to_native(stored, replace(found, settings=settings)).mask
    canonical = stored.geometry.orientation.to_canonical(volume)
    per_slice = ("slice_ids", "anomaly_map", "filtered_map", "threshold", "mask")
    seen = 0
    for position, slice_id in enumerate(found.slice_ids):
        one = {name: getattr(found, name)[[position]] for name in per_slice}
        part = replace(found, settings=settings, **one)
        plane = native_plane(stored, part, part.mask[0])
        np.testing.assert_array_equal(plane, canonical[:, :, slice_id])
        seen += int(plane.sum())
    assert seen == volume.sum() > 0


def test_a_slice_without_refinement_is_the_networks() -> None:
    stored, found = located(brain_with(40.0))
    position = int(np.flatnonzero(found.slice_ids == 7)[0])
    one = replace(found, slice_ids=found.slice_ids[[position]], mask=found.mask[[position]])
    plane = native_plane(stored, one, one.mask[0])
    np.testing.assert_array_equal(plane, to_native(stored, found).mask[:, :, 7])


def test_candidates_are_spots_that_hold_a_marked_pixel() -> None:
    _, found = located(brain_with(40.0))
    maps = np.zeros_like(found.filtered_map)
    maps[2, 4, 3:7] = (0.3, 0.6, 0.3, 0.2)
    maps[2, 9, 3:5] = 0.3
    here = replace(found, filtered_map=maps, mask=maps >= 0.5)
    spots = candidates(here, 0.6)
    assert [tuple(place) for place in np.argwhere(spots)] == [(2, 4, 3), (2, 4, 4), (2, 4, 5)]
    np.testing.assert_array_equal(candidates(here, 1.0), here.mask)


def test_smoothing_is_in_mm_and_keeps_to_the_brain() -> None:
    volume = brain_with(0.0)
    point = (21, 25, 7)
    volume.data[point] += 5000
    stored, _ = located(volume)
    scan = standardized_scan(stored, "flair", 3.0)
    peak = tuple(p - side.start for p, side in zip(point, scan.box, strict=True))
    along = [scan.z[peak[0] + n, peak[1], peak[2]] for n in range(4)]
    across = [scan.z[peak[0], peak[1], peak[2] + n] for n in range(2)]
    # A Gaussian of SD 3 mm: two voxels of 1.5 mm, three quarters of a voxel of 4 mm.
    assert along[2] / along[0] == pytest.approx(np.exp(-0.5), abs=0.02)
    assert across[1] / across[0] == pytest.approx(np.exp(-0.5 * (4 / 3) ** 2), abs=0.05)
    assert scan.z.min() > -6  # no dark rim toward the background
    assert not scan.z[~scan.brain].any()


def test_a_smoothed_scan_is_kept_until_another_is_wanted() -> None:
    stored, _ = located(brain_with(40.0))
    first = standardized_scan(stored, "flair", 0.5)
    assert standardized_scan(stored, "flair", 0.5) is first
    assert standardized_scan(stored, "flair", 1.0) is not first


def test_the_fused_map_ranks_better_than_either() -> None:
    stored, found = located(brain_with(25.0, elsewhere=25.0))
    rng = np.random.default_rng(3)
    blurred = found.anomaly_map + 0.1 * rng.random(found.anomaly_map.shape, dtype=np.float32)
    found = replace(found, anomaly_map=blurred)
    native = to_native(stored, found)
    brain, scan = stored.foreground_native, np.asarray(stored.native["flair"])
    fused = fused_map(stored, found, replace(FUSION, smoothing_mm=0.0))
    scores = [auprc(m[brain], LESION[brain]) for m in (fused, native.anomaly_map, scan)]
    assert scores[0] > max(scores[1:])
    assert not fused[~brain].any() and fused.dtype == np.float32


def test_a_reference_that_is_not_scored_is_refused() -> None:
    stored, found = located(brain_with(40.0))
    with pytest.raises(SettingsError, match="refine on t2, but the model scores flair"):
        refined_mask(stored, found, RULE.model_copy(update={"modality": "t2"}))


def test_an_analysis_without_the_scan_is_refused() -> None:
    stored, found = located(brain_with(40.0))
    bare = replace(stored, inputs=replace(stored.inputs, native={}))
    with pytest.raises(SettingsError, match="does not contain the scan flair"):
        refined_mask(bare, found, RULE)


def test_a_brain_of_one_value_has_no_scale() -> None:
    volume = brain_with(0.0)
    volume.data[BRAIN] = 100.0
    volume.data[LESION] = 140.0
    stored, found = located(volume)
    assert not refined_mask(stored, found, RULE).any()


@pytest.mark.parametrize("call", [to_native, fused_map], ids=["refinement", "fused map"])
def test_too_little_memory_is_a_sentence(
    monkeypatch: pytest.MonkeyPatch, call: Callable[[Analysis, Interpretation], object]
) -> None:
    stored, found = located(brain_with(40.0))
    settings = found.settings.model_copy(update={"refinement": RULE})
    monkeypatch.setattr("anofpdm.common.memory.available_bytes", lambda: 10_000)
    with pytest.raises(VolumeError, match=r"smoothed scan .* needs about .* turn off the refine"):
        call(stored, replace(found, settings=settings))
