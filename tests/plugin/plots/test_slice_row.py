"""The verdict and lesion size of every slice."""

from __future__ import annotations

import numpy as np
import pytest

from anofpdm import Analysis, Settings, interpret
from anofpdm.method.settings import AbsoluteThreshold
from anofpdm.results.native import to_native
from napari_anofpdm.plots.slice_row import slice_row


def test_areas_times_thickness_are_the_volume_of_the_native_mask(tiny_analysis: Analysis) -> None:
    threshold = AbsoluteThreshold(value=0.001)
    settings = Settings(guidance=2.0, threshold=threshold, median_kernel=1, min_component_pixels=0)
    result = interpret(tiny_analysis, settings)
    native = to_native(tiny_analysis, result)
    row = slice_row(tiny_analysis, result, native)
    assert native.mask.any()
    volume = float(native.mask.sum()) * tiny_analysis.geometry.voxel_volume_ml
    assert row.volume_ml == pytest.approx(volume)
    # LAS: the last axis runs toward the head, as the canonical slices do.
    counts = native.mask.sum(axis=(0, 1))[tiny_analysis.slice_ids]
    np.testing.assert_allclose(row.area_mm2, counts * 4.0 * 5.0)
    assert row.thickness_mm == pytest.approx(6.0)


def test_slices_that_were_not_interpreted_are_missing(tiny_analysis: Analysis) -> None:
    result = interpret(tiny_analysis, tiny_analysis.default_settings(), [2, 0])
    row = slice_row(tiny_analysis, result, None)
    assert np.flatnonzero(row.computed).tolist() == [0, 2]
    np.testing.assert_array_equal(row.cosine[[2, 0]], result.cosine)
    assert not slice_row(tiny_analysis, None, None).computed.any()
