from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from anofpdm.common.errors import SettingsError
from anofpdm.results.lesion_csv import write_lesion_csv
from anofpdm.results.lesions import Lesions, find_lesions
from anofpdm.results.report import lesions_of
from anofpdm.results.review.review_file import ReviewFile
from anofpdm.results.review.verdicts import LesionReview, Review, ReviewedLesions

AFFINE = np.diag([-2.0, 3.0, 4.0, 1.0])


def three() -> Lesions:
    mask = np.zeros((12, 12, 12), dtype=np.uint8)
    mask[0:4, 0:4, 0:4] = mask[8:11, 8:11, 8:11] = mask[0:2, 8:10, 0] = 1
    return find_lesions(mask, AFFINE)


def test_verdicts_and_notes_are_values() -> None:
    review = Review().with_verdict(2, "rejected").with_note(2, " vessel ")
    assert review.of(2) == LesionReview("rejected", "vessel")
    assert review.of(1) == LesionReview()
    assert review.rejected == {2}
    assert review.without_rejections.of(2) == LesionReview("unreviewed", "vessel")
    assert review.with_verdict(2, "unreviewed").with_note(2, "").entries == {}


def test_what_is_kept_and_left_out_is_numbered_anew() -> None:
    review = Review().with_verdict(1, "rejected").with_note(3, "small")
    reviewed = ReviewedLesions(three(), review)
    assert [each.voxels for each in reviewed.kept.lesions.table] == [27, 4]
    assert reviewed.kept.review.entries == {2: LesionReview(note="small")}
    assert [each.voxels for each in reviewed.left_out.lesions.table] == [64]
    assert reviewed.left_out.review.rejected == {1}


def test_a_review_follows_its_lesions() -> None:
    before = three()
    mask = (before.labels > 0).astype(np.uint8)
    mask[7:12, 7:12, 7:12] = 1  # the second is now the largest
    mask[0:2, 8:10, 0] = 0
    after = find_lesions(mask, AFFINE)
    review = Review().with_verdict(1, "accepted").with_note(2, "grows").with_note(3, "gone")
    carried = ReviewedLesions(before, review).on(after)
    assert carried.review.entries == {1: LesionReview(note="grows"), 2: LesionReview("accepted")}


def test_a_file_brings_the_review_back(tmp_path: Path) -> None:
    lesions = three()
    review = Review().with_verdict(1, "accepted").with_verdict(3, "rejected").with_note(2, "é")
    path = tmp_path / "review.json"
    ReviewFile.of(ReviewedLesions(lesions, review), AFFINE).write(path)
    assert ReviewFile.read(path).on(lesions, AFFINE).review == review
    again = find_lesions(lesions.mask_without([1]), AFFINE)
    kept = ReviewFile.read(path).on(again, AFFINE).review
    assert kept.entries == {1: LesionReview(note="é"), 2: LesionReview("rejected")}


def test_the_review_of_another_scan_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "review.json"
    ReviewFile.of(ReviewedLesions(three()), AFFINE).write(path)
    moved = AFFINE.copy()
    moved[0, 3] = 5.0
    with pytest.raises(SettingsError, match="another scan"):
        ReviewFile.read(path).on(three(), moved)
    other = find_lesions(np.ones((3, 3, 3), dtype=np.uint8), AFFINE)
    with pytest.raises(SettingsError, match=r"shape \(3, 3, 3\)"):
        ReviewFile.read(path).on(other, AFFINE)


@pytest.mark.parametrize(
    ("name", "value"),
    [("verdict", "maybe"), ("runs", [[0, 0]]), ("runs", [[-1, 3]]), ("number", 0)],
)
def test_a_damaged_file_is_refused(tmp_path: Path, name: str, value: object) -> None:
    path = tmp_path / "review.json"
    ReviewFile.of(ReviewedLesions(three()), AFFINE).write(path)
    content = json.loads(path.read_text())
    content["lesions"][0][name] = value
    path.write_text(json.dumps(content))
    with pytest.raises(SettingsError, match=name):
        ReviewFile.read(path)


def test_a_run_beyond_the_scan_is_refused(tmp_path: Path) -> None:
    file = ReviewFile.of(ReviewedLesions(three()), AFFINE)
    content = file.model_dump(mode="json")
    content["lesions"][1]["runs"] = [[1700, 200]]
    path = tmp_path / "review.json"
    path.write_text(json.dumps(content))
    with pytest.raises(SettingsError, match="Lesion 2 of the review reaches beyond the scan"):
        ReviewFile.read(path).on(three(), AFFINE)


def test_the_table_holds_the_review_and_no_formula(tmp_path: Path) -> None:
    review = Review().with_verdict(1, "accepted").with_note(1, "=1+1")
    write_lesion_csv(tmp_path / "l.csv", lesions_of(three(), review)["components"])
    lines = (tmp_path / "l.csv").read_text().splitlines()
    assert lines[0].endswith(",verdict,note")
    assert lines[1].endswith(",accepted,'=1+1")
    assert lines[2].endswith(",unreviewed,")
