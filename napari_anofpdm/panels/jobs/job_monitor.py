"""`JobMonitor`: reads the jobs on disk at regular intervals, whoever started them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from qtpy.QtCore import QObject, QTimer, Signal

from napari_anofpdm.host.notify import show_failure

if TYPE_CHECKING:
    from anofpdm.jobs.stop import Stop
    from anofpdm.jobs.watch import JobWatch

_LOOK_MS = 1000


class JobMonitor(QObject):
    """All jobs on disk, and the actions on them.

    Parameters
    ----------
    parent : QObject
        The monitor ends with its parent; jobs continue.

    Attributes
    ----------
    changed : Signal()
        The jobs were read again.
    jobs : list of JobWatch
        Latest first.
    """

    changed = Signal()

    def __init__(self, parent: QObject) -> None:
        super().__init__(parent)
        self.jobs: list[JobWatch] = []
        self._stamps: dict[Path, float] = {}
        self._stops: dict[Path, Stop] = {}
        self._timer = QTimer(self)
        self._timer.setInterval(_LOOK_MS)
        self._timer.timeout.connect(self.look)
        self._timer.start()

    def look(self) -> None:
        """Read what has changed on disk."""
        from anofpdm.jobs.places import job_folders

        self._push_stops()
        known = {job.folder: job for job in self.jobs}
        found = [self._seen(folder, known.get(folder)) for folder in job_folders()]
        jobs = [job for job in found if job is not None]
        self.jobs = sorted(
            jobs, key=lambda job: "" if job.request is None else job.request.created, reverse=True
        )
        self.changed.emit()

    def job(self, folder: Path | None) -> JobWatch | None:
        """Return a job by its folder."""
        return next((job for job in self.jobs if job.folder == folder), None)

    def is_stopping(self, folder: Path) -> bool:
        """Whether a job was asked to stop and has not ended yet."""
        return folder in self._stops

    def stop(self, folder: Path) -> None:
        """Ask a job to save its state and stop; after a while it is killed."""
        from anofpdm.jobs.stop import Stop

        try:
            self._stops[folder] = Stop(folder)
        except Exception as error:
            show_failure(error, "stopping the job")
        self.look()

    def resume(self, folder: Path) -> None:
        """Start a job again."""
        from anofpdm.jobs.start import resume_job

        try:
            resume_job(folder)
        except Exception as error:
            show_failure(error, "starting the job")
        self.look()

    def remove(self, folder: Path) -> None:
        """Delete a job's folder."""
        from anofpdm.jobs.remove import remove_job

        try:
            remove_job(folder)
        except Exception as error:
            show_failure(error, "removing the job")
        self.look()

    def _seen(self, folder: Path, job: JobWatch | None) -> JobWatch | None:
        from anofpdm.common.errors import JobError
        from anofpdm.jobs.state import STATE
        from anofpdm.jobs.watch import JobWatch

        state = folder / STATE
        try:
            stamp = state.stat().st_mtime
        except OSError:
            stamp = 0.0
        if job is None:
            try:
                job = JobWatch(folder)
            except JobError:
                return None  # it was removed meanwhile
        elif job.state.live or job.state.status == "damaged" or stamp != self._stamps.get(folder):
            job.update()
        self._stamps[folder] = stamp
        return job

    def _push_stops(self) -> None:
        for folder, stop in list(self._stops.items()):
            try:
                if stop.over():
                    del self._stops[folder]
            except Exception as error:
                del self._stops[folder]
                show_failure(error, "stopping the job")
