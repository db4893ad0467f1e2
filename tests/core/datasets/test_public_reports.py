"""Faults of datasets that users of other tools have reported: each is read rightly or named.

Tables in the encodings of spreadsheets, misspelled columns, shares that do not add up, files that
git-annex or Git LFS did not fetch, and subjects that used to vanish without a word. BIDS names have
a file of their own, test_bids_situations.py.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

import anofpdm.datasets.preparation.prepare as prepare_module
from anofpdm.analysis.analysis import Analysis
from anofpdm.cli.app import app
from anofpdm.common.errors import AnofpdmError, DatasetError, SettingsError
from anofpdm.common.validation import validated
from anofpdm.datasets import SliceDataset
from anofpdm.datasets.csv_file import read_csv
from anofpdm.datasets.labels.annotations import read_annotations
from anofpdm.datasets.labels.label_file import labels_in, save_label
from anofpdm.datasets.layouts import default_modalities, find_cases
from anofpdm.datasets.preparation.config import PrepareConfig
from anofpdm.datasets.preparation.listing import list_cases
from anofpdm.datasets.preparation.prepare import prepare
from anofpdm.datasets.split import read_splits
from anofpdm.model.bundle import load_bundle
from anofpdm.model.checkpoint_import import import_checkpoint
from anofpdm.results.settings_files import SettingsFile
from anofpdm.scans.volume import read_volume
from anofpdm.training import TrainingConfig
from tests.core.cohorts import GRID, phantom, save, write_brats


def run(*arguments: object) -> Result:
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


# Encodings of tables.

TABLE = "subject,flair,label\nMüller,f.nii,healthy\n"


@pytest.mark.parametrize(
    "content",
    [
        TABLE.encode(),
        TABLE.encode("utf-8-sig"),
        TABLE.encode("utf-16"),
        b"\xfe\xff" + TABLE.encode("utf-16-be"),
        TABLE.encode("utf-32"),
        TABLE.replace(",", "\t").encode("utf-16"),
        TABLE.replace(",", ";").replace("\n", "\r\n").encode("utf-8-sig"),
        TABLE.replace("\n", "\r").encode(),
    ],
    ids=["utf-8", "mark", "utf-16", "utf-16-be", "utf-32", "unicode text", "semicolons", "mac"],
)
def test_tables_as_spreadsheets_save_them_are_read(tmp_path: Path, content: bytes) -> None:
    table = tmp_path / "t.csv"
    table.write_bytes(content)
    (case,) = find_cases(table, "table", ("flair",), {}).cases
    assert (case.subject, case.annotation.verdict) == ("Müller", "healthy")
    assert case.images == {"flair": tmp_path / "f.nii"}


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (TABLE.encode("cp1252"), ["line 2", "0xFC", "Windows-1252", "'ü'", "CSV UTF-8"]),
        (TABLE.encode("utf-16-le"), ["UTF-16", "byte order mark", "CSV UTF-8"]),
        ("subject,flair\na,f\n".encode("utf-16-le"), ["UTF-16", "byte order mark", "CSV UTF-8"]),
        (TABLE.encode("utf-16")[:-1], ["UTF-16", "damaged"]),
        (b"PK\x03\x04 and so on", ["Excel", "workbook", "CSV UTF-8"]),
        (b"\xd0\xcf\x11\xe0 and so on", ["old Excel", "CSV UTF-8"]),
    ],
    ids=["cp1252", "utf-16 without mark", "the same in ASCII", "cut off", "xlsx", "xls"],
)
def test_other_encodings_are_named_with_the_remedy(
    tmp_path: Path, content: bytes, words: list[str]
) -> None:
    table = tmp_path / "t.csv"
    table.write_bytes(content)
    readers: tuple[Callable[[], Any], ...] = (
        lambda: find_cases(table, "table", ("flair",), {}),
        lambda: read_annotations(table),
        lambda: read_splits(table, []),
        lambda: save_label(table, "b", read_annotations(table)["b"]),
    )
    for read in readers:
        with pytest.raises(DatasetError) as caught:
            read()
        message = str(caught.value)
        assert all(word in message for word in (str(table), *words)), message
    assert table.read_bytes() == content


# Columns that are misspelled.


@pytest.mark.parametrize(
    ("column", "meant"),
    [
        ("unhealthy_slcies", "unhealthy_slices"),
        ("unhealthy slices", "unhealthy_slices"),
        ("Lable", "label"),
        ("masks", "mask"),
        ("Brain-Mask", "brain_mask"),
        ("patient_id", "patient"),
        ("t1w", "t1"),
    ],
)
def test_an_unknown_column_is_named_with_the_known_one(
    tmp_path: Path, column: str, meant: str
) -> None:
    table = tmp_path / "t.csv"
    table.write_text(f"subject,flair,{column},age,sex\na,f.nii,x,61,f\n")
    config = PrepareConfig(source=table, layout="table", modalities=("flair",))
    near, others = list_cases(config).warnings
    assert f'column "{column.lower()}"' in near
    assert f'"{meant}" is meant' in near
    assert others == "Columns of t.csv that are not read: age, sex."


def test_known_columns_raise_no_doubt(tmp_path: Path) -> None:
    table = tmp_path / "t.csv"
    table.write_text("subject,patient,flair,dwi,pet,label,unhealthy_slices,mask,brain_mask,split\n"
                     "a,p,f.nii,d.nii,p.nii,healthy,,,,train\n")  # fmt: skip
    config = PrepareConfig(
        source=table, layout="table", modalities=("flair", "pet"), labels=table, splits=table
    )
    assert not list_cases(config).warnings


@pytest.mark.parametrize(
    ("header", "words"),
    [
        ("subjet,flair", "subjet, flair; is subjet meant?"),
        ("subject,flare", "is flair meant?"),
        ("subject,T1w", "is t1 meant?"),
    ],
)
def test_a_column_that_is_needed_is_named_with_the_near_one(
    tmp_path: Path, header: str, words: str
) -> None:
    table = tmp_path / "t.csv"
    table.write_text(f"{header}\n")
    with pytest.raises(DatasetError) as caught:
        default_modalities(table, "table")
    assert words in str(caught.value)


def test_columns_of_label_and_split_files_are_named_too(tmp_path: Path) -> None:
    table, labels, splits = (tmp_path / name for name in ("t.csv", "labels.csv", "splits.csv"))
    table.write_text("subject,flair\na,f.nii\n")
    labels.write_text("subject,label,unhealthy_slice\na,unhealthy,3-9\n")
    splits.write_text("patients,subject,split\np,a,train\n")
    config = PrepareConfig(
        source=table, layout="table", modalities=("flair",), labels=labels, splits=splits
    )
    said = list_cases(config).warnings
    assert len(said) == 2
    assert said[0].startswith("labels.csv ")
    assert said[1].startswith("splits.csv ")
    assert '"unhealthy_slices" is meant' in said[0]
    assert '"patient" is meant' in said[1]


# Shares of the splits.


@pytest.mark.parametrize(
    "shares", [(60, 20, 20), (0.6, 0.2, 0.2), (100, 0, 0), (1, 0, 0), (33.3, 33.3, 33.3)]
)
def test_shares_add_up_to_100_or_to_1(shares: tuple[float, float, float]) -> None:
    config = PrepareConfig(source=Path(), layout="brats", shares=shares)
    assert sum(config.share_of.values()) == pytest.approx(sum(shares))


@pytest.mark.parametrize(
    ("shares", "words"),
    [
        ((60, 20, 30), ["60,20,30", "add up to 110", "write 54.5,18.2,27.3"]),
        ((0.6, 0.2, 0.3), ["0.6,0.2,0.3", "add up to 1.1", "54.5,18.2,27.3"]),
        ((8, 1, 1), ["add up to 10", "write 80,10,10"]),
        ((60, 20, 19), ["add up to 99"]),
        ((60, 0.2, 0.2), ["add up to 60.4"]),
    ],
)
def test_other_sums_are_refused_with_what_is_right(
    shares: tuple[float, float, float], words: list[str]
) -> None:
    with pytest.raises(SettingsError) as caught:
        validated(PrepareConfig, source=Path(), layout="brats", shares=shares)
    assert all(word in str(caught.value) for word in ("--split", *words)), str(caught.value)


# Files whose content is elsewhere.

LFS = "version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 132735\n"
ANNEX = "/annex/objects/SHA256E-s132735--4d7a.nii.gz\n"
LINK_AS_TEXT = "../../.git/annex/objects/Xx/9k/SHA256E-s132735--4d7a/SHA256E-s132735--4d7a"


def _text(content: str) -> Callable[[Path], None]:
    def place(path: Path) -> None:
        path.write_text(content)

    return place


def _link(target: str) -> Callable[[Path], None]:
    return lambda path: path.symlink_to(target)


PLACEHOLDERS: dict[str, tuple[Callable[[Path], None], str]] = {
    "LFS pointer": (_text(LFS), "git lfs pull"),
    "annex pointer": (_text(ANNEX), "git annex get"),
    "annex link as text": (_text(LINK_AS_TEXT), "git annex get"),
    "annex link": (_link(LINK_AS_TEXT), "git annex get"),
    "dead link": (_link("/elsewhere/scan.nii.gz"), "is a link to /elsewhere/scan.nii.gz"),
}


def _table(path: Path) -> None:
    find_cases(path, "table", ("flair",), {})


def _checkpoint(path: Path) -> None:
    import_checkpoint(path, modalities=("t1",), scored=("t1",))


def _weights(path: Path) -> None:
    (path.parent / "metadata.json").write_text("{}")
    load_bundle(path.parent)


READERS: dict[str, tuple[str, Callable[[Path], Any]]] = {
    "scan": ("f.nii.gz", read_volume),
    "MGZ": ("f.mgz", read_volume),
    "NRRD": ("f.nrrd", read_volume),
    "table": ("t.csv", _table),
    "any CSV": ("t.csv", read_csv),
    "labels": ("l.csv", read_annotations),
    "labels in the viewer": ("l.csv", labels_in),
    "splits": ("s.csv", lambda path: read_splits(path, [])),
    "checkpoint": ("ema.pt", _checkpoint),
    "weights": ("weights.safetensors", _weights),
    "metadata": ("metadata.json", lambda path: load_bundle(path.parent)),
    "zipped bundle": ("m.anofpdm.zip", load_bundle),
    "configuration": ("run.toml", TrainingConfig.from_toml),
    "settings": ("settings.json", SettingsFile.read),
    "slice dataset": ("zarr.json", lambda path: SliceDataset.open(path.parent)),
    "analysis": ("zarr.json", lambda path: Analysis.open(path.parent)),
}


@pytest.mark.parametrize("reader", READERS)
@pytest.mark.parametrize("kind", PLACEHOLDERS)
def test_a_file_that_was_not_fetched_is_named_with_the_remedy(
    tmp_path: Path, kind: str, reader: str
) -> None:
    place, remedy = PLACEHOLDERS[kind]
    name, read = READERS[reader]
    place(tmp_path / name)
    with pytest.raises(AnofpdmError) as caught:
        read(tmp_path / name)
    message = str(caught.value)
    assert str(tmp_path / name) in message
    assert remedy in message
    assert "\n" not in message


def test_labels_are_not_written_over_a_link(tmp_path: Path) -> None:
    link = tmp_path / "labels.csv"
    link.symlink_to(LINK_AS_TEXT)
    (tmp_path / "ours.csv").write_text("subject,label\na,healthy\n")
    healthy = read_annotations(tmp_path / "ours.csv")["a"]
    with pytest.raises(DatasetError, match="git annex get"):
        save_label(link, "a", healthy)
    assert os.readlink(link) == LINK_AS_TEXT  # noqa: PTH115 - the text of the link


# Subjects that used to vanish, and causes that were hidden.


@pytest.fixture
def no_picture(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(prepare_module, "save_contact_sheet", lambda dataset, path: None)


def write_bids(folder: Path) -> Path:
    """One subject of each kind: whole; two runs; another space; not fetched; no mask named."""
    flair, lesion = phantom(1).volumes["flair"], phantom(1).lesion
    for number, entities in (("01", ""), ("02", "_run-1"), ("02", "_run-2"), ("03", "_space-MNI")):
        save(folder / f"sub-{number}/anat/sub-{number}{entities}_FLAIR.nii.gz", flair)
    masks = folder / "derivatives" / "lesions"
    save(masks / "sub-01/anat/sub-01_label-lesion_mask.nii.gz", lesion)
    save(masks / "sub-01/anat/sub-01_label-other_mask.nii.gz", lesion)
    (folder / "sub-04/anat").mkdir(parents=True)
    (folder / "sub-04/anat/sub-04_FLAIR.nii.gz").write_text(LFS)
    return folder


OPTIONS = ["--layout", "bids", "--modality", "flair", "--size", 32, "--workers", 1]


@pytest.mark.usefixtures("no_picture")
def test_all_that_is_skipped_is_told_before_the_work_begins(tmp_path: Path) -> None:
    source = write_bids(tmp_path / "in")
    out = tmp_path / "d.zarr"
    result = run("prepare", source, *OPTIONS, "--match", "space=", "--out", out, "--json")
    assert result.exit_code == 3, result.stderr
    lines = result.stderr.splitlines()
    told = [
        ("Skipped sub-02", "2 files for its flair scan", "--match run=1"),
        ("Skipped sub-03", "no flair scan with no space", "there is sub-03_space-MNI_FLAIR"),
        ("Skipped sub-04", "sub-04_FLAIR.nii.gz", "git lfs pull"),
        ("Not read", "sub-01_label-other_mask.nii.gz", "neither lesion nor brain"),
    ]
    for line, words in zip(lines, told, strict=False):
        assert all(word in line for word in words), line
    assert sum("Skipped sub-02" in line for line in lines) == 1
    report = json.loads((out / "prepared.json").read_text())
    assert [one["subject"] for one in report["skipped"]] == ["sub-02", "sub-03", "sub-04"]
    names = [one["name"] for one in report["left_alone"]]
    assert names == ["sub-01_label-other_mask.nii.gz"]  # a folder may have a patient's name
    assert list(SliceDataset.open(out).subjects) == ["sub-01"]


@pytest.mark.usefixtures("no_picture")
def test_the_listing_comes_before_the_first_subject(tmp_path: Path) -> None:
    config = PrepareConfig(
        source=write_bids(tmp_path / "in"), layout="bids", modalities=("flair",), preprocessing=GRID
    )
    told: list[str] = []
    prepare(
        config,
        tmp_path / "d.zarr",
        workers=1,
        on_listed=lambda listing: told.extend(case.subject for case in listing.skipped),
        on_progress=lambda stage, done, total: told.append(stage),
    )
    assert told[:3] == ["sub-02", "sub-04", "Preparing subjects"]


def test_several_runs_are_told_where_nothing_else_is_labelled(tmp_path: Path) -> None:
    flair, lesion = phantom(1).volumes["flair"], phantom(1).lesion
    for run_ in ("run-1", "run-2"):
        save(tmp_path / f"in/sub-01/anat/sub-01_{run_}_FLAIR.nii.gz", flair)
    save(tmp_path / "in/sub-01/anat/sub-01_label-lesion_mask.nii.gz", lesion)
    save(tmp_path / "in/sub-02/anat/sub-02_FLAIR.nii.gz", flair)
    save(tmp_path / "in/sub-02/anat/sub-02_mask.nii.gz", lesion)
    config = PrepareConfig(
        source=tmp_path / "in", layout="bids", modalities=("flair",), preprocessing=GRID
    )
    with pytest.raises(DatasetError) as caught:
        prepare(config, tmp_path / "d.zarr", workers=1)
    message = str(caught.value)
    assert "No slice" in message
    assert "sub-01 has 2 files for its flair scan" in message
    assert "--match run=1" in message
    assert "sub-02_mask.nii.gz says neither lesion nor brain" in message


@pytest.mark.usefixtures("no_picture")
@pytest.mark.parametrize("match", ["run=1", "run=01", "run=run-1"])
def test_a_run_is_found_however_its_number_is_written(tmp_path: Path, match: str) -> None:
    anat = tmp_path / "in/sub-01/anat"
    for seed in (1, 2):
        save(anat / f"sub-01_run-0{seed}_FLAIR.nii.gz", phantom(seed).volumes["flair"])
        save(anat / f"sub-01_run-0{seed}_label-lesion_roi.nii.gz", phantom(seed).lesion)
    given = [*OPTIONS, "--split", "1,0,0", "--match", match, "--out", tmp_path / "d.zarr"]
    result = run("prepare", tmp_path / "in", *given)
    assert result.exit_code == 0, result.stderr
    # Of the two masks that of the run is taken: the lesions of the other would be elsewhere.
    assert "run-02_label-lesion_roi.nii.gz is of run-02" in result.stderr
    truth = SliceDataset.open(tmp_path / "d.zarr").select("train").truth
    assert truth is not None
    areas = {seed: phantom(seed).lesion.data.any(axis=(0, 1)).sum() for seed in (1, 2)}
    assert areas[1] != areas[2]
    assert truth.any(axis=(1, 2)).sum() <= areas[1]


def test_a_key_that_is_matched_twice_is_refused(tmp_path: Path) -> None:
    options = [*OPTIONS, "--match", "run=1", "--match", "run=2"]
    result = run("prepare", tmp_path, *options, "--out", tmp_path / "d.zarr")
    assert (result.exit_code, "--match gives run twice" in result.stderr) == (2, True)


def test_a_dry_run_tells_what_will_be_skipped(tmp_path: Path) -> None:
    source = write_bids(tmp_path / "in")
    result = run("prepare", source, *OPTIONS, "--out", tmp_path / "d.zarr", "--dry-run", "--json")
    problems = " ".join(json.loads(result.stdout)["problems"])
    assert "sub-02 will be skipped: sub-02 has 2 files" in problems
    assert "git lfs pull" in problems
    assert "Not read: sub-01_label-other_mask.nii.gz" in problems
    assert not (tmp_path / "d.zarr").exists()


def test_masks_that_brats_names_otherwise_are_left_alone_and_named(tmp_path: Path) -> None:
    source = write_brats(tmp_path, {"BraTS2021_00000": 1})
    case = source / "BraTS2021_00000"
    (case / "BraTS2021_00000-seg.nii.gz").rename(case / "BraTS2021_00000-segmentation.nii.gz")
    (source / "BraTS2021_00009").mkdir()
    (source / "BraTS2021_00009" / "BraTS2021_00009_seg.nii.gz").touch()
    found = find_cases(source, "brats", ("flair", "t1"), {})
    assert [(one.subject, one.mask) for one in found.cases] == [("BraTS2021_00000", None)]
    assert [(one.name.split("/")[-1], one.reason) for one in found.left_alone] == [
        (
            "BraTS2021_00000-segmentation.nii.gz",
            "is not named as BraTS names masks (..._seg or ...-seg)",
        ),
        ("BraTS2021_00009_seg.nii.gz", "has no scan beside it"),
    ]
