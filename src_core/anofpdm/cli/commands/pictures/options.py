"""What `figure` and `cine` share: the volumes that are shown, and how."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from anofpdm.cli.shared.option_sets import with_shared_options
from anofpdm.common.errors import SettingsError
from anofpdm.segmentation.image_file import ImageFile

if TYPE_CHECKING:
    from anofpdm.results.pictures.columns import Column
    from anofpdm.results.pictures.content import Content
    from anofpdm.results.pictures.figures.options import FigureOptions
    from anofpdm.results.pictures.stored import StoredResults
    from anofpdm.scans.volume import Volume

_SHOWN, _LOOK = "What is shown", "Look"
_FILE = "FILE[:CHANNEL]"

ResultsArgument = Annotated[
    Path,
    typer.Argument(
        metavar="RESULTS",
        help="A folder that `anofpdm segment`, `anofpdm interpret` or the viewer wrote.",
        show_default=False,
    ),
]
OverwriteOption = Annotated[
    bool, typer.Option("--overwrite", help="Replace the file if it exists.")
]
COLUMNS_HELP = (
    "What stands side by side for each slice: scan, map, mask, healthy, reference, or several in "
    "one picture, as in map+mask. healthy is the healthy prediction at the end step, from a stored "
    "analysis; strong guidance exaggerates it."
)
_Ground = Literal["white", "black"]


@dataclass(frozen=True)
class PictureOptions:
    """Options of figures and films."""

    scan: Annotated[
        str | None,
        typer.Option(
            "--scan",
            metavar=_FILE,
            help="The scan that was segmented.",
            show_default="the scan in the stored analysis",
            rich_help_panel=_SHOWN,
        ),
    ] = None
    analysis: Annotated[
        Path | None,
        typer.Option(
            "--analysis",
            metavar="ANALYSIS",
            help="The stored analysis that the results are of.",
            show_default="analysis.anofpdm.zarr in RESULTS, written with --keep-analysis",
            rich_help_panel=_SHOWN,
        ),
    ] = None
    mask: Annotated[
        str | None,
        typer.Option(
            "--mask",
            metavar=_FILE,
            help="A mask to show in place of mask.nii.gz, such as a corrected one.",
            show_default="mask.nii.gz in RESULTS",
            rich_help_panel=_SHOWN,
        ),
    ] = None
    reference: Annotated[
        str | None,
        typer.Option(
            "--reference",
            metavar=_FILE,
            help="A known lesion, on the voxels of the scan; drawn where a column names it.",
            rich_help_panel=_SHOWN,
        ),
    ] = None
    title: Annotated[
        str | None,
        typer.Option(
            "--title",
            metavar="TEXT",
            help="The title; an empty one ('') leaves it out.",
            show_default="name of the scan, volume and number of lesions",
            rich_help_panel=_LOOK,
        ),
    ] = None
    ground: Annotated[
        _Ground,
        typer.Option("--ground", help="Colour of the page.", rich_help_panel=_LOOK),
    ] = "white"
    font_size: Annotated[
        float,
        typer.Option(
            "--font-size", metavar="POINTS", help="Size of the text.", rich_help_panel=_LOOK
        ),
    ] = 7.0
    window: Annotated[
        str | None,
        typer.Option(
            "--window",
            metavar="LOW,HIGH",
            help="Values of the scan that are black and white.",
            show_default="0 and the 99.5th percentile",
            rich_help_panel=_LOOK,
        ),
    ] = None
    map_max: Annotated[
        float | None,
        typer.Option(
            "--map-max",
            metavar="V",
            help="Value of the anomaly map with the last colour.",
            show_default="the 99.8th percentile, or the threshold",
            rich_help_panel=_LOOK,
        ),
    ] = None

    def stored(self, results: Path) -> StoredResults:
        """Open the results."""
        from anofpdm.common.user_path import user_path
        from anofpdm.results.pictures.stored import StoredResults

        analysis = None if self.analysis is None else user_path(self.analysis)
        return StoredResults.open(user_path(results), analysis)

    def content(self, stored: StoredResults, columns: Sequence[Column]) -> Content:
        """Read what the columns show.

        Raises
        ------
        SettingsError
            When no column draws the reference that was given, or the map of `map_max`.
        """
        if self.map_max is not None and columns and not any(column.map for column in columns):
            raise SettingsError(
                f"No column draws the map of --map-max {self.map_max:g}: give a column map, or one "
                "with it, such as --columns scan,map+mask."
            )
        if self.reference is not None and not any(column.reference for column in columns):
            raise SettingsError(
                f"No column draws the reference {self.reference}: give a column reference, or one "
                "with it, such as --columns scan,mask+reference."
                if columns
                else "A film through the steps draws no reference; leave out --reference, or use "
                "--through slices with --columns scan,mask+reference."
            )

        def read(text: str | None) -> Volume | None:
            return None if text is None else ImageFile.of(text).read()

        return stored.content(
            scan=read(self.scan),
            mask=read(self.mask),
            reference=read(self.reference),
            healthy=any(column.ground == "healthy" for column in columns),
        )

    def figure_options(self, **more: Any) -> FigureOptions:
        """Return the options of a figure; `more` are those that the commands do not share."""
        from anofpdm.results.pictures.figures.options import FigureOptions

        return FigureOptions(
            ground=self.ground,
            title=self.title,
            font_size=self.font_size,
            window=None if self.window is None else _range(self.window),
            map_max=self.map_max,
            **more,
        )


def with_picture_options(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command, in place of its keyword `picture`, the options of `PictureOptions`."""
    return with_shared_options(command, "picture", PictureOptions, lambda options, given: options)


def columns_of(text: str) -> tuple[Column, ...]:
    """Read the columns, separated by commas."""
    from anofpdm.results.pictures.columns import Column

    return tuple(Column.of(part) for part in text.split(","))


def _range(text: str) -> tuple[float, float]:
    try:
        low, high = (float(part) for part in text.split(","))
    except ValueError:
        raise SettingsError(f"--window takes LOW,HIGH, as in 0,300; got '{text}'.") from None
    return low, high
