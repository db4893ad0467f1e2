from __future__ import annotations

import gc
import weakref
from collections.abc import Callable, Sequence
from dataclasses import fields
from typing import get_args

import pytest
import torch
from torch import Tensor

from anofpdm.common.errors import SettingsError
from anofpdm.method.accumulators import Accumulated, SliceAccumulator
from anofpdm.method.calibration import Polarity, Process
from anofpdm.method.class_labels import HEALTHY, NULL
from anofpdm.method.forward_process import Step, forward_process
from anofpdm.method.schedule import NoiseSchedule, strided_timesteps
from anofpdm.method.settings import Sam, Settings
from tests.core.oracles import MixtureOracle, gaussian, images, naive, scripted

SCHEDULE = NoiseSchedule()
STRIDED, DENSE = strided_timesteps(12, 600), strided_timesteps(40, 40)
VARIANTS = get_args(Sam)


def mixture() -> MixtureOracle:
    return MixtureOracle(gaussian(SCHEDULE, s=1.2), prior_healthy=0.4)


def walk(
    x0: Tensor,
    predictor: Callable[[Tensor, Tensor, Tensor], Tensor],
    timesteps: Sequence[int],
    process: Process = "ddim",
    clip: bool = True,
) -> list[Step]:
    ids = range(len(x0))
    return list(
        forward_process(
            x0, predictor, SCHEDULE, timesteps, process=process, clip=clip, slice_ids=ids
        )
    )


def accumulate(
    steps: Sequence[Step], x0: Tensor, settings: Sequence[Settings], clip: bool = True
) -> list[Accumulated]:
    accumulator = SliceAccumulator(x0, SCHEDULE, [s.t for s in steps], settings, clip=clip)
    for step in steps:
        accumulator.update(step.t, step.x0_null, step.eps_gap)
    return accumulator.result()


def close(actual: Tensor | None, expected: Tensor, rtol: float = 1e-9) -> None:
    assert actual is not None
    torch.testing.assert_close(actual, expected, rtol=rtol, atol=1e-11)


@pytest.mark.parametrize("timesteps", [STRIDED, DENSE], ids=["strided", "dense"])
@pytest.mark.parametrize("clip", [False, True])
@pytest.mark.parametrize("process", ["ddim", "ddpm"])
@pytest.mark.parametrize("sam", VARIANTS)
def test_running_sums_equal_the_method_written_out(
    timesteps: tuple[int, ...], clip: bool, process: Process, sam: Sam
) -> None:
    x0, guidances = images(2), (0.0, 2.0, 30.0)
    steps = walk(x0, mixture(), timesteps, process, clip)
    results = accumulate(steps, x0, [Settings(guidance=w, sam=sam) for w in guidances], clip)
    for w, result in zip(guidances, results, strict=True):
        expected = naive(steps, x0, SCHEDULE, w, clip=clip, sam=sam)
        close(result.divergence, expected.divergence, rtol=1e-7)
        close(result.mse_healthy, expected.mse_healthy, rtol=1e-7)
        close(result.mse_null, expected.mse_null, rtol=1e-7)
        end = expected.end_index()
        assert torch.equal(result.end_index, end)
        close(result.divergence_at_end, expected.divergence.amax(dim=-1), rtol=1e-7)
        if sam.endswith("_at_end"):
            maps = torch.stack(
                [expected.sub_anomaly_maps[end[n, c], n, c] for n in range(2) for c in range(2)]
            ).reshape(x0.shape)
        else:
            maps = expected.aggregated(end)
        close(result.maps, maps, rtol=1e-6)


@pytest.mark.parametrize("process", ["ddim", "ddpm"])
@pytest.mark.parametrize("w", [0.0, 1.0, 30.0])
def test_three_forms_of_the_divergence(process: Process, w: float) -> None:
    """Eq. 12 and 13: from x0's, from the noises with A_t, from the scores with B_t."""
    x0, oracle = images(2), mixture()
    steps = walk(x0, oracle, STRIDED, process, clip=False)
    (result,) = accumulate(steps, x0, [Settings(guidance=w)], clip=False)
    for k, step in enumerate(steps):
        noise_form = (SCHEDULE.a(step.t) * (1 + w)) ** 2 * step.eps_gap.square()
        scores = [
            torch.cat([oracle.score(x[None], step.t, y) for x in step.x_t]) for y in (HEALTHY, NULL)
        ]
        score_form = SCHEDULE.c(step.t, w) ** 2 * (scores[0] - scores[1]).square()
        close(result.divergence[..., k], noise_form.mean(dim=(-2, -1)))
        close(result.divergence[..., k], score_form.mean(dim=(-2, -1)), rtol=1e-8)


