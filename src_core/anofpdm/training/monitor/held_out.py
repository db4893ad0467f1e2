"""The held-out denoising loss: the same slices, noise and timesteps every time."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor, nn

from anofpdm.datasets.store.slices import SliceSelection
from anofpdm.method.class_labels import NULL
from anofpdm.training.step.objective import Noising, slice_losses

SEED = 90210


class HeldOutLoss:
    """Loss by quartile of the noise level, with the true labels and with null ones.

    A network that has learned what the labels mean loses less with the true ones.

    Parameters
    ----------
    selection : SliceSelection
        Held-out slices; evenly spaced ones are taken, unknown labels count as null.
    count : int
        Maximum number of slices.
    noising : Noising
        Noise levels.
    device : torch.device
        Where the network runs.
    """

    def __init__(
        self, selection: SliceSelection, count: int, noising: Noising, device: torch.device
    ) -> None:
        count = min(count, len(selection))
        chosen = np.linspace(0, len(selection) - 1, count).astype(int)
        images = selection.dataset.read("images", selection.positions[chosen])
        generator = torch.Generator().manual_seed(SEED)
        # Neighbouring slices get far-apart noise levels, so that each quartile sees every subject.
        order = torch.randperm(count, generator=generator)
        self._images = torch.from_numpy(images)
        self._noise = torch.randn(images.shape, generator=generator)
        self._index = (order * noising.num_steps + noising.num_steps // 2) // count
        labels = torch.from_numpy(selection.labels[chosen]).long()
        self._labels = labels.masked_fill(labels < 0, NULL)
        self._noising = noising
        self._device = device

    @torch.inference_mode()
    def evaluate(
        self, network: nn.Module, batch_size: int, *, bfloat16: bool
    ) -> dict[str, list[float]]:
        """Losses by quartile of t (lowest noise first), keys "label" and "null".

        Parameters
        ----------
        network : Module
            Evaluated in its evaluation mode; the mode is put back afterwards.
        batch_size : int
            Slices a call.
        bfloat16 : bool
            Autocast, as in training.
        """
        was_training = network.training
        network.eval()
        quartile = self._index * 4 // self._noising.num_steps
        result = {}
        for name, labels in {
            "label": self._labels,
            "null": torch.full_like(self._labels, NULL),
        }.items():
            losses = torch.cat(
                [
                    self._losses(network, labels, part, bfloat16)
                    for part in torch.split(torch.arange(len(labels)), batch_size)
                ]
            )
            result[name] = _means(losses, quartile, range(4))
        network.train(was_training)
        return result

    def _losses(self, network: nn.Module, labels: Tensor, part: Tensor, bfloat16: bool) -> Tensor:
        images, noise, index, label = (
            values[part].to(self._device)
            for values in (self._images, self._noise, self._index, labels)
        )
        batch = self._noising.at(images.float(), noise, index, label)
        return slice_losses(network, batch, bfloat16=bfloat16).cpu()


def _means(losses: Tensor, group: Tensor, groups: Sequence[int]) -> list[float]:
    return [float(losses[group == g].mean()) for g in groups if bool((group == g).any())]
