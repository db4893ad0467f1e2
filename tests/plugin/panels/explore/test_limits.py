from __future__ import annotations

import numpy as np
import pytest

from anofpdm import Analysis
from napari_anofpdm.panels.explore.limits import limits_in_words, midline_mm, side_of


def test_the_side_is_counted_from_the_middle_of_the_brain() -> None:
    assert side_of((30.0, 0, 0), 10.0) == "on the right"
    assert side_of((-30.0, 0, 0), 10.0) == "on the left"
    assert side_of((12.0, 0, 0), 10.0) == "near the midline"


def test_the_midline_is_that_of_the_brain(tiny_analysis: Analysis) -> None:
    points = np.argwhere(tiny_analysis.foreground_native)
    affine = np.array(tiny_analysis.geometry.affine)
    exact = (points @ affine[:3, :3].T + affine[:3, 3])[:, 0].mean()
    voxel = np.abs(affine[:3, :3]).max()
    assert midline_mm(tiny_analysis) == pytest.approx(exact, abs=4 * voxel)


def test_the_weak_points_follow_from_grid_and_settings(tiny_analysis: Analysis) -> None:
    settings = tiny_analysis.default_settings().model_copy(update={"min_component_pixels": 128})
    words = limits_in_words(tiny_analysis, settings)
    rows, columns = tiny_analysis.geometry.pixel_mm
    area = 128 * (tiny_analysis.geometry.size / 128) ** 2 * rows * columns
    assert f"pixels of {max(rows, columns):.1f} mm" in words
    assert f"spots up to {area:.0f} mm²" in words
    assert "slices of 6.0 mm" in words


def test_the_weak_points_end_with_what_the_calibration_measured(
    tiny_analysis: Analysis, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = tiny_analysis.default_settings()
    monkeypatch.setattr("anofpdm.method.settings_words.rates_words", lambda _: "Rates.")
    assert limits_in_words(tiny_analysis, settings).endswith(" Rates.")
