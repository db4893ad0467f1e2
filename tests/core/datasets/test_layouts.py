"""Which files belong to which case, by their names."""

from __future__ import annotations

from pathlib import Path

import pytest

from anofpdm.common.errors import DatasetError
from anofpdm.datasets.layouts import default_modalities, default_scored, find_cases
from anofpdm.datasets.layouts.brats import brats_patient

FOUR = ("flair", "t1", "t1ce", "t2")


def touch(folder: Path, *names: str) -> None:
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()


def old(case: str, suffix: str = ".nii.gz") -> list[str]:
    return [f"{case}/{case}_{kind}{suffix}" for kind in ("flair", "t1", "t1ce", "t2", "seg")]


@pytest.mark.parametrize(
    ("case", "patient", "suffix"),
    [
        ("Brats18_CBICA_AAB_1", "Brats18_CBICA_AAB", ".nii.gz"),
        ("BraTS19_2013_10_1", "BraTS19_2013_10", ".nii.gz"),
        ("BraTS20_Training_001", "BraTS20_Training_001", ".nii"),
        ("BraTS2021_00000", "BraTS2021_00000", ".nii.gz"),
    ],
)
def test_brats_until_2021(tmp_path: Path, case: str, patient: str, suffix: str) -> None:
    touch(tmp_path / "HGG", *old(case, suffix))
    (found,) = find_cases(tmp_path, "brats", FOUR, {}).cases
    assert (found.subject, found.patient, found.problem) == (case, patient, "")
    assert {m: p.name for m, p in found.images.items()} == {m: f"{case}_{m}{suffix}" for m in FOUR}
    assert found.mask is not None
    assert found.mask.name == f"{case}_seg{suffix}"


def test_brats_2023_and_its_two_times_of_a_patient(tmp_path: Path) -> None:
    kinds = {"flair": "t2f", "t1": "t1n", "t1ce": "t1c", "t2": "t2w"}
    for case in ("BraTS-GLI-00005-000", "BraTS-GLI-00005-001"):
        touch(tmp_path / case, *(f"{case}-{kind}.nii.gz" for kind in (*kinds.values(), "seg")))
    first, second = find_cases(tmp_path, "brats", FOUR, {}).cases
    assert first.subject != second.subject
    assert first.patient == second.patient == "BraTS-GLI-00005"
    assert {m: p.name for m, p in first.images.items()} == {
        m: f"BraTS-GLI-00005-000-{kind}.nii.gz" for m, kind in kinds.items()
    }


def test_the_patients_of_2021_are_not_cut_short() -> None:
    assert brats_patient("BraTS2021_00012") == "BraTS2021_00012"
    assert brats_patient("BraTS20_Training_012") == "BraTS20_Training_012"


def test_the_stray_mask_of_2020_is_found(tmp_path: Path) -> None:
    case = "BraTS20_Training_355"
    touch(tmp_path, *old(case, ".nii")[:-1], f"{case}/W39_1998.09.19_Segm.nii")
    (found,) = find_cases(tmp_path, "brats", FOUR, {}).cases
    assert found.mask is not None
    assert found.mask.name == "W39_1998.09.19_Segm.nii"


def test_a_case_without_a_scan_says_so_and_one_without_mask_does_not(tmp_path: Path) -> None:
    touch(tmp_path, *old("BraTS2021_00001")[1:], *old("BraTS2021_00002")[:-1])
    first, second = find_cases(tmp_path, "brats", FOUR, {}).cases
    assert "no flair" in first.problem
    assert (second.mask, second.problem) == (None, "")


def test_links_are_followed_and_loops_end(tmp_path: Path) -> None:
    touch(tmp_path / "elsewhere", *old("BraTS2021_00001"))
    source = tmp_path / "source"
    source.mkdir()
    (source / "data").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "elsewhere" / "up").symlink_to(source)
    assert len(find_cases(source, "brats", FOUR, {}).cases) == 1


def test_a_subject_found_twice_is_refused(tmp_path: Path) -> None:
    touch(tmp_path / "a", *old("BraTS2021_00001"))
    touch(tmp_path / "b", *old("BraTS2021_00001"))
    with pytest.raises(DatasetError, match="twice"):
        find_cases(tmp_path, "brats", FOUR, {})


ATLAS = "sub-r001s001_ses-1_space-MNI152NLin2009aSym"


def test_atlas(tmp_path: Path) -> None:
    anat = tmp_path / "Training" / "R001" / "sub-r001s001" / "ses-1" / "anat"
    touch(anat, f"{ATLAS}_T1w.nii.gz", f"{ATLAS}_label-L_desc-T1lesion_mask.nii.gz",
          "sub-r001s001_ses-1_T1w.nii.gz", "notes.nii.gz")  # fmt: skip
    (found,) = find_cases(tmp_path, "atlas", ("t1",), {}).cases
    assert (found.subject, found.patient) == ("sub-r001s001_ses-1", "sub-r001s001")
    assert found.images["t1"].name == f"{ATLAS}_T1w.nii.gz"
    assert found.mask is not None
    assert not found.problem


