"""A folder with models, scans and a stored analysis, and the command line on it."""

from __future__ import annotations

from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from typer.testing import CliRunner, Result

from anofpdm.cli.app import app
from tests.core.segmentation_cases import bundle, write_scan

FILES = ["anomaly_map.nii.gz", "lesions.csv", "mask.nii.gz", "report.json", "report.png"]
QUICK = ["--steps", "4", "--device", "cpu"]


@pytest.fixture(autouse=True)
def own_settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep the user's bundle folders out of the tests."""
    monkeypatch.setenv("ANOFPDM_SETTINGS", str(tmp_path / "no-settings.toml"))
    monkeypatch.setenv("ANOFPDM_BUNDLES", "")


@pytest.fixture(autouse=True)
def quick_picture(case: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Draw the picture once, for `case`; the rest of the tests do without its second."""
    monkeypatch.setattr(
        "anofpdm.results.pictures.report.page.save_picture",
        lambda path, *_: path.write_bytes(b"png"),
    )


@pytest.fixture(scope="module")
def case(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with models, scans, and one segmentation with its analysis kept."""
    folder = tmp_path_factory.mktemp("case")
    bundle().save(folder / "tiny")
    bundle(calibration=None).save(folder / "plain")
    bundle(("flair", "t1")).save(folder / "two")
    for modality in ("flair", "t1"):
        write_scan(folder / f"{modality}.nii.gz", modality)
    result = run("segment", "--bundle", folder / "tiny", "--image", f"flair={folder}/flair.nii.gz",
                 "--out", folder / "kept", "--keep-analysis", *QUICK)  # fmt: skip
    assert result.exit_code == 0, result.stderr
    return folder


def run(*arguments: object) -> Result:
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


def segment(case: Path, out: Path, *more: object, model: str = "tiny") -> Result:
    image = f"flair={case}/flair.nii.gz"
    return run("segment", "--bundle", case / model, "--image", image, "--out", out, *QUICK, *more)


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def mask_of(folder: Path) -> np.ndarray:
    return np.asarray(nib.Nifti1Image.from_filename(folder / "mask.nii.gz").dataobj)


def refused(result: Result, named: str) -> None:
    assert result.exit_code == 2, (result.stderr, result.exception)
    assert result.stdout == ""
    line, rest = result.stderr.split("\n", 1)
    assert (line[:7], line[-1], rest) == ("Error: ", ".", "")
    assert named in line
