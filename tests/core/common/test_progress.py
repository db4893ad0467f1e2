from __future__ import annotations

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
    assert last.speed == pytest.approx(10 / 6)
    assert last.seconds_left == 0


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
