from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest

from anofpdm.common.errors import DatasetError, OutputError, SettingsError
from anofpdm.results.folder import ANALYSIS_FOLDER, MASK_FILE, REPORT_FILE
from anofpdm.results.lesions import find_lesions
from anofpdm.results.measuring.measurement import Measurement
from anofpdm.results.review.verdicts import Review, ReviewedLesions
from anofpdm.worklist.case import CASE_FILE, Case
from anofpdm.worklist.case_review import (
    EARLIER_MASK_FILE,
    EDITED_MASK_FILE,
    LESIONS_FILE,
    load_review,
    save_review,
)
from anofpdm.worklist.review_table import write_review_table
from anofpdm.worklist.worklist import open_worklist
from tests.core.segmentation_cases import analysis


def _state(case: Case) -> str:
    return case.state


def test_a_case_is_new_analysed_or_reviewed(tmp_path: Path) -> None:
    case = Case("one", tmp_path / "one")
    assert _state(case) == "new"
    case.write(reviewed=False, note="")
    assert not case.folder.exists()  # nothing is said yet
    case.folder.mkdir()
    (case.folder / MASK_FILE).touch()
    assert _state(case) == "analysed" and case.analysis is None
    (case.folder / ANALYSIS_FOLDER).mkdir()
    assert case.analysis == case.folder / ANALYSIS_FOLDER
    case.write(reviewed=True, note=" clear ")
    assert _state(case) == "reviewed" and case.read().note == "clear"
    case.write(reviewed=False, note="")
    assert _state(case) == "analysed" and case.read().note == ""
    (case.folder / CASE_FILE).write_text("{")
    assert _state(case) == "analysed"


@pytest.mark.parametrize("within", ["", "scans"])
def test_folders_of_results_are_cases(tmp_path: Path, within: str) -> None:
    for name in ("b", "a"):
        (tmp_path / within / name).mkdir(parents=True)
        (tmp_path / within / name / REPORT_FILE).touch()
    (tmp_path / within / "other").mkdir()
    found = open_worklist(tmp_path, ("flair",))
    assert [case.name for case in found.cases] == ["a", "b"]
    assert found.cases[0].folder == tmp_path / within / "a"
    assert not found.can_analyse


def test_a_folder_of_scans_and_a_table_are_cases(tmp_path: Path) -> None:
    scans = tmp_path / "scans"
    for name in ("a", "b"):
        scan = scans / name / "flair.nii.gz"
        scan.parent.mkdir(parents=True)
        scan.touch()
    found = open_worklist(scans, ("flair",))
    assert [case.name for case in found.cases] == ["a", "b"] and found.can_analyse
    case = found.cases[0]
    assert case.images == {"flair": scans / "a" / "flair.nii.gz"} and case.state == "new"
    assert case.folder == tmp_path / "scans-anofpdm" / "scans" / "a"
    table = tmp_path / "mine.csv"
    table.write_text("subject,flair\none,scans/b/flair.nii.gz\n", encoding="utf-8")
    (only,) = open_worklist(table, ("flair",)).cases
    assert only.name == "one" and only.folder == tmp_path / "mine-anofpdm" / "scans" / "one"


def test_what_does_not_exist_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="gone does not exist"):
        open_worklist(tmp_path / "gone", ("flair",))


def test_a_review_comes_back_and_is_exported(tmp_path: Path) -> None:
    done = analysis()
    shape = done.geometry.shape
    edited = np.zeros(shape, np.uint8)
    edited[2:6, 2:5, 1:3] = 1
    edited[9:11, 10:12, 4] = 1
    lesions = find_lesions(edited, np.array(done.geometry.affine))
    review = Review().with_verdict(1, "accepted").with_note(2, "=artefact")
    case, other = Case("=one", tmp_path / "one"), Case("two", tmp_path / "two")
    drawn = (Measurement(kind="ruler", plane="axial", first=(0, 0, 0), second=(3, 4, 0)),)
    work = (done.default_settings(), ReviewedLesions(lesions, review), edited)
    save_review(case, done, *work, drawn)
    stored = load_review(case)
    assert stored.settings is not None and stored.settings.settings == done.default_settings()
    assert stored.edited is not None and stored.lesions is not None
    np.testing.assert_array_equal(stored.edited, edited > 0)
    back = stored.lesions.on(lesions, np.array(done.geometry.affine)).review
    assert back.entries == review.entries
    assert stored.measurements == drawn
    save_review(case, done, *work)
    assert load_review(case).measurements == ()

    case.write(reviewed=True, note="check")
    table = tmp_path / "reviews.csv"
    assert write_review_table(table, [case, other]) == 1
    with table.open(encoding="utf-8", newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert [(row["case"], row["lesion"], row["verdict"]) for row in rows] == [
        ("'=one", "1", "accepted"),
        ("'=one", "2", "unreviewed"),
        ("two", "", ""),
    ]
    assert rows[0]["mask"] == "corrected" and rows[0]["case_note"] == "check"
    assert rows[1]["note"] == "'=artefact"  # no formula for a spreadsheet
    assert float(rows[0]["volume_ml"]) == round(lesions.table[0].volume_ml, 4)
    with pytest.raises(OutputError, match="already exists"):
        write_review_table(table, [case])

    save_review(case, done, done.default_settings(), ReviewedLesions(lesions, review), None)
    assert not (case.folder / EDITED_MASK_FILE).exists() and load_review(case).edited is None
    assert (case.folder / EARLIER_MASK_FILE).exists()  # no work is lost
    (case.folder / LESIONS_FILE).write_text("{}")
    with pytest.raises(SettingsError, match="review file"):
        write_review_table(table, [case], overwrite=True)
    assert len(table.read_text(encoding="utf-8").splitlines()) == 4  # the earlier one stays
