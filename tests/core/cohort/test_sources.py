"""The scans of a cohort, as tables, BIDS folders and plain folders hold them."""

from __future__ import annotations

from pathlib import Path

import pytest

from anofpdm.cohorts.sources import find_scans
from anofpdm.common.errors import DatasetError
from anofpdm.segmentation.image_file import ImageFile


def touch(folder: Path, *names: str) -> Path:
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"")
    return folder


def test_a_table_names_files_channels_and_series(tmp_path: Path) -> None:
    touch(tmp_path, "a.nii.gz", "dicom/1")
    table = tmp_path / "scans.csv"
    table.write_text("subject,flair,patient\nb,a.nii.gz:1,P\na,dicom#5,\nc,,\n")
    scans = find_scans(table, ("flair",)).scans
    assert [scan.name for scan in scans] == ["a", "b", "c"]
    assert scans[0].images == {"flair": ImageFile(tmp_path / "dicom", series="5")}
    assert scans[1].images == {"flair": ImageFile(tmp_path / "a.nii.gz", 1)}
    assert scans[1].patient == "P"
    assert "no flair scan" in scans[2].problem


def test_a_bids_folder_is_recognised(tmp_path: Path) -> None:
    names = ("sub-1/ses-1/anat/sub-1_ses-1_FLAIR.nii.gz", "sub-2/anat/sub-2_FLAIR.nii.gz")
    scans = find_scans(touch(tmp_path, *names), ("flair",)).scans
    assert [scan.name for scan in scans] == ["sub-1_ses-1", "sub-2"]
    assert scans[1].images["flair"].path == tmp_path / names[1]


def test_each_entry_of_a_folder_is_a_scan(tmp_path: Path) -> None:
    touch(tmp_path, "one.nii.gz", "two/x_t1w.nii", "two/x_FLAIR.nii", "three/IM1", ".hidden/a.nii")
    scans = {scan.name: scan for scan in find_scans(tmp_path, ("flair",)).scans}
    assert set(scans) == {"one", "two", "three"}
    assert scans["two"].images["flair"].path.name == "x_FLAIR.nii"
    assert scans["three"].images["flair"] == ImageFile(tmp_path / "three")
    both = {scan.name: scan for scan in find_scans(tmp_path, ("flair", "t1")).scans}
    assert list(both["two"].images) == ["flair", "t1"]
    assert "is one file" in both["one"].problem


@pytest.mark.parametrize("name", ["a/b", "..", "ends.", "a:b"])
def test_a_name_that_no_folder_can_have_is_a_problem(tmp_path: Path, name: str) -> None:
    touch(tmp_path, "a.nii.gz")
    (tmp_path / "t.csv").write_text(f'subject,flair\n"{name}",a.nii.gz\nb,a.nii.gz\n')
    scans = find_scans(tmp_path / "t.csv", ("flair",)).scans
    bad = [scan.problem for scan in scans if scan.name != "b"]
    assert all("folder" in problem for problem in bad) or (bad == [""] and name == "ends. ")


def test_names_that_differ_in_case_alone_do_not_share_a_folder(tmp_path: Path) -> None:
    touch(tmp_path, "a.nii.gz")
    (tmp_path / "t.csv").write_text("subject,flair\nAB,a.nii.gz\nab,a.nii.gz\n")
    problems = [scan.problem for scan in find_scans(tmp_path / "t.csv", ("flair",)).scans]
    assert problems == ["", "The name ab differs from AB only in case; rename the scan."]


def test_accents_in_two_forms_do_not_share_a_folder(tmp_path: Path) -> None:
    touch(tmp_path, "a.nii.gz")
    lines = "subject,flair\nRen\u00e9,a.nii.gz\nRene\u0301,a.nii.gz\n"
    (tmp_path / "t.csv").write_text(lines, encoding="utf-8")
    problems = [scan.problem for scan in find_scans(tmp_path / "t.csv", ("flair",)).scans]
    assert sum("accents" in problem for problem in problems) == 1 and "" in problems


def test_long_names_do_not_share_a_folder(tmp_path: Path) -> None:
    """150 letters are allowed; two longer names that begin alike are two failures."""
    touch(tmp_path, "a.nii.gz")
    start = "n" * 149
    names = [f"{start}1", f"{start}2", f"{start}00-one", f"{start}00-two", "\u8111" * 70]
    lines = [f"{name},a.nii.gz" for name in names]
    (tmp_path / "t.csv").write_text("\n".join(["subject,flair", *lines]), encoding="utf-8")
    scans = {scan.name: scan for scan in find_scans(tmp_path / "t.csv", ("flair",)).scans}
    assert set(scans) == set(names)
    assert [scans[name].problem == "" for name in names] == [True, True, False, False, False]
    assert "155 letters (155 bytes)" in scans[names[2]].problem
    assert "70 letters (210 bytes)" in scans[names[4]].problem


def test_a_source_without_scans_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="contains no scan"):
        find_scans(touch(tmp_path, "notes.txt"), ("flair",))
    with pytest.raises(DatasetError, match="does not exist"):
        find_scans(tmp_path / "nowhere", ("flair",))


def test_results_in_the_source_are_not_its_scans(tmp_path: Path) -> None:
    plain = touch(tmp_path / "plain", "one.nii.gz", "results/scans/one/mask.nii.gz")
    scans = find_scans(plain, ("flair",), leave_out=plain / "results").scans
    assert [scan.name for scan in scans] == ["one"]
    out = "derivatives/anofpdm"
    bids = touch(
        tmp_path / "bids",
        "sub-1/anat/sub-1_FLAIR.nii.gz",
        f"{out}/sub-1/anat/sub-1_desc-brain_mask.nii.gz",
    )
    (scan,) = find_scans(bids, ("flair",)).scans
    assert scan.brain_mask is not None
    (scan,) = find_scans(bids, ("flair",), leave_out=bids / out).scans
    assert scan.brain_mask is None
