from __future__ import annotations

from pathlib import Path

import pytest

from anofpdm.datasets.annotations import read_annotations
from anofpdm.datasets.case import Annotation
from anofpdm.datasets.label_file import labels_in, proposed_subject, save_label
from anofpdm.datasets.layouts import find_cases
from anofpdm.errors import DatasetError


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
    cases = find_cases(path, "table", ["flair"], {})
    assert [case.images["flair"].name for case in cases] == ["a.nii", "b.nii"]
    assert cases[1].annotation.ranges == ((4, 9),)
    assert "south" in path.read_text()


def test_what_cannot_be_is_refused_and_the_file_stays(tmp_path: Path) -> None:
    path = tmp_path / "labels.csv"
    save_label(path, "p01", Annotation("healthy"))
    before = path.read_text()
    with pytest.raises(DatasetError, match="Name the subject"):
        save_label(path, " ", Annotation("healthy"))
    with pytest.raises(DatasetError, match="healthy and lists"):
        save_label(path, "p01", Annotation("healthy", ((1, 2),)))
    assert path.read_text() == before
    path.write_text("a,b\n1,2\n")
    with pytest.raises(DatasetError, match="no column subject"):
        save_label(path, "p01", Annotation("healthy"))


@pytest.mark.parametrize(
    ("path", "subject"),
    [
        ("x/BraTS-GLI-00000-000/BraTS-GLI-00000-000-t2f.nii.gz", "BraTS-GLI-00000-000"),
        ("sub-01/ses-2/anat/sub-01_ses-2_FLAIR.nii.gz", "sub-01_ses-2"),
        ("sub-01/anat/sub-01_T1w.nii", "sub-01"),
        ("scans/patient7.nii.gz", "patient7"),
        ("scans/patient7_FLAIR.nii.gz", "patient7"),
        ("scans/p7-a.t1.nii", "p7-a"),
        ("scans/t1-study_8.nii", "t1-study_8"),
        ("scans/patient19/flair.nii.gz", "patient19"),
        ("scans/patient19/FLAIR_T2W.nii.gz", "patient19"),
    ],
)
def test_subjects_are_named_as_prepare_names_them(path: str, subject: str) -> None:
    assert proposed_subject(Path(path)) == subject
