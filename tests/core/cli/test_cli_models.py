"""The commands that make models, and the demo, end to end on tiny ones."""

from __future__ import annotations

import json
import re
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import nibabel as nib
import numpy as np
import pytest
import torch
from typer.testing import CliRunner, Result

from anofpdm.analysis.analysis import Analysis
from anofpdm.analysis.progress import SliceProgress
from anofpdm.cli.app import app
from anofpdm.cli.shared.slice_reports import SliceReports
from anofpdm.common.progress import Pace
from anofpdm.common.quantities import duration_in_words
from anofpdm.datasets import SliceDataset
from anofpdm.guidance.measurement import Measurements
from anofpdm.jobs.progress import JobProgress
from anofpdm.jobs.watch import JobWatch
from anofpdm.method.settings import AbsoluteThreshold, Settings
from anofpdm.model.bundle import load_bundle
from anofpdm.model.unet import UNet
from anofpdm.model.unet_config import UNetConfig
from anofpdm.scans.volume import Volume, write_nifti
from anofpdm.synthetic import Phantom
from anofpdm.training.run.attempt import TrainingResult
from anofpdm.training.run.checkpoints import list_checkpoints
from tests.core.cohorts import coarse_training_phantoms
from tests.core.segmentation_cases import SIZE, bundle, scan

CONFIG = f"""
steps = {{steps}}
batch_size = 4
checkpoint_every = 2
validate_every = 2
validation_slices = 4
accuracy_slices = 4
samples = 0
[network]
image_size = {SIZE}
in_channels = 1
base_channels = 8
channel_multipliers = [1, 2]
blocks_per_level = 1
attention_resolutions = [8]
[bundle]
name = "own"
"""


def run(*arguments: object) -> Result:
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


