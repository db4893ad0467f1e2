"""Folders often bear a patient's name: it is in no file that is written, unless paths are kept."""

from __future__ import annotations

import gzip
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from typer.testing import CliRunner

from anofpdm.cli.app import app
from tests.core.preprocessing.heads import brain, head
from tests.core.segmentation_cases import bundle

PATIENT = "Jane_Doe_1957"
FEW = slice(30, 50)
"""Axial slices of the middle of a head: all that the names need."""


@pytest.fixture
def patient(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder named after a patient; a picture is the report that is drawn into it."""
    monkeypatch.setenv("ANOFPDM_SETTINGS", str(tmp_path / "no-settings.toml"))
    monkeypatch.setenv("ANOFPDM_BUNDLES", "")
    monkeypatch.setattr(
        "anofpdm.results.pictures.report.page.save_picture",
        lambda path, *_: path.write_bytes(b"png"),
    )
    folder = tmp_path / PATIENT
    folder.mkdir()
    return folder


def save(path: Path, data: np.ndarray, affine: np.ndarray) -> Path:
    """Write a file whose two forms disagree, which is a warning."""
    path.parent.mkdir(parents=True, exist_ok=True)
    image = nib.Nifti1Image(data, affine)
    moved = affine.copy()
    moved[0, 3] += 25
    image.set_qform(moved, 1)
    image.set_sform(affine, 1)
    nib.save(image, path)
    return path


def run(*arguments: object) -> None:
    result = CliRunner().invoke(app, [str(each) for each in arguments])
    assert result.exit_code in (0, 3), result.output


def files_that_name(folder: Path, name: str) -> list[str]:
    found = []
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        content = path.read_bytes()
        content += gzip.decompress(content) if path.suffix == ".gz" else b""
        if name.encode() in content or name in path.name:
            found.append(path.name)
    return found


@pytest.mark.parametrize("kept", [False, True])
def test_segment_names_no_folder(patient: Path, kept: bool) -> None:
    out = patient.parent / "out"
    bundle().save(patient.parent / "tiny")
    scan, inside = head()
    data, inside = scan.data[..., FEW].astype(np.float32), inside[..., FEW]
    data[0, 0, :4] = np.nan
    image = save(patient / "sub-1_T1w.nii.gz", data, scan.affine)
    mask = save(patient / "mask.nii.gz", inside.astype(np.uint8), scan.affine)
    asked = ["--keep-analysis", "--nrrd", *(["--keep-paths"] if kept else [])]
    run(
        "segment", "--bundle", patient.parent / "tiny", "--image", image, "--brain-mask", mask,
        "--steps", 3, "--device", "cpu", "--out", out, *asked,
    )  # fmt: skip
    report = (out / "report.json").read_text()
    assert "NaN or infinite" in report and "qform" in report
    named = files_that_name(out, PATIENT)
    assert ("report.json" in named) if kept else not named


@pytest.mark.parametrize("kept", [False, True])
def test_prepare_names_no_folder(patient: Path, kept: bool) -> None:
    out = patient.parent / "set.zarr"
    volume = brain()[0]
    data = volume.data[..., FEW]
    anat, masks = patient / "rawdata", patient / "derivatives"
    for subject in ("sub-01", "sub-02"):
        save(anat / subject / "anat" / f"{subject}_FLAIR.nii.gz", data, volume.affine)
        lesion = np.zeros(data.shape, np.uint8)
        lesion[tuple(slice(n // 2 - 2, n // 2 + 2) for n in data.shape)] = 1
        name = f"{subject}_label-lesion_mask.nii.gz"
        save(masks / "drawn" / subject / "anat" / name, lesion, volume.affine)
    (masks / "drawn" / "sub-02" / "anat" / "lesion of sub-02.nii.gz").write_bytes(b"")
    for subject, content in (("sub-03", b"no scan"), ("sub-04", None)):
        path = anat / subject / "anat" / f"{subject}_FLAIR.nii.gz"
        path.parent.mkdir(parents=True)
        if content is None:
            path.symlink_to(patient / "gone.nii.gz")
        else:
            path.write_bytes(content)
    labels = patient / "labels.csv"
    labels.write_text("subject,label,colour\nsub-01,unhealthy,red\nsub-99,healthy,blue\n")
    run(
        "prepare", anat, "--out", out, "--layout", "bids", "--modality", "flair",
        "--labels", labels, "--workers", 1, *(["--keep-paths"] if kept else []),
    )  # fmt: skip
    report = (out / "prepared.json").read_text()
    for expected in ("derivatives", "lesion of sub-02", "colour", "sub-99", "sub-03", "sub-04"):
        assert expected in report
    named = files_that_name(out, PATIENT)
    assert ("prepared.json" in named) if kept else not named
