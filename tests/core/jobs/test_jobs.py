from __future__ import annotations

import errno
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from subprocess import PIPE

import numpy as np
import psutil
import pytest

from anofpdm.common.errors import Cancelled, JobError, OutputError, SettingsError, TrainingError
from anofpdm.common.event_log import EventLog
from anofpdm.datasets import SliceDataset
from anofpdm.jobs.log import LOG
from anofpdm.jobs.notes import JobNotes
from anofpdm.jobs.places import JOBS_VARIABLE, find_job, job_folder, job_folders
from anofpdm.jobs.process import PROCESS, own_mark, read_mark, write_mark
from anofpdm.jobs.progress import JobProgress
from anofpdm.jobs.queue import turn
from anofpdm.jobs.record import recorded
from anofpdm.jobs.remove import remove_job
from anofpdm.jobs.request import JobRequest, create_job
from anofpdm.jobs.start import proposed_job_name, resume_job, start_job
from anofpdm.jobs.state import STATE, JobState, state_of, write_state
from anofpdm.jobs.stop import Stop
from anofpdm.jobs.training_file import training_toml
from anofpdm.jobs.watch import JobWatch
from anofpdm.training import TrainingConfig
from tests.core.job_end import state_at_end

PREPARE = JobRequest(arguments=("prepare", "scans", "--layout", "brats", "--out", "d.zarr"))
# A job that has a child, says where it stands, and ends when it is told to.
WORK = """
import signal, subprocess, sys
from pathlib import Path
from anofpdm.jobs.record import recorded
from anofpdm.jobs.request import JobRequest

def interrupt(*_):
    raise KeyboardInterrupt

def say(what):
    print(what, flush=True)

signal.signal(signal.SIGTERM, signal.SIG_IGN if sys.argv[3] == "deaf" else interrupt)
folder = Path(sys.argv[1])
request = JobRequest(arguments=("prepare", sys.argv[2]))
with recorded(folder, request, lambda ahead: say(f"{ahead} ahead")):
    for_ever = [sys.executable, "-c", "import time; time.sleep(1000)"]
    child = subprocess.Popen(for_ever, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
    (folder / "child").write_text(str(child.pid))
    say("running")
    sys.stdin.readline()
    child.kill()
    child.wait()
"""


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    home = tmp_path / "jobs"
    monkeypatch.setenv(JOBS_VARIABLE, str(home))
    return home


Worker = Callable[..., "subprocess.Popen[bytes]"]


@pytest.fixture
def worker() -> Iterator[Worker]:
    """Start processes that work on a job of a folder; all end with the test."""
    started: list[subprocess.Popen[bytes]] = []

    def start(folder: Path, source: str = "scans", how: str = "") -> subprocess.Popen[bytes]:
        command = [sys.executable, "-c", WORK, str(folder), source, how]
        started.append(subprocess.Popen(command, stdin=PIPE, stdout=PIPE, stderr=PIPE))
        return started[-1]

    yield start
    for process in started:
        with suppress(psutil.NoSuchProcess):
            for child in psutil.Process(process.pid).children(recursive=True):
                child.kill()
        process.kill()
        process.communicate()


def wait_for(process: subprocess.Popen[bytes], words: str) -> None:
    """Read what a worker says up to some words."""
    assert process.stdout is not None
    while (line := process.stdout.readline()).strip() != words.encode():
        assert line, process.communicate()


def let_go(process: subprocess.Popen[bytes]) -> None:
    process.communicate(b"\n")


def running(folder: Path) -> bool:
    return (folder / "child").exists() and state_of(folder).status == "running"


def test_a_job_tells_its_states(home: Path) -> None:
    folder = home / "a"
    with recorded(folder, PREPARE):
        assert state_of(folder).status == "running"
        assert read_mark(folder) == own_mark()
    assert state_of(folder).status == "done"
    assert [job.name for job in job_folders()] == ["a"]
    events = [json.loads(line) for line in (folder / "events.jsonl").read_text().splitlines()]
    assert [event["status"] for event in events] == ["queued", "running", "done"]