def test_bids_sessions_derivatives_and_contrasts(tmp_path: Path) -> None:
    for session in ("1", "2"):
        stem = f"sub-07_ses-{session}"
        touch(
            tmp_path / "sub-07" / f"ses-{session}" / "anat",
            f"{stem}_T1w.nii.gz", f"{stem}_ce-gadolinium_T1w.nii.gz", f"{stem}_FLAIR.nii.gz",
        )  # fmt: skip
    anat = tmp_path / "derivatives" / "masks" / "sub-07" / "ses-1" / "anat"
    touch(anat, "sub-07_ses-1_label-lesion_roi.nii.gz", "sub-07_ses-1_desc-brain_mask.nii.gz")
    touch(tmp_path / "sub-08" / "func", "sub-08_task-rest_bold.nii.gz")
    first, second = find_cases(tmp_path, "bids", ("flair", "t1", "t1ce"), {}).cases
    assert [c.subject for c in (first, second)] == ["sub-07_ses-1", "sub-07_ses-2"]
    assert first.patient == second.patient == "sub-07"
    assert first.images["t1ce"].name == "sub-07_ses-1_ce-gadolinium_T1w.nii.gz"
    assert first.images["t1"].name == "sub-07_ses-1_T1w.nii.gz"
    assert first.mask is not None and first.brain_mask is not None
    assert first.mask != first.brain_mask
    assert second.mask is None and second.brain_mask is None


def test_bids_never_chooses_between_runs_by_itself(tmp_path: Path) -> None:
    touch(tmp_path, "sub-1_run-1_T1w.nii.gz", "sub-1_run-2_T1w.nii.gz", "sub-2_T2w.nii.gz",
          "sub-2_desc-lesion_mask.nii.gz")  # fmt: skip
    both, none = find_cases(tmp_path, "bids", ("t1",), {}).cases
    assert "--match" in both.problem
    assert "no t1" in none.problem
    chosen = find_cases(tmp_path, "bids", ("t1",), {"run": "2"}).cases[0]
    assert chosen.images["t1"].name == "sub-1_run-2_T1w.nii.gz"
    plain = find_cases(tmp_path, "bids", ("t1",), {"run": ""}).cases[0]
    assert "no run" in plain.problem


def test_a_cell_of_a_table_may_begin_with_a_tilde(tmp_path: Path) -> None:
    table = tmp_path / "t.csv"
    table.write_text("subject,flair,notes\na,~nobody-of-that-name.nii,~20 mm\n")
    (case,) = find_cases(table, "table", ("flair",), {}).cases
    assert case.images == {"flair": tmp_path / "~nobody-of-that-name.nii"}


def test_a_table_resolves_its_paths_and_names_gaps(tmp_path: Path) -> None:
    table = tmp_path / "t.csv"
    table.write_text("Subject,FLAIR,t1,mask,age\na,x/f.nii,x/t.nii,m.nii,3\nb,f.nii,,,\n")
    assert default_modalities(table, "table") == ("flair", "t1")
    first, second = find_cases(table, "table", ("flair", "t1"), {}).cases
    assert first.images == {"flair": tmp_path / "x/f.nii", "t1": tmp_path / "x/t.nii"}
    assert first.mask == tmp_path / "m.nii"
    assert "line 3 has no t1" in second.problem


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "no column subject"),
        ("name,flair\n", "no column subject"),
        ("subject,age\na,3\n", "--modality"),
        ("subject,flair\n,f.nii\n", "has no subject"),
        ("subject,flair\na,f.nii\na,g.nii\n", "twice"),
        ("subject,flair,flair\n", "flair twice"),
        ("subject,flair\na,f.nii,1\n", "3 cells"),
        ("subject,flair,label\na,f.nii,sick\n", "line 2"),
        ("subject,flair\n", "no subject in the layout table"),
    ],
)
def test_tables_that_cannot_be_read(tmp_path: Path, text: str, words: str) -> None:
    table = tmp_path / "t.csv"
    table.write_text(text)
    with pytest.raises(DatasetError, match=words):
        find_cases(table, "table", default_modalities(table, "table"), {})


def test_what_a_layout_reads_by_default(tmp_path: Path) -> None:
    assert default_scored("brats", default_modalities(tmp_path, "brats")) == ("flair", "t2")
    assert default_scored("brats", ("t1",)) == ("t1",)
    assert default_scored("atlas", default_modalities(tmp_path, "atlas")) == ("t1",)
    with pytest.raises(DatasetError, match="not a folder"):
        find_cases(tmp_path / "none", "brats", FOUR, {})
