"""The images of each step's batch, read ahead of the training in threads."""

from __future__ import annotations

import weakref
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from anofpdm.datasets.store.slices import SliceSelection
from anofpdm.training.data.data_order import DataOrder
from anofpdm.training.data.pairs import Slices, paired_images

THREADS: Final = 4
AHEAD: Final = 8
"""Steps whose slices are being read while one is trained on."""


class Batches:
    """Slices and labels of any step; those of the steps after it are read meanwhile.

    What a step gets depends on nothing but the order, so a resumed run, or one that reads at
    another pace, gets the same. Of the dataset no more than `AHEAD` batches are in memory, except
    where its images are stored compressed: a scattered slice of those costs a whole chunk, so they
    are held in memory altogether.

    Parameters
    ----------
    selection : SliceSelection
        Training slices.
    order : DataOrder
        Which of them make up the batch of a step.
    share : slice
        This process's part of the batch.
    device : torch.device
        Where the batches go.
    compare : bool
        Whether to tell where twins differ, and to give the diseased slices.
    """

    def __init__(
        self,
        selection: SliceSelection,
        order: DataOrder,
        share: slice,
        device: torch.device,
        *,
        compare: bool = False,
    ) -> None:
        self._order, self._share, self._device = order, share, device
        self._compare = compare
        self._labels = torch.from_numpy(selection.labels)
        self._positions = selection.positions
        self._scattered = selection.dataset.scattered_images
        self._held = None if self._scattered else torch.from_numpy(selection.images)
        self._pending: dict[int, Future[Slices]] = {}
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="batches")
        # Waiting threads would keep an unused trainer alive.
        self._closing = weakref.finalize(
            self, self._threads.shutdown, wait=False, cancel_futures=True
        )

    def batch(self, step: int) -> Slices:
        """Slices of a step, float32, on the device.

        Raises
        ------
        DatasetError
            When the dataset is damaged.
        """
        wanted = range(step, step + AHEAD + 1)
        for other in self._pending.keys() - set(wanted):
            self._pending.pop(other).cancel()
        for ahead in wanted:
            if ahead not in self._pending:
                self._pending[ahead] = self._threads.submit(self._read, ahead)
        read = self._pending.pop(step).result()
        moved = read.each(lambda values: values.to(self._device, non_blocking=True))
        # Half as many bytes crossed to the device, as it is the device that widens them.
        return moved._replace(images=moved.images.to(torch.float32))

    def close(self) -> None:
        """End the threads."""
        self._closing()

    def _read(self, step: int) -> Slices:
        images, lesions, diseased = paired_images(
            self._order, step, self._share, self._images, compare=self._compare
        )
        chosen = torch.from_numpy(self._order.batch(step)[self._share])
        slices = Slices(images, self._labels[chosen].to(torch.int64), lesions, diseased)
        if self._device.type != "cuda":
            return slices
        with torch.cuda.device(self._device):  # a thread's own is the first GPU
            return slices.each(Tensor.pin_memory)

    def _images(self, chosen: NDArray[np.integer[Any]]) -> Tensor:
        if self._scattered is not None:
            return torch.from_numpy(self._scattered.read(self._positions[chosen]))
        assert self._held is not None
        return self._held[torch.from_numpy(chosen)]