@pytest.mark.parametrize(
    ("error", "status", "words"),
    [
        (TrainingError("The loss is not finite."), "failed", "The loss is not finite."),
        (Cancelled("stop"), "stopped", "resume"),
        (KeyboardInterrupt(), "stopped", "resume"),
        (ValueError("x\ny"), "failed", "Internal error: ValueError: x y"),
    ],
)
def test_how_a_job_ends_is_kept(home: Path, error: BaseException, status: str, words: str) -> None:
    with pytest.raises(type(error)), recorded(home / "a", PREPARE):
        raise error
    state = state_of(home / "a")
    assert state.status == status
    assert words in state.message


def test_a_folder_is_one_job(home: Path) -> None:
    with recorded(home / "a", PREPARE):
        pass
    with pytest.raises(JobError, match="is done"), recorded(home / "a", PREPARE):
        pass
    other = JobRequest(arguments=("prepare", "elsewhere"))
    with pytest.raises(JobError, match="contains another job"), recorded(home / "a", other):
        pass
    with pytest.raises(JobError, match="already exists"):
        create_job(home / "a", PREPARE)


def test_two_processes_on_a_job_are_refused(home: Path, worker: Worker) -> None:
    folder = home / "a"
    first = worker(folder)
    wait_for(first, "running")
    request = JobRequest(arguments=("prepare", "scans"))
    with (
        pytest.raises(OutputError, match="Another process is using the job"),
        recorded(folder, request),
    ):
        pass
    mark = read_mark(folder)
    assert mark is not None
    assert mark.pid == first.pid
    with pytest.raises(JobError, match="is already running"):
        resume_job(folder)
    with pytest.raises(JobError, match="stop it before"):
        remove_job(folder)
    let_go(first)
    assert state_of(folder).status == "done"


def test_a_killed_job_has_failed_and_holds_nothing(home: Path, worker: Worker) -> None:
    folder = home / "a"
    process = worker(folder)
    wait_for(process, "running")
    (folder / LOG).write_text("Preparing subjects: step 3 of 9\n\n")
    process.kill()
    process.wait()
    assert state_of(folder).status == "failed"
    assert "without a message" in state_of(folder).message
    assert "step 3 of 9" in state_of(folder).message
    os.kill(int((folder / "child").read_text()), signal.SIGKILL)
    # The queue is not stuck, and the same folder can be worked on again.
    with recorded(folder, JobRequest(arguments=("prepare", "scans"))):
        assert state_of(folder).attempts == 2


def test_a_process_of_the_same_number_is_not_the_job(home: Path) -> None:
    create_job(home / "a", PREPARE)
    write_state(home / "a", JobState("running"))
    mine = own_mark()
    write_mark(home / "a", mine)
    assert state_of(home / "a").status == "running"
    write_mark(home / "a", replace(mine, started=mine.started - 1))
    assert state_of(home / "a").status == "failed"
    write_mark(home / "a", replace(mine, boot="another", host="another-machine"))
    assert state_of(home / "a").status == "running"
    with pytest.raises(JobError, match="runs on another-machine"):
        Stop(home / "a")


@pytest.mark.parametrize("step", [-3600.0, -5.0, 5.0, 3600.0])
def test_a_clock_that_is_set_anew_changes_nothing(
    home: Path, worker: Worker, monkeypatch: pytest.MonkeyPatch, step: float
) -> None:
    folder = home / "a"
    process = worker(folder)
    wait_for(process, "running")
    now, born = time.time, psutil.Process.create_time
    monkeypatch.setattr(time, "time", lambda: now() + step)
    monkeypatch.setattr(psutil.Process, "create_time", lambda process: born(process) + step)
    assert state_of(folder).status == "running"
    with pytest.raises(JobError, match="stop it before"):
        remove_job(folder)
    assert process.poll() is None
    notes = JobNotes(folder, clock=iter([0.0, 2.0]).__next__)
    for done in (1, 2):
        notes.progress(JobProgress("Preparing subjects", done, 9))
    progress = JobWatch(folder).progress
    assert progress is not None
    assert progress.done == 2
    Stop(folder).wait()
    assert state_of(folder).status == "stopped"
    remove_job(folder)
    assert not folder.exists()


