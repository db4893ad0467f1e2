"""The unguided forward process: a generator of noised inputs and one-step predictions."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from anofpdm.common.errors import SettingsError
from anofpdm.common.processes.worker_processes import usable_cpus
from anofpdm.method.calibration import Process
from anofpdm.method.class_labels import HEALTHY, NULL
from anofpdm.method.schedule import NoiseSchedule

NoisePredictor = Callable[[Tensor, Tensor, Tensor], Tensor]
"""eps(x (B, C, H, W), index (B,) int64 = t - 1, label (B,) int64) -> noise (B, C, H, W)."""


@dataclass(frozen=True)
class Step:
    """The network's predictions for a batch of slices at one timestep.

    Attributes
    ----------
    position : int
        Index of the step on the grid of timesteps, from 0.
    t : int
        The timestep, 1..T.
    x_t : Tensor
        The noised input, (N, C, H, W).
    x0_null : Tensor
        The unguided prediction of Eq. 10, not clipped, (N, C, H, W).
    eps_gap : Tensor
        eps_h - eps_null, (N, C, H, W); the gap g_t is A_t times it.
    """

    position: int
    t: int
    x_t: Tensor
    x0_null: Tensor
    eps_gap: Tensor

    def channels(self, indices: Sequence[int]) -> Step:
        """Return the step restricted to some channels (the scored ones)."""
        if list(indices) == list(range(self.x_t.shape[1])):
            return self
        picked = list(indices)
        return replace(
            self,
            x_t=self.x_t[:, picked],
            x0_null=self.x0_null[:, picked],
            eps_gap=self.eps_gap[:, picked],
        )


def slice_noise(
    shape: Sequence[int], seed: int, slice_ids: Sequence[int], t: int, like: Tensor
) -> Tensor:
    """Draw standard normal noise that depends only on (seed, slice, t).

    It is drawn on the CPU in float32, so that device, batch size and order make no difference, and
    by a thread for each core: one alone is slower than a GPU's network.

    Parameters
    ----------
    shape : sequence of int
        (C, H, W) of one slice.
    seed : int
        The run's seed, >= 0.
    slice_ids : sequence of int
        Identity of each slice of the batch, >= 0.
    t : int
        Timestep.
    like : Tensor
        Gives dtype and device.

    Returns
    -------
    Tensor
        (N, C, H, W).
    """
    drawn = np.empty((len(slice_ids), *shape), np.float32)

    def draw(identity: int, place: NDArray[np.float32]) -> None:
        own = np.random.default_rng(np.random.SeedSequence([seed, identity, t]))
        own.standard_normal(dtype=np.float32, out=place)

    with ThreadPoolExecutor(usable_cpus()) as pool:
        list(pool.map(draw, slice_ids, drawn))
    return torch.from_numpy(drawn).to(device=like.device, dtype=like.dtype)


def forward_process(
    x0: Tensor,
    predictor: NoisePredictor,
    schedule: NoiseSchedule,
    timesteps: Sequence[int],
    *,
    process: Process = "ddim",
    clip: bool = True,
    seed: int = 0,
    slice_ids: Sequence[int],
) -> Iterator[Step]:
    """Run the forward process (Eq. 2, 4) with one network call of 2N evaluations per step.

    The trajectory is unguided and therefore the same for every guidance w. To cancel, stop
    iterating.

    Parameters
    ----------
    x0 : Tensor
        Slices, (N, C, H, W), in [-1, 1].
    predictor : callable
        The noise predictor; called with the healthy and the null label in one batch.
    schedule : NoiseSchedule
        Gives alpha_bar_t.
    timesteps : sequence of int
        Strictly increasing timesteps within 1..T.
    process : {"ddim", "ddpm"}
        "ddim": the first x_t from Eq. 2, the others by Eq. 4 from the previous step of the grid.
        "ddpm": every x_t from Eq. 2 with fresh noise.
    clip : bool
        Whether Eq. 4 derives the noise from the prediction clipped to [-1, 1].
    seed : int
        Seed of all noise, >= 0.
    slice_ids : sequence of int
        Identity of each slice, >= 0; with `seed` it determines the slice's noise.

    Yields
    ------
    Step
        One for each timestep, on the device and in the dtype of `x0`.

    Raises
    ------
    SettingsError
        At the call, when timesteps, process, seed or slice identities are invalid.
    """
    _check(x0, schedule, timesteps, process, seed, slice_ids)
    return _walk(x0, predictor, schedule, tuple(timesteps), process, clip, seed, tuple(slice_ids))


def _walk(
    x0: Tensor,
    predictor: NoisePredictor,
    schedule: NoiseSchedule,
    timesteps: tuple[int, ...],
    process: Process,
    clip: bool,
    seed: int,
    slice_ids: tuple[int, ...],
) -> Iterator[Step]:
    def noised(t: int) -> Tensor:
        return schedule.noised(x0, slice_noise(x0.shape[1:], seed, slice_ids, t, x0), t)

    x_t = noised(timesteps[0])
    for position, t in enumerate(timesteps):
        eps_healthy, eps_null = _predict(predictor, x_t, t)
        x0_null = schedule.predict_x0(x_t, eps_null, t)
        yield Step(position, t, x_t, x0_null, eps_healthy - eps_null)
        if position + 1 < len(timesteps):
            t_next = timesteps[position + 1]
            if process == "ddpm":
                x_t = noised(t_next)
            else:
                prediction = x0_null.clamp(-1.0, 1.0) if clip else x0_null
                x_t = schedule.ddim_next(x_t, prediction, t, t_next)


def _predict(predictor: NoisePredictor, x_t: Tensor, t: int) -> tuple[Tensor, Tensor]:
    """(eps_h, eps_null) at x_t, from one call of twice the batch."""
    count = x_t.shape[0]
    # Leave inference mode before the yield; the caller of the generator must not inherit it.
    with torch.inference_mode():
        index = torch.full((2 * count,), t - 1, dtype=torch.int64, device=x_t.device)
        label = torch.full_like(index, NULL)
        label[:count] = HEALTHY
        eps = predictor(torch.cat([x_t, x_t]), index, label)
    # A clone made outside inference mode is an ordinary tensor that may be changed in place.
    eps = eps.to(x_t.dtype).clone()
    return eps[:count], eps[count:]


def _check(
    x0: Tensor,
    schedule: NoiseSchedule,
    timesteps: Sequence[int],
    process: str,
    seed: int,
    slice_ids: Sequence[int],
) -> None:
    steps = list(timesteps)
    if not steps or any(later <= former for former, later in pairwise(steps)):
        raise SettingsError(f"Timesteps must be strictly increasing, at least one; got {steps}.")
    for t in (steps[0], steps[-1]):
        schedule.alpha_bar(t)
    if process not in ("ddim", "ddpm"):
        raise SettingsError(f"The process must be 'ddim' or 'ddpm'; got {process!r}.")
    if seed < 0 or any(identity < 0 for identity in slice_ids):
        raise SettingsError(f"Seed and slice identities must be 0 or more; the seed is {seed}.")
    if x0.ndim != 4 or len(slice_ids) != x0.shape[0]:
        raise SettingsError(
            f"Slices of shape (N, C, H, W) need N identities; got shape {tuple(x0.shape)} and "
            f"{len(slice_ids)} identities."
        )
