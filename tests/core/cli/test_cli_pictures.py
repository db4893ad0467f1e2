"""`anofpdm figure` and `anofpdm cine` on a folder that `segment` wrote."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from matplotlib.image import imread
from PIL import Image
from typer.testing import CliRunner, Result

from anofpdm.cli.app import app
from anofpdm.scans.volume import read_volume, write_nifti
from tests.core.segmentation_cases import bundle, write_scan


def run(*arguments: object) -> Result:
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One segmentation with its analysis kept."""
    folder = tmp_path_factory.mktemp("case")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            "anofpdm.results.pictures.report.page.save_picture",
            lambda path, *_: path.write_bytes(b"png"),
        )
        bundle().save(folder / "tiny")
        image = write_scan(folder / "flair.nii.gz")
        done = run("segment", "--bundle", folder / "tiny", "--image", f"flair={image}",
                   "--out", folder / "results", "--keep-analysis", "--steps", 4,
                   "--device", "cpu")  # fmt: skip
    assert done.exit_code == 0, done.stderr
    return folder / "results"


def test_a_figure_of_stored_results(results: Path, tmp_path: Path) -> None:
    out = tmp_path / "figure.png"
    done = run("figure", results, "--out", out, "--planes", "axial,coronal", "--slices", "2,3",
               "--slices", "coronal=even:1", "--columns", "scan,map+mask,healthy", "--dpi", 50,
               "--width", 12.7, "--json")  # fmt: skip
    assert done.exit_code == 0, done.stderr
    told = json.loads(done.stdout)
    assert told["slices"]["axial"] == [2, 3]
    assert len(told["slices"]["coronal"]) == 1
    assert imread(out).shape[1] == 250
    again = run("figure", results, "--out", out)
    assert again.exit_code == 2
    assert "already exists" in again.stderr


def test_results_without_an_analysis_take_the_scan_from_its_file(
    results: Path, tmp_path: Path
) -> None:
    bare = tmp_path / "bare"
    shutil.copytree(results, bare, ignore=shutil.ignore_patterns("*.zarr"))
    out = tmp_path / "figure.svg"
    refused = run("figure", bare, "--out", out)
    assert refused.exit_code == 2
    assert "give --scan FILE" in refused.stderr
    done = run("figure", bare, "--out", out, "--scan", results.parent / "flair.nii.gz",
               "--slices", "3", "--title", "A case")  # fmt: skip
    assert done.exit_code == 0, done.stderr
    assert "A case" in out.read_text(encoding="utf-8")
    healthy = run("figure", bare, "--out", tmp_path / "b.svg", "--columns", "healthy", "--scan",
                  results.parent / "flair.nii.gz")  # fmt: skip
    assert healthy.exit_code == 2
    assert "--keep-analysis" in healthy.stderr
    assert not (tmp_path / "b.svg").exists()


def test_masks_of_other_files(results: Path, tmp_path: Path) -> None:
    """The mask that is given decides which slices have the most lesion."""
    mask = read_volume(results / "mask.nii.gz")
    corrected = np.zeros(mask.shape, np.uint8)
    corrected[6, 6, 4] = 1
    write_nifti(tmp_path / "corrected.nii.gz", corrected, mask, np.uint8)
    done = run("figure", results, "--out", tmp_path / "a.png", "--slices", "most:1", "--dpi", 40,
               "--mask", tmp_path / "corrected.nii.gz", "--columns", "mask+reference",
               "--reference", tmp_path / "corrected.nii.gz", "--json")  # fmt: skip
    assert done.exit_code == 0, done.stderr
    assert json.loads(done.stdout)["slices"] == {"axial": [4]}


def test_films_of_slices_and_of_steps(results: Path, tmp_path: Path) -> None:
    slices = run("cine", results, "--out", tmp_path / "slices.gif", "--slices", "1-3",
                 "--pixels", 160, "--font-size", 5, "--quiet")  # fmt: skip
    assert slices.exit_code == 0, slices.stderr
    steps = run("cine", results, "--out", tmp_path / "steps.gif", "--through", "steps",
                "--slices", 2, "--pixels", 240, "--font-size", 5, "--json")  # fmt: skip
    assert steps.exit_code == 0, steps.stderr
    assert json.loads(steps.stdout)["frames"] == 4
    for name, frames, width in (("slices", 3, 160), ("steps", 4, 240)):
        with Image.open(tmp_path / f"{name}.gif") as image:
            assert image.n_frames == frames  # type: ignore[attr-defined]
            assert abs(image.width - width) <= 1


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--planes", "oblique"), "is no plane"),
        (("--window", "3"), "--window takes LOW,HIGH"),
        (("--slices", "99"), "no axial slice 99"),
        (("--columns", "brain"), "'brain' in the column"),
    ],
)
def test_mistakes_are_explained(
    results: Path, tmp_path: Path, arguments: tuple[str, ...], message: str
) -> None:
    done = run("figure", results, "--out", tmp_path / "a.png", *arguments)
    assert done.exit_code == 2
    assert message in done.stderr
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("command", "more", "message"),
    [
        ("figure", (), "No column draws the reference"),
        ("figure", ("--columns", "scan,map+mask"), "give a column reference"),
        ("cine", ("--columns", "scan"), "No column draws the reference"),
        ("cine", ("--through", "steps"), "A film through the steps draws no reference"),
    ],
)
def test_a_reference_that_nothing_draws_is_refused(
    results: Path, tmp_path: Path, command: str, more: tuple[str, ...], message: str
) -> None:
    done = run(command, results, "--out", tmp_path / "a.gif" if command == "cine" else
               tmp_path / "a.png", "--reference", results / "mask.nii.gz", *more)  # fmt: skip
    assert done.exit_code == 2
    assert message in " ".join(done.stderr.split())
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("command", "options", "told"),
    [
        ("figure", ("--columns", "scan,mask", "--map-max", "1"), "No column draws the map"),
        ("cine", ("--columns", "scan", "--map-max", "1"), "No column draws the map"),
        ("cine", ("--through", "steps", "--plane", "coronal"), "leave out --plane coronal"),
        ("cine", ("--through", "steps", "--columns", "scan"), "leave out --columns scan"),
    ],
)
def test_an_option_that_would_do_nothing_is_refused(
    results: Path, tmp_path: Path, command: str, options: tuple[str, ...], told: str
) -> None:
    out = tmp_path / ("a.png" if command == "figure" else "a.gif")
    ended = run(command, results, "--out", out, *options)
    assert ended.exit_code == 2
    assert told in ended.stderr
    assert not out.exists()


def test_a_folder_of_something_else_is_refused(tmp_path: Path) -> None:
    done = run("cine", tmp_path, "--out", tmp_path / "a.gif")
    assert done.exit_code == 2
    assert "holds no report.json" in done.stderr
    scan = tmp_path / "scans" / "first"
    scan.mkdir(parents=True)
    (scan / "report.json").touch()
    done = run("figure", tmp_path, "--out", tmp_path / "a.png")
    assert (
        f"results of a cohort; give the folder of one of its scans, such as {scan}" in done.stderr
    )
    done = run("figure", tmp_path / "none", "--out", tmp_path / "a.png")
    assert "does not exist" in done.stderr
    done = run("figure", scan / "report.json", "--out", tmp_path / "a.png")
    assert "is not a folder" in done.stderr
