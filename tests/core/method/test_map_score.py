from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import ndimage

from anofpdm.cli.shared.option_groups.reading import ReadingOptions
from anofpdm.common.errors import DatasetError, SettingsError
from anofpdm.common.validation import validated
from anofpdm.guidance.rules import best_map_threshold
from anofpdm.method.calibration import Calibration, Candidate
from anofpdm.method.map_score import map_score
from anofpdm.method.postprocessing import median_filter, remove_small_components
from anofpdm.method.settings import AbsoluteThreshold, DynamicQuantile, ManualQuantile, Settings
from anofpdm.method.thresholds import thresholded


@given(
    st.integers(0, 2**32 - 1),
    st.sampled_from([1, 3]),
    st.sampled_from([0, 200, 2000]),
    st.sampled_from([1.0, 0.5]),
)
def test_a_threshold_marks_something_up_to_the_score(
    seed: int, median: int, pixels: int, extent: float
) -> None:
    # 2000 pixels at 128x128 are 17.6 of these 12 x 12.
    anomaly_map = np.random.default_rng(seed).random((12, 12)) ** 3
    score = map_score(anomaly_map, extent=extent, median_kernel=median, min_component_pixels=pixels)
    filtered = median_filter(anomaly_map, median)
    brain = np.ones_like(filtered, dtype=bool)
    for value in (*np.linspace(0.01, 1, 12), score, np.nextafter(score, 2)):
        rule = AbsoluteThreshold(value=value, extent=extent)
        found = thresholded(filtered, brain, rule, float(value))
        assert remove_small_components(found, pixels).any() == (value <= score)


@given(st.integers(0, 2**32 - 1), st.floats(0.1, 0.9), st.floats(0.2, 1))
def test_a_spot_extends_to_its_share_of_the_threshold(
    seed: int, value: float, extent: float
) -> None:
    anomaly_map = np.random.default_rng(seed).random((12, 12)) ** 3
    brain = np.ones_like(anomaly_map, dtype=bool)
    found = thresholded(anomaly_map, brain, AbsoluteThreshold(value=value, extent=extent), value)
    # What hangs together with a pixel at the threshold, found by growing from it.
    grown, weak = anomaly_map >= value, anomaly_map >= extent * value
    for _ in range(anomaly_map.size):
        grown = ndimage.binary_dilation(grown, np.ones((3, 3), dtype=bool)) & weak
    np.testing.assert_array_equal(found, grown)


def test_an_empty_map_and_a_too_small_spot_score_nothing() -> None:
    anomaly_map = np.zeros((128, 128))
    assert map_score(anomaly_map, median_kernel=5, min_component_pixels=0) == 0
    anomaly_map[4:8, 4:8] = 1.0
    assert map_score(anomaly_map, median_kernel=1, min_component_pixels=16) == 0
    assert map_score(anomaly_map, median_kernel=1, min_component_pixels=15) == 1


@given(
    st.lists(
        st.tuples(st.floats(0, 5, allow_subnormal=False), st.booleans()), min_size=2, max_size=30
    )
)
def test_the_threshold_on_scores_is_the_best_there_is(slices: list[tuple[float, bool]]) -> None:
    scores, unhealthy = (np.array(column) for column in zip(*slices, strict=True))
    if unhealthy.all() or not unhealthy.any():
        with pytest.raises(DatasetError):
            best_map_threshold(scores, unhealthy)
        return
    threshold, accuracy = best_map_threshold(scores, unhealthy)
    assert threshold >= 0
    assert np.mean((scores >= threshold) == unhealthy) == accuracy
    tried = [np.mean((scores >= v) == unhealthy) for v in [*scores, np.nextafter(scores.max(), 9)]]
    assert accuracy == max(tried)


def calibration(**changes: object) -> Calibration:
    candidates = tuple(
        Candidate(guidance=w, cosine_threshold=0.9, accuracy=0.8, max_divergence=(w,),
                  map_threshold=w / 10, map_accuracy=0.9)
        for w in (1.0, 3.0)
    )  # fmt: skip
    values: dict[str, Any] = {"guidance": 3.0, "cosine_threshold": 0.9, "max_divergence": (3.0,),
              "rule": "absolute", "map_threshold": 0.3, "process": "ddim", "steps": 5,
              "t_max": 600, "quantile_range": {"image": (0.9, 0.98)},
              "candidates": candidates}  # fmt: skip
    return validated(Calibration, **(values | changes))


def test_settings_of_a_fixed_threshold_follow_the_guidance() -> None:
    own = Settings.from_calibration(calibration(median_kernel=3))
    assert own.median_kernel == 3
    half = Settings.from_calibration(calibration(map_extent=0.5))
    assert half.threshold == AbsoluteThreshold(value=0.3, extent=0.5)
    moved = half.with_guidance(1.0, calibration(map_extent=0.5))
    assert moved.threshold == AbsoluteThreshold(value=0.1, extent=0.5)
    own = Settings.from_calibration(calibration())
    assert own.threshold == AbsoluteThreshold(value=0.3)
    assert own.judges and not own.gate
    moved = own.with_guidance(2.0, calibration())
    assert isinstance(moved.threshold, AbsoluteThreshold)
    assert moved.threshold.value == pytest.approx(0.2)
    assert moved == Settings.from_calibration(calibration(), guidance=2.0)
    by_hand = own.model_copy(update={"threshold": AbsoluteThreshold(value=0.7)})
    assert by_hand.with_guidance(1.0, calibration()).threshold == AbsoluteThreshold(value=0.7)


def test_a_quantile_asked_for_brings_the_gate_with_it() -> None:
    dynamic = Settings.from_calibration(calibration(), region="image")
    assert isinstance(dynamic.threshold, DynamicQuantile) and dynamic.gate
    manual = Settings.from_calibration(calibration(), threshold=ManualQuantile(quantile=0.95))
    assert manual.gate
    open_gate = Settings.from_calibration(calibration(), region="image", gate=False)
    assert not open_gate.gate and not open_gate.judges


def test_a_fixed_rule_without_its_thresholds_is_refused() -> None:
    with pytest.raises(SettingsError, match="map_threshold"):
        calibration(map_threshold=None)
    bare = Candidate(guidance=1, cosine_threshold=0.9, accuracy=0.8, max_divergence=(1.0,))
    with pytest.raises(SettingsError, match="odd"):
        calibration(median_kernel=4)
    with pytest.raises(SettingsError, match="every candidate"):
        calibration(candidates=(bare,))


def test_a_threshold_given_by_hand_extends_as_the_calibrated_one() -> None:
    given = ReadingOptions(threshold=0.2).settings(calibration(map_extent=0.5))
    assert given.threshold == AbsoluteThreshold(value=0.2, extent=0.5)
    dynamic = calibration(map_extent=0.5, rule="dynamic")
    assert ReadingOptions(threshold=0.2).settings(dynamic).threshold == AbsoluteThreshold(value=0.2)
    assert ReadingOptions(threshold=0.2).settings(None).threshold == AbsoluteThreshold(value=0.2)
