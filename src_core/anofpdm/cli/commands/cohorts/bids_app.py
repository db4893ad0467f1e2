"""`anofpdm bids`: the BIDS App, also called `anofpdm-bids`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from anofpdm.cli.commands.cohorts.running import CohortRequest, run_request
from anofpdm.cli.commands.cohorts.summary import cohort_summary
from anofpdm.cli.shared import options as opt
from anofpdm.cli.shared.console import Console, with_console
from anofpdm.cli.shared.entities import parsed_entities
from anofpdm.cli.shared.exit_codes import IN_PART
from anofpdm.cli.shared.option_groups.cohort import (
    MatchOption,
    RetriesOption,
    RetryKilledOption,
    SchedulerOption,
    WorkersOption,
)
from anofpdm.cli.shared.option_groups.preparation import (
    PreparationOptions,
    with_preparation_options,
)
from anofpdm.cli.shared.option_groups.reading import ReadingOptions, with_reading_options
from anofpdm.cli.shared.option_groups.run import RunOptions, with_run_options
from anofpdm.common.errors import DatasetError

if TYPE_CHECKING:
    from anofpdm.cohorts.bids.naming import BidsNaming

_SCANS = "Scans"

BidsArgument = Annotated[
    Path, typer.Argument(metavar="BIDS_DIR", help="The BIDS dataset.", show_default=False)
]
OutputArgument = Annotated[
    Path,
    typer.Argument(
        metavar="OUTPUT_DIR",
        help="The derivative; an earlier one is continued.",
        show_default=False,
    ),
]
LevelArgument = Annotated[
    Literal["participant", "group"],
    typer.Argument(
        help="participant segments scans; group writes the table and the report over all of them.",
        show_default=False,
    ),
]
ParticipantOption = Annotated[
    list[str] | None,
    typer.Option(
        "--participant-label",
        metavar="LABEL",
        help="Subject, with or without sub-. Repeatable.",
        show_default="all",
        rich_help_panel=_SCANS,
    ),
]
SessionOption = Annotated[
    list[str] | None,
    typer.Option(
        "--session-label",
        metavar="LABEL",
        help="Session, with or without ses-. Repeatable.",
        show_default="all",
        rich_help_panel=_SCANS,
    ),
]


@with_run_options
@with_reading_options
@with_preparation_options
@with_console
def bids(
    bids_dir: BidsArgument,
    output_dir: OutputArgument,
    level: LevelArgument,
    participant_label: ParticipantOption = None,
    session_label: SessionOption = None,
    match: MatchOption = None,
    bundle: opt.BundleOption = "flair-synth",
    form: opt.FormOption = None,
    workers: WorkersOption = None,
    scheduler: SchedulerOption = None,
    retries: RetriesOption = 1,
    retry_killed: RetryKilledOption = False,
    *,
    run: RunOptions,
    reading: ReadingOptions,
    preparation: PreparationOptions,
    console: Console,
) -> None:
    """Segment a BIDS dataset into a BIDS derivative (BIDS App; also called anofpdm-bids).

    Example: anofpdm bids dataset dataset/derivatives/anofpdm participant
    """
    from importlib.metadata import version

    from anofpdm.cohorts.bids.dataset import write_description
    from anofpdm.cohorts.bids.naming import BidsNaming
    from anofpdm.cohorts.shards import Participants
    from anofpdm.cohorts.sources import find_scans
    from anofpdm.common.user_path import user_path
    from anofpdm.model.bundle import load_bundle

    dataset, root = user_path(bids_dir).absolute(), user_path(output_dir).absolute()
    naming = BidsNaming(dataset)
    if level == "group":
        _group(root, naming, console)
        return
    model = load_bundle(bundle)
    known = model.metadata
    settings = run.segmentation(
        reading.settings(known.calibration),
        preparation.chain(),
        known.calibration,
        form=form,
    )
    settings.check(model)
    if not dataset.is_dir():
        raise DatasetError(f"{bids_dir} is not a folder; choose a BIDS dataset.")
    found = find_scans(dataset, known.modalities, "bids", parsed_entities(match or ()), root)
    part = Participants(
        tuple(label.removeprefix("sub-") for label in participant_label or ()),
        tuple(label.removeprefix("ses-") for label in session_label or ()),
    )
    if not any(part.holds(scan.name) for scan in found.scans):
        raise DatasetError(
            f"{bids_dir} has no scan of these participants and sessions; check the labels."
        )
    root.mkdir(parents=True, exist_ok=True)
    write_description(root, dataset, version("napari-anofpdm"))
    request = CohortRequest(
        source=bids_dir.name,
        root=root,
        naming=naming,
        found=found,
        model=model,
        settings=settings,
        part=part,
        workers=workers,
        scheduler=scheduler,
        retries=retries,
        retry_killed=retry_killed,
    )
    run_request(request, console)


def _group(root: Path, naming: BidsNaming, console: Console) -> None:
    from anofpdm.cohorts.bids.dataset import write_group_table
    from anofpdm.cohorts.documents import merge_parts, write_documents
    from anofpdm.cohorts.report import flags_of

    merged = merge_parts(root, naming)
    with merged.place.locked():
        document = write_documents(merged.place, naming, merged.cohort, merged.outcome)
        rows = merged.outcome.rows
        write_group_table(root, rows, flags_of(rows))
    console.finish({"out": str(root), **document}, cohort_summary(root, document))
    if document["counts"]["failed"] or document["counts"]["left"]:
        raise typer.Exit(IN_PART)
