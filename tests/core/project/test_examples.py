"""The examples run, and do what they say; small settings make them quick."""

from __future__ import annotations

import runpy
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

from anofpdm.model.bundle import load_bundle
from anofpdm.synthetic import make_phantom

SWAPPED = np.array([[1, -1], [0, 1], [2, 1]])  # rows and columns, and one of them turned round
COARSE = ["--spacing", "3", "3", "6"]


def run(root: Path, name: str, *arguments: object) -> None:
    runpy.run_path(str(root / "examples" / name))["main"]([*map(str, arguments)])


def test_a_scan_is_segmented_on_its_own_voxels(repo_root: Path, tmp_path: Path) -> None:
    volume = make_phantom(700_004, spacing=(3.0, 3.0, 6.0)).volumes["flair"]
    turned = nib.Nifti1Image(volume.data, volume.affine).as_reoriented(SWAPPED)
    nib.save(turned, tmp_path / "scan.nii.gz")
    out = tmp_path / "new" / "results"
    run(
        repo_root, "segment_scan.py", "--scan", tmp_path / "scan.nii.gz", "--out", out, "--steps", 4
    )
    for name, dtype in {"mask": np.uint8, "anomaly_map": np.float32}.items():
        written = nib.Nifti1Image.from_filename(out / f"{name}.nii.gz")
        assert written.shape == turned.shape
        assert np.array_equal(written.affine, turned.affine)
        assert written.get_data_dtype() == dtype
        assert np.asarray(written.dataobj).any()


def test_a_higher_threshold_marks_less(repo_root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run(repo_root, "threshold_sweep.py", "--steps", 3, *COARSE, "--thresholds", 0.6, 1.2, 99)
    rows = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert rows[0] == ["threshold", "ml", "DICE"]
    assert [float(row[0]) for row in rows[1:]] == [0.6, 1.2, 99]
    volumes = [float(row[1]) for row in rows[1:]]
    assert volumes[0] > volumes[1] > volumes[2] == 0
    assert float(rows[1][2]) > 0.2


def test_a_model_of_ones_own_is_trained_calibrated_and_used(
    repo_root: Path, tmp_path: Path
) -> None:
    out = tmp_path / "own"
    small = ["--steps", 2, "--subjects", 2, "--size", 16, *COARSE]
    run(repo_root, "own_model.py", "--out", out, *small)
    assert load_bundle(out / "own").metadata.calibration is not None
    assert (out / "mask.nii.gz").is_file()


def test_every_example_is_run_here_linked_in_the_readme_and_shown_in_the_docs(
    repo_root: Path,
) -> None:
    readme = (repo_root / "README.md").read_text(encoding="utf-8")
    page = (repo_root / "docs" / "examples.md").read_text(encoding="utf-8")
    here = Path(__file__).read_text(encoding="utf-8")
    examples = sorted(path.name for path in (repo_root / "examples").glob("*.py"))
    assert len(examples) == 3
    for name in examples:
        assert f"(examples/{name})" in readme
        assert f'"{name}"' in here
        assert f'\n--8<-- "examples/{name}"\n' in page
