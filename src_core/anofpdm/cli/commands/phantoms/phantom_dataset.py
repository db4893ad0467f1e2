"""`anofpdm phantom-dataset`: make a training dataset from synthetic subjects."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import numpy as np
import typer

from anofpdm.cli.shared import options as opt
from anofpdm.cli.shared.console import Console, with_console
from anofpdm.cli.shared.seed_range import seed_range
from anofpdm.common.progress import Pace
from anofpdm.jobs.progress import JobProgress

SeedsOption = Annotated[
    str,
    typer.Option(
        "--seeds",
        metavar="FIRST:END",
        help="Range of subject seeds, END excluded.",
    ),
]
DatasetOutOption = Annotated[
    Path,
    typer.Option("--out", metavar="DIR.zarr", help="Path of the new slice dataset."),
]
ModalityOption = Annotated[
    list[str] | None,
    typer.Option(
        "--modality",
        metavar="flair|t1|t2",
        help="A channel of the model. Repeat the option for several channels.",
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
        help="Scale by the brain's 99th percentile (volume_p99) or by its median, which lesions "
        "hardly change (volume_median).",
    ),
]
LesionOption = Annotated[
    float,
    typer.Option(
        "--lesion-mm2",
        min=0,
        help="Smallest lesion area of an unhealthy slice. Slices with a smaller lesion are "
        "labelled unknown.",
    ),
]
TwinsOption = Annotated[
    bool,
    typer.Option(
        "--twins",
        help="Also store each unhealthy training slice without its lesion, as a healthy slice. "
        "twins = true in a training configuration uses these pairs.",
    ),
]
ValidationOption = Annotated[
    float,
    typer.Option(
        "--validation-share",
        min=0,
        max=1,
        help="Share of the subjects, the first ones, that become the validation split.",
    ),
]
WorkersOption = Annotated[
    int | None,
    typer.Option(
        "--workers", min=1, help="Number of parallel processes.", show_default="one per CPU"
    ),
]


@with_console
def phantom_dataset(
    seeds: SeedsOption,
    out: DatasetOutOption,
    modality: ModalityOption = None,
    size: SizeOption = 128,
    extent_mm: ExtentOption = 208.0,
    intensity: IntensityOption = "volume_p99",
    lesion_mm2: LesionOption = 30.0,
    twins: TwinsOption = False,
    validation_share: ValidationOption = 0.06,
    workers: WorkersOption = None,
    device: opt.DeviceOption = "cpu",
    overwrite: opt.OverwriteOption = False,
    *,
    console: Console,
) -> None:
    """Generate synthetic subjects and store their labelled slices as a training dataset.

    Example: anofpdm phantom-dataset --seeds 0:440 --out slices.zarr
    """
    from anofpdm.common.device import resolve_device
    from anofpdm.common.validation import validated
    from anofpdm.datasets.store.slices import SliceDataset
    from anofpdm.scans.preprocessing_config import PreprocessingConfig
    from anofpdm.synthetic.dataset import build_phantom_dataset
    from anofpdm.synthetic.phantom import SPACING_MM, TRAINING_SEEDS_BELOW

    chosen = seed_range(seeds, "--seeds")
    config = validated(
        PreprocessingConfig,
        size=size,
        extent_mm=extent_mm,
        intensity=intensity,
        spacing_range_mm=SPACING_MM,
    )
    if chosen.stop > TRAINING_SEEDS_BELOW:
        console.warn(
            f"--seeds {seeds} includes seeds from {TRAINING_SEEDS_BELOW} on, which are reserved "
            "for tests; do not train or calibrate a model on them."
        )
    pace = Pace()
    with console.progress() as show:
        build_phantom_dataset(
            out,
            chosen,
            config,
            list(dict.fromkeys(modality or ["flair"])),
            lesion_mm2=lesion_mm2,
            twins=twins,
            validation_share=validation_share,
            workers=workers,
            device=str(resolve_device(device)),
            overwrite=overwrite,
            on_progress=lambda done, total: show(
                pace(JobProgress("Generating subjects", done, total))
            ),
        )
    dataset = SliceDataset.open(out)
    labels = dataset.read("label", np.arange(len(dataset)))
    counts = {name: int((labels == value).sum()) for name, value in _LABELS.items()}
    by_split = {f"{split}_slices": len(dataset.select(split)) for split in ("train", "val")}
    console.finish(
        {"out": str(out), "subjects": len(chosen), "slices": len(dataset), **counts, **by_split},
        f"{len(dataset)} slices of {len(chosen)} subjects in {out}: {counts['healthy']} healthy, "
        f"{counts['unhealthy']} unhealthy, {counts['unknown']} unknown (lesion too small); "
        f"{by_split['train_slices']} for training, {by_split['val_slices']} for validation.",
    )


_LABELS = {"healthy": 0, "unhealthy": 1, "unknown": -1}
