"""One step of training, and the state that it changes."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from typing import cast

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.optim import AdamW
from torch.optim.swa_utils import AveragedModel

from anofpdm.common.errors import DeviceError, TrainingError
from anofpdm.datasets.store.slices import SliceSelection
from anofpdm.training.config import TrainingConfig
from anofpdm.training.data.augmentation import augment
from anofpdm.training.data.batches import Batches
from anofpdm.training.data.data_order import DataOrder, shared_rows
from anofpdm.training.data.draws import SharedDraws
from anofpdm.training.data.phantom_pool import PhantomPool
from anofpdm.training.step.compiling import compiled
from anofpdm.training.step.objective import NoisedBatch, Noising, slice_losses
from anofpdm.training.step.processes import Processes


class Trainer:
    """Network, moving average, optimizer and data of a run.

    Several processes take shares of each batch; slices, noise, timesteps and augmentation are
    those that one process would take, and only dropout draws otherwise.

    Parameters
    ----------
    config : TrainingConfig
        The run.
    network : Module
        Called as network(x, index, label); moved to `device`.
    selection : SliceSelection
        Training slices; read ahead of their steps (see `Batches`).
    device : torch.device
        Where to train.
    flip_axis : int
        Axis of a batch that runs left-right, -1 or -2.
    processes : Processes
        Those that share the run.

    Raises
    ------
    TrainingError
        When a batch has fewer slices than processes and accumulation ask for, or the data lack
        what it is made of.
    """

    def __init__(
        self,
        config: TrainingConfig,
        network: nn.Module,
        selection: SliceSelection,
        device: torch.device,
        flip_axis: int = -1,
        processes: Processes | None = None,
    ) -> None:
        self.config = config
        self.device = device
        self.network = network.to(device, memory_format=torch.channels_last).train()  # type: ignore[call-overload]
        self.ema = AveragedModel(self.network)
        self._averages = [p.detach() for p in self.ema.module.parameters()]
        self._weights = [p.detach() for p in self.network.parameters()]
        self.optimizer = AdamW(
            self.network.parameters(),
            lr=config.lr,
            betas=config.betas,
            weight_decay=config.weight_decay,
            fused=device.type in ("cpu", "cuda"),
        )
        self.noising = Noising(config.schedule, device, config.max_timestep, config.min_snr_gamma)
        self._processes = processes or Processes.alone(device)
        share = _share(config, self._processes)
        self._batches = _batches(config, selection, share, device)
        pairs = int(config.batch_size * (config.unhealthy_fraction or 0)) if config.twins else 0
        rows = torch.from_numpy(shared_rows(config.batch_size, pairs))
        self._rows, self._row_count = rows[share].to(device), int(rows.max()) + 1
        self.runs_ahead = device.type == "cuda"
        """Whether a step returns before the device has done it; see `check`."""
        self._failed = torch.zeros((), device=device)
        self._generator = torch.Generator(device)
        self._flip_axis = flip_axis
        self._parallel = self._processes.wrapped(self.network)
        called: nn.Module = self.network if self._parallel is None else self._parallel
        self._called = compiled(called) if config.compile else called

    def step(self, step: int, lr: float) -> Tensor:
        """Train on the batch of a step.

        Nothing waits for a GPU. Where loss or gradient are not finite, neither this step nor any
        after it changes the weights; `check` tells.

        Parameters
        ----------
        step : int
            0 for the first; with the seed it decides everything random.
        lr : float
            Learning rate.

        Returns
        -------
        Tensor (2,) float32
            On the device: the loss of the batch, all processes together, and the gradient's norm.

        Raises
        ------
        TrainingError
            When the network cannot be compiled.
        DeviceError
            When the device's memory does not suffice.
        DatasetError
            When the dataset is damaged.
        """
        self.optimizer.zero_grad(set_to_none=True)
        try:
            share = self._gradients(self._batch(step), step)
        except torch.OutOfMemoryError as error:
            raise _too_large(self.config, self.device) from error
        except RuntimeError as error:
            # Dynamo's and inductor's errors; any other is not compile's fault.
            if self.config.compile and type(error).__module__.startswith("torch._"):
                raise _not_compiled(error) from error
            raise
        norm = nn.utils.clip_grad_norm_(
            self.network.parameters(), self.config.grad_clip or float("inf"), foreach=True
        )
        measured = torch.stack([self._processes.total(share), norm.to(share.dtype)])
        for group in self.optimizer.param_groups:
            group["lr"] = lr
        if self.runs_ahead:
            self._failed = torch.maximum(self._failed, (~measured.isfinite()).any().float())
            # Named so by PyTorch's gradient scaler: where it is 1, the fused step does nothing.
            self.optimizer.found_inf = self._failed  # type: ignore[attr-defined]
        elif not bool(measured.isfinite().all()):
            return measured
        self.optimizer.step()
        self._average()
        return measured

    def check(self, measured: Sequence[Tensor], first: int, lr: float) -> list[float]:
        """Wait for steps to be done, and return their losses.

        Parameters
        ----------
        measured : sequence of Tensor
            What the steps returned.
        first : int
            Number of the first of them.
        lr : float
            Learning rate of the last.

        Raises
        ------
        TrainingError
            When the loss or the gradient of one is not finite; the weights are as before it.
        """
        rows: list[list[float]] = torch.stack(list(measured)).tolist()
        for step, (loss, norm) in enumerate(rows, start=first):
            if not np.isfinite([loss, norm]).all():
                raise TrainingError(
                    f"The loss became {loss} (gradient norm {norm:g}) at step {step + 1}; "
                    f"resume from the last checkpoint with a learning rate below {lr:g}."
                )
        return [loss for loss, _ in rows]

    def close(self) -> None:
        """End what reads ahead."""
        self._batches.close()

    @torch.no_grad()
    def _average(self) -> None:
        """Move the average toward the weights; `AveragedModel`'s own update waits for the GPU."""
        k = int(self.ema.n_averaged)
        if k == 0:
            torch._foreach_copy_(self._averages, self._weights)
        else:
            decay = min(self.config.ema_decay, (1 + k) / (10 + k))
            torch._foreach_lerp_(self._averages, self._weights, 1 - decay)
        self.ema.n_averaged += 1

    def _batch(self, step: int) -> NoisedBatch:
        """Noised slices of this process's share of a step's batch."""
        config = self.config
        images, labels, lesions, diseased = self._batches.batch(step)
        if diseased is not None and config.counterfactual_fraction > 0:
            # From the same numbers as the slices below, so that twins stay twins.
            diseased, _ = self._augmented(diseased, None, self._draws(step))
        draws = self._draws(step)
        images, lesions = self._augmented(images, lesions, draws)
        batch = self.noising.draw(
            images,
            labels,
            config.null_label_probability,
            draws,
            diseased,
            config.counterfactual_fraction,
        )
        if lesions is None:
            return batch
        return replace(batch, weight=1 + (config.lesion_weight - 1) * lesions)

    def _draws(self, step: int) -> SharedDraws:
        """Give a step's random numbers, from the first on."""
        self._generator.manual_seed(step_seed(self.config.seed, step))
        return SharedDraws(self._rows, self._generator, self._row_count)

    def _augmented(
        self, images: Tensor, lesions: Tensor | None, draws: SharedDraws
    ) -> tuple[Tensor, Tensor | None]:
        return augment(images, self.config.augmentation, draws, self._flip_axis, lesions)

    def _gradients(self, batch: NoisedBatch, step: int) -> Tensor:
        """Add up the gradients of the share, part by part; return its part in the batch's loss."""
        config, processes = self.config, self._processes
        total = torch.zeros((), device=self.device)
        parts = batch.split(config.accumulation)
        for number, part in enumerate(parts):
            # The network's dropout draws from the global generator.
            torch.manual_seed(step_seed(config.seed, step, processes.rank, number))
            with self._exchange(last=number == len(parts) - 1), _attention_kernel(self.device):
                losses = slice_losses(self._called, part, bfloat16=config.precision == "bfloat16")
                loss = (self.noising.weights(part) * losses).sum() / config.batch_size
                # Gradients are averaged over the processes, losses of shares add up.
                (loss * processes.count).backward()  # type: ignore[no-untyped-call]
            total += loss.detach()
        return total

    def _exchange(self, *, last: bool) -> AbstractContextManager[None]:
        """Exchange gradients with the other processes after the last part alone."""
        if self._parallel is None or last:
            return nullcontext()
        return self._parallel.no_sync()


