"""Cost estimate of preparing a dataset: a few subjects are processed in a temporary folder."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from anofpdm.common.cost import Cost, disk_problems, measured_range, memory_problems, peak_bytes
from anofpdm.common.errors import AnofpdmError
from anofpdm.common.executors.choice import scheduler_threads
from anofpdm.common.processes.worker_processes import usable_cpus
from anofpdm.datasets.case import Annotation, Case
from anofpdm.datasets.preparation.config import PrepareConfig
from anofpdm.datasets.preparation.listing import list_cases
from anofpdm.datasets.preparation.parts import PartStore, part_key
from anofpdm.datasets.preparation.subject import Recipe, subject_slices
from anofpdm.datasets.store.slices import SliceDataset

_SAMPLE = 3
_ENOUGH_SECONDS = 20.0


@dataclass(frozen=True)
class _Sample:
    """The measured cost of some subjects.

    Attributes
    ----------
    making : list of float
        Seconds of each.
    writing : float
        Seconds a subject, from its part into the dataset.
    bytes_each : float
        Bytes a subject: its part, and its slices in the dataset.
    problems : list of str
        Which of them cannot be used.
    """

    making: list[float]
    writing: float
    bytes_each: float
    problems: list[str]


def prepare_cost(
    config: PrepareConfig,
    out: str | Path,
    *,
    workers: int | None = None,
    scheduler: str | None = None,
    clock: Callable[[], float] = time.perf_counter,
) -> Cost:
    """Find what `prepare` will take, by a few subjects; nothing stays written.

    Parameters
    ----------
    config, out, workers, scheduler
        As of `prepare`. The time is measured in this process; with a scheduler it is shared out
        among its threads, and the memory is that of one.
    clock : callable
        Seconds, monotonic.

    Raises
    ------
    DatasetError
        When no subject is found, or the files that go with them cannot be read.
    SettingsError
        When the scheduler cannot be reached.
    """
    threads = None if scheduler is None else scheduler_threads(scheduler)
    out, config = Path(out), config.complete()
    listing = list_cases(config)
    cases = [case for case in listing.cases if not case.problem]
    unmade = _unmade(cases, config.recipe, PartStore(PartStore.beside(out)))
    sample = _sample(unmade or cases, config, clock)
    at_once = threads if threads is not None else workers or usable_cpus()
    count = max(1, min(at_once, len(unmade)))
    where = "" if threads is None else f" by {threads:,} threads of {scheduler}"
    # The parts are kept beside the dataset until it is complete.
    disk = round(len(cases) * sample.bytes_each)
    memory = peak_bytes() * (count if threads is None else 1)
    problems = [
        *(f"{case.subject} will be skipped: {case.problem}" for case in listing.skipped),
        *listing.not_read,
        *listing.warnings,
        *sample.problems,
    ]
    if cases and all(case.mask is None and case.annotation == Annotation() for case in cases):
        problems.append(
            f"No slice of {config.source} will be labelled, because there are no masks and no "
            "labels; add a CSV of labels with --labels."
        )
    problems += disk_problems(out, disk)
    if threads is None:
        problems += memory_problems("cpu", memory, "use fewer --workers")
    elif not threads:
        problems.append(f"The Dask scheduler {scheduler} has no worker yet; start some.")
    return Cost(
        work=f"{len(unmade):,} of {len(cases):,} subjects, {count} at a time{where}",
        seconds=_seconds(sample, len(unmade), len(cases), count),
        basis=f"measured on {len(sample.making)} of them" + ("" if threads is None else " here"),
        memory_bytes=memory,
        device="cpu" if threads is None else "each worker",
        disk_bytes=disk,
        problems=tuple(problems),
    )


def _unmade(cases: Sequence[Case], recipe: Recipe, store: PartStore) -> list[Case]:
    """Return the cases whose part an earlier attempt has not left."""
    found = []
    for case in cases:
        summary = store.summary(case.subject)
        try:
            made = summary is not None and summary.key == part_key(case, recipe)
        except AnofpdmError:
            continue  # a missing file, which is reported when it is read
        if not made:
            found.append(case)
    return found


def _sample(cases: Sequence[Case], config: PrepareConfig, clock: Callable[[], float]) -> _Sample:
    """Make some subjects, evenly spread, and a dataset of them."""
    places = np.unique(np.linspace(0, len(cases) - 1, min(_SAMPLE, len(cases))).astype(int))
    making: dict[str, float] = {}
    problems: list[str] = []
    began = clock()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        store = PartStore(folder)
        for case in (cases[place] for place in places):
            started = clock()
            try:
                store.save(case.subject, "", subject_slices(case, config.recipe))
                making[case.subject] = clock() - started
            except AnofpdmError as error:
                problems.append(f"{case.subject} cannot be used: {error}")
            if clock() - began > _ENOUGH_SECONDS:
                break
        if not making:
            return _Sample([], 0, 0, problems)
        started = clock()
        _write(folder / "d.zarr", config, store, making)
        writing = (clock() - started) / len(making)
        size = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
    return _Sample(list(making.values()), writing, size / len(making), problems)


def _write(path: Path, config: PrepareConfig, store: PartStore, subjects: Iterable[str]) -> None:
    with SliceDataset.create(
        path,
        modalities=config.modalities,
        preprocessing=config.preprocessing.model_dump(mode="json"),
    ) as writer:
        for subject in subjects:
            part = store.load(subject)
            writer.append(
                part.images,
                part.labels,
                subject=subject,
                split="train",
                slice_ids=part.slice_ids,
                foreground=part.foreground,
                truth=part.truth,
            )


def _seconds(
    sample: _Sample, unmade: int, subjects: int, workers: int
) -> tuple[float, float] | None:
    if not sample.making:
        return None
    writing = subjects * sample.writing
    return measured_range(
        writing + min(sample.making) * unmade / workers,
        writing + max(sample.making) * unmade / workers,
    )
