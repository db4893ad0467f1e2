"""Curves and anomaly maps, accumulated step by step in memory independent of their number."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from anofpdm.common.errors import SettingsError
from anofpdm.method.calibration import Polarity
from anofpdm.method.schedule import NoiseSchedule
from anofpdm.method.settings import Sam, Settings


@dataclass(frozen=True)
class Accumulated:
    """The result for one setting after the last step.

    Attributes
    ----------
    divergence, mse_healthy, mse_null : Tensor
        M_t (Eq. 12), ||e_h||^2 / d and ||e_null||^2 / d (Eq. 14, 16), each (N, C, K).
    end_index : Tensor
        Index of t_e on the grid, (N, C), int64.
    divergence_at_end : Tensor
        M_{t_e}, (N, C).
    maps : Tensor or None
        H of Eq. 20 (or the map at t_e), (N, C, H, W); None when maps were not requested.
    """

    divergence: Tensor
    mse_healthy: Tensor
    mse_null: Tensor
    end_index: Tensor
    divergence_at_end: Tensor
    maps: Tensor | None


class SliceAccumulator:
    """Accumulates live or stored steps for several settings at once.

    Of the settings, `guidance`, `sam`, `polarity` and `end_step` matter here. Per setting a running
    sum of the step maps is kept, and copied whenever M_t reaches a new maximum: at the end
    the copy is the sum up to t_e. Only scalars per step (M_t and the errors) grow with the steps.

    Parameters
    ----------
    x0 : Tensor
        The scored channels of the slices, (N, C, H, W), in [-1, 1]; its dtype and device are
        those of all arithmetic.
    schedule : NoiseSchedule
    timesteps : sequence of int
        The grid of steps, in order.
    settings : sequence of Settings
        One result for each.
    clip : bool
        Clip both predictions to [-1, 1] before M_t, the errors and S_t. The gradient variants
        rest on the gap that is never clipped.
    keep_maps : bool
        False accumulates only the curves, for a guidance search.

    Raises
    ------
    SettingsError
        When settings do not fit the grid or the modalities; see `Settings.check_fit`.
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
        self._timesteps = tuple(timesteps)
        # On the device once, for all steps.
        self._a, self._b = (
            self._x0.new_tensor([weight(t) for t in self._timesteps]).view(-1, 1, 1, 1, 1)
            for weight in (schedule.a, schedule.b)
        )
        self._clip = clip
        self._fed = 0
        self._mse_null = _curve(self._x0, len(self._timesteps))
        for one in settings:
            one.check_fit(self._timesteps, self._x0.shape[1])
        ends = [None if s.end_step is None else self._timesteps.index(s.end_step) for s in settings]
        self._lanes = [
            _Lane(self._x0, one, end, len(self._timesteps))
            for one, end in zip(settings, ends, strict=True)
        ]
        if keep_maps:
            for lane in self._lanes:
                lane.keep_maps(self._x0)

    def update(self, t: int, x0_null: Tensor, eps_gap: Tensor) -> None:
        """Add the next step of the grid.

        Parameters
        ----------
        t : int
            Its timestep.
        x0_null, eps_gap : Tensor
            Unclipped unguided prediction and eps_h - eps_null of the scored channels,
            (N, C, H, W), of any float dtype.
        """
        self.update_all([t], x0_null[None], eps_gap[None])

    @torch.no_grad()
    def update_all(self, timesteps: Sequence[int], x0_null: Tensor, eps_gap: Tensor) -> None:
        """Add the next steps of the grid at once, to the same bits as one by one.

        Small slices are interpreted several times as fast, since most of a small operation's time
        is its call. Memory grows with the number of steps added.

        Parameters
        ----------
        timesteps : sequence of int
            Their timesteps, in order.
        x0_null, eps_gap : Tensor
            As for `update`, (steps, N, C, H, W).
        """
        first, end = self._fed, self._fed + len(timesteps)
        if tuple(timesteps) != self._timesteps[first:end]:
            raise SettingsError(
                f"The steps t = {', '.join(map(str, timesteps))} do not follow the order of the "
                "timesteps."
            )
        x0 = self._x0
        null = x0_null.to(x0).contiguous()
        gap = eps_gap.to(x0).contiguous() * self._a[first:end]
        shown = null.clamp(-1.0, 1.0) if self._clip else null
        self._mse_null[..., first:end] = mean_square(shown - x0).movedim(0, -1)
        self._fed = end
        for lane in self._lanes:
            healthy = healthy_prediction(null, gap, lane.guidance, clip=self._clip)
            error = healthy.sub(x0)
            divergence = mean_square(healthy.sub_(shown))
            lane.update(first, divergence, error, gap, self._b[first:end])

    def result(self) -> list[Accumulated]:
        """Return one `Accumulated` per setting, in their order.

        Raises
        ------
        SettingsError
            When steps of the grid are missing, or the network gave values that are not
            finite.
        """
        if self._fed != len(self._timesteps):
            raise SettingsError(
                f"Only {self._fed} of {len(self._timesteps)} timesteps were added; an "
                "interpretation needs all of them."
            )
        return [lane.result(self._mse_null) for lane in self._lanes]


