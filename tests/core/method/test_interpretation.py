from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any, get_args

import numpy as np
import pytest
import torch
from torch import Tensor

from anofpdm.analysis.analysis import Analysis
from anofpdm.analysis.growing import finished
from anofpdm.analysis.inputs import AnalysisInputs
from anofpdm.analysis.metadata import AnalysisMetadata, StepDtype
from anofpdm.analysis.writer import AnalysisWriter
from anofpdm.common.errors import SettingsError
from anofpdm.method.calibration import Process
from anofpdm.method.class_labels import HEALTHY, UNHEALTHY
from anofpdm.method.forward_process import Step, forward_process
from anofpdm.method.interpretation import (
    Interpretation,
    concatenate,
    decide_again,
    interpret,
    interpret_many,
    interpret_stream,
)
from anofpdm.method.postprocessing import median_filter, remove_small_components
from anofpdm.method.schedule import NoiseSchedule, strided_timesteps
from anofpdm.method.settings import (
    AbsoluteThreshold,
    DynamicQuantile,
    ManualQuantile,
    Sam,
    Settings,
    ThresholdRule,
)
from anofpdm.method.thresholds import dynamic_quantile, error_cosine
from anofpdm.model.bundle_metadata import BundleMetadata
from anofpdm.model.unet_config import UNetConfig
from anofpdm.scans.geometry import ImageAxis, SliceGeometry
from anofpdm.scans.preprocessing_config import PreprocessingConfig
from tests.core.oracles import GaussianOracle, MixtureOracle

SCHEDULE = NoiseSchedule()
TIMESTEPS = strided_timesteps(9, 600)
MODALITIES = ("flair", "t2")
COUNT, SIZE = 5, 32
IDS = [14, 15, 16, 20, 3]
RULES: tuple[ThresholdRule, ...] = (
    DynamicQuantile(),
    DynamicQuantile(region="brain", low=0.6, high=0.9),
    ManualQuantile(quantile=0.8, region="image"),
    AbsoluteThreshold(value=0.3),
)
M_MAX = (0.5, 0.2)


def slices() -> Tensor:
    """Discs of brain, from the third on with a bright square, in two modalities."""
    rng = torch.Generator().manual_seed(0)
    rows, columns = torch.meshgrid(torch.arange(SIZE), torch.arange(SIZE), indexing="ij")
    brain = (rows - 15.5) ** 2 + (columns - 15.5) ** 2 < 150
    x0 = torch.full((COUNT, 2, SIZE, SIZE), -1.0)
    x0[:, :, brain] = -0.3 + 0.1 * torch.randn(COUNT, 2, int(brain.sum()), generator=rng)
    x0[2:, 0, 8:14, 10:17] += 0.9
    x0[2:, 1, 8:14, 10:15] += 0.5
    return x0.clamp(-1, 1)


def foreground() -> np.ndarray[tuple[int, ...], np.dtype[np.bool_]]:
    return np.asarray((slices() > -1).any(dim=1))


def predictor(x: Tensor, index: Tensor, label: Tensor) -> Tensor:
    """Exact for a world of plain brains (healthy) and of squares in them; in float32 outside."""
    images = slices().double()
    gaussian = GaussianOracle(SCHEDULE, {HEALTHY: images[0], UNHEALTHY: images[3]}, s=0.3)
    return MixtureOracle(gaussian, prior_healthy=0.5)(x.double(), index, label).float()


def walk(process: Process = "ddim") -> list[Step]:
    return list(
        forward_process(
            slices(), predictor, SCHEDULE, TIMESTEPS, process=process, slice_ids=IDS, seed=5
        )
    )


def stream(steps: Sequence[Step], settings: Sequence[Settings]) -> list[Interpretation]:
    return interpret_stream(
        steps,
        slices(),
        foreground(),
        SCHEDULE,
        TIMESTEPS,
        settings,
        slice_ids=IDS,
        modalities=MODALITIES,
    )


