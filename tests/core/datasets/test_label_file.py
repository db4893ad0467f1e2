from __future__ import annotations

from pathlib import Path

import pytest

from anofpdm.common.errors import DatasetError
from anofpdm.datasets.case import Annotation
from anofpdm.datasets.csv_file import read_csv
from anofpdm.datasets.labels.annotations import read_annotations
from anofpdm.datasets.labels.label_file import labels_in, proposed_subject, save_label
from anofpdm.datasets.layouts import find_cases


def test_what_is_saved_is_what_prepare_reads(tmp_path: Path) -> None:
    path = tmp_path / "new" / "labels.csv"
    assert labels_in(path) == {}
    given = {
        "p01": Annotation("unhealthy", ((3, 7), (12, 12))),
        "p02": Annotation("healthy"),
        "p03": Annotation("unhealthy"),
        "p, 04": Annotation(None, ((0, 1),)),
        "p05": Annotation(),
    }
    for subject, annotation in given.items():
        save_label(path, subject, annotation)
    assert read_annotations(path) == given
    save_label(path, "p02", Annotation("unhealthy", ((1, 2),)))
    assert labels_in(path) == given | {"p02": Annotation("unhealthy", ((1, 2),))}


def test_a_table_of_scans_keeps_its_columns(tmp_path: Path) -> None:
    path = tmp_path / "table.csv"
    path.write_text("subject;flair;Site\np01;a.nii;north\np02;b.nii;south\n")
    save_label(path, "p02", Annotation("unhealthy", ((4, 9),)))
    cases = find_cases(path, "table", ["flair"], {}).cases
    assert [case.images["flair"].name for case in cases] == ["a.nii", "b.nii"]
    assert cases[1].annotation.ranges == ((4, 9),)
    assert "south" in path.read_text()


def test_what_cannot_be_is_refused_and_the_file_stays(tmp_path: Path) -> None:
    path = tmp_path / "labels.csv"
    save_label(path, "p01", Annotation("healthy"))
    before = path.read_text()
    with pytest.raises(DatasetError, match="Enter a subject name"):
        save_label(path, " ", Annotation("healthy"))
    with pytest.raises(DatasetError, match="healthy but lists"):
        save_label(path, "p01", Annotation("healthy", ((1, 2),)))
    assert path.read_text() == before
    path.write_text("a,b\n1,2\n")
    with pytest.raises(DatasetError, match="no column subject"):
        save_label(path, "p01", Annotation("healthy"))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('subject,flair,note\np01,a.nii,"clear\np02,b.nii,\n', "line 2 .*quotation"),
        ('subject,flair,note\np01,a.nii,"a" b\n', "line 2 .*quotation"),
        (",subject,flair\n0,p01,a.nii\n", "column without a name"),
        ("subject,label\np01,helthy\np02,\n", "line 2.*helthy"),
    ],
)
def test_a_table_that_would_lose_cells_is_left_alone(tmp_path: Path, text: str, words: str) -> None:
    path = tmp_path / "t.csv"
    path.write_text(text)
    with pytest.raises(DatasetError, match=words):
        save_label(path, "p02", Annotation("healthy"))
    assert path.read_text() == text


def test_cells_with_quotation_marks_and_several_lines_survive(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text('subject;note\np01;"5"" lesion;\nseen twice"\np02;none\n')
    save_label(path, "p02", Annotation("healthy"))
    first, second = read_csv(path).rows
    assert first.values["note"] == '5" lesion;\nseen twice'
    assert second.values["label"] == "healthy"
    assert second.where.endswith("line 4")


@pytest.mark.parametrize(
    ("path", "subject"),
    [
        ("x/BraTS-GLI-00000-000/BraTS-GLI-00000-000-t2f.nii.gz", "BraTS-GLI-00000-000"),
        ("sub-01/ses-2/anat/sub-01_ses-2_FLAIR.nii.gz", "sub-01_ses-2"),
        ("sub-01/anat/sub-01_T1w.nii", "sub-01"),
        ("scans/patient7.nii.gz", "patient7"),
        ("BraTS/BraTS2021_00001_flair.nii.gz", "BraTS2021_00001"),
        ("patient/patient1_t1.nii", "patient1"),
        ("sub-01/sub-01_ses-2_FLAIR.nii.gz", "sub-01_ses-2"),
        ("scans/p01_FLAIR.NII.GZ", "p01"),
        ("scans/patient7_FLAIR.nii.gz", "patient7"),
        ("scans/p7-a.t1.nii", "p7-a"),
        ("scans/t1-study_8.nii", "t1-study_8"),
        ("scans/patient19/flair.nii.gz", "patient19"),
        ("scans/patient19/FLAIR_T2W.nii.gz", "patient19"),
    ],
)
def test_subjects_are_named_as_prepare_names_them(path: str, subject: str) -> None:
    assert proposed_subject(Path(path)) == subject