@pytest.fixture(autouse=True)
def own_settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep the user's bundle folders out of the tests."""
    monkeypatch.setenv("ANOFPDM_SETTINGS", str(tmp_path / "no-settings.toml"))
    monkeypatch.setenv("ANOFPDM_BUNDLES", "")


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Discs; the unhealthy ones have a bright square."""
    path = tmp_path_factory.mktemp("data") / "slices.zarr"
    grid = np.linspace(-1, 1, SIZE)
    disc = np.where(grid[:, None] ** 2 + grid**2 < 0.8, 0.5, 0.0)
    preprocessing = bundle().metadata.preprocessing.model_dump(mode="json")
    with SliceDataset.create(path, modalities=["flair"], preprocessing=preprocessing) as out:
        for number, split in enumerate(("train", "val")):
            labels = np.arange(6) % 2
            images = np.repeat(disc[None], 6, axis=0)
            images[labels == 1, 4:8, 4:8] = 1.0
            out.append(images[:, None] * 2 - 1, labels, subject=f"s{number}", split=split)
    return path


def config(folder: Path, steps: int = 3) -> Path:
    path = folder / "model.toml"
    path.write_text(CONFIG.format(steps=steps))
    return path


def test_train_makes_an_uncalibrated_bundle(dataset: Path, tmp_path: Path) -> None:
    result = run("train", config(tmp_path), "--dataset", dataset, "--out", tmp_path / "run",
                 "--device", "cpu", "--json")  # fmt: skip
    assert result.exit_code == 0, result.stderr
    payload = json.loads(result.stdout)
    assert (payload["step"], payload["finished"]) == (3, True)
    assert payload["accuracy"]["slices"] == 4
    model = load_bundle(payload["bundle"])
    assert (model.name, model.metadata.calibration) == ("own", None)


def test_train_resumes_to_a_later_end(dataset: Path, tmp_path: Path) -> None:
    common = [config(tmp_path), "--dataset", dataset, "--out", tmp_path / "run", "--device", "cpu"]
    first = run("train", *common)
    assert first.exit_code == 0
    said = " ".join(first.stdout.split())
    assert re.search(r"Trained 3 steps, loss [\d.]+, accuracy [\d.]+ on \d+ held-out slices", said)
    assert "(one class for all: 0.50)" in said
    again = run("train", *common)
    assert (again.exit_code, again.stderr.count("\n")) == (2, 1)
    result = run("train", *common, "--resume", "--steps", 5, "--json")
    found = json.loads(result.stdout)
    assert (found["step"], found["new_steps"]) == (5, 2)
    assert load_bundle(tmp_path / "run" / "bundle").metadata.training["step"] == 5


def test_a_training_that_has_nothing_left_says_so(dataset: Path, tmp_path: Path) -> None:
    common = [config(tmp_path), "--dataset", dataset, "--out", tmp_path / "run", "--device", "cpu"]
    assert run("train", *common).exit_code == 0
    for given, end in [(("--steps", 2), "2 steps"), (("--steps", 3), "3 steps"),
                       (("--steps", 9, "--max-minutes", "0.01"), "its time limit")]:  # fmt: skip
        events = tmp_path / "run" / "events.jsonl"
        if end == "its time limit":  # as if the run had taken that long
            state = list_checkpoints(tmp_path / "run")[-1]
            values = torch.load(state, weights_only=True)
            values["elapsed_seconds"] = 60.0
            torch.save(values, state)
        again = run("train", *common, "--resume", *given)
        assert again.exit_code == 0, again.stderr
        said = " ".join(again.stdout.split())
        assert f"Nothing was left to train: the run has done 3 steps and reached {end}" in said
        assert events.exists()


def test_a_stopped_training_says_where_it_continues_and_nothing_else(
    dataset: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stopped = TrainingResult(2, 0.5, False, tmp_path / "step-2.pt", None)
    monkeypatch.setattr("anofpdm.training.run.loop.train", lambda *_, **__: stopped)
    result = run("train", config(tmp_path), "--dataset", dataset, "--out", tmp_path / "run",
                 "--device", "cpu")  # fmt: skip
    assert result.exit_code == 130
    assert result.stderr.endswith("Stopped at step 2 of 3; continue with --resume.\n")


@pytest.mark.nightly
def test_train_warns_where_it_starts_from_weights_of_other_pictures(
    dataset: Path, tmp_path: Path
) -> None:
    first = run("train", config(tmp_path), "--dataset", dataset, "--out", tmp_path / "run",
                "--device", "cpu", "--json")  # fmt: skip
    assert first.exit_code == 0, first.stderr
    start = json.loads(first.stdout)["bundle"]
    other = tmp_path / "other.zarr"
    preprocessing = SliceDataset.open(dataset).preprocessing | {"intensity": "slice_minmax"}
    with SliceDataset.create(other, modalities=["t2"], preprocessing=preprocessing) as out:
        out.append(np.zeros((4, 1, SIZE, SIZE)), [0, 1, 0, 1], subject="s", split="train")
    said = []
    for number, slices in enumerate((dataset, other)):
        result = run("train", config(tmp_path), "--dataset", slices, "--start-from", start,
                     "--out", tmp_path / f"tuned{number}", "--device", "cpu")  # fmt: skip
        assert result.exit_code == 0, result.stderr
        said.append(" ".join(result.stderr.split()))
    assert "must adapt" not in said[0]
    assert "contains t2, but own was trained on flair" in said[1]
    assert "intensity = slice_minmax, but own was trained with volume_p99" in said[1]


@pytest.mark.parametrize(
    ("text", "named"), [("steps = 'many'", "steps"), ("steps = ", "TOML"), ("colour = 1", "colour")]
)
def test_wrong_training_configuration_is_refused(
    dataset: Path, tmp_path: Path, text: str, named: str
) -> None:
    (tmp_path / "bad.toml").write_text(text)
    result = run("train", tmp_path / "bad.toml", "--dataset", dataset, "--out", tmp_path / "run")
    assert result.exit_code == 2
    assert named in result.stderr and result.stderr.count("\n") == 1
    assert not (tmp_path / "run").exists()


def test_select_guidance_writes_a_new_calibrated_bundle(dataset: Path, tmp_path: Path) -> None:
    before = bundle(calibration=None).save(tmp_path / "plain")
    result = run("select-guidance", "--bundle", tmp_path / "plain", "--dataset", dataset, "--out",
                 tmp_path / "new.zip", "--candidates", "2,0.5", "--steps", 3, "--device", "cpu",
                 "--job", tmp_path / "job", "--json")  # fmt: skip
    assert result.exit_code == 0, result.stderr
    calibration = load_bundle(tmp_path / "new.zip").metadata.calibration
    assert calibration is not None
    assert [candidate.guidance for candidate in calibration.candidates] == [0.5, 2.0]
    payload = json.loads(result.stdout)
    assert payload["calibration"]["steps"] == 3
    assert load_bundle(tmp_path / "plain").hash == before.hash
    told = [(each.guidance, each.accuracy) for each in calibration.candidates]
    assert JobWatch(tmp_path / "job").by_guidance == told
    assert payload["report"] == str(tmp_path / "new-report")
    report = json.loads((tmp_path / "new-report" / "guidance.json").read_text())
    assert report["bundle"]["hash"] == before.hash
    assert report["calibrated_bundle"]["hash"] == payload["hash"]
    assert report["chosen"]["guidance"] == calibration.guidance
    assert (tmp_path / "new-report" / "guidance.png").stat().st_size > 10_000


def test_select_guidance_finds_a_fixed_threshold_from_labels(dataset: Path, tmp_path: Path) -> None:
    bundle(calibration=None).save(tmp_path / "plain")
    result = run("select-guidance", "--bundle", tmp_path / "plain", "--dataset", dataset, "--out",
                 tmp_path / "new", "--candidates", "2,0.5", "--steps", 3, "--device", "cpu",
                 "--rule", "absolute", "--extent", 0.5, "--median", 3,
                 "--polarity", "hyperintense", "--criterion", "balanced")  # fmt: skip
    assert result.exit_code == 0, result.stderr
    assert "map threshold" in result.stdout
    calibration = load_bundle(tmp_path / "new").metadata.calibration
    assert calibration is not None
    assert calibration.criterion == "balanced" and "balanced" in result.stdout
    assert calibration.rule == "absolute" and calibration.map_threshold is not None
    settings = Settings.from_calibration(calibration)
    assert settings.median_kernel == 3 and settings.polarity == "hyperintense"
    assert settings.threshold == AbsoluteThreshold(value=calibration.map_threshold, extent=0.5)
    shown = run("bundle", "show", tmp_path / "new")
    words = " ".join(shown.stdout.split())
    assert "the map stays below" in words and "hyperintense only" in words


@pytest.mark.parametrize(("criterion", "baseline"), [("accuracy", 2 / 3), ("balanced", 0.5)])
def test_select_guidance_warns_of_a_model_that_has_learnt_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, criterion: str, baseline: float
) -> None:
    bundle(calibration=None).save(tmp_path / "plain")
    preprocessing = bundle().metadata.preprocessing.model_dump(mode="json")
    data = tmp_path / "slices.zarr"
    with SliceDataset.create(data, modalities=["flair"], preprocessing=preprocessing) as out:
        out.append(np.zeros((3, 1, SIZE, SIZE)), [0, 0, 1], subject="a", split="val")
    cosines = np.full((2, 3), 0.5)

    def measured(*_: Any, **__: Any) -> Measurements:
        return Measurements(cosines, np.ones((2, 3, 1)), None)

    monkeypatch.setattr("anofpdm.guidance.selection.measure", measured)
    common = ["--bundle", tmp_path / "plain", "--dataset", data, "--candidates", "1,2",
              "--device", "cpu", "--criterion", criterion]  # fmt: skip
    result = run("select-guidance", *common, "--out", tmp_path / "new")
    assert result.exit_code == 0, result.stderr
    said = " ".join(result.stderr.split())
    assert f"one class for all ({baseline:.3f})" in said and "Train it longer" in said
    report = json.loads((tmp_path / "new-report" / "guidance.json").read_text())
    assert report["criterion"] == criterion
    assert f"one class for all ({baseline:.3f})" in report["warnings"][0]
    calibration = load_bundle(tmp_path / "new").metadata.calibration
    assert calibration is not None
    assert calibration.source.startswith(
        "slices.zarr, split val; no guidance classifies them better"
    )
    assert report["chosen"]["baseline"] == pytest.approx(baseline)
    cosines[0, 2] = 0.4
    result = run("select-guidance", *common, "--out", tmp_path / "better")
    assert (result.exit_code, "classifies" in result.stderr) == (0, False)
    assert not json.loads((tmp_path / "better-report" / "guidance.json").read_text())["warnings"]
    calibration = load_bundle(tmp_path / "better").metadata.calibration
    assert calibration is not None
    assert calibration.source == "slices.zarr, split val"


@pytest.mark.parametrize("candidates", ["", "1,,2", "1,two", "-1", "1,1001", "nan"])
def test_wrong_candidates_are_refused(dataset: Path, tmp_path: Path, candidates: str) -> None:
    result = run("select-guidance", "--bundle", "any", "--dataset", dataset, "--out",
                 tmp_path / "new", f"--candidates={candidates}")  # fmt: skip
    assert result.exit_code == 2
    assert "--candidates" in result.stderr and result.stderr.count("\n") == 1


def test_select_guidance_never_overwrites(dataset: Path, tmp_path: Path) -> None:
    bundle(calibration=None).save(tmp_path / "plain")
    result = run("select-guidance", "--bundle", tmp_path / "plain", "--dataset", dataset, "--out",
                 tmp_path / "plain")  # fmt: skip
    assert result.exit_code == 2
    assert "already exists" in result.stderr


@pytest.mark.parametrize("taken", ["new", "told"])
def test_select_guidance_refuses_a_taken_report_before_the_search(
    dataset: Path, tmp_path: Path, taken: str
) -> None:
    bundle(calibration=None).save(tmp_path / "plain")
    folder = tmp_path / ("new-report" if taken == "new" else "told")
    folder.mkdir()
    told = ["--report", folder] if taken == "told" else []
    result = run("select-guidance", "--bundle", tmp_path / "plain", "--dataset", dataset, "--out",
                 tmp_path / "new", *told)  # fmt: skip
    assert (result.exit_code, "already exists" in result.stderr) == (2, True)
    assert not (tmp_path / "new").exists()


@pytest.mark.parametrize(
    ("out", "report", "words"),
    [("new", "new/report", "is inside the new bundle"), ("new", "new", "is inside the new bundle")],
)
def test_select_guidance_keeps_its_report_out_of_the_bundle(
    dataset: Path, tmp_path: Path, out: str, report: str, words: str
) -> None:
    bundle(calibration=None).save(tmp_path / "plain")
    result = run("select-guidance", "--bundle", tmp_path / "plain", "--dataset", dataset, "--out",
                 tmp_path / out, "--report", tmp_path / report)  # fmt: skip
    assert (result.exit_code, words in result.stderr) == (2, True)
    assert {path.name for path in tmp_path.iterdir()} == {"plain"}


def test_a_place_without_a_name_is_refused(
    dataset: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bundle(calibration=None).save(tmp_path / "plain")
    monkeypatch.chdir(tmp_path)
    result = run("select-guidance", "--bundle", tmp_path / "plain", "--dataset", dataset, "--out",
                 ".")  # fmt: skip
    assert (result.exit_code, result.stderr.count("\n")) == (2, 1)
    assert "give a name" in result.stderr


def test_brackets_in_a_path_are_no_markup(tmp_path: Path) -> None:
    place = tmp_path / "b [v2]"
    bundle().save(place)
    assert "[v2]" in run("bundle", "show", place).stdout
    assert run("bundle", "show", tmp_path / "[/b]").exit_code == 2


def test_select_guidance_refuses_a_split_of_one_class(dataset: Path, tmp_path: Path) -> None:
    bundle(calibration=None).save(tmp_path / "plain")
    slices = SliceDataset.open(dataset)
    healthy = tmp_path / "healthy.zarr"
    with SliceDataset.create(
        healthy, modalities=["flair"], preprocessing=slices.preprocessing
    ) as out:
        out.append(np.zeros((3, 1, SIZE, SIZE)), [0, 0, -1], subject="a", split="val")
    result = run("select-guidance", "--bundle", tmp_path / "plain", "--dataset", healthy, "--out",
                 tmp_path / "new")  # fmt: skip
    assert (result.exit_code, result.stderr.count("\n")) == (2, 1)
    assert 'the split "val" of' in result.stderr and "only healthy ones" in result.stderr
    assert not (tmp_path / "new").exists()


def test_train_says_how_to_pass_over_a_damaged_checkpoint(dataset: Path, tmp_path: Path) -> None:
    common = [config(tmp_path), "--dataset", dataset, "--out", tmp_path / "run", "--device", "cpu"]
    assert run("train", *common).exit_code == 0
    latest = sorted((tmp_path / "run" / "checkpoints").glob("step-*.pt"))[-1]
    latest.write_bytes(b"damaged")
    result = run("train", *common, "--resume")
    assert (result.exit_code, result.stderr.count("\n")) == (2, 1)
    assert "--skip-damaged" in result.stderr
    assert run("train", *common, "--resume", "--skip-damaged").exit_code == 0


SUBJECT = SimpleNamespace(description={"kind": "healthy", "lesion_ml": 0.0})


def test_train_talks_in_the_first_process_alone(
    dataset: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in {"RANK": "1", "WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1"}.items():
        monkeypatch.setenv(name, value)
    given = ["train", config(tmp_path), "--dataset", dataset, "--out", tmp_path / "run",
             "--device", "cpu", "--dry-run", "--json"]  # fmt: skip
    result = run(*given)
    assert (result.exit_code, result.stdout, result.stderr) == (0, "", "")
    monkeypatch.setattr("anofpdm.synthetic.write_phantom", lambda *_, **__: SUBJECT)
    result = run("phantom", "--seed", "500001", "--out", tmp_path / "p", "--json")
    assert json.loads(result.stdout)  # a command whose processes share no work
    monkeypatch.setenv("RANK", "0")
    assert json.loads(run(*given).stdout)["dry_run"] is True


def test_a_rank_of_other_purpose_silences_nothing(
    dataset: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RANK", "3")
    monkeypatch.setenv("ANOFPDM_JOBS", str(tmp_path / "jobs"))
    result = run("train", config(tmp_path), "--dataset", dataset, "--out", tmp_path / "run",
                 "--device", "cpu", "--job", "first", "--json")  # fmt: skip
    assert json.loads(result.stdout)["bundle"]
    assert (tmp_path / "jobs" / "first" / "result.json").exists()


def test_phantom_dataset_writes_slices_and_warns_of_seeds_kept_for_tests(tmp_path: Path) -> None:
    small = ["--size", 16, "--workers", 1, "--json"]
    given = ["--seeds", "500001:500003", "--out", tmp_path / "d.zarr", *small]
    with coarse_training_phantoms():
        result = run("phantom-dataset", *given)
    assert result.exit_code == 0, result.stderr
    assert "reserved for tests" in result.stderr
    payload = json.loads(result.stdout)
    data = SliceDataset.open(tmp_path / "d.zarr")
    assert payload["slices"] == len(data) > 0
    assert (data.select("train").labels == 1).any()
    assert data.subjects == ("phantom-500001", "phantom-500002")  # no twins unasked
    assert sum(payload[name] for name in ("healthy", "unhealthy", "unknown")) == len(data)
    assert payload["train_slices"] == len(data.select("train"))
    assert payload["train_slices"] + payload["val_slices"] == len(data)
    result = run("phantom-dataset", "--seeds", "0:1", "--out", tmp_path / "d.zarr", *small)
    assert (result.exit_code, "already exists" in result.stderr) == (2, True)


@pytest.mark.parametrize(
    ("wrong", "words"),
    [(["--seeds", "3:3"], "3:3"), (["--seeds", "a"], "FIRST:END"), (["--modality", "ct"], "ct")],
)
def test_wrong_phantom_datasets_are_refused(tmp_path: Path, wrong: list[str], words: str) -> None:
    arguments = ["--seeds", "0:1", "--out", tmp_path / "d.zarr", "--size", 16, "--workers", 1]
    result = run("phantom-dataset", *arguments, "--quiet", *wrong)
    assert (result.exit_code, result.stderr.count("\n")) == (2, 1), result.stderr
    assert words in result.stderr
    assert not list(tmp_path.iterdir())


def test_import_checkpoint_makes_a_bundle(tmp_path: Path) -> None:
    shape = UNetConfig(
        image_size=32,
        in_channels=2,
        base_channels=32,
        channel_multipliers=(1, 2),
        blocks_per_level=1,
        attention_resolutions=(16,),
        heads=2,
        conditioning="reference",
    )
    torch.save(UNet(shape).state_dict(), tmp_path / "ema.pt")
    common = ["import-checkpoint", tmp_path / "ema.pt", "--heads", 2, "--size", 32]
    result = run(*common, "--modalities", "flair,t2", "--scored", "t2", "--out",
                 tmp_path / "imported", "--json")  # fmt: skip
    assert result.exit_code == 0, result.stderr
    metadata = load_bundle(tmp_path / "imported").metadata
    assert (metadata.modalities, metadata.scored) == (("flair", "t2"), ("t2",))
    assert metadata.calibration is None
    result = run(*common, "--modalities", "flair", "--out", tmp_path / "other")
    assert (result.exit_code, result.stderr.count("\n")) == (2, 1)
    assert "2 input channels" in result.stderr
    assert not (tmp_path / "other").exists()


def test_import_of_something_else_is_refused(tmp_path: Path) -> None:
    (tmp_path / "x.pt").write_bytes(b"no weights")
    result = run("import-checkpoint", tmp_path / "x.pt", "--modalities", "t1", "--out",
                 tmp_path / "out")  # fmt: skip
    assert (result.exit_code, result.stderr.count("\n")) == (2, 1)
    assert "x.pt" in result.stderr


def test_demo_scores_the_mask_against_the_truth(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    volume = scan()
    truth = np.zeros(volume.shape, dtype=np.uint8)
    truth[5:8, 6:9, 2:4] = 1

    def small_phantom(seed: int, out: Path, **_: Any) -> Phantom:
        write_nifti(out / "flair.nii.gz", volume.data, volume, np.float32)
        write_nifti(out / "lesion.nii.gz", truth, volume, np.uint8)
        (out / "phantom.json").write_text("{}")
        return Phantom({"flair": volume}, Volume(truth, volume.affine), {})

    monkeypatch.setattr("anofpdm.synthetic.write_phantom", small_phantom)
    monkeypatch.setattr("anofpdm.model.bundle.load_bundle", lambda name: bundle())
    result = run("demo", "--out", tmp_path / "demo", "--device", "cpu", "--json")
    assert result.exit_code == 0, result.stderr
    payload = json.loads(result.stdout)
    written = nib.Nifti1Image.from_filename(tmp_path / "demo" / "mask.nii.gz")
    mask = np.asarray(written.dataobj).astype(bool)
    both = 2 * (mask & (truth == 1)).sum() / (mask.sum() + truth.sum())
    assert payload["scores"]["dice"] == pytest.approx(both)
    assert payload["scores"]["true_volume_ml"] == pytest.approx(18 * 0.12)
    assert 0 < payload["scores"]["auprc_brain"] <= 1
    assert payload["analysis"]["timesteps"] == [1, 201, 400, 600]  # the calibration's four
    assert (tmp_path / "demo" / "report.png").exists()
    assert json.loads((tmp_path / "demo" / "scores.json").read_text()) == payload["scores"]
    kept = tmp_path / "demo" / "analysis.anofpdm.zarr"
    assert not kept.exists()
    more = ("--overwrite", "--keep-analysis")
    result = run("demo", "--out", tmp_path / "demo", "--device", "cpu", *more)
    assert "DICE" in result.stdout
    assert Analysis.open(kept).timesteps == (1, 201, 400, 600)
    truth[:] = 0
    result = run("demo", "--out", tmp_path / "thin", "--device", "cpu", "--json")
    assert result.exit_code == 0, result.stderr
    assert "auprc_brain" not in json.loads(result.stdout)["scores"]


def test_slices_a_second_and_the_time_left_are_reported() -> None:
    shown: list[JobProgress] = []
    times = iter([0.0, 10.0, 20.0])
    pace, reports = Pace(clock=lambda: next(times)), SliceReports(shown.append)
    for done in (0, 60, 120):
        reports(pace(SliceProgress("network", done, 240, slices_total=24)))
    assert [report.detail for report in shown] == ["", "0.6 slices/s", "0.6 slices/s"]
    assert [report.seconds_left for report in shown] == [None, 30, 20]


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0.2, "0 s"), (59.4, "59 s"), (59.6, "1 min 00 s"), (185, "3 min 05 s"), (7500, "2 h 05 min")],
)
def test_time_in_words(seconds: float, words: str) -> None:
    assert duration_in_words(seconds) == words


@pytest.mark.parametrize(
    ("seeds", "words"),
    [("5:5", "--phantoms 5:5 is not a range"), ("0:9", "does not hold phantoms")],
)
def test_train_on_phantoms_needs_a_range_and_their_dataset(
    dataset: Path, tmp_path: Path, seeds: str, words: str
) -> None:
    result = run("train", config(tmp_path), "--dataset", dataset, "--out", tmp_path / "run",
                 "--device", "cpu", "--phantoms", seeds)  # fmt: skip
    assert (result.exit_code, result.stderr.count("\n")) == (2, 1)
    assert words in result.stderr
