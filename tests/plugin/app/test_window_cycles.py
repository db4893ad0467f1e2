"""A window that is opened, used and closed leaves nothing behind; the long run has 200 of them."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.fuzz.windows import cycle, growth, inputs, left


@pytest.mark.nightly
@pytest.mark.usefixtures("qapp")
def test_windows_come_and_go(tmp_path: Path) -> None:
    scan, bundle = inputs(tmp_path)
    found = []
    for _ in range(2):
        cycle(scan, bundle, layouts=False)
        found.append(left())
    first, last = found
    assert (last.threads, last.files) == (first.threads, first.files)
    assert (last.widgets, last.layers, last.ours) == (first.widgets, first.layers, first.ours)
    assert last.layers == 0


@pytest.mark.parametrize(
    ("values", "slope"), [([5, 5, 9, 5, 5], 0.0), ([1, 3, 5, 7], 2.0), ([1], 0.0)]
)
def test_growth_is_a_slope_that_no_single_cycle_decides(values: list[float], slope: float) -> None:
    assert growth(values) == slope
