"""A slice dataset of phantoms: what `flair-synth` and its kin are trained on."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from anofpdm.common.errors import SettingsError
from anofpdm.common.worker_processes import usable_cpus, worker_processes
from anofpdm.datasets.labels.rule import LESION_MM2, Labels, labels_from_area
from anofpdm.datasets.store.slices import SliceDataset, SliceDatasetWriter
from anofpdm.scans.preprocessing import SliceStack, preprocess, twin_slices
from anofpdm.scans.preprocessing_config import PreprocessingConfig
from anofpdm.synthetic.phantom import Phantom, make_phantom

_VALIDATION_SHARE = 0.06
_TRACE_MM2 = 1e-6


@dataclass(frozen=True)
class _Job:
    seed: int
    modalities: tuple[str, ...]
    config: PreprocessingConfig
    split: Literal["train", "val"]
    lesion_mm2: float
    twins: bool


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
        0 healthy, 1 unhealthy, -1 unknown; see `slice_labels`.
    twins : ndarray, shape (U, C, size, size), float32, or None
        The U unhealthy slices without their lesions, where the phantom has such twins.
    """

    stack: SliceStack
    truth: NDArray[np.bool_]
    labels: NDArray[np.int8]
    twins: NDArray[np.float32] | None = None


def slice_labels(
    share: NDArray[np.floating], pixel_mm: tuple[float, float], lesion_mm2: float
) -> Labels:
    """Label slices of known truth by the area of the pixels that are at least half lesion.

    A lesion that fills no pixel by half makes its slice unknown, never healthy.

    Parameters
    ----------
    share : ndarray (S, rows, columns)
        Lesion's share of each pixel, 0..1.
    pixel_mm : tuple of float
        Height and width of a pixel.
    lesion_mm2 : float
        As for `labels_from_area`.
    """
    area = (share >= 0.5).sum(axis=(1, 2)) * float(np.prod(pixel_mm))
    touched = share.any(axis=(1, 2))
    return labels_from_area(np.where(touched & (area == 0), _TRACE_MM2, area), lesion_mm2)


def labelled_slices(
    phantom: Phantom,
    modalities: Sequence[str],
    config: PreprocessingConfig,
    lesion_mm2: float = LESION_MM2,
) -> LabelledSlices:
    """Preprocess a phantom as a real scan would be, and label its slices."""
    stack = preprocess(phantom.volumes, modalities, config)
    canonical = stack.geometry.orientation.to_canonical(phantom.lesion.data)
    share = stack.geometry.to_network(canonical.astype(np.float32))[stack.slice_ids]
    truth = share >= 0.5
    labels = slice_labels(share, stack.geometry.pixel_mm, lesion_mm2)
    twins = None
    if phantom.twins:
        channels = [
            twin_slices(phantom.twins[m], phantom.volumes[m], stack, config) for m in modalities
        ]
        twins = np.stack(channels, axis=1)[labels == 1]
    return LabelledSlices(stack, truth, labels, twins)


def build_phantom_dataset(
    path: str | Path,
    seeds: Sequence[int],
    config: PreprocessingConfig,
    modalities: Sequence[str] = ("flair",),
    *,
    lesion_mm2: float = LESION_MM2,
    twins: bool = False,
    workers: int | None = None,
    overwrite: bool = False,
    on_progress: Callable[[int, int], None] | None = None,
) -> None:
    """Draw one phantom a seed and store its slices; the first 6 % of the seeds are the val split.

    To save time the phantoms are drawn on voxels of 1 to 1.5 mm in plane and slices 2.4 to 6 mm
    apart: neighbouring slices of a fine scan teach a 2-D network little. Slices of up to 2.5 mm
    are not averaged, so they look like thin ones.

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
    lesion_mm2 : float
        Lesion area from which a slice is unhealthy; see `slice_labels`.
    twins : bool
        Store beside each unhealthy slice of the train split the same slice without its lesion, as
        a healthy one of a further subject; see `TrainingConfig.twins`.
    workers : int, optional
        Processes; one a CPU that this process may use by default. 1 works in this process.
    overwrite : bool
        Replace an existing dataset at `path`.
    on_progress : callable, optional
        Called with the number of finished subjects and their total.

    Raises
    ------
    SettingsError
        When no seed is given.
    """
    if not seeds:
        raise SettingsError("A phantom dataset needs at least one seed.")
    jobs = [
        _Job(seed, tuple(modalities), config, split, lesion_mm2, twins and split == "train")
        for seed, split in zip(seeds, _splits(len(seeds)), strict=True)
    ]
    writer = SliceDataset.create(
        path,
        modalities=modalities,
        preprocessing=config.model_dump(mode="json"),
        provenance={"phantom_seeds": [min(seeds), max(seeds)], "lesion_mm2": lesion_mm2},
        overwrite=overwrite,
    )
    with writer:
        for done, (job, part) in enumerate(_drawn(jobs, workers), start=1):
            _append(writer, job, part)
            if on_progress is not None:
                on_progress(done, len(jobs))


def _drawn(jobs: Sequence[_Job], workers: int | None) -> Iterator[tuple[_Job, LabelledSlices]]:
    """Draw the phantoms in their order, in this process or in several."""
    count = min(workers or usable_cpus(), len(jobs))
    if count <= 1:
        yield from ((job, _draw(job)) for job in jobs)
        return
    with worker_processes(count) as executor:
        yield from zip(jobs, executor.map(_draw, jobs), strict=True)


def _splits(count: int) -> list[Literal["train", "val"]]:
    return ["val" if index < _VALIDATION_SHARE * count else "train" for index in range(count)]


def _append(writer: SliceDatasetWriter, job: _Job, part: LabelledSlices) -> None:
    name, stack = f"phantom-{job.seed}", part.stack
    writer.append(
        stack.slices,
        part.labels,
        subject=name,
        split=job.split,
        slice_ids=stack.slice_ids,
        foreground=stack.foreground,
        truth=part.truth,
    )
    if part.twins is not None and len(part.twins):
        sick = part.labels == 1
        writer.append(
            part.twins,
            np.zeros(len(part.twins)),
            subject=f"{name}-twin",
            twin_of=name,
            split=job.split,
            slice_ids=stack.slice_ids[sick],
            foreground=stack.foreground[sick],
            truth=np.zeros_like(part.truth[sick]),
        )


def _draw(job: _Job) -> LabelledSlices:
    rng = np.random.default_rng([job.seed, 1])
    plane = float(rng.uniform(1.0, 1.5))
    distance = 2.4 if rng.random() < 0.35 else float(rng.uniform(2.6, 6.0))
    phantom = make_phantom(
        job.seed, job.modalities, spacing=(plane, plane, distance), twins=job.twins
    )
    return labelled_slices(phantom, job.modalities, job.config, job.lesion_mm2)
