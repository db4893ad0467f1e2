"""Delete a job."""

from __future__ import annotations

from pathlib import Path
from shutil import rmtree

from anofpdm.common.errors import JobError
from anofpdm.common.folder_lock import LOCK_NAME, hold
from anofpdm.jobs.places import REQUEST, is_job, job_folders
from anofpdm.jobs.request import read_request
from anofpdm.jobs.state import state_of

_LAST_WORD_SECONDS = 2.0  # from the last state of a job to the end of its process


def remove_job(folder: Path) -> None:
    """Delete a job's folder, with the results in it.

    Raises
    ------
    JobError
        When a process is at work on it, or it cannot be deleted.
    """
    if not is_job(folder):
        raise JobError(f"{folder} contains no job, so nothing was removed.")
    if folder not in job_folders():
        read_request(folder)  # a folder of something else may have a file of that name, too
    running = f"The job {folder.name} is running; stop it before you remove it."
    if state_of(folder).live:
        raise JobError(running)
    lock = folder / LOCK_NAME
    if lock.is_file():
        # Whatever the files say: a process that is at work on the job holds its lock.
        held = hold(lock, seconds=_LAST_WORD_SECONDS)
        if held is None:
            raise JobError(running)
        held.release()
    try:
        # Last, so that what could not be deleted is still a job that can be removed again.
        for path in [p for p in folder.iterdir() if p.name != REQUEST]:
            rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink()
        (folder / REQUEST).unlink()
        folder.rmdir()
    except OSError as error:
        raise JobError(
            f"{folder} cannot be removed ({error.strerror}); check its permissions."
        ) from error
