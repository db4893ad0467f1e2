"""No process that we start runs a module that lies among the user's files."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from anofpdm.common.errors import TrainingError
from anofpdm.common.processes.worker_processes import worker_processes
from anofpdm.jobs.log import log_tail
from anofpdm.jobs.places import JOBS_VARIABLE
from anofpdm.training.run.several import run_in_processes
from tests.core.cohorts import write_brats
from tests.core.job_end import state_at_end

# What Python, its worker processes and this package import.
NAMES = ("anofpdm", "typing", "torch", "random", "signal", "multiprocessing", "numpy", "json")
TRAP = "from pathlib import Path\nPath({mark!r}).touch()\nraise SystemExit({mark!r})\n"
# As the console script that an installer makes: a file in a folder of programs.
PROGRAM = "from anofpdm.cli import main\nif __name__ == '__main__':\n    main()\n"


@pytest.fixture
def trapped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A current folder with modules that would leave a mark in ../marks."""
    here, marks = tmp_path / "here", tmp_path / "marks"
    here.mkdir()
    marks.mkdir()
    for name in NAMES:
        (here / f"{name}.py").write_text(TRAP.format(mark=str(marks / name)))
    (tmp_path / "programs").mkdir()
    (tmp_path / "programs" / "anofpdm").write_text(PROGRAM)
    monkeypatch.setenv(JOBS_VARIABLE, str(tmp_path / "jobs"))
    monkeypatch.delenv("PYTHONSAFEPATH", raising=False)
    monkeypatch.chdir(here)
    return here


def test_jobs_and_workers_import_nothing_from_the_current_folder(
    trapped: Path, tmp_path: Path
) -> None:
    source = write_brats(tmp_path / "scans", {"BraTS-GLI-00001-000": 1})  # one worker will do
    work: list[object] = ["prepare", source, "--layout", "brats", "--modality", "flair"]
    work += ["--size", 32, "--workers", 2, "--out", tmp_path / "d.zarr"]
    program = [sys.executable, str(tmp_path / "programs" / "anofpdm")]
    command = [*program, "job", "start", "--name", "a", "--", *map(str, work)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    folder = tmp_path / "jobs" / "a"
    assert state_at_end(folder).status == "done", log_tail(folder)
    assert not list((tmp_path / "marks").iterdir())


def test_workers_of_a_script_import_nothing_from_the_current_folder(
    trapped: Path, tmp_path: Path
) -> None:
    with worker_processes(1) as pool:
        assert pool.submit(os.getcwd).result() == str(trapped)
    assert not list((tmp_path / "marks").iterdir())


def test_the_processes_of_a_training_import_nothing_from_the_current_folder(
    trapped: Path, tmp_path: Path
) -> None:
    with pytest.raises(TrainingError, match="One of the processes was killed"):
        run_in_processes(["--version"], 1)  # it says nothing of its outcome
    assert not list((tmp_path / "marks").iterdir())
