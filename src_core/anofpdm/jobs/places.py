"""Locations of jobs: the job folder, and a list of jobs elsewhere."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from typing import Final

from platformdirs import user_data_path

from anofpdm.common.atomic import atomic_path
from anofpdm.common.errors import JobError
from anofpdm.common.reading import file_bytes, reading
from anofpdm.common.user_path import user_path
from anofpdm.jobs.state import STATE

JOBS_VARIABLE: Final = "ANOFPDM_JOBS"
REQUEST: Final = "config.json"
_ELSEWHERE: Final = ".elsewhere"
_MOST_BYTES = 1 << 16


def jobs_home() -> Path:
    """Folder that holds jobs and their queues; ANOFPDM_JOBS names another one."""
    named = os.environ.get(JOBS_VARIABLE)
    return user_path(named) if named else user_data_path("anofpdm") / "jobs"


def job_folder(name_or_path: str | Path) -> Path:
    """Return the folder that a job's name or path stands for, whether it exists or not.

    A name of one part is a folder in `jobs_home`; anything else is a path.
    """
    text = os.fspath(name_or_path)
    if isinstance(name_or_path, str) and Path(text).name == text:
        return jobs_home() / text
    return user_path(text).absolute()


def find_job(name_or_path: str | Path) -> Path:
    """Return the folder of a job that exists.

    Raises
    ------
    JobError
        When there is none; the message lists the known names.
    """
    folder = job_folder(name_or_path)
    if is_job(folder):
        return folder
    for known in job_folders():
        if known.name == os.fspath(name_or_path):
            return known
    names = ", ".join(known.name for known in job_folders()) or "none"
    raise JobError(f"There is no job {name_or_path}; the known jobs are: {names}.")


def is_job(folder: Path) -> bool:
    """Whether a folder contains a job, sound or damaged."""
    return any(os.path.lexists(folder / name) for name in (REQUEST, STATE))


def job_folders() -> list[Path]:
    """List the folders of all known jobs, by name."""
    home = jobs_home()
    # What is being made has a hidden name.
    found = {path for path in home.glob("*") if not path.name.startswith(".") and is_job(path)}
    for note in (home / _ELSEWHERE).glob("*"):
        try:
            with reading(note, JobError):
                folder = Path(file_bytes(note, JobError, limit=_MOST_BYTES).decode("utf-8"))
        except JobError:
            continue  # its job is still there, and can be named by its path
        if folder.is_absolute() and is_job(folder):
            found.add(folder)
    return sorted(found, key=lambda folder: (folder.name, str(folder)))


def note_place(folder: Path) -> None:
    """Let `job_folders` find a job that lies outside the home.

    Raises
    ------
    OutputError
        When the home cannot be written.
    """
    if folder.parent == jobs_home():
        return
    note = hashlib.sha256(str(folder).encode()).hexdigest()[:16]
    with atomic_path(jobs_home() / _ELSEWHERE / note, overwrite=True) as pending:
        pending.write_text(str(folder), encoding="utf-8")
