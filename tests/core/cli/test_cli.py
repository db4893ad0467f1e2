"""The command line: what it writes, what it says, and how it ends."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import nibabel as nib
import numpy as np
import pytest
from typer.testing import CliRunner, Result

from anofpdm.analysis.analysis import Analysis
from anofpdm.cli.app import app
from anofpdm.common.errors import Cancelled
from anofpdm.datasets import SliceDataset
from anofpdm.method.refinement import Refinement
from anofpdm.method.settings import ManualQuantile, Settings
from anofpdm.results.folder import result_folder
from anofpdm.results.settings_files import ModelIdentity, SettingsFile
from tests.core.segmentation_cases import bundle, scan, write_scan

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


def test_segment_writes_its_four_files(case: Path, tmp_path: Path) -> None:
    result = segment(case, tmp_path / "new" / "out")
    assert result.exit_code == 0
    assert "Lesion volume" in result.stdout
    assert (case / "kept" / "report.png").read_bytes().startswith(b"\x89PNG")
    assert names(tmp_path / "new" / "out") == FILES
    image = nib.Nifti1Image.from_filename(tmp_path / "new" / "out" / "mask.nii.gz")
    assert image.shape == scan().shape
    np.testing.assert_allclose(image.affine, scan().affine)


def test_lone_path_will_do_for_one_modality(case: Path, tmp_path: Path) -> None:
    scan_path = case / "flair.nii.gz"
    result = run("segment", "--bundle", case / "tiny", "--image", scan_path, "--out",
                 tmp_path / "out", *QUICK)  # fmt: skip
    assert result.exit_code == 0


def test_json_is_one_object_and_nothing_else_on_stdout(case: Path, tmp_path: Path) -> None:
    result = segment(case, tmp_path / "out", "--json")
    payload = json.loads(result.stdout)
    assert payload["out"] == str(tmp_path / "out")
    written = json.loads((tmp_path / "out" / "report.json").read_text())
    assert {key: payload[key] for key in written} == written


def test_quiet_says_nothing(case: Path, tmp_path: Path) -> None:
    result = segment(case, tmp_path / "out", "--quiet")
    assert (result.exit_code, result.stdout) == (0, "")


def test_several_modalities(case: Path, tmp_path: Path) -> None:
    t1 = f"t1={case}/t1.nii.gz"
    result = segment(case, tmp_path / "out", "--image", t1, "--json", model="two")
    sources = json.loads(result.stdout)["sources"]
    assert [source["modality"] for source in sources] == ["flair", "t1"]


def test_brain_mask_is_used_and_recorded(case: Path, tmp_path: Path) -> None:
    inside = (scan().data > 0).astype(np.uint8)
    inside[:, :, 3:] = 0
    nib.save(nib.Nifti1Image(inside, scan().affine), tmp_path / "brain.nii.gz")
    result = segment(case, tmp_path / "out", "--brain-mask", tmp_path / "brain.nii.gz", "--json")
    payload = json.loads(result.stdout)
    assert payload["sources"][-1]["name"] == "brain.nii.gz"
    assert max(entry["index"] for entry in payload["slices"]) <= 2


def test_uncalibrated_bundle_runs_and_says_so(case: Path, tmp_path: Path) -> None:
    result = segment(case, tmp_path / "out", "--json", model="plain")
    assert result.exit_code == 0
    assert "not calibrated" in result.stderr
    payload = json.loads(result.stdout)
    assert not payload["settings"]["gate"]
    assert "not calibrated" in payload["warnings"][0]


def test_other_steps_than_calibrated_are_warned_of(case: Path, tmp_path: Path) -> None:
    assert "calibrated with ddim, 4 steps" in segment(case, tmp_path / "a", "--steps", 3).stderr
    assert "calibrated with" not in segment(case, tmp_path / "b").stderr
    kept = segment(case, tmp_path / "c", "--steps", 3, "--keep-analysis")
    assert kept.exit_code == 0
    again = run("interpret", tmp_path / "c" / "analysis.anofpdm.zarr", "--out", tmp_path / "d")
    assert "calibrated with ddim, 4 steps" in again.stderr
    usual = run("interpret", case / "kept", "--out", tmp_path / "e")  # which holds an analysis
    assert (usual.exit_code, "calibrated" in usual.stderr) == (0, False)
    darker = run("interpret", case / "kept" / "analysis.anofpdm.zarr", "--out", tmp_path / "f",
                 "--polarity", "hypointense")  # fmt: skip
    assert darker.exit_code == 0
    assert "was calibrated for the polarity both" in " ".join(darker.stderr.split())


def test_overwrite_replaces_results(case: Path, tmp_path: Path) -> None:
    assert segment(case, tmp_path / "out", "--keep-analysis").exit_code == 0
    assert segment(case, tmp_path / "out").exit_code == 2
    assert segment(case, tmp_path / "out", "--overwrite").exit_code == 0
    assert names(tmp_path / "out") == FILES


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


def not_a_nifti(folder: Path) -> list[object]:
    (folder / "text.nii").write_text("hello")
    return ["--image", f"flair={folder}/text.nii"]


def cut_off(folder: Path) -> list[object]:
    whole = write_scan(folder / "whole.nii.gz").read_bytes()
    (folder / "cut.nii.gz").write_bytes(whole[: len(whole) // 2])
    return ["--image", f"flair={folder}/cut.nii.gz"]


def array(data: np.ndarray, affine: np.ndarray | None = None) -> Callable[[Path], list[object]]:
    def written(folder: Path) -> list[object]:
        place = scan().affine if affine is None else affine
        nib.save(nib.Nifti1Image(data, place), folder / "odd.nii.gz")
        return ["--image", f"flair={folder}/odd.nii.gz"]

    return written


def options(*given: object) -> Callable[[Path], list[object]]:
    def with_scan(folder: Path) -> list[object]:
        return ["--image", f"flair={write_scan(folder / 'scan.nii.gz')}", *given]

    return with_scan


def mask_of_another_shape(folder: Path) -> list[object]:
    small = nib.Nifti1Image(np.ones((3, 3, 3), np.uint8), np.diag([8.0, 8.0, 8.0, 1.0]))
    nib.save(small, folder / "small.nii.gz")
    return [*options()(folder), "--brain-mask", folder / "small.nii.gz"]


SHAPE = scan().shape
WRONG: dict[str, tuple[Callable[[Path], list[object]], str]] = {
    "missing file": (lambda folder: ["--image", "flair=nowhere.nii"], "nowhere.nii"),
    "not a NIfTI": (not_a_nifti, "text.nii"),
    "cut off": (cut_off, "cut.nii.gz"),
    "series": (array(np.ones((*SHAPE, 3), np.float32)), "series"),
    "complex": (array(np.ones(SHAPE, np.complex64)), "complex"),
    "constant": (array(np.full(SHAPE, 7.0, np.float32)), "odd.nii.gz"),
    "empty": (array(np.zeros(SHAPE, np.float32)), "odd.nii.gz"),
    "all NaN": (array(np.full(SHAPE, np.nan, np.float32)), "odd.nii.gz"),
    "unknown modality": (options("--image", "pet=x.nii"), "pet"),
    "modality twice": (options("--image", "flair=x.nii"), "twice"),
    "mask of another shape": (mask_of_another_shape, "small.nii.gz"),
    "missing mask": (options("--brain-mask", "no.nii"), "no.nii"),
    "guidance": (options("--guidance", "-1"), "--guidance"),
    "guidance too large": (options("--guidance", "1001"), "--guidance"),
    "no number": (options("--guidance", "strong"), "--guidance"),
    "steps": (options("--steps", "0"), "--steps"),
    "t-max": (options("--t-max", "1001"), "--t-max"),
    "end step off the grid": (options("--end-step", "7"), "end step 7 is not an analysed"),
    "quantile": (options("--quantile", "1.5"), "--quantile"),
    "quantile 0": (options("--quantile", "0"), "--quantile"),
    "threshold": (options("--threshold", "-0.1"), "--threshold"),
    "threshold not a number": (options("--threshold", "nan"), "--threshold"),
    "both rules": (options("--threshold", "0.1", "--quantile", "0.9"), "--quantile"),
    "region of a threshold": (options("--threshold", "0.1", "--region", "brain"), "--region"),
    "even median": (options("--median", "4"), "'--median': '4' should be an odd number"),
    "sam": (options("--sam", "best"), "'--sam': 'best' is not one of"),
    "polarity": (options("--polarity", "dark"), "'--polarity': 'dark' is not one of"),
    "process": (options("--process", "ddib"), "--process"),
    "device": (options("--device", "tpu"), "tpu"),
    "batch size": (options("--batch-size", "0"), "--batch-size"),
    "unknown option": (options("--colour", "red"), "--colour"),
    "unknown bundle": (options("--bundle", "no-such-bundle"), "no-such-bundle"),
}  # fmt: skip


@pytest.mark.parametrize("wrong", WRONG)
def test_wrong_input_is_one_sentence_and_leaves_nothing(
    case: Path, tmp_path: Path, wrong: str
) -> None:
    make, named = WRONG[wrong]
    inputs = tmp_path / "inputs"
    inputs.mkdir()
    arguments = [*QUICK, "--bundle", case / "tiny", "--out", tmp_path / "a" / "out", *make(inputs)]
    refused(run("segment", *arguments), named)
    assert names(tmp_path) == ["inputs"]


def refused(result: Result, named: str) -> None:
    assert result.exit_code == 2, (result.stderr, result.exception)
    assert result.stdout == ""
    line, rest = result.stderr.split("\n", 1)
    assert (line[:7], line[-1], rest) == ("Error: ", ".", "")
    assert named in line


def test_an_input_without_its_option_is_told_the_option(tmp_path: Path) -> None:
    scan = tmp_path / "scan.nii.gz"
    scan.touch()
    refused(run("segment", scan, "--out", tmp_path / "out"), f"write --image {scan} (see")
    refused(run("segment", "--out", tmp_path / "out"), "Missing option '--image' (see")
    # What stands where the results should go is no hint.
    refused(run("segment", "--image", scan, scan), "Missing option '--out' (see")


def test_missing_modality_is_named(case: Path, tmp_path: Path) -> None:
    refused(segment(case, tmp_path / "out", model="two"), "t1 is missing")


def test_lone_path_for_several_modalities_is_refused(case: Path, tmp_path: Path) -> None:
    result = segment(case, tmp_path / "out", "--image", "scan.nii", model="two")
    refused(result, "has no modality")


def test_modalities_on_different_grids_are_refused(case: Path, tmp_path: Path) -> None:
    moved = scan().affine.copy()
    moved[0, 3] += 30
    nib.save(nib.Nifti1Image(scan().data, moved), tmp_path / "moved.nii.gz")
    image = f"t1={tmp_path}/moved.nii.gz"
    off = ("--register", "off")
    refused(segment(case, tmp_path / "out", "--image", image, *off, model="two"), "different grids")
    assert names(tmp_path) == ["moved.nii.gz"]


@pytest.mark.parametrize("out", ["file", "file/below/out"])
def test_unwritable_output_is_refused_before_the_scan_is_read(
    case: Path, tmp_path: Path, out: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("anofpdm.scans.volume.read_volume", _must_not_be_called)
    (tmp_path / "file").write_text("mine")
    refused(segment(case, tmp_path / out), "is a file")
    assert (tmp_path / "file").read_text() == "mine"


def test_results_in_the_way_are_refused_before_the_scan_is_read(
    case: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("anofpdm.scans.volume.read_volume", _must_not_be_called)
    refused(segment(case, case / "kept"), "--overwrite")


def _must_not_be_called(*args: object, **named: object) -> None:
    raise AssertionError("the check came too late")


@pytest.mark.parametrize("damage", ["other bytes", "missing key", "pickle"])
def test_broken_bundle_is_refused(case: Path, tmp_path: Path, damage: str) -> None:
    model = tmp_path / "model"
    shutil.copytree(case / "tiny", model)
    if damage == "other bytes":
        weights = bytearray((model / "weights.safetensors").read_bytes())
        weights[-1] ^= 1
        (model / "weights.safetensors").write_bytes(weights)
    elif damage == "missing key":
        document = json.loads((model / "metadata.json").read_text())
        del document["modalities"]
        (model / "metadata.json").write_text(json.dumps(document))
    else:
        (model / "extra.pkl").write_bytes(b"cos\nsystem\n.")
    for command in (("bundle", "verify", model), ("bundle", "show", model)):
        refused(run(*command), str(model))
    refused(segment(case, tmp_path / "out", "--bundle", model), str(model))
    assert names(tmp_path) == ["model"]


@pytest.mark.parametrize("kind", ["absent", "other zarr", "cut off"])
def test_what_is_no_analysis_is_refused(case: Path, tmp_path: Path, kind: str) -> None:
    stored = tmp_path / "analysis.anofpdm.zarr"
    if kind == "other zarr":
        stored.mkdir()
        (stored / "zarr.json").write_text('{"zarr_format": 3, "node_type": "group"}')
    elif kind == "cut off":
        shutil.copytree(case / "kept" / "analysis.anofpdm.zarr", stored)
        chunks = sorted(p for p in stored.rglob("*") if p.is_file() and "zarr.json" not in p.name)
        for chunk in chunks[len(chunks) // 2 :]:
            chunk.unlink()
    refused(run("interpret", stored, "--out", tmp_path / "out"), str(stored))
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("stop", [KeyboardInterrupt, Cancelled("stopped")])
def test_cancelling_leaves_nothing(
    case: Path,
    tmp_path: Path,
    stop: BaseException | type[BaseException],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def interrupted(*args: object, **named: object) -> None:
        raise stop

    monkeypatch.setattr("anofpdm.segmentation.segment.segment_live", interrupted)
    result = segment(case, tmp_path / "deep" / "out")
    assert result.exit_code == 130
    assert result.stderr == "Cancelled; no partial results were left.\n"
    assert names(tmp_path) == []


def test_our_own_fault_points_to_debug(
    case: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*args: object, **named: object) -> None:
        raise RuntimeError("a bug")

    monkeypatch.setattr("anofpdm.segmentation.segment.segment_live", broken)
    result = segment(case, tmp_path / "out")
    assert result.exit_code == 1
    assert "Internal error: RuntimeError: a bug" in result.stderr
    assert "--debug" in result.stderr
    assert "Traceback" not in result.stderr
    result = segment(case, tmp_path / "out", "--debug")
    assert "Traceback" in result.stderr and "in broken" in result.stderr
    assert names(tmp_path) == []


def test_bundle_commands_name_models(case: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ANOFPDM_BUNDLES", str(case))
    listed = json.loads(run("bundle", "list", "--json").stdout)["bundles"]
    assert {"tiny", "plain", "two"} <= {entry["name"] for entry in listed}
    assert "tiny" in run("bundle", "list").stdout
    for row in listed:  # paths and hashes go on in the next line, and are never cut
        assert row["path"] in "".join(run("bundle", "list").stdout.split())
    whole = "".join(run("bundle", "show", "tiny").stdout.split())
    shown = json.loads(run("bundle", "show", "tiny", "--json").stdout)
    assert shown["metadata"]["modalities"] == ["flair"]
    assert shown["hash"] in whole and "…" not in whole
    assert "w = 2" in run("bundle", "show", "tiny").stdout
    assert "none" in run("bundle", "show", "plain").stdout
    verified = json.loads(run("bundle", "verify", "tiny", "--json").stdout)
    assert verified["valid"] and verified["parameters"] > 0


def test_phantom_writes_scan_and_truth(tmp_path: Path) -> None:
    # Of the voxels that the seeds draw, those of 53 are among the largest: the fewest to fill.
    out = tmp_path / "subject"
    result = run("phantom", "--seed", 53, "--out", out, "--kind", "ms", "--json")
    assert result.exit_code == 0, result.stderr
    assert names(out) == ["flair.nii.gz", "lesion.nii.gz", "phantom.json"]
    assert json.loads(result.stdout)["lesion_ml"] > 0
    assert json.loads((out / "phantom.json").read_text())["kind"] == "ms"
    refused(run("phantom", "--seed", 53, "--out", tmp_path / "subject"), "already contains results")


@pytest.mark.parametrize("more", [(), ("--overwrite",)])
def test_a_path_that_another_command_is_writing_is_refused_before_the_work(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, more: tuple[str, ...]
) -> None:
    monkeypatch.setattr("anofpdm.synthetic.write_phantom", lambda *_, **__: pytest.fail("it began"))
    out = tmp_path / "out"
    with result_folder(out, overwrite=True):
        refused(run("phantom", "--seed", 3, "--out", out, *more), "Another process is writing")
    # A dataset, too.
    with SliceDataset.create(tmp_path / "d.zarr", modalities=["flair"]) as writer:
        result = run("phantom-dataset", "--seeds", "0:1", "--out", tmp_path / "d.zarr", *more)
        refused(result, "Another process is writing")
        writer.append(np.zeros((1, 1, 8, 8)), [0], subject="a", split="train")
    assert names(tmp_path / "out") == []


@pytest.mark.parametrize("command", [
    ("phantom-dataset", "--seeds", "0:1"),
    ("select-guidance", "--bundle", "flair-synth", "--dataset", "d.zarr"),
])  # fmt: skip
def test_places_that_take_no_results_are_refused_in_a_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: tuple[str, ...]
) -> None:
    monkeypatch.chdir(tmp_path)
    for out in ("", "/proc/x", "/dev/null/x", "x" * 255, "y" * 256):
        result = run(*command, "--out", out)
        assert result.exit_code == 2, result.stderr
        assert result.stderr.startswith("Error: ") and result.stderr.count("\n") == 1, out
    gone = tmp_path / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()
    refused(run(*command, "--out", "here"), "The current folder no longer exists")
    assert names(tmp_path) == []


SUBJECT = SimpleNamespace(description={"kind": "healthy", "lesion_ml": 0.0})


def test_a_name_that_is_no_text_can_be_printed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("anofpdm.synthetic.write_phantom", lambda *_, **__: SUBJECT)
    result = run("phantom", "--seed", 3, "--out", "a\udcff")
    assert result.exit_code == 0, result.stderr
    assert "in a\\udcff" in result.stdout


def test_phantom_of_an_unknown_contrast_or_kind_is_refused(tmp_path: Path) -> None:
    refused(run("phantom", "--seed", 3, "--out", tmp_path / "x", "--modality", "pet"), "pet")
    refused(run("phantom", "--seed", 3, "--out", tmp_path / "x", "--kind", "cyst"), "got cyst")
    refused(
        run("phantom", "--seed", 3, "--out", tmp_path / "x", "--kind", "ms", "--healthy"),
        "no lesions of the kind ms",
    )
    assert names(tmp_path) == []


@pytest.mark.parametrize(
    "command",
    [[], ["segment"], ["interpret"], ["phantom"], ["train"], ["select-guidance"], ["demo"],
     ["import-checkpoint"], ["bundle"], ["bundle", "list"], ["bundle", "show"],
     ["bundle", "verify"]],
)  # fmt: skip
def test_help_explains_every_option(command: list[str]) -> None:
    result = run(*command, "--help")
    assert result.exit_code == 0
    assert "Usage: " in result.stdout


def test_no_command_shows_the_help() -> None:
    assert "segment" in run().stdout


RUN = "from anofpdm.cli import main; main()"
# Holds the command up where it would load the model, so that a signal meets it at work.
HELD = """
import threading
from anofpdm.model import bundle

