"""`anofpdm phantom-dataset`: labelled slices of many synthetic subjects, to train a model on."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Literal

import numpy as np
import typer

from anofpdm.cli.shared import options as opt
from anofpdm.cli.shared.console import Console, Tick
from anofpdm.common.errors import SettingsError

SeedsOption = Annotated[
    str,
    typer.Option(
        "--seeds",
        metavar="FIRST:END",
        help="One subject a seed, END left out; the first 6 % become the validation split.",
    ),
]
DatasetOutOption = Annotated[
    Path,
    typer.Option("--out", metavar="DIR.zarr", help="The slice dataset to make."),
]
ModalityOption = Annotated[
    list[str] | None,
    typer.Option(
        "--modality",
        metavar="flair|t1|t2",
        help="A channel of the model; repeat it for several.",
        show_default="flair",
    ),
]
SizeOption = Annotated[
    int, typer.Option("--size", min=8, max=512, help="Rows and columns of a slice, in pixels.")
]
ExtentOption = Annotated[
    float,
    typer.Option("--extent-mm", min=50, max=500, help="Side of the square field of view, in mm."),
]
IntensityOption = Annotated[
    Literal["volume_p99", "volume_median"],
    typer.Option(
        "--intensity",
        help="Scaled by the brain's 99th percentile, or by its median, which lesions hardly move.",
    ),
]
LesionOption = Annotated[
    float,
    typer.Option(
        "--lesion-mm2",
        min=0,
        help="Lesion area from which a slice is unhealthy; one with less, but some, is unknown.",
    ),
]
TwinsOption = Annotated[
    bool,
    typer.Option(
        "--twins",
        help="Store each unhealthy slice of the training split a second time, without its lesion, "
        "as a healthy one (twins = true in a training configuration uses them).",
    ),
]
WorkersOption = Annotated[
    int | None,
    typer.Option("--workers", min=1, help="Processes that draw.", show_default="one a CPU"),
]


def phantom_dataset(
    seeds: SeedsOption,
    out: DatasetOutOption,
    modality: ModalityOption = None,
    size: SizeOption = 128,
    extent_mm: ExtentOption = 208.0,
    intensity: IntensityOption = "volume_p99",
    lesion_mm2: LesionOption = 30.0,
    twins: TwinsOption = False,
    workers: WorkersOption = None,
    overwrite: opt.OverwriteOption = False,
    as_json: opt.JsonOption = False,
    quiet: opt.QuietOption = False,
    debug: opt.DebugOption = False,
) -> None:
    """Draw synthetic subjects and store their slices with slice labels, for training.

    Example: anofpdm phantom-dataset --seeds 0:440 --out slices.zarr
    """
    from anofpdm.common.validation import validated
    from anofpdm.datasets.store.slices import SliceDataset
    from anofpdm.scans.preprocessing_config import PreprocessingConfig
    from anofpdm.synthetic.dataset import build_phantom_dataset
    from anofpdm.synthetic.phantom import SPACING_MM, TRAINING_SEEDS_BELOW

    console = Console(as_json=as_json, quiet=quiet, debug=debug)
    chosen = seed_range(seeds)
    config = validated(
        PreprocessingConfig,
        size=size,
        extent_mm=extent_mm,
        intensity=intensity,
        spacing_range_mm=SPACING_MM,
    )
    if chosen.stop > TRAINING_SEEDS_BELOW:
        console.warn(
            f"--seeds {seeds} reaches past {TRAINING_SEEDS_BELOW}: those subjects are kept for "
            "tests, so train and tune no model on them."
        )
    with console.progress() as show:
        build_phantom_dataset(
            out,
            chosen,
            config,
            list(dict.fromkeys(modality or ["flair"])),
            lesion_mm2=lesion_mm2,
            twins=twins,
            workers=workers,
            overwrite=overwrite,
            on_progress=lambda done, total: show(Tick("Drawing subjects", done, total)),
        )
    dataset = SliceDataset.open(out)
    labels = dataset.read("label", np.arange(len(dataset)))
    counts = {name: int((labels == value).sum()) for name, value in _LABELS.items()}
    console.finish(
        {"out": str(out), "subjects": len(chosen), "slices": len(dataset), **counts},
        f"{len(dataset)} slices of {len(chosen)} subjects in {out}: {counts['healthy']} healthy, "
        f"{counts['unhealthy']} unhealthy, {counts['unknown']} with too little lesion to tell.",
    )


_LABELS = {"healthy": 0, "unhealthy": 1, "unknown": -1}


def seed_range(text: str) -> range:
    """Read FIRST:END.

    Raises
    ------
    SettingsError
        When it is not two whole numbers of 0 or more, the second the larger.
    """
    match = re.fullmatch(r"(\d+):(\d+)", text)
    if match is None or int(match[1]) >= int(match[2]):
        raise SettingsError(f"--seeds {text} is no range of seeds; write FIRST:END, such as 0:440.")
    return range(int(match[1]), int(match[2]))
