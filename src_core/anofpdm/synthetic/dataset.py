"""A slice dataset of phantoms: what `flair-synth` and its kin are trained on."""

from __future__ import annotations

import multiprocessing
import os
import signal
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from anofpdm.datasets.slices import SliceDataset
from anofpdm.errors import SettingsError
from anofpdm.preprocessing import PreprocessingConfig, SliceStack, preprocess
from anofpdm.synthetic.phantom import Phantom, make_phantom

LESION_MM2 = 30.0
"""Lesion area from which a slice counts as unhealthy; less than that, but some, is unknown."""

_SPLITS: tuple[tuple[Literal["train", "val", "test"], float], ...] = (("val", 0.06), ("train", 1.0))


@dataclass(frozen=True)
class _Job:
    seed: int
    modalities: tuple[str, ...]
    config: PreprocessingConfig


@dataclass(frozen=True)
class LabelledSlices:
    """Preprocessed slices of one phantom, labelled from its truth.

    Attributes
    ----------
    stack : SliceStack
        The slices.
    truth : ndarray of bool, shape (S, size, size)
        Lesion on the network's grid.
    labels : ndarray of int8, shape (S,)
        0 healthy, 1 unhealthy (`LESION_MM2` or more), -1 unknown.
    """

    stack: SliceStack
    truth: NDArray[np.bool_]
    labels: NDArray[np.int8]


def labelled_slices(
    phantom: Phantom, modalities: Sequence[str], config: PreprocessingConfig
) -> LabelledSlices:
    """Preprocess a phantom as a real scan would be, and label its slices."""
    stack = preprocess(phantom.volumes, modalities, config)
    canonical = stack.geometry.orientation.to_canonical(phantom.lesion.data)
    share = stack.geometry.to_network(canonical.astype(np.float32))[stack.slice_ids]
    truth = share >= 0.5
    area = share.sum(axis=(1, 2)) * float(np.prod(stack.geometry.pixel_mm))
    labels = np.where(area >= LESION_MM2, 1, np.where(area > 0, -1, 0)).astype(np.int8)
    return LabelledSlices(stack, truth, labels)


def build_phantom_dataset(
    path: str | Path,
    seeds: Sequence[int],
    config: PreprocessingConfig,
    modalities: Sequence[str] = ("flair",),
    *,
    workers: int | None = None,
    overwrite: bool = False,
    on_progress: Callable[[int, int], None] | None = None,
) -> None:
    """Draw one phantom a seed and store its slices; the first 6 % of the seeds are the val split.

    To save time the phantoms are drawn on voxels of 1.1 to 1.6 mm in plane and slices 4 to 5 mm
    apart: neighbouring slices of a fine scan teach a 2-D network little.

    Parameters
    ----------
    path : str or Path
        The dataset to make.
    seeds : sequence of int
        One subject each.
    config : PreprocessingConfig
        Grid, field of view and scaling.
    modalities : sequence of str
        Channels in order.
    workers : int, optional
        Processes; as many as there are CPUs by default.
    overwrite : bool
        Replace a dataset that stands at `path`.
    on_progress : callable, optional
        Told subjects done and subjects in all.

    Raises
    ------
    SettingsError
        When no seed is given.
    """
    if not seeds:
        raise SettingsError("A phantom dataset needs at least one seed.")
    jobs = [_Job(seed, tuple(modalities), config) for seed in seeds]
    writer = SliceDataset.create(
        path,
        modalities=modalities,
        preprocessing=config.model_dump(mode="json"),
        provenance={"phantom_seeds": [min(seeds), max(seeds)], "lesion_mm2": LESION_MM2},
        overwrite=overwrite,
    )
    context = multiprocessing.get_context("spawn")
    # Ctrl-C reaches every process of the terminal; ending the workers is the parent's to do.
    deaf = (signal.SIGINT, signal.SIG_IGN)
    with (
        writer,
        context.Pool(workers or os.cpu_count() or 1, signal.signal, deaf) as pool,
    ):
        for done, (job, part) in enumerate(
            zip(jobs, pool.imap(_draw, jobs, chunksize=2), strict=True), start=1
        ):
            share = (done - 1) / len(jobs)
            writer.append(
                part.stack.slices,
                part.labels,
                subject=f"phantom-{job.seed}",
                split=next(name for name, limit in _SPLITS if share < limit),
                slice_ids=part.stack.slice_ids,
                foreground=part.stack.foreground,
                truth=part.truth,
            )
            if on_progress is not None:
                on_progress(done, len(jobs))


def _draw(job: _Job) -> LabelledSlices:
    rng = np.random.default_rng([job.seed, 1])
    plane = float(rng.uniform(1.1, 1.6))
    spacing = (plane, plane, float(rng.uniform(4.0, 5.0)))
    return labelled_slices(
        make_phantom(job.seed, job.modalities, spacing=spacing), job.modalities, job.config
    )
