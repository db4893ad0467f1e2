"""The plot of both error curves."""

from __future__ import annotations

import numpy as np
import pytest
from pytestqt.qtbot import QtBot
from qtpy.QtCore import QPointF

from napari_anofpdm.plots.error_plot import ErrorPlot
from tests.plugin.patience import LONG
from tests.plugin.plot_mouse import click


def test_it_draws_the_mean_over_modalities_and_moves_the_step(qtbot: QtBot) -> None:
    plot = ErrorPlot()
    qtbot.addWidget(plot)
    plot.set_timesteps(np.array([1, 101, 201]))
    plot.resize(400, 220)
    with qtbot.waitExposed(plot, timeout=LONG):
        plot.show()
    healthy = np.array([[0.1, 0.2, 0.3], [0.3, 0.4, 0.5]])
    plot.set_curves(healthy, healthy / 2, "cosine 0.9 > 0.8: healthy")
    drawn = {item.name(): item.getData()[1] for item in plot.plots[0].listDataItems()}
    np.testing.assert_allclose(drawn["healthy-guided"], [0.2, 0.3, 0.4])
    np.testing.assert_allclose(drawn["unguided"], [0.1, 0.15, 0.2])
    assert plot.words.text() == "cosine 0.9 > 0.8: healthy"
    moved: list[int] = []
    plot.step_moved.connect(moved.append)
    click(plot, 120)
    assert moved == [1]
    plot.clear()
    assert plot.words.text() == ""


def shown_plot(qtbot: QtBot) -> ErrorPlot:
    plot = ErrorPlot()
    qtbot.addWidget(plot)
    plot.set_timesteps(np.array([1, 101, 201]))
    with qtbot.waitExposed(plot, timeout=LONG):
        plot.show()
    plot.set_curves(np.array([[0.5, 0.5, 0.1]]), np.array([[0.1, 0.1, 0.1]]), "unhealthy")
    return plot


@pytest.mark.parametrize("size", [(230, 190), (700, 400)])
def test_the_legend_stands_above_the_curves(qtbot: QtBot, size: tuple[int, int]) -> None:
    plot = shown_plot(qtbot)
    plot.resize(*size)
    (item,) = plot.plots

    def highest_curve() -> float:
        return float(item.vb.mapViewToScene(QPointF(1.0, 0.5)).y())

    def lowest_of_legend() -> float:
        return max(float(words.sceneBoundingRect().bottom()) for _, words in item.legend.items)

    qtbot.waitUntil(lambda: lowest_of_legend() < highest_curve(), timeout=LONG)


@pytest.mark.parametrize(("width", "rows"), [(230, 2), (330, 1)])
def test_the_legend_takes_one_row_where_it_has_room(qtbot: QtBot, width: int, rows: int) -> None:
    plot = shown_plot(qtbot)
    plot.resize(width, 130)
    (item,) = plot.plots

    def heights() -> int:
        return len({round(words.sceneBoundingRect().top()) for _, words in item.legend.items})

    qtbot.waitUntil(lambda: heights() == rows, timeout=LONG)
