"""The window of a prediction matches that of the scan."""

from __future__ import annotations

import numpy as np
import pytest

from anofpdm import Analysis
from napari_anofpdm.layers.scan_layers import scan_layers
from napari_anofpdm.lens.matched_window import matched_window


def test_the_brain_is_as_bright_in_both(tiny_analysis: Analysis) -> None:
    [scan] = scan_layers(tiny_analysis, "scan")
    brain = np.asarray(tiny_analysis.x0)[:, 0][np.asarray(tiny_analysis.foreground)]
    found = matched_window(tiny_analysis, 0, scan)
    assert found is not None
    data = np.asarray(scan.data)
    inside = tiny_analysis.geometry.orientation.to_canonical(
        tiny_analysis.foreground_native
    ).transpose()
    low, high = scan.contrast_limits
    for percentile in (10, 50, 90):
        own = (np.percentile(data[inside], percentile) - low) / (high - low)
        seen = (np.percentile(brain, percentile) - found[0]) / (found[1] - found[0])
        assert seen == pytest.approx(own, abs=0.1)


def test_a_scan_of_other_voxels_has_no_match(tiny_analysis: Analysis) -> None:
    [scan] = scan_layers(tiny_analysis, "scan")
    scan.data = scan.data[1:]
    assert matched_window(tiny_analysis, 0, scan) is None
