"""Rivals that need no other network: DDIB and AnoDDPM, both decoded with healthy guidance.

Both reconstruct a slice as healthy; the map is the squared difference, averaged over the scored
modalities.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray

from anofpdm.analysis.batches.shared_calls import taking_part
from anofpdm.method.calibration import TimestepGrid
from anofpdm.method.settings import Settings
from anofpdm.scans.preprocessing import SliceStack

if TYPE_CHECKING:
    import torch

    from anofpdm.method.forward_process import NoisePredictor
    from anofpdm.method.schedule import NoiseSchedule
    from anofpdm.model.bundle import ModelBundle
    from anofpdm.model.precision import Precision


@dataclass(frozen=True)
class Rival:
    """A method that noises a slice once and decodes it with healthy guidance.

    Attributes
    ----------
    name, family : str
        As for `Method`.
    encoder : {"ddim", "gaussian"}
        "ddim": the deterministic forward process (Eq. 4), so DDIB (Su et al. 2023) with
        classifier-free guidance. "gaussian": Eq. 2 with one draw of noise, as AnoDDPM
        (Wyatt et al. 2022) noises; its own network is unguided, here the decoding is guided.
    grid : TimestepGrid
        Noise levels from 1 to the level L that the slice is noised to.
    settings : Settings
        Guidance w; median filter, smallest component and quantile make the mask.
    """

    name: str
    family: str
    encoder: Literal["ddim", "gaussian"]
    grid: TimestepGrid
    settings: Settings

    def maps(
        self,
        stack: SliceStack,
        model: ModelBundle,
        *,
        seed: int,
        device: str,
        precision: Precision = "auto",
        batch_size: int,
    ) -> NDArray[np.float32]:
        """Return the squared difference to the healthy reconstruction, (S, H, W)."""
        import torch

        scored = [model.metadata.modalities.index(name) for name in model.metadata.scored]
        predictor = model.predictor(device, precision)
        timesteps = model.timesteps(self.grid.steps, self.grid.t_max)
        found = []
        for start in range(0, len(stack.slices), batch_size):
            here = slice(start, start + batch_size)
            x0 = torch.from_numpy(stack.slices[here]).to(device)
            ids = [int(each) for each in stack.slice_ids[here]]
            with taking_part(predictor):
                noised = self._noised(x0, predictor, model.schedule, timesteps, seed, ids)
                healthy = decoded(
                    noised, predictor, model.schedule, timesteps, self.settings.guidance
                )
            difference = (healthy - x0)[:, scored].square().mean(dim=1)
            found.append(difference.cpu().numpy().astype(np.float32))
        return np.concatenate(found)

    def _noised(
        self,
        x0: torch.Tensor,
        predictor: NoisePredictor,
        schedule: NoiseSchedule,
        timesteps: Sequence[int],
        seed: int,
        ids: Sequence[int],
    ) -> torch.Tensor:
        """x_L."""
        from anofpdm.method.forward_process import forward_process, slice_noise

        last = timesteps[-1]
        if self.encoder == "gaussian":
            return schedule.noised(x0, slice_noise(x0.shape[1:], seed, ids, last, x0), last)
        walk = forward_process(
            x0, predictor, schedule, timesteps, process="ddim", seed=seed, slice_ids=ids
        )
        for step in walk:
            if step.t == last:
                return step.x_t
        raise AssertionError("the forward process ends at its last timestep")


def decoded(
    x: torch.Tensor,
    predictor: NoisePredictor,
    schedule: NoiseSchedule,
    timesteps: Sequence[int],
    guidance: float,
) -> torch.Tensor:
    """Walk back to the clean image with healthy guidance (DDIM), clipping each prediction.

    Parameters
    ----------
    x : Tensor
        x_L, (N, C, H, W), at the last of `timesteps`.
    predictor, schedule, timesteps
        As for `forward_process`.
    guidance : float
        w of eps = (1 + w) eps_h - w eps_null.

    Returns
    -------
    Tensor
        The reconstruction in [-1, 1].
    """
    import torch

    from anofpdm.method.class_labels import HEALTHY, NULL

    prediction = x
    for position in range(len(timesteps) - 1, -1, -1):
        t = timesteps[position]
        index = torch.full((2 * len(x),), t - 1, dtype=torch.int64, device=x.device)
        label = torch.full_like(index, NULL)
        label[: len(x)] = HEALTHY
        with torch.inference_mode():
            eps = predictor(torch.cat([x, x]), index, label)
        healthy, null = eps.to(x.dtype).clone().chunk(2)
        eps_guided = (1 + guidance) * healthy - guidance * null
        prediction = schedule.predict_x0(x, eps_guided, t).clamp(-1, 1)
        if position:
            x = schedule.ddim_next(x, prediction, t, timesteps[position - 1])
    return prediction
