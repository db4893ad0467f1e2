from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import pytest
from sklearn.metrics import average_precision_score
from typer.testing import CliRunner, Result

from anofpdm.cli.app import app
from anofpdm.evaluation.intensity_description import COLUMNS, intensity_figures
from anofpdm.evaluation.scan_cases import KnownScan
from anofpdm.evaluation.smoothing import intensity_map
from anofpdm.scans.volume import Volume, write_nifti


def known_scan(lesion_value: float = 3.0) -> KnownScan:
    """A brain of noise around 1 with one block of another value, in voxels of 1 x 1 x 3 mm."""
    rng = np.random.default_rng(0)
    data = np.zeros((20, 20, 8), dtype=np.float32)
    data[3:17, 3:17, 1:7] = 1 + 0.05 * rng.standard_normal((14, 14, 6))
    lesion = np.zeros(data.shape, dtype=bool)
    lesion[6:10, 6:10, 2:5] = True
    data[lesion] *= lesion_value
    volume = Volume(data, np.diag([1.0, 1.0, 3.0, 1.0]), "flair")
    return KnownScan({"flair": volume}, lesion)


def test_figures_are_multiples_of_the_healthy_median() -> None:
    scan = known_scan()
    values, brain = scan.volumes["flair"].data, scan.volumes["flair"].data > 0
    median = np.median(values[brain & ~scan.lesion])
    found = intensity_figures(scan, "flair")
    assert set(found) == set(COLUMNS)
    assert found["lesion_50"] == pytest.approx(np.median(values[scan.lesion]) / median)
    assert found["healthy_99"] == pytest.approx(
        np.percentile(values[brain & ~scan.lesion], 99) / median
    )
    assert found["lesion_below_healthy_95"] == 0
    assert found["lesion_ml"] == pytest.approx(48 * 3 / 1000)
    expected = average_precision_score(scan.lesion[brain], values[brain])
    assert found["auprc_intensity_0mm"] == pytest.approx(expected)


def test_a_lesion_like_its_surroundings_hides_below_the_healthy_percentile() -> None:
    found = intensity_figures(known_scan(1.0), "flair")
    assert found["lesion_below_healthy_95"] == pytest.approx(0.95, abs=0.05)
    assert found["auprc_intensity_0mm"] == pytest.approx(48 / 1176, abs=0.1)


def test_without_a_lesion_only_the_healthy_figures_are_known() -> None:
    scan = known_scan()
    found = intensity_figures(KnownScan(scan.volumes, np.zeros_like(scan.lesion)), "flair")
    assert found["healthy_95"] is not None
    assert found["lesion_ml"] == 0
    assert found["lesion_5"] is None and found["auprc_intensity_1mm"] is None


def test_dark_lesions_are_found_by_the_mirrored_scan() -> None:
    scan = known_scan(0.4)
    assert intensity_figures(scan, "flair", "hypointense")["auprc_intensity_0mm"] == pytest.approx(
        1
    )
    bright = intensity_figures(scan, "flair", "hyperintense")["auprc_intensity_0mm"]
    assert bright is not None and bright < 0.1
    assert intensity_figures(scan, "flair", "both")["auprc_intensity_0mm"] == pytest.approx(1)


def test_smoothing_is_in_millimetres() -> None:
    data = np.ones((31, 31, 31), dtype=np.float32)
    data[15, 15, 15] = 1001
    smooth = intensity_map(data, data > 0, (1.0, 1.0, 2.0), 2.0)
    excess = smooth - 1
    # Two voxels of 1 mm are as far as one of 2 mm.
    assert excess[17, 15, 15] == pytest.approx(excess[15, 15, 16], rel=0.05)


def run(*arguments: object) -> Result:
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


@pytest.fixture
def table(tmp_path: Path) -> Path:
    """Two patients with masks, and one without."""
    scan = known_scan()
    lines = ["subject,flair,mask"]
    for name in ("a", "b", "c"):
        write_nifti(
            tmp_path / f"{name}.nii.gz",
            scan.volumes["flair"].data,
            scan.volumes["flair"],
            np.float32,
        )
        write_nifti(tmp_path / f"{name}-mask.nii.gz", scan.lesion, scan.volumes["flair"], np.uint8)
        mask = "" if name == "c" else f"{name}-mask.nii.gz"
        lines.append(f"{name},{name}.nii.gz,{mask}")
    path = tmp_path / "scans.csv"
    path.write_text("\n".join(lines) + "\n")
    return path


def test_the_command_writes_a_line_for_each_scan_with_a_mask(table: Path, tmp_path: Path) -> None:
    (tmp_path / "d.nii.gz").write_bytes(b"no scan")
    table.write_text(table.read_text() + "d,d.nii.gz,a-mask.nii.gz\n")
    done = run("describe-intensity", "--source", table, "--out", tmp_path / "out")
    assert done.exit_code == 3, done.output
    assert (
        "Skipped c: it has no lesion mask." in done.stderr and "Skipped d: d.nii.gz" in done.stderr
    )
    rows = list(csv.DictReader((tmp_path / "out" / "intensity.csv").read_text().splitlines()))
    assert [row["case"] for row in rows] == ["a", "b"]
    document = json.loads((tmp_path / "out" / "intensity.json").read_text())
    assert document["scans"] == "scans.csv"
    assert [one["case"] for one in document["skipped"]] == ["c", "d"]
    assert document["summary"]["lesion_50"]["cases"] == 2
    assert document["summary"]["lesion_50"]["median"] == pytest.approx(
        float(rows[0]["lesion_50"]), rel=1e-4
    )


def test_phantoms_are_described_by_their_seeds(tmp_path: Path) -> None:
    done = run("describe-intensity", "--phantoms", "53:54", "--out", tmp_path / "out", "--json")
    assert done.exit_code == 0, done.output
    (case,) = json.loads(done.stdout)["cases"]
    assert case["case"] == "phantom-53" and case["healthy_95"] > 1


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((), "by --source or by --phantoms; none was given"),
        (("--source", "x.csv", "--phantoms", "0:1"), "two were given"),
        (("--phantoms", "3:1"), "--phantoms 3:1 is not a range"),
        (("--source", "."), "needs its --layout"),
    ],
)
def test_a_mistaken_choice_of_scans_is_explained(
    tmp_path: Path, arguments: tuple[str, ...], said: str
) -> None:
    done = run("describe-intensity", *arguments, "--out", tmp_path / "out")
    assert done.exit_code == 2 and said in done.stderr
    assert not (tmp_path / "out").exists()
