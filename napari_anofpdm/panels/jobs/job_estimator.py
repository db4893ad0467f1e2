"""`JobEstimator`: what a job will take, found by a dry run in a process of its own."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from qtpy.QtCore import QObject, QProcess, QTemporaryDir, Signal

COMMAND_LINE = (sys.executable, "-m", "anofpdm.cli")
_KILL_MS = 3000
_PLACE = "the job's folder"


class JobEstimator(QObject):
    """Runs `anofpdm COMMAND ... --dry-run`, which times a little of the work, beside the viewer.

    A step of training may take more memory than there is: should the system end the process for
    that, the viewer goes on.

    Attributes
    ----------
    estimated : Signal(str, list)
        Time, memory and disk in words; and what stands against the start, one sentence each.
    failed : Signal(str)
        One sentence why there is no estimate.
    """

    estimated = Signal(str, list)
    failed = Signal(str)

    def __init__(self, parent: QObject) -> None:
        super().__init__(parent)
        self._process: QProcess | None = None
        self._folder: QTemporaryDir | None = None

    @property
    def running(self) -> bool:
        """Whether a dry run goes on."""
        return self._process is not None

    def place(self) -> Path:
        """Make a folder that stands for the job's, on the same disk; it goes with the estimate.

        Raises
        ------
        OutputError
            When the jobs' folder cannot be written.
        """
        from anofpdm.common.errors import OutputError
        from anofpdm.jobs.places import jobs_home

        home = jobs_home()
        home.mkdir(parents=True, exist_ok=True)
        self._folder = QTemporaryDir(str(home / ".estimate-XXXXXX"))
        if not self._folder.isValid():
            raise OutputError(f"{home} cannot be written; choose another folder for jobs.")
        return Path(self._folder.path())

    def ask(self, arguments: Sequence[str], files: Mapping[str, str]) -> None:
        """Start a dry run; one that goes on is ended.

        Parameters
        ----------
        arguments : sequence of str
            The command and what follows it.
        files : mapping of str to str
            Texts that the arguments speak of, by their names in `place`.
        """
        self._end()
        for name, text in files.items():
            assert self._folder is not None
            (Path(self._folder.path()) / name).write_text(text, encoding="utf-8")
        process = self._process = QProcess(self)
        process.finished.connect(self._on_finished)
        process.errorOccurred.connect(self._on_error)
        program, *first = COMMAND_LINE
        process.start(program, [*first, *arguments, "--dry-run", "--json"])

    def cancel(self) -> None:
        """End the dry run, if one goes on."""
        self._end()
        self._folder = None

    def _on_finished(self, code: int, _: QProcess.ExitStatus) -> None:
        process = self._process
        if process is None:
            return
        out = bytes(process.readAllStandardOutput().data()).decode(errors="replace")
        said = bytes(process.readAllStandardError().data()).decode(errors="replace")
        place = "" if self._folder is None else self._folder.path()
        self.cancel()
        try:
            found = json.loads(out)
        except ValueError:
            said = said.replace(place, _PLACE)
            self.failed.emit(_last_sentence(said) or f"The estimate ended early (code {code}).")
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


def _last_sentence(said: str) -> str:
    lines = [line.strip() for line in said.splitlines() if line.strip()]
    return lines[-1].removeprefix("Error: ") if lines else ""
