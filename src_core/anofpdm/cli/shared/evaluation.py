"""Options and documents that `evaluate` and `compare` share."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer

from anofpdm.method.calibration import TimestepGrid
from anofpdm.method.settings import Settings

if TYPE_CHECKING:
    from anofpdm.evaluation.skipped import SkippedScan
    from anofpdm.model.bundle import ModelBundle

LesionOption = Annotated[
    float | None,
    typer.Option(
        "--lesion-mm2",
        min=0,
        metavar="MM2",
        help="Smallest lesion area of an unhealthy slice. Slices with a smaller lesion are left "
        "out of the scores by slice.",
        show_default="as for the model's training slices, otherwise 30",
    ),
]
WorkersOption = Annotated[
    int,
    typer.Option(
        "--workers", min=1, help="Number of parallel processes, each with one thread and a scan."
    ),
]
SchedulerOption = Annotated[
    str | None,
    typer.Option(
        "--scheduler",
        metavar="tcp://HOST:PORT",
        help="A running Dask scheduler in place of --workers; its workers see model and scans "
        "under the same paths.",
    ),
]
DrawsOption = Annotated[
    int,
    typer.Option("--draws", min=1, help="Resamples of the patients behind the 95 % intervals."),
]


def evaluation_document(
    scans: str,
    model: ModelBundle,
    grid: TimestepGrid,
    settings: Settings,
    lesion_mm2: float,
    seed: int,
    draws: int,
    tables: dict[str, Any],
    skipped: Sequence[SkippedScan],
) -> dict[str, Any]:
    """Return the JSON values of an evaluation; the same run gives the same values."""
    return {
        "scans": scans,
        "model": {"name": model.name, "version": model.metadata.version, "hash": model.hash},
        "process": grid.process,
        "steps": grid.steps,
        "t_max": grid.t_max,
        "seed": seed,
        "draws": draws,
        "lesion_mm2": lesion_mm2,
        "settings": settings.model_dump(mode="json"),
        **tables,
        "skipped": [one.document for one in skipped],
    }
