"""Run a cohort: do what is planned, and keep the tables."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field

from anofpdm.cohorts.plan import Plan
from anofpdm.cohorts.scan import CohortScan, Outcome, Work
from anofpdm.common.errors import AnofpdmError
from anofpdm.common.executors.executor import Ended, Executor, SchedulerLostError
from anofpdm.common.executors.stopping import Stop
from anofpdm.common.progress import Pace, Progress

_SECONDS_BETWEEN_TABLES = 60.0


@dataclass(frozen=True)
class CohortProgress(Progress):
    """How far a run has come; `done` counts failures, too.

    Attributes
    ----------
    failed : int
    """

    failed: int = 0


@dataclass
class CohortOutcome:
    """What became of a cohort.

    Attributes
    ----------
    rows : list of dict
        Lines of the finished scans, by name.
    failures : list of Outcome
    segmented : int
        Scans that were segmented in this run.
    left : set of str
        Names of the scans that were not begun, because a stop was asked for.
    """

    rows: list[dict[str, object]] = field(default_factory=list)
    failures: list[Outcome] = field(default_factory=list)
    segmented: int = 0
    left: set[str] = field(default_factory=set)


def run_cohort(
    plan: Plan,
    work: Work,
    executor: Executor,
    stop: Stop,
    *,
    on_progress: Callable[[CohortProgress], None] = lambda progress: None,
    keep: Callable[[CohortOutcome], object] = lambda outcome: None,
    clock: Callable[[], float] = time.monotonic,
) -> CohortOutcome:
    """Do the work on all scans of a plan.

    Parameters
    ----------
    plan : Plan
    work : Work
        What is done to each.
    executor : Executor
        Where it is done.
    stop : Stop
    on_progress : callable
        Told after each scan.
    keep : callable
        Writes the tables: now and then after failures, and by the caller at the end.
    clock : callable
        Seconds, monotonic.
    """
    todo = {scan.name for scan in plan.todo}
    found = CohortOutcome(list(plan.rows), list(plan.failures), left=todo)
    pace, total, last, kept = Pace(clock), len(plan.todo), clock(), len(found.failures)

    def report() -> None:
        failed = len(found.failures) - len(plan.failures)
        on_progress(pace(CohortProgress("Scans", total - len(found.left), total, failed=failed)))

    report()
    for ended in executor.run(work, plan.todo, stop):
        outcome = _outcome(ended)
        found.left.discard(ended.task.name)
        if outcome.status == "failed":
            found.failures.append(outcome)
        else:
            found.rows.append(outcome.row)
            found.segmented += outcome.status == "done"
        report()
        if len(found.failures) > kept and clock() - last > _SECONDS_BETWEEN_TABLES:
            keep(found)
            last, kept = clock(), len(found.failures)
    found.rows.sort(key=lambda row: str(row["scan"]))
    return found


def _outcome(ended: Ended[CohortScan, Outcome]) -> Outcome:
    """Return what became of a scan, also where its work itself was lost."""
    error = ended.error
    if error is None:
        return ended.result()
    told = str(error) if isinstance(error, AnofpdmError) else f"{type(error).__name__}: {error}"
    tries = 0 if isinstance(error, SchedulerLostError) else 1
    return Outcome(ended.task.name, "failed", reason=told, tries=tries)
