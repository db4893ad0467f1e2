"""The pass of guidance selection over labelled slices."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from torch import Tensor

from anofpdm.model.precision import cast_for_inference, float32_products
from gpu_parts.bench import Bench
from gpu_parts.ways import inputs, random_network


def guidance(bench: Bench) -> None:
    """Guidance selection's pass over slices: six candidates, 15 steps, the small network."""
    from functools import partial

    from anofpdm.guidance.measurement import measure
    from anofpdm.method.map_score import map_score
    from anofpdm.method.map_scores import map_scores
    from anofpdm.method.schedule import NoiseSchedule, strided_timesteps

    network = random_network(bench.small, bench.device)
    cast_for_inference(network, "float16")
    batch, count = (128, 512) if bench.cuda else (2, 4)
    schedule = NoiseSchedule()
    images = inputs(bench.small, count, bench.device)[0].clamp(-1, 1)

    def predict(x: Tensor, index: Tensor, label: Tensor) -> Tensor:
        with float32_products("float16"):
            return network(x, index, label)  # type: ignore[no-any-return]

    options: dict[str, Any] = {"extent": 1.0, "median_kernel": 5, "min_component_pixels": 40}
    in_threads, on_device = partial(map_score, **options), partial(map_scores, **options)

    def run(score: Callable[..., float] | None, score_batch: Any) -> None:
        measure(
            ((images[k : k + batch], range(k, k + batch)) for k in range(0, count, batch)),
            predict, schedule, strided_timesteps(15, 400), (1.0, 2.0, 4.0, 8.0, 16.0, 32.0),
            channels=[0], process="ddim", clip=True, seed=0, score=score,
            score_batch=score_batch,
        )  # fmt: skip

    ways: list[tuple[str, Any, Any]] = [
        ("cosines alone", None, None),
        ("with map scores, in threads", in_threads, None),
    ]
    if bench.cuda:
        ways.append(("with map scores, on the device", in_threads, on_device))
    for name, *scores in ways:
        seconds = bench.time(lambda s=scores: run(*s), repeats=1, warm=1)  # type: ignore[misc]
        bench.row(
            "guidance", name, slices=count, seconds=seconds,
            seconds_for_4500_slices=seconds * 4500 / count,
        )  # fmt: skip
