"""`prepare` on small cohorts on disk: what is stored, resuming, and what is skipped."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest
from typer.testing import CliRunner, Result

import anofpdm.datasets.preparation.prepare as prepare_module
import anofpdm.datasets.preparation.workers as workers_module
from anofpdm.cli.app import app
from anofpdm.common.errors import DatasetError, OutputError
from anofpdm.common.folder_lock import folder_lock
from anofpdm.datasets import SliceDataset
from anofpdm.datasets.case import Case
from anofpdm.datasets.preparation.config import PrepareConfig
from anofpdm.datasets.preparation.parts import PartStore
from anofpdm.datasets.preparation.prepare import prepare
from anofpdm.datasets.preparation.subject import Recipe, SubjectSlices, subject_slices
from anofpdm.scans.preprocessing import preprocess
from anofpdm.scans.preprocessing_config import PreprocessingConfig
from anofpdm.scans.volume import read_volume
from tests.core.cohorts import BRATS, GRID, brats_config, phantom, save, write_atlas, write_brats


@pytest.fixture(autouse=True)
def no_picture(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Spare the tests that do not look at the contact sheet its drawing."""
    if "picture" not in request.node.name:
        monkeypatch.setattr(prepare_module, "save_contact_sheet", lambda dataset, path: None)


@pytest.fixture(scope="module")
def cohort(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_brats(tmp_path_factory.mktemp("cohort"))


@pytest.fixture(scope="module")
def fingerprint(cohort: Path, tmp_path_factory: pytest.TempPathFactory) -> str:
    """Of the dataset that an undisturbed run makes of the cohort."""
    out = tmp_path_factory.mktemp("whole") / "d.zarr"
    prepare(brats_config(cohort), out, workers=1)
    return SliceDataset.open(out).fingerprint


def run(*arguments: object) -> Result:
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


SMALL = ["--size", 32, "--workers", 1]
BRATS_OPTIONS = ["--layout", "brats", "--modality", "flair", "--modality", "t1", *SMALL]


def counting(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Names of the subjects that are made from now on."""
    made: list[str] = []

    def count(case: Case, recipe: Recipe) -> SubjectSlices:
        made.append(case.subject)
        return subject_slices(case, recipe)

    monkeypatch.setattr(workers_module, "subject_slices", count)
    return made


def test_slices_are_the_preprocessed_ones_with_labels_from_the_mask(
    cohort: Path, tmp_path: Path
) -> None:
    prepared = prepare(brats_config(cohort), tmp_path / "d.zarr", workers=1)
    dataset = SliceDataset.open(tmp_path / "d.zarr")
    name = "BraTS-GLI-00002-000"
    number = dataset.subjects.index(name)
    places = np.flatnonzero(dataset.read("subject", np.arange(len(dataset))) == number)
    volumes = {
        m: read_volume(cohort / name / f"{name}-{kind}.nii.gz")
        for m, kind in {"flair": "t2f", "t1": "t1n"}.items()
    }
    stack = preprocess(volumes, ["flair", "t1"], GRID)
    assert np.array_equal(dataset.read("images", places), stack.slices.astype(np.float16))
    assert np.array_equal(dataset.read("slice_id", places), stack.slice_ids)
    lesion = np.asarray(phantom(2).lesion.data.any(axis=(0, 1)))[stack.slice_ids]
    labels = dataset.read("label", places)
    assert (labels == 1).any()
    assert (labels[~lesion] == 0).all()
    assert (labels[lesion] != 0).all()
    assert dataset.preprocessing["spacing_range_mm"] == [12.0, 12.0]
    assert (dataset.modalities, dataset.scored) == (("flair", "t1"), ("flair",))
    assert sum(sum(counts.values()) for counts in prepared.slices.values()) == len(dataset)
    assert not prepared.skipped
    assert [p.name for p in tmp_path.iterdir()] == ["d.zarr"]


def test_a_patient_is_in_one_split_and_every_split_has_one(cohort: Path, tmp_path: Path) -> None:
    for seed in range(2):
        out = tmp_path / f"{seed}.zarr"
        prepared = prepare(brats_config(cohort, seed=seed), out, workers=1)
        dataset = SliceDataset.open(out)
        assert dataset.splits == {"train", "val", "test"}
        members = {
            split: {subject.rsplit("-", 1)[0] for subject in dataset.select(split).subjects}
            for split in ("train", "val", "test")
        }
        assert sum(map(len, members.values())) == len(set.union(*members.values())) == 4
        assert {split: len(names) for split, names in members.items()} == prepared.patients


def test_the_picture_and_the_report_lie_in_the_dataset(cohort: Path, tmp_path: Path) -> None:
    result = run("prepare", cohort, *BRATS_OPTIONS, "--out", tmp_path / "d.zarr", "--json")
    assert result.exit_code == 0, result.stderr
    payload = json.loads(result.stdout)
    assert Path(payload["contact_sheet"]).read_bytes().startswith(b"\x89PNG")
    report = json.loads((tmp_path / "d.zarr" / "prepared.json").read_text())
    assert report == {key: payload[key] for key in report}
    labels = SliceDataset.open(tmp_path / "d.zarr").select("train").labels
    assert payload["slices"]["train"]["unhealthy"] == (labels == 1).sum() > 0


def test_several_processes_make_the_same_dataset(
    cohort: Path, tmp_path: Path, fingerprint: str
) -> None:
    prepare(brats_config(cohort), tmp_path / "d.zarr", workers=2)
    assert SliceDataset.open(tmp_path / "d.zarr").fingerprint == fingerprint


class Stop(BaseException):
    """What Ctrl-C does, without a signal."""


def stop_after(count: int) -> Callable[[str, int, int], None]:
    def on_progress(stage: str, done: int, total: int) -> None:
        if done == count:
            raise Stop

    return on_progress


def test_a_stopped_run_goes_on_where_it_was(
    cohort: Path, tmp_path: Path, fingerprint: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = counting(monkeypatch)
    out = tmp_path / "d.zarr"
    with pytest.raises(Stop):
        prepare(brats_config(cohort), out, workers=1, on_progress=stop_after(2))
    assert not out.exists()
    prepare(brats_config(cohort), out, workers=1)
    assert made == sorted(BRATS)  # none twice
    assert SliceDataset.open(out).fingerprint == fingerprint
    assert [p.name for p in tmp_path.iterdir()] == ["d.zarr"]


KILLED = """
import os, signal, sys
import psutil
from anofpdm.datasets.preparation.config import PrepareConfig
from anofpdm.datasets.preparation.prepare import prepare

def on_progress(stage, done, total):
    if stage.startswith(sys.argv[3]) and done == 2:
        print(*(child.pid for child in psutil.Process().children()), flush=True)
        os.kill(os.getpid(), signal.SIGKILL)

if __name__ == "__main__":
    config = PrepareConfig.model_validate_json(sys.argv[1])
    prepare(config, sys.argv[2], workers=int(sys.argv[4]), on_progress=on_progress)
"""


def kill_in(stage: str, cohort: Path, out: Path, workers: int) -> list[psutil.Process]:
    """Run `prepare` elsewhere until SIGKILL strikes it in a stage; give its children."""
    script = out.with_name("killed.py")
    script.write_text(KILLED)
    config = brats_config(cohort).model_dump_json()
    command = [sys.executable, str(script), config, str(out), stage, str(workers)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        children = [psutil.Process(int(pid)) for pid in process.stdout.readline().split()]
    assert process.returncode == -signal.SIGKILL
    script.unlink()
    return children


def test_kill_9_while_the_dataset_is_written_leaves_only_finished_parts(
    cohort: Path, tmp_path: Path, fingerprint: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "d.zarr"
    kill_in("Writing", cohort, out, workers=1)
    assert [p.name for p in tmp_path.glob("[!.]*")] == ["d.zarr.parts"]
    made = counting(monkeypatch)
    prepare(brats_config(cohort), out, workers=1)
    assert not made
    assert SliceDataset.open(out).fingerprint == fingerprint
    assert [p.name for p in tmp_path.iterdir()] == ["d.zarr"]


@pytest.mark.nightly
def test_workers_end_with_a_killed_parent(cohort: Path, tmp_path: Path) -> None:
    children = kill_in("Preparing", cohort, tmp_path / "d.zarr", workers=2)
    assert len(children) >= 2
    _, alive = psutil.wait_procs(children, timeout=60)
    assert not alive
    assert not (tmp_path / "d.zarr").exists()


def test_only_what_changed_is_made_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = write_brats(tmp_path / "in")
    out = tmp_path / "d.zarr"
    with pytest.raises(Stop):
        prepare(brats_config(source), out, workers=1, on_progress=stop_after(5))
    save(source / "BraTS-GLI-00001-000/BraTS-GLI-00001-000-seg.nii.gz", phantom(None).lesion)
    made = counting(monkeypatch)
    with pytest.raises(Stop):
        prepare(brats_config(source), out, workers=1, on_progress=stop_after(5))
    assert made == ["BraTS-GLI-00001-000"]
    made.clear()
    prepare(brats_config(source, lesion_mm2=0), out, workers=1)
    assert made == sorted(BRATS)


def test_a_damaged_part_is_named_and_made_again(
    cohort: Path, tmp_path: Path, fingerprint: str
) -> None:
    out = tmp_path / "d.zarr"
    with pytest.raises(Stop):
        prepare(brats_config(cohort), out, workers=1, on_progress=stop_after(5))
    part = PartStore(PartStore.beside(out)).path("BraTS-GLI-00001-000")
    content = bytearray(part.read_bytes())
    content[len(content) // 3] ^= 0xFF
    part.write_bytes(content)
    with pytest.raises(DatasetError, match="run the same command again"):
        prepare(brats_config(cohort), out, workers=1)
    prepare(brats_config(cohort), out, workers=1)
    assert SliceDataset.open(out).fingerprint == fingerprint


def test_bad_subjects_are_skipped_and_listed_and_the_parts_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source, out = write_brats(tmp_path / "in"), tmp_path / "d.zarr"
    torn = source / "BraTS-GLI-00001-000" / "BraTS-GLI-00001-000-t1n.nii.gz"
    torn.write_bytes(torn.read_bytes()[:500])
    (source / "BraTS-GLI-00002-000" / "BraTS-GLI-00002-000-t2f.nii.gz").unlink()
    result = run("prepare", source, *BRATS_OPTIONS, "--out", out, "--json")
    assert result.exit_code == 3
    skipped = {s["subject"]: s["reason"] for s in json.loads(result.stdout)["skipped"]}
    assert skipped.keys() == {"BraTS-GLI-00001-000", "BraTS-GLI-00002-000"}
    assert "truncated" in skipped["BraTS-GLI-00001-000"]
    assert "no flair" in skipped["BraTS-GLI-00002-000"]
    assert all(reason in result.stderr for reason in skipped.values())
    assert len(SliceDataset.open(out).subjects) == 3
    made = counting(monkeypatch)
    write_brats(source)
    again = ["prepare", source, *BRATS_OPTIONS, "--out", out, "--overwrite"]
    # Rewritten files have another time, so all are made anew but those whose files stayed.
    assert run(*again).exit_code == 0
    assert {"BraTS-GLI-00001-000", "BraTS-GLI-00002-000"} <= set(made)
    assert not PartStore.beside(out).exists()


def test_the_scans_themselves_are_never_overwritten(tmp_path: Path) -> None:
    source = write_brats(tmp_path / "scans")
    before = sorted(source.rglob("*"))
    result = run("prepare", source, *BRATS_OPTIONS, "--out", source, "--overwrite")
    assert (result.exit_code, result.stderr.count("\n")) == (2, 1)
    assert "not a slice dataset" in result.stderr
    assert sorted(source.rglob("*")) == before


def test_scored_modalities_are_kept_in_the_models_order_once(tmp_path: Path) -> None:
    config = PrepareConfig(
        source=tmp_path,
        layout="bids",
        modalities=("flair", "t1", "t2"),
        scored=("t2", "flair", "t2"),
        preprocessing=PreprocessingConfig(size=16, extent_mm=200.0),
    )
    assert config.complete().scored == ("flair", "t2")


@pytest.mark.parametrize("fault", ["grid", "beyond", "contradiction"])
def test_a_mask_or_label_that_does_not_fit_is_one_bad_subject(tmp_path: Path, fault: str) -> None:
    cases = {"BraTS-GLI-00001-000": 1, "BraTS-GLI-00002-000": 2}
    source = write_brats(tmp_path / "in", cases)
    labels = tmp_path / "labels.csv"
    rows = {"grid": ",", "beyond": ",0-400", "contradiction": "healthy,"}
    labels.write_text(f"subject,label,unhealthy_slices\nBraTS-GLI-00001-000,{rows[fault]}\n")
    if fault == "grid":
        mask = phantom(1).lesion
        other = type(mask)(mask.data[1:], mask.affine, "lesion")
        save(source / "BraTS-GLI-00001-000/BraTS-GLI-00001-000-seg.nii.gz", other)
    prepared = prepare(brats_config(source, labels=labels), tmp_path / "d.zarr", workers=1)
    assert [s.subject for s in prepared.skipped] == ["BraTS-GLI-00001-000"]
    words = {"grid": "different grids", "beyond": "nearest the feet", "contradiction": "healthy"}
    assert words[fault] in prepared.skipped[0].reason


def test_atlas_takes_the_scans_in_its_space(tmp_path: Path) -> None:
    source = write_atlas(tmp_path / "in")
    result = run("prepare", source, "--layout", "atlas", *SMALL, "--out", tmp_path / "d.zarr")
    assert result.exit_code == 0, result.stderr
    dataset = SliceDataset.open(tmp_path / "d.zarr")
    assert dataset.subjects == ("sub-r001s001_ses-1", "sub-r001s002_ses-1")
    assert dataset.modalities == ("t1",)
    stack = preprocess({"t1": phantom(0).volumes["t1"]}, ["t1"], GRID)
    places = np.flatnonzero(dataset.read("subject", np.arange(len(dataset))) == 0)
    stored = dataset.read("images", places).astype(np.float32)
    assert np.abs(stored - stack.slices).max() < 0.01  # the file's affine is rounded


TABLE = """\ufeffsubject;patient;flair;label;unhealthy_slices;age
p1-a;p1;p1.nii.gz;unhealthy;"4-6; 8";61
p1-b;p1;p1.nii.gz;unhealthy;;61
p2;p2;p2.nii.gz;healthy;;70
p3;p3;p3.nii.gz;;;55
"""


def test_a_table_labels_by_ranges_and_by_one_word_a_volume(tmp_path: Path) -> None:
    for number in (1, 2, 3):
        save(tmp_path / "in" / f"p{number}.nii.gz", phantom(number).volumes["flair"])
    table = tmp_path / "in" / "subjects.csv"
    table.write_text(TABLE)
    result = run("prepare", table, "--layout", "table", *SMALL, "--out", tmp_path / "d.zarr",
                 "--split", "1,0,0", "--json")  # fmt: skip
    assert result.exit_code == 0, result.stderr
    assert any("p3" in warning for warning in json.loads(result.stdout)["warnings"])
    train = SliceDataset.open(tmp_path / "d.zarr").select("train")
    subjects = np.array(train.subjects)
    ranged = subjects == "p1-a"
    assert np.array_equal(train.labels[ranged] == 1, np.isin(train.slice_ids[ranged], [4, 5, 6, 8]))
    assert set(train.labels[ranged]) == {0, 1}
    assert set(train.labels[subjects == "p1-b"]) == {-1}
    assert set(train.labels[subjects == "p2"]) == {0}
    assert set(train.labels[subjects == "p3"]) == {-1}
    assert train.truth is None


def test_lacking_masks_matter_only_where_there_are_some(tmp_path: Path) -> None:
    folder = tmp_path / "in"
    for number in (1, 2):
        save(folder / f"p{number}.nii.gz", phantom(number).volumes["flair"])
    save(folder / "p1-mask.nii.gz", phantom(1).lesion)
    header = "subject,flair,label,unhealthy_slices,split,mask\n"
    bare = "a,p1.nii.gz,,4-6,train,{}\nb,p1.nii.gz,,4-6,val,\nc,p2.nii.gz,healthy,,val,\n"
    said = []
    for mask in ("", "p1-mask.nii.gz"):
        table = folder / "subjects.csv"
        table.write_text(header + bare.format(mask))
        config = PrepareConfig(source=table, layout="table", preprocessing=GRID)
        prepared = prepare(config, tmp_path / "d.zarr", workers=1, overwrite=True)
        said.append([warning for warning in prepared.warnings if "no mask" in warning])
    assert said[0] == []
    assert "1 of the 2 subjects of the split val have no mask" in said[1][0]


def test_splits_from_a_csv(cohort: Path, tmp_path: Path) -> None:
    splits = tmp_path / "splits.csv"
    splits.write_text(
        "patient,split\nBraTS-GLI-00000,train\nBraTS-GLI-00001,test\nBraTS-GLI-00003,test\n"
    )
    prepared = prepare(brats_config(cohort, splits=splits), tmp_path / "d.zarr", workers=1)
    dataset = SliceDataset.open(tmp_path / "d.zarr")
    assert set(dataset.select("train").subjects) == {"BraTS-GLI-00000-000", "BraTS-GLI-00000-001"}
    assert set(dataset.select("test").subjects) == {"BraTS-GLI-00001-000", "BraTS-GLI-00003-000"}
    report = json.loads((tmp_path / "d.zarr" / "prepared.json").read_text())
    assert report["split_of"] == {
        "BraTS-GLI-00000-000": "train",
        "BraTS-GLI-00000-001": "train",
        "BraTS-GLI-00001-000": "test",
        "BraTS-GLI-00003-000": "test",
    }
    assert [s.subject for s in prepared.skipped] == ["BraTS-GLI-00002-000"]
    assert "does not list it" in prepared.skipped[0].reason


def test_masks_are_kept_where_they_are_and_only_for_evaluation(
    cohort: Path, tmp_path: Path
) -> None:
    """The same labels without any mask give the same training data, bit for bit."""
    prepare(brats_config(cohort, lesion_mm2=0), tmp_path / "with.zarr", workers=1)
    data = SliceDataset.open(tmp_path / "with.zarr")
    everything = np.arange(len(data))
    labels, ids = data.read("label", everything), data.read("slice_id", everything)
    subject = data.read("subject", everything)
    rows = [
        f'{name},"{", ".join(map(str, ids[(subject == n) & (labels == 1)]))}",'
        + ("" if (labels[subject == n] == 1).any() else "healthy")
        for n, name in enumerate(data.subjects)
    ]
    csv = tmp_path / "labels.csv"
    csv.write_text("subject,unhealthy_slices,label\n" + "\n".join(rows))
    bare = write_brats(tmp_path / "bare", masks=False)
    prepare(brats_config(bare, labels=csv), tmp_path / "without.zarr", workers=1)
    without = SliceDataset.open(tmp_path / "without.zarr")
    assert data.subject_has_truth.all()
    assert without.fingerprint == data.fingerprint
    known = dict(zip(without.subjects, without.subject_has_truth, strict=True))
    assert [name for name, has in known.items() if has] == ["BraTS-GLI-00003-000"]  # healthy


def test_another_process_is_not_disturbed(cohort: Path, tmp_path: Path) -> None:
    parts = PartStore.beside(tmp_path / "d.zarr")
    parts.mkdir()
    with (
        folder_lock(parts, "d.zarr"),
        pytest.raises(OutputError, match="Another process"),
    ):
        prepare(brats_config(cohort), tmp_path / "d.zarr", workers=1)
    prepare(brats_config(cohort), tmp_path / "d.zarr", workers=1)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"--layout": "bids"}, "--modality"),
        ({"--layout": "atlas"}, "no subject in the layout atlas"),
        ({"--layout": "table"}, "cannot be read"),
        ({"--split": "1,2"}, "three shares"),
        ({"--split": "0,1,1"}, "three shares"),
        ({"--match": "run"}, "KEY=VALUE"),
        ({"--match": "run=1", "--modality": "t1"}, "bids and atlas"),
        ({"--split": "60,20,30", "--modality": "t1"}, "54.5,18.2,27.3"),
        ({"--scored": "t2", "--modality": "t1"}, "scored modality t2"),
        ({"--labels": "none.csv", "--modality": "t1"}, "none.csv"),
        ({"--splits": "none.csv", "--modality": "t1"}, "none.csv"),
    ],
)
def test_mistakes_are_one_sentence_and_leave_nothing(
    cohort: Path, tmp_path: Path, change: dict[str, Any], words: str
) -> None:
    options = {"--layout": "brats", "--size": 32, "--workers": 1} | change
    flat = [item for pair in options.items() for item in pair]
    result = run("prepare", cohort, *flat, "--out", tmp_path / "d.zarr", "--quiet")
    assert (result.exit_code, result.stderr.count("\n")) == (2, 1), result.stderr
    assert words in result.stderr
    assert not list(tmp_path.iterdir())


def test_where_no_subject_can_be_used_some_are_named(cohort: Path, tmp_path: Path) -> None:
    out = tmp_path / "d.zarr"
    result = run("prepare", cohort, "--layout", "brats", "--modality", "pet", "--out", out)
    assert result.exit_code == 2
    lines = result.stderr.splitlines()
    assert [line.split()[1] for line in lines[:-1]] == ["Skipped"] * 5
    assert "None of the 5 subjects" in lines[-1]
    assert not list(tmp_path.iterdir())


def test_nothing_labelled_is_refused(tmp_path: Path) -> None:
    source = write_brats(tmp_path / "in", {"BraTS2021_00000": 1}, masks=False)
    with pytest.raises(DatasetError, match="--labels"):
        prepare(brats_config(source), tmp_path / "d.zarr", workers=1)


def test_an_existing_dataset_is_replaced_only_on_request(cohort: Path, tmp_path: Path) -> None:
    out = tmp_path / "d.zarr"
    prepare(brats_config(cohort), out, workers=1)
    before = (out / "zarr.json").stat().st_mtime_ns
    with pytest.raises(OutputError, match="already exists"):
        prepare(brats_config(cohort), out, workers=1)
    assert (out / "zarr.json").stat().st_mtime_ns == before
    prepare(brats_config(cohort, seed=3), out, workers=1, overwrite=True)
    assert [p.name for p in tmp_path.iterdir()] == ["d.zarr"]
