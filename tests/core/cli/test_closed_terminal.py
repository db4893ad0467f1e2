"""What SIGHUP, the end of a terminal, does to a command at work."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from subprocess import PIPE

import pytest

from anofpdm.jobs.places import JOBS_VARIABLE
from anofpdm.jobs.state import state_of

if sys.platform == "win32":
    pytest.skip("SIGHUP of Unix", allow_module_level=True)

import pty

# `prepare`, held up in the middle of its work until it is told to go on.
COMMAND = """
import fcntl, os, sys, termios
from anofpdm.cli import main
from anofpdm.common.errors import DatasetError
from anofpdm.datasets.preparation import prepare as module

if os.isatty(0):
    fcntl.ioctl(0, termios.TIOCSCTTY, 0)

def held(*args, **options):
    try:
        os.write({began}, b"!")
        os.read({go}, 1)
    finally:
        print("tidying up", file=sys.stderr, flush=True)
    raise DatasetError("It went on.")

module.prepare = held
main()
"""


class Held:
    """Two pipes: the command says that it began, and is told to go on."""

    def __init__(self) -> None:
        self._began, self.its_began = os.pipe()
        self.its_go, self._go = os.pipe()
        self.code = COMMAND.format(began=self.its_began, go=self.its_go)

    @property
    def handed_down(self) -> tuple[int, int]:
        return self.its_began, self.its_go

    def until_it_began(self) -> None:
        # Nobody else must hold the pipe open: a command that ends early must end the wait.
        os.close(self.its_began)
        assert os.read(self._began, 1) == b"!"

    def go_on(self) -> None:
        os.write(self._go, b"!")

    def close(self) -> None:
        for descriptor in (self._began, self.its_go, self._go):
            os.close(descriptor)


@pytest.fixture
def held() -> Iterator[Held]:
    held = Held()
    yield held
    held.close()


@pytest.fixture
def command(held: Held, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    monkeypatch.setenv(JOBS_VARIABLE, str(tmp_path / "jobs"))
    monkeypatch.chdir(tmp_path)
    (tmp_path / "scans").mkdir()
    arguments = ["prepare", "scans", "--layout", "brats", "--out", "d.zarr", "--job", "a"]
    return [sys.executable, "-c", held.code, *arguments]


def test_a_closed_terminal_ends_a_command_as_sigterm_does(
    held: Held, tmp_path: Path, command: list[str]
) -> None:
    ours, its = pty.openpty()
    with subprocess.Popen(
        command,
        stdin=its,
        stdout=its,
        stderr=its,
        start_new_session=True,
        pass_fds=held.handed_down,
    ) as process:
        os.close(its)
        held.until_it_began()
        os.close(ours)
    assert process.returncode == 130
    assert state_of(tmp_path / "jobs" / "a").status == "stopped"


def test_sighup_of_a_command_without_a_terminal(
    held: Held, tmp_path: Path, command: list[str]
) -> None:
    with subprocess.Popen(command, stderr=PIPE, pass_fds=held.handed_down) as process:
        held.until_it_began()
        process.send_signal(signal.SIGHUP)
        _, said = process.communicate()
    assert process.returncode == 130
    assert said.splitlines()[-1] == b"Cancelled; no partial results were left."
    assert state_of(tmp_path / "jobs" / "a").status == "stopped"


def test_nohup_goes_on(held: Held, command: list[str]) -> None:
    ignoring = [*command]
    ignoring[2] = "import signal; signal.signal(signal.SIGHUP, signal.SIG_IGN)\n" + held.code
    with subprocess.Popen(ignoring, stderr=PIPE, pass_fds=held.handed_down) as process:
        held.until_it_began()
        process.send_signal(signal.SIGHUP)
        held.go_on()
        _, said = process.communicate()
    assert process.returncode == 2
    assert b"It went on." in said
