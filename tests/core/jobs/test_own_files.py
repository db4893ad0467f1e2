"""What a job reads and writes lies in its folder, and its name is one that is listed."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from anofpdm.common.errors import JobError
from anofpdm.common.event_log import EVENTS
from anofpdm.jobs.log import LOG, log_tail
from anofpdm.jobs.notes import RESULT
from anofpdm.jobs.places import JOBS_VARIABLE, REQUEST, job_folders
from anofpdm.jobs.process import PROCESS, read_mark
from anofpdm.jobs.record import recorded
from anofpdm.jobs.request import JobRequest, create_job, read_request
from anofpdm.jobs.start import resume_job
from anofpdm.jobs.state import STATE, state_of
from anofpdm.jobs.watch import JobWatch, has_progress

PREPARE = JobRequest(arguments=("prepare", "scans", "--layout", "brats", "--out", "d.zarr"))


@pytest.fixture
def job(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv(JOBS_VARIABLE, str(tmp_path / "jobs"))
    folder = tmp_path / "jobs" / "a"
    create_job(folder, PREPARE)
    return folder


def moved_out(job: Path, name: str, text: str | None = None) -> Path:
    """Let a file of the job be a link to one that lies outside."""
    outside = job.parents[1] / f"outside-{name}"
    outside.write_text((job / name).read_text() if text is None else text)
    (job / name).unlink(missing_ok=True)
    (job / name).symlink_to(outside)
    return outside


@pytest.mark.parametrize("name", [REQUEST, STATE])
def test_a_record_that_lies_elsewhere_is_damage(job: Path, name: str) -> None:
    moved_out(job, name)
    watch = JobWatch(job)
    watch.update()
    assert "link to a file outside of its job" in watch.state.message
    if name == REQUEST:
        with pytest.raises(JobError, match="link to a file outside"):
            read_request(job)
    assert job_folders() == [job]  # it is listed, and can be removed


def test_what_else_lies_elsewhere_is_not_read(job: Path) -> None:
    moved_out(job, PROCESS)
    moved_out(job, LOG, "a secret\n")
    moved_out(job, RESULT, json.dumps({"bundle": "secret"}))
    moved_out(job, EVENTS, '{"event": "progress", "stage": "a", "done": 1, "total": 2}\n')
    watch = JobWatch(job)
    watch.update()
    assert read_mark(job) is None
    assert log_tail(job) == []
    assert watch.result is None and watch.progress is None
    assert not has_progress(job)
    assert "secret" not in state_of(job).message


@pytest.mark.parametrize("name", [LOG, EVENTS])
def test_nothing_is_written_into_what_lies_elsewhere(job: Path, name: str) -> None:
    (job / PROCESS).unlink()
    outside = moved_out(job, name, "mine\n")
    with pytest.raises(JobError, match="link to a file outside"):
        resume_job(job)
    with pytest.raises(JobError, match="link to a file outside"), recorded(job, PREPARE):
        pass
    assert outside.read_text() == "mine\n"


def test_a_link_within_the_job_is_followed(job: Path) -> None:
    (job / "first.txt").write_text("said\n")
    (job / LOG).symlink_to("first.txt")
    assert log_tail(job) == ["said"]


def test_a_link_to_itself_is_damage(job: Path) -> None:
    (job / STATE).unlink()
    (job / STATE).symlink_to(STATE)
    assert state_of(job).status in ("damaged", "running")


def test_a_hidden_name_is_refused(job: Path) -> None:
    with pytest.raises(JobError, match=r"\.b begins with a dot"):
        create_job(job.with_name(".b"), PREPARE)
    assert not job.with_name(".b").exists()
