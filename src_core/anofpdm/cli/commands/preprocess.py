"""`anofpdm preprocess`: raw scans of one head to registered, extracted brains."""

from __future__ import annotations

import json
import time
from typing import Annotated, Any

import typer
from rich.table import Table

from anofpdm.cli.shared import options as opt
from anofpdm.cli.shared.console import Console, with_console
from anofpdm.cli.shared.facts_table import facts_table
from anofpdm.cli.shared.inputs import named_images
from anofpdm.cli.shared.option_groups.preparation import (
    PreparationOptions,
    with_preparation_options,
)
from anofpdm.results.folder import BRAIN_MASK_FILE, result_folder
from anofpdm.segmentation.image_file import ImageFile
from anofpdm.segmentation.outcome import write_brain_mask

RECORD_FILE = "preprocessing.json"

ImageOption = Annotated[
    list[str],
    typer.Option(
        "--image",
        metavar="MODALITY=FILE[:CHANNEL]",
        help="A scan and its modality, such as flair=scan.nii.gz. Repeat the option for all scans "
        "of the head; the first keeps its voxels, the others are brought onto them.",
        rich_help_panel="Input and output",
    ),
]
BrainMaskOption = Annotated[
    str | None,
    typer.Option(
        "--brain-mask",
        metavar="FILE[:CHANNEL]",
        help="A mask of the brain on the voxels of the first scan.",
        show_default="what --skull extracts",
        rich_help_panel="Input and output",
    ),
]


@with_preparation_options
@with_console
def preprocess(
    image: ImageOption,
    out: opt.OutOption,
    brain_mask: BrainMaskOption = None,
    form: opt.FormOption = None,
    keep_paths: opt.KeepPathsOption = False,
    overwrite: opt.OverwriteOption = False,
    *,
    preparation: PreparationOptions,
    console: Console,
) -> None:
    """Bring raw scans of one head onto one grid, without the skull, for the other commands.

    Example: anofpdm preprocess --image flair=flair.nii.gz --image t1=t1.nii.gz --out ready
    """
    from anofpdm.scans.volume import write_nifti

    started = time.perf_counter()
    files = named_images(image)
    mask_file = None if brain_mask is None else ImageFile.of(brain_mask)
    written = [f"{modality}.nii.gz" for modality in files]
    names = (*written, BRAIN_MASK_FILE, RECORD_FILE)
    with result_folder(out, overwrite=overwrite, names=names) as staging:
        volumes = {
            modality: file.read(modality, form=form, keep_path=keep_paths)
            for modality, file in files.items()
        }
        mask = None if mask_file is None else mask_file.read(form=form, keep_path=keep_paths)
        ready = preparation.prepare(volumes, mask, console)
        grid = next(iter(ready.volumes.values()))
        for modality, volume in ready.brains().items():
            write_nifti(staging / f"{modality}.nii.gz", volume.data, grid, "float32")
        write_brain_mask(staging, ready)
        record: dict[str, Any] = {
            "scans": {modality: volume.name for modality, volume in volumes.items()},
            "brain_mask": None if mask is None else mask.name,
            **ready.record,
            "warnings": list(console.warnings),
            "seconds": round(time.perf_counter() - started, 2),
        }
        text = json.dumps(record, indent=2, ensure_ascii=False, allow_nan=False)
        (staging / RECORD_FILE).write_text(text + "\n", encoding="utf-8")
    console.finish({"out": str(out), **record}, _summary(str(out), record))


def _summary(out: str, record: dict[str, Any]) -> Table:
    table = facts_table()
    table.add_row("Scans", ", ".join(record["scans"]))
    moved = [each["moving"] for each in record.get("registration", [])]
    table.add_row("Registered", ", ".join(moved) or "none")
    brain = record.get("brain_extraction")
    table.add_row("Brain", "as given" if brain is None else f"{brain['tool']} {brain['version']}")
    table.add_row("Bias field", "corrected (N4)" if "bias_field" in record else "as given")
    table.add_row("Time", f"{record['seconds']:.1f} s")
    table.add_row("Results", out)
    return table
