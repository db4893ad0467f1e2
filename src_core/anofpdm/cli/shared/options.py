"""Options that several commands share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from anofpdm.method.calibration import Polarity, Process, Region
from anofpdm.method.settings import Sam
from anofpdm.model.precision import Precision
from anofpdm.scans.files.header_form import Form

_FILES = "Input and output"
_NETWORK = "Network"
READING = "Reading the result (no network needed)"
_TALK = "Messages"

BundleOption = Annotated[
    str,
    typer.Option(
        "--bundle",
        metavar="NAME|PATH",
        help="The model: a name from `anofpdm bundle list`, or the path of a bundle.",
        rich_help_panel=_FILES,
    ),
]
OutOption = Annotated[
    Path,
    typer.Option(
        "--out",
        metavar="DIR",
        help="Folder for the results. It appears only when the command has succeeded.",
        rich_help_panel=_FILES,
    ),
]
RegionsOption = Annotated[
    bool,
    typer.Option(
        "--regions",
        help="Name the lobe or region near each lesion in the table and the report. Approximate: "
        "by an affine to the ICBM152 template. Needs SimpleITK and some 10 seconds.",
        rich_help_panel="Input and output",
    ),
]
OverwriteOption = Annotated[
    bool,
    typer.Option(
        "--overwrite",
        help="Replace existing results in the output folder; other files there are kept.",
        rich_help_panel=_FILES,
    ),
]

FormOption = Annotated[
    Form | None,
    typer.Option(
        "--form",
        help="Which form of a NIfTI header places the voxels, where both are there and disagree.",
        show_default="the sform where its code is set, else the qform",
        rich_help_panel=_FILES,
    ),
]
KeepPathsOption = Annotated[
    bool,
    typer.Option(
        "--keep-paths",
        help="Name files with their folders in reports and warnings; a folder may name a patient.",
        rich_help_panel=_FILES,
    ),
]

FusedMapOption = Annotated[
    bool,
    typer.Option(
        "--fused-map",
        help="Also write fused_map.nii.gz: the anomaly map times the smoothed scan. It ranks "
        "voxels; the mask does not depend on it.",
        rich_help_panel=_FILES,
    ),
]
NrrdOption = Annotated[
    bool,
    typer.Option(
        "--nrrd",
        help="Also write mask.nrrd and anomaly_map.nrrd.",
        rich_help_panel=_FILES,
    ),
]
DeidentifyOption = Annotated[
    bool,
    typer.Option(
        "--deidentify",
        help="Leave the patient's name, identifiers, dates and UIDs out of DICOM results (PS3.15 "
        "Basic Profile); they no longer refer to the series of the scan.",
        rich_help_panel=_FILES,
    ),
]

ProcessOption = Annotated[
    Process | None,
    typer.Option(
        "--process",
        help="Forward process: ddim is deterministic, ddpm draws fresh noise at each step.",
        show_default="as calibrated, otherwise ddim",
        rich_help_panel=_NETWORK,
    ),
]
StepsOption = Annotated[
    int | None,
    typer.Option(
        "--steps",
        min=1,
        max=1000,
        metavar="N",
        help="Number of noise levels to analyse, spread evenly over 1..t-max; 20 to 30 are enough.",
        show_default="as calibrated, otherwise 30",
        rich_help_panel=_NETWORK,
    ),
]
TMaxOption = Annotated[
    int | None,
    typer.Option(
        "--t-max",
        min=1,
        max=1000,
        metavar="T",
        help="Last (strongest) noise level, in steps of the schedule.",
        show_default="as calibrated, otherwise 600",
        rich_help_panel=_NETWORK,
    ),
]
DeviceOption = Annotated[
    str,
    typer.Option(
        "--device",
        metavar="auto|cpu|cuda|mps",
        help="Device for the network; auto uses CUDA if available, then Apple MPS, then the CPU.",
        rich_help_panel=_NETWORK,
    ),
]
PrecisionOption = Annotated[
    Precision,
    typer.Option(
        "--precision",
        help="Number format of the network's computation; auto uses float16 on NVIDIA GPUs (from "
        "compute capability 7.0), bfloat16 on CPUs with matrix units for it (amx_bf16) if the "
        "model's guidance (or the largest candidate) is at most 8, otherwise float32.",
        rich_help_panel=_NETWORK,
    ),
]
SeedOption = Annotated[
    int,
    typer.Option(
        "--seed",
        min=0,
        metavar="N",
        help="Seed of the noise; the same seed gives the same result at any batch size.",
        rich_help_panel=_NETWORK,
    ),
]
BatchSizeOption = Annotated[
    int | None,
    typer.Option(
        "--batch-size",
        min=1,
        metavar="N",
        help="Number of slices in a batch. It affects speed and memory, not the result.",
        show_default="chosen from the free memory",
        rich_help_panel=_NETWORK,
    ),
]

GuidanceOption = Annotated[
    float | None,
    typer.Option(
        "--guidance",
        min=0,
        max=1000,
        metavar="W",
        help="Guidance strength w; larger values amplify differences from healthy.",
        show_default="the calibrated w",
        rich_help_panel=READING,
    ),
]
EndStepOption = Annotated[
    int | None,
    typer.Option(
        "--end-step",
        min=1,
        max=1000,
        metavar="T",
        help="Last noise level included in the anomaly map; must be an analysed level.",
        show_default="where M_t peaks, for each slice",
        rich_help_panel=READING,
    ),
]
ThresholdOption = Annotated[
    float | None,
    typer.Option(
        "--threshold",
        min=0,
        metavar="V",
        help="Mark pixels where the anomaly map reaches V. Marked spots extend down to the "
        "calibrated fraction of V. Cannot be combined with --quantile or --region.",
        show_default="the model's calibrated rule",
        rich_help_panel=READING,
    ),
]
QuantileOption = Annotated[
    float | None,
    typer.Option(
        "--quantile",
        metavar="Q",
        help="Mark pixels above this quantile of each slice's anomaly map, between 0 and 1 "
        "(0.95 marks 5 %). Cannot be combined with --threshold.",
        show_default="the model's calibrated rule",
        rich_help_panel=READING,
    ),
]


def _region(default: str | bool) -> Any:
    return typer.Option(
        "--region",
        help="Compute the quantile over the whole image (as in the paper) or over the brain only.",
        show_default=default,
        rich_help_panel=READING,
    )


RegionOption = Annotated[Region | None, _region("as calibrated")]
NewRegionOption = Annotated[Region, _region(True)]
SamOption = Annotated[
    Sam,
    typer.Option(
        "--sam",
        metavar="VARIANT",
        help="Step map that is averaged into the anomaly map: sam (the paper's), sam_at_end, "
        "gradient, gradient_at_end or weighted_gradient.",
        rich_help_panel=READING,
    ),
]


def _polarity(default: str | bool) -> Any:
    return typer.Option(
        "--polarity",
        help="Mark all differences from the healthy prediction (both), or only brighter "
        "(hyperintense) or darker (hypointense) ones.",
        show_default=default,
        rich_help_panel=READING,
    )


PolarityOption = Annotated[Polarity | None, _polarity("as calibrated, otherwise both")]
NewPolarityOption = Annotated[Polarity, _polarity(True)]
NoGateOption = Annotated[
    bool,
    typer.Option(
        "--no-gate",
        help="Also mark slices that the cosine of the two error curves classifies as healthy.",
        rich_help_panel=READING,
    ),
]


def _odd(value: int | None) -> int | None:
    """Refuse an even width, by the option's name."""
    if value is not None and value % 2 == 0:
        raise typer.BadParameter(f"'{value}' should be an odd number")
    return value


