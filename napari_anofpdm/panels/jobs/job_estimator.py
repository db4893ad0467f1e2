"""`JobEstimator`: estimates the cost of a job by a dry run in a separate process."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from qtpy.QtCore import QObject, QProcess, QProcessEnvironment, QTemporaryDir, Signal

COMMAND_LINE = (sys.executable, "-m", "anofpdm.cli")
_KILL_MS = 3000
_PLACE = "the job's folder"


class JobEstimator(QObject):
    """Runs `anofpdm COMMAND ... --dry-run`, which times a small part of the work.

    A training step may need more memory than is available. If the system kills the process for
    that, the viewer keeps running.

    Attributes
    ----------
    estimated : Signal(str, list)
        Time, memory and disk as text, and the problems that prevent a start, one sentence each.
    failed : Signal(str)
        One sentence that says why there is no estimate.
    """

    estimated = Signal(str, list)
    failed = Signal(str)

    def __init__(self, parent: QObject) -> None:
        super().__init__(parent)
        self._process: QProcess | None = None
        self._folder: QTemporaryDir | None = None

    @property
    def running(self) -> bool:
        """Whether a dry run is in progress."""
        return self._process is not None

    def place(self) -> Path:
        """Make a stand-in for the job's folder on the same disk; it is deleted with the estimate.

        Raises
        ------
        OutputError
            If the jobs folder is not writable.
        """
        from anofpdm.common.errors import OutputError
        from anofpdm.jobs.places import jobs_home

        home = jobs_home()
        home.mkdir(parents=True, exist_ok=True)
        self._folder = QTemporaryDir(str(home / ".estimate-XXXXXX"))
        if not self._folder.isValid():
            raise OutputError(f"The jobs folder {home} is not writable; choose another one.")
        return Path(self._folder.path())

    def ask(self, arguments: Sequence[str], files: Mapping[str, str]) -> None:
        """Start a dry run; stop the previous one.

        Parameters
        ----------
        arguments : sequence of str
            The command and its arguments.
        files : mapping of str to str
            Texts of files that the arguments name, by file name in `place`.
        """
        self._end()
        for name, text in files.items():
            assert self._folder is not None
            (Path(self._folder.path()) / name).write_text(text, encoding="utf-8")
        process = self._process = QProcess(self)
        process.finished.connect(self._on_finished)
        process.errorOccurred.connect(self._on_error)
        process.setProcessEnvironment(_environment())
        program, *first = COMMAND_LINE
        process.start(program, [*first, *arguments, "--dry-run", "--json"])

    def cancel(self) -> None:
        """Stop the dry run, if one is in progress."""
        self._end()
        self._folder = None

    def _on_finished(self, code: int, _: QProcess.ExitStatus) -> None:
        process = self._process
        if process is None:
            return
        out = bytes(process.readAllStandardOutput().data()).decode(errors="replace")
        errors = bytes(process.readAllStandardError().data()).decode(errors="replace")
        place = "" if self._folder is None else self._folder.path()
        self.cancel()
        try:
            found = json.loads(out)
        except ValueError:
            errors = errors.replace(place, _PLACE)
            self.failed.emit(_last_sentence(errors) or f"The estimate ended early (code {code}).")
            return
        problems = [problem.replace(place, _PLACE) for problem in found["problems"]]
        self.estimated.emit(found["words"], problems)

    def _on_error(self, error: QProcess.ProcessError) -> None:
        if error == QProcess.ProcessError.FailedToStart:
            self.cancel()
            self.failed.emit("Python could not be started for the estimate.")

    def _end(self) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        process.finished.disconnect(self._on_finished)
        process.errorOccurred.disconnect(self._on_error)
        if process.state() != QProcess.ProcessState.NotRunning:
            process.kill()
            process.waitForFinished(_KILL_MS)
        process.deleteLater()


def _environment() -> QProcessEnvironment:
    from anofpdm.common.processes.child_environment import child_environment

    environment = QProcessEnvironment()
    for name, value in child_environment().items():
        environment.insert(name, value)
    return environment


def _last_sentence(errors: str) -> str:
    lines = [line.strip() for line in errors.splitlines() if line.strip()]
    return lines[-1].removeprefix("Error: ") if lines else ""
