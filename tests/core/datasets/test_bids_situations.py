"""BIDS datasets as people have them: what is read, what is skipped, and what is left alone.

Each situation is a small dataset of tiny volumes, with what `prepare` should make of it. The names
follow the specification, published datasets (ATLAS, ISLES, ARC, SOOP, spine-generic) and reports of
users.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import pytest

from anofpdm.common.errors import DatasetError
from anofpdm.datasets.case import Case
from anofpdm.datasets.layouts import find_cases
from anofpdm.datasets.preparation.subject import Recipe, subject_slices
from anofpdm.scans.volume import Volume
from tests.core.cohorts import GRID, phantom, save


@dataclass(frozen=True)
class Situation:
    """A dataset and what is found in it.

    Attributes
    ----------
    files : sequence of str or mapping of str to str or dict
        Volumes by their paths; other files with their content (a dict is written as JSON).
    found : mapping of str to str or tuple
        For each session the name of its lesion mask ("" for none) or, in a tuple, words of the
        problem that it is skipped for.
    left_alone : mapping of str to str
        End of each path that is left alone, and words of the reason.
    """

    files: Sequence[str]
    found: Mapping[str, str | tuple[str, ...]]
    left_alone: Mapping[str, str] = field(default_factory=dict)
    texts: Mapping[str, Any] = field(default_factory=dict)
    match: Mapping[str, str] = field(default_factory=dict)
    modalities: tuple[str, ...] = ("flair",)
    labels: tuple[int, ...] = ()
    source: str = "."


def scan(subject: str = "01", *, entities: str = "", suffix: str = "FLAIR", ses: str = "") -> str:
    stem = f"sub-{subject}" + (f"_ses-{ses}" if ses else "")
    folder = f"sub-{subject}/" + (f"ses-{ses}/" if ses else "") + "anat"
    return f"{folder}/{stem}{'_' + entities if entities else ''}_{suffix}.nii.gz"


def derived(name: str, pipeline: str = "lesions") -> str:
    return f"derivatives/{pipeline}/sub-01/anat/{name}.nii.gz"


LESION = "sub-01_label-lesion_mask"
SITUATIONS = {
    "run-1 asks for run-01": Situation(
        [scan(entities="run-01"), scan(entities="run-02")],
        {"sub-01": ""},
        match={"run": "1"},
    ),
    "run-01 asks for run-1": Situation(
        [scan(entities="run-1"), scan(entities="run-2")],
        {"sub-01": ""},
        match={"run": "01"},
    ),
    "labels are texts: acq-1 is not acq-01": Situation(
        [scan(entities="acq-01")],
        {"sub-01": ("no flair scan with acq-1 in its name", "there is sub-01_acq-01_FLAIR")},
        match={"acq": "1"},
    ),
    "a session that the match leaves without a scan, and without a mask, is told": Situation(
        [scan(entities="space-MNI"), scan("02"), scan("03", entities="space-MNI")],
        {
            "sub-01": "",
            "sub-02": ("no flair scan with space-MNI", "there is sub-02_FLAIR.nii.gz"),
            "sub-03": "",
        },
        match={"space": "MNI"},
    ),
    "a session without one of two contrasts is told": Situation(
        [scan(), scan(suffix="T1w"), scan("02", suffix="T1w")],
        {"sub-01": "", "sub-02": ("no flair scan",)},
        modalities=("flair", "t1"),
    ),
    "several runs are never chosen among": Situation(
        [scan(entities="run-1"), scan(entities="run-2")],
        {"sub-01": ("2 files for its flair scan", "--match run=1")},
    ),
    "what tells the files apart is proposed, not a run": Situation(
        [scan(entities="acq-sag"), scan(entities="acq-tra")],
        {"sub-01": ("--match acq=sag",)},
    ),
    "the raw scan and a derivative of it": Situation(
        [scan(), derived("sub-01_desc-preproc_FLAIR", "fmriprep")],
        {"sub-01": ("--match desc=",)},
    ),
    "a copy of the same name is told with both folders": Situation(
        [scan(), derived("sub-01_FLAIR", "copy")],
        {"sub-01": ("--match cannot distinguish", "derivatives/copy/sub-01/anat/sub-01_FLAIR")},
    ),
    "label-lesion_roi": Situation(
        [scan(), derived("sub-01_label-lesion_roi")], {"sub-01": "sub-01_label-lesion_roi"}
    ),
    "desc-lesion_mask, after the scan's own suffix": Situation(
        [scan(), derived("sub-01_acq-spc3p2_run-3_T2w_desc-lesion_mask")],
        {"sub-01": "sub-01_acq-spc3p2_run-3_T2w_desc-lesion_mask"},
    ),
    "label-lesion_mask": Situation([scan(), derived(LESION)], {"sub-01": LESION}),
    "FLAIR_lesion-manual": Situation(
        [scan(), derived("sub-01_FLAIR_lesion-manual", "labels")],
        {"sub-01": "sub-01_FLAIR_lesion-manual"},
    ),
    "the mask of ATLAS": Situation(
        [scan(entities="space-MNI"),
         scan(entities="space-MNI_label-L_desc-T1lesion", suffix="mask")],
        {"sub-01": "sub-01_space-MNI_label-L_desc-T1lesion_mask"},
    ),
    "the mask of ISLES": Situation(
        [scan(ses="0001"), "derivatives/sub-01/ses-0001/sub-01_ses-0001_msk.nii.gz"],
        {"sub-01_ses-0001": "sub-01_ses-0001_msk"},
    ),
    "a mask whose JSON file has the Type Lesion": Situation(
        [scan(), derived("sub-01_mask")],
        {"sub-01": "sub-01_mask"},
        texts={"derivatives/lesions/sub-01/anat/sub-01_mask.json": {"Type": "Lesion"}},
    ),
    "a segmentation with a table of its labels": Situation(
        [scan(), derived("sub-01_desc-manual_dseg")],
        {"sub-01": "sub-01_desc-manual_dseg"},
        texts={
            "derivatives/lesions/desc-manual_dseg.tsv": (
                "index\tname\n1\tGray Matter\n2\tWhite Matter\n4\tStroke lesion\n"
            )
        },
        labels=(4,),
    ),
    "a segmentation in the common labels of the specification": Situation(
        [scan(), derived("sub-01_dseg")],
        {"sub-01": "sub-01_dseg"},
        texts={
            "derivatives/lesions/sub-01/anat/sub-01_dseg.tsv": (
                "index\tname\tabbreviation\tmapping\n1\tgm\tGM\t1\n2\tles\tL\t7\n"
            )
        },
        labels=(2,),
    ),
    "a segmentation whose JSON file names its labels": Situation(
        [scan(), derived("sub-01_dseg")],
        {"sub-01": "sub-01_dseg"},
        texts={
            "derivatives/lesions/sub-01/anat/sub-01_dseg.json": {
                "Labels": {"1": "ventricle", "2": "lesion core", "3": "lesion rim", "4": "csf"}
            }
        },
        labels=(2, 3),
    ),
    "a segmentation of tissue is left alone": Situation(
        [scan(), derived("sub-01_dseg", "fmriprep")],
        {"sub-01": ""},
        {"sub-01_dseg.nii.gz": "none is a lesion (GM, WM, CSF)"},
        texts={"derivatives/fmriprep/dseg.tsv": "index\tname\n1\tGM\n2\tWM\n3\tCSF\n"},
    ),
    "a segmentation without names is left alone": Situation(
        [scan(), derived("sub-01_dseg")],
        {"sub-01": ""},
        {"sub-01_dseg.nii.gz": "no TSV or JSON file that names the label of the lesion"},
    ),
    "a mask that does not say of what is left alone": Situation(
        [scan(), derived("sub-01_mask"), derived("sub-01_label-perilesional_mask"),
         derived("sub-01_label-lesion_probseg"), derived("lesion_of_sub-01")],
        {"sub-01": ""},
        {
            "sub-01_mask.nii.gz": "neither lesion nor brain",
            "sub-01_label-perilesional_mask.nii.gz": "neither lesion nor brain",
            "sub-01_label-lesion_probseg.nii.gz": "probabilities",
            "lesion_of_sub-01.nii.gz": "not named as BIDS",
        },
    ),
    "derivatives beside the raw tree": Situation(
        [f"rawdata/{scan()}", derived(LESION), derived("sub-01_desc-brain_mask"),
         "derivatives/lesions/sub-02/anat/sub-02_label-lesion_mask.nii.gz",
         derived("sub-01_FLAIR", "stripped")],
        {"sub-01": LESION},
        source="rawdata",
    ),
    "derivatives beside one subject": Situation(
        [scan(), scan("02"), derived(LESION)], {"sub-01": LESION}, source="sub-01"
    ),
    "derivatives beside a dataset of another name may be of other people": Situation(
        [f"mine/{scan()}", derived(LESION)], {"sub-01": ""}, source="mine"
    ),
    "two people of one name": Situation(
        [f"a/{scan()}", f"b/{scan(suffix='T1w')}"],
        {"sub-01": ("files in 2 datasets", "may stand for two people")},
        texts={"a/dataset_description.json": {}, "b/dataset_description.json": {}},
        modalities=("flair", "t1"),
    ),
    "two people of one name, one with a mask": Situation(
        [f"a/{scan()}", f"b/{derived(LESION)}"],
        {"sub-01": ("files in 2 datasets",)},
        texts={"a/dataset_description.json": {}},
    ),
    "one dataset of three parts": Situation(
        [f"rawdata/{scan()}", derived(LESION), derived("sub-01_space-T1w_T1w", "t1")],
        {"sub-01": LESION},
        texts={
            "rawdata/dataset_description.json": {},
            "derivatives/lesions/dataset_description.json": {},
            "derivatives/t1/dataset_description.json": {},
        },
        modalities=("flair", "t1"),
    ),
    "a mask without a session, of a subject with one": Situation(
        [scan(ses="1"), derived(LESION)], {"sub-01_ses-1": LESION}
    ),
    "a mask without a session, of a subject with two": Situation(
        [scan(ses="1"), scan(ses="2"), derived(LESION)],
        {"sub-01_ses-1": "", "sub-01_ses-2": ""},
        {f"{LESION}.nii.gz": "has no session in its name, but 2 sessions"},
    ),
    "the mask of another run is not taken": Situation(
        [scan(entities="run-1"), scan(entities="run-2"),
         derived("sub-01_run-01_label-lesion_mask")],
        {"sub-01": ""},
        {"sub-01_run-01_label-lesion_mask.nii.gz": "--match run=2 leaves out"},
        match={"run": "2"},
    ),
    "nor where there is one scan alone": Situation(
        [scan(entities="run-2"), derived("sub-01_run-1_label-lesion_mask")],
        {"sub-01": ""},
        {"sub-01_run-1_label-lesion_mask.nii.gz": "is of run-1, and the scan of run-2"},
    ),
    "a match narrows several masks down": Situation(
        [scan(), scan(entities="space-MNI"), derived(LESION),
         derived("sub-01_space-MNI_label-lesion_mask")],
        {"sub-01": "sub-01_space-MNI_label-lesion_mask"},
        match={"space": "MNI"},
    ),
    "two masks are never chosen between": Situation(
        [scan(), derived(LESION), derived("sub-01_label-lesion_roi", "others")],
        {"sub-01": ("2 files for its lesion mask", "list the files in a CSV table")},
    ),
    "a session of other scans is left alone": Situation(
        [scan(), "sub-02/func/sub-02_task-rest_bold.nii.gz"],
        {"sub-01": ""},
        {"sub-02": "no flair scan, only bold"},
    ),
    "a scan whose name is not one of BIDS is told": Situation(
        [scan(), "sub-02/anat/sub-02-FLAIR.nii.gz", "sub-03/anat/sub-03_run1_x_FLAIR.nii.gz"],
        {"sub-01": ""},
        {"sub-02-FLAIR.nii.gz": "not named as BIDS", "sub-03_run1_x_FLAIR.nii.gz": "not named"},
    ),
}  # fmt: skip


def write(folder: Path, situation: Situation) -> Path:
    tiny = nib.Nifti1Image(np.arange(8, dtype=np.uint8).reshape(2, 2, 2), np.eye(4))
    for name in situation.files:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(tiny.to_bytes())
    for name, content in situation.texts.items():
        text = content if isinstance(content, str) else json.dumps(content)
        (folder / name).write_text(text, encoding="utf-8")
    return folder / situation.source


@pytest.mark.parametrize("situation", SITUATIONS.values(), ids=SITUATIONS.keys())
def test_a_situation(tmp_path: Path, situation: Situation) -> None:
    source = write(tmp_path, situation)
    found = find_cases(source, "bids", situation.modalities, situation.match)
    assert [case.subject for case in found.cases] == sorted(situation.found)
    for case in found.cases:
        expected = situation.found[case.subject]
        if isinstance(expected, tuple):
            assert all(words in case.problem for words in expected), case.problem
            assert case.subject in case.problem
        else:
            assert not case.problem
            assert (case.mask.name if case.mask else "") == (expected and f"{expected}.nii.gz")
            assert case.mask_labels == (situation.labels if expected else ())
            assert set(case.images) == set(situation.modalities)
    assert len(found.left_alone) == len(situation.left_alone), found.left_alone
    for name, reason in situation.left_alone.items():
        (one,) = [one for one in found.left_alone if one.name.split("/")[-1] == name]
        assert reason in one.reason


def test_the_brain_beside_the_raw_tree_is_read_too(tmp_path: Path) -> None:
    source = write(tmp_path, SITUATIONS["derivatives beside the raw tree"])
    found = find_cases(source, "bids", ("flair",), {})
    (case,) = found.cases
    assert found.notes == ("Masks of 1 of 1 sessions are read from derivatives beside the source.",)
    assert case.brain_mask is not None
    assert case.brain_mask.name == "sub-01_desc-brain_mask.nii.gz"
    assert case.images["flair"].is_relative_to(source)


def test_only_the_lesions_labels_of_a_segmentation_are_lesion(tmp_path: Path) -> None:
    flair, lesion = phantom(1).volumes["flair"], phantom(1).lesion
    tissue = np.where(lesion.data > 0.5, 4, np.where(flair.data > 0, 2, 0)).astype(np.float32)
    images = {"flair": save(tmp_path / "f.nii.gz", flair)}
    segmentation = Volume(tissue, lesion.affine, "dseg", None, lesion.header)
    cases = (
        Case("s", "s", images, mask=save(tmp_path / "m.nii.gz", lesion)),
        Case("s", "s", images, mask=save(tmp_path / "s.nii.gz", segmentation), mask_labels=(4,)),
    )
    made = [subject_slices(case, Recipe(("flair",), GRID, 30.0)) for case in cases]
    assert np.array_equal(made[0].labels, made[1].labels)
    assert (made[0].labels == 0).any() and (made[0].labels == 1).any()
    assert made[0].truth is not None and made[1].truth is not None
    assert np.array_equal(made[0].truth, made[1].truth)


@pytest.mark.parametrize(("given", "known"), [("T1w", "t1"), ("FLAIR", "flair"), ("t2f", "flair")])
def test_a_contrast_spelled_as_in_file_names_is_named_with_its_name(
    tmp_path: Path, given: str, known: str
) -> None:
    source = write(tmp_path, Situation([scan(), scan(suffix="T1w")], {}))
    with pytest.raises(DatasetError, match=f"{given} is called {known} here"):
        find_cases(source, "bids", (given,), {})
