"""`PlotFrame`: a plot with a title, a line of text and space for controls."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pyqtgraph as pg
from qtpy.QtCore import QPointF, Qt
from qtpy.QtWidgets import QHBoxLayout, QLabel, QPushButton, QSizePolicy, QVBoxLayout, QWidget

from napari_anofpdm.plots.plot_theme import ON_DARK, PlotTheme
from napari_anofpdm.widgets.fitting_label import FittingLabel

_LEFT_AXIS_PX = 48
_HEADING_PX = 26
_HEADROOM = 1.08
_LEGEND_ALPHA = 200  # of 255
_LEGEND_GAP_PX = 6  # its distance from the top plus the width of a curve
_LEGEND_LINE_PX = 30  # width of an entry beside its words
_LEGEND_SHARE = 0.6  # of the plot's height; more would squeeze the curves


class PlotFrame(QWidget):
    """Base class of the plots: a heading above one or more plots with a common look.

    Parameters
    ----------
    title : str
        What is plotted, in a few words.
    tooltip : str
        What the plot means and what the mouse does in it.
    rows : int
        Number of plots, one above the other.
    parent : QWidget, optional

    Attributes
    ----------
    plots : list of pyqtgraph.PlotItem
        From top to bottom.
    heading : QHBoxLayout
        Controls are added at its end.
    words : FittingLabel
        One line beside the title that sums up the plot.
    theme : PlotTheme
        The colours in use.
    """

    def __init__(
        self, title: str, tooltip: str, rows: int = 1, parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self.theme = ON_DARK
        self.canvas = pg.GraphicsLayoutWidget(parent=self)
        self.canvas.setToolTip(tooltip)
        self.canvas.ci.layout.setContentsMargins(0, 8, 8, 0)
        self.canvas.ci.layout.setVerticalSpacing(6)
        self.canvas.setMinimumSize(200, 96 if rows == 1 else 116)
        self._fitted: tuple[float, Any] | None = None
        self.plots = [self._plain_plot(row) for row in range(rows)]
        self.plots[0].vb.sigResized.connect(lambda _: self._renew_height())
        name = QLabel(f"<b>{title}</b>")
        name.setToolTip(tooltip)
        self.words = FittingLabel()
        self.heading = QHBoxLayout()
        self.heading.setContentsMargins(4, 0, 4, 0)
        self.heading.addStrut(_HEADING_PX)
        self.heading.addWidget(name)
        self.heading.addWidget(self.words, 1)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(2)
        layout.addLayout(self.heading)
        layout.addWidget(self.canvas, 1)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)

    def say(self, *wordings: str) -> None:
        """Set the line beside the title: the first wording that fits, the longest first."""
        self.words.say(*wordings)

    def fit_height(self, top: float, legend: Any) -> None:
        """Scale the first plot from 0 to a value, so that the curves stay below the legend.

        Parameters
        ----------
        top : float
            Largest value drawn, > 0.
        legend : pyqtgraph.LegendItem
            The legend at the top of the plot.
        """
        self._fitted = (top, legend)
        self._renew_height()

    def show_plots(self, shown: bool) -> None:
        """Show the plots, or an empty area of the same size."""
        # Not one by one: Qt would not lay out again the plots that were hidden in the meantime.
        self.canvas.ci.setVisible(shown)

    def set_theme(self, theme: PlotTheme) -> None:
        """Set the colours."""
        self.theme = theme
        self.canvas.setBackground(theme.background)
        for plot in self.plots:
            for side in ("left", "bottom"):
                axis = plot.getAxis(side)
                axis.setPen(theme.faint)
                axis.setTextPen(theme.text)
        self.paint()

    def paint(self) -> None:
        """Draw all curves and lines in the colours of `theme`; each plot implements it."""
        raise NotImplementedError

    def add_button(self, text: str, tooltip: str, pressed: Callable[[], None]) -> QPushButton:
        """Add a small button at the end of the heading."""
        button = QPushButton(text)
        button.setToolTip(tooltip)
        button.setSizePolicy(QSizePolicy.Policy.Maximum, QSizePolicy.Policy.Fixed)
        button.clicked.connect(lambda: pressed())
        self.heading.addWidget(button)
        return button

    def on_click(self, clicked: Callable[[float], None]) -> None:
        """Call `clicked` with the horizontal position of a left click, in the plot's units."""

        def at(event: Any) -> None:
            if event.button() != Qt.MouseButton.LeftButton:
                return
            where: QPointF = event.scenePos()
            for plot in self.plots:
                if plot.isVisible() and plot.vb.sceneBoundingRect().contains(where):
                    clicked(float(plot.vb.mapSceneToView(where).x()))

        self.canvas.scene().sigMouseClicked.connect(at)

    def _renew_height(self) -> None:
        if self._fitted is None:
            return
        top, legend = self._fitted
        box = self.plots[0].vb
        # In one row, where it has room: a low plot has little height to give.
        row = sum(words.itemRect().width() + _LEGEND_LINE_PX for _, words in legend.items)
        legend.setColumnCount(len(legend.items) if 0 < row <= box.width() else 1)
        taken = legend.boundingRect().height() + _LEGEND_GAP_PX if legend.isVisible() else 0.0
        share = min(taken / max(box.height(), 1.0), _LEGEND_SHARE)
        self.plots[0].setYRange(0.0, top * max(1 / (1 - share), _HEADROOM), 0)

    def _plain_plot(self, row: int) -> Any:
        plot = self.canvas.addPlot(row=row, col=0)
        plot.setMouseEnabled(x=False, y=False)
        plot.setMenuEnabled(False)
        plot.hideButtons()
        plot.getAxis("left").setWidth(_LEFT_AXIS_PX)
        for side in ("left", "bottom"):
            plot.getAxis(side).enableAutoSIPrefix(False)
            plot.getAxis(side).setStyle(tickTextOffset=3, hideOverlappingLabels=False)
        return plot


def paint_legend(legend: Any, theme: PlotTheme) -> None:
    """Draw a plot's legend in the theme's text colour, above the lines that cross it."""
    ground = pg.mkColor(theme.background)
    ground.setAlpha(_LEGEND_ALPHA)
    legend.setBrush(ground)
    legend.setLabelTextColor(theme.text)
    for _, label in legend.items:
        label.setText(label.text, color=theme.text)