@pytest.mark.parametrize("w", [0.0, 2.0, 30.0])
def test_gaussian_divergence_in_closed_form(w: float) -> None:
    """The gap of two Gaussians of equal variance does not depend on x_t."""
    x0, oracle = images(2), gaussian(SCHEDULE)
    (result,) = accumulate(
        walk(x0, oracle, DENSE, clip=False), x0, [Settings(guidance=w)], clip=False
    )
    shift = (oracle.means[HEALTHY] - oracle.means[NULL]).square().mean(dim=(-2, -1))
    for k, t in enumerate(DENSE):
        weight = (1 + w) * (1 - SCHEDULE.alpha_bar(t)) / oracle.variance(t)
        close(result.divergence[0, :, k], weight**2 * shift, rtol=1e-8)
    # The weight grows with t, so the end step is the last.
    assert result.end_index.eq(len(DENSE) - 1).all()


@pytest.mark.parametrize("clip", [False, True])
def test_gradient_variants_use_the_gap_that_is_not_clipped(clip: bool) -> None:
    x0, oracle, w = images(2), mixture(), 30.0
    steps = walk(x0, oracle, STRIDED, clip=clip)
    variants: list[Sam] = ["gradient", "gradient_at_end", "weighted_gradient", "sam"]
    results = accumulate(
        steps, x0, [Settings(guidance=w, sam=s, end_step=STRIDED[4]) for s in variants], clip
    )
    squares = []
    for step in steps[:5]:
        x_t = step.x_t.clone().requires_grad_(True)
        posterior = oracle.log_joint(x_t, step.t).log_softmax(dim=0)[0].sum()
        squares.append(torch.autograd.grad(posterior, x_t)[0].square())
    weights = [SCHEDULE.c(step.t, w) ** 2 for step in steps[:5]]
    close(results[0].maps, torch.stack(squares).mean(dim=0), rtol=1e-6)
    close(results[1].maps, squares[4], rtol=1e-6)
    weighted = torch.stack([c * g for c, g in zip(weights, squares, strict=True)]).mean(dim=0)
    close(results[2].maps, weighted, rtol=1e-6)
    # Eq. 19 in its second form: B_t ((1 + w) grad + delta s), delta s = (x0_null - x_0) / B_t.
    if not clip:
        second = [
            (step.x0_null - x0 - (1 + w) * SCHEDULE.a(step.t) * step.eps_gap).square()
            for step in steps[:5]
        ]
        close(results[3].maps, torch.stack(second).mean(dim=0), rtol=1e-8)


@pytest.mark.parametrize("clip", [False, True])
@pytest.mark.parametrize("sam", VARIANTS)
def test_the_two_polarities_share_the_map_between_them(sam: Sam, clip: bool) -> None:
    """Every departure is either brighter or darker: the halves add up to the paper's map."""
    x0 = images(2)
    steps = walk(x0, mixture(), STRIDED, clip=clip)
    polarities: list[Polarity] = ["both", "hyperintense", "hypointense"]
    every, brighter, darker = accumulate(
        steps, x0, [Settings(guidance=2.0, sam=sam, polarity=p) for p in polarities], clip
    )
    assert every.maps is not None and brighter.maps is not None and darker.maps is not None
    close(brighter.maps + darker.maps, every.maps)
    assert (brighter.maps > 0).any() and (darker.maps > 0).any()
    for half in (brighter, darker):
        assert torch.equal(half.divergence, every.divergence)
        assert torch.equal(half.mse_healthy, every.mse_healthy)
        assert torch.equal(half.end_index, every.end_index)


