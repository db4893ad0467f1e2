from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from anofpdm.common.errors import SettingsError
from anofpdm.method.schedule import NoiseSchedule, strided_timesteps

SCHEDULE = NoiseSchedule()
TIMESTEPS = st.integers(1, 1000)


def test_alpha_bar_is_the_product_of_one_minus_linear_betas() -> None:
    product = 1.0
    for t in range(1, 1001):
        product *= 1.0 - (1e-4 + (0.02 - 1e-4) * (t - 1) / 999)
        assert SCHEDULE.alpha_bar(t) == pytest.approx(product, rel=1e-12)
    assert SCHEDULE.alpha_bar(1) == pytest.approx(0.9999)


@given(t=TIMESTEPS, w=st.floats(0, 1000))
def test_weights_follow_their_definitions(t: int, w: float) -> None:
    ab = SCHEDULE.alpha_bar(t)
    assert SCHEDULE.a(t) == pytest.approx(math.sqrt(1 - ab) / math.sqrt(ab), rel=1e-12)
    assert SCHEDULE.b(t) == pytest.approx((1 - ab) / math.sqrt(ab), rel=1e-12)
    assert SCHEDULE.c(t, w) == pytest.approx((1 - ab) / math.sqrt(ab) * (1 + w), rel=1e-12)


@given(t=TIMESTEPS)
def test_prediction_undoes_noising(t: int) -> None:
    rng = torch.Generator().manual_seed(t)
    x0, noise = torch.randn(2, 3, 4, 4, generator=rng, dtype=torch.float64).unbind(0)
    x_t = SCHEDULE.noised(x0, noise, t)
    ab = SCHEDULE.alpha_bar(t)
    torch.testing.assert_close(x_t, math.sqrt(ab) * x0 + math.sqrt(1 - ab) * noise)
    torch.testing.assert_close(SCHEDULE.predict_x0(x_t, noise, t), x0, rtol=0, atol=1e-10)


@given(t=TIMESTEPS, t_next=TIMESTEPS)
def test_ddim_step_keeps_prediction_and_noise(t: int, t_next: int) -> None:
    rng = torch.Generator().manual_seed(1000 * t + t_next)
    x0, noise = torch.randn(2, 1, 4, 4, generator=rng, dtype=torch.float64).unbind(0)
    moved = SCHEDULE.ddim_next(SCHEDULE.noised(x0, noise, t), x0, t, t_next)
    torch.testing.assert_close(moved, SCHEDULE.noised(x0, noise, t_next), rtol=0, atol=1e-10)


@given(steps=st.integers(1, 1200), t_max=TIMESTEPS)
def test_strided_grid_is_the_rounded_linspace(steps: int, t_max: int) -> None:
    grid = strided_timesteps(steps, t_max)
    expected = sorted({int(t) for t in np.round(np.linspace(1, t_max, steps))})
    assert list(grid) == expected
    assert grid[0] == 1 and (steps == 1 or grid[-1] == t_max)


def test_dense_grid_holds_every_timestep() -> None:
    assert strided_timesteps(600, 600) == tuple(range(1, 601))


@pytest.mark.parametrize(("steps", "t_max"), [(0, 600), (10, 0), (10, 1001)])
def test_grid_out_of_range_is_refused(steps: int, t_max: int) -> None:
    with pytest.raises(SettingsError, match="must"):
        strided_timesteps(steps, t_max)


@pytest.mark.parametrize("t", [0, 1001, -1])
def test_timestep_outside_the_schedule_is_refused(t: int) -> None:
    with pytest.raises(SettingsError, match=str(t)):
        SCHEDULE.alpha_bar(t)


@pytest.mark.parametrize(
    "values",
    [{"num_steps": 1}, {"beta_start": 0.0}, {"beta_end": 1.0}, {"beta_start": 0.5}],
)
def test_impossible_schedule_is_refused(values: dict[str, float]) -> None:
    with pytest.raises(SettingsError):
        NoiseSchedule(**values)  # type: ignore[arg-type]
