"""Guidance selection on labelled slices (appendix, Algorithm 1): one pass for all candidates."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from anofpdm.common.errors import DeviceError, SettingsError
from anofpdm.common.validation import validated
from anofpdm.guidance.accuracy import GuidanceAccuracy, guidance_accuracy
from anofpdm.guidance.dataset_check import check_classes, check_dataset
from anofpdm.guidance.measurement import Measurements, measure
from anofpdm.guidance.refining import RefinementTrial, check_refinable
from anofpdm.guidance.rules import (
    QUANTILE_RANGES,
    GuidanceReport,
    calibrate,
)
from anofpdm.method.calibration import (
    PAPER_MEDIAN_KERNEL,
    PAPER_MIN_COMPONENT_PIXELS,
    Criterion,
    Polarity,
    Process,
    Region,
    RuleKind,
)
from anofpdm.method.map_score import map_score
from anofpdm.method.settings import AbsoluteThreshold, Settings
from anofpdm.model.precision import resolve_precision

if TYPE_CHECKING:
    import torch

    from anofpdm.datasets.store.attributes import Split
    from anofpdm.datasets.store.slices import SliceDataset
    from anofpdm.method.forward_process import NoisePredictor
    from anofpdm.method.interpretation import Interpretation
    from anofpdm.model.bundle import ModelBundle
    from anofpdm.model.precision import Precision


def select_guidance(
    bundle: ModelBundle,
    dataset: SliceDataset,
    *,
    candidates: Sequence[float],
    split: Split = "val",
    process: Process = "ddim",
    steps: int = 30,
    t_max: int = 600,
    clip: bool = True,
    seed: int = 0,
    device: str = "cpu",
    precision: Precision = "auto",
    batch_size: int = 16,
    fraction: float = 0.98,
    threshold_fraction: float = 1.0,
    criterion: Criterion = "accuracy",
    quantile_range: Mapping[Region, tuple[float, float]] = QUANTILE_RANGES,
    region: Region = "image",
    median_kernel: int = PAPER_MEDIAN_KERNEL,
    min_component_pixels: int = PAPER_MIN_COMPONENT_PIXELS,
    rule: RuleKind = "dynamic",
    map_extent: float = 1.0,
    polarity: Polarity = "both",
    refine: bool = False,
    progress: Callable[[int, int], None] | None = None,
    on_accuracy: Callable[[GuidanceAccuracy], None] | None = None,
) -> GuidanceReport:
    """Search the guidance on a dataset's labelled slices, with one pass for all candidates.

    Write the outcome into the model with ``bundle.with_calibration(report.calibration)``.

    Parameters
    ----------
    bundle : ModelBundle
    dataset : SliceDataset
        Slices labelled -1 (unknown) stay out.
    candidates : sequence of float
        Guidances to try, 0..1000, in any order.
    split : {"train", "val", "test"}
    process, steps, t_max, clip, seed
        The forward process to calibrate; `steps` timesteps up to `t_max`.
    device : str
        Torch device.
    precision : {"auto", "float32", "tf32", "float16", "bfloat16"}
        Of the network.
    batch_size : int
        Slices in one call of the network (which sees twice as many).
    fraction, threshold_fraction, criterion, quantile_range, region, median_kernel
        See `calibrate`.
    min_component_pixels : int
        See `calibrate`.
    rule : {"dynamic", "absolute"}
        How masks are made; see `Calibration`. "absolute" finds, for each candidate, the fixed
        threshold on the map from the slice labels as well, and compares candidates by it.
    map_extent : float
        With "absolute", how far marked spots extend; see `AbsoluteThreshold`.
    polarity : {"both", "hyperintense", "hypointense"}
        Which departures from health the maps count; see `Settings`.
    refine : bool
        Calibrate the refinement, too, in a second pass at w*; see
        docs/method.md#129-refinement-on-the-scan.
    progress : callable, optional
        Called with (slice steps done, total slice steps); an exception ends the search.
    on_accuracy : callable, optional
        Called after every batch with the accuracy of each candidate on the slices measured so far,
        as soon as both classes are among them; it has no part in the outcome.

    Raises
    ------
    DatasetError
        When the dataset's modalities, size or preprocessing are not the bundle's, or a class is
        missing.
    SettingsError
        When candidates, batch size or the grid are out of range, or the refinement cannot be
        calibrated on such slices.
    DeviceError
        When the device's memory does not suffice for the batch.
    """
    import torch

    from anofpdm.method.map_scores import map_scores

    ordered = sorted({float(w) for w in candidates})
    if not ordered or batch_size < 1:
        raise SettingsError(
            "Guidance selection needs at least one candidate and a batch size of at least 1."
        )
    metadata = bundle.metadata
    check_dataset(bundle, dataset)
    timesteps = bundle.timesteps(steps, t_max)
    chosen = dataset.select(split)
    known = np.flatnonzero(chosen.labels >= 0)
    labels = chosen.labels[known].astype(np.int64)
    # Refused before the pass, not after the hours that it may take.
    check_classes(dataset, split, labels)
    if refine:
        check_refinable(metadata.preprocessing)
    done, total = 0, len(known) * len(timesteps) * (2 if refine else 1)

    def on_step(count: int) -> None:
        nonlocal done
        done += count
        if progress is not None:
            progress(done, total)

    def on_batch(so_far: Measurements) -> None:
        seen = labels[: so_far.cosines.shape[1]]
        accuracy = guidance_accuracy(ordered, so_far.cosines, seen, so_far.scores, criterion)
        if on_accuracy is not None and accuracy is not None:
            on_accuracy(accuracy)

    def batches() -> Iterable[tuple[torch.Tensor, Sequence[int]]]:
        for start in range(0, len(known), batch_size):
            rows = known[start : start + batch_size]
            images = np.ascontiguousarray(chosen.images[rows], dtype=np.float32)
            yield torch.from_numpy(images).to(device), chosen.positions[rows].tolist()

    filters: dict[str, Any] = {
        "median_kernel": median_kernel,
        "min_component_pixels": min_component_pixels,
    }
    validated(Settings, **filters)
    validated(AbsoluteThreshold, value=0, extent=map_extent)
    channels = [metadata.modalities.index(name) for name in metadata.scored]
    scored = rule == "absolute"
    with _memory_for(device, batch_size):
        # What counts is the largest guidance tried, not the one of an earlier calibration.
        predictor = bundle.predictor(device, resolve_precision(precision, device, ordered[-1]))
        found = measure(
            batches(),
            predictor,
            bundle.schedule,
            timesteps,
            ordered,
            channels=channels,
            process=process,
            clip=clip,
            seed=seed,
            polarity=polarity,
            score=partial(map_score, extent=map_extent, **filters) if scored else None,
            score_batch=partial(map_scores, extent=map_extent, **filters) if scored else None,
            on_step=on_step,
            on_batch=None if on_accuracy is None else on_batch,
        )
    report = calibrate(
        ordered,
        found.cosines,
        found.divergence_at_end,
        labels,
        scores=found.scores,
        process=process,
        steps=steps,
        t_max=t_max,
        clip=clip,
        fraction=fraction,
        threshold_fraction=threshold_fraction,
        criterion=criterion,
        quantile_range=quantile_range,
        region=region,
        map_extent=map_extent,
        polarity=polarity,
        **filters,
        source=f"{dataset.path.name}, split {split}",
    )
    if not refine:
        return report
    trial = RefinementTrial(
        chosen.images[known, channels[0]],
        chosen.foreground[known],
        chosen.subject[known],
        None if chosen.truth is None else chosen.truth[known],
        metadata.preprocessing,
        report.calibration.polarity,
    )
    with _memory_for(device, batch_size):
        for result in _interpreted(
            batches(),
            chosen.foreground[known],
            bundle,
            predictor,
            timesteps,
            Settings.from_calibration(report.calibration),
            process=process,
            clip=clip,
            seed=seed,
            on_step=on_step,
        ):
            trial.add(result)
    choice = trial.choose(labels, criterion)
    calibration = report.calibration.model_copy(
        update={"refinement": choice.refinement, "refinement_source": choice.source}
    )
    return replace(report, calibration=calibration)


@contextmanager
def _memory_for(device: str, batch_size: int) -> Iterator[None]:
    """Turn a lack of memory into one sentence."""
    import torch

    try:
        yield
    except torch.OutOfMemoryError as error:
        raise DeviceError(
            f"{device} does not have enough memory for {batch_size} slices per batch; use a "
            "smaller batch size, or choose the device cpu."
        ) from error


def _interpreted(
    batches: Iterable[tuple[torch.Tensor, Sequence[int]]],
    foreground: NDArray[np.bool_],
    bundle: ModelBundle,
    predictor: NoisePredictor,
    timesteps: Sequence[int],
    settings: Settings,
    *,
    process: Process,
    clip: bool,
    seed: int,
    on_step: Callable[[int], None],
) -> Iterator[Interpretation]:
    """Walk the slices again, under the settings that were chosen, a batch at a time."""
    from anofpdm.method.forward_process import Step, forward_process
    from anofpdm.method.interpretation import interpret_stream

    metadata, done = bundle.metadata, 0
    channels = [metadata.modalities.index(name) for name in metadata.scored]

    def counted(steps: Iterable[Step], count: int) -> Iterator[Step]:
        for step in steps:
            yield step.channels(channels)
            on_step(count)

    for x0, slice_ids in batches:
        steps = forward_process(
            x0,
            predictor,
            bundle.schedule,
            timesteps,
            process=process,
            clip=clip,
            seed=seed,
            slice_ids=slice_ids,
        )
        (result,) = interpret_stream(
            counted(steps, len(x0)),
            x0[:, channels],
            foreground[done : done + len(x0)],
            bundle.schedule,
            timesteps,
            [settings],
            slice_ids=slice_ids,
            modalities=metadata.scored,
            clip=clip,
        )
        done += len(x0)
        yield result
