"""Lesions of two time points: spheres that appear, go, grow, move, split and merge."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from anofpdm.common.errors import SettingsError
from anofpdm.results.follow_up.files import write_change_csv
from anofpdm.results.follow_up.matching import LesionChanges, Margin, compare_lesions
from anofpdm.results.follow_up.picture import save_change_picture
from anofpdm.results.follow_up.section import changes_of
from anofpdm.results.lesions import find_lesions
from anofpdm.results.pictures.choosing import figure_slices, most_marked

SHAPE = (40, 42, 30)
AFFINE = np.array([[2.0, 0, 0, -40], [0, 2, 0, -30], [0, 0, 2, 10], [0, 0, 0, 1]])
VOXEL_ML = 0.008
Sphere = tuple[tuple[int, int, int], float]


def mask_of(*spheres: Sphere) -> NDArray[np.uint8]:
    """Return the union of spheres, each with its centre and radius in voxels."""
    grid = np.indices(SHAPE).transpose(1, 2, 3, 0)
    mask = np.zeros(SHAPE, dtype=np.uint8)
    for centre, radius in spheres:
        mask[((grid - centre) ** 2).sum(axis=-1) <= radius**2] = 1
    return mask


def changes_between(
    before: NDArray[np.uint8],
    after: NDArray[np.uint8],
    margin: Margin | None = None,
    covered: NDArray[np.bool_] | None = None,
) -> LesionChanges:
    first, later = (find_lesions(mask, AFFINE) for mask in (before, after))
    return compare_lesions(first, later, AFFINE, margin=margin, covered=covered)


def test_spheres_new_gone_grown_shrunk_and_unchanged() -> None:
    before = mask_of(((7, 7, 7), 3), ((20, 8, 8), 4), ((8, 28, 20), 5), ((30, 30, 8), 4))
    after = mask_of(((20, 8, 8), 6), ((8, 28, 20), 3), ((30, 30, 8), 4), ((30, 10, 22), 3))
    changes = changes_between(before, after)
    found = {each.state: each for each in changes.table}
    assert len(found) == len(changes.table) == 5
    assert all(changes.count(state) == 1 for state in found)
    grown = found["grown"]
    assert grown.baseline_ml == pytest.approx(mask_of(((20, 8, 8), 4)).sum() * VOXEL_ML)
    assert grown.follow_up_ml == pytest.approx(mask_of(((20, 8, 8), 6)).sum() * VOXEL_ML)
    assert grown.overlap_ml == pytest.approx(grown.baseline_ml)
    assert grown.change_percent == pytest.approx(100 * (grown.follow_up_ml / grown.baseline_ml - 1))
    np.testing.assert_allclose(grown.centre_mm, (0, -14, 26), atol=1e-9)
    assert (grown.first_slice, grown.last_slice) == (2, 14)
    assert found["new"].change_percent is None and found["new"].baseline_lesions == ()
    assert found["gone"].change_percent == -100 and found["gone"].follow_up_lesions == ()
    assert found["shrunk"].overlap_ml == pytest.approx(found["shrunk"].follow_up_ml)
    assert found["unchanged"].change_ml == 0
    assert all(each.parts == "" for each in changes.table)


def test_a_sphere_that_moves_a_little_is_the_same_and_far_away_is_another() -> None:
    before = mask_of(((10, 20, 15), 4))
    near = changes_between(before, mask_of(((13, 20, 15), 4))).table
    assert [each.state for each in near] == ["unchanged"]
    assert 0 < near[0].overlap_ml < near[0].baseline_ml
    far = changes_between(before, mask_of(((30, 20, 15), 4))).table
    assert sorted(each.state for each in far) == ["gone", "new"]


def test_lesions_that_only_touch_belong_together() -> None:
    before, after = np.zeros((2, *SHAPE), dtype=np.uint8)
    before[5:10, 5:10, 5:10] = 1
    after[10:15, 10:15, 10:15] = 1
    (change,) = changes_between(before, after).table
    assert (change.state, change.overlap_ml) == ("unchanged", 0.0)


def test_two_spheres_merge_and_one_splits() -> None:
    two = mask_of(((12, 20, 15), 4), ((24, 20, 15), 5))
    one = mask_of(((12, 20, 15), 4), ((24, 20, 15), 5), ((18, 20, 15), 6))
    (merged,) = changes_between(two, one).table
    assert (merged.parts, merged.state) == ("merged", "grown")
    assert (merged.baseline_lesions, merged.follow_up_lesions) == ((1, 2), (1,))
    (split,) = changes_between(one, two).table
    assert (split.parts, split.state) == ("split", "shrunk")
    assert (split.baseline_lesions, split.follow_up_lesions) == ((1,), (1, 2))


def test_a_chain_of_overlaps_is_split_and_merged() -> None:
    before = mask_of(((8, 20, 15), 4), ((22, 20, 15), 4))
    after = mask_of(((15, 20, 15), 4), ((29, 20, 15), 4))
    (change,) = changes_between(before, after).table
    assert (change.parts, change.state) == ("split and merged", "unchanged")


@pytest.mark.parametrize(
    ("before", "after", "state"),
    [
        (10.0, 12.0, "unchanged"),
        (10.0, 12.01, "grown"),
        (10.0, 8.0, "unchanged"),
        (10.0, 7.99, "shrunk"),
        (0.1, 0.2, "unchanged"),
        (0.1, 0.21, "grown"),
        (0.0, 0.01, "new"),
        (0.01, 0.0, "gone"),
    ],
)
def test_a_change_must_exceed_both_margins(before: float, after: float, state: str) -> None:
    assert Margin(ml=0.1, percent=20).state(before, after) == state


def test_what_one_scan_does_not_show_is_not_compared() -> None:
    before = mask_of(((8, 20, 4), 3), ((24, 20, 20), 4))
    covered = np.ones(SHAPE, dtype=np.bool_)
    covered[:, :, :10] = False
    changes = changes_between(before, mask_of(((24, 20, 20), 4)), covered=covered)
    assert [each.state for each in changes.table] == ["unchanged"]
    assert (changes.baseline_outside, changes.follow_up_outside) == ((2,), ())


def test_two_empty_masks_have_no_changes() -> None:
    assert changes_between(mask_of(), mask_of()).table == ()


def test_other_grids_and_wrong_margins_are_refused() -> None:
    small = find_lesions(np.ones((3, 3, 3)), AFFINE)
    with pytest.raises(SettingsError, match="one grid"):
        compare_lesions(small, find_lesions(mask_of(), AFFINE), AFFINE)
    with pytest.raises(SettingsError, match="margin of change in ml is -1"):
        Margin(ml=-1)
    with pytest.raises(SettingsError, match="margin of change in percent is nan"):
        Margin(percent=float("nan"))


def test_the_table_has_a_line_for_each_lesion(tmp_path: Path) -> None:
    two = mask_of(((12, 20, 15), 4), ((24, 20, 15), 5))
    one = mask_of(((12, 20, 15), 4), ((24, 20, 15), 5), ((18, 20, 15), 4), ((30, 34, 24), 2))
    section = changes_of(changes_between(two, one))
    write_change_csv(tmp_path / "t.csv", section)
    with (tmp_path / "t.csv").open(encoding="utf-8", newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert [row["state"] for row in rows] == ["grown", "new"]
    assert rows[0]["baseline_lesions"] == "1 2" and rows[0]["parts"] == "merged"
    assert rows[1]["change_percent"] == rows[1]["baseline_lesions"] == ""
    assert float(rows[1]["follow_up_ml"]) == pytest.approx(mask_of(((30, 34, 24), 2)).sum() * 0.008)
    assert section["counts"] == {"new": 1, "gone": 0, "grown": 1, "shrunk": 0, "unchanged": 0}


def test_the_slices_with_most_are_chosen() -> None:
    changed = np.zeros(40)
    changed[[4, 20, 21, 30]] = (5, 9, 8, 1)
    assert most_marked(changed, 3).tolist() == [4, 20, 30]
    assert most_marked(changed, 1).tolist() == [20]
    np.testing.assert_array_equal(most_marked(np.zeros(40), 5), figure_slices(np.zeros(40), 5))


@pytest.mark.parametrize("after", [((20, 8, 8), 6), None])
def test_the_picture_is_drawn_also_without_a_change(tmp_path: Path, after: Sphere | None) -> None:
    masks = (mask_of(), mask_of(*([after] if after else [])))
    scans = (np.full(SHAPE, 3.0), np.zeros(SHAPE))
    path = tmp_path / "p.png"
    changes = changes_between(*masks)
    save_change_picture(path, scans, masks, changes, AFFINE, ("a", "b"), ["Look."])
    assert path.read_bytes().startswith(b"\x89PNG")
