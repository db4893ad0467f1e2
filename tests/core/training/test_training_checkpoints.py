from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch

from anofpdm.common.errors import (
    AnofpdmError,
    CheckpointError,
    OutputError,
    TrainingError,
)
from anofpdm.datasets import SliceDataset
from anofpdm.model.bundle import load_bundle
from anofpdm.training import TrainingProgress, TrainingResult, export_bundle, train
from anofpdm.training.monitor.held_out import HeldOutLoss
from anofpdm.training.run.checkpoints import list_checkpoints, load_checkpoint
from tests.core.training_cases import (
    SIZE,
    assert_same_state,
    events,
    make_config,
    make_dataset,
    stop_after,
)


def folder_of(result: TrainingResult) -> Path:
    return result.checkpoint.parents[1]


@pytest.mark.parametrize("step", [4, 5])
def test_resumed_run_ends_with_the_same_bits(
    tmp_path: Path, dataset: SliceDataset, whole: TrainingResult, step: int
) -> None:
    progress, should_stop = stop_after(step)
    part = train(
        make_config(), dataset, tmp_path / "parts", progress=progress, should_stop=should_stop
    )
    assert (part.step, part.finished, part.bundle) == (step, False, None)
    rest = train(make_config(), dataset, tmp_path / "parts", resume=True)
    assert (rest.step, rest.finished) == (8, True)
    assert_same_state(whole.checkpoint, rest.checkpoint)


def test_bundle_of_an_earlier_checkpoint(tmp_path: Path, whole: TrainingResult) -> None:
    run = folder_of(whole)
    first = list_checkpoints(run)[0]
    bundle = export_bundle(run, tmp_path / "early", checkpoint=first)
    assert bundle.metadata.training["step"] == 4


def test_run_folder_is_not_trained_over(tmp_path: Path, dataset: SliceDataset) -> None:
    train(make_config(steps=1), dataset, tmp_path / "run")
    with pytest.raises(CheckpointError, match="already contains a run"):
        train(make_config(steps=1), dataset, tmp_path / "run")


def test_a_bundle_that_stands_in_the_folder_is_not_replaced(
    tmp_path: Path, dataset: SliceDataset
) -> None:
    first = train(make_config(steps=1), dataset, tmp_path / "run")
    assert first.bundle is not None
    before = load_bundle(first.bundle).hash
    shutil.rmtree(tmp_path / "run" / "checkpoints")
    with pytest.raises(CheckpointError, match="already contains a bundle"):
        train(make_config(steps=2), dataset, tmp_path / "run")
    assert load_bundle(first.bundle).hash == before


def test_end_can_be_moved_on_resume(tmp_path: Path, dataset: SliceDataset) -> None:
    train(make_config(steps=2), dataset, tmp_path / "run")
    assert train(make_config(steps=3), dataset, tmp_path / "run", resume=True).step == 3


def test_resuming_another_run_or_dataset_is_refused(tmp_path: Path, dataset: SliceDataset) -> None:
    train(make_config(steps=1), dataset, tmp_path / "run")
    with pytest.raises(CheckpointError, match="batch_size = 4, not 5"):
        train(make_config(batch_size=5), dataset, tmp_path / "run", resume=True)
    other = make_dataset(tmp_path / "other.zarr", val=False)
    assert other.fingerprint == dataset.fingerprint
    with SliceDataset.create(tmp_path / "third.zarr", modalities=["flair"],
                             preprocessing=dataset.preprocessing) as out:  # fmt: skip
        out.append(np.zeros((4, 1, SIZE, SIZE)), [0, 1, 0, 1], subject="x", split="train")
    third = SliceDataset.open(tmp_path / "third.zarr")
    with pytest.raises(CheckpointError, match="a dataset other than"):
        train(make_config(steps=2), third, tmp_path / "run", resume=True)


def test_nothing_to_resume_is_said(tmp_path: Path, dataset: SliceDataset) -> None:
    with pytest.raises(CheckpointError, match="contains no checkpoint"):
        train(make_config(), dataset, tmp_path / "run", resume=True)
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("content", [b"", b"not a checkpoint", None])
def test_damaged_checkpoint_is_refused(
    tmp_path: Path, dataset: SliceDataset, content: bytes | None
) -> None:
    checkpoint = train(make_config(steps=1), dataset, tmp_path / "run").checkpoint
    checkpoint.write_bytes(checkpoint.read_bytes()[:-500] if content is None else content)
    with pytest.raises(CheckpointError, match="The run's only checkpoint"):
        train(make_config(), dataset, tmp_path / "run", resume=True, skip_damaged=True)
    assert checkpoint.exists()


def test_checkpoint_that_would_run_code_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "step-00000001.pt"
    torch.save({"format_version": 1, "step": Path}, path)
    with pytest.raises(CheckpointError, match="not a training checkpoint"):
        load_checkpoint(path)


