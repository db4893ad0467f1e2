from __future__ import annotations

import csv
import json
import re
import tracemalloc
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner, Result

from anofpdm.cli.app import app
from anofpdm.datasets import SliceDataset
from anofpdm.evaluation.dataset_cases import dataset_cases
from anofpdm.evaluation.evaluate import evaluate
from anofpdm.evaluation.methods.method import Method
from anofpdm.evaluation.methods.registry import FAMILIES, model_methods, registered
from anofpdm.evaluation.methods.run import MethodsRun
from anofpdm.evaluation.scan_cases import KnownScan
from anofpdm.evaluation.tally import EXAMPLES
from anofpdm.method.calibration import TimestepGrid
from anofpdm.method.refinement import Refinement
from anofpdm.method.settings import AbsoluteThreshold, Settings
from anofpdm.results.metrics import dice
from anofpdm.scans.volume import Volume, read_volume, write_nifti
from tests.core.segmentation_cases import CALIBRATION, bundle, scan

FILES = ("scans.csv", "slices.csv", "maps.csv", "evaluation.json", "report.html")

# The network is of random weights: its gate would empty every mask.
FREE = (
    "--no-gate", "--region", "brain", "--quantile", "0.6", "--median", "1",
    "--min-component-pixels", "0", "--device", "cpu",
)  # fmt: skip
FEW_DRAWS = ("--draws", "20")


def run(*arguments: object) -> Result:
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


