"""Run a cohort for a command: choose workers, show progress, stop on request, write tables."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from anofpdm.cli.commands.cohorts.summary import cohort_summary
from anofpdm.cli.shared.console import Console
from anofpdm.cli.shared.exit_codes import IN_PART, STOPPED
from anofpdm.jobs.progress import JobProgress

if TYPE_CHECKING:
    from anofpdm.cohorts.naming import Naming
    from anofpdm.cohorts.place import Place
    from anofpdm.cohorts.plan import Plan
    from anofpdm.cohorts.run import CohortProgress
    from anofpdm.cohorts.shards import Part
    from anofpdm.cohorts.sources import FoundScans
    from anofpdm.common.executors.executor import Executor
    from anofpdm.model.bundle import ModelBundle
    from anofpdm.segmentation.settings import SegmentationSettings

_STOPPING = "Stopping when the scans at work are finished; press Ctrl-C again to stop at once."


@dataclass(frozen=True)
class CohortRequest:
    """What a command asks for.

    Attributes
    ----------
    source : str
        Name of the source, without folders.
    root : Path
        The output folder, absolute.
    naming : Naming
    found : FoundScans
    model : ModelBundle
    settings : SegmentationSettings
    part : Part or None
    workers : int or None
        None chooses by the machine.
    scheduler : str or None
    retries : int
    retry_killed : bool
    """

    source: str
    root: Path
    naming: Naming
    found: FoundScans
    model: ModelBundle
    settings: SegmentationSettings
    part: Part | None = None
    workers: int | None = None
    scheduler: str | None = None
    retries: int = 1
    retry_killed: bool = False


def run_request(request: CohortRequest, console: Console) -> None:
    """Segment the scans, write the tables, and print the summary.

    Raises
    ------
    AnofpdmError
        When the folder cannot be written or is in use, or the workers cannot be started.
    typer.Exit
        With the exit code of a run that was stopped, or in which scans failed.
    """
    from importlib.metadata import version

    from anofpdm.cohorts.documents import Cohort, write_documents
    from anofpdm.cohorts.place import Place
    from anofpdm.cohorts.plan import key_of, plan_of
    from anofpdm.cohorts.run import run_cohort
    from anofpdm.cohorts.work import SegmentWork
    from anofpdm.common.executors.stopping import stop_on_signals
    from anofpdm.common.executors.tries import Tries
    from anofpdm.segmentation.calibration_warnings import warn_of_calibration

    model, settings, naming = request.model, request.settings, request.naming
    known, place = model.metadata, Place(request.root, request.part)
    for sentence in request.found.notes:
        console.note(sentence)
    warn_of_calibration(console, model.name, known.calibration, settings.reading, settings.grid)
    key = key_of(model.hash, settings, version("napari-anofpdm"))
    identity = {"name": known.name, "version": known.version, "hash": model.hash}
    cohort = Cohort(request.source, identity, settings.decisive, key)
    if model.path is None:
        raise AssertionError("a bundle that was loaded has a path")
    work = SegmentWork(
        request.root,
        naming,
        str(model.path.absolute()),
        model.hash,
        settings,
        key,
        place.tries,
        request.retries,
    )
    with place.locked():
        plan = plan_of(request.found.scans, key, place, naming)
        if request.retry_killed:
            for scan in plan.todo:
                Tries(place.tries).forget(scan.name)
        console.note(
            f"Scans: {plan.total} ({len(plan.rows)} done before, {len(plan.todo)} to segment, "
            f"{len(plan.failures)} that cannot be segmented)."
        )
        executor = _executor(request, len(plan.todo), place, console)
        with (
            _clean_when_killed(request.root, naming, plan),
            stop_on_signals(lambda: console.note(_STOPPING)) as stop,
            console.progress() as show,
            _quiet_log(),
        ):
            outcome = run_cohort(
                plan,
                work,
                executor,
                stop,
                on_progress=lambda progress: show(_shown(progress)),
                keep=lambda so_far: write_documents(place, naming, cohort, so_far),
            )
        document = write_documents(place, naming, cohort, outcome)
    payload = {"out": str(request.root), "segmented": outcome.segmented, **document}
    console.finish(payload, cohort_summary(request.root, document))
    if outcome.left and stop.asked:
        raise typer.Exit(STOPPED)
    if outcome.failures or outcome.left:
        raise typer.Exit(IN_PART)


def _executor(request: CohortRequest, scans: int, place: Place, console: Console) -> Executor:
    from importlib.util import find_spec

    from anofpdm.common.executors.machine import gpus_of, thread_count, worker_count
    from anofpdm.common.executors.plain import PlainExecutor
    from anofpdm.common.executors.tries import Tries

    gpus, workers = gpus_of(request.settings.device), request.workers
    one_by_one = workers == 1
    if workers is None:
        workers = worker_count(scans, len(gpus))
        # One worker with a GPU has several scans at hand.
        one_by_one = workers == 1 and (scans < 2 or not gpus)
        if not one_by_one and request.scheduler is None and find_spec("distributed") is None:
            console.note(
                "Scans are segmented one after the other, because Dask is not installed: pip "
                "install 'napari-anofpdm[cluster]'."
            )
            one_by_one = True
    if one_by_one and request.scheduler is None:
        return PlainExecutor()
    from anofpdm.common.executors.dask_cluster import DaskExecutor, check_dask

    check_dask()
    workers = min(workers, max(scans, 1))
    return DaskExecutor(
        Tries(place.tries),
        workers,
        request.scheduler,
        gpus,
        thread_count(workers, len(gpus)),
        console.note,
    )


def _shown(progress: CohortProgress) -> JobProgress:
    words = [f"{progress.failed} failed"] * bool(progress.failed)
    if progress.speed:
        words.append(f"{60 * progress.speed:.3g} scans/min")
    return JobProgress.of(progress, ", ".join(words))


@contextmanager
def _clean_when_killed(root: Path, naming: Naming, plan: Plan) -> Iterator[None]:
    """Remove what killed workers had half written, where the run was stopped at once."""
    try:
        yield
    except KeyboardInterrupt:
        from anofpdm.common.swapping.workspace import remove_leftovers

        for folder in {(root / naming.folder(scan.name)).parent for scan in plan.todo}:
            remove_leftovers(folder)
        raise


@contextmanager
def _quiet_log() -> Iterator[None]:
    """Keep warnings on single scans off the console; they stand in each scan's report."""
    log = logging.getLogger("anofpdm")
    before, log.handlers = log.handlers, [logging.NullHandler()]
    try:
        yield
    finally:
        log.handlers = before
