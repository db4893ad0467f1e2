from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence

import pytest

from anofpdm.common.progress import Pace, Progress


def clock_at(times: Sequence[float]) -> Callable[[], float]:
    return iter(times).__next__


def test_the_pace_needs_two_reports_and_tells_the_time_left() -> None:
    pace = Pace(clock_at([5.0, 7.0, 11.0]))
    assert pace(Progress("a", 0, 10)) == Progress("a", 0, 10)
    assert pace(Progress("a", 1, 10)) == Progress("a", 1, 10, 0.5, 18.0)
    last = pace(Progress("a", 10, 10))
    assert last.speed == pytest.approx(9 / 4)
    assert last.seconds_left == 0


_RUNS: dict[str, Callable[[float], float]] = {
    "constant": lambda share: 1.0,
    "slow start": lambda share: 40.0 if share < 0.04 else 1.0,
    "fast start": lambda share: 0.1 if share < 0.04 else 1.0,
    "slower and slower": lambda share: 1.0 + share,
    "faster and faster": lambda share: 2.0 - share,
    "load that comes and goes": lambda share: 3.0 if share * 100 % 2 < 0.7 else 1.0,
    "held-out passes": lambda share: 20.0 if round(share * 1000) % 25 == 0 else 1.0,
}


@pytest.mark.parametrize("start", [0, 5000], ids=["new", "resumed"])
@pytest.mark.parametrize("batch", [1, 7])
@pytest.mark.parametrize("total", [400, 3000])
@pytest.mark.parametrize("run", _RUNS)
def test_after_a_tenth_the_time_left_is_right_within_a_half(
    run: str, total: int, batch: int, start: int
) -> None:
    """Seconds a step vary with the share done; one step cannot be foreseen."""
    times, now = [0.0], 0.0
    dones = [*range(0, total, batch), total]
    for before, after in itertools.pairwise(dones):
        now += sum(_RUNS[run](step / total) for step in range(before, after))
        times.append(now)
    pace = Pace(clock_at(times))
    whole = start + total
    longest = max(_RUNS[run](step / total) for step in range(total // 10, total))
    for done, at in zip(dones, times, strict=True):
        told = pace(Progress("a", start + done, whole)).seconds_left
        left = now - at
        if done >= max(total / 10, 3 * batch) and left > 0.03 * now:
            assert told is not None
            near = left / 1.5 <= told <= 1.5 * left
            assert near or abs(told - left) <= longest


def test_a_lasting_load_shows_when_half_of_the_rest_is_done() -> None:
    times = [*map(float, range(501)), *(500.0 + 4 * step for step in range(1, 501))]
    pace = Pace(clock_at(times))
    told = [pace(Progress("a", done, 1000)).seconds_left for done in range(1001)]
    assert told[500] == pytest.approx(500)
    assert told[750] == pytest.approx(1000, rel=0.02)


def test_a_long_stage_keeps_few_reports() -> None:
    pace = Pace(clock_at([float(second) for second in range(20_001)]))
    for done in range(20_001):
        last = pace(Progress("a", done, 10**6))
    assert last.speed == pytest.approx(1.0)
    assert len(pace._marks) <= 256


@pytest.mark.parametrize("anew", [Progress("b", 9, 10), Progress("a", 2, 10)])
def test_another_stage_or_a_step_back_begins_anew(anew: Progress) -> None:
    pace = Pace(clock_at([0.0, 1.0, 2.0]))
    pace(Progress("a", 0, 10))
    pace(Progress("a", 5, 10))
    assert pace(anew).seconds_left is None


def test_a_slow_start_is_forgotten() -> None:
    times = [0.0, *(1000.0 + second for second in range(200))]
    pace = Pace(clock_at(times))
    reports = [pace(Progress("a", done, 300)) for done in range(len(times))]
    assert reports[1].speed == pytest.approx(1e-3)
    assert reports[-1].speed == pytest.approx(1.0)
    assert reports[-1].seconds_left == pytest.approx(100.0)


def test_without_time_or_steps_nothing_is_told() -> None:
    pace = Pace(lambda: 3.0)
    assert [pace(Progress("a", done, 2)).seconds_left for done in (0, 0, 1)] == [None] * 3
    assert Progress("a").fraction is None
    assert Progress("a", 1, 4).fraction == 0.25
