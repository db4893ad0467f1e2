"""Curves and anomaly maps gathered step by step, in memory independent of the number of steps."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from anofpdm.errors import SettingsError
from anofpdm.schedule import NoiseSchedule
from anofpdm.settings import Sam, Settings


@dataclass(frozen=True)
class Accumulated:
    """What one guidance leaves behind after the last step.

    Attributes
    ----------
    divergence, mse_healthy, mse_null : Tensor
        M_t (Eq. 12), ||e_h||^2 / d and ||e_null||^2 / d (Eq. 14, 16), each (N, C, K).
    end_index : Tensor
        Index of t_e on the grid, (N, C), int64.
    divergence_at_end : Tensor
        M_{t_e}, (N, C).
    maps : Tensor or None
        H of Eq. 20 (or the map at t_e), (N, C, H, W); None when maps were not asked for.
    """

    divergence: Tensor
    mse_healthy: Tensor
    mse_null: Tensor
    end_index: Tensor
    divergence_at_end: Tensor
    maps: Tensor | None


class SliceAccumulator:
    """Feeds on steps, live or stored, for several settings at once.

    Of the settings, `guidance`, `sam` and `end_step` matter here. Per setting a running sum of
    the sub-anomaly maps is kept, and copied whenever M_t reaches a new maximum: at the end the
    copy is the sum up to t_e. Only scalars per step (M_t and the errors) grow with the steps.

    Parameters
    ----------
    x0 : Tensor
        The scored channels of the slices, (N, C, H, W), in [-1, 1]; its dtype and device are
        those of all arithmetic.
    schedule : NoiseSchedule
    timesteps : sequence of int
        The grid that will be fed, in order.
    settings : sequence of Settings
        One result for each.
    clip : bool
        Clip both predictions to [-1, 1] before M_t, the errors and S_t. The gradient variants
        rest on the gap that is never clipped.
    keep_maps : bool
        False gathers the curves alone, for a guidance search.

    Raises
    ------
    SettingsError
        When an `end_step` is not on the grid.
    """

    def __init__(
        self,
        x0: Tensor,
        schedule: NoiseSchedule,
        timesteps: Sequence[int],
        settings: Sequence[Settings],
        *,
        clip: bool = True,
        keep_maps: bool = True,
    ) -> None:
        self._x0 = x0.contiguous()
        self._schedule = schedule
        self._timesteps = tuple(timesteps)
        self._clip = clip
        self._mse_null: list[Tensor] = []
        self._lanes = [
            _Lane(one.guidance, one.sam, _end_index(one.end_step, self._timesteps), keep_maps)
            for one in settings
        ]

    @torch.no_grad()
    def update(self, t: int, x0_null: Tensor, eps_gap: Tensor) -> None:
        """Take in the next step of the grid.

        Parameters
        ----------
        t : int
            Its timestep.
        x0_null, eps_gap : Tensor
            Unclipped unguided prediction and eps_h - eps_null of the scored channels,
            (N, C, H, W), of any float dtype.
        """
        position = len(self._mse_null)
        if position >= len(self._timesteps) or t != self._timesteps[position]:
            raise SettingsError(f"Step t = {t} came out of the order of the grid of timesteps.")
        x0 = self._x0
        null = x0_null.to(x0).contiguous()
        gap = eps_gap.to(x0).contiguous() * self._schedule.a(t)
        shown = null.clamp(-1.0, 1.0) if self._clip else null
        self._mse_null.append(mean_square(shown - x0))
        for lane in self._lanes:
            # Product and difference stay two operations: a fused one may round otherwise in the
            # tail of a vector, and results would depend on the batch size.
            healthy = null - gap * (1.0 + lane.guidance)
            if self._clip:
                healthy.clamp_(-1.0, 1.0)
            square = healthy.sub(x0).square_()
            divergence = mean_square(healthy.sub_(shown))
            lane.update(position, divergence, square, gap, self._schedule.b(t))

    def result(self) -> list[Accumulated]:
        """Return one `Accumulated` per setting, in their order.

        Raises
        ------
        SettingsError
            When steps of the grid have not been fed, or the network gave values that are not
            finite.
        """
        if len(self._mse_null) != len(self._timesteps):
            raise SettingsError(
                f"{len(self._mse_null)} of {len(self._timesteps)} timesteps were fed; all are "
                "needed for an interpretation."
            )
        mse_null = torch.stack(self._mse_null, dim=-1)
        return [lane.result(mse_null) for lane in self._lanes]


class _Lane:
    """The state of one setting."""

    def __init__(self, guidance: float, sam: Sam, end_index: int | None, keep_maps: bool) -> None:
        self.guidance = guidance
        self._sam = sam
        self._end_index = end_index
        self._keep_maps = keep_maps
        self._divergence: list[Tensor] = []
        self._mse_healthy: list[Tensor] = []
        self._best: Tensor | None = None
        self._best_index: Tensor | None = None
        self._sum: Tensor | None = None
        self._kept: Tensor | None = None

    def update(
        self, position: int, divergence: Tensor, square: Tensor, gap: Tensor, b: float
    ) -> None:
        """Take in M_t (N, C), e_h^2 and the unclipped g_t (N, C, H, W), and B_t."""
        self._divergence.append(divergence)
        self._mse_healthy.append(_spatial_mean(square))
        wanted = self._end_index
        if wanted is not None and position > wanted:
            return
        reached = self._reached(position, divergence)
        if self._keep_maps:
            self._gather(self._sub_anomaly_map(square, gap, b), reached)

    def _reached(self, position: int, divergence: Tensor) -> Tensor:
        """Where (N, C) this step is, up to now, the end step."""
        if self._best is None or self._best_index is None or self._end_index is not None:
            reached = torch.ones_like(divergence, dtype=torch.bool)
            self._best = divergence.clone()
            self._best_index = torch.full_like(divergence, position, dtype=torch.int64)
            return reached
        # Strictly greater: of equal maxima the first is t_e, as an argmax gives it.
        reached = divergence > self._best
        self._best = torch.where(reached, divergence, self._best)
        self._best_index = torch.where(
            reached, torch.full_like(self._best_index, position), self._best_index
        )
        return reached

    def _sub_anomaly_map(self, square: Tensor, gap: Tensor, b: float) -> Tensor:
        """S_t of Eq. 19, or a variant of appendix D (Table 2)."""
        if self._sam in ("sam", "sam_at_end"):
            return square
        if self._sam == "weighted_gradient":
            return (gap * (1.0 + self.guidance)).square_()
        return (gap / b).square_()

    def _gather(self, sub_anomaly_map: Tensor, reached: Tensor) -> None:
        if self._sam.endswith("_at_end"):
            latest = sub_anomaly_map
        elif self._sum is None:
            latest = self._sum = sub_anomaly_map.clone()
        else:
            latest = self._sum.add_(sub_anomaly_map)
        if self._kept is None:
            self._kept = latest.clone()
        else:
            self._kept = torch.where(reached[..., None, None], latest, self._kept)

    def result(self, mse_null: Tensor) -> Accumulated:
        assert self._best is not None and self._best_index is not None
        divergence = torch.stack(self._divergence, dim=-1)
        if not bool(torch.isfinite(divergence).all()):
            raise SettingsError(
                "The network's predictions are not finite numbers; use precision float32, or "
                "another bundle."
            )
        maps = self._kept
        if maps is not None and not self._sam.endswith("_at_end"):
            maps = maps / (self._best_index + 1)[..., None, None].to(maps)
        return Accumulated(
            divergence=divergence,
            mse_healthy=torch.stack(self._mse_healthy, dim=-1),
            mse_null=mse_null,
            end_index=self._best_index,
            divergence_at_end=self._best,
            maps=maps,
        )


def mean_square(difference: Tensor) -> Tensor:
    """||difference||^2 / d over rows and columns, (..., H, W) to (...)."""
    return _spatial_mean(difference.square())


def _spatial_mean(values: Tensor) -> Tensor:
    # In two stages, so that the order of summation is the same for any batch and thread count.
    return values.mean(dim=-1).mean(dim=-1)


def _end_index(end_step: int | None, timesteps: tuple[int, ...]) -> int | None:
    if end_step is None:
        return None
    if end_step in timesteps:
        return timesteps.index(end_step)
    below = max((t for t in timesteps if t < end_step), default=None)
    above = min((t for t in timesteps if t > end_step), default=None)
    near = " or ".join(str(t) for t in (below, above) if t is not None)
    raise SettingsError(
        f"End step {end_step} is not among the analysis' timesteps; choose {near} instead."
    )
