from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from anofpdm.common.errors import SettingsError
from anofpdm.method.settings import AbsoluteThreshold, DynamicQuantile, ManualQuantile
from anofpdm.method.thresholds import (
    dynamic_quantile,
    error_cosine,
    slice_quantiles,
    slice_threshold,
    thresholded,
)

RNG = np.random.default_rng(0)
IMAGE = RNG.random((2, 16, 16))
BRAIN = np.zeros((16, 16), dtype=bool)
BRAIN[3:12, 4:13] = True


@given(
    at_end=st.floats(0, 10),
    largest=st.floats(1e-6, 10),
    low=st.floats(0.05, 0.5),
    high=st.floats(0.5, 0.99),
)
def test_dynamic_quantile_is_algorithm_1(
    at_end: float, largest: float, low: float, high: float
) -> None:
    quantile = dynamic_quantile(at_end, largest, low, high)
    scaled = min(1.0, at_end / largest)
    assert quantile == pytest.approx(high - (high - low) / 100 * round(100 * scaled), abs=1e-9)
    assert low <= quantile <= high


@given(one=st.floats(0, 5), other=st.floats(0, 5))
def test_a_larger_anomaly_gets_no_higher_quantile(one: float, other: float) -> None:
    small, large = sorted((one, other))
    assert dynamic_quantile(large, 3, 0.9, 0.98) <= dynamic_quantile(small, 3, 0.9, 0.98)


@pytest.mark.parametrize(
    ("at_end", "expected"),
    [(0.0, 0.98), (2.0, 0.90), (9.0, 0.90), (1.0, 0.94), (0.0099, 0.98), (0.0101, 0.9792)],
)
def test_quantiles_of_the_paper(at_end: float, expected: float) -> None:
    assert dynamic_quantile(at_end, 2.0, 0.90, 0.98) == pytest.approx(expected, abs=1e-12)


def test_quantiles_for_each_modality() -> None:
    at_end = np.array([1.0, 3.0])
    rule = DynamicQuantile(low=0.5, high=0.9)
    np.testing.assert_allclose(slice_quantiles(at_end, rule, (2.0, 3.0)), [0.7, 0.5])
    manual = ManualQuantile(quantile=0.8)
    np.testing.assert_array_equal(slice_quantiles(at_end, manual, None), [0.8, 0.8])
    assert np.isnan(slice_quantiles(at_end, AbsoluteThreshold(value=1), None)).all()
    for given_maxima in (None, (1.0,)):
        with pytest.raises(SettingsError, match="2 scored modalities"):
            slice_quantiles(at_end, rule, given_maxima)


def test_threshold_averages_the_modalities_quantiles() -> None:
    quantiles = np.array([0.9, 0.6])
    image = slice_threshold(IMAGE, BRAIN, ManualQuantile(region="image"), quantiles)
    expected = (np.quantile(IMAGE[0], 0.9) + np.quantile(IMAGE[1], 0.6)) / 2
    assert image == pytest.approx(expected)
    brain = slice_threshold(IMAGE, BRAIN, ManualQuantile(region="brain"), quantiles)
    inside = [IMAGE[c][BRAIN] for c in range(2)]
    expected = (np.quantile(inside[0], 0.9) + np.quantile(inside[1], 0.6)) / 2
    assert brain == pytest.approx(expected)
    assert slice_threshold(IMAGE, BRAIN, AbsoluteThreshold(value=0.3), quantiles) == 0.3


def test_brain_region_stays_in_the_brain_and_is_blind_to_the_rest() -> None:
    rule, quantiles = ManualQuantile(region="brain"), np.array([0.9, 0.9])
    louder = IMAGE + 5.0 * ~BRAIN
    threshold = slice_threshold(louder, BRAIN, rule, quantiles)
    assert threshold == slice_threshold(IMAGE, BRAIN, rule, quantiles)
    mask = thresholded(louder.mean(axis=0), BRAIN, rule, threshold)
    assert mask.any() and not (mask & ~BRAIN).any()
    no_brain = np.zeros_like(BRAIN)
    assert slice_threshold(IMAGE, no_brain, rule, quantiles) == 0
    assert not thresholded(IMAGE[0], no_brain, rule, 0.0).any()


def test_quantile_of_the_image_pins_the_area() -> None:
    rule = ManualQuantile(region="image")
    threshold = slice_threshold(IMAGE[:1], BRAIN, rule, np.array([0.9]))
    assert thresholded(IMAGE[0], BRAIN, rule, threshold).mean() == pytest.approx(0.1, abs=0.005)


def test_an_empty_map_gives_an_empty_mask() -> None:
    rule = ManualQuantile(region="image")
    mostly_empty = np.zeros((1, 16, 16))
    mostly_empty[0, 4, 4:7] = 1.0
    for maps in (np.zeros((1, 16, 16)), mostly_empty):
        threshold = slice_threshold(maps, BRAIN, rule, np.array([0.9]))
        assert threshold == 0
        assert not thresholded(maps[0], BRAIN, rule, threshold).any()


def test_absolute_threshold_takes_its_own_value_in_and_zero_never() -> None:
    image = np.array([[0.0, 0.1, 0.2, 0.3]], dtype=np.float32)
    foreground = np.ones((1, 4), dtype=bool)
    for value, expected in [(0.2, [0, 0, 1, 1]), (0.0, [0, 1, 1, 1]), (0.31, [0, 0, 0, 0])]:
        mask = thresholded(image, foreground, AbsoluteThreshold(value=value), value)
        np.testing.assert_array_equal(mask[0], np.array(expected, dtype=bool))


def test_cosine_of_the_mean_curves() -> None:
    healthy, null = RNG.random((3, 2, 20)), RNG.random((3, 2, 20))
    for n in range(3):
        u, v = healthy[n].mean(axis=0), null[n].mean(axis=0)
        expected = u @ v / np.sqrt((u @ u) * (v @ v))
        assert error_cosine(healthy, null)[n] == pytest.approx(expected, abs=1e-14)


def test_cosine_does_not_feel_scale_and_bears_zeros() -> None:
    curve = RNG.random((1, 1, 20))
    assert error_cosine(curve, 7 * curve)[0] == pytest.approx(1.0, abs=1e-12)
    assert error_cosine(curve, curve).max() <= 1.0
    zero = np.zeros_like(curve)
    assert error_cosine(zero, zero)[0] == 1.0
    assert error_cosine(zero, curve)[0] == 0.0


def test_pixels_at_the_quantile_belong_to_the_mask() -> None:
    plateau = np.full((1, 10, 10), 0.1)
    plateau[0, :2] = 1.0
    rule = ManualQuantile(region="image")
    threshold = slice_threshold(plateau, BRAIN[:10, :10], rule, np.array([0.9]))
    mask = thresholded(plateau[0], BRAIN[:10, :10], rule, threshold)
    np.testing.assert_array_equal(mask, plateau[0] == 1.0)
