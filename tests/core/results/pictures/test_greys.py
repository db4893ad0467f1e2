"""A scan and what is predicted of it have one window, in figures and in films."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from anofpdm.analysis.analysis import Analysis
from anofpdm.method.settings import AbsoluteThreshold, Settings
from anofpdm.results.pictures import film as film_room
from anofpdm.results.pictures.choosing import SliceChoice
from anofpdm.results.pictures.columns import Column
from anofpdm.results.pictures.content import Content, healthy_scan
from anofpdm.results.pictures.figures.figure import draw_figure
from anofpdm.results.pictures.figures.options import FigureOptions
from anofpdm.results.pictures.greys import network_white, network_window, to_scan
from anofpdm.results.pictures.levels import grey_window
from tests.core.segmentation_cases import analysis, scan

SETTINGS = Settings(threshold=AbsoluteThreshold(value=0.01), guidance=2.0)


@pytest.fixture(scope="module")
def stored() -> Analysis:
    return analysis()


def canonical(stored: Analysis) -> np.ndarray[Any, Any]:
    return stored.geometry.orientation.to_canonical(scan().data)


def test_white_is_what_preprocessing_divided_by(stored: Analysis) -> None:
    """The whole foreground's 99th percentile, with which the slices come back as the scan."""
    values = canonical(stored)
    white = network_white(stored, values)
    assert white == pytest.approx(np.percentile(values[values > 0], 99))
    k = int(stored.slice_ids[2])
    back = to_scan(stored.geometry.map_plane(stored.x0[2, 0] + 1.0) - 1.0, white)
    inside = (values[:, :, k] > 0) & (values[:, :, k] < white)
    assert np.median(np.abs(back - values[:, :, k])[inside]) < 0.03 * white
    assert network_window((0.0, white), white) == (-1.0, 1.0)


@pytest.mark.parametrize(
    ("intensity", "white"),
    [
        ("volume_median", lambda v, k: 1.6 * np.median(v[v > 0])),
        ("slice_minmax", lambda v, k: np.median(v[:, :, k].max(axis=(0, 1)))),
    ],
)
def test_white_follows_the_models_scaling(stored: Analysis, intensity: str, white: Any) -> None:
    bundle = stored.metadata.bundle
    config = bundle.preprocessing.model_copy(update={"intensity": intensity})
    other = bundle.model_copy(update={"preprocessing": config})
    metadata = stored.metadata.model_copy(update={"bundle": other})
    values = canonical(stored)
    found = network_white(replace(stored, metadata=metadata), values)
    assert found == pytest.approx(white(values, stored.slice_ids))


def test_a_scan_of_other_voxels_is_refused(stored: Analysis) -> None:
    with pytest.raises(ValueError, match="has shape"):
        network_white(stored, canonical(stored)[1:])


@pytest.mark.parametrize("window", [None, (50.0, 600.0)])
def test_figures_and_films_show_scan_and_prediction_in_one_window(
    stored: Analysis, window: tuple[float, float] | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """That of the scan, in its units; a film through the steps uses the same as a figure."""
    volume, slice_id = scan(), int(stored.slice_ids[1])
    ends = {slice_id: stored.timesteps[-1]}
    content = Content.of(volume, healthy=healthy_scan(stored, SETTINGS, ends, volume))
    options = FigureOptions(
        slices={"axial": SliceChoice.of(str(slice_id))},
        columns=(Column(), Column(ground="healthy")),
        window=window,
        dpi=50,
    )
    figures = [draw_figure(content, options)]
    draw = draw_figure

    def drawn(*given: Any, **more: Any) -> Any:
        figures.append(draw(*given, **more))
        return figures[-1]

    monkeypatch.setattr(film_room, "draw_figure", drawn)
    film_room.film_of_steps(stored, SETTINGS, slice_id, options).frames[-1]()
    low, high = window or grey_window(volume.data)
    assert content.healthy is not None
    for figure in figures:
        shown = [axes.images[0].get_array() for axes in figure.axes if axes.images][:2]
        for image, values in zip(shown, (content.scan, content.healthy), strict=True):
            brightest = (values[:, :, slice_id].max() - low) / (high - low)
            assert np.asarray(image).max() == pytest.approx(255 * min(brightest, 1.0), abs=1.0)