def load_bundle(*_, **__):
    print("at work", flush=True)
    threading.Event().wait()

bundle.load_bundle = load_bundle
"""


def process(*arguments: object, code: str = RUN) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", code, *map(str, arguments)]
    # A shell that starts the tests in its background has them ignore SIGINT, and so their children.
    former = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        return subprocess.Popen(
            command,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=os.environ.copy(),
        )
    finally:
        signal.signal(signal.SIGINT, former)


def test_real_process_reports_a_mistake(case: Path, tmp_path: Path) -> None:
    running = process("segment", "--image", "no.nii", "--bundle", case / "tiny", "--out",
                      tmp_path / "out")  # fmt: skip
    out, err = running.communicate()
    assert (running.returncode, out) == (2, "")
    assert err == "Error: no.nii does not exist; check the path.\n"


@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM", "SIGHUP"])
@pytest.mark.skipif(sys.platform == "win32", reason="POSIX signals")
def test_real_process_cancelled_by_a_signal_leaves_nothing(
    case: Path, tmp_path: Path, name: str
) -> None:
    running = process("segment", "--image", "scan.nii", "--bundle", case / "tiny", "--out",
                      tmp_path / "deep" / "out", code=HELD + RUN)  # fmt: skip
    assert running.stdout is not None
    assert running.stdout.readline() == "at work\n"
    running.send_signal(signal.Signals[name])
    _, err = running.communicate()
    assert running.returncode == 130
    assert err.startswith("Cancelled")
    assert names(tmp_path) == []
