"""The strip of all slices."""

from __future__ import annotations

import numpy as np
import pytest
from pytestqt.qtbot import QtBot

from anofpdm.method.settings import AbsoluteThreshold, Settings
from napari_anofpdm.plots.slice_row import SliceRow
from napari_anofpdm.plots.slice_strip import SliceStrip
from tests.plugin.patience import LONG
from tests.plugin.plot_mouse import click

GATED = Settings(gate=True, cosine_threshold=0.95)


def row(computed: list[bool]) -> SliceRow:
    return SliceRow(
        slice_ids=np.array([10, 11, 12, 13]),
        computed=np.array(computed),
        cosine=np.array([0.99, 0.9, 0.8, 0.7]),
        healthy=np.array([True, False, False, False]),
        area_mm2=np.array([0.0, 100.0, 200.0, 50.0]),
        thickness_mm=5.0,
    )


@pytest.fixture
def strip(qtbot: QtBot) -> SliceStrip:
    strip = SliceStrip()
    qtbot.addWidget(strip)
    strip.resize(420, 260)
    with qtbot.waitExposed(strip, timeout=LONG):
        strip.show()
    return strip


@pytest.mark.parametrize("plot_row", [0, 1])
def test_a_click_in_either_row_goes_to_the_nearest_slice(strip: SliceStrip, plot_row: int) -> None:
    strip.set_row(row([True] * 4), GATED, current=True)
    chosen: list[int] = []
    strip.slice_chosen.connect(chosen.append)
    strip.set_position(0)
    click(strip, 12.2, plot_row)
    assert chosen == [2]


def test_the_summary_counts_computed_slices_only(strip: SliceStrip) -> None:
    strip.set_row(row([True, True, True, False]), GATED, current=False)
    assert strip.words.text() == "3 of 4 computed, 2 unhealthy, 1.50 ml (updating)"
    strip.set_row(row([True] * 4), Settings(), current=True)
    assert strip.words.text() == "1.75 ml"
    fixed = Settings(threshold=AbsoluteThreshold(value=0.1))
    strip.set_row(row([True] * 4), fixed, current=True)
    assert strip.words.text() == "3 unhealthy, 1.75 ml"
    strip.set_row(row([True] * 4), fixed, current=True, edited=True)
    assert strip.words.text() == "3 unhealthy, 1.75 ml edited"
    strip.set_row(row([True] * 4), fixed, current=True, skull=True)
    assert strip.words.text() == "skull in view, 1.75 ml"


def test_colours_and_shapes_follow_the_gate(strip: SliceStrip) -> None:
    strip.set_row(row([True, True, True, False]), GATED, current=True)
    assert strip.slices_shown() == {"healthy": [10], "unhealthy": [11, 12], "missing": [13]}


def test_the_columns_change_from_area_to_volume(strip: SliceStrip) -> None:
    strip.set_row(row([True] * 4), GATED, current=True)
    assert strip.sizes_shown() == pytest.approx([0, 100, 200, 50])
    strip.unit.setCurrentIndex(1)
    assert strip.sizes_shown() == pytest.approx([0, 0.5, 1.0, 0.25])


def test_one_slice_or_none_is_drawn(strip: SliceStrip) -> None:
    lone = SliceRow(
        np.array([7]), np.array([False]), np.zeros(1), np.zeros(1, bool), np.zeros(1), 1.0
    )
    strip.set_row(lone, GATED, current=False)
    assert strip.slices_shown()["missing"] == [7]
    strip.clear()
    assert strip.words.text() == ""