def stored(steps: Sequence[Step], path: Path | None, dtype: StepDtype) -> Analysis:
    bundle = BundleMetadata(
        name="oracle",
        version="1",
        description="A mixture of Gaussians.",
        network=UNetConfig(
            image_size=SIZE, in_channels=2, base_channels=8, channel_multipliers=(1,)
        ),
        schedule=SCHEDULE,
        modalities=MODALITIES,
        scored=MODALITIES,
        preprocessing=PreprocessingConfig(size=SIZE, field_of_view="stretch"),
    )
    metadata = AnalysisMetadata(
        bundle=bundle,
        bundle_hash=bundle.fingerprint,
        timesteps=TIMESTEPS,
        process="ddim",
        clip=True,
        seed=5,
    )
    scan = (SIZE, SIZE, 24)
    geometry = SliceGeometry(
        shape=scan,
        affine=((1, 0, 0, 0), (0, 1, 0, 0), (0, 0, 1, 0), (0, 0, 0, 1)),
        size=SIZE,
        field_of_view="stretch",
        rows=ImageAxis(1, 31.0, -1.0),
        columns=ImageAxis(0, 31.0, -1.0),
    )
    brain = foreground()
    inputs = AnalysisInputs(
        slices().numpy(), brain, np.array(IDS), np.ones(scan, dtype=bool), geometry, {}
    )
    with AnalysisWriter(path, metadata, inputs, dtype=dtype) as writer:
        for rows in ([4, 0, 1], [2, 3]):
            null = np.stack([s.x0_null[rows].numpy() for s in steps], axis=1)
            gap = np.stack([s.eps_gap[rows].numpy() for s in steps], axis=1)
            writer.write(rows, null, gap)
        return finished(writer)


def settings_of_all_kinds() -> list[Settings]:
    return [
        Settings(
            guidance=w,
            sam=sam,
            threshold=rule,
            max_divergence=M_MAX,
            gate=gate,
            cosine_threshold=0.9,
            end_step=end_step,
        )
        for w in (0.5, 4.0)
        for sam in get_args(Sam)
        for rule in RULES
        for gate, end_step in ((True, None), (False, TIMESTEPS[3]))
    ]


def same(one: Interpretation, other: Interpretation) -> None:
    for field in fields(Interpretation):
        mine, theirs = getattr(one, field.name), getattr(other, field.name)
        if isinstance(mine, np.ndarray):
            assert mine.dtype == theirs.dtype, field.name
            np.testing.assert_array_equal(mine, theirs, err_msg=field.name)
        else:
            assert mine == theirs, field.name


def test_deciding_again_is_interpreting_again() -> None:
    analysis, brain = stored(walk(), None, "float32"), foreground()
    first = Settings(guidance=4.0, max_divergence=M_MAX, threshold=RULES[3])
    former = interpret(analysis, first)
    for rule in RULES:
        for changes in ({}, {"median_kernel": 1}, {"min_component_pixels": 90}, {"gate": False}):
            other = first.model_copy(update={"threshold": rule, "cosine_threshold": 0.9, **changes})
            found = decide_again(former, other, brain)
            assert found is not None
            same(found, interpret(analysis, other))
            former = found


@pytest.mark.parametrize(
    "change",
    [{"guidance": 5.0}, {"sam": "gradient"}, {"polarity": "hyperintense"}, {"end_step": 600}],
)
def test_curves_and_maps_of_other_settings_need_the_steps(change: dict[str, Any]) -> None:
    first = Settings(guidance=4.0, max_divergence=M_MAX, threshold=RULES[3])
    former = interpret(stored(walk(), None, "float32"), first)
    assert decide_again(former, first.model_copy(update=change), foreground()) is None


@pytest.mark.parametrize("on_disk", [False, True])
@pytest.mark.parametrize("process", ["ddim", "ddpm"])
def test_stream_and_store_agree_bit_for_bit(
    on_disk: bool, process: Process, tmp_path: Path
) -> None:
    steps, many = walk(process), settings_of_all_kinds()
    analysis = stored(steps, tmp_path / "a.anofpdm.zarr" if on_disk else None, "float32")
    for live, replayed in zip(stream(steps, many), interpret_many(analysis, many), strict=True):
        same(live, replayed)


