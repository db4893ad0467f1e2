"""The histogram of H and its threshold line."""

from __future__ import annotations

import numpy as np
import pytest
from pytestqt.qtbot import QtBot

from napari_anofpdm.plots.histogram_plot import HistogramPlot
from tests.plugin.patience import LONG
from tests.plugin.plot_mouse import drag

VALUES = np.concatenate([np.full(900, 0.01), np.linspace(0, 1, 100)])


@pytest.fixture
def plot(qtbot: QtBot, monkeypatch: pytest.MonkeyPatch) -> HistogramPlot:
    import pyqtgraph as pg

    monkeypatch.setitem(pg.CONFIG_OPTIONS, "mouseRateLimit", -1)
    plot = HistogramPlot()
    qtbot.addWidget(plot)
    plot.resize(420, 240)
    with qtbot.waitExposed(plot, timeout=LONG):
        plot.show()
    return plot


def test_every_pixel_is_counted_once(plot: HistogramPlot) -> None:
    plot.set_values(VALUES, VALUES, 0.5, manual=False)
    _, heights = plot.plots[0].listDataItems()[0].getData()
    counts = np.where(10**heights > 0.75, np.rint(10**heights), 0)
    assert counts.sum() == len(VALUES)


def test_dragging_the_line_asks_for_an_absolute_threshold(plot: HistogramPlot) -> None:
    plot.set_values(VALUES, VALUES, 0.5, manual=False)
    asked: list[float] = []
    plot.threshold_dragged.connect(asked.append)
    plot.threshold_dragged.connect(lambda q: plot.set_values(VALUES, VALUES, q, manual=True))
    drag(plot, 0.5, 0.25)
    assert asked[-1] == pytest.approx(0.25, abs=0.02)
    assert np.all(np.diff(asked) < 0)
    assert plot.threshold_shown() == pytest.approx(asked[-1])


def test_the_line_stops_at_zero(plot: HistogramPlot) -> None:
    plot.set_values(VALUES, VALUES, 0.3, manual=False)
    asked: list[float] = []
    plot.threshold_dragged.connect(asked.append)
    drag(plot, 0.3, -0.2)
    assert min(asked) == 0.0


def test_the_way_back_is_offered_only_from_another_rule(plot: HistogramPlot, qtbot: QtBot) -> None:
    plot.set_values(VALUES, VALUES, 0.5, manual=False)
    assert plot.auto.isHidden()
    plot.set_values(VALUES, VALUES, 0.5, manual=True)
    assert not plot.auto.isHidden()
    with qtbot.waitSignal(plot.rule_requested, timeout=LONG):
        plot.auto.click()


def test_the_words_tell_the_share_of_the_filtered_map(plot: HistogramPlot) -> None:
    plot.set_values(VALUES, np.where(VALUES > 0.5, 1.0, 0.0), 0.5, manual=False)
    assert plot.words.text() == "Q* = 0.5, 5.0% above after the filter"


def test_the_columns_show_the_filtered_map(plot: HistogramPlot) -> None:
    plot.set_values(VALUES, np.where(VALUES > 0.5, 1.0, 0.0), 0.5, manual=False)
    edges, heights = plot.plots[0].listDataItems()[0].getData()
    counts = np.where(10**heights > 0.75, np.rint(10**heights), 0)
    assert counts[edges[:-1] > 0.5].sum() == np.count_nonzero(VALUES > 0.5)


def test_the_unfiltered_map_has_an_outline_where_there_is_a_filter(plot: HistogramPlot) -> None:
    _, outline = plot.plots[0].listDataItems()
    for filtered, shown in ((VALUES, False), (VALUES**2, True), (VALUES, False)):
        plot.set_values(VALUES, filtered, 0.5, manual=False)
        assert (outline.isVisible(), plot.plots[0].legend.isVisible()) == (shown, shown)


@pytest.mark.parametrize("values", [np.zeros(50), np.empty(0)])
def test_an_empty_map_or_brain_is_drawn(plot: HistogramPlot, values: np.ndarray) -> None:
    plot.set_values(values, values, 0.0, manual=False)
    assert plot.words.text() == "Q* = 0, 0.0% above"


def test_a_threshold_far_above_the_map_stays_in_sight(plot: HistogramPlot) -> None:
    plot.set_values(VALUES, VALUES, 50.0, manual=True)
    low, high = plot.plots[0].vb.viewRange()[0]
    assert low <= plot.threshold_shown() <= high < 3
    assert "Q* = 50" in plot.words.text()
