from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from matplotlib.image import imread

from anofpdm import Volume, write_nifti
from napari_anofpdm.app.demo import main
from tests.core.segmentation_cases import analysis, scan


@pytest.fixture
def results(tmp_path: Path) -> Path:
    """A folder as `anofpdm demo --keep-analysis` leaves it."""
    analysis(tmp_path / "analysis.anofpdm.zarr")
    truth = np.zeros(scan().shape, dtype=np.uint8)
    truth[5:8, 6:9, 2:4] = 1
    write_nifti(tmp_path / "lesion.nii.gz", truth, Volume(truth, scan().affine), np.uint8)
    return tmp_path


@pytest.mark.nightly
def test_the_demo_becomes_a_picture_of_the_window(results: Path) -> None:
    picture = results / "window.png"
    command = [sys.executable, "-m", "napari_anofpdm.app.demo", str(results)]
    command += ["--picture", str(picture)]
    # The user's settings of napari stay out of it, and as they are.
    environment = {**os.environ, "NAPARI_CONFIG": ""}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    rows, columns = imread(picture).shape[:2]
    assert rows > 700 and columns > 1000
    assert picture.stat().st_size < 300_000


def test_the_pictures_of_the_readme_are_there_and_small(repo_root: Path) -> None:
    text = (repo_root / "README.md").read_text(encoding="utf-8")
    shown = re.findall(r"!\[[^]]+\]\(([^)]+)\)", text)
    assert shown
    for name in shown:
        assert 10_000 < (repo_root / name).stat().st_size < 300_000


def test_a_folder_without_an_analysis_is_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit, match="2"):
        main([str(tmp_path / "nothing")])
    assert "holds no analysis.anofpdm.zarr" in " ".join(capsys.readouterr().err.split())