def test_half_precision_makes_little_difference(
    record_property: Callable[[str, object], None],
) -> None:
    steps = walk()
    settings = Settings(guidance=2, threshold=DynamicQuantile(), max_divergence=M_MAX)
    full = interpret(stored(steps, None, "float32"), settings)
    half = interpret(stored(steps, None, "float16"), settings)
    differences = {
        name: float(
            np.abs(getattr(full, name) - getattr(half, name)).max() / getattr(full, name).max()
        )
        for name in ("divergence", "cosine", "anomaly_map", "threshold")
    }
    changed = float((full.mask != half.mask).mean())
    for name, value in (differences | {"changed_pixels": changed}).items():
        record_property(name, value)
    assert 0 < differences["anomaly_map"] < 2e-3
    assert all(value < 2e-3 for value in differences.values())
    assert changed < 1e-3
    np.testing.assert_array_equal(full.end_step, half.end_step)


def test_the_oracle_world_is_segmented() -> None:
    """Slices with the square have a low cosine and a mask on the square; plain ones have none."""
    settings = Settings(
        guidance=2,
        threshold=ManualQuantile(quantile=0.90, region="brain"),
        gate=True,
        cosine_threshold=0.9,
        median_kernel=3,
    )
    (result,) = stream(walk(), [settings])
    assert result.healthy.tolist() == [True, True, False, False, False]
    square = np.zeros((SIZE, SIZE), dtype=bool)
    square[8:14, 10:17] = True
    for mask in result.mask[2:]:
        assert (mask & square).sum() > 0.7 * square.sum()
        assert (mask & ~square).sum() < 0.3 * mask.sum()
    assert not result.mask[:2].any()


@pytest.mark.parametrize("rule", RULES)
def test_parts_of_an_interpretation_hang_together(rule: ThresholdRule) -> None:
    settings = Settings(
        guidance=2, threshold=rule, max_divergence=M_MAX, gate=True, cosine_threshold=0.9
    )
    (result,) = stream(walk(), [settings])
    np.testing.assert_allclose(result.anomaly_map, result.maps.mean(axis=1), rtol=1e-6)
    np.testing.assert_array_equal(result.cosine, error_cosine(result.mse_healthy, result.mse_null))
    np.testing.assert_array_equal(result.healthy, result.cosine > 0.9)
    steps = np.array(TIMESTEPS)
    np.testing.assert_array_equal(result.end_step, steps[result.divergence.argmax(axis=-1)])
    np.testing.assert_array_equal(result.divergence_at_end, result.divergence.max(axis=-1))
    for n, brain in enumerate(foreground()):
        filtered = median_filter(result.anomaly_map[n], 5)
        np.testing.assert_array_equal(result.filtered_map[n], filtered)
        if isinstance(rule, AbsoluteThreshold):
            threshold = rule.value
            assert np.isnan(result.quantile[n]).all()
        else:
            quantiles = [
                dynamic_quantile(
                    float(result.divergence_at_end[n, c]), M_MAX[c], rule.low, rule.high
                )
                if isinstance(rule, DynamicQuantile)
                else rule.quantile
                for c in range(2)
            ]
            np.testing.assert_array_equal(result.quantile[n], quantiles)
            inside = brain if rule.region == "brain" else np.ones_like(brain)
            # Of the unfiltered map, modality by modality.
            threshold = float(
                np.mean([np.quantile(result.maps[n, c][inside], quantiles[c]) for c in range(2)])
            )
        assert result.threshold[n] == pytest.approx(threshold, rel=1e-6)
        mask = filtered >= result.threshold[n]
        if not isinstance(rule, AbsoluteThreshold) and rule.region == "brain":
            mask &= brain
        expected = remove_small_components(mask, 40) & ~result.healthy[n]
        np.testing.assert_array_equal(result.mask[n], expected)


