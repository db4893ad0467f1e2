"""A training job whose disk is full, or that is killed, while it writes a checkpoint."""

from __future__ import annotations

import errno
import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from typer.testing import CliRunner

from anofpdm.cli.app import app
from anofpdm.jobs.places import JOBS_VARIABLE
from anofpdm.jobs.state import JobState, state_of
from anofpdm.jobs.watch import JobWatch
from anofpdm.training import train
from anofpdm.training.run.checkpoints import list_checkpoints
from tests.core.training_cases import (
    assert_same_state,
    events,
    make_config,
    make_dataset,
    write_toml,
)

NAMES = ["step-00000004.pt", "step-00000008.pt"]


@pytest.fixture
def command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """A training of 8 steps, which saves after 4 and 8, as the job "a"."""
    monkeypatch.setenv(JOBS_VARIABLE, str(tmp_path / "jobs"))
    make_dataset(tmp_path / "d.zarr")
    write_toml(tmp_path / "run.toml", make_config(keep_checkpoints=2))
    monkeypatch.chdir(tmp_path)
    given = ["train", "run.toml", "--dataset", "d.zarr", "--out", "run", "--device", "cpu"]
    return [*given, "--job", "a"]


def job(tmp_path: Path) -> JobState:
    return state_of(tmp_path / "jobs" / "a")


def files(run: Path) -> list[str]:
    return sorted(path.name for path in (run / "checkpoints").iterdir() if path.name != "best.pt")


def test_a_full_disk_ends_a_job_in_words_and_it_goes_on_from_what_it_had(
    tmp_path: Path, command: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    save = torch.save

    def full(values: dict[str, Any], file: Any) -> None:
        save(values, file)
        if values.get("step") == 8:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(torch, "save", full)
    run = tmp_path / "run"
    done = CliRunner().invoke(app, command)
    assert done.exit_code == 2
    state = job(tmp_path)
    assert state.status == "failed"
    assert "step-00000008.pt cannot be written (No space left on device)" in state.message
    assert state.message in done.stderr
    assert files(run) == NAMES[:1]
    monkeypatch.undo()
    monkeypatch.setenv(JOBS_VARIABLE, str(tmp_path / "jobs"))
    monkeypatch.chdir(tmp_path)
    assert CliRunner().invoke(app, command).exit_code == 0
    assert (job(tmp_path).status, job(tmp_path).attempts) == ("done", 2)
    assert [e["step"] for e in events(run) if e["event"] == "resume"] == [4]


KILLED = """
import os, signal, sys
import torch
save = torch.save
def killed(values, file):
    save(values, file)
    if values.get("step") == 8:
        file.flush()
        os.truncate(file.fileno(), file.tell() // 2)
        os.kill(os.getpid(), signal.SIGKILL)
torch.save = killed
from anofpdm.cli.app import app
app(sys.argv[1:])
"""


@pytest.mark.nightly
@pytest.mark.skipif(sys.platform == "win32", reason="SIGKILL")
def test_a_job_killed_in_a_checkpoint_goes_on_from_the_one_before(
    tmp_path: Path, command: list[str]
) -> None:
    killed = subprocess.run(
        [sys.executable, "-c", KILLED, *command],
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        capture_output=True,
        check=False,
    )
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    run, folder = tmp_path / "run", tmp_path / "jobs" / "a"
    [half, whole] = files(run)
    assert half.startswith(".")
    assert [path.name for path in list_checkpoints(run)] == [whole] == NAMES[:1]
    assert job(tmp_path).status == "failed"
    assert "resume the job to continue" in job(tmp_path).message
    assert CliRunner().invoke(app, command).exit_code == 0
    assert job(tmp_path).status == "done"
    assert files(run) == NAMES
    assert JobWatch(folder).bundle == run / "bundle"
    # Nothing is lost: the bits are those of a run that nobody killed.
    alone = train(
        make_config(keep_checkpoints=2), make_dataset(tmp_path / "e.zarr"), tmp_path / "b"
    )
    assert_same_state(alone.checkpoint, run / "checkpoints" / NAMES[1])
    assert json.loads((folder / "result.json").read_text())["step"] == 8