@pytest.mark.parametrize("sam", VARIANTS)
@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_hyperintense_is_where_the_healthy_prediction_is_the_darker_one(
    sam: Sam, sign: float
) -> None:
    x0 = torch.zeros(1, 1, 4, 4, dtype=torch.float64)
    gap = torch.zeros_like(x0)
    gap[..., 1, 2] = sign
    # More noise found under "healthy" leaves a smaller x0_h: for sign 1 the scan is brighter there.
    steps = walk(x0, scripted(SCHEDULE, x0, lambda _: 0.1 * gap), STRIDED)
    polarities: list[Polarity] = ["hyperintense", "hypointense"]
    brighter, darker = accumulate(
        steps, x0, [Settings(guidance=1.0, sam=sam, polarity=p) for p in polarities]
    )
    lit, dark = (brighter, darker) if sign > 0 else (darker, brighter)
    assert lit.maps is not None and dark.maps is not None
    # The true noise gives x_0 back but for rounding.
    assert (lit.maps > 1e-20).nonzero().tolist() == [[0, 0, 1, 2]]
    assert not (dark.maps > 1e-20).any()


@pytest.mark.parametrize("peak", [0, 1, 6, len(STRIDED) - 1])
@pytest.mark.parametrize("clip", [False, True])
def test_scripted_end_step_is_counted_in(peak: int, clip: bool) -> None:
    """t_e at the first, an inner and the last index; H is the mean of S_t up to and with t_e."""
    x0 = images(2) * 0.5
    w, other_peak = 1.0, len(STRIDED) - 1 - peak

    def gap(t: int) -> Tensor:
        k = STRIDED.index(t)
        height = torch.tensor([0.3 if k == peak else 0.1, 0.3 if k == other_peak else 0.1])
        return (height / (SCHEDULE.a(t) * (1 + w)))[:, None, None].double().expand(x0.shape)

    steps = walk(x0, scripted(SCHEDULE, x0, gap), STRIDED, clip=clip)
    (result,) = accumulate(steps, x0, [Settings(guidance=w)], clip)
    assert result.end_index.tolist() == [[peak, other_peak]] * 2
    for channel, end in enumerate((peak, other_peak)):
        # e_h is the gap alone here: the null prediction is x_0 itself.
        height = (end * 0.1**2 + 0.3**2) / (end + 1)
        expected = torch.full_like(x0[:, channel], height)
        assert result.maps is not None
        torch.testing.assert_close(result.maps[:, channel], expected, rtol=1e-6, atol=1e-9)
    torch.testing.assert_close(
        result.divergence_at_end, torch.full((2, 2), 0.09).double(), rtol=1e-6, atol=1e-9
    )


def test_of_equal_maxima_the_first_is_the_end_step() -> None:
    x0 = torch.zeros(1, 1, 4, 4, dtype=torch.float64)
    accumulator = SliceAccumulator(x0, SCHEDULE, [1, 2, 3], [Settings()], clip=False)
    for t in (1, 2, 3):
        accumulator.update(t, x0, torch.zeros_like(x0))
    (result,) = accumulator.result()
    assert result.end_index.item() == 0


@pytest.mark.parametrize("index", [0, 5, len(STRIDED) - 1])
@pytest.mark.parametrize("sam", ["sam", "sam_at_end"])
def test_given_end_step(index: int, sam: Sam) -> None:
    x0 = images(2)
    steps = walk(x0, mixture(), STRIDED)
    settings = Settings(guidance=2, sam=sam, end_step=STRIDED[index])
    (result,) = accumulate(steps, x0, [settings])
    expected = naive(steps, x0, SCHEDULE, 2, clip=True)
    close(result.divergence, expected.divergence, rtol=1e-7)
    close(result.divergence_at_end, expected.divergence[..., index], rtol=1e-7)
    assert result.end_index.eq(index).all()
    here = torch.full((2, 2), index)
    maps = expected.sub_anomaly_maps[index] if sam == "sam_at_end" else expected.aggregated(here)
    close(result.maps, maps, rtol=1e-7)


@pytest.mark.parametrize(
    ("end_step", "said"), [(3, "1 or 55"), (599, "546 or 600"), (700, "such as 600")]
)
def test_end_step_off_the_grid_names_its_neighbours(end_step: int, said: str) -> None:
    with pytest.raises(SettingsError, match=said):
        SliceAccumulator(images(2), SCHEDULE, STRIDED, [Settings(end_step=end_step)])


