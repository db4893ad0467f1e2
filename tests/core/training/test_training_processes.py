"""Two processes of torchrun on the CPU, against one."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch

from anofpdm.common.errors import DeviceError
from anofpdm.training import train
from anofpdm.training.data.draws import SharedDraws
from anofpdm.training.run.checkpoint_state import Checkpoint
from anofpdm.training.run.checkpoints import list_checkpoints, load_checkpoint
from anofpdm.training.step.processes import Processes, joined
from tests.core.training_cases import (
    assert_same_state,
    events,
    make_config,
    make_dataset,
)
from tests.core.two_processes import without_dropout

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="SIGTERM and gloo of Unix")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, repo_root: Path) -> Path:
    """All that two processes made."""
    path = tmp_path_factory.mktemp("processes")
    make_dataset(path / "d.zarr")
    torchrun = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2"]
    done = subprocess.run(
        [*torchrun, "-m", "tests.core.two_processes", path / "d.zarr", path],
        cwd=repo_root,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=1200,
    )
    assert (path / "rank-1.json").exists(), done.stderr
    return path


def noted(folder: Path) -> list[dict[str, Any]]:
    return [json.loads((folder / f"rank-{rank}.json").read_text()) for rank in (0, 1)]


def final(run: Path) -> Checkpoint:
    return load_checkpoint(list_checkpoints(run)[-1])


@pytest.mark.nightly
def test_two_processes_make_the_steps_of_one(folder: Path, tmp_path: Path) -> None:
    alone = train(without_dropout(), make_dataset(tmp_path / "d.zarr"), tmp_path / "run")
    shared = final(folder / "whole")
    expected = load_checkpoint(alone.checkpoint)

    def curve(run: Path) -> list[float]:
        return [e["loss"] for e in events(run) if e["event"] == "progress"]

    assert len(curve(tmp_path / "run")) == 8
    assert curve(folder / "whole") == pytest.approx(curve(tmp_path / "run"), rel=1e-4)
    for name, weight in expected.network.items():
        torch.testing.assert_close(shared.network[name], weight, rtol=0, atol=2e-4)
    for name, weight in expected.ema.items():
        torch.testing.assert_close(shared.ema[name], weight, rtol=0, atol=2e-4)


@pytest.mark.nightly
def test_the_first_process_alone_writes(folder: Path) -> None:
    run = folder / "whole"
    lines = events(run)
    assert [e["event"] for e in lines] == ["start", *["progress"] * 8, "finished"]
    assert (lines[0]["processes"], lines[0]["device"]) == (2, "cpu")
    assert [e["step"] for e in lines[1:-1] if e["accuracy"]] == [4, 8]
    assert sorted(p.name for p in run.iterdir()) == [
        "bundle", "checkpoints", "config.json", "events.jsonl", "lock", "samples",
    ]  # fmt: skip


@pytest.mark.nightly
def test_one_processs_wish_stops_both_and_the_resumed_run_ends_with_the_same_bits(
    folder: Path,
) -> None:
    assert [n["stopped_after"] for n in noted(folder)] == [3, 3]
    bundle = str(folder / "parts" / "bundle")
    assert [n["finished"] for n in noted(folder)] == [[8, bundle], [8, bundle]]
    assert_same_state(
        list_checkpoints(folder / "dropout")[-1], list_checkpoints(folder / "parts")[-1]
    )


@pytest.mark.nightly
def test_processes_with_unlike_clocks_end_together(folder: Path) -> None:
    first, second = (n["timed"] for n in noted(folder))
    assert first == second
    assert first[1] and 2 < first[0] < 20


@pytest.mark.nightly
def test_the_firsts_errors_reach_all(folder: Path) -> None:
    refused = [n["refused"] for n in noted(folder)]
    assert refused[0] == refused[1]
    assert "already contains a run" in refused[0]


@pytest.mark.nightly
def test_sigterm_to_torchrun_saves(folder: Path) -> None:
    first, second = (n["terminated"] for n in noted(folder))
    assert first == second
    step, finished = first
    assert step >= 2 and not finished
    assert final(folder / "terminated").step == step
    assert events(folder / "terminated")[-1] == {"event": "stopped", "step": step}


@pytest.mark.nightly
def test_a_run_of_two_processes_goes_on_in_one(folder: Path, tmp_path: Path) -> None:
    run = folder / "terminated"
    steps = final(run).step + 1
    dataset = make_dataset(tmp_path / "d.zarr")
    assert train(make_config(steps=steps), dataset, run, resume=True).finished


def test_shares_make_up_the_batch() -> None:
    places = [Processes(rank, 3, torch.device("cpu")).share(8) for rank in range(3)]
    assert [n for place in places for n in range(8)[place]] == list(range(8))
    rows = torch.tensor([0, 1, 2, 3, 0, 1])
    whole = SharedDraws(rows, torch.Generator().manual_seed(1)).normal((2, 2))
    part = SharedDraws(rows[2:4], torch.Generator().manual_seed(1), 4).normal((2, 2))
    assert torch.equal(part, whole[2:4])


def test_processes_without_a_device_of_their_own_are_refused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name, value in {"WORLD_SIZE": "2", "RANK": "1", "LOCAL_RANK": "1"}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("MASTER_ADDR", "localhost")
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    with pytest.raises(DeviceError, match="--nproc-per-node 1"), joined(torch.device("cuda")):
        pass
    with pytest.raises(DeviceError, match="on mps"), joined(torch.device("mps")):
        pass
