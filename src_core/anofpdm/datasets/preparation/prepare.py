"""From scans on disk to a slice dataset: found, preprocessed, labelled, split by patient."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Final

from anofpdm.common.atomic import AtomicTarget
from anofpdm.common.errors import DatasetError, OutputError
from anofpdm.datasets.case import Case
from anofpdm.datasets.preparation.config import PrepareConfig
from anofpdm.datasets.preparation.contact_sheet import save_contact_sheet
from anofpdm.datasets.preparation.file_names import names_only
from anofpdm.datasets.preparation.listing import Listing, list_cases
from anofpdm.datasets.preparation.parts import PartStore, PartSummary, part_key
from anofpdm.datasets.preparation.subject import AS_THEY_ARE
from anofpdm.datasets.preparation.summary import Prepared, Skipped, described
from anofpdm.datasets.preparation.workers import PartRequest, make_parts
from anofpdm.datasets.split import Kind, split_patients
from anofpdm.datasets.store.attributes import Split
from anofpdm.datasets.store.slices import SliceDataset
from anofpdm.datasets.store.writer import check_replaceable

CONTACT_SHEET: Final = "contact_sheet.png"
REPORT: Final = "prepared.json"

OnProgress = Callable[[str, int, int], None]


def prepare(
    config: PrepareConfig,
    out: str | Path,
    *,
    workers: int | None = None,
    scheduler: str | None = None,
    overwrite: bool = False,
    on_listed: Callable[[Listing], None] | None = None,
    on_progress: OnProgress | None = None,
) -> Prepared:
    """Make a slice dataset of the scans that `config` names.

    Finished subjects are kept in `OUT.parts` until the dataset is whole. After a stop of any kind
    the same call continues from there; subjects whose files, labels or settings have changed are
    made again. The dataset appears whole or not at all.

    Parameters
    ----------
    config : PrepareConfig
        What to make it of.
    out : str or Path
        The dataset's folder, customarily `NAME.zarr`.
    workers : int, optional
        Processes; one a CPU by default.
    scheduler : str, optional
        Address of a Dask scheduler, whose workers take the place of processes. They see the paths
        of `config` and `out` under the same names.
    overwrite : bool
        Replace an existing dataset at `out`.
    on_listed : callable, optional
        Told the cases before the first is read, with those that will be skipped and why.
    on_progress : callable, optional
        Told the stage, how many are done, and how many there are.

    Raises
    ------
    DatasetError
        When no case is found, none can be used, or none is labelled.
    OutputError
        When `out` exists, or is to be overwritten and is no dataset, cannot be written, or another
        process is making it.
    """
    out, config = Path(out), config.complete()
    show = on_progress or (lambda stage, done, total: None)
    listing = list_cases(config)
    if overwrite:
        check_replaceable(out)
    with (
        AtomicTarget(out, overwrite=overwrite) as target,
        PartStore.locked(out) as store,
    ):
        if on_listed is not None:
            on_listed(listing)
        summaries, skipped = _finished_parts(listing, config, store, workers, scheduler, show)
        _check_labelled(summaries, config, listing, skipped)
        splits = listing.splits or _drawn_splits(listing.cases, summaries, config)
        _assemble(target.path, config, listing, store, summaries, splits, show)
        dataset = SliceDataset.open(target.path)
        wanted = [] if listing.splits else [s for s, share in config.share_of.items() if share]
        prepared = described(dataset, out, listing.cases, summaries, skipped, store.folder, wanted)
        prepared = replace(
            prepared,
            warnings=(*listing.warnings, *prepared.warnings),
            left_alone=listing.left_alone,
        )
        _add_report(dataset, prepared)
        target.commit()
        if prepared.parts is None:
            store.remove()
    return prepared


def _finished_parts(
    listing: Listing,
    config: PrepareConfig,
    store: PartStore,
    workers: int | None,
    scheduler: str | None,
    show: OnProgress,
) -> tuple[dict[str, PartSummary], list[Skipped]]:
    """Make the parts that are not there yet; give the summaries of all."""
    reasons = {case.subject: case.problem for case in listing.cases if case.problem}
    keys, requests = {}, []
    for case in listing.cases:
        if case.problem:
            continue
        try:
            key = keys[case.subject] = part_key(case, config.recipe)
        except DatasetError as error:
            reasons[case.subject] = str(error)
            continue
        found = store.summary(case.subject)
        if found is None or found.key != key:
            requests.append(PartRequest(case, config.recipe, store.folder, key))
    done, total = len(keys) - len(requests), len(keys)

    def advance() -> None:
        nonlocal done
        done += 1
        show("Preparing subjects", done, total)

    reasons |= make_parts(requests, workers, advance, scheduler)
    summaries = {}
    for subject, key in keys.items():
        summary = store.summary(subject)
        if subject not in reasons and summary is not None and summary.key == key:
            summaries[subject] = summary
    if not summaries:
        subject, reason = next(iter(reasons.items()))
        raise DatasetError(
            f"None of the {len(listing.cases)} subjects can be used; of {subject}: {reason}"
        )
    cases = {case.subject: case for case in listing.cases}
    return summaries, [
        Skipped(subject, names_only(reason, config, [cases[subject]]))
        for subject, reason in sorted(reasons.items())
    ]


def _check_labelled(
    summaries: Mapping[str, PartSummary],
    config: PrepareConfig,
    listing: Listing,
    skipped: Sequence[Skipped],
) -> None:
    if any(s.healthy + s.unhealthy for s in summaries.values()):
        return
    causes = [*listing.not_read, *listing.warnings]
    if skipped:
        causes.append(f"Skipped ({len(skipped)}), {skipped[0].subject}: {skipped[0].reason}")
    known = f" What may be the cause: {' '.join(causes)}" if causes else ""
    raise DatasetError(
        f"No slice of {config.source} is labelled: the subjects that can be used "
        f"({len(summaries)}) have neither a mask nor a label; add a CSV of labels with "
        f"--labels.{known}"
    )


def _drawn_splits(
    cases: Iterable[Case], summaries: Mapping[str, PartSummary], config: PrepareConfig
) -> dict[str, Split]:
    kinds: dict[str, Kind] = {}
    patient_of = {case.subject: case.patient for case in cases if case.subject in summaries}
    for subject, patient in patient_of.items():
        kinds[patient] = _graver(kinds.get(patient, "healthy"), _kind(summaries[subject]))
    drawn = split_patients(kinds, config.shares, config.seed)
    return {subject: drawn[patient] for subject, patient in patient_of.items()}


def _kind(summary: PartSummary) -> Kind:
    if summary.unhealthy:
        return "unhealthy"
    return "unknown" if summary.unknown else "healthy"


def _graver(first: Kind, second: Kind) -> Kind:
    order: tuple[Kind, ...] = ("healthy", "unknown", "unhealthy")
    return max(first, second, key=order.index)


def _assemble(
    staged: Path,
    config: PrepareConfig,
    listing: Listing,
    store: PartStore,
    summaries: Mapping[str, PartSummary],
    splits: Mapping[str, Split],
    show: OnProgress,
) -> None:
    """Write the dataset subject by subject."""
    spacings = [round(summary.spacing_mm, 3) for summary in summaries.values()]
    preprocessing = config.preprocessing.model_copy(
        update={"spacing_range_mm": (min(spacings), max(spacings))}
    )
    with SliceDataset.create(
        staged,
        modalities=config.modalities,
        scored=config.scored,
        preprocessing=preprocessing.model_dump(mode="json"),
        # No path and no name: trained bundles inherit this text.
        provenance={
            "layout": config.layout,
            "lesion_mm2": config.lesion_mm2,
            "shares": None if listing.splits else list(config.shares),
            "seed": None if listing.splits else config.seed,
            **({} if config.chain == AS_THEY_ARE else {"preparation": asdict(config.chain)}),
        },
    ) as writer:
        for done, subject in enumerate(summaries, start=1):
            part = store.load(subject)
            writer.append(
                part.images,
                part.labels,
                subject=subject,
                split=splits[subject],
                slice_ids=part.slice_ids,
                foreground=part.foreground,
                truth=part.truth,
            )
            show("Writing the dataset", done, len(summaries))


def _add_report(dataset: SliceDataset, prepared: Prepared) -> None:
    """Add picture and report to a dataset."""
    try:
        save_contact_sheet(dataset, dataset.path / CONTACT_SHEET)
        text = json.dumps(prepared.report, indent=2)
        (dataset.path / REPORT).write_text(text + "\n", encoding="utf-8")
    except OSError as error:
        raise OutputError(f"{prepared.path} cannot be written ({error.strerror}).") from error
