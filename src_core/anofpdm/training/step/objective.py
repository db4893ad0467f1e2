"""The training objective: MSE of the noise, with null-label dropout and counterfactual slices."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from anofpdm.method.class_labels import NULL
from anofpdm.method.schedule import NoiseSchedule
from anofpdm.training.data.draws import SharedDraws


@dataclass(frozen=True)
class NoisedBatch:
    """The network's inputs, and the noise it must predict.

    Attributes
    ----------
    x_t, noise : Tensor (B, C, H, W)
        Noised slices (Eq. 2), and the noise in them that the network must find.
    index : Tensor (B,) int64
        t - 1.
    label : Tensor (B,) int64
        0 healthy, 1 unhealthy, 2 null.
    weight : Tensor (B, 1, H, W), optional
        How often each pixel counts in the loss; None counts all once.
    """

    x_t: Tensor
    noise: Tensor
    index: Tensor
    label: Tensor
    weight: Tensor | None = None

    def split(self, parts: int) -> list[NoisedBatch]:
        """Cut into `parts` batches whose sizes differ by one slice at most."""
        cut = (
            [None] * parts if values is None else torch.tensor_split(values, parts)
            for values in (self.x_t, self.noise, self.index, self.label, self.weight)
        )
        return [NoisedBatch(*part) for part in zip(*cut, strict=True)]


class Noising:
    """Eq. 2 for a different t in each slice of a batch.

    Parameters
    ----------
    schedule : NoiseSchedule
        Noise levels.
    device : torch.device
        Where the batches live.
    max_timestep : int, optional
        Largest t that is drawn; T by default.
    min_snr_gamma : float, optional
        Where given, `weights` are min(SNR_t, gamma) / SNR_t over their mean; else 1.
    """

    def __init__(
        self,
        schedule: NoiseSchedule,
        device: torch.device,
        max_timestep: int | None = None,
        min_snr_gamma: float | None = None,
    ) -> None:
        alpha_bar = torch.from_numpy(schedule.alpha_bars[1:])
        self._signal = alpha_bar.sqrt().to(device, torch.float32)
        self._noise = (1 - alpha_bar).sqrt().to(device, torch.float32)
        snr = alpha_bar / (1 - alpha_bar)
        weights = (
            torch.ones_like(snr) if min_snr_gamma is None else snr.clamp(max=min_snr_gamma) / snr
        )
        self.num_steps = min(max_timestep or schedule.num_steps, schedule.num_steps)
        weights = weights[: self.num_steps]
        self._weights = (weights / weights.mean()).to(device, torch.float32)

    def weights(self, batch: NoisedBatch) -> Tensor:
        """Return what each slice's loss counts for, (B,), 1 on average over t."""
        return self._weights[batch.index]

    def at(
        self,
        images: Tensor,
        noise: Tensor,
        index: Tensor,
        label: Tensor,
        shown: Tensor | None = None,
    ) -> NoisedBatch:
        """Batch at given timestep indices, noise and labels.

        Where other slices are `shown` (B, C, H, W), those are noised, and the noise to be found is
        the one that leads back to `images`: sqrt(alpha_bar_t) (shown - images) / sqrt(1 -
        alpha_bar_t) more than the noise that was added.
        """
        place = (slice(None), None, None, None)
        signal, deviation = self._signal[index][place], self._noise[index][place]
        if shown is None:
            return NoisedBatch(signal * images + deviation * noise, noise, index, label)
        x_t = signal * shown + deviation * noise
        return NoisedBatch(x_t, noise + signal / deviation * (shown - images), index, label)

    def draw(
        self,
        images: Tensor,
        labels: Tensor,
        null_probability: float,
        draws: SharedDraws,
        diseased: Tensor | None = None,
        counterfactual_fraction: float = 0.0,
    ) -> NoisedBatch:
        """Batch with t uniform in 1..max_timestep, fresh noise, and labels dropped to null.

        Parameters
        ----------
        images : Tensor (B, C, H, W)
            In [-1, 1].
        labels : Tensor (B,) int64
            0, 1, or -1 (unknown), which always trains as null.
        null_probability : float
            Share of labels replaced by null.
        draws : SharedDraws
            The only source of randomness, for B slices.
        diseased : Tensor (B, C, H, W), optional
            The slices with their lesions, as `Slices` has them.
        counterfactual_fraction : float
            Share of the slices that are shown as in `diseased`, and must still be found without
            their lesions; never under the null label. Nothing more is drawn if it is 0.
        """
        noise = draws.normal(images.shape[1:])
        index = draws.integers(self.num_steps)
        dropped = draws.uniform(1)[:, 0] < null_probability
        label = labels.masked_fill(dropped | (labels < 0), NULL)
        if diseased is None or counterfactual_fraction == 0:
            return self.at(images, noise, index, label)
        asked = (draws.uniform(1)[:, 0] < counterfactual_fraction) & (label != NULL)
        shown = torch.where(asked[:, None, None, None], diseased, images)
        return self.at(images, noise, index, label, shown)


def slice_losses(network: nn.Module, batch: NoisedBatch, *, bfloat16: bool) -> Tensor:
    """Mean squared error of the predicted noise of each slice, weighted, (B,) float32."""
    with torch.autocast(batch.x_t.device.type, torch.bfloat16, enabled=bfloat16):
        predicted = network(batch.x_t, batch.index, batch.label)
    errors = functional.mse_loss(predicted.float(), batch.noise, reduction="none")
    if batch.weight is not None:
        errors = errors * batch.weight
    return errors.mean((1, 2, 3))
