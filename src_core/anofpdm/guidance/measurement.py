"""Measure all candidates on labelled slices, with one pass of the network (Algorithm 1)."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from anofpdm.common.processes.worker_processes import usable_cpus
from anofpdm.common.validation import validated
from anofpdm.method.calibration import Polarity, Process
from anofpdm.method.schedule import NoiseSchedule
from anofpdm.method.settings import Settings
from anofpdm.method.thresholds import error_cosine

if TYPE_CHECKING:
    import torch

    from anofpdm.method.accumulators import Accumulated
    from anofpdm.method.forward_process import NoisePredictor


class Measurements(NamedTuple):
    """Measurements of n candidates on S slices, from one pass of the network.

    Attributes
    ----------
    cosines : array
        Eq. 18, (n, S).
    divergence_at_end : array
        M_{t_e}, (n, S, scored channels).
    scores : array or None
        How strongly each map marks its slice, (n, S).
    """

    cosines: NDArray[np.float64]
    divergence_at_end: NDArray[np.float64]
    scores: NDArray[np.float64] | None


def measure(
    batches: Iterable[tuple[torch.Tensor, Sequence[int]]],
    predictor: NoisePredictor,
    schedule: NoiseSchedule,
    timesteps: Sequence[int],
    candidates: Sequence[float],
    *,
    channels: Sequence[int],
    process: Process,
    clip: bool,
    seed: int,
    polarity: Polarity = "both",
    score: Callable[[NDArray[np.floating]], float] | None = None,
    score_batch: Callable[[torch.Tensor], NDArray[np.float64]] | None = None,
    on_step: Callable[[int], None] | None = None,
    on_batch: Callable[[Measurements], None] | None = None,
) -> Measurements:
    """Cosines and M_{t_e} of all candidates, from one pass of the network over the slices.

    Parameters
    ----------
    batches : iterable of (Tensor, sequence of int)
        Slices (N, C, H, W) on the working device, and their identities.
    predictor, schedule, timesteps, process, clip, seed
        As for `forward_process`.
    candidates : sequence of float
        w_1 < ... < w_n.
    channels : sequence of int
        The scored channels.
    polarity : {"both", "hyperintense", "hypointense"}
        Of the maps that are scored; see `Settings`.
    score : callable, optional
        Takes the aggregated map of a slice, (H, W), and returns its score. Several threads call it
        while the network works on the next batch.
    score_batch : callable, optional
        Does the same for the maps of a batch, (N, H, W), on their device. It takes the place of
        `score` on a GPU.
    on_step : callable, optional
        Called with N after every step of a batch; an exception ends the search.
    on_batch : callable, optional
        Called with the measurements so far when the slices of a further batch are scored.
    """
    from anofpdm.method.accumulators import SliceAccumulator
    from anofpdm.method.forward_process import forward_process

    lanes = [validated(Settings, guidance=w, polarity=polarity) for w in candidates]

    def accumulated() -> Iterator[list[Accumulated]]:
        for x0, slice_ids in batches:
            accumulator = SliceAccumulator(
                x0[:, list(channels)],
                schedule,
                timesteps,
                lanes,
                clip=clip,
                keep_maps=score is not None,
            )
            for full in forward_process(
                x0,
                predictor,
                schedule,
                timesteps,
                process=process,
                clip=clip,
                seed=seed,
                slice_ids=slice_ids,
            ):
                step = full.channels(channels)
                accumulator.update(step.t, step.x0_null, step.eps_gap)
                if on_step is not None:
                    on_step(len(x0))
            yield accumulator.result()

    gathered = []
    with closing(_measured(accumulated(), score, score_batch)) as measured:
        for batch in measured:
            gathered.append(batch)
            if on_batch is not None:
                on_batch(_joined(gathered, scored=score is not None))
    return _joined(gathered, scored=score is not None)


_Measured = tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]


def _measured(
    accumulated: Iterable[list[Accumulated]],
    score: Callable[[NDArray[np.floating]], float] | None,
    score_batch: Callable[[torch.Tensor], NDArray[np.float64]] | None,
) -> Generator[list[_Measured]]:
    """Yield what each batch shows, one value of `_Measured` a candidate.

    Scores take a processor longer than a GPU takes for the steps. Where they are not made on the
    GPU itself, threads make them for one batch while the network works on the next.
    """
    pool = ThreadPoolExecutor(usable_cpus())

    def begun(result: Accumulated) -> Callable[[], _Measured]:
        cosine = error_cosine(result.mse_healthy.cpu().numpy(), result.mse_null.cpu().numpy())
        divergence = result.divergence_at_end.cpu().numpy().astype(np.float64)
        if score is None or result.maps is None:
            return lambda: (cosine, divergence, np.full(len(cosine), np.nan))
        maps = result.maps.mean(dim=1)
        if score_batch is not None and _on_gpu(maps):
            made = score_batch(maps)
            return lambda: (cosine, divergence, made)
        scores = pool.map(score, maps.cpu().numpy())
        return lambda: (cosine, divergence, np.array(list(scores)))

    waiting: list[Callable[[], _Measured]] = []
    try:
        for results in accumulated:
            earlier, waiting = waiting, [begun(result) for result in results]
            if earlier:
                yield [finished() for finished in earlier]
        yield [finished() for finished in waiting]
    finally:
        pool.shutdown(cancel_futures=True)


def _on_gpu(maps: torch.Tensor) -> bool:
    return maps.is_cuda


def _joined(gathered: Sequence[Sequence[_Measured]], *, scored: bool) -> Measurements:
    """Put the batches, each with its candidates, behind one another."""
    by_candidate = [list(zip(*batches, strict=True)) for batches in zip(*gathered, strict=True)]
    cosines, divergences, scores = (
        np.array([np.concatenate(parts[kind]) for parts in by_candidate]) for kind in range(3)
    )
    return Measurements(cosines, divergences, scores if scored else None)
