"""The report's picture: slices with map and mask, the M_t curves, the cosine of every slice."""

from __future__ import annotations

from pathlib import Path
from textwrap import wrap
from typing import TYPE_CHECKING, Any

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from anofpdm.method.settings_words import (
    healthy_rule_words,
    refinement_words,
    threshold_words,
)
from anofpdm.results.pictures.colours import WARNING_COLOUR
from anofpdm.results.pictures.report.curves import draw_curves
from anofpdm.results.pictures.report.montage import draw_montage
from anofpdm.results.pictures.report.picture import Picture
from anofpdm.results.pictures.words import NOTICE

if TYPE_CHECKING:
    from anofpdm.method.interpretation import Interpretation
    from anofpdm.method.settings import Settings

_TITLE_INCHES, _LINE_INCHES, _LINE_CHARACTERS = 0.6, 0.24, 150
_WIDTH, _MONTAGE_INCHES, _CURVE_INCHES = 14.0, 11.3, 3.7


def save_picture(path: Path, picture: Picture, interpretation: Interpretation) -> None:
    """Draw the report's picture as a PNG file.

    Slices are seen from the feet (radiological convention: the patient's right is on the left),
    and keep their proportions in millimetres.

    Parameters
    ----------
    path : Path
        The PNG file to write.
    picture : Picture
        Scan, map and mask.
    interpretation : Interpretation
        Curves, end steps, cosines and verdicts of the analysed slices.
    """
    said = [(picture.footer, "0.25"), (_settings_line(interpretation.settings), "0.25")]
    said += [(f"Warning: {warning}", WARNING_COLOUR) for warning in picture.warnings]
    lines = [(line, colour) for words, colour in said for line in wrap(words, _LINE_CHARACTERS)]
    head = _TITLE_INCHES + _LINE_INCHES * len(lines)
    height = head + _MONTAGE_INCHES + _CURVE_INCHES
    figure = Figure(figsize=(_WIDTH, height), dpi=100, facecolor="white")
    FigureCanvasAgg(figure)
    grid = figure.add_gridspec(3, 1, height_ratios=[head, _MONTAGE_INCHES, _CURVE_INCHES])
    header, montage, curves = (figure.add_subfigure(grid[row]) for row in range(3))
    # No equations: a file's name may hold a dollar sign.
    plain: dict[str, Any] = {"va": "top", "parse_math": False}
    header.text(0.02, 1 - 0.2 / head, picture.title, fontsize=15, weight="bold", **plain)
    header.text(
        0.98, 1 - 0.2 / head, NOTICE, fontsize=12, ha="right", color=WARNING_COLOUR, **plain
    )
    for number, (line, colour) in enumerate(lines):
        y = 1 - (_TITLE_INCHES + _LINE_INCHES * number) / head
        header.text(0.02, y, line, fontsize=11, color=colour, **plain)
    draw_montage(montage, (_WIDTH, _MONTAGE_INCHES), picture, interpretation)
    draw_curves(curves, interpretation)
    figure.savefig(path, format="png")


def _settings_line(settings: Settings) -> str:
    sides = "" if settings.polarity == "both" else f", {settings.polarity} alone"
    drawn = "" if settings.refinement is None else f", {refinement_words(settings.refinement)}"
    return (
        f"w = {settings.guidance:g}, mask by {threshold_words(settings.threshold)}{sides}{drawn}; "
        f"{healthy_rule_words(settings)}"
    )
