"""Batches of synthetic slices that are drawn while a run lasts."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from anofpdm.common.errors import TrainingError
from anofpdm.common.processes.worker_processes import usable_cpus, worker_processes
from anofpdm.common.validation import validated
from anofpdm.datasets.store.slices import SliceDataset
from anofpdm.scans.preprocessing_config import PreprocessingConfig
from anofpdm.synthetic.slices import phantom_slices
from anofpdm.training.data.data_order import DataOrder
from anofpdm.training.data.pairs import Slices, paired_images
from anofpdm.training.data.phantom_config import PhantomDraws

MOST_WORKERS: Final = 12
"""Drawing is held up by single small operations, so several processes share even one GPU."""


class PhantomPool:
    """Slices and labels of any step, from subjects that change every `draws.steps` steps.

    What a step gets depends on the seeds alone, so a resumed run gets the same. With processors to
    spare, worker processes draw the next subjects while the run trains on the present ones.

    Parameters
    ----------
    draws : PhantomDraws
        Which subjects, how many at once, and for how long.
    dataset : SliceDataset
        A dataset of phantoms; the slices are made as its own were.
    share : slice
        This process's part of the batch.
    device : torch.device
        Where the subjects are drawn and the batches live.
    twins : bool
        Pair each unhealthy slice with its twin.
    compare : bool
        Whether to tell where twins differ, and to give the diseased slices.
    seed : int
        Seed of the run.
    workers : int, optional
        Processes that draw; by default one a processor but two, up to `MOST_WORKERS`. With one or
        none this process draws itself, and training waits.
    **order
        What else `DataOrder` takes.

    Raises
    ------
    TrainingError
        When `dataset` does not hold phantoms.
    """

    def __init__(
        self,
        draws: PhantomDraws,
        dataset: SliceDataset,
        share: slice,
        device: torch.device,
        *,
        twins: bool,
        compare: bool = False,
        seed: int,
        workers: int | None = None,
        **order: Any,
    ) -> None:
        made = dataset.description["provenance"]
        if "phantom_seeds" not in made:
            raise TrainingError(
                f"{dataset.path} does not hold phantoms, so it does not say how to draw more of "
                "them; make one with anofpdm phantom-dataset."
            )
        preprocessing = validated(
            PreprocessingConfig, dataset.preprocessing, where=str(dataset.path)
        )
        self._draws, self._share, self._device = draws, share, device
        self._recipe = _Recipe(
            dataset.modalities, preprocessing, float(made["lesion_mm2"]), twins, str(device)
        )
        self._seed, self._order_values = seed, order
        self._compare = compare
        self._number = -1
        self._workers = min(MOST_WORKERS, usable_cpus() - 2) if workers is None else workers
        self._open = ExitStack()
        self._executor: ProcessPoolExecutor | None = None
        self._ahead: dict[int, list[Future[_Part]]] = {}

    def batch(self, step: int) -> Slices:
        """Slices of a step, float32, on the device."""
        number, place = divmod(step, self._draws.steps)
        if number != self._number:
            self._draw(number)
        images, lesions, diseased = paired_images(
            self._order, place, self._share, self._read, compare=self._compare
        )
        chosen = torch.from_numpy(self._order.batch(place)[self._share]).to(self._device)
        return Slices(images.float(), self._labels[chosen], lesions, diseased)

    def _read(self, chosen: NDArray[np.intp]) -> Tensor:
        return self._images[torch.from_numpy(chosen).to(self._device)]

    def close(self) -> None:
        """Forget the subjects and end the workers."""
        self._forget()
        self._ahead.clear()
        self._open.close()
        self._executor = None

    def _forget(self) -> None:
        self._number = -1
        self._images = self._labels = torch.empty(0)

    def _draw(self, number: int) -> None:
        """Take the subjects of one period; the former ones are forgotten first."""
        self._forget()
        labels, partners, images, count = [], [], [], 0
        for part in self._parts(number):
            sick = np.flatnonzero(part.labels == 1)
            pairs = np.full(len(part.labels), -1)
            images.append(torch.from_numpy(part.images).to(self._device))
            labels.append(part.labels)
            partners.append(pairs)
            count += len(pairs)
            if part.twins is not None:
                pairs[sick] = count + np.arange(len(sick))
                images.append(torch.from_numpy(part.twins).to(self._device))
                labels.append(np.zeros(len(sick), dtype=np.int8))
                partners.append(np.full(len(sick), -1))
                count += len(sick)
        all_labels = np.concatenate(labels)
        self._images = torch.cat(images)
        self._labels = torch.from_numpy(all_labels).to(self._device, torch.int64)
        self._order = DataOrder(
            all_labels,
            seed=self._seed + number,
            twins=np.concatenate(partners) if self._recipe.twins else None,
            **self._order_values,
        )
        self._number = number

    def _parts(self, number: int) -> Iterable[_Part]:
        """Give the subjects of a period, and have those of the next one drawn."""
        if self._workers <= 1:
            yield from (_drawn(self._recipe, seed) for seed in self._seeds(number))
            return
        wanted = (number, number + 1)
        for other in self._ahead.keys() - set(wanted):
            for waiting in self._ahead.pop(other):
                waiting.cancel()
        for period in wanted:
            if period not in self._ahead:
                self._ahead[period] = self._submitted(self._seeds(period))
        for future in self._ahead.pop(number):
            yield future.result()

    def _submitted(self, seeds: Sequence[int]) -> list[Future[_Part]]:
        if self._executor is None:
            self._executor = self._open.enter_context(worker_processes(self._workers))
        return [self._executor.submit(_drawn, self._recipe, seed) for seed in seeds]

    def _seeds(self, number: int) -> list[int]:
        draws = self._draws
        return [
            draws.first + (number * draws.subjects + k) % (draws.end - draws.first)
            for k in range(draws.subjects)
        ]


@dataclass(frozen=True)
class _Recipe:
    """How subjects are drawn and cut."""

    modalities: tuple[str, ...]
    preprocessing: PreprocessingConfig
    lesion_mm2: float
    twins: bool
    device: str


class _Part(NamedTuple):
    """One subject's slices, half precision, on the CPU."""

    images: NDArray[np.float16]
    labels: NDArray[np.int8]
    twins: NDArray[np.float16] | None


def _drawn(recipe: _Recipe, seed: int) -> _Part:
    part = phantom_slices(
        seed,
        recipe.modalities,
        recipe.preprocessing,
        lesion_mm2=recipe.lesion_mm2,
        twins=recipe.twins,
        device=recipe.device,
    )
    twins = None if part.twins is None else part.twins.half().cpu().numpy()
    return _Part(part.images.half().cpu().numpy(), part.labels, twins)
