"""The colours of the plots."""

from __future__ import annotations

import pytest
from napari.utils.theme import get_theme

from napari_anofpdm.plots.plot_theme import PlotTheme, plot_theme


def contrast(one: str, other: str) -> float:
    """The contrast ratio of WCAG 2, 1..21."""

    def luminance(colour: str) -> float:
        parts = [int(colour[k : k + 2], 16) / 255 for k in (1, 3, 5)]
        red, green, blue = (
            part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts
        )
        return 0.2126 * red + 0.7152 * green + 0.0722 * blue

    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("name", ["dark", "light"])
def test_everything_drawn_stands_out_from_the_background(name: str) -> None:
    theme = plot_theme(name)
    drawn = (theme.cursor, theme.handle, theme.healthy, theme.unhealthy, *theme.curves)
    assert min(contrast(colour, theme.background) for colour in drawn) > 3
    assert contrast(theme.text, theme.background) > 4.5


def test_the_background_is_the_viewers_own() -> None:
    theme = plot_theme("light")
    assert theme.background == get_theme("light").background.as_hex(format="long")
    assert isinstance(plot_theme("system"), PlotTheme)


def test_curves_take_the_colours_in_turn() -> None:
    theme = plot_theme("dark")
    assert theme.curve(0) == theme.curve(len(theme.curves)) != theme.curve(1)
