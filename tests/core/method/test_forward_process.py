from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import pytest
import torch
from torch import Tensor

from anofpdm.common.errors import SettingsError
from anofpdm.method.calibration import Process
from anofpdm.method.class_labels import HEALTHY, NULL
from anofpdm.method.forward_process import Step, forward_process, slice_noise
from anofpdm.method.schedule import NoiseSchedule, strided_timesteps
from tests.core.oracles import MixtureOracle, Recorded, gaussian, images, true_noise

SCHEDULE = NoiseSchedule()
DENSE, STRIDED = strided_timesteps(60, 60), strided_timesteps(12, 600)
PROCESSES: tuple[Process, ...] = ("ddim", "ddpm")


def walk(
    x0: Tensor,
    predictor: object,
    timesteps: Sequence[int] = STRIDED,
    process: Process = "ddim",
    clip: bool = True,
    seed: int = 0,
    slice_ids: Sequence[int] | None = None,
) -> list[Step]:
    return list(
        forward_process(
            x0,
            predictor,  # type: ignore[arg-type]
            SCHEDULE,
            timesteps,
            process=process,
            clip=clip,
            seed=seed,
            slice_ids=range(len(x0)) if slice_ids is None else slice_ids,
        )
    )


@pytest.mark.parametrize("process", PROCESSES)
def test_one_call_of_twice_the_batch_per_step(process: Process) -> None:
    predictor = Recorded(gaussian(SCHEDULE))
    steps = walk(images(3), predictor, process=process)
    assert [len(call[0]) for call in predictor.calls] == [6] * len(STRIDED)
    for (x, index, label), step in zip(predictor.calls, steps, strict=True):
        assert index.tolist() == [step.t - 1] * 6 and index.dtype == torch.int64
        assert label.tolist() == [HEALTHY] * 3 + [NULL] * 3
        assert torch.equal(x, torch.cat([step.x_t, step.x_t]))
    assert [(s.position, s.t) for s in steps] == list(enumerate(STRIDED))


@pytest.mark.parametrize("timesteps", [DENSE, STRIDED])
@pytest.mark.parametrize("clip", [False, True])
def test_ddim_follows_equation_4_with_the_gaussian_oracle(
    timesteps: tuple[int, ...], clip: bool
) -> None:
    x0, oracle = 1.5 * images(3), gaussian(SCHEDULE)
    steps = walk(x0, oracle, timesteps, clip=clip, seed=7)
    first = math.sqrt(SCHEDULE.alpha_bar(timesteps[0]))
    x_t = first * x0 + math.sqrt(1 - first**2) * slice_noise((2, 6, 5), 7, range(3), 1, x0)
    clipped_anywhere = False
    for step, t_next in zip(steps, [*timesteps[1:], None], strict=True):
        torch.testing.assert_close(step.x_t, x_t, rtol=0, atol=1e-10)
        ab, v = SCHEDULE.alpha_bar(step.t), oracle.variance(step.t)
        # Eq. 10 in closed form: the posterior mean of x_0 for the null label.
        mean = (oracle.s**2 * math.sqrt(ab) * x_t + (1 - ab) * oracle.means[NULL]) / v
        torch.testing.assert_close(step.x0_null, mean, rtol=0, atol=1e-9)
        shift = oracle.means[HEALTHY] - oracle.means[NULL]
        gap = (-math.sqrt((1 - ab) * ab) / v * shift).expand_as(x_t)
        torch.testing.assert_close(step.eps_gap, gap, rtol=0, atol=1e-10)
        if t_next is not None:
            used = mean.clamp(-1, 1) if clip else mean
            clipped_anywhere |= not torch.equal(used, mean)
            noise = (x_t - math.sqrt(ab) * used) / math.sqrt(1 - ab)
            ab_next = SCHEDULE.alpha_bar(t_next)
            x_t = math.sqrt(ab_next) * used + math.sqrt(1 - ab_next) * noise
    assert clipped_anywhere == clip


def test_ddpm_follows_equation_2_with_fresh_noise() -> None:
    x0 = images(3)
    steps = walk(x0, gaussian(SCHEDULE), process="ddpm", seed=3)
    noises = [slice_noise((2, 6, 5), 3, range(3), t, x0) for t in STRIDED]
    for step, noise in zip(steps, noises, strict=True):
        ab = SCHEDULE.alpha_bar(step.t)
        torch.testing.assert_close(step.x_t, math.sqrt(ab) * x0 + math.sqrt(1 - ab) * noise)
    assert not torch.equal(noises[0], noises[1])


def test_noise_is_each_slice_s_own_stream_whichever_thread_draws_it() -> None:
    ids = list(range(40, 0, -1))
    found = slice_noise((2, 6, 5), 7, ids, 300, torch.zeros(1))
    for identity, noise in zip(ids, found, strict=True):
        own = np.random.default_rng(np.random.SeedSequence([7, identity, 300]))
        np.testing.assert_array_equal(noise, own.standard_normal((2, 6, 5), dtype=np.float32))