def test_a_job_queued_in_the_future_whose_process_is_gone_has_failed(home: Path) -> None:
    folder = home / "a"
    create_job(folder, PREPARE)
    assert state_of(folder).status == "queued"
    (folder / PROCESS).unlink()
    state = {"status": "queued", "message": "", "since": time.time() + 1e6, "attempts": 0}
    (folder / STATE).write_text(json.dumps(state))
    assert state_of(folder).status == "failed"
    remove_job(folder)
    assert not folder.exists()


def test_what_lives_is_not_removed_whatever_its_files_say(home: Path, worker: Worker) -> None:
    folder = home / "a"
    wait_for(worker(folder), "running")
    kept = (folder / PROCESS).read_bytes()
    (folder / STATE).write_text("{")
    assert state_of(folder).live
    (folder / PROCESS).write_text("{")
    assert state_of(folder).status == "damaged"
    with pytest.raises(JobError, match="stop it before"):
        remove_job(folder)
    (folder / PROCESS).write_bytes(kept)
    Stop(folder).wait()
    assert state_of(folder).status == "stopped"


def test_a_full_disk_leaves_no_half_of_a_job(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    home.mkdir()
    write = Path.write_text

    def full(path: Path, text: str, **options: str) -> int:
        if path.name == STATE:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path))
        return write(path, text, **options)

    monkeypatch.setattr(Path, "write_text", full)
    with pytest.raises(OutputError, match="No space left"):
        start_job(["prepare", "scans", "--layout", "brats", "--out", "d"], "a")
    assert job_folders() == []
    assert not (home / "a").exists()


def test_a_job_is_not_started_from_a_folder_that_is_gone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "gone").mkdir()
    monkeypatch.chdir(tmp_path / "gone")
    (tmp_path / "gone").rmdir()
    with pytest.raises(JobError, match="current folder no longer exists"):
        start_job(["prepare", "scans", "--layout", "brats", "--out", "d"], "a")


def test_a_damaged_state_is_told_of_a_job_that_can_be_run(home: Path) -> None:
    create_job(home / "a", PREPARE)
    (home / "a" / PROCESS).unlink()
    for text in (
        "{",
        "[" * 100_000,
        '{"status": []}',
        '{"status": "done", "since": NaN}',
        '{"status": "done", "since": 1e99}',
        '{"status": "done", "attempts": "1"}',
        '{"status": "gone"}',
        "[1]",
        '{"other": 1}',
    ):
        (home / "a" / STATE).write_text(text)
        assert state_of(home / "a").status == "damaged"
        assert "damaged" in state_of(home / "a").message
        assert not state_of(home / "a").live
    with recorded(home / "a", PREPARE):
        pass
    assert state_of(home / "a").status == "done"


def test_jobs_of_a_lane_wait_for_their_turn_in_order(home: Path, worker: Worker) -> None:
    a, b, c = (home / name for name in "abc")
    # Each is in the queue before the next one comes.
    first = worker(a)
    wait_for(first, "running")
    second = worker(b)
    wait_for(second, "1 ahead")
    third = worker(c)
    wait_for(third, "2 ahead")
    assert running(a)
    assert "one job" in state_of(b).message
    assert "2 jobs" in state_of(c).message
    let_go(first)
    wait_for(second, "running")
    assert state_of(c).status == "queued"
    Stop(b).wait()
    assert state_of(b).status == "stopped"
    wait_for(third, "running")


def test_lanes_are_apart() -> None:
    train = ("train", "own.toml", "--dataset", "d.zarr")
    assert JobRequest(arguments=train).lane == "gpu"
    assert JobRequest(arguments=("segment-cohort", "scans", "--out", "here")).lane == "gpu"
    assert JobRequest(arguments=(*train, "--device", "cpu")).lane == "cpu"
    assert JobRequest(arguments=(*train, "--device=cpu")).lane == "cpu"
    assert PREPARE.lane == "cpu"


