"""The noise schedule: alpha_bar, the weights A, B and C, and the noised inputs (Eq. 2, 4)."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from anofpdm.common.errors import SettingsError

if TYPE_CHECKING:
    from torch import Tensor

MOST_STEPS: Final = 100_000


@dataclass(frozen=True)
class NoiseSchedule:
    """Linear-beta diffusion schedule (docs/method.md#1-schedule).

    Coefficients are computed in float64 and returned as Python floats, so that a float32 tensor
    stays float32 and a float64 computation stays exact.

    Parameters
    ----------
    num_steps : int
        T, the number of diffusion steps; timesteps are 1..T.
    beta_start, beta_end : float
        First and last beta of the linear schedule, 0 < beta_start <= beta_end < 1.

    Raises
    ------
    SettingsError
        When a value is out of range.
    """

    num_steps: int = 1000
    beta_start: float = 1e-4
    beta_end: float = 0.02

    def __post_init__(self) -> None:
        """Check the ranges, so that no later formula divides by zero."""
        if not 2 <= self.num_steps <= MOST_STEPS:
            raise SettingsError(
                f"A schedule has 2 to {MOST_STEPS:,} steps; num_steps is {self.num_steps}."
            )
        if not 0 < self.beta_start <= self.beta_end < 1:
            raise SettingsError(
                f"A schedule needs 0 < beta_start <= beta_end < 1; got {self.beta_start} "
                f"and {self.beta_end}."
            )

    @cached_property
    def alpha_bars(self) -> NDArray[np.float64]:
        """alpha_bar_t at index t, shape (T + 1,); entry 0 is 1 (the clean image)."""
        betas = np.linspace(self.beta_start, self.beta_end, self.num_steps, dtype=np.float64)
        return np.concatenate([[1.0], np.cumprod(1.0 - betas)])

    def alpha_bar(self, t: int) -> float:
        """alpha_bar_t = prod(1 - beta_i), i = 1..t."""
        return float(self.alpha_bars[self._checked(t)])

    def a(self, t: int) -> float:
        """A_t = sqrt(1 - alpha_bar_t) / sqrt(alpha_bar_t), the weight of the noise in x0."""
        alpha_bar = self.alpha_bar(t)
        return float(np.sqrt((1.0 - alpha_bar) / alpha_bar))

    def b(self, t: int) -> float:
        """B_t = (1 - alpha_bar_t) / sqrt(alpha_bar_t), the weight of the score in x0."""
        alpha_bar = self.alpha_bar(t)
        return float((1.0 - alpha_bar) / np.sqrt(alpha_bar))

    def c(self, t: int, guidance: float) -> float:
        """C_t = B_t (1 + w)."""
        return self.b(t) * (1.0 + guidance)

    def noised(self, x0: Tensor, noise: Tensor, t: int) -> Tensor:
        """Eq. 2: x_t = sqrt(alpha_bar_t) x_0 + sqrt(1 - alpha_bar_t) e."""
        alpha_bar = self.alpha_bar(t)
        return float(np.sqrt(alpha_bar)) * x0 + float(np.sqrt(1.0 - alpha_bar)) * noise

    def predict_x0(self, x_t: Tensor, eps: Tensor, t: int) -> Tensor:
        """Eq. 10: x0 = (x_t - sqrt(1 - alpha_bar_t) eps) / sqrt(alpha_bar_t), not clipped."""
        return x_t / float(np.sqrt(self.alpha_bar(t))) - self.a(t) * eps

    def ddim_next(self, x_t: Tensor, x0_null: Tensor, t: int, t_next: int) -> Tensor:
        """Eq. 4: move x_t to the noise level of `t_next`, along the noise implied by `x0_null`.

        Parameters
        ----------
        x_t, x0_null : Tensor
            The noised input at `t` and the unguided prediction there. The noise is derived from
            the prediction as given, clipped or not.
        t, t_next : int
            Neighbours on the grid of timesteps, 1 <= t <= t_next <= T.
        """
        now, then = self.alpha_bar(t), self.alpha_bar(t_next)
        noise = (x_t - float(np.sqrt(now)) * x0_null) / float(np.sqrt(1.0 - now))
        return self.noised(x0_null, noise, t_next) if then != now else x_t

    def to_dict(self) -> dict[str, Any]:
        """Return the three parameters, as a bundle records them."""
        return {
            "num_steps": self.num_steps,
            "beta_start": self.beta_start,
            "beta_end": self.beta_end,
        }

    def _checked(self, t: int) -> int:
        if not 1 <= t <= self.num_steps:
            raise SettingsError(f"Timestep {t} lies outside the schedule's 1..{self.num_steps}.")
        return t


def strided_timesteps(steps: int, t_max: int, num_steps: int = 1000) -> tuple[int, ...]:
    """Return the grid round(linspace(1, t_max, steps)) without duplicates.

    Parameters
    ----------
    steps : int
        Number of grid points, >= 1; fewer are returned if rounding makes duplicates.
    t_max : int
        Last timestep, 1 <= t_max <= `num_steps`. The paper uses 1..600 of 1000.

    Raises
    ------
    SettingsError
        When a value is out of range.
    """
    if steps < 1:
        raise SettingsError(f"The number of steps must be 1 or more; got {steps}.")
    if not 1 <= t_max <= num_steps:
        raise SettingsError(f"t-max must lie in 1..{num_steps}; got {t_max}.")
    grid = np.rint(np.linspace(1, t_max, steps)).astype(int)
    return tuple(int(t) for t in np.unique(grid))
