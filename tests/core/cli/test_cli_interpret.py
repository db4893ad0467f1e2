"""`interpret` on a stored analysis: the same mask as `segment`, and other settings."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

from anofpdm.analysis.analysis import Analysis
from anofpdm.method.refinement import Refinement
from anofpdm.method.settings import ManualQuantile, Settings
from anofpdm.results.settings_files import ModelIdentity, SettingsFile
from tests.core.cli.case import (
    FILES,
    case,
    mask_of,
    names,
    own_settings,
    quick_picture,
    refused,
    run,
    segment,
)

__all__ = ["case", "own_settings", "quick_picture"]


@pytest.mark.parametrize(
    "settings",
    [
        [],
        ["--guidance", "8", "--no-gate", "--region", "brain", "--min-component-pixels", "0"],
        [
            "--no-gate",
            "--quantile",
            "0.8",
            "--region",
            "brain",
            "--sam",
            "gradient",
            "--median",
            "1",
        ],
        ["--no-gate", "--threshold", "0.002", "--end-step", "400", "--min-component-ml", "0.5"],
        ["--no-gate", "--polarity", "hyperintense", "--quantile", "0.8"],
        [
            "--no-gate",
            "--quantile",
            "0.8",
            "--refine",
            "--refine-border",
            "-0.5",
            "--refine-core",
            "0",
            "--refine-reach",
            "6",
            "--refine-share",
            "0.4",
            "--refine-smoothing",
            "2",
        ],
    ],
)
def test_interpret_gives_the_mask_of_segment(
    case: Path, tmp_path: Path, settings: list[str]
) -> None:
    assert segment(case, tmp_path / "direct", *settings).exit_code == 0
    result = run("interpret", case / "kept" / "analysis.anofpdm.zarr", "--out",
                 tmp_path / "again", *settings)  # fmt: skip
    assert result.exit_code == 0, result.stderr
    assert names(tmp_path / "again") == FILES
    np.testing.assert_array_equal(mask_of(tmp_path / "direct"), mask_of(tmp_path / "again"))
    if settings:
        assert mask_of(tmp_path / "again").any()


def test_refinement_changes_the_mask_and_is_reported(case: Path, tmp_path: Path) -> None:
    stored = case / "kept" / "analysis.anofpdm.zarr"
    coarse = ["--no-gate", "--quantile", "0.8", "--median", "1"]
    assert run("interpret", stored, "--out", tmp_path / "a", *coarse).exit_code == 0
    given = [*coarse, "--refine-border", "0.2", "--refine-core", "0", "--json"]
    result = run("interpret", stored, "--out", tmp_path / "b", *given)
    assert result.exit_code == 0, result.stderr
    refinement = json.loads(result.stdout)["settings"]["refinement"]
    assert refinement == Refinement(border=0.2, core=0).model_dump()
    assert mask_of(tmp_path / "b").any()
    assert (mask_of(tmp_path / "a") != mask_of(tmp_path / "b")).any()
    report = json.loads((tmp_path / "b" / "report.json").read_text())
    assert report["settings"]["refinement"] == refinement


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (["--no-refine", "--refine-border", "1"], "--no-refine"),
        (["--refine-share", "1.5"], "'--refine-share': '1.5' should be less than or equal to 1"),
        (["--refine-reach", "50"], "'--refine-reach': '50' should be less than or equal to 20"),
        (["--refine-contrast", "2"], "'--refine-contrast': '2' should be less than or equal to 1"),
        (["--refine-core", "abc"], "'--refine-core': 'abc' should be a valid number"),
        (["--refine-modality", "t1"], "model scores flair"),
    ],
)
def test_a_refinement_out_of_range_is_refused(
    case: Path, tmp_path: Path, given: list[str], said: str
) -> None:
    stored = case / "kept" / "analysis.anofpdm.zarr"
    refused(run("interpret", stored, "--out", tmp_path / "a", *given), said)
    refused(segment(case, tmp_path / "a", *given), said)
    assert names(tmp_path) == []


def test_the_fused_map_is_written_where_it_is_wanted(case: Path, tmp_path: Path) -> None:
    stored = case / "kept" / "analysis.anofpdm.zarr"
    assert run("interpret", stored, "--out", tmp_path / "a", "--fused-map").exit_code == 0
    assert names(tmp_path / "a") == sorted([*FILES, "fused_map.nii.gz"])
    image = nib.Nifti1Image.from_filename(tmp_path / "a" / "fused_map.nii.gz")
    mask = nib.Nifti1Image.from_filename(tmp_path / "a" / "mask.nii.gz")
    assert image.get_data_dtype() == np.float32 and image.shape == mask.shape
    np.testing.assert_array_equal(image.affine, mask.affine)
    assert np.asarray(image.dataobj).max() > 0
    # A new result without it does not leave an old one beside it.
    assert run("interpret", stored, "--out", tmp_path / "a", "--overwrite").exit_code == 0
    assert names(tmp_path / "a") == FILES


def settings_file(stored: Path, target: Path, same_model: bool = True) -> Path:
    """Settings as the viewer saves them, unlike those of the calibration."""
    model = ModelIdentity.of(Analysis.open(stored).metadata)
    if not same_model:
        model = model.model_copy(update={"hash": "0" * 64})
    settings = Settings(
        guidance=8.0, threshold=ManualQuantile(quantile=0.8, region="brain"), median_kernel=1
    )
    SettingsFile(model=model, settings=settings).write(target)
    return target


def test_interpret_under_settings_from_a_file(case: Path, tmp_path: Path) -> None:
    stored = case / "kept" / "analysis.anofpdm.zarr"
    mine = settings_file(stored, tmp_path / "mine.json")
    result = run("interpret", stored, "--settings", mine, "--out", tmp_path / "a", "--json")
    assert result.exit_code == 0, result.stderr
    assert Settings(**json.loads(result.stdout)["settings"]) == SettingsFile.read(mine).settings
    assert "saved for the model" not in result.stderr
    given = ["--guidance", 8, "--no-gate", "--quantile", 0.8, "--region", "brain", "--median", 1,
             "--min-component-pixels", 40]  # fmt: skip
    assert run("interpret", stored, "--out", tmp_path / "b", *given).exit_code == 0
    np.testing.assert_array_equal(mask_of(tmp_path / "a"), mask_of(tmp_path / "b"))
    assert mask_of(tmp_path / "a").any()


def test_settings_of_another_model_are_warned_of(case: Path, tmp_path: Path) -> None:
    stored = case / "kept" / "analysis.anofpdm.zarr"
    other = settings_file(stored, tmp_path / "other.json", same_model=False)
    result = run("interpret", stored, "--settings", other, "--out", tmp_path / "a", "--json")
    assert result.exit_code == 0
    assert "saved for the model" in result.stderr
    assert "saved for the model" in json.loads(result.stdout)["warnings"][0]


@pytest.mark.parametrize("option", [["--guidance", "2"], ["--sam", "sam"], ["--no-gate"]])
def test_settings_and_an_option_exclude_each_other(
    case: Path, tmp_path: Path, option: list[str]
) -> None:
    stored = case / "kept" / "analysis.anofpdm.zarr"
    mine = settings_file(stored, tmp_path / "mine.json")
    result = run("interpret", stored, "--settings", mine, "--out", tmp_path / "a", *option)
    refused(result, option[0])
    assert names(tmp_path) == ["mine.json"]


def test_a_settings_file_that_is_none_is_refused(case: Path, tmp_path: Path) -> None:
    stored = case / "kept" / "analysis.anofpdm.zarr"
    absent = tmp_path / "absent.json"
    refused(run("interpret", stored, "--settings", absent, "--out", tmp_path / "a"), str(absent))


def test_interpret_into_the_analysis_folder_keeps_the_analysis(case: Path, tmp_path: Path) -> None:
    folder = tmp_path / "kept"
    shutil.copytree(case / "kept", folder)
    stored = folder / "analysis.anofpdm.zarr"
    assert run("interpret", stored, "--out", folder, "--overwrite").exit_code == 0
    assert names(folder) == ["analysis.anofpdm.zarr", *FILES]
    Analysis.open(stored)
