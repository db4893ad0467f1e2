"""Options that choose scans with known lesions, shared by the commands of evaluation."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NamedTuple

import typer

from anofpdm.cli.shared import options as opt
from anofpdm.cli.shared.console import Console
from anofpdm.cli.shared.option_sets import with_shared_options
from anofpdm.cli.shared.seed_range import seed_range
from anofpdm.common.errors import SettingsError
from anofpdm.datasets.layouts import Layout

if TYPE_CHECKING:
    from anofpdm.evaluation.scan_cases import ScanCase

_CASES = "Scans with known lesions"

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


class ChosenCases(NamedTuple):
    """The scans to work on.

    Attributes
    ----------
    cases : tuple of ScanCase
    skipped : int
        Number of scans that were left out, each with a warning.
    """

    cases: tuple[ScanCase, ...]
    skipped: int = 0


@dataclass(frozen=True)
class SourceOptions:
    """What a user gave of these options; None means not given."""

    source: SourceOption = None
    layout: LayoutOption = None
    phantoms: PhantomsOption = None
    form: opt.FormOption = None

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
            given = "both were given" if self.source is not None else "neither was given"
            raise SettingsError(f"Choose the scans by --source or by --phantoms; {given}.")
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
            PrepareConfig, source=self.source, layout=layout, modalities=modalities, form=self.form
        )
        listing = list_cases(config)
        for warning in (*listing.not_read, *listing.warnings):
            console.warn(warning)
        cases, skipped = file_cases(listing.cases, config.recipe)
        for sentence in skipped:
            console.warn(sentence)
        return ChosenCases(cases, len(skipped))


def with_source_options(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command, in place of its keyword `sources`, the options of `SourceOptions`."""
    return with_shared_options(command, "sources", SourceOptions, lambda sources, given: sources)
