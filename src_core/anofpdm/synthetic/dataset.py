"""A slice dataset of phantoms: what `flair-synth` and its kin are trained on."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np

from anofpdm.common.errors import SettingsError
from anofpdm.common.executors.choice import executor_of
from anofpdm.common.processes.worker_processes import usable_cpus
from anofpdm.datasets.labels.rule import LESION_MM2
from anofpdm.datasets.store.slices import SliceDataset
from anofpdm.datasets.store.writer import SliceDatasetWriter
from anofpdm.scans.preprocessing_config import PreprocessingConfig
from anofpdm.synthetic.slices import LabelledSlices, phantom_slices

_VALIDATION_SHARE = 0.06


@dataclass(frozen=True)
class _Job:
    seed: int
    modalities: tuple[str, ...]
    config: PreprocessingConfig
    split: Literal["train", "val"]
    lesion_mm2: float
    twins: bool
    device: str

    @property
    def name(self) -> str:
        return f"phantom-{self.seed}"


def build_phantom_dataset(
    path: str | Path,
    seeds: Sequence[int],
    config: PreprocessingConfig,
    modalities: Sequence[str] = ("flair",),
    *,
    lesion_mm2: float = LESION_MM2,
    twins: bool = False,
    workers: int | None = None,
    device: str = "cpu",
    validation_share: float = _VALIDATION_SHARE,
    overwrite: bool = False,
    on_progress: Callable[[int, int], None] | None = None,
) -> None:
    """Draw one phantom a seed and store its slices; the first seeds are the val split.

    The voxels are those of `training_spacing`.

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
    device : str
        Where to draw. Several workers draw on one GPU faster than one.
    validation_share : float
        Share of the seeds, the first ones, that become the val split.
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
        _Job(seed, tuple(modalities), config, split, lesion_mm2, twins and split == "train", device)
        for seed, split in zip(seeds, _splits(len(seeds), validation_share), strict=True)
    ]
    writer = SliceDataset.create(
        path,
        modalities=modalities,
        preprocessing=config.model_dump(mode="json"),
        provenance={"phantom_seeds": [min(seeds), max(seeds)], "lesion_mm2": lesion_mm2},
        overwrite=overwrite,
    )
    with writer:
        executor = executor_of(min(workers or usable_cpus(), len(jobs)))
        for done, drawn in enumerate(executor.run(_draw, jobs, in_order=True), start=1):
            _append(writer, drawn.task, drawn.result())
            if on_progress is not None:
                on_progress(done, len(jobs))


def _splits(count: int, validation_share: float) -> list[Literal["train", "val"]]:
    return ["val" if index < validation_share * count else "train" for index in range(count)]


def _append(writer: SliceDatasetWriter, job: _Job, part: LabelledSlices) -> None:
    name, foreground = job.name, part.foreground.cpu().numpy()
    truth = part.truth.cpu().numpy()
    writer.append(
        part.images.cpu().numpy(),
        part.labels,
        subject=name,
        split=job.split,
        slice_ids=part.slice_ids,
        foreground=foreground,
        truth=truth,
    )
    if part.twins is not None and len(part.twins):
        sick = part.labels == 1
        writer.append(
            part.twins.cpu().numpy(),
            np.zeros(len(part.twins)),
            subject=f"{name}-twin",
            twin_of=name,
            split=job.split,
            slice_ids=part.slice_ids[sick],
            foreground=foreground[sick],
            truth=np.zeros_like(truth[sick]),
        )


def _draw(job: _Job) -> LabelledSlices:
    return phantom_slices(
        job.seed,
        job.modalities,
        job.config,
        lesion_mm2=job.lesion_mm2,
        twins=job.twins,
        device=job.device,
    )
