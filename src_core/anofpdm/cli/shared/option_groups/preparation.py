"""The options that prepare raw scans for a model, as one value, and what they do."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from anofpdm.cli.shared.console import Console
from anofpdm.cli.shared.option_sets import with_shared_options
from anofpdm.preprocessing.skull.tool import Skull

if TYPE_CHECKING:
    from anofpdm.preprocessing.chain import ChainSettings, PreparedScans
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


RegisterOption = Annotated[
    Literal["auto", "always", "off"],
    typer.Option(
        "--register",
        help="auto registers scans whose voxels differ from those of the first --image rigidly "
        "onto it; always registers all; off refuses other voxels. Needs SimpleITK (extra formats).",
        rich_help_panel=_PREPARATION,
    ),
]
BiasFieldOption = Annotated[
    Literal["keep", "n4"],
    typer.Option(
        "--bias-field",
        help="n4 corrects slow changes of brightness across the brain. Needs SimpleITK (extra "
        "formats).",
        rich_help_panel=_PREPARATION,
    ),
]


@dataclass(frozen=True)
class PreparationOptions:
    """What a user gave of these options."""

    skull: SkullOption = "auto"
    skull_margin_mm: SkullMarginOption = 0.0
    register: RegisterOption = "auto"
    bias_field: BiasFieldOption = "keep"

    def prepare(
        self,
        volumes: Mapping[str, Volume],
        brain_mask: Volume | None,
        console: Console,
    ) -> PreparedScans:
        """Register the scans and extract the brain where it is asked for or needed; correct them.

        Parameters
        ----------
        volumes : mapping of str to Volume
            The scans by modality; the first keeps its voxels.
        brain_mask : Volume or None
            The user's own.
        console : Console
            Told what was done.

        Raises
        ------
        AnofpdmError
            See `prepare_scans`.
        """
        from anofpdm.preprocessing.chain import prepare_scans

        return prepare_scans(
            volumes,
            self.chain(),
            brain_mask=brain_mask,
            note=console.note,
            warn=console.warn,
        )

    def chain(self) -> ChainSettings:
        """Return what the options ask for."""
        from anofpdm.preprocessing.chain import ChainSettings

        return ChainSettings(
            skull=self.skull,
            margin_mm=self.skull_margin_mm,
            register=self.register,
            bias_field=self.bias_field,
        )


def with_preparation_options(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command, in place of its keyword `preparation`, those of `PreparationOptions`."""
    return with_shared_options(
        command, "preparation", PreparationOptions, lambda options, given: options
    )
