"""Folders of jobs, as `job list` and the Jobs panel read them."""

from __future__ import annotations

import json
import os
from pathlib import Path
from unittest.mock import patch

from anofpdm.cli.commands.job import _payload
from anofpdm.jobs.log import LOG, log_tail
from anofpdm.jobs.notes import JobNotes
from anofpdm.jobs.places import JOBS_VARIABLE, job_folders
from anofpdm.jobs.progress import JobProgress
from anofpdm.jobs.record import recorded
from anofpdm.jobs.remove import remove_job
from anofpdm.jobs.request import JobRequest
from anofpdm.jobs.watch import JobWatch, has_progress
from tests.fuzz.harness import Reader


def _make(folder: Path) -> Path:
    home = folder / "jobs"
    job = home / "a"
    with (
        patch.dict(os.environ, {JOBS_VARIABLE: str(home)}),
        recorded(job, JobRequest(arguments=("train", "t.toml", "--device", "cpu"))),
    ):
        notes = JobNotes(job, clock=iter([0.0, 2.0]).__next__)
        for done in (1, 2):
            notes.progress(JobProgress("Training", done, 9, 1.0, 7.0, values={"loss": 0.5}))
        notes.result({"bundle": "run/bundle", "step": 2})
        (job / LOG).write_text("a line\n", encoding="utf-8")
    return home


def _read(home: Path) -> None:
    with patch.dict(os.environ, {JOBS_VARIABLE: str(home)}):
        for folder in job_folders():
            watch = JobWatch(folder)
            watch.update()
            json.dumps(_payload(watch), allow_nan=False)
            log_tail(folder)
            has_progress(folder)
            remove_job(folder)
            assert not folder.exists()


READERS = (Reader("jobs", _make, _read),)
