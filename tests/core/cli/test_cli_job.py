from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from anofpdm.cli.app import app
from anofpdm.jobs.places import JOBS_VARIABLE, job_folders
from anofpdm.jobs.process import read_mark
from anofpdm.jobs.state import state_of
from anofpdm.jobs.stop import Stop
from anofpdm.jobs.watch import JobWatch
from anofpdm.model.bundle import load_bundle
from anofpdm.training.run.checkpoints import list_checkpoints
from tests.core.cohorts import write_brats
from tests.core.job_end import state_at_end
from tests.core.project.test_own_model import CONFIG, LABELS, SPLITS


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    home = tmp_path / "jobs"
    monkeypatch.setenv(JOBS_VARIABLE, str(home))
    monkeypatch.setenv("ANOFPDM_SETTINGS", str(tmp_path / "no-settings.toml"))
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    monkeypatch.chdir(tmp_path)
    yield home
    for folder in job_folders():
        if state_of(folder).live:
            Stop(folder, patience=0).wait()


def invoke(*arguments: object, code: int = 0) -> dict[str, Any]:
    given = [str(argument) for argument in arguments]
    at = given.index("--") if "--" in given else len(given)
    result = CliRunner().invoke(app, [*given[:at], "--json", *given[at:]])
    assert result.exit_code == code, result.stderr
    return json.loads(result.stdout) if result.stdout else {}


def until(condition: Callable[[], bool], folder: Path) -> None:
    end = time.monotonic() + 240
    while not condition():
        state = state_of(folder)
        assert time.monotonic() < end, state
        time.sleep(0.05)


def prepared(tmp_path: Path) -> list[object]:
    source = write_brats(tmp_path / "scans", masks=False)
    for name, text in {"labels.csv": LABELS, "splits.csv": SPLITS, "own.toml": CONFIG}.items():
        (tmp_path / name).write_text(text)
    return ["prepare", source, "--layout", "brats", "--modality", "flair", "--modality", "t1",
            "--labels", "labels.csv", "--splits", "splits.csv",
            "--size", 32, "--workers", 1, "--out", "d.zarr"]  # fmt: skip


def test_a_command_given_by_hand_is_a_job_that_is_listed(tmp_path: Path, home: Path) -> None:
    command = prepared(tmp_path)
    result = invoke(*command, "--job", "first")
    [job] = invoke("job", "list")["jobs"]
    assert (job["name"], job["state"], job["attempts"]) == ("first", "done", 1)
    assert job["result"] == result
    assert job["done"] == job["total"]
    shown = invoke("job", "show", "first")
    assert shown["arguments"] == [*map(str, command), "--json"]
    (home / "first" / "log.txt").write_text("the end\n")
    said = CliRunner().invoke(app, ["job", "show", "first"])
    assert "first: done" in said.stdout
    assert "the end" in said.stdout
    invoke("job", "resume", "first", code=2)
    assert CliRunner().invoke(app, ["job", "remove", "first"], input="n\n").exit_code == 130
    assert home.joinpath("first").exists()
    invoke("job", "remove", "first", "--yes")
    assert invoke("job", "list") == {"jobs": []}
    assert (tmp_path / "d.zarr").exists()


def test_a_mistake_is_told_by_the_job_too(tmp_path: Path) -> None:
    invoke("prepare", tmp_path / "nowhere", "--layout", "brats", "--out", "d", "--job", "a", code=2)
    shown = invoke("job", "show", "a")
    assert shown["state"] == "failed"
    assert "nowhere is not a folder" in shown["message"]


@pytest.mark.nightly
def test_training_survives_kill_stop_and_resume(tmp_path: Path, home: Path) -> None:
    invoke(*prepared(tmp_path))
    toml = CONFIG.replace("steps = 2", "steps = 100000\ncheckpoint_every = 5\nvalidate_every = 50")
    (tmp_path / "own.toml").write_text(toml)
    train = ["train", "own.toml", "--dataset", "d.zarr", "--out", "run", "--device", "cpu"]
    folder = Path(invoke("job", "start", "--name", "t", "--", *train)["folder"])
    assert folder == home / "t"
    run = tmp_path / "run"
    until(lambda: bool(list_checkpoints(run)) and JobWatch(folder).progress is not None, folder)
    mark = read_mark(folder)
    assert mark is not None
    assert mark.pid != os.getpid()
    assert os.getsid(mark.pid) == mark.pid

    os.kill(mark.pid, signal.SIGKILL)
    assert state_at_end(folder).status == "failed"
    saved = len(list_checkpoints(run))
    assert saved
    invoke("job", "resume", "t")
    invoke("job", "resume", "t", code=2)

    def step() -> int:
        watch = JobWatch(folder)
        return 0 if watch.progress is None or watch.state.attempts < 2 else watch.progress.done

    until(lambda: step() > 0, folder)
    began = step()
    assert began > 5, "it went on from the checkpoint"
    Stop(folder).wait()
    state = state_of(folder)
    assert (state.status, state.attempts) == ("stopped", 2)
    events = [json.loads(line) for line in (run / "events.jsonl").read_text().splitlines()]
    last = events[-1]
    assert last["event"] == "stopped"
    assert any(str(last["step"]) in path.name for path in list_checkpoints(run))
    assert JobWatch(folder).curves["loss"]

    # The end comes near: its configuration may be changed, and the job runs to the bundle.
    (tmp_path / "own.toml").write_text(
        CONFIG.replace("steps = 2", f"steps = {last['step'] + 2}\nvalidate_every = 2")
    )
    invoke("job", "resume", "t")
    state_at_end(folder)
    watch = JobWatch(folder)
    assert watch.state.status == "done", watch.state.message
    assert watch.bundle == tmp_path / "run" / "bundle"
    assert load_bundle(watch.bundle).metadata.name == "own"
    assert watch.curves["held_out"]
