"""The options that prepare raw scans for a model, as one value, and what they do."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from anofpdm.cli.shared.console import Console
from anofpdm.cli.shared.option_sets import with_shared_options
from anofpdm.common.errors import SettingsError
from anofpdm.preprocessing.skull.tool import Skull
from anofpdm.results.folder import BRAIN_MASK_FILE

if TYPE_CHECKING:
    from anofpdm.scans.preprocessing_config import PreprocessingConfig
    from anofpdm.scans.volume import Volume

_PREPARATION = "Preparation of raw scans"

SkullOption = Annotated[
    Skull,
    typer.Option(
        "--skull",
        help="auto extracts the brain where a scan looks unstripped; deepbet, hd-bet or synthstrip "
        "extracts it with that tool; keep never does. deepbet comes with the extra skull and was "
        "published for T1 of healthy adults; HD-BET and SynthStrip must be installed.",
        rich_help_panel=_PREPARATION,
    ),
]
SkullMarginOption = Annotated[
    float,
    typer.Option(
        "--skull-margin-mm",
        min=-30,
        max=30,
        metavar="MM",
        help="Grow the extracted brain mask by this distance; a negative one shrinks it.",
        rich_help_panel=_PREPARATION,
    ),
]


@dataclass(frozen=True)
class PreparedScans:
    """Scans that a model can read.

    Attributes
    ----------
    volumes : dict of str to Volume
    brain_mask : Volume or None
    record : dict
        What was done, as JSON values.
    extracted : bool
        Whether the mask was made here.
    """

    volumes: dict[str, Volume]
    brain_mask: Volume | None = None
    record: dict[str, Any] = field(default_factory=dict)
    extracted: bool = False

    def write(self, folder: Path) -> None:
        """Write the brain mask into a result folder, if it was made here."""
        if not self.extracted or self.brain_mask is None:
            return
        from anofpdm.scans.volume import write_nifti

        mask = self.brain_mask
        write_nifti(folder / BRAIN_MASK_FILE, mask.data, mask, "uint8")


@dataclass(frozen=True)
class PreparationOptions:
    """What a user gave of these options."""

    skull: SkullOption = "auto"
    skull_margin_mm: SkullMarginOption = 0.0

    def prepare(
        self,
        volumes: Mapping[str, Volume],
        brain_mask: Volume | None,
        config: PreprocessingConfig,
        console: Console,
    ) -> PreparedScans:
        """Extract the brain where it is asked for or needed.

        Parameters
        ----------
        volumes : mapping of str to Volume
            The scans by modality, in the model's order.
        brain_mask : Volume or None
            The user's own.
        config : PreprocessingConfig
            The model's; one trained with the skull keeps it.
        console : Console
            Told what was done.

        Raises
        ------
        SettingsError
            When a brain mask and a tool are both given, or the tool is not installed.
        """
        scans = dict(volumes)
        if brain_mask is not None:
            if self.skull not in ("auto", "keep"):
                raise SettingsError(
                    f"--brain-mask and --skull {self.skull} cannot be combined; use one of them."
                )
            return PreparedScans(scans, brain_mask)
        if self.skull == "auto" and not config.brain_extracted:
            return PreparedScans(scans)
        from anofpdm.preprocessing.skull.extraction import brain_where_needed

        found = brain_where_needed(
            tuple(scans.values()), self.skull, margin_mm=self.skull_margin_mm, warn=console.warn
        )
        if found is None:
            return PreparedScans(scans)
        console.note(found.sentence)
        if found.warning is not None:
            console.warn(found.warning)
        record = {"brain_extraction": found.record}
        return PreparedScans(scans, found.mask, record, extracted=True)


def with_preparation_options(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command, in place of its keyword `preparation`, those of `PreparationOptions`."""
    return with_shared_options(
        command, "preparation", PreparationOptions, lambda options, given: options
    )
