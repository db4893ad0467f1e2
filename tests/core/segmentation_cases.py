"""Small scans, models and analyses for the tests of results, reports and the command line."""

from __future__ import annotations

import functools
from pathlib import Path

import nibabel as nib
import numpy as np
import torch

from anofpdm.analysis.analysis import Analysis
from anofpdm.analysis.growing import finished
from anofpdm.analysis.inputs import AnalysisInputs
from anofpdm.analysis.metadata import AnalysisMetadata, SourceFile
from anofpdm.analysis.writer import AnalysisWriter
from anofpdm.method.calibration import Calibration
from anofpdm.method.schedule import NoiseSchedule
from anofpdm.model.bundle import ModelBundle
from anofpdm.model.bundle_metadata import BundleMetadata
from anofpdm.model.unet import UNet
from anofpdm.model.unet_config import UNetConfig
from anofpdm.scans.preprocessing import preprocess
from anofpdm.scans.preprocessing_config import PreprocessingConfig
from anofpdm.scans.volume import Volume

SIZE = 16
SPACING = (4.0, 5.0, 6.0)
CALIBRATION = Calibration(
    guidance=2.0,
    cosine_threshold=0.9,
    max_divergence=(0.1,),
    process="ddim",
    steps=4,
    t_max=600,
    quantile_range={"image": (0.9, 0.98), "brain": (0.7, 0.97)},
    region="image",
    source="numbers for tests",
)


def bundle(
    modalities: tuple[str, ...] = ("flair",), calibration: Calibration | None = CALIBRATION
) -> ModelBundle:
    """A network of random weights on a grid of 16x16 pixels."""
    return _uncalibrated(modalities).with_calibration(calibration)


@functools.cache
def _uncalibrated(modalities: tuple[str, ...]) -> ModelBundle:
    network = UNetConfig(
        image_size=SIZE,
        in_channels=len(modalities),
        base_channels=8,
        channel_multipliers=(1, 2),
        blocks_per_level=1,
        attention_resolutions=(8,),
        heads=1,
        dropout=0.0,
    )
    metadata = BundleMetadata(
        name="tiny",
        version="0.1",
        description="A network of random weights for tests.",
        network=network,
        schedule=NoiseSchedule(),
        modalities=modalities,
        scored=modalities[:1],
        preprocessing=PreprocessingConfig(size=SIZE, extent_mm=80.0),
    )
    generator = torch.Generator().manual_seed(0)
    weights = {
        name: 0.2 * torch.randn(weight.shape, generator=generator)
        for name, weight in UNet(network).state_dict().items()
    }
    return ModelBundle.create(metadata, weights)


def scan(modality: str = "flair", shape: tuple[int, int, int] = (14, 15, 6)) -> Volume:
    """An ellipsoid of bright tissue on zeros, LAS, brighter toward the patient's right."""
    grid = np.stack(np.meshgrid(*[np.linspace(-1, 1, n) for n in shape], indexing="ij"))
    radius = np.sqrt((grid**2).sum(axis=0))
    values = np.where(radius < 0.9, 300 - 100 * grid[0] + 20 * grid[2], 0).astype(np.float32)
    affine = np.diag([-SPACING[0], SPACING[1], SPACING[2], 1.0])
    affine[:3, 3] = (30.0, -40.0, -20.0)
    return Volume(values, affine, modality)


def write_scan(path: Path, modality: str = "flair") -> Path:
    """The scan as a NIfTI file."""
    volume = scan(modality)
    nib.save(nib.Nifti1Image(volume.data, volume.affine), path)
    return path


def _source_of(volume: Volume) -> SourceFile:
    if volume.source is None:
        return SourceFile(modality="flair", name="scan.nii.gz", sha256="0" * 64)
    return SourceFile(modality="flair", name=volume.name, sha256=volume.source.sha256)


def analysis(
    path: Path | None = None,
    *,
    gap: float = 0.2,
    volume: Volume | None = None,
    second_lesion: bool = False,
) -> Analysis:
    """A made-up analysis of `scan` or another: `gap` in a block of pixels and 0 elsewhere.

    With `second_lesion` there is a smaller block, in the last slice.
    """
    model = bundle()
    volume = scan() if volume is None else volume
    stack = preprocess({"flair": volume}, ("flair",), model.metadata.preprocessing)
    timesteps = (1, 201, 400, 600)
    inputs = AnalysisInputs.of(stack, {"flair": volume.data}, [0])
    metadata = AnalysisMetadata(
        bundle=model.metadata,
        bundle_hash=model.hash,
        timesteps=timesteps,
        process="ddim",
        clip=True,
        seed=0,
        sources=(_source_of(volume),),
        warnings=("The scan is made up.",),
    )
    slices = len(stack.slice_ids)
    null = np.repeat(stack.slices[:, None], len(timesteps), axis=1)
    gaps = np.zeros_like(null)
    gaps[: slices // 2, :, :, 5:9, 6:11] = gap
    if second_lesion:
        gaps[-1, :, :, 5:9, 6:11] = gap
    with AnalysisWriter(path, metadata, inputs, dtype="float32") as writer:
        writer.write(range(slices), null, gaps)
        return finished(writer)