def _attention_kernel(device: torch.device) -> AbstractContextManager[None]:
    # The CPU's fused kernel saves memory, but its backward pass takes several times as long as
    # plain matrix products at the few tokens of our coarse levels.
    if device.type == "cpu":
        return cast(AbstractContextManager[None], sdpa_kernel(SDPBackend.MATH))
    return nullcontext()


def step_seed(seed: int, step: int, rank: int = 0, part: int = 0) -> int:
    """Seed of a step's generators, well mixed from the run's seed, the step and the place."""
    key = np.random.SeedSequence([seed, step, rank, part])
    return int(key.generate_state(1, np.uint64)[0] >> np.uint64(1))


def _batches(
    config: TrainingConfig, selection: SliceSelection, share: slice, device: torch.device
) -> Batches | PhantomPool:
    """Give the source of the steps' slices."""
    if config.phantoms is not None:
        return PhantomPool(
            config.phantoms,
            selection.dataset,
            share,
            device,
            twins=config.twins,
            compare=config.compares_twins,
            seed=config.seed,
            batch_size=config.batch_size,
            unhealthy_fraction=config.unhealthy_fraction,
            faintest_lesion=config.faintest_lesion,
        )
    order = DataOrder(
        selection.labels,
        config.batch_size,
        config.seed,
        config.unhealthy_fraction,
        selection.twins if config.twins else None,
        config.faintest_lesion,
    )
    return Batches(selection, order, share, device, compare=config.compares_twins)


def _share(config: TrainingConfig, processes: Processes) -> slice:
    if processes.count * config.accumulation > config.batch_size:
        raise TrainingError(
            f"batch_size = {config.batch_size} is too small for accumulation = "
            f"{config.accumulation} in {processes.count} process(es), because each part needs a "
            "slice; change one of them."
        )
    return processes.share(config.batch_size)


def _too_large(config: TrainingConfig, device: torch.device) -> DeviceError:
    return DeviceError(
        f"{device} does not have enough memory for a step; increase accumulation above "
        f"{config.accumulation} (and resume), or reduce batch_size below {config.batch_size}."
    )


def _not_compiled(error: RuntimeError) -> TrainingError:
    reason = next(iter(str(error).strip().splitlines()), type(error).__name__)
    return TrainingError(
        f"compile = true: PyTorch cannot compile the network here ({reason}); set compile = false."
    )
