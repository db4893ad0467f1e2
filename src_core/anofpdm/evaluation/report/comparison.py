"""Figures of a comparison: DICE and AUPRC of each family of methods beside the model's own."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from anofpdm.evaluation.methods.method import MODEL
from anofpdm.evaluation.report.figures import Picture, new_figure, png_of

_COLUMNS = 2


def comparison_figures(document: Mapping[str, Any]) -> tuple[Picture, ...]:
    """Draw, for each family, DICE of lesion slices (bars) and AUPRC (dots) with intervals.

    Parameters
    ----------
    document : mapping
        The content of `comparison.json`: an evaluation with "families", the family of each method.
    """
    families: dict[str, list[str]] = {}
    for name, family in document["families"].items():
        if name in document["methods"] and family != "model":
            families.setdefault(family, []).append(name)
    if not families:
        return ()
    rows = -(-len(families) // _COLUMNS)
    tallest = max(len(names) for names in families.values()) + 1
    figure = new_figure(11, max(2.2, 0.28 * tallest + 0.8) * rows)
    axes = figure.subplots(rows, _COLUMNS, squeeze=False).ravel()
    for axis in axes[len(families) :]:
        axis.set_axis_off()
    for axis, (family, members) in zip(axes, families.items(), strict=False):
        names = [MODEL, *members]
        places = np.arange(len(names))[::-1]
        scores = [document["methods"][name]["slices"]["unhealthy"]["dice"] for name in names]
        values = [score["value"] or 0.0 for score in scores]
        axis.barh(places, values, color=["#4477AA", *["#BBCCDD"] * len(members)], height=0.7)
        for place, score in zip(places, scores, strict=True):
            if score["low"] is not None:
                axis.plot([score["low"], score["high"]], [place, place], color="0.3", linewidth=1)
        for place, name in zip(places, names, strict=True):
            own = document["maps"].get(name)
            value = None if own is None else own["auprc_brain"]["unhealthy"]["value"]
            if value is not None:
                axis.plot(value, place, "o", color="#CC3311", markersize=4)
        axis.set_yticks(places, names, fontsize=7)
        axis.set(xlim=(0, 1), title=family)
        axis.grid(axis="x", alpha=0.3)
    caption = (
        "Each family beside the model's own settings. Bars: DICE of the slices with a lesion, with "
        "95 % intervals; dots: AUPRC of the same slices in the brain."
    )
    return (Picture(caption, png_of(figure)),)
