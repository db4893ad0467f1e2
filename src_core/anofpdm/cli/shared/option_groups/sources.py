"""Options that choose scans with known lesions, shared by the commands of evaluation."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal, NamedTuple, Self

import typer

from anofpdm.cli.shared import options as opt
from anofpdm.cli.shared.console import Console
from anofpdm.cli.shared.entities import parsed_entities
from anofpdm.cli.shared.option_sets import with_shared_options
from anofpdm.cli.shared.seed_range import seed_range
from anofpdm.common.errors import DatasetError, SettingsError
from anofpdm.common.user_path import user_path
from anofpdm.datasets.layouts import Layout

if TYPE_CHECKING:
    from anofpdm.evaluation.scan_cases import KnownScanCase, ScanCase
    from anofpdm.evaluation.skipped import SkippedScan

_CASES = "Scans with known lesions"
Split = Literal["train", "val", "test"]

SourceOption = Annotated[
    Path | None,
    typer.Option(
        "--source",
        metavar="FOLDER|CSV",
        help="A folder of scans with lesion masks, or the CSV file of the layout table.",
        show_default=False,
        rich_help_panel=_CASES,
    ),
]
LayoutOption = Annotated[
    Layout | None,
    typer.Option(
        "--layout",
        help="Layout of --source, as in anofpdm prepare.",
        show_default="table for a CSV file",
        rich_help_panel=_CASES,
    ),
]
MatchOption = Annotated[
    list[str] | None,
    typer.Option(
        "--match",
        metavar="KEY=VALUE",
        help="For the layout bids: an entity that a scan's name must have, such as run=1. "
        "Repeatable.",
        rich_help_panel=_CASES,
    ),
]
PhantomsOption = Annotated[
    str | None,
    typer.Option(
        "--phantoms",
        metavar="FIRST:END",
        help="Synthetic subjects in place of --source: a range of seeds, END excluded. Bundled "
        "models were not trained on 500000 and above.",
        show_default=False,
        rich_help_panel=_CASES,
    ),
]

DatasetOption = Annotated[
    Path | None,
    typer.Option(
        "--dataset",
        metavar="DIR.zarr",
        help="A slice dataset with lesion masks in place of --source: it is scored slice by slice "
        "on the network's grid, as in the paper.",
        show_default=False,
        rich_help_panel=_CASES,
    ),
]
SplitOption = Annotated[
    Split,
    typer.Option("--split", help="Split of --dataset.", rich_help_panel=_CASES),
]


class ChosenCases(NamedTuple):
    """The scans to work on.

    Attributes
    ----------
    cases : tuple of KnownScanCase
    skipped : tuple of SkippedScan
        Scans that were left out, each with a warning.
    """

    cases: tuple[KnownScanCase, ...]
    skipped: tuple[SkippedScan, ...] = ()


@dataclass(frozen=True)
class SourceOptions:
    """What a user gave of these options; None means not given."""

    _ways: ClassVar[str] = "--source or by --phantoms"

    source: SourceOption = None
    layout: LayoutOption = None
    match: MatchOption = None
    phantoms: PhantomsOption = None
    form: opt.FormOption = None

    def check_existence(self) -> None:
        """Check that what was chosen is there, before what takes seconds to import.

        Raises
        ------
        DatasetError
            When it is not.
        """
        if self.source is None or self.phantoms is not None:
            return
        if not user_path(self.source).exists():
            raise DatasetError(f"{self.source} does not exist; check the path.")

    def cases(self, modalities: tuple[str, ...], console: Console) -> ChosenCases:
        """List the cases, with a warning for each that is left out.

        Parameters
        ----------
        modalities : tuple of str
            What each scan must have.
        console : Console
            For the warnings.

        Raises
        ------
        AnofpdmError
            When not exactly one source is given, or it holds no scan with a lesion mask.
        """
        from anofpdm.evaluation.scan_cases import PhantomCase

        if (self.source is None) == (self.phantoms is None):
            given = "two were given" if self.source is not None else "none was given"
            raise SettingsError(f"Choose the scans by {self._ways}; {given}.")
        if self.phantoms is not None:
            seeds = seed_range(self.phantoms, "--phantoms")
            return ChosenCases(tuple(PhantomCase(seed, modalities) for seed in seeds))
        return self._file_cases(modalities, console)

    @property
    def words(self) -> str:
        """What was chosen, for a report, without folders."""
        if self.source is not None:
            return self.source.name
        return f"phantoms {self.phantoms}"

    def _file_cases(self, modalities: tuple[str, ...], console: Console) -> ChosenCases:
        from anofpdm.common.validation import validated
        from anofpdm.datasets.preparation.config import PrepareConfig
        from anofpdm.datasets.preparation.listing import list_cases
        from anofpdm.evaluation.scan_cases import file_cases

        assert self.source is not None
        layout = self.layout
        if layout is None and self.source.suffix.lower() == ".csv":
            layout = "table"
        if layout is None:
            raise SettingsError(
                f"--source {self.source} needs its --layout: brats, atlas, bids or table."
            )
        config = validated(
            PrepareConfig,
            source=self.source,
            layout=layout,
            modalities=modalities,
            match=parsed_entities(self.match or ()),
            form=self.form,
        )
        listing = list_cases(config)
        for warning in (*listing.not_read, *listing.warnings):
            console.warn(warning)
        cases, skipped = file_cases(listing.cases, config.recipe)
        for one in skipped:
            console.warn(one.words)
        return ChosenCases(cases, tuple(skipped))


@dataclass(frozen=True)
class EvaluationSourceOptions(SourceOptions):
    """The same, and a slice dataset in their place."""

    _ways: ClassVar[str] = "--source, --phantoms or --dataset"

    dataset: DatasetOption = None
    split: SplitOption = "test"

    def check_existence(self) -> None:
        """Check the same, and the dataset."""
        super().check_existence()
        if self.dataset is not None and not user_path(self.dataset).exists():
            raise DatasetError(f"{self.dataset} does not exist; check the path.")

    def absolute(self) -> Self:
        """Return the same by absolute paths."""
        return replace(
            self,
            source=self.source and user_path(self.source).absolute(),
            dataset=self.dataset and user_path(self.dataset).absolute(),
        )

    def all_cases(
        self, modalities: tuple[str, ...], console: Console
    ) -> tuple[tuple[ScanCase, ...], tuple[SkippedScan, ...]]:
        """List the cases, and those that were left out, each with a warning.

        Raises
        ------
        AnofpdmError
            As `cases`; for a dataset, when it is none or lacks lesion masks.
        """
        if self.dataset is None:
            chosen = self.cases(modalities, console)
            return chosen.cases, chosen.skipped
        from anofpdm.evaluation.dataset_cases import dataset_cases

        if self.source is not None or self.phantoms is not None:
            raise SettingsError(
                "--dataset cannot be combined with --source or --phantoms; choose one of them."
            )
        return dataset_cases(self.dataset, self.split), ()

    @property
    def words(self) -> str:
        """What was chosen, for a report, without folders."""
        if self.dataset is not None:
            return f"{self.dataset.name}, split {self.split}"
        return super().words


def with_evaluation_sources(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command, in place of `sources`, the options of `EvaluationSourceOptions`."""
    return with_shared_options(
        command, "sources", EvaluationSourceOptions, lambda sources, given: sources
    )


def with_source_options(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command, in place of its keyword `sources`, the options of `SourceOptions`."""
    return with_shared_options(command, "sources", SourceOptions, lambda sources, given: sources)
