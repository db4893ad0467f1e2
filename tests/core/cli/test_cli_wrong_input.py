"""Wrong input to `segment` and `interpret` is one sentence, and leaves nothing."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

from anofpdm.common.errors import Cancelled
from tests.core.cli.case import (
    QUICK,
    case,
    names,
    own_settings,
    quick_picture,
    refused,
    run,
    segment,
)
from tests.core.segmentation_cases import scan, write_scan

__all__ = ["case", "own_settings", "quick_picture"]


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
