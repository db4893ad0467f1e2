"""The curves as CSV."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest

import anofpdm
from anofpdm import Analysis, Settings, interpret
from anofpdm.common.errors import OutputError
from napari_anofpdm.panels.curves.curve_files import COLUMNS, save_curves


def read(path: Path) -> tuple[dict[str, str], list[dict[str, str]]]:
    lines = path.read_text(encoding="utf-8").splitlines()
    head = dict(line[2:].split(": ", 1) for line in lines if line.startswith("# "))
    return head, list(csv.DictReader(line for line in lines if not line.startswith("#")))


def test_the_numbers_survive(tiny_analysis: Analysis, tmp_path: Path) -> None:
    result = interpret(tiny_analysis, tiny_analysis.default_settings(), [1, 3])
    path = tmp_path / "curves.csv"
    save_curves(path, tiny_analysis, result)
    _, rows = read(path)
    assert tuple(rows[0]) == COLUMNS
    assert len(rows) == 2 * len(tiny_analysis.timesteps)
    for name in ("divergence", "mse_healthy", "mse_null"):
        written = np.array([float(row[name]) for row in rows], dtype=np.float32)
        np.testing.assert_array_equal(written, getattr(result, name).ravel())
    assert [int(row["t"]) for row in rows[:4]] == list(tiny_analysis.timesteps)
    assert {int(row["slice"]) for row in rows} == set(result.slice_ids.tolist())


def test_the_header_names_the_sources(tiny_analysis: Analysis, tmp_path: Path) -> None:
    result = interpret(tiny_analysis, tiny_analysis.default_settings(), [0])
    path = tmp_path / "curves.csv"
    save_curves(path, tiny_analysis, result)
    head, _ = read(path)
    assert head["model"] == "tiny 0.1"
    assert head["hash"] == tiny_analysis.metadata.bundle_hash
    assert head["version"] == f"napari-anofpdm {anofpdm.__version__}"
    assert Settings.model_validate_json(head["settings"]) == result.settings
    assert "scan.nii.gz" in head["scans"]


def test_an_existing_file_is_kept_unless_asked(tiny_analysis: Analysis, tmp_path: Path) -> None:
    result = interpret(tiny_analysis, tiny_analysis.default_settings(), [0])
    path = tmp_path / "curves.csv"
    path.write_text("mine")
    with pytest.raises(OutputError, match="already exists"):
        save_curves(path, tiny_analysis, result)
    assert path.read_text() == "mine"
    save_curves(path, tiny_analysis, result, overwrite=True)
    assert path.read_text().startswith("# model")
    assert [each.name for each in tmp_path.iterdir()] == ["curves.csv"]
