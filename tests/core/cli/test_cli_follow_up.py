"""Two examinations on the command line: registered, segmented alike, and compared."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import pytest
from typer.testing import CliRunner, Result

from anofpdm.cli.app import app
from anofpdm.results.follow_up.stored import read_follow_up
from tests.core.preprocessing.heads import brain
from tests.core.segmentation_cases import bundle

FILES = [
    "baseline_flair.nii.gz",
    "baseline_mask.nii.gz",
    "changes.nii.gz",
    "follow_up.csv",
    "follow_up.png",
    "follow_up_flair.nii.gz",
    "follow_up_mask.nii.gz",
    "report.json",
]
SHIFT_MM = (4.0, -3.0, 2.0)


@pytest.fixture(autouse=True)
def own_settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep the user's settings out of the tests."""
    monkeypatch.setenv("ANOFPDM_SETTINGS", str(tmp_path / "no-settings.toml"))
    monkeypatch.setenv("ANOFPDM_BUNDLES", "")


@pytest.fixture(autouse=True)
def no_picture(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Spare the tests but the first the drawing of the picture."""
    if "moved" not in request.node.name:
        monkeypatch.setattr(
            "anofpdm.results.follow_up.picture.save_change_picture",
            lambda path, *_, **__: path.write_bytes(b"png"),
        )


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A model, a brain, and the same brain on fewer voxels after the patient has moved."""
    pytest.importorskip("SimpleITK")
    bundle().save(tmp_path / "tiny")
    volume, _ = brain()
    nib.save(nib.Nifti1Image(volume.data, volume.affine), tmp_path / "first.nii.gz")
    affine = volume.affine.copy()
    affine[:3, 3] = (volume.affine @ [2, 3, 1, 1])[:3] + SHIFT_MM
    nib.save(nib.Nifti1Image(volume.data[2:, 3:, 1:], affine), tmp_path / "later.nii.gz")
    return tmp_path


def follow_up(folder: Path, first: str, later: str, *more: object) -> Result:
    given = ["follow-up", "--bundle", folder / "tiny", "--out", folder / "out", "--json",
             "--baseline", f"flair={folder}/{first}.nii.gz", "--follow-up",
             f"flair={folder}/{later}.nii.gz", "--steps", 4, "--device", "cpu", "--no-gate",
             "--quantile", 0.9]  # fmt: skip
    return CliRunner().invoke(app, [str(each) for each in (*given, *more)])


def report_of(result: Result) -> dict[str, Any]:
    assert result.exit_code == 0, result.stderr
    report: dict[str, Any] = json.loads(result.stdout)
    return report


def voxels(path: Path) -> np.ndarray:
    return np.asarray(nib.Nifti1Image.from_filename(path).dataobj)


def test_a_patient_who_moved_is_registered_and_compared(folder: Path) -> None:
    result = follow_up(folder, "first", "later")
    report = report_of(result)
    out = folder / "out"
    assert sorted(each.name for each in out.iterdir()) == FILES
    registration = report["registration"]
    assert registration["passed"] and len(registration["scans"]) == 1
    assert registration["resampled"] and "Interpolation smooths it" in registration["note"]
    moved = np.array(registration["scans"][0]["fixed_to_moving"])
    np.testing.assert_allclose(moved[:3, 3], SHIFT_MM, atol=0.7)
    first = nib.Nifti1Image.from_filename(folder / "first.nii.gz")
    for name in ("baseline_mask", "follow_up_mask", "follow_up_flair", "baseline_flair", "changes"):
        image = nib.Nifti1Image.from_filename(out / f"{name}.nii.gz")
        assert image.shape == first.shape
        np.testing.assert_allclose(image.affine, first.affine, atol=1e-4)
    assert report["intended_use"].startswith("Research use only")
    assert report["baseline"]["settings"] == report["follow_up"]["settings"]
    assert (
        report["baseline"]["analysis"]["timesteps"] == report["follow_up"]["analysis"]["timesteps"]
    )
    sources = [report[name]["sources"][0]["name"] for name in ("baseline", "follow_up")]
    assert sources == ["first.nii.gz", "later.nii.gz"]
    assert str(folder) not in (out / "report.json").read_text()
    changes = report["changes"]
    voxel_ml = abs(np.linalg.det(first.affine[:3, :3])) / 1000
    for name in ("baseline", "follow_up"):
        marked = voxels(out / f"{name}_mask.nii.gz").sum() * voxel_ml
        assert changes[f"{name}_ml"] == pytest.approx(marked)
        assert marked > 0
    with (out / "follow_up.csv").open(encoding="utf-8", newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert [row["state"] for row in rows] == [each["state"] for each in changes["lesions"]]
    assert sum(changes["counts"].values()) == len(rows) > 0
    read = read_follow_up(out)
    assert [each.state for each in read.changes.table] == [row["state"] for row in rows]
    assert read.changes.labels.max() == len(rows)
    np.testing.assert_array_equal(read.mask("follow_up"), voxels(out / "follow_up_mask.nii.gz"))
    again = follow_up(folder, "first", "later")
    assert (again.exit_code, again.stderr.count("\n")) == (2, 1)


def test_the_same_scan_twice_is_unchanged(folder: Path) -> None:
    report = report_of(follow_up(folder, "first", "first", "--register", "off"))
    assert report["registration"] == {
        "passed": True, "doubtful": False, "scans": [], "resampled": False, "note": "",
    }  # fmt: skip
    assert_nothing_changed(report)


@pytest.mark.parametrize("voxels_in_slice", [1, pytest.param(4, marks=pytest.mark.nightly)])
def test_the_same_scan_twice_is_not_resampled(folder: Path, voxels_in_slice: int) -> None:
    volume, _ = brain()
    fine = np.kron(volume.data, np.ones((voxels_in_slice, voxels_in_slice, 1)))[:, :, ::2]
    spacing = [1 / voxels_in_slice, 1 / voxels_in_slice, 2, 1]
    scan = nib.Nifti1Image(fine.astype(np.float32), volume.affine @ np.diag(spacing))
    nib.save(scan, folder / "first.nii.gz")
    report = report_of(follow_up(folder, "first", "first"))
    registration = report["registration"]
    assert not registration["resampled"] and not registration["scans"][0]["resampled"]
    assert registration["note"].startswith("first.nii.gz was not resampled: ")
    assert_nothing_changed(report)
    np.testing.assert_array_equal(voxels(folder / "out" / "follow_up_flair.nii.gz"), fine)


def assert_nothing_changed(report: dict[str, Any]) -> None:
    counts = report["changes"]["counts"]
    assert counts["unchanged"] == len(report["changes"]["lesions"]) > 0
    assert all(each["change_ml"] == 0 for each in report["changes"]["lesions"])


def test_a_registration_that_fails_is_said_to(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("anofpdm.preprocessing.registration.fit", lambda *_, **__: np.eye(4))
    volume, inside = brain()
    noise = np.random.default_rng(0).uniform(50, 100, volume.shape) * inside
    nib.save(nib.Nifti1Image(noise.astype(np.float32), volume.affine), folder / "noise.nii.gz")
    result = follow_up(folder, "first", "noise")
    report = report_of(result)
    assert not report["registration"]["passed"]
    assert "Do not trust the comparison" in result.stderr
    assert any("Do not trust the comparison" in each for each in report["warnings"])


@pytest.mark.nightly
def test_what_the_follow_up_does_not_show_is_named(folder: Path) -> None:
    volume, _ = brain()
    part = nib.Nifti1Image(volume.data[:, :, :35], volume.affine)
    nib.save(part, folder / "part.nii.gz")
    report = report_of(follow_up(folder, "first", "part"))
    assert any("does not show" in each for each in report["warnings"])
    assert all(each["slices"][1] <= 36 for each in report["changes"]["lesions"])


@pytest.mark.parametrize(
    ("more", "words"),
    [
        (["--register", "off"], "on different grids"),
        (["--follow-up", "flair=x.nii.gz"], "--follow-up gives the modality flair twice"),
        (["--baseline", "t1=x.nii.gz"], "reads flair, not t1"),
        (["--margin-ml", "nan"], "margin"),
    ],
)
def test_wrong_input_is_refused_in_a_sentence(folder: Path, more: list[str], words: str) -> None:
    result = follow_up(folder, "first", "later", *more)
    assert result.exit_code == 2
    assert words in result.stderr
    assert not (folder / "out").exists()