def test_a_waiting_job_can_be_stopped(home: Path, worker: Worker) -> None:
    wait_for(worker(home / "a"), "running")
    wait_for(worker(home / "b"), "1 ahead")
    assert "ahead" in state_of(home / "b").message
    Stop(home / "b").wait()
    assert state_of(home / "b").status == "stopped"
    assert not (home / "b" / "child").exists()


@pytest.mark.parametrize("how", ["", "deaf"])
def test_stopping_ends_the_whole_tree(home: Path, worker: Worker, how: str) -> None:
    folder = home / "a"
    process = worker(folder, how=how)
    wait_for(process, "running")
    child = psutil.Process(int((folder / "child").read_text()))
    Stop(folder, patience=0.5 if how else 100).wait()
    assert process.wait() != 0
    assert not child.is_running() or child.status() == psutil.STATUS_ZOMBIE
    state = state_of(folder)
    assert state.status == "stopped"
    assert ("Killed" in state.message) == bool(how)
    with pytest.raises(JobError, match="not running; it is stopped"):
        Stop(folder)


def test_names_and_paths_find_jobs(home: Path, tmp_path: Path) -> None:
    create_job(job_folder("a"), PREPARE)
    create_job(tmp_path / "far" / "b", PREPARE)
    assert find_job("a") == home / "a"
    assert find_job(str(tmp_path / "far" / "b")) == tmp_path / "far" / "b"
    assert find_job("b") == tmp_path / "far" / "b"
    assert [folder.name for folder in job_folders()] == ["a", "b"]
    write_state(tmp_path / "far" / "b", JobState("stopped"))
    remove_job(tmp_path / "far" / "b")
    assert [folder.name for folder in job_folders()] == ["a"]
    with pytest.raises(JobError, match="no job c; the known jobs are: a"):
        find_job("c")
    with pytest.raises(JobError, match="contains no job"):
        remove_job(tmp_path)
    assert tmp_path.exists()


def test_names_are_proposed_that_are_free(home: Path) -> None:
    for _ in range(3):
        create_job(job_folder(proposed_job_name("train")), PREPARE)
    assert len(job_folders()) == 3


def test_only_long_commands_are_jobs(tmp_path: Path) -> None:
    with pytest.raises(JobError, match="prepare, train, select-guidance"):
        start_job(["segment", "--image", "a.nii"])
    resumed = JobRequest.of(["train", "a", "--resume", "--job", "x"])
    assert resumed.arguments == ("train", "a", "--resume")
    assert resumed.is_same_work(JobRequest(arguments=("train", "a")))
    assert not resumed.is_same_work(JobRequest(arguments=("train", "b")))
    assert JobRequest.of(["train", "--job=x", "a"]).arguments == ("train", "a")


def test_a_command_that_cannot_begin_is_a_failed_job(tmp_path: Path) -> None:
    folder = start_job(["prepare", "nowhere", "--layout", "cuneiform", "--out", "d"], "a")
    state = state_at_end(folder)
    assert state.status == "failed"
    assert "cuneiform" in state.message


STARTER = """
from anofpdm.jobs.start import start_job
print(start_job(["prepare", "scans", "--layout", "brats", "--out", "d"], "a"))
"""


def test_who_starts_a_job_ends_in_silence_before_it(home: Path) -> None:
    with turn("cpu"):
        strict = [sys.executable, "-W", "error", "-X", "dev", "-c", STARTER]
        done = subprocess.run(strict, capture_output=True, text=True, check=False)
        assert (done.stdout, done.stderr) == (f"{home / 'a'}\n", "")
        assert state_of(home / "a").status == "queued"
        Stop(home / "a", patience=0).wait()
    assert state_of(home / "a").status == "stopped"


def test_a_watch_sees_the_accuracy_of_the_present_attempt(home: Path) -> None:
    folder = home / "a"
    for _ in range(2):
        with recorded(folder, PREPARE) as attempt:
            attempt.status = "stopped"
            watch = JobWatch(folder)
            assert watch.by_guidance == []
            notes = JobNotes(folder, clock=lambda: 1.0)
            notes.progress(JobProgress("Guidance selection", 3, 9))
            # However soon it comes after another report.
            for points in ([(1.0, 0.5), (2.0, 0.5)], [(1.0, 0.7), (2.0, 0.9)]):
                notes.progress(
                    JobProgress(
                        "Guidance selection", 3, 9, values={"baseline": 0.5}, by_guidance=points
                    )
                )
            notes.progress(JobProgress("Guidance selection", 9, 9))
            watch.update()
            assert watch.by_guidance == [(1.0, 0.7), (2.0, 0.9)]
            assert watch.curves == {"baseline": [(3, 0.5)]}


