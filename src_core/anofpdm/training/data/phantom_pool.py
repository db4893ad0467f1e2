"""Batches of synthetic slices that are drawn on the device while a run lasts."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor

from anofpdm.common.errors import TrainingError
from anofpdm.common.validation import validated
from anofpdm.datasets.store.slices import SliceDataset
from anofpdm.scans.preprocessing_config import PreprocessingConfig
from anofpdm.synthetic.slices import phantom_slices
from anofpdm.training.data.data_order import DataOrder
from anofpdm.training.data.phantom_config import PhantomDraws


class PhantomPool:
    """Slices and labels of any step, from subjects that change every `draws.steps` steps.

    What a step gets depends on the seeds alone, so a resumed run gets the same.

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
    **order
        What `DataOrder` takes besides labels and twins; `twins` says whether there are any.

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
        seed: int,
        **order: Any,
    ) -> None:
        made = dataset.description["provenance"]
        if "phantom_seeds" not in made:
            raise TrainingError(
                f"{dataset.path} does not hold phantoms, so it does not say how to draw more of "
                "them; make one with anofpdm phantom-dataset."
            )
        self._draws, self._share, self._device = draws, share, device
        self._modalities = dataset.modalities
        self._preprocessing = validated(
            PreprocessingConfig, where=str(dataset.path), **dataset.preprocessing
        )
        self._lesion_mm2 = float(made["lesion_mm2"])
        self._twins, self._seed, self._order_values = twins, seed, order
        self._number = -1

    def batch(self, step: int) -> tuple[Tensor, Tensor]:
        """Slices (B, C, H, W) float32 and labels (B,) int64 of a step, on the device."""
        number, place = divmod(step, self._draws.steps)
        if number != self._number:
            self._draw(number)
        chosen = self._order.batch(place)[self._share]
        rows = torch.from_numpy(chosen).to(self._device)
        images = self._images[rows].float()
        strengths = self._order.strengths(place)[self._share]
        faint = np.flatnonzero(strengths < 1)
        if faint.size:
            assert self._order.twins is not None
            where = torch.from_numpy(faint).to(self._device)
            partners = torch.from_numpy(self._order.twins[chosen[faint]]).to(self._device)
            weight = torch.from_numpy(strengths[faint]).to(self._device)[:, None, None, None]
            images[where] = torch.lerp(self._images[partners].float(), images[where], weight)
        return images, self._labels[rows]

    def close(self) -> None:
        """Forget the subjects."""
        self._number = -1
        self._images = self._labels = torch.empty(0)

    def _draw(self, number: int) -> None:
        """Draw the subjects of one period; the former ones are forgotten first."""
        self.close()
        draws = self._draws
        seeds = [
            draws.first + (number * draws.subjects + k) % (draws.end - draws.first)
            for k in range(draws.subjects)
        ]
        images, labels, partners, count = [], [], [], 0
        for seed in seeds:
            part = phantom_slices(
                seed,
                self._modalities,
                self._preprocessing,
                lesion_mm2=self._lesion_mm2,
                twins=self._twins,
                device=self._device,
            )
            sick = np.flatnonzero(part.labels == 1)
            pairs = np.full(len(part.labels), -1)
            images.append(part.images.half())
            labels.append(part.labels)
            count += len(pairs)
            if part.twins is not None and len(sick):
                pairs[sick] = count + np.arange(len(sick))
                images.append(part.twins.half())
                labels.append(np.zeros(len(sick), dtype=np.int8))
                partners += [pairs, np.full(len(sick), -1)]
                count += len(sick)
            else:
                partners.append(pairs)
        all_labels = np.concatenate(labels)
        self._images = torch.cat(images)
        self._labels = torch.from_numpy(all_labels).to(self._device, torch.int64)
        self._order = DataOrder(
            all_labels,
            seed=self._seed + number,
            twins=np.concatenate(partners) if self._twins else None,
            **self._order_values,
        )
        self._number = number
