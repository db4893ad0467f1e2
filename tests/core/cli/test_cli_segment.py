"""What `segment` writes, and what it says."""

from __future__ import annotations

import json
from pathlib import Path

import nibabel as nib
import numpy as np

from tests.core.cli.case import (
    FILES,
    QUICK,
    case,
    names,
    own_settings,
    quick_picture,
    run,
    segment,
)
from tests.core.segmentation_cases import scan

__all__ = ["case", "own_settings", "quick_picture"]


def test_segment_writes_its_four_files(case: Path, tmp_path: Path) -> None:
    result = segment(case, tmp_path / "new" / "out")
    assert result.exit_code == 0
    assert "Lesion volume" in result.stdout
    assert (case / "kept" / "report.png").read_bytes().startswith(b"\x89PNG")
    assert names(tmp_path / "new" / "out") == FILES
    image = nib.Nifti1Image.from_filename(tmp_path / "new" / "out" / "mask.nii.gz")
    assert image.shape == scan().shape
    np.testing.assert_allclose(image.affine, scan().affine)


def test_lone_path_will_do_for_one_modality(case: Path, tmp_path: Path) -> None:
    scan_path = case / "flair.nii.gz"
    result = run("segment", "--bundle", case / "tiny", "--image", scan_path, "--out",
                 tmp_path / "out", *QUICK)  # fmt: skip
    assert result.exit_code == 0


def test_json_is_one_object_and_nothing_else_on_stdout(case: Path, tmp_path: Path) -> None:
    result = segment(case, tmp_path / "out", "--json")
    payload = json.loads(result.stdout)
    assert payload["out"] == str(tmp_path / "out")
    written = json.loads((tmp_path / "out" / "report.json").read_text())
    assert {key: payload[key] for key in written} == written


def test_quiet_says_nothing(case: Path, tmp_path: Path) -> None:
    result = segment(case, tmp_path / "out", "--quiet")
    assert (result.exit_code, result.stdout) == (0, "")


def test_several_modalities(case: Path, tmp_path: Path) -> None:
    t1 = f"t1={case}/t1.nii.gz"
    result = segment(case, tmp_path / "out", "--image", t1, "--json", model="two")
    sources = json.loads(result.stdout)["sources"]
    assert [source["modality"] for source in sources] == ["flair", "t1"]


def test_brain_mask_is_used_and_recorded(case: Path, tmp_path: Path) -> None:
    inside = (scan().data > 0).astype(np.uint8)
    inside[:, :, 3:] = 0
    nib.save(nib.Nifti1Image(inside, scan().affine), tmp_path / "brain.nii.gz")
    result = segment(case, tmp_path / "out", "--brain-mask", tmp_path / "brain.nii.gz", "--json")
    payload = json.loads(result.stdout)
    assert payload["sources"][-1]["name"] == "brain.nii.gz"
    assert max(entry["index"] for entry in payload["slices"]) <= 2


def test_uncalibrated_bundle_runs_and_says_so(case: Path, tmp_path: Path) -> None:
    result = segment(case, tmp_path / "out", "--json", model="plain")
    assert result.exit_code == 0
    assert "not calibrated" in result.stderr
    payload = json.loads(result.stdout)
    assert not payload["settings"]["gate"]
    assert "not calibrated" in payload["warnings"][0]


def test_other_steps_than_calibrated_are_warned_of(case: Path, tmp_path: Path) -> None:
    assert "calibrated with ddim, 4 steps" in segment(case, tmp_path / "a", "--steps", 3).stderr
    assert "calibrated with" not in segment(case, tmp_path / "b").stderr
    kept = segment(case, tmp_path / "c", "--steps", 3, "--keep-analysis")
    assert kept.exit_code == 0
    again = run("interpret", tmp_path / "c" / "analysis.anofpdm.zarr", "--out", tmp_path / "d")
    assert "calibrated with ddim, 4 steps" in again.stderr
    usual = run("interpret", case / "kept", "--out", tmp_path / "e")  # which holds an analysis
    assert (usual.exit_code, "calibrated" in usual.stderr) == (0, False)
    darker = run("interpret", case / "kept" / "analysis.anofpdm.zarr", "--out", tmp_path / "f",
                 "--polarity", "hypointense")  # fmt: skip
    assert darker.exit_code == 0
    assert "was calibrated for the polarity both" in " ".join(darker.stderr.split())


def test_overwrite_replaces_results(case: Path, tmp_path: Path) -> None:
    assert segment(case, tmp_path / "out", "--keep-analysis").exit_code == 0
    assert segment(case, tmp_path / "out").exit_code == 2
    assert segment(case, tmp_path / "out", "--overwrite").exit_code == 0
    assert names(tmp_path / "out") == FILES
