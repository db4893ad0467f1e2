"""What works on tasks: in their order, few at a time, and no failure is lost."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import overload

import pytest

from anofpdm.common.errors import DatasetError, VolumeError
from anofpdm.common.executors.choice import executor_of
from anofpdm.common.executors.dask_cluster import DaskExecutor
from anofpdm.common.executors.executor import Executor
from anofpdm.common.executors.plain import PlainExecutor
from anofpdm.common.executors.processes import ProcessExecutor
from anofpdm.common.executors.stopping import Stop
from tests.core.executor_cases import NamedTask, profiled, shout

EXECUTORS = [PlainExecutor(), ProcessExecutor(2)]


class Counted(Sequence[NamedTask]):
    """Tasks that count how many were taken."""

    def __init__(self, *names: str) -> None:
        self.tasks, self.taken = [NamedTask(name) for name in names], 0

    def __len__(self) -> int:
        return len(self.tasks)

    def __iter__(self) -> Iterator[NamedTask]:
        for task in self.tasks:
            self.taken += 1
            yield task

    @overload
    def __getitem__(self, index: int) -> NamedTask: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[NamedTask]: ...
    def __getitem__(self, index: int | slice) -> NamedTask | Sequence[NamedTask]:
        return self.tasks[index]


@pytest.mark.parametrize("executor", EXECUTORS, ids=["plain", "processes"])
def test_tasks_end_in_order_few_at_a_time_with_their_results_or_errors(executor: Executor) -> None:
    check_in_order(executor)


@pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::DeprecationWarning")
def test_the_workers_of_a_scheduler_keep_the_order_too(scheduler: str) -> None:
    check_in_order(executor_of(1, scheduler))


@pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::DeprecationWarning")
def test_own_workers_do_without_the_profiler() -> None:
    (ended,) = DaskExecutor(workers=1).run(profiled, [NamedTask("a")])
    assert ended.result() is False


def check_in_order(executor: Executor) -> None:
    tasks = Counted(*(f"t{n:02}" for n in range(5)), "bad", *(f"t{n:02}" for n in range(5, 12)))
    found = []
    for done, ended in enumerate(executor.run(shout, tasks, in_order=True), start=1):
        assert tasks.taken <= done + 4
        if ended.task.name == "bad":
            with pytest.raises(VolumeError, match=r"bad\.nii is broken"):
                ended.result()
        else:
            assert ended.result() == ended.task.name.upper()
        found.append(ended.task)
    assert found == tasks.tasks


@pytest.mark.parametrize("executor", EXECUTORS, ids=["plain", "processes"])
def test_nothing_is_begun_after_a_stop(executor: Executor) -> None:
    tasks, stop = Counted(*"abcdefghij"), Stop()
    ended = executor.run(shout, tasks, stop)
    next(ended)
    stop()
    rest = [one.result() for one in ended]
    assert len(rest) == (3 if executor.parallel else 0)


def test_a_break_does_not_wait_for_what_is_at_work(tmp_path: Path) -> None:
    tasks = [NamedTask("quick", tmp_path / "quick"), NamedTask("slow", tmp_path / "slow")]
    with pytest.raises(KeyboardInterrupt):
        for _ in ProcessExecutor(2).run(shout, tasks):
            raise KeyboardInterrupt
    assert [path.name for path in tmp_path.iterdir()] == ["quick"]


def test_a_killed_process_is_a_sentence() -> None:
    with pytest.raises(DatasetError, match="killed"):
        list(ProcessExecutor(2).run(shout, [NamedTask("a"), NamedTask("poison")]))


def test_workers_and_scheduler_choose_the_executor(monkeypatch: pytest.MonkeyPatch) -> None:
    from anofpdm.common.errors import SettingsError
    from anofpdm.common.executors import dask_cluster

    assert isinstance(executor_of(1), PlainExecutor)
    assert executor_of(3) == ProcessExecutor(3)
    assert not list(ProcessExecutor(3).run(shout, []))
    executor = executor_of(1, "tcp://127.0.0.1:1")
    assert isinstance(executor, dask_cluster.DaskExecutor) and executor.parallel
    monkeypatch.setattr(dask_cluster, "find_spec", lambda name: None)
    with pytest.raises(SettingsError, match="Dask is not installed"):
        executor_of(1, "tcp://127.0.0.1:1")
