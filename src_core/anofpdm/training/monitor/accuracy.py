"""Accuracy of a network in training at classifying held-out slices."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from anofpdm.common.errors import SettingsError
from anofpdm.datasets.store.slices import SliceSelection
from anofpdm.guidance.accuracy import GuidanceAccuracy, guidance_accuracy
from anofpdm.guidance.measurement import measure
from anofpdm.method.schedule import NoiseSchedule, strided_timesteps

SEED: Final = 62003
GUIDANCES: Final = (1.0, 4.0, 16.0)
# Some steps of the published way to t = 600, enough to see whether it leads anywhere.
STEPS: Final = 10
T_MAX: Final = 600


class HeldOutAccuracy:
    """Accuracy of slices by their cosine (Eq. 18), as in guidance selection.

    Slices, steps and noise are the same every time. It draws from no generator of the training.

    Parameters
    ----------
    selection : SliceSelection
        Held-out slices.
    chosen : ndarray (S,) int
        Ascending indices of the slices to judge, of both classes; see `balanced_slices`.
    schedule : NoiseSchedule
        Noise levels.
    max_timestep : int
        Largest t that is trained.
    device : torch.device
        Where the network runs.
    """

    def __init__(
        self,
        selection: SliceSelection,
        chosen: NDArray[np.intp],
        schedule: NoiseSchedule,
        max_timestep: int,
        device: torch.device,
    ) -> None:
        dataset, self._positions = selection.dataset, selection.positions[chosen]
        self._images = dataset.read("images", self._positions)
        self._labels = selection.labels[chosen]
        self._channels = [dataset.modalities.index(name) for name in dataset.scored]
        self._schedule, self._device = schedule, device
        self._timesteps = strided_timesteps(STEPS, min(T_MAX, max_timestep), schedule.num_steps)

    def evaluate(
        self, network: nn.Module, batch_size: int, *, bfloat16: bool
    ) -> GuidanceAccuracy | None:
        """Judge the slices at a few guidances, each by the threshold that fits them best.

        Parameters
        ----------
        network : Module
            Evaluated in its evaluation mode; the mode is put back afterwards.
        batch_size : int
            Slices that the network is given at once; each counts twice, healthy and null.
        bfloat16 : bool
            Autocast, as in training.

        Returns
        -------
        GuidanceAccuracy or None
            None where the network's predictions are not finite.
        """

        def predict(x: Tensor, index: Tensor, label: Tensor) -> Tensor:
            with torch.autocast(x.device.type, torch.bfloat16, enabled=bfloat16):
                noise: Tensor = network(x, index, label)
            return noise.float()

        was_training = network.training
        network.eval()
        try:
            found = measure(
                self._batches(max(1, batch_size // 2)),
                predict,
                self._schedule,
                self._timesteps,
                GUIDANCES,
                channels=self._channels,
                process="ddim",
                clip=True,
                seed=SEED,
            )
        except SettingsError:
            # Accuracy does not decide whether a run continues; the loss does.
            return None
        finally:
            network.train(was_training)
        return guidance_accuracy(GUIDANCES, found.cosines, self._labels)

    def _batches(self, size: int) -> Iterator[tuple[Tensor, Sequence[int]]]:
        for start in range(0, len(self._positions), size):
            images = torch.from_numpy(self._images[start : start + size])
            yield (
                images.to(self._device, torch.float32),
                self._positions[start : start + size].tolist(),
            )


def balanced_slices(labels: NDArray[np.integer], count: int) -> NDArray[np.intp]:
    """Choose labelled slices at random, half of them unhealthy where there are enough.

    Parameters
    ----------
    labels : ndarray (S,) int
        0 healthy, 1 unhealthy, others unknown.
    count : int
        Maximum number.

    Returns
    -------
    ndarray of int
        Ascending indices, the same every time; none where they would not hold both classes.
    """
    well, sick = np.flatnonzero(labels == 0), np.flatnonzero(labels == 1)
    from_sick = min(len(sick), max(count // 2, count - len(well)))
    from_well = min(len(well), count - from_sick)
    if not from_sick or not from_well:
        return np.empty(0, dtype=np.intp)
    generator = np.random.default_rng(SEED)
    drawn = [
        generator.choice(of, size, replace=False)
        for of, size in ((well, from_well), (sick, from_sick))
    ]
    return np.sort(np.concatenate(drawn))