def test_settings_do_not_disturb_each_other_and_batches_do_not_matter() -> None:
    x0 = images(4).float()
    oracle = mixture()
    steps = walk(x0, lambda x, i, y: oracle(x.double(), i, y).float(), STRIDED)
    many = [Settings(guidance=w, sam=s) for w in (0.5, 3, 30) for s in VARIANTS]
    together = accumulate(steps, x0, many)
    for setting, result in zip(many, together, strict=True):
        for n in range(4):
            alone = [
                Step(s.position, s.t, s.x_t, s.x0_null[n : n + 1], s.eps_gap[n : n + 1])
                for s in steps
            ]
            (single,) = accumulate(alone, x0[n : n + 1], [setting])
            assert result.maps is not None and single.maps is not None
            assert torch.equal(result.maps[n : n + 1], single.maps)
            assert torch.equal(result.divergence[n : n + 1], single.divergence)


@pytest.mark.parametrize("dtype", [torch.float16, torch.float32])
def test_steps_added_together_give_the_bits_of_one_by_one(dtype: torch.dtype) -> None:
    x0 = images(3).float()
    oracle = mixture()
    steps = walk(x0, lambda x, i, y: oracle(x.double(), i, y).float(), STRIDED)
    many = [
        Settings(guidance=w, sam=s, polarity=p, end_step=e)
        for w in (0.5, 30)
        for s in VARIANTS
        for p in get_args(Polarity)
        for e in (None, STRIDED[3])
    ]
    nulls, gaps = (
        torch.stack([getattr(step, name) for step in steps]).to(dtype)
        for name in ("x0_null", "eps_gap")
    )
    single = SliceAccumulator(x0, SCHEDULE, STRIDED, many)
    for t, null, gap in zip(STRIDED, nulls, gaps, strict=True):
        single.update(t, null, gap)
    together = SliceAccumulator(x0, SCHEDULE, STRIDED, many)
    for part in (slice(0, 1), slice(1, 8), slice(8, None)):
        together.update_all(STRIDED[part], nulls[part], gaps[part])
    for one, other in zip(single.result(), together.result(), strict=True):
        for field in fields(Accumulated):
            assert torch.equal(getattr(one, field.name), getattr(other, field.name)), field.name


def test_memory_holds_no_step() -> None:
    x0 = images(2)
    accumulator = SliceAccumulator(x0, SCHEDULE, STRIDED, [Settings(sam=s) for s in VARIANTS])
    left = []
    for t in STRIDED:
        null, gap = x0.clone(), torch.randn_like(x0)
        accumulator.update(t, null, gap)
        left += [weakref.ref(null), weakref.ref(gap)]
        del null, gap
    assert all(reference() is None for reference in left)


def test_state_is_changed_in_place() -> None:
    """Tensors that a step leaves behind, however small, keep the allocator from reusing room."""
    x0 = images(2)
    accumulator = SliceAccumulator(x0, SCHEDULE, STRIDED, [Settings(sam=s) for s in VARIANTS])
    addresses = []
    for t in STRIDED:
        accumulator.update(t, x0 / 2, x0 * t)
        gc.collect()
        live = [held for held in gc.get_objects() if type(held) is Tensor]
        addresses.append(sorted(held.data_ptr() for held in live))
    assert all(step == addresses[0] for step in addresses)


def test_inputs_are_left_as_they_were() -> None:
    x0 = images(2)
    null, gap = x0 * 2, x0.flip(-1)
    copies = [value.clone() for value in (x0, null, gap)]
    accumulator = SliceAccumulator(x0, SCHEDULE, [5], [Settings(sam=s) for s in VARIANTS])
    accumulator.update(5, null, gap)
    accumulator.result()
    for value, copy in zip((x0, null, gap), copies, strict=True):
        assert torch.equal(value, copy)


def test_curves_alone() -> None:
    x0 = images(2)
    accumulator = SliceAccumulator(x0, SCHEDULE, [5], [Settings()], keep_maps=False)
    accumulator.update(5, x0, x0)
    assert accumulator.result()[0].maps is None


def test_steps_missing_out_of_order_or_not_finite_are_refused() -> None:
    x0 = images(2)
    accumulator = SliceAccumulator(x0, SCHEDULE, [5, 9], [Settings()])
    with pytest.raises(SettingsError, match="order"):
        accumulator.update(9, x0, x0)
    accumulator.update(5, x0, x0)
    with pytest.raises(SettingsError, match="1 of 2"):
        accumulator.result()
    accumulator.update(9, x0, x0 * float("nan"))
    with pytest.raises(SettingsError, match="finite"):
        accumulator.result()
    with pytest.raises(SettingsError, match="order"):
        accumulator.update(9, x0, x0)