def test_damaged_latest_checkpoint_gives_way_to_the_one_before_on_request(
    tmp_path: Path, dataset: SliceDataset, whole: TrainingResult
) -> None:
    run = tmp_path / "run"
    shutil.copytree(folder_of(whole), run)
    latest = list_checkpoints(run)[-1]
    latest.write_bytes(latest.read_bytes()[:-500])
    with pytest.raises(
        CheckpointError,
        match=r"--skip-damaged to continue from the previous one, step-00000004\.pt",
    ):
        train(make_config(), dataset, run, resume=True)
    rest = train(make_config(), dataset, run, resume=True, skip_damaged=True)
    assert_same_state(whole.checkpoint, rest.checkpoint)
    assert [e["step"] for e in events(run) if e["event"] == "resume"] == [4]
    assert [p.name for p in (run / "checkpoints").glob("damaged-*")] == ["damaged-step-00000008.pt"]


def test_full_disk_is_said_and_the_checkpoint_before_stays(
    tmp_path: Path, dataset: SliceDataset
) -> None:
    resource = pytest.importorskip("resource")
    run = tmp_path / "run"
    before = resource.getrlimit(resource.RLIMIT_FSIZE)

    def fill(report: TrainingProgress) -> None:
        if report.step == 5:
            resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, before[1]))

    try:
        with pytest.raises(OutputError, match=r"step-00000008\.pt cannot be written"):
            train(make_config(), dataset, run, progress=fill)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert [p.name for p in (run / "checkpoints").glob("*step*")] == ["step-00000004.pt"]
    assert train(make_config(), dataset, run, resume=True).step == 8


def test_one_process_at_a_time_trains_in_a_folder(tmp_path: Path, dataset: SliceDataset) -> None:
    said: list[str] = []

    def again(report: TrainingProgress) -> None:
        with pytest.raises(AnofpdmError) as refused:
            train(make_config(), dataset, tmp_path / "run", resume=report.step > 4)
        said.append(str(refused.value))

    train(make_config(steps=5), dataset, tmp_path / "run", progress=again)
    assert all("Another process is using" in text for text in (said[0], said[4]))


def test_what_a_killed_process_left_is_cleared(tmp_path: Path, dataset: SliceDataset) -> None:
    run = tmp_path / "run"
    train(make_config(steps=4), dataset, run)
    half = run / "checkpoints" / ".0a1b2c3d-step-00000008.pt"
    half.write_bytes(b"half a checkpoint")
    with (run / "events.jsonl").open("a") as file:
        file.write('{"event": "pro')
    train(make_config(), dataset, run, resume=True)
    assert not half.exists()
    lines = (run / "events.jsonl").read_text().splitlines()
    torn = [line for line in lines if not line.endswith("}")]
    assert torn == ['{"event": "pro']
    assert json.loads(lines[lines.index(torn[0]) + 1])["event"] == "resume"


def test_checkpoints_of_earlier_versions_resume_and_export(
    tmp_path: Path, dataset: SliceDataset
) -> None:
    path = train(make_config(steps=4), dataset, tmp_path / "run").checkpoint
    values = torch.load(path, weights_only=True)
    del values["best_loss"]
    for key in ("accumulation", "compile", "samples", "tensorboard", "bundle_from"):
        del values["config"][key]
    torch.save(values, path)
    assert export_bundle(tmp_path / "run", tmp_path / "out").metadata.training["step"] == 4
    assert train(make_config(), dataset, tmp_path / "run", resume=True).step == 8


def test_best_checkpoint_is_kept_beside_the_latest(
    tmp_path: Path, dataset: SliceDataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    losses = iter([0.9, 0.4, 0.7, 0.6])
    monkeypatch.setattr(
        HeldOutLoss, "evaluate", lambda *_, **__: {"label": [next(losses)] * 4, "null": [1.0] * 4}
    )
    config = make_config(
        steps=8, validate_every=2, checkpoint_every=4, keep_checkpoints=1, bundle_from="best"
    )
    result = train(config, dataset, tmp_path / "run")
    folder = tmp_path / "run" / "checkpoints"
    assert sorted(p.name for p in folder.iterdir()) == ["best.pt", "step-00000008.pt"]
    best = load_checkpoint(folder / "best.pt")
    assert (best.step, best.best_loss) == (4, 0.4)
    assert load_checkpoint(result.checkpoint).best_loss == 0.4
    assert result.bundle is not None
    assert load_bundle(result.bundle).metadata.training["step"] == 4


def test_best_bundle_without_held_out_slices_is_refused(tmp_path: Path) -> None:
    dataset = make_dataset(tmp_path / "d.zarr", val=False)
    with pytest.raises(TrainingError, match='bundle_from = "best" needs'):
        train(make_config(bundle_from="best"), dataset, tmp_path / "run")