def test_gate_off_calls_nothing_healthy() -> None:
    results = stream(
        walk(),
        [Settings(gate=False, cosine_threshold=0.0), Settings(gate=True, cosine_threshold=0.0)],
    )
    assert not results[0].healthy.any() and results[1].healthy.all()
    assert results[0].mask.any() and not results[1].mask.any()


def test_a_fixed_threshold_calls_healthy_what_it_leaves_empty() -> None:
    peaks = np.sort(stream(walk(), [Settings(min_component_pixels=0)])[0].filtered_map.max((1, 2)))
    fixed = AbsoluteThreshold(value=float(peaks[0] + peaks[1]) / 2)
    settings = Settings(threshold=fixed, min_component_pixels=0)
    gated = settings.model_copy(update={"gate": True, "cosine_threshold": 0.0})
    result, by_cosine = stream(walk(), [settings, gated])
    assert result.healthy.sum() == 1
    np.testing.assert_array_equal(result.healthy, ~result.mask.any(axis=(1, 2)))
    assert by_cosine.healthy.all()


def test_guidance_on_the_shelf_equals_guidance_alone() -> None:
    """The trajectory does not depend on w: many w from one pass are what each gives by itself."""
    many = [Settings(guidance=w) for w in (0, 1, 2, 5, 30)]
    steps = walk()
    for setting, result in zip(many, stream(steps, many), strict=True):
        same(result, stream(walk(), [setting])[0])
    alone = [stream(steps, [setting])[0].divergence for setting in many[:2]]
    unclipped = interpret_stream(
        steps, slices(), foreground(), SCHEDULE, TIMESTEPS, many[:2],
        slice_ids=IDS, modalities=MODALITIES, clip=False,
    )  # fmt: skip
    np.testing.assert_allclose(
        unclipped[1].divergence, 4 * unclipped[0].divergence, rtol=1e-4, atol=1e-9
    )
    assert not np.allclose(alone[1], 4 * alone[0], rtol=1e-2)


def test_some_slices_in_any_order() -> None:
    analysis, settings = stored(walk(), None, "float32"), Settings(guidance=2)
    whole = interpret(analysis, settings)
    some = interpret(analysis, settings, [3, 0])
    np.testing.assert_array_equal(some.slice_ids, [IDS[3], IDS[0]])
    np.testing.assert_array_equal(some.maps, whole.maps[[3, 0]])
    np.testing.assert_array_equal(some.mask, whole.mask[[3, 0]])
    same(concatenate([interpret(analysis, settings, [i]) for i in range(COUNT)]), whole)


@pytest.mark.parametrize("positions", [[], [COUNT], [-1]])
def test_slices_outside_the_analysis_are_refused(positions: list[int]) -> None:
    with pytest.raises(SettingsError, match=r"0\.\.4"):
        interpret(stored(walk(), None, "float32"), Settings(), positions)


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        (Settings(end_step=2), "choose one that is, such as 1 or 76"),
        (Settings(threshold=DynamicQuantile(), max_divergence=(1.0,)), "the model scores 2"),
    ],
)
def test_settings_that_do_not_fit_the_analysis_are_refused(settings: Settings, said: str) -> None:
    with pytest.raises(SettingsError, match=said):
        interpret(stored(walk(), None, "float32"), settings)


def test_empty_map_gives_an_empty_mask() -> None:
    zero = torch.zeros(1, 1, SIZE, SIZE)
    steps = [Step(k, t, zero, zero, zero) for k, t in enumerate(TIMESTEPS)]
    for rule in RULES:
        (result,) = interpret_stream(
            steps, zero, np.ones((1, SIZE, SIZE), dtype=bool), SCHEDULE, TIMESTEPS,
            [Settings(threshold=rule, max_divergence=(1.0,))],
            slice_ids=[0], modalities=["flair"],
        )  # fmt: skip
        assert not result.mask.any() and result.cosine[0] == 1