@pytest.mark.parametrize("timesteps", [DENSE, STRIDED])
@pytest.mark.parametrize("clip", [False, True])
def test_x_t_holds_exactly_the_level_of_t(timesteps: tuple[int, ...], clip: bool) -> None:
    x0 = images(3)
    noise = slice_noise((2, 6, 5), 0, range(3), timesteps[0], x0)
    for step in walk(x0, true_noise(SCHEDULE, x0), timesteps, clip=clip):
        ab = SCHEDULE.alpha_bar(step.t)
        left = (step.x_t - math.sqrt(ab) * x0) / math.sqrt(1 - ab)
        torch.testing.assert_close(left, noise, rtol=0, atol=1e-9)
        torch.testing.assert_close(step.x0_null, x0, rtol=0, atol=1e-9)


@pytest.mark.parametrize("process", PROCESSES)
def test_mixture_gap_is_the_gradient_of_the_healthy_posterior(process: Process) -> None:
    oracle = MixtureOracle(gaussian(SCHEDULE, s=1.5), prior_healthy=0.3)
    for step in walk(images(3), oracle, process=process, clip=False):
        x_t = step.x_t.clone().requires_grad_(True)
        log_posterior = oracle.log_joint(x_t, step.t).log_softmax(dim=0)[0]
        (gradient,) = torch.autograd.grad(log_posterior.sum(), x_t)
        gap = SCHEDULE.a(step.t) * step.eps_gap
        torch.testing.assert_close(-gap / SCHEDULE.b(step.t), gradient, rtol=1e-8, atol=1e-9)


@pytest.mark.parametrize("process", PROCESSES)
def test_a_slice_does_not_depend_on_its_batch(process: Process) -> None:
    x0, ids = images(5), [11, 5, 8, 2, 40]
    whole = walk(x0, gaussian(SCHEDULE), process=process, slice_ids=ids)
    order = [3, 0, 4]
    part = walk(x0[order], gaussian(SCHEDULE), process=process, slice_ids=[ids[i] for i in order])
    for one, other in zip(whole, part, strict=True):
        assert torch.equal(one.x_t[order], other.x_t)
        assert torch.equal(one.x0_null[order], other.x0_null)
        assert torch.equal(one.eps_gap[order], other.eps_gap)


def test_noise_depends_on_seed_slice_and_step_alone() -> None:
    like = torch.zeros(1, dtype=torch.float32)
    base = slice_noise((1, 8, 8), 0, [4], 1, like)
    assert torch.equal(base, slice_noise((1, 8, 8), 0, [9, 4], 1, like)[1:])
    assert torch.equal(base.double(), slice_noise((1, 8, 8), 0, [4], 1, like.double()))
    for seed, identity, t in [(1, 4, 1), (0, 5, 1), (0, 4, 2)]:
        assert not torch.equal(base, slice_noise((1, 8, 8), seed, [identity], t, like))
    many = slice_noise((1, 64, 64), 0, range(20), 1, like)
    assert abs(float(many.mean())) < 0.02 and abs(float(many.std()) - 1) < 0.02


def test_stopping_takes_effect_within_one_call() -> None:
    predictor = Recorded(gaussian(SCHEDULE))
    steps = forward_process(images(3), predictor, SCHEDULE, STRIDED, slice_ids=range(3))
    assert predictor.calls == []
    next(steps)
    next(steps)
    steps.close()  # type: ignore[attr-defined]
    assert len(predictor.calls) == 2


def test_inference_mode_stays_inside() -> None:
    seen = []

    def predictor(x: Tensor, index: Tensor, label: Tensor) -> Tensor:
        seen.append(torch.is_inference_mode_enabled())
        return gaussian(SCHEDULE)(x, index, label)

    for step in forward_process(images(3), predictor, SCHEDULE, STRIDED[:2], slice_ids=range(3)):
        assert not torch.is_inference_mode_enabled()
        step.eps_gap.add_(1.0)
        step.x0_null.add_(1.0)
    assert seen == [True, True]


def test_channels_of_a_step() -> None:
    (step,) = walk(images(3), gaussian(SCHEDULE), [5])
    picked = step.channels([1])
    assert torch.equal(picked.x0_null, step.x0_null[:, 1:])
    assert torch.equal(picked.eps_gap, step.eps_gap[:, 1:])
    assert torch.equal(picked.x_t, step.x_t[:, 1:])


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"timesteps": []}, "at least one"),
        ({"timesteps": [3, 3]}, "increasing"),
        ({"timesteps": [5, 4]}, "increasing"),
        ({"timesteps": [0, 4]}, "1..1000"),
        ({"timesteps": [4, 1001]}, "1..1000"),
        ({"process": "euler"}, "euler"),
        ({"seed": -1}, "-1"),
        ({"slice_ids": [-2, 0, 1]}, "0 or more"),
        ({"slice_ids": [0]}, "1 identities"),
    ],
)
def test_unfit_arguments_are_refused_at_the_call(values: dict[str, object], said: str) -> None:
    arguments = {"timesteps": [1, 2], "slice_ids": range(3)} | values
    timesteps = arguments.pop("timesteps")
    with pytest.raises(SettingsError, match=said):
        forward_process(images(3), gaussian(SCHEDULE), SCHEDULE, timesteps, **arguments)  # type: ignore[arg-type]
