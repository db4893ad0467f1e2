"""The tutorial of a model of one's own: its files and commands, as they stand in the document."""

from __future__ import annotations

import csv
import json
import re
import shlex
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import pytest
from typer.testing import CliRunner

from anofpdm.cli.app import app
from anofpdm.datasets import SliceDataset
from anofpdm.datasets.labels.annotations import parsed_ranges
from anofpdm.model.bundle import load_bundle
from anofpdm.training.config import TrainingConfig

FILE = re.compile(r"`([\w.]+)`:\n\n```(?:toml|csv)\n(.*?)```", re.DOTALL)
COMMANDS = re.compile(r"```sh\n(.*?)```", re.DOTALL)
QUICK = re.compile(r"add `(--steps \d+)` to the first `train`, `(--steps \d+)` to the second")


@pytest.fixture(scope="module")
def text(repo_root: Path) -> str:
    return (repo_root / "docs" / "tutorial-own-model.md").read_text(encoding="utf-8")


def commands(text: str) -> list[list[str]]:
    lines = "".join(COMMANDS.findall(text)).splitlines()
    assert lines
    return [shlex.split(line) for line in lines]


def quickened(command: list[str], text: str) -> list[str]:
    """Add what the tutorial says to add just to see that all of it runs."""
    found = QUICK.search(text)
    assert found is not None
    if command[1] == "train":
        return command + found[2 if "--resume" in command else 1].split()
    if command[1] == "prepare":  # processes of its own would start for some seconds of work
        return [*command, "--workers", "1"]
    return command + found[2].split() if command[1] == "select-guidance" else command


@pytest.mark.nightly
def test_the_tutorial_leads_from_scans_to_a_mask(
    text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ANOFPDM_SETTINGS", str(tmp_path / "no-settings.toml"))
    monkeypatch.chdir(tmp_path)
    files = dict(FILE.findall(text))
    assert sorted(files) == ["ours.toml", "subjects.csv"]
    for name, content in files.items():
        Path(name).write_text(content)
    outcomes: list[dict[str, Any]] = []
    for program, *arguments in (quickened(command, text) for command in commands(text)):
        assert program == "anofpdm"
        result = CliRunner().invoke(app, [*arguments, "--json"])
        assert result.exit_code == 0, (arguments, result.stderr)
        outcomes.append({"command": arguments[0], **json.loads(result.stdout)})

    assert [o["step"] for o in outcomes if o["command"] == "train"] == [2, 4]
    assert Path("ours.zarr/contact_sheet.png").read_bytes().startswith(b"\x89PNG")
    dataset = SliceDataset.open("ours.zarr")
    assert "p02" in set(dataset.select("test").subjects)
    assert load_bundle("ours").metadata.calibration is not None
    assert load_bundle("run/bundle").metadata.calibration is None
    assert Path("ours-report/guidance.png").is_file()
    affine = nib.Nifti1Image.from_filename("scans/p02/flair.nii.gz").affine
    for folder in ("results", "results-all-slices"):
        mask = nib.Nifti1Image.from_filename(f"{folder}/mask.nii.gz")
        assert np.array_equal(mask.affine, affine)
    for subject in csv.DictReader(files["subjects.csv"].splitlines()):
        assert_labels_are_true(subject)


def assert_labels_are_true(subject: dict[str, str]) -> None:
    """What the tutorial says somebody saw is in the scan, but for specks."""
    lesion = nib.Nifti1Image.from_filename(f"scans/{subject['subject']}/lesion.nii.gz")
    area = np.asarray(lesion.dataobj).sum(axis=(0, 1)) * np.prod(lesion.header.get_zooms()[:2])
    if subject["label"]:
        assert (subject["label"] == "unhealthy") == bool((area >= 30).any())
    else:
        seen = np.zeros(len(area), dtype=bool)
        for first, last in parsed_ranges(subject["unhealthy_slices"], "subjects.csv"):
            seen[first : last + 1] = True
        assert np.array_equal(seen, area >= 30)


def test_its_configuration_is_the_networks_and_the_datasets(text: str, tmp_path: Path) -> None:
    (tmp_path / "ours.toml").write_text(dict(FILE.findall(text))["ours.toml"])
    config = TrainingConfig.from_toml(tmp_path / "ours.toml")
    prepare = next(command for command in commands(text) if command[1] == "prepare")
    assert str(config.network.image_size) == prepare[prepare.index("--size") + 1]