@pytest.fixture(autouse=True)
def own_settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep the user's bundle folders out of the tests."""
    monkeypatch.setenv("ANOFPDM_SETTINGS", str(tmp_path / "no-settings.toml"))
    monkeypatch.setenv("ANOFPDM_BUNDLES", "")


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("model") / "tiny"
    bundle().save(path)
    return path


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three patients; the second has two scans, the third no lesion."""
    folder = tmp_path_factory.mktemp("scans")
    lines = ["subject,patient,flair,mask"]
    for number, (subject, patient) in enumerate(
        [("a", "p1"), ("b-1", "p2"), ("b-2", "p2"), ("c", "p3")]
    ):
        volume = scan()
        lesion = np.zeros(volume.shape, dtype=np.uint8)
        if subject != "c":
            lesion[5 : 8 + number, 5:9, 1:4] = 1
        bright = volume.data * np.where(lesion, 1.8, 1)
        like = Volume(bright, volume.affine, "flair")
        write_nifti(folder / f"{subject}.nii.gz", bright, like, np.float32)
        write_nifti(folder / f"{subject}-mask.nii.gz", lesion, like, np.uint8)
        lines.append(f"{subject},{patient},{subject}.nii.gz,{subject}-mask.nii.gz")
    path = folder / "scans.csv"
    path.write_text("\n".join(lines) + "\n")
    return path


@pytest.fixture(scope="module")
def outcome(model: Path, table: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("outcome") / "scores"
    done = run("evaluate", "--bundle", model, "--source", table, "--out", out, *FREE, *FEW_DRAWS)
    assert done.exit_code == 0, done.output
    return out


def document(folder: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((folder / "evaluation.json").read_text(encoding="utf-8"))
    return found


def rows(path: Path) -> list[dict[str, str]]:
    return list(csv.DictReader(path.read_text(encoding="utf-8").splitlines()))


def test_all_files_are_written(outcome: Path) -> None:
    assert sorted(path.name for path in outcome.iterdir()) == sorted(FILES)
    text = (outcome / "report.html").read_text(encoding="utf-8")
    assert "<h1>tiny 0.1 on scans.csv</h1>" in text and text.count("data:image/png") == 3
    assert str(outcome) not in text and "/" not in document(outcome)["scans"]


def test_the_counts_are_those_of_the_scans(outcome: Path) -> None:
    counts = document(outcome)["counts"]
    assert counts["scans"] == 4 and counts["patients"] == 3 and counts["scans_with_lesion"] == 3
    slices = rows(outcome / "slices.csv")
    for label in ("healthy", "unhealthy"):
        mine = {(r["case"], r["slice"]) for r in slices if r["label"] == label}
        assert counts["slices"][label] == len(mine) > 0


def test_the_mask_that_is_scored_is_the_mask_that_segment_saves(
    outcome: Path, model: Path, table: Path, tmp_path: Path
) -> None:
    scan_file = table.parent / "a.nii.gz"
    done = run("segment", "--bundle", model, "--image", scan_file, "--out", tmp_path / "a", *FREE)
    assert done.exit_code == 0, done.output
    mask = read_volume(tmp_path / "a" / "mask.nii.gz").data > 0
    truth = read_volume(table.parent / "a-mask.nii.gz").data > 0
    (row,) = [r for r in rows(outcome / "scans.csv") if r["case"] == "a" and r["method"] == "model"]
    assert mask.any()
    assert float(row["dice"]) == pytest.approx(dice(mask, truth), abs=1e-5)
    assert float(row["mask_ml"]) == pytest.approx(mask.sum() * 0.12, rel=1e-5)


def test_summaries_are_the_means_of_the_tables(outcome: Path) -> None:
    found = document(outcome)["methods"]["model"]
    sick = [r for r in rows(outcome / "scans.csv") if r["method"] == "model" and r["case"] != "c"]
    expected = np.mean([float(r["dice"]) for r in sick])
    assert found["volumes"]["unhealthy"]["dice"]["value"] == pytest.approx(expected, abs=1e-5)
    slices = [r for r in rows(outcome / "slices.csv") if r["method"] == "model"]
    unhealthy = [float(r["dice"]) for r in slices if r["label"] == "unhealthy"]
    assert found["slices"]["unhealthy"]["dice"]["n"] == len(unhealthy)
    assert found["slices"]["unhealthy"]["dice"]["value"] == pytest.approx(
        np.mean(unhealthy), abs=1e-5
    )


def test_an_empty_mask_is_right_where_there_is_no_lesion(outcome: Path) -> None:
    found = document(outcome)["methods"]["all empty"]
    assert found["slices"]["unhealthy"]["dice"]["value"] == 0
    assert found["volumes"]["mixed"]["dice"]["value"] == 0.25  # the scan without a lesion
    assert found["volumes"]["unhealthy"]["hd95_mm"]["value"] is None
    assert found["volumes"]["unhealthy"]["precision"]["value"] is None
    assert found["lesions"]["f1"]["value"] == 0
    assert found["images"]["specificity"]["value"] == 1


def test_the_bright_lesions_are_found_by_brightness(outcome: Path) -> None:
    maps = document(outcome)["maps"]
    assert maps["intensity"]["auprc_brain"]["mixed"]["value"] > 0.9
    assert maps["intensity"]["best_threshold"]["volumes"]["dice_unhealthy"]["value"] > 0.8


def with_broken(table: Path, name: str = "broken") -> Path:
    """A table with one more scan, which cannot be read."""
    (table.parent / f"{name}.nii.gz").write_bytes(b"no scan")
    path = table.parent / f"{name}.csv"
    line = f"{name},p9,{name}.nii.gz,{name}.nii.gz\n"
    lines = table.read_text().splitlines(keepends=True)
    path.write_text("".join([*lines[:2], line, *lines[2:]]))
    return path


@pytest.mark.parametrize("workers", [1, 2])
def test_a_broken_scan_is_skipped_and_listed_whatever_the_number_of_workers(
    outcome: Path, model: Path, table: Path, tmp_path: Path, workers: int
) -> None:
    out = tmp_path / "out"
    source = with_broken(table)
    done = run(
        "evaluate", "--bundle", model, "--source", source, "--out", out, "--workers", workers,
        *FREE,
        *FEW_DRAWS,
    )  # fmt: skip
    assert done.exit_code == 3 and "Skipped broken: " in done.stderr
    found, whole = document(out), document(outcome)
    (skipped,) = found.pop("skipped")
    assert skipped["case"] == "broken" and "broken.nii.gz" in skipped["reason"]
    assert str(table.parent) not in skipped["reason"]
    assert whole.pop("skipped") == []
    assert found | {"scans": ""} == whole | {"scans": ""}
    for name in ("scans.csv", "slices.csv", "maps.csv"):
        assert (out / name).read_bytes() == (outcome / name).read_bytes()
    page = (out / "report.html").read_text(encoding="utf-8").replace("broken.csv", "scans.csv")
    listed = re.compile(r"<h2>Skipped scans.*?</ul>\n", re.DOTALL)
    assert listed.sub("", page) == (outcome / "report.html").read_text(encoding="utf-8")
    report = (out / "report.html").read_text(encoding="utf-8")
    assert "Skipped scans (1)" in report and "broken.nii.gz" in report
    assert "Skipped" not in (outcome / "report.html").read_text(encoding="utf-8")


@pytest.mark.parametrize("command", ["evaluate", "compare", "describe-intensity"])
def test_where_no_scan_can_be_read_the_first_reason_is_told(
    model: Path, table: Path, tmp_path: Path, command: str
) -> None:
    whole = with_broken(table, "only").read_text().splitlines(keepends=True)
    source = table.parent / "only-broken.csv"
    source.write_text("".join([whole[0], whole[2]]))
    chosen = () if command == "describe-intensity" else ("--bundle", model, "--device", "cpu")
    done = run(command, "--source", source, "--out", tmp_path / "out", *chosen)
    assert done.exit_code == 2, done.output
    assert "None of the scans (1) can be used; of only: only.nii.gz" in done.stderr
    assert not (tmp_path / "out").exists()


def test_results_are_not_overwritten_unasked(outcome: Path, model: Path, table: Path) -> None:
    done = run("evaluate", "--bundle", model, "--source", table, "--out", outcome)
    assert done.exit_code == 2 and "already contains results" in done.stderr


@pytest.fixture
def no_figures(monkeypatch: pytest.MonkeyPatch) -> None:
    """Spare the tests that do not look at the report its pictures."""
    monkeypatch.setattr("anofpdm.evaluation.evaluate.draw_figures", lambda tally: ())


@pytest.fixture
def dataset(tmp_path: Path) -> Path:
    """Two subjects whose lesion is known, slices out of order and with gaps."""
    path = tmp_path / "slices.zarr"
    tiny = bundle()
    size = tiny.metadata.network.image_size
    rng = np.random.default_rng(0)
    preprocessing = tiny.metadata.preprocessing.model_dump(mode="json")
    with SliceDataset.create(path, modalities=["flair"], preprocessing=preprocessing) as out:
        for subject in ("s1", "s2"):
            images = np.full((4, 1, size, size), -1.0)
            foreground = np.zeros((4, size, size), dtype=bool)
            foreground[:, 3:13, 2:14] = True
            truth = np.zeros_like(foreground)
            truth[1:3, 5:8, 4:7] = True
            images[:, 0][foreground] = 0.1 * rng.standard_normal(foreground.sum())
            images[:, 0][truth] = 0.9
            out.append(
                images,
                np.array([0, 1, 1, -1]),
                subject=subject,
                split="test",
                slice_ids=np.array([7, 3, 4, 9]),
                foreground=foreground,
                truth=truth,
            )
    return path


def test_a_dataset_is_scored_on_its_own_pixels(
    dataset: Path, model: Path, tmp_path: Path, no_figures: None
) -> None:
    out = tmp_path / "scores"
    done = run(
        "evaluate", "--bundle", model, "--dataset", dataset, "--out", out, "--device", "cpu",
        "--draws", 20,
    )  # fmt: skip
    assert done.exit_code == 0, done.output
    found = document(out)
    assert found["scans"] == "slices.zarr, split test"
    assert found["counts"]["slices"] == {"healthy": 2, "unhealthy": 4, "left_out": 2}
    assert found["maps"]["intensity"]["auprc_brain"]["mixed"]["value"] == 1
    assert found["methods"]["intensity, z > 2"]["slices"]["unhealthy"]["recall"]["value"] == 1
    # The distance between its slices is unknown.
    assert found["methods"]["model"]["volumes"]["unhealthy"]["hd95_mm"]["value"] is None
    assert found["methods"]["model"]["lesions"]["sensitivity"]["value"] is None
    case = dataset_cases(dataset, "test")[0].load(bundle())
    (k,) = np.flatnonzero(case.stack.slice_ids == 3)
    shown = case.canonical(case.lesion)[:, :, 3][::-1, ::-1].T
    assert shown[5:8, 4:7].all() and shown.sum() == 9
    back = case.stack.geometry.mask_to_native(
        shown[None], [3], np.ones(case.lesion.shape, dtype=bool)
    )
    assert np.array_equal(back[:, :, 3] > 0, case.lesion[:, :, 3])
    assert case.stack.slices[k, 0, 6, 5] == pytest.approx(0.9, abs=1e-3)


def test_a_dataset_without_masks_is_refused(tmp_path: Path, model: Path) -> None:
    path = tmp_path / "unknown.zarr"
    preprocessing = bundle().metadata.preprocessing.model_dump(mode="json")
    with SliceDataset.create(path, modalities=["flair"], preprocessing=preprocessing) as out:
        out.append(np.zeros((2, 1, 16, 16)), np.array([0, 1]), subject="s", split="test")
    done = run("evaluate", "--bundle", model, "--dataset", path, "--out", tmp_path / "out")
    assert done.exit_code == 2 and "has no lesion mask of 1 of 1 subjects" in done.stderr
    done = run(
        "evaluate", "--bundle", model, "--dataset", path, "--phantoms", "0:1",
        "--out", tmp_path / "out",
    )  # fmt: skip
    assert done.exit_code == 2 and "cannot be combined" in done.stderr


SCANS = EXAMPLES + 5
"""The first scans with a lesion leave a picture, the later ones nothing but their scores."""


class Repeated:
    """A scan of some size, made anew at each load, which notes the memory in use before it.

    Counting memory slows everything: it begins and ends where it is looked at.
    """

    def __init__(self, number: int, in_use: list[int]) -> None:
        self.name = self.patient = f"p{number}"
        self.in_use = in_use

    def load(self, model: Any) -> Any:
        if self.name == f"p{EXAMPLES}":
            tracemalloc.start()
        self.in_use.append(tracemalloc.get_traced_memory()[0])
        if self.name == f"p{SCANS - 1}":
            tracemalloc.stop()
        volume = scan(shape=(40, 40, 24))
        lesion = np.zeros(volume.shape, dtype=bool)
        lesion[20:30, 20:30, 8:12] = True
        return KnownScan({"flair": volume}, lesion).slices_for(model)


@pytest.mark.nightly
def test_memory_does_not_grow_with_the_scans(model: Path, tmp_path: Path, no_figures: None) -> None:
    method = Method("model", "model", TimestepGrid("ddim", 2, 400), Settings())
    in_use: list[int] = []
    cases: list[Any] = [Repeated(number, in_use) for number in range(SCANS)]
    try:
        evaluate(MethodsRun(str(model), (method,)), cases, tmp_path, draws=10)
    finally:
        tracemalloc.stop()
    one_scan = 40 * 40 * 24 * 4
    assert in_use[-1] - in_use[EXAMPLES + 1] < 2 * one_scan, in_use


def test_every_family_gives_methods_of_its_own() -> None:
    settings = Settings.from_calibration(CALIBRATION)
    grid = TimestepGrid("ddim", 4, 600)
    names: set[str] = set()
    for family in FAMILIES:
        methods, rivals = registered(settings, grid, CALIBRATION, [family])
        assert [one.name for one in methods[:2]] == ["model", "model, refined"]
        own = {one.name for one in methods[2:]} | {one.name for one in rivals}
        assert own and not own & names, family
        names |= own


def test_the_models_own_map_is_named_after_the_settings_without_refinement() -> None:
    plain = Settings.from_calibration(CALIBRATION)
    refined = plain.model_copy(update={"refinement": Refinement()})
    for settings, first in ((plain, "model"), (refined, "model, refined")):
        found = model_methods(settings, TimestepGrid("ddim", 4, 600))
        assert found[0].name == first
        assert [one.name for one in found if one.own_map] == ["model"]


@pytest.mark.nightly
def test_the_comparison_makes_the_papers_tables(model: Path, table: Path, tmp_path: Path) -> None:
    out = tmp_path / "comparison"
    done = run(
        "compare", "--bundle", model, "--source", table, "--out", out, "--device", "cpu",
        "--draws", 20, *[word for family in FAMILIES if family != "strides"
                         for word in ("--family", family)],
    )  # fmt: skip
    assert done.exit_code == 0, done.output
    found = json.loads((out / "comparison.json").read_text(encoding="utf-8"))
    assert {"gradient", "gradient at t_e", "weighted gradient", "S at t_e"} <= set(found["maps"])
    assert {"DDPM", "Q* (image)", "Q* (brain)", "up to 0.5 t_e", "w = 4"} <= set(found["methods"])
    assert any(name.startswith("DDIB") for name in found["methods"])
    assert "Q = 0.94 (brain)" not in found["maps"]  # it thresholds a map that is scored already
    assert "<h1>tiny 0.1" in (out / "report.html").read_text(encoding="utf-8")


def test_an_unknown_family_is_named(model: Path, table: Path, tmp_path: Path) -> None:
    done = run(
        "compare", "--bundle", model, "--source", table, "--out", tmp_path / "x",
        "--family", "colours",
    )  # fmt: skip
    assert done.exit_code == 2 and "no family of methods called colours" in done.stderr


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def test_a_threshold_rule_of_the_model_is_used() -> None:
    rule = AbsoluteThreshold(value=0.5)
    settings = Settings(threshold=rule)
    methods, _ = registered(settings, TimestepGrid("ddim", 4, 600), None, ["step-maps"])
    assert all(method.settings.threshold == rule for method in methods)