def _median(default: str | bool) -> Any:
    return typer.Option(
        "--median",
        min=1,
        max=31,
        callback=_odd,
        metavar="PIXELS",
        help="Width of the median filter on the anomaly map: an odd number; 1 turns it off.",
        show_default=default,
        rich_help_panel=READING,
    )


def _smallest_spot(default: str | bool) -> Any:
    return typer.Option(
        "--min-component-pixels",
        min=0,
        metavar="PIXELS",
        help="Remove spots with at most this filled area on a slice, in pixels at 128x128.",
        show_default=default,
        rich_help_panel=READING,
    )


MedianOption = Annotated[int | None, _median("as calibrated, otherwise 5")]
NewMedianOption = Annotated[int, _median(True)]
MinComponentPixelsOption = Annotated[int | None, _smallest_spot("as calibrated, otherwise 40")]
NewMinComponentPixelsOption = Annotated[int, _smallest_spot(True)]
MinComponentMlOption = Annotated[
    float | None,
    typer.Option(
        "--min-component-ml",
        min=0,
        metavar="ML",
        help="Remove connected lesions smaller than this volume, in millilitres.",
        show_default="0 (keep all)",
        rich_help_panel=READING,
    ),
]

DryRunOption = Annotated[
    bool,
    typer.Option(
        "--dry-run",
        help="Estimate time, memory and disk space from a short trial, report problems that would "
        "prevent the start, and exit.",
        rich_help_panel=_TALK,
    ),
]
JsonOption = Annotated[
    bool,
    typer.Option(
        "--json",
        help="Print the result on standard output as one JSON object.",
        rich_help_panel=_TALK,
    ),
]
QuietOption = Annotated[
    bool,
    typer.Option(
        "--quiet",
        help="Hide progress and summary; warnings and errors are still shown.",
        rich_help_panel=_TALK,
    ),
]
DebugOption = Annotated[
    bool,
    typer.Option(
        "--debug",
        help="Log every stage, and show the traceback of an error.",
        rich_help_panel=_TALK,
    ),
]
JobOption = Annotated[
    str | None,
    typer.Option(
        "--job",
        metavar="NAME|FOLDER",
        help="Run as a queued job with this name. `anofpdm job` and the viewer show its state, "
        "progress and result; running it again continues it.",
        show_default="not a job",
        rich_help_panel=_TALK,
    ),
]
