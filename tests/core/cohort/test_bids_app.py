"""`anofpdm bids`: a BIDS dataset becomes a BIDS derivative."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from anofpdm.cli.app import app
from tests.core.segmentation_cases import bundle, write_scan


@pytest.fixture
def dataset(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Two subjects, one with a session, and a model."""
    monkeypatch.setenv("ANOFPDM_SETTINGS", str(tmp_path / "no-settings.toml"))
    monkeypatch.setenv("ANOFPDM_BUNDLES", "")
    monkeypatch.setattr(
        "anofpdm.results.pictures.report.page.save_picture",
        lambda path, *_: path.write_bytes(b"png"),
    )
    raw = tmp_path / "raw"
    for folder, name in (("sub-01/ses-a/anat", "sub-01_ses-a"), ("sub-02/anat", "sub-02")):
        (raw / folder).mkdir(parents=True)
        write_scan(raw / folder / f"{name}_FLAIR.nii.gz")
    (raw / "dataset_description.json").write_text('{"Name": "x", "BIDSVersion": "1.9.0"}')
    bundle().save(tmp_path / "tiny")
    return raw


def run(dataset: Path, level: str, *more: str) -> Result:
    out = str(dataset / "derivatives" / "anofpdm")
    given = ["bids", str(dataset), out, level, "--json", *more]
    if level == "participant":
        model = str(dataset.parent / "tiny")
        given += ["--bundle", model, "--device", "cpu", "--workers", "1"]
    return CliRunner().invoke(app, given)


def test_participants_one_by_one_and_the_group_over_all(dataset: Path) -> None:
    first = run(dataset, "participant", "--participant-label", "01")
    assert first.exit_code == 0, first.stderr
    assert json.loads(first.stdout)["counts"]["done"] == 1
    out = dataset / "derivatives" / "anofpdm"
    anat = out / "sub-01" / "ses-a" / "anat"
    stem = "sub-01_ses-a_desc-anofpdm"
    assert {"mask.nii.gz", "mask.json", "anomalymap.nii.gz", "anomalymap.json", "lesions.tsv"} <= {
        path.name.removeprefix(f"{stem}_") for path in anat.iterdir()
    }
    sidecar = json.loads((anat / f"{stem}_mask.json").read_text())
    assert sidecar["Type"] == "Lesion"
    assert sidecar["Sources"] == ["bids:raw:sub-01/ses-a/anat/sub-01_ses-a_FLAIR.nii.gz"]
    assert sidecar["Model"]["name"] == "tiny"
    description = json.loads((out / "dataset_description.json").read_text())
    assert description["DatasetType"] == "derivative"
    assert (out / description["DatasetLinks"]["raw"]).resolve() == dataset.resolve()

    # The derivative lies in the dataset itself, and is not taken for scans.
    second = json.loads(run(dataset, "participant").stdout)
    assert (second["segmented"], second["counts"]["done"]) == (1, 2)
    group = run(dataset, "group")
    assert group.exit_code == 0, group.stderr
    with (out / "scans.tsv").open(newline="") as stream:
        rows = list(csv.DictReader(stream, delimiter="\t"))
    assert [(row["participant_id"], row["session_id"]) for row in rows] == [
        ("sub-01", "ses-a"),
        ("sub-02", "n/a"),
    ]
    assert set(json.loads((out / "scans.json").read_text())) == set(rows[0])
    assert "sub-02" in (out / "report.html").read_text()


def test_an_unknown_participant_is_refused(dataset: Path) -> None:
    result = run(dataset, "participant", "--participant-label", "99")
    assert result.exit_code == 2
    assert "has no scan of these participants" in result.stderr
    assert not (dataset / "derivatives").exists()
