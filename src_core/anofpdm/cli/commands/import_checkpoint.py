"""`anofpdm import-checkpoint`: make a bundle from weights trained with the reference code."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from anofpdm.cli.shared.console import Console, with_console
from anofpdm.cli.shared.inputs import check_path
from anofpdm.common.atomic import claimed
from anofpdm.common.errors import CheckpointError, SettingsError

Direction = Literal["R", "L", "A", "P"]

CheckpointArgument = Annotated[
    Path,
    typer.Argument(
        metavar="CKPT.pt",
        help="The checkpoint. Only weights are loaded; no code in the file is run.",
        show_default=False,
    ),
]
NewBundleOption = Annotated[
    Path,
    typer.Option(
        "--out",
        metavar="BUNDLE",
        help="Path of the new bundle: a folder, or a file ending in .zip.",
    ),
]
HeadsOption = Annotated[
    int,
    typer.Option(
        "--heads",
        min=1,
        metavar="N",
        help="Number of attention heads; the weights do not record it.",
    ),
]
ModalitiesOption = Annotated[
    str,
    typer.Option(
        "--modalities",
        metavar="NAME,NAME,...",
        help="Modalities of the network's channels, in order, such as flair,t1,t1ce,t2.",
    ),
]
ScoredOption = Annotated[
    str | None,
    typer.Option(
        "--scored",
        metavar="NAME,...",
        help="Modalities that the anomaly map is computed from, such as flair,t2.",
        show_default="all modalities",
    ),
]
SizeOption = Annotated[
    int | None,
    typer.Option(
        "--size",
        min=8,
        max=1024,
        metavar="PIXELS",
        help="Rows and columns of the training slices, in pixels.",
        show_default="inferred from the weights",
    ),
]
RowsOption = Annotated[
    Direction,
    typer.Option("--rows", help="Patient direction in which row indices increased in training."),
]
ColumnsOption = Annotated[
    Direction,
    typer.Option(
        "--columns", help="Patient direction in which column indices increased in training."
    ),
]
SkullOption = Annotated[
    bool,
    typer.Option(
        "--brain-extracted/--with-skull",
        help="Whether the training scans were brain-extracted or had their skull.",
    ),
]


@with_console
def import_checkpoint(
    checkpoint: CheckpointArgument,
    modalities: ModalitiesOption,
    out: NewBundleOption,
    heads: HeadsOption = 4,
    scored: ScoredOption = None,
    size: SizeOption = None,
    rows: RowsOption = "L",
    columns: ColumnsOption = "P",
    brain_extracted: SkullOption = True,
    *,
    console: Console,
) -> None:
    """Import weights trained with the method's public reference code into a bundle.

    The bundle is not calibrated; run anofpdm select-guidance on it.

    Example: anofpdm import-checkpoint ema.pt --heads 4 --modalities t1 --out atlas
    """
    check_path(checkpoint, CheckpointError)  # before the import, which takes seconds

    from anofpdm.model.checkpoint_import import import_checkpoint as import_weights

    with claimed(out):
        names = _names("--modalities", modalities)
        model = import_weights(
            checkpoint,
            modalities=names,
            scored=names if scored is None else _names("--scored", scored),
            heads=heads,
            image_size=size,
            rows=rows,
            columns=columns,
            brain_extracted=brain_extracted,
        ).save(out)
    metadata = model.metadata
    if (taken := metadata.training.get("unwrapped")) is not None:
        console.note(f"{checkpoint} is not a plain state dict: {taken}.")
    console.finish(
        {"out": str(out), "hash": model.hash, "metadata": metadata.model_dump(mode="json")},
        f"Imported {checkpoint} into {out}: reads {', '.join(metadata.modalities)}, scores "
        f"{', '.join(metadata.scored)}. Calibrate it with anofpdm select-guidance.",
    )


def _names(option: str, text: str) -> tuple[str, ...]:
    names = tuple(name.strip().lower() for name in text.split(","))
    if not all(names):
        raise SettingsError(f"{option} {text!r} contains an empty name; write it as flair,t2.")
    return names
