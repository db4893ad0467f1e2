"""The M_t plot: its end-step line, its cursor, and what they emit."""

from __future__ import annotations

import numpy as np
import pytest
from pytestqt.qtbot import QtBot

from napari_anofpdm.plots.divergence_plot import DivergencePlot
from napari_anofpdm.plots.plot_theme import ON_LIGHT
from tests.plugin.patience import LONG
from tests.plugin.plot_mouse import click, drag

TIMESTEPS = np.array([1, 101, 201, 301, 401])
CURVES = np.array([[0.0, 0.1, 0.4, 0.2, 0.1], [0.0, 0.2, 0.1, 0.3, 0.1]])


@pytest.fixture(autouse=True)
def _no_pyqtgraph_limits(monkeypatch: pytest.MonkeyPatch) -> None:
    # pyqtgraph skips moves that follow each other too fast for a hand.
    import pyqtgraph as pg

    monkeypatch.setitem(pg.CONFIG_OPTIONS, "mouseRateLimit", -1)


@pytest.fixture
def plot(qtbot: QtBot) -> DivergencePlot:
    plot = DivergencePlot()
    qtbot.addWidget(plot)
    plot.resize(420, 240)
    plot.set_timesteps(TIMESTEPS)
    with qtbot.waitExposed(plot, timeout=LONG):
        plot.show()
    return plot


def show(plot: DivergencePlot, count: int = 1, end: int | None = None) -> None:
    steps = TIMESTEPS[CURVES[:count].argmax(axis=1)] if end is None else np.full(count, end)
    names = ("flair", "t2")[:count]
    plot.set_curves(CURVES[:count], steps, names, fixed=end is not None)


def test_dragging_the_line_snaps_to_kept_timesteps(plot: DivergencePlot) -> None:
    show(plot)
    asked: list[int] = []
    plot.end_step_dragged.connect(asked.append)
    plot.end_step_dragged.connect(lambda t: show(plot, end=t))
    drag(plot, 201, 392)
    assert asked == [301, 401]
    assert plot.end_steps_shown() == [401]
    assert "401 (fixed)" in plot.words.text()


def test_auto_is_offered_only_while_fixed(plot: DivergencePlot, qtbot: QtBot) -> None:
    show(plot)
    assert plot.auto.isHidden()
    show(plot, end=301)
    assert not plot.auto.isHidden()
    with qtbot.waitSignal(plot.auto_requested, timeout=LONG):
        plot.auto.click()


def test_each_modality_has_its_line_until_one_is_fixed_for_all(plot: DivergencePlot) -> None:
    show(plot, count=2)
    assert plot.end_steps_shown() == [201, 301]
    show(plot, count=2, end=101)
    assert plot.end_steps_shown() == [101]


def test_the_second_line_can_be_dragged_while_the_first_hides(plot: DivergencePlot) -> None:
    show(plot, count=2)
    plot.end_step_dragged.connect(lambda t: show(plot, count=2, end=t))
    drag(plot, 301, 101)
    assert plot.end_steps_shown() == [101]


def test_a_click_moves_the_step_and_setting_it_emits_nothing(plot: DivergencePlot) -> None:
    show(plot)
    moved: list[int] = []
    plot.step_moved.connect(moved.append)
    plot.set_step(0)
    assert moved == []
    click(plot, 318)
    assert moved == [3]
    click(plot, 318)
    assert moved == [3]


def test_the_cursor_is_dragged_along_the_curve(plot: DivergencePlot) -> None:
    show(plot)
    plot.set_step(0)
    moved: list[int] = []
    plot.step_moved.connect(moved.append)
    drag(plot, 1, 110)
    assert moved == [1]


def test_where_both_lines_stand_the_end_step_is_meant(plot: DivergencePlot) -> None:
    show(plot)
    plot.set_step(2)
    moved: list[int] = []
    asked: list[int] = []
    plot.step_moved.connect(moved.append)
    plot.end_step_dragged.connect(asked.append)
    drag(plot, 201, 110)
    assert asked
    assert moved == []


def test_an_empty_plot_takes_no_clicks(plot: DivergencePlot) -> None:
    show(plot)
    plot.clear()
    moved: list[int] = []
    plot.step_moved.connect(moved.append)
    click(plot, 301)
    assert moved == []
    assert plot.words.text() == ""


def test_another_theme_recolours_the_shown_curves(plot: DivergencePlot) -> None:
    show(plot)
    plot.set_theme(ON_LIGHT)
    (curve,) = (item for item in plot.plots[0].listDataItems() if item.name() == "FLAIR")
    assert curve.opts["pen"].color().name() == ON_LIGHT.curve(0)
    assert plot.canvas.backgroundBrush().color().name() == ON_LIGHT.background


def test_a_flat_curve_of_zeros_is_drawn(plot: DivergencePlot) -> None:
    plot.set_curves(np.zeros((1, 5)), np.array([1]), ("flair",), fixed=False)
    assert "tₑ = 1 (auto)" in plot.words.text()
