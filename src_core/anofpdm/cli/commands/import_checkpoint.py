"""`anofpdm import-checkpoint`: a bundle from weights of the method's public reference code."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from anofpdm.cli.shared import options as opt
from anofpdm.cli.shared.console import Console
from anofpdm.cli.shared.inputs import check_new_path
from anofpdm.common.errors import SettingsError

Direction = Literal["R", "L", "A", "P"]

CheckpointArgument = Annotated[
    Path,
    typer.Argument(
        metavar="CKPT.pt",
        help="The checkpoint; it is loaded as weights only, no code in it is run.",
        show_default=False,
    ),
]
NewBundleOption = Annotated[
    Path,
    typer.Option(
        "--out",
        metavar="BUNDLE",
        help="Where the bundle goes: a new folder, or one file ending in .zip.",
    ),
]
HeadsOption = Annotated[
    int,
    typer.Option(
        "--heads",
        min=1,
        metavar="N",
        help="Attention heads, which the weights' shapes do not tell.",
    ),
]
ModalitiesOption = Annotated[
    str,
    typer.Option(
        "--modalities",
        metavar="NAME,NAME,...",
        help="What the network's channels are, in order, such as flair,t1,t1ce,t2.",
    ),
]
ScoredOption = Annotated[
    str | None,
    typer.Option(
        "--scored",
        metavar="NAME,...",
        help="The modalities whose anomaly maps are read, such as flair,t2.",
        show_default="all of them",
    ),
]
SizeOption = Annotated[
    int | None,
    typer.Option(
        "--size",
        min=8,
        max=1024,
        metavar="PIXELS",
        help="Rows and columns of the training slices.",
        show_default="what the weights imply",
    ),
]
RowsOption = Annotated[
    Direction,
    typer.Option("--rows", help="Toward which side of the patient the row index grew in training."),
]
ColumnsOption = Annotated[
    Direction,
    typer.Option("--columns", help="The same for the column index; left-right or front-back."),
]
SkullOption = Annotated[
    bool,
    typer.Option(
        "--brain-extracted/--with-skull", help="Whether it was trained on brains without skull."
    ),
]


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
    as_json: opt.JsonOption = False,
    quiet: opt.QuietOption = False,
    debug: opt.DebugOption = False,
) -> None:
    """Make a bundle of weights trained with the method's public reference code.

    The bundle is not calibrated: run anofpdm select-guidance on it.

    Example: anofpdm import-checkpoint ema.pt --heads 4 --modalities t1 --out atlas
    """
    from anofpdm.model.checkpoint_import import import_checkpoint as import_weights

    console = Console(as_json=as_json, quiet=quiet, debug=debug)
    check_new_path(out)
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
    console.finish(
        {"out": str(out), "hash": model.hash, "metadata": metadata.model_dump(mode="json")},
        f"Imported {checkpoint} into {out}: reads {', '.join(metadata.modalities)}, scores "
        f"{', '.join(metadata.scored)}. It is not calibrated yet: anofpdm select-guidance does it.",
    )


def _names(option: str, text: str) -> tuple[str, ...]:
    names = tuple(name.strip().lower() for name in text.split(","))
    if not all(names):
        raise SettingsError(f"{option} {text!r} holds an empty name; write it as flair,t2.")
    return names
