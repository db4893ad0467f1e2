"""Evaluate a model on scans with known lesions, one scan at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple, Protocol

from anofpdm.common.executors.choice import executor_of
from anofpdm.evaluation.csv_table import CsvTable
from anofpdm.evaluation.report.figures import Picture, draw_figures
from anofpdm.evaluation.scan_cases import ScanCase
from anofpdm.evaluation.scores import DISTANCES, OVERLAPS, SubjectScores, score_subject
from anofpdm.evaluation.skipped import SkippedScan, check_some_left, skipped_of
from anofpdm.evaluation.subject import Subject
from anofpdm.evaluation.summary import summarize
from anofpdm.evaluation.tally import Tally

SCANS_CSV: Final = "scans.csv"
SLICES_CSV: Final = "slices.csv"
MAPS_CSV: Final = "maps.csv"
LABELS: Final = {0: "healthy", 1: "unhealthy", -1: "left out"}

SCAN_COLUMNS: Final = (
    "case", "patient", "kind", "lesion_ml", "method", "mask_ml", *OVERLAPS, *DISTANCES,
    "lesions", "lesions_detected", "lesions_marked", "lesions_false",
)  # fmt: skip
SLICE_COLUMNS: Final = (
    "case", "patient", "slice", "label", "lesion_mm2", "cosine", "divergence_at_end", "end_step",
    "method", "unhealthy", *OVERLAPS,
)  # fmt: skip

MAP_COLUMNS: Final = ("case", "patient", "map", "auprc_brain")


class Subjects(Protocol):
    """Makes a subject, with its predictions, of a case."""

    def subject(self, case: ScanCase, /) -> Subject:
        """Read the case and predict."""


class Evaluation(NamedTuple):
    """The outcome of an evaluation.

    Attributes
    ----------
    tables : dict
        JSON values; see `summarize`.
    figures : tuple of Picture
        For the report.
    skipped : tuple of SkippedScan
        Scans that could not be read or scored.
    """

    tables: dict[str, Any]
    figures: tuple[Picture, ...]
    skipped: tuple[SkippedScan, ...] = ()


class _Scoring:
    """Scores a case and forgets its voxels; can be pickled for worker processes."""

    def __init__(self, run: Subjects, one_thread: bool) -> None:
        self._run, self._one_thread = run, one_thread

    def __call__(self, case: ScanCase) -> SubjectScores:
        if self._one_thread:
            import torch

            torch.set_num_threads(1)
        return score_subject(self._run.subject(case))


def evaluate(
    run: Subjects,
    cases: Sequence[ScanCase],
    folder: Path,
    *,
    workers: int = 1,
    scheduler: str | None = None,
    draws: int = 1000,
    seed: int = 0,
    on_case: Callable[[int, int], None] | None = None,
) -> Evaluation:
    """Score a model on scans with known lesions.

    Parameters
    ----------
    run : Subjects
        A `MethodsRun`.
    cases : sequence of ScanCase
    folder : Path
        Gets `scans.csv`, `slices.csv` and `maps.csv`, written line by line.
    workers : int
        Parallel processes, each with one thread; 1 works in this process.
    scheduler : str, optional
        Address of a Dask scheduler, whose workers take the place of processes.
    draws, seed : int
        Of the bootstrap over patients.
    on_case : callable, optional
        Called with (scans done, all scans) after each.

    Returns
    -------
    Evaluation

    Raises
    ------
    DatasetError
        When no scan can be scored.
    SchedulerLostError
        When the connection to the scheduler is lost.
    """
    executor = executor_of(workers, scheduler)
    scoring = _Scoring(run, one_thread=executor.parallel)
    with (
        Tally() as tally,
        CsvTable(folder / SCANS_CSV, SCAN_COLUMNS) as scans,
        CsvTable(folder / SLICES_CSV, SLICE_COLUMNS) as slices,
        CsvTable(folder / MAPS_CSV, MAP_COLUMNS) as maps,
    ):
        skipped: list[SkippedScan] = []
        for number, ended in enumerate(executor.run(scoring, cases, in_order=True), start=1):
            if (problem := skipped_of(ended)) is not None:
                skipped.append(problem)
            else:
                scores = ended.result()
                for row in scan_rows(scores):
                    scans.write(row)
                for row in slice_rows(scores):
                    slices.write(row)
                for row in map_rows(scores):
                    maps.write(row)
                tally.add(scores)
            if on_case is not None:
                on_case(number, len(cases))
        check_some_left(skipped, len(cases))
        tables = summarize(tally, draws, seed)
        figures = draw_figures(tally)
        return Evaluation(tables, figures, tuple(skipped))


def scan_rows(scores: SubjectScores) -> Iterator[dict[str, Any]]:
    """`SCAN_COLUMNS` of a subject, a row for each method."""
    for method, one in scores.methods.items():
        counts = (
            {}
            if one.lesions is None
            else {
                "lesions": one.lesions.true,
                "lesions_detected": one.lesions.detected,
                "lesions_marked": one.lesions.marked,
                "lesions_false": one.lesions.false,
            }
        )
        yield {
            "case": scores.name,
            "patient": scores.patient,
            "kind": scores.kind,
            "lesion_ml": scores.lesion_ml,
            "method": method,
            **one.volume,
            **{name: int(values.sum()) for name, values in counts.items()},
        }


def slice_rows(scores: SubjectScores) -> Iterator[dict[str, Any]]:
    """`SLICE_COLUMNS` of a subject, a row for each slice and method."""
    for method, one in scores.methods.items():
        for k, slice_id in enumerate(scores.slice_ids.tolist()):
            yield {
                "case": scores.name,
                "patient": scores.patient,
                "slice": slice_id,
                "label": LABELS[int(scores.labels[k])],
                "lesion_mm2": scores.lesion_mm2[k],
                **{name: values[k] for name, values in scores.curves.items()},
                "method": method,
                "unhealthy": int(one.unhealthy[k]),
                **{name: values[k] for name, values in one.slices.items()},
            }


def map_rows(scores: SubjectScores) -> Iterator[dict[str, Any]]:
    """`MAP_COLUMNS` of a subject, a row for each map."""
    names = {"case": scores.name, "patient": scores.patient}
    for name in scores.maps:
        yield {**names, "map": name, "auprc_brain": scores.auprc(name)}
