"""The plot of both error curves."""

from __future__ import annotations

import numpy as np
from pytestqt.qtbot import QtBot

from napari_anofpdm.error_plot import ErrorPlot
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