def test_a_watch_follows_a_growing_job(home: Path) -> None:
    now = 0.0
    folder = home / "a"
    with recorded(folder, PREPARE):
        watch = JobWatch(folder)
        assert watch.fraction is None
        assert watch.seconds_left is None
        notes = JobNotes(folder, clock=lambda: now)
        for done in range(1, 11):
            now = 2.0 * done
            notes.progress(
                JobProgress(
                    "Training", done, 40, 0.5, 2.0 * (40 - done), values={"loss": 1.0 / done}
                )
            )
        notes.progress(
            JobProgress("Training", 10, 40, 0.5, 60.0, values={"loss": 0.1, "held_out": 0.2})
        )
        watch.update()
        assert watch.fraction == 0.25
        assert watch.seconds_left == pytest.approx(60.0)
        assert watch.curves["loss"][-1] == (10, 0.1)
        assert len(watch.curves["loss"]) == 10
        assert watch.curves["held_out"] == [(10, 0.2)]
        now += 2.0
        # After a crash, training goes on from an earlier step.
        notes.progress(JobProgress("Training", 6, 40, values={"loss": 0.3}))
        with (folder / "events.jsonl").open("a") as file:
            file.write('{"event": "progr')
        EventLog(folder).write("other")
        watch.update()
        assert [step for step, _ in watch.curves["loss"]] == [1, 2, 3, 4, 5, 6]
        notes.result({"out": "d.zarr"})
    watch.update()
    assert watch.fraction == 1.0
    assert watch.result == {"out": "d.zarr"}
    assert watch.bundle is None


def test_progress_is_read_as_it_was_noted() -> None:
    report = JobProgress("Training", 3, 9, None, 4.5, "fast", {"loss": 0.5}, ((1.0, 0.7),))
    event = json.loads(json.dumps(report.event))
    assert JobProgress.of_event(event) == report
    # As an earlier version wrote it.
    old = {"stage": "Training", "done": 3, "total": 9, "detail": "fast", "values": {}, "time": 1.0}
    assert JobProgress.of_event(old) == JobProgress("Training", 3, 9, detail="fast")


def test_progress_is_noted_sparingly(home: Path) -> None:
    now = 0.0
    create_job(home / "a", PREPARE)
    notes = JobNotes(home / "a", clock=lambda: now)
    for done in range(1, 1001):
        now += 0.01
        notes.progress(JobProgress("Preparing subjects", done, 1000))
    lines = (home / "a" / "events.jsonl").read_text().splitlines()
    assert 10 <= len(lines) <= 12
    assert json.loads(lines[-1])["done"] == 1000


def test_a_training_file_fits_its_dataset(tmp_path: Path) -> None:
    with SliceDataset.create(
        tmp_path / "d.zarr", modalities=("flair", "t1"), scored=("flair",), preprocessing={}
    ) as writer:
        images = np.zeros((2, 2, 32, 32), np.float32)
        writer.append(
            images,
            np.array([0, 1]),
            subject="a",
            split="train",
            slice_ids=np.arange(2),
            foreground=np.ones((2, 32, 32), bool),
        )
    text = training_toml(tmp_path / "d.zarr", "small", 'my "own"', steps=7, lr=1e-5)
    (tmp_path / "own.toml").write_text(text)
    config = TrainingConfig.from_toml(tmp_path / "own.toml")
    assert (config.steps, config.lr, config.bundle.name) == (7, 1e-5, 'my "own"')
    assert (config.network.image_size, config.network.in_channels) == (32, 2)
    assert config.batch_size == TrainingConfig().batch_size
    with pytest.raises(SettingsError, match="choose the small network"):
        training_toml(tmp_path / "d.zarr", "published", "own")