class _Lane:
    """The state of one setting.

    All of it is allocated at the start and changed in place: small tensors born between the
    large ones of a step and living on would keep the allocator from using their room again.
    """

    def __init__(
        self, x0: Tensor, settings: Settings, end_index: int | None, num_steps: int
    ) -> None:
        self.guidance = settings.guidance
        self._sam: Sam = settings.sam
        self._polarity: Polarity = settings.polarity
        self._given = end_index
        self._divergence = _curve(x0, num_steps)
        self._mse_healthy = _curve(x0, num_steps)
        self._best = x0.new_full(x0.shape[:2], -math.inf)
        self._best_index = torch.zeros(x0.shape[:2], dtype=torch.int64, device=x0.device)
        self._sum: Tensor | None = None
        self._kept: Tensor | None = None

    def keep_maps(self, x0: Tensor) -> None:
        """Also accumulate maps."""
        self._kept = torch.zeros_like(x0)
        self._sum = None if self._at_end else torch.zeros_like(x0)

    @property
    def _at_end(self) -> bool:
        return self._sam.endswith("_at_end")

    def update(self, first: int, divergence: Tensor, error: Tensor, gap: Tensor, b: Tensor) -> None:
        """Take in steps from index `first` on.

        M_t is (steps, N, C), e_h and the unclipped g_t (steps, N, C, H, W), B_t (steps, 1...).
        """
        square, end = error.square(), first + len(divergence)
        self._divergence[..., first:end] = divergence.movedim(0, -1)
        self._mse_healthy[..., first:end] = _spatial_mean(square).movedim(0, -1)
        if self._given is not None:
            end = min(end, self._given + 1)
        if end <= first:
            return
        maps: Sequence[Tensor | None] = [None] * (end - first)
        if self._kept is not None:
            maps = self._sub_anomaly_maps(error, square, gap, b).unbind(0)
        for position, m, latest in zip(range(first, end), divergence, maps, strict=False):
            self._add(position, m, latest)

    def _add(self, position: int, divergence: Tensor, latest: Tensor | None) -> None:
        """Take in M_t (N, C) of one step, and S_t (N, C, H, W)."""
        # Strictly greater: of equal maxima the first is t_e, as with argmax.
        reached = divergence > self._best
        if self._given is not None:
            reached.fill_(position == self._given)
        torch.where(reached, divergence, self._best, out=self._best)
        self._best_index.masked_fill_(reached, position)
        if self._kept is None or latest is None:
            return
        if self._sum is not None:
            latest = self._sum.add_(latest)
        torch.where(reached[..., None, None], latest, self._kept, out=self._kept)

    def _sub_anomaly_maps(self, error: Tensor, square: Tensor, gap: Tensor, b: Tensor) -> Tensor:
        """S_t of Eq. 19, or a variant of appendix D (Table 2), of the polarity alone."""
        if self._sam in ("sam", "sam_at_end"):
            if self._polarity == "both":
                return square
            departure = error
        elif self._sam == "weighted_gradient":
            departure = gap * -(1.0 + self.guidance)
        else:
            departure = gap / -b
        # Below 0 the healthy prediction is the darker one: the scan is hyperintense.
        if self._polarity == "hyperintense":
            departure = departure.clamp(max=0.0)
        elif self._polarity == "hypointense":
            departure = departure.clamp(min=0.0)
        return departure.square()

    def result(self, mse_null: Tensor) -> Accumulated:
        if not bool(torch.isfinite(self._divergence).all()):
            raise SettingsError(
                "The network's predictions are not finite numbers; use precision float32, or "
                "another bundle."
            )
        maps = self._kept
        if maps is not None and not self._at_end:
            maps = maps / (self._best_index + 1)[..., None, None].to(maps)
        return Accumulated(
            divergence=self._divergence,
            mse_healthy=self._mse_healthy,
            mse_null=mse_null,
            end_index=self._best_index,
            divergence_at_end=self._best,
            maps=maps,
        )


def _curve(x0: Tensor, num_steps: int) -> Tensor:
    return x0.new_zeros((*x0.shape[:2], num_steps))


def healthy_prediction(null: Tensor, gap: Tensor, guidance: float, *, clip: bool) -> Tensor:
    """Guide the prediction toward health (Eq. 7): x0_null - (1 + w) g_t, as a new tensor.

    Parameters
    ----------
    null, gap : Tensor
        x0_null and g_t, neither clipped, of one shape.
    guidance : float
        w.
    clip : bool
        Clip the result to [-1, 1].
    """
    # Product and difference stay two operations: a fused one may round otherwise in the tail of a
    # vector, and results would depend on the batch size.
    healthy = null - gap * (1.0 + guidance)
    return healthy.clamp_(-1.0, 1.0) if clip else healthy


def mean_square(difference: Tensor) -> Tensor:
    """||difference||^2 / d over rows and columns, (..., H, W) to (...)."""
    return _spatial_mean(difference.square())


def _spatial_mean(values: Tensor) -> Tensor:
    # Two stages keep the order of summation the same for any batch and thread count.
    return values.mean(dim=-1).mean(dim=-1)
