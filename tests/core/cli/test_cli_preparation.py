"""Raw scans on the command line: brain extraction within `segment`."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import pytest
from typer.testing import CliRunner, Result

from anofpdm.cli.app import app
from anofpdm.datasets.store.slices import SliceDataset
from anofpdm.preprocessing.atlas import TemplateFit
from anofpdm.preprocessing.similarity import SimilarityTest
from anofpdm.scans.volume import Volume
from tests.core.preprocessing.heads import brain, head
from tests.core.segmentation_cases import bundle


@pytest.fixture(autouse=True)
def quick(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep the user's settings out of the tests, and draw no picture."""
    monkeypatch.setenv("ANOFPDM_SETTINGS", str(tmp_path / "no-settings.toml"))
    monkeypatch.setenv("ANOFPDM_BUNDLES", "")
    monkeypatch.setattr(
        "anofpdm.results.pictures.report.page.save_picture",
        lambda path, *_: path.write_bytes(b"png"),
    )


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A model, a head and its brain; deepbet is told where the brain is."""
    bundle().save(tmp_path / "tiny")
    for name, made in (("head", head()), ("brain", brain())):
        nib.save(nib.Nifti1Image(made[0].data, made[0].affine), tmp_path / f"{name}.nii.gz")

    def find_brain(volume: Volume, cancelled: object) -> tuple[np.ndarray, str]:
        return head()[1], "1.0"

    monkeypatch.setattr("anofpdm.preprocessing.skull.deepbet.find_brain", find_brain)
    return tmp_path


def segment(folder: Path, name: str, *more: object) -> Result:
    given = ["segment", "--bundle", folder / "tiny", "--image", folder / f"{name}.nii.gz"]
    quick = ["--steps", 4, "--device", "cpu", "--json", "--out", folder / "out"]
    return CliRunner().invoke(app, [str(each) for each in (*given, *quick, *more)])


def report_of(result: Result) -> dict[str, Any]:
    assert result.exit_code == 0, result.stderr
    report: dict[str, Any] = json.loads(result.stdout)
    return report


def test_a_head_is_extracted_and_said_to_be(folder: Path) -> None:
    result = segment(folder, "head")
    report = report_of(result)
    made = report["preparation"]["brain_extraction"]
    assert (made["tool"], made["version"], made["margin_mm"]) == ("deepbet", "1.0", 0.0)
    assert "was extracted with deepbet 1.0 because" in result.stderr
    assert not any("brain-extracted" in warning for warning in report["warnings"])
    mask = nib.Nifti1Image.from_filename(folder / "out" / "brain_mask.nii.gz")
    np.testing.assert_array_equal(np.asarray(mask.dataobj) > 0, head()[1])
    marked = np.asarray(nib.Nifti1Image.from_filename(folder / "out" / "mask.nii.gz").dataobj)
    assert not marked[~head()[1]].any()


def test_a_margin_grows_the_mask_that_is_written(folder: Path) -> None:
    report_of(segment(folder, "head", "--skull-margin-mm", 3))
    mask = nib.Nifti1Image.from_filename(folder / "out" / "brain_mask.nii.gz")
    assert np.count_nonzero(np.asarray(mask.dataobj)) > 1.1 * head()[1].sum()


def test_a_stripped_scan_stays_as_it_is(folder: Path) -> None:
    report = report_of(segment(folder, "brain"))
    assert report["preparation"] == {}
    assert not (folder / "out" / "brain_mask.nii.gz").exists()


def test_a_head_can_be_kept_with_its_warning(folder: Path) -> None:
    report = report_of(segment(folder, "head", "--skull", "keep"))
    assert any("does not look brain-extracted" in warning for warning in report["warnings"])
    assert not (folder / "out" / "brain_mask.nii.gz").exists()


def test_a_brain_mask_and_a_tool_are_one_too_many(folder: Path) -> None:
    result = segment(folder, "head", "--brain-mask", folder / "brain.nii.gz", "--skull", "deepbet")
    assert (result.exit_code, result.stderr.count("\n")) == (2, 1)
    assert "cannot be combined" in result.stderr
    assert not (folder / "out").exists()


def preprocess(folder: Path, *more: object) -> Result:
    given = ["preprocess", "--out", folder / "ready", "--json", *more]
    return CliRunner().invoke(app, [str(each) for each in given])


def test_preprocess_writes_brains_on_one_grid_and_a_record(folder: Path) -> None:
    pytest.importorskip("SimpleITK")
    volume, inside = head()
    crop = nib.Nifti1Image(volume.data[2:, 3:, 1:], volume.affine)
    crop.affine[:3, 3] = (volume.affine @ [2, 3, 1, 1])[:3]
    nib.save(crop, folder / "crop.nii.gz")
    result = preprocess(
        folder, "--image", f"flair={folder}/head.nii.gz", "--image", f"t1={folder}/crop.nii.gz"
    )
    record = report_of(result)
    assert str(folder) not in (folder / "ready" / "preprocessing.json").read_text()
    assert record["registration"][0]["passed"] and record["registration"][0]["moving"] == (
        "crop.nii.gz"
    )
    assert record["brain_extraction"]["tool"] == "deepbet"
    for name in ("flair", "t1"):
        image = nib.Nifti1Image.from_filename(folder / "ready" / f"{name}.nii.gz")
        data = np.asarray(image.dataobj)
        assert not data[~inside].any() and data[inside].any()
        np.testing.assert_allclose(image.affine, volume.affine, atol=1e-4)
    assert sorted(each.name for each in (folder / "ready").iterdir()) == [
        "brain_mask.nii.gz", "flair.nii.gz", "preprocessing.json", "t1.nii.gz"
    ]  # fmt: skip
    report = report_of(segment(folder / "ready", "flair", "--bundle", folder / "tiny"))
    assert report["preparation"] == {}


def test_preprocess_needs_the_modality_of_each_scan(folder: Path) -> None:
    result = preprocess(folder, "--image", folder / "head.nii.gz")
    assert (result.exit_code, result.stderr.count("\n")) == (2, 1)
    assert "has no modality" in result.stderr
    assert not (folder / "ready").exists()


def test_regions_are_in_the_table_and_the_report(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fitted = TemplateFit(np.eye(4), SimilarityTest(1.0, 0.1))
    monkeypatch.setattr("anofpdm.preprocessing.atlas.fit_template", lambda *_, **__: fitted)
    given = ("--regions", "--no-gate", "--quantile", 0.9)
    report = report_of(segment(folder, "brain", *given, "--keep-analysis"))
    components = report["lesions"]["components"]
    assert components and all(each["approximate_region"] for each in components)
    assert report["regions"]["approximate"] is True
    with (folder / "out" / "lesions.csv").open(encoding="utf-8") as stream:
        rows = list(csv.DictReader(stream))
    assert [row["approximate_region"] for row in rows] == [
        each["approximate_region"] for each in components
    ]
    stored = [folder / "out" / "analysis.anofpdm.zarr", "--out", folder / "again", "--json"]
    again = CliRunner().invoke(app, ["interpret", *map(str, (*stored, *given))])
    assert report_of(again)["lesions"]["components"] == components


def test_a_scan_that_does_not_fit_the_template_has_no_names(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fitted = TemplateFit(np.eye(4), SimilarityTest(0.1, 0.1))
    monkeypatch.setattr("anofpdm.preprocessing.atlas.fit_template", lambda *_, **__: fitted)
    report = report_of(segment(folder, "brain", "--regions", "--no-gate", "--quantile", 0.9))
    assert not any("approximate_region" in each for each in report["lesions"]["components"])
    assert any("does not fit the template" in warning for warning in report["warnings"])


def test_a_table_of_raw_scans_becomes_a_dataset(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("SimpleITK")
    calls: list[str] = []

    def find_brain(volume: Volume, cancelled: object) -> tuple[np.ndarray, str]:
        calls.append(volume.name)
        return head()[1], "1.0"

    monkeypatch.setattr("anofpdm.preprocessing.skull.deepbet.find_brain", find_brain)
    monkeypatch.setattr("anofpdm.preprocessing.registration.fit", lambda *_, **__: np.eye(4))
    volume, inside = head()
    nib.save(nib.Nifti1Image(volume.data[:, :, 1:], volume.affine), folder / "t1.nii.gz")
    table = folder / "raw.csv"
    table.write_text(
        "subject,flair,t1,label,unhealthy_slices\n"
        "a,head.nii.gz,t1.nii.gz,healthy,\n"
        "b,head.nii.gz,t1.nii.gz,,20-24\n"
    )
    given = ["prepare", table, "--layout", "table", "--size", 32, "--workers", 1, "--json"]
    options = ["--skull", "auto", "--register", "auto", "--split", "100,0,0"]

    def run(*more: object) -> Result:
        command = [*given, "--out", folder / "d.zarr", *more]
        return CliRunner().invoke(app, [str(each) for each in command])

    refused = run("--with-skull", *options)
    assert (refused.exit_code, refused.stderr.count("\n")) == (2, 1)
    assert "--with-skull" in refused.stderr and not (folder / "d.zarr").exists()
    as_they_are = run()
    assert "different grids" in as_they_are.stderr and as_they_are.exit_code != 0
    report = report_of(run(*options))
    assert report["subjects"] == {"train": 2} and calls == ["head.nii.gz", "head.nii.gz"]
    for subject in ("a", "b"):
        done = report["preparation"][subject]
        assert done["brain_extraction"]["reason"] and done["registration"][0]["fixed"]
    assert json.loads((folder / "d.zarr" / "prepared.json").read_text())["preparation"]
    stored = SliceDataset.open(folder / "d.zarr")
    assert stored.description["provenance"]["preparation"]["skull"] == "auto"
    # What the network sees is the brain alone, in mm2.
    seen = stored.read("foreground", np.arange(len(stored))).sum() * (208 / 32) ** 2
    brain_mm2 = 2 * inside.sum() * 9
    assert seen == pytest.approx(brain_mm2, rel=0.1)
