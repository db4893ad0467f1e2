"""One step of training, and the state that it changes."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor, nn
from torch.optim import AdamW
from torch.optim.swa_utils import AveragedModel

from anofpdm.datasets.slices import SliceSelection
from anofpdm.errors import TrainingError
from anofpdm.training.augmentation import augment
from anofpdm.training.config import TrainingConfig
from anofpdm.training.data_order import DataOrder
from anofpdm.training.draws import SharedDraws
from anofpdm.training.objective import Noising, slice_losses

Tensors = tuple[Tensor, ...] | list[Tensor]


class Trainer:
    """Network, moving average, optimizer and data of a run.

    Parameters
    ----------
    config : TrainingConfig
        The run.
    network : Module
        Called as network(x, index, label); moved to `device`.
    selection : SliceSelection
        Training slices; all are held in memory.
    device : torch.device
        Where to train.
    flip_axis : int
        Axis of a batch that runs left-right, -1 or -2.
    """

    def __init__(
        self,
        config: TrainingConfig,
        network: nn.Module,
        selection: SliceSelection,
        device: torch.device,
        flip_axis: int = -1,
    ) -> None:
        self.config = config
        self.device = device
        self.network = network.to(device, memory_format=torch.channels_last).train()  # type: ignore[call-overload]
        self.ema = AveragedModel(self.network, multi_avg_fn=_ema_update(config.ema_decay))
        self.optimizer = AdamW(
            self.network.parameters(),
            lr=config.lr,
            betas=config.betas,
            weight_decay=config.weight_decay,
            fused=device.type in ("cpu", "cuda"),
        )
        self.noising = Noising(config.schedule, device, config.max_timestep, config.min_snr_gamma)
        self._images = torch.from_numpy(selection.images)
        self._labels = torch.from_numpy(selection.labels)
        self._order = DataOrder(
            selection.labels,
            config.batch_size,
            config.seed,
            config.unhealthy_fraction,
            selection.twins if config.twins else None,
        )
        self._rows = torch.from_numpy(self._order.rows())
        self._generator = torch.Generator(device)
        self._flip_axis = flip_axis

    def step(self, step: int, lr: float) -> float:
        """Train on the batch of a step.

        Parameters
        ----------
        step : int
            0 for the first; with the seed it decides everything random.
        lr : float
            Learning rate.

        Returns
        -------
        float
            The batch's loss.

        Raises
        ------
        TrainingError
            When loss or gradient is not finite; the weights are as before the step.
        """
        config = self.config
        seed = step_seed(config.seed, step)
        self._generator.manual_seed(seed)
        # The network's dropout draws from the global generator.
        torch.manual_seed(seed)
        images, labels = self._batch(step)
        draws = SharedDraws(self._rows, self._generator)
        images = augment(images, config.augmentation, draws, self._flip_axis)
        batch = self.noising.draw(images, labels, config.null_label_probability, draws)
        loss = slice_losses(self.network, batch, bfloat16=config.precision == "bfloat16").mean()
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        norm = nn.utils.clip_grad_norm_(
            self.network.parameters(), config.grad_clip or float("inf"), foreach=True
        )
        value = float(loss.detach())
        if not np.isfinite(value) or not bool(norm.isfinite()):
            raise TrainingError(
                f"The loss became {value} (gradient norm {float(norm):g}) at step {step + 1}; "
                f"resume from the last checkpoint with a learning rate below {lr:g}."
            )
        for group in self.optimizer.param_groups:
            group["lr"] = lr
        self.optimizer.step()
        self.ema.update_parameters(self.network)
        return value

    def _batch(self, step: int) -> tuple[Tensor, Tensor]:
        chosen = torch.from_numpy(self._order.batch(step))
        images = self._images[chosen].to(self.device, torch.float32)
        return images, self._labels[chosen].to(self.device, torch.int64)


def step_seed(seed: int, step: int) -> int:
    """Seed of a step's generators, well mixed from the run's seed and the step."""
    return int(np.random.SeedSequence([seed, step]).generate_state(1, np.uint64)[0] >> np.uint64(1))


def _ema_update(decay: float) -> Callable[[Tensors, Tensors, Tensor | int], None]:
    @torch.no_grad()
    def update(averages: Tensors, values: Tensors, count: Tensor | int) -> None:
        k = int(count)
        torch._foreach_lerp_(averages, values, 1 - min(decay, (1 + k) / (10 + k)))

    return update
