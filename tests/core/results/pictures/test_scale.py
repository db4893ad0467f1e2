"""The scale bar of a panel: its words keep clear of the letter in the middle of the same edge."""

from __future__ import annotations

import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from anofpdm.results.pictures.columns import draw_scale
from anofpdm.results.pictures.panel import Panel, blank_axes
from anofpdm.results.pictures.planes import SIDES


@pytest.mark.parametrize("inches", [0.6, 1.0, 1.6, 3.0])
@pytest.mark.parametrize("width_mm", [20.0, 130.0, 210.0, 400.0])
@pytest.mark.parametrize("size", [7.0, 9.0, 14.0])
def test_the_words_end_before_the_letter(inches: float, width_mm: float, size: float) -> None:
    figure = Figure(figsize=(inches, inches), dpi=100)
    canvas = FigureCanvasAgg(figure)
    axes = blank_axes(figure, (0.0, 0.0, 1.0, 1.0))
    Panel(axes).mark_sides(SIDES["axial"], size)
    draw_scale(axes, width_mm, size)
    canvas.draw()  # type: ignore[no-untyped-call]
    texts = {text.get_text(): text.get_window_extent() for text in axes.texts}
    words = next(box for text, box in texts.items() if text.endswith(" mm"))
    assert words.x1 <= texts["P"].x0
    assert words.x0 >= 0
