"""From raw folders to a segmented scan: a model of one's own, at the smallest scale."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import pytest
from typer.testing import CliRunner

from anofpdm.cli.app import app
from anofpdm.datasets import SliceDataset
from anofpdm.model.bundle import load_bundle
from tests.core.cohorts import write_brats

CONFIG = """
steps = 2
batch_size = 4
validation_slices = 4
accuracy_slices = 4
[network]
image_size = 32
in_channels = 2
base_channels = 8
channel_multipliers = [1, 2]
blocks_per_level = 1
attention_resolutions = [16]
[bundle]
name = "own"
"""
# What somebody saw in the scans; nobody drew a mask.
LABELS = """subject,label,unhealthy_slices
BraTS-GLI-00000-000,,"6-8"
BraTS-GLI-00000-001,,"5-7, 9"
BraTS-GLI-00001-000,,"5-7, 9"
BraTS-GLI-00002-000,unhealthy,
BraTS-GLI-00003-000,healthy,
"""
SPLITS = """patient,split
BraTS-GLI-00000,train
BraTS-GLI-00001,val
BraTS-GLI-00002,train
BraTS-GLI-00003,train
"""


def run(*arguments: object) -> dict[str, Any]:
    result = CliRunner().invoke(app, [*map(str, arguments), "--json"])
    assert result.exit_code == 0, result.stderr
    payload: dict[str, Any] = json.loads(result.stdout)
    return payload


@pytest.mark.nightly
def test_from_folders_without_masks_to_a_segmented_scan(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ANOFPDM_SETTINGS", str(tmp_path / "no-settings.toml"))
    source = write_brats(tmp_path / "scans", masks=False)
    for name, text in {"labels.csv": LABELS, "splits.csv": SPLITS, "own.toml": CONFIG}.items():
        (tmp_path / name).write_text(text)
    data, folder, own = tmp_path / "d.zarr", tmp_path / "run", tmp_path / "own"

    run("prepare", source, "--layout", "brats", "--modality", "flair", "--modality", "t1",
        "--labels", tmp_path / "labels.csv", "--splits", tmp_path / "splits.csv",
        "--size", 32, "--workers", 1, "--out", data)  # fmt: skip
    assert SliceDataset.open(data).select("val").truth is None
    train = ["train", tmp_path / "own.toml", "--dataset", data, "--out", folder, "--device", "cpu"]
    assert run(*train)["step"] == 2
    assert run(*train, "--resume", "--steps", 4)["step"] == 4
    run("select-guidance", "--bundle", folder / "bundle", "--dataset", data, "--out", own,
        "--candidates", "1,2", "--steps", 3, "--device", "cpu")  # fmt: skip
    assert load_bundle(own).metadata.calibration is not None
    name = "BraTS-GLI-00001-000"
    scan, other = (source / name / f"{name}-{kind}.nii.gz" for kind in ("t2f", "t1n"))
    run("segment", "--image", f"flair={scan}", "--image", f"t1={other}", "--bundle", own, "--out",
        tmp_path / "results", "--device", "cpu")  # fmt: skip
    mask = nib.Nifti1Image.from_filename(tmp_path / "results" / "mask.nii.gz")
    assert np.array_equal(mask.affine, nib.Nifti1Image.from_filename(scan).affine)
    assert set(np.unique(np.asarray(mask.dataobj))) <= {0, 1}
