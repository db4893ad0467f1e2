"""What distributes the work: nothing is lost, nothing is done twice, a stop stops."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from importlib.util import find_spec
from pathlib import Path

import pytest

from anofpdm.cohorts.place import Place
from anofpdm.cohorts.plan import Plan
from anofpdm.cohorts.run import CohortProgress, run_cohort
from anofpdm.cohorts.scan import CohortScan, Outcome
from anofpdm.cohorts.shards import Shard
from anofpdm.common.errors import OutputError, SettingsError
from anofpdm.common.executors.company import Company
from anofpdm.common.executors.dask_cluster import DaskExecutor
from anofpdm.common.executors.machine import gpus_of, thread_count, worker_count
from anofpdm.common.executors.plain import PlainExecutor
from anofpdm.common.executors.stopping import Stop
from anofpdm.common.executors.tries import Tries
from tests.core.stand_in_work import StandInWork


def scans(*names: str) -> list[CohortScan]:
    return [CohortScan(name, name) for name in names]


def test_every_scan_is_done_once_and_failures_have_a_reason(tmp_path: Path) -> None:
    work, seen = StandInWork(tmp_path), list[CohortProgress]()
    plan = Plan(todo=scans("b", "bad", "a"), rows=[{"scan": "c"}])
    found = run_cohort(plan, work, PlainExecutor(), Stop(), on_progress=seen.append)
    assert [row["scan"] for row in found.rows] == ["a", "b", "c"]
    assert [(one.scan, one.reason) for one in found.failures] == [("bad", "bad.nii is broken")]
    assert (found.segmented, found.left) == (2, set())
    assert [(one.done, one.failed) for one in seen] == [(0, 0), (1, 0), (2, 1), (3, 1)]


def test_a_stop_lets_the_scan_at_work_finish(tmp_path: Path) -> None:
    stop = Stop()

    def stop_after_two(progress: CohortProgress) -> None:
        if progress.done == 2:
            stop()

    work = StandInWork(tmp_path)
    found = run_cohort(
        Plan(todo=scans("a", "b", "c", "d")), work, PlainExecutor(), stop,
        on_progress=stop_after_two,
    )  # fmt: skip
    assert (found.segmented, found.left) == (2, {"c", "d"})
    with pytest.raises(KeyboardInterrupt):
        stop()


@pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::DeprecationWarning")
def test_dask_survives_killed_workers_and_sets_a_poison_scan_aside(tmp_path: Path) -> None:
    names = [f"s{n:02}" for n in range(12)]
    work, said = StandInWork(tmp_path), list[str]()
    executor = DaskExecutor(Tries(tmp_path / "tries"), workers=2, on_dashboard=said.append)
    todo = scans(*names[:3], "poison", *names[3:6], "clumsy", "bad", *names[6:])
    found = run_cohort(Plan(todo=todo), work, executor, Stop())
    assert [row["scan"] for row in found.rows] == ["clumsy", *names]
    assert {one.scan: one.reason for one in found.failures} == {
        "poison": "killed 2 times",
        "bad": "bad.nii is broken",
    }
    assert (work.begun("poison"), work.begun("clumsy")) == (2, 2)
    assert len(said) == (find_spec("bokeh") is not None)  # the dashboard's address


def test_a_scan_whose_process_died_twice_is_not_begun_again(tmp_path: Path) -> None:
    tries = Tries(tmp_path)
    with tries.one_more("a") as number:
        assert (number, tries.count("a")) == (1, 1)
    assert tries.count("a") == 0
    with pytest.raises(KeyboardInterrupt), tries.one_more("a"):
        raise KeyboardInterrupt
    assert tries.count("a") == 0


def test_a_scan_that_killed_its_process_is_tried_again_by_itself() -> None:
    company, at_work, log = Company(), threading.Barrier(3), list[str]()
    suspect_waits, may_end = threading.Event(), threading.Event()

    def innocent(name: str) -> None:
        with company.entered(alone=False):
            at_work.wait()
            may_end.wait()
            log.append(name)

    def suspect() -> None:
        suspect_waits.set()
        with company.entered(alone=True):
            log.append("suspect")

    with ThreadPoolExecutor(4) as pool:
        ended = [pool.submit(innocent, name) for name in ("a", "b")]
        at_work.wait()  # two run side by side
        ended.append(pool.submit(suspect))
        suspect_waits.wait()
        assert not log
        may_end.set()
        for each in ended:
            each.result()
    assert log[-1] == "suspect" and sorted(log[:2]) == ["a", "b"]
    with company.entered(alone=False):
        pass  # others may enter again


def test_shards_share_out_all_scans_whatever_else_there_is() -> None:
    names = [f"scan-{n}" for n in range(1000)]
    parts = [Shard(i, 4) for i in (1, 2, 3, 4)]
    owners = [[part.index for part in parts if part.holds(name)] for name in names]
    assert all(len(owner) == 1 for owner in owners)
    assert all(200 < sum(part.holds(name) for name in names) < 300 for part in parts)


def test_shards_come_from_an_option_or_a_slurm_array() -> None:
    array = {"SLURM_ARRAY_TASK_ID": "7", "SLURM_ARRAY_TASK_COUNT": "4"}
    assert Shard.of_environment({**array, "SLURM_ARRAY_TASK_MIN": "4"}) == Shard(4, 4)
    assert Shard.of_environment({}) is None
    assert str(Shard.parse("3/8")) == "3/8"
    for text in ("0/3", "4/3", "3", "a/b"):
        with pytest.raises(SettingsError, match="i from 1 to n"):
            Shard.parse(text)


@pytest.fixture
def whole(tmp_path: Path) -> Iterator[Path]:
    with Place(tmp_path).locked():
        yield tmp_path


@pytest.mark.parametrize("shard", [None, Shard(1, 2)])
def test_two_runs_on_one_folder_refuse_each_other(
    whole: Path, shard: Shard | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("anofpdm.cohorts.place._PATIENCE_SECONDS", 0.0)
    with pytest.raises(OutputError, match="Another process"), Place(whole, shard).locked():
        pass


def test_shards_of_one_division_work_side_by_side(tmp_path: Path) -> None:
    with Place(tmp_path, Shard(1, 2)).locked():
        with Place(tmp_path, Shard(2, 2)).locked():
            pass
        for other in (Shard(1, 2), Shard(3, 3), None):
            with pytest.raises(OutputError), Place(tmp_path, other).locked():
                pass


def test_workers_suit_the_machine(tmp_path: Path) -> None:
    assert worker_count(100, 0, cpus=8, free=4_000_000_000) == 2
    assert worker_count(100, 4, cpus=64, free=64_000_000_000) == 4
    assert worker_count(1, 0, cpus=8, free=64_000_000_000) == 1
    assert thread_count(8, 0, cpus=8, free=64_000_000_000) == 1
    assert thread_count(2, 2, cpus=16, free=64_000_000_000) == 4
    assert thread_count(2, 2, cpus=6, free=64_000_000_000) == 3
    assert thread_count(2, 2, cpus=16, free=4_000_000_000) == 2
    for name in ("0000:01", "0000:02"):
        (tmp_path / name).mkdir()
    assert gpus_of("auto", {}, tmp_path) == ["0", "1"]
    assert gpus_of("auto", {"CUDA_VISIBLE_DEVICES": "3,5"}, tmp_path) == ["3", "5"]
    assert gpus_of("cpu", {}, tmp_path) == []


def test_an_outcome_names_no_folder(tmp_path: Path) -> None:
    from anofpdm.segmentation.image_file import ImageFile

    scan = CohortScan("a", "a", {"flair": ImageFile(tmp_path / "Jane Doe" / "a.nii")})
    sentence = f"{tmp_path / 'Jane Doe' / 'a.nii'} is cut off."
    assert scan.without_folders(sentence) == "a.nii is cut off."
    assert Outcome("a", "failed").tries == 1
