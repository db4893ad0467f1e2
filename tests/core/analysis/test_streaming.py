"""`segment_live`: what a kept analysis gives, without keeping a step."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

import numpy as np
import pytest
import torch

from anofpdm.analysis.engine import analyze, segment_live
from anofpdm.common.errors import AnalysisError
from anofpdm.method.interpretation import interpret
from anofpdm.method.settings import ManualQuantile, Settings
from anofpdm.model.bundle import ModelBundle
from anofpdm.scans.volume import Volume

SETTINGS = Settings(
    guidance=2.0,
    threshold=ManualQuantile(quantile=0.7, region="brain"),
    median_kernel=1,
    min_component_pixels=0,
)


@pytest.fixture
def scans() -> dict[str, Volume]:
    """A ball of random tissue, five axial slices, two modalities."""
    rng = np.random.default_rng(0)
    x, y, z = np.meshgrid(*[np.linspace(-1, 1, n) for n in (20, 24, 5)], indexing="ij")
    brain = x**2 + y**2 + 0.3 * z**2 < 0.7
    affine = np.diag([4.0, 4.0, 6.0, 1.0])
    return {
        name: Volume(
            np.where(brain, rng.uniform(50, 100, brain.shape), 0).astype(np.float32), affine, name
        )
        for name in ("flair", "t1")
    }


def test_the_interpretation_is_that_of_a_kept_analysis_bit_by_bit(
    scans: dict[str, Volume], tiny_bundle: ModelBundle
) -> None:
    given: dict[str, Any] = {"steps": 6, "seed": 1, "device": "cpu", "batch_size": 2}
    kept = interpret(analyze(scans, tiny_bundle, **given), SETTINGS)
    analysis, live = segment_live(scans, tiny_bundle, SETTINGS, **given)
    for field in fields(kept):
        first, second = getattr(kept, field.name), getattr(live, field.name)
        if isinstance(first, np.ndarray):
            np.testing.assert_array_equal(first, second, err_msg=field.name)
        else:
            assert first == second
    assert live.mask.any()
    with pytest.raises(AnalysisError, match="were not kept"):
        analysis.steps_of(0)


def test_the_steps_of_a_batch_from_a_gpu_are_interpreted_alike(
    scans: dict[str, Volume], tiny_bundle: ModelBundle, monkeypatch: pytest.MonkeyPatch
) -> None:
    given: dict[str, Any] = {"steps": 6, "batch_size": 2}
    _, expected = segment_live(scans, tiny_bundle, SETTINGS, device="cpu", **given)
    # No CPU by name, so that the batches are buffered, as those of a GPU are.
    monkeypatch.setattr("anofpdm.analysis.run.resolve_device", lambda _: "cpu:0")
    monkeypatch.setattr("anofpdm.analysis.run.keeps_apart", lambda _: True)
    _, found = segment_live(scans, tiny_bundle, SETTINGS, **given)
    np.testing.assert_array_equal(found.maps, expected.maps)
    np.testing.assert_array_equal(found.mask, expected.mask)


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("batch_size", [1, 3, 5])
def test_masks_are_equal_for_any_batch_size_and_thread_count(
    scans: dict[str, Volume], tiny_bundle: ModelBundle, batch_size: int, threads: int
) -> None:
    given: dict[str, Any] = {"steps": 6, "device": "cpu", "precision": "float32"}
    _, expected = segment_live(scans, tiny_bundle, SETTINGS, batch_size=2, **given)
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        _, found = segment_live(scans, tiny_bundle, SETTINGS, batch_size=batch_size, **given)
    finally:
        torch.set_num_threads(before)
    np.testing.assert_array_equal(found.mask, expected.mask)
    np.testing.assert_allclose(found.maps, expected.maps, atol=4e-4)


def test_no_step_is_kept(
    scans: dict[str, Volume], tiny_bundle: ModelBundle, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(*_: object) -> None:
        raise AssertionError("steps of a whole batch were reserved")

    monkeypatch.setattr("anofpdm.analysis.batches.step_buffers.StepBuffers.__init__", refused)
    monkeypatch.setattr("anofpdm.analysis.steps.MemorySteps.empty", refused)
    analysis, _ = segment_live(scans, tiny_bundle, SETTINGS, steps=6, device="cpu")
    assert analysis.metadata.seconds > 0
