"""The options that several commands share, each with its one sentence of help."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from anofpdm.method.calibration import Polarity, Process, Region
from anofpdm.method.settings import Sam

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
        help="Folder for the results; it is created and appears only when everything is done.",
        rich_help_panel=_FILES,
    ),
]
OverwriteOption = Annotated[
    bool,
    typer.Option(
        "--overwrite",
        help="Replace results that the output folder already holds; other files there stay.",
        rich_help_panel=_FILES,
    ),
]

ProcessOption = Annotated[
    Process | None,
    typer.Option(
        "--process",
        help="How noise is added: ddim is deterministic, ddpm draws fresh noise at each step.",
        show_default="as the bundle was calibrated, else ddim",
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
        help="Number of noise levels looked at, spread evenly over 1..t-max; 20 to 30 suffice.",
        show_default="as the bundle was calibrated, else 30",
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
        help="Last and strongest noise level, in steps of the schedule.",
        show_default="as the bundle was calibrated, else 600",
        rich_help_panel=_NETWORK,
    ),
]
DeviceOption = Annotated[
    str,
    typer.Option(
        "--device",
        metavar="auto|cpu|cuda|mps",
        help="Where the network runs; auto takes CUDA, then Apple's MPS, then the processor.",
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
        help="Slices sent through the network together; it changes speed and memory, no result.",
        show_default="from the memory that is free",
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
        help="Guidance strength w: larger values mark stronger and wider differences.",
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
        help="Last noise level that enters the anomaly map; it must be one of the analysed ones.",
        show_default="found for each slice, where M_t peaks",
        rich_help_panel=READING,
    ),
]
ThresholdOption = Annotated[
    float | None,
    typer.Option(
        "--threshold",
        min=0,
        metavar="V",
        help="Mark pixels whose anomaly map reaches V, and the spots around them down to the share "
        "of V that the bundle was calibrated to; not together with --quantile or --region.",
        show_default="the model's calibrated rule",
        rich_help_panel=READING,
    ),
]
QuantileOption = Annotated[
    float | None,
    typer.Option(
        "--quantile",
        metavar="Q",
        help="Mark pixels above this quantile of a slice's anomaly map, between 0 and 1 "
        "(0.95 marks 5 %); not together with --threshold.",
        show_default="the model's calibrated rule",
        rich_help_panel=READING,
    ),
]
RegionOption = Annotated[
    Region | None,
    typer.Option(
        "--region",
        help="Take the quantile over the whole image (the paper) or over the brain only.",
        show_default="as the bundle was calibrated",
        rich_help_panel=READING,
    ),
]
SamOption = Annotated[
    Sam,
    typer.Option(
        "--sam",
        metavar="VARIANT",
        help="The quantity averaged into the anomaly map: sam (the paper's), sam_at_end, gradient, "
        "gradient_at_end or weighted_gradient.",
        rich_help_panel=READING,
    ),
]
PolarityOption = Annotated[
    Polarity | None,
    typer.Option(
        "--polarity",
        help="Mark every departure from healthy, or only what is brighter (hyperintense) or darker "
        "(hypointense) than the healthy picture.",
        show_default="as the bundle was calibrated, else both",
        rich_help_panel=READING,
    ),
]
NoGateOption = Annotated[
    bool,
    typer.Option(
        "--no-gate",
        help="Mark slices, too, whose two error curves are so alike that they count as healthy.",
        rich_help_panel=READING,
    ),
]
MedianOption = Annotated[
    int | None,
    typer.Option(
        "--median",
        min=1,
        metavar="PIXELS",
        help="Width of the median filter on the anomaly map: an odd number, 1 for none.",
        show_default="as calibrated, else 5",
        rich_help_panel=READING,
    ),
]
MinComponentPixelsOption = Annotated[
    int | None,
    typer.Option(
        "--min-component-pixels",
        min=0,
        metavar="PIXELS",
        help="Drop spots of this filled area or less on a slice, counted at 128x128.",
        show_default="as the bundle was calibrated, else 40",
        rich_help_panel=READING,
    ),
]
MinComponentMlOption = Annotated[
    float | None,
    typer.Option(
        "--min-component-ml",
        min=0,
        metavar="ML",
        help="Drop connected lesions smaller than this volume, in millilitres.",
        show_default="0, none is dropped",
        rich_help_panel=READING,
    ),
]

DryRunOption = Annotated[
    bool,
    typer.Option(
        "--dry-run",
        help="Tell time, memory and disk, measured on a little of the work, and what stands "
        "against the start; then end without doing it.",
        rich_help_panel=_TALK,
    ),
]
JsonOption = Annotated[
    bool,
    typer.Option(
        "--json",
        help="Print one JSON object on standard output, and nothing else there.",
        rich_help_panel=_TALK,
    ),
]
QuietOption = Annotated[
    bool,
    typer.Option(
        "--quiet",
        help="No progress and no summary; warnings and errors still appear.",
        rich_help_panel=_TALK,
    ),
]
DebugOption = Annotated[
    bool,
    typer.Option(
        "--debug",
        help="Log every stage, and show the traceback when something fails.",
        rich_help_panel=_TALK,
    ),
]
JobOption = Annotated[
    str | None,
    typer.Option(
        "--job",
        metavar="NAME|FOLDER",
        help="Be a job: wait for its turn, keep state, progress and result under this name for "
        "`anofpdm job` and the viewer, and go on from there when it is run again.",
        show_default="no job",
        rich_help_panel=_TALK,
    ),
]
