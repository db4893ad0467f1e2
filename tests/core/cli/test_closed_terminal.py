"""What SIGHUP, the end of a terminal, does to a command at work."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from anofpdm.jobs.places import JOBS_VARIABLE
from anofpdm.jobs.state import state_of

if sys.platform == "win32":
    pytest.skip("SIGHUP of Unix", allow_module_level=True)

import pty

# `prepare`, held up in the middle of its work until it is told to go on.
COMMAND = """
import fcntl, os, sys, termios, time
from pathlib import Path
from anofpdm.cli import main
from anofpdm.common.errors import DatasetError
from anofpdm.datasets.preparation import prepare as module

if os.isatty(0):
    fcntl.ioctl(0, termios.TIOCSCTTY, 0)

def held(*args, **options):
    try:
        Path("began").touch()
        while not Path("go").exists():
            time.sleep(0.01)
    finally:
        print("tidying up", file=sys.stderr, flush=True)
    raise DatasetError("It went on.")

module.prepare = held
main()
"""


@pytest.fixture
def command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    monkeypatch.setenv(JOBS_VARIABLE, str(tmp_path / "jobs"))
    monkeypatch.chdir(tmp_path)
    (tmp_path / "scans").mkdir()
    arguments = ["prepare", "scans", "--layout", "brats", "--out", "d.zarr", "--job", "a"]
    return [sys.executable, "-c", COMMAND, *arguments]


def until(condition: Callable[[], bool], process: subprocess.Popen[bytes]) -> None:
    end = time.monotonic() + 120
    while not condition():
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.02)


def test_a_closed_terminal_ends_a_command_as_sigterm_does(
    tmp_path: Path, command: list[str]
) -> None:
    ours, its = pty.openpty()
    with subprocess.Popen(
        command, stdin=its, stdout=its, stderr=its, start_new_session=True
    ) as process:
        os.close(its)
        until((tmp_path / "began").exists, process)
        os.close(ours)
    assert process.returncode == 130
    assert state_of(tmp_path / "jobs" / "a").status == "stopped"


def test_sighup_of_a_command_without_a_terminal(tmp_path: Path, command: list[str]) -> None:
    with subprocess.Popen(command, stderr=subprocess.PIPE) as process:
        until((tmp_path / "began").exists, process)
        process.send_signal(signal.SIGHUP)
        _, said = process.communicate()
    assert process.returncode == 130
    assert said.splitlines()[-1] == b"Cancelled; no partial results were left."
    assert state_of(tmp_path / "jobs" / "a").status == "stopped"


def test_nohup_goes_on(tmp_path: Path, command: list[str]) -> None:
    ignoring = [*command]
    ignoring[2] = "import signal; signal.signal(signal.SIGHUP, signal.SIG_IGN)\n" + COMMAND
    with subprocess.Popen(ignoring, stderr=subprocess.PIPE) as process:
        until((tmp_path / "began").exists, process)
        process.send_signal(signal.SIGHUP)
        (tmp_path / "go").touch()
        _, said = process.communicate()
    assert process.returncode == 2
    assert b"It went on." in said
