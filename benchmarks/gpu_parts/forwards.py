"""Forward passes of a network in every precision and way, and where their time goes."""

from __future__ import annotations

import time

import torch
from torch import Tensor, nn

from anofpdm.common.device import synchronize
from anofpdm.model.precision import cast_for_inference, float32_products
from anofpdm.model.unet_config import UNetConfig
from gpu_parts.bench import Bench
from gpu_parts.ways import inputs, plain, random_network
from gpu_parts.work import Work, profile_by_kind, work_of


def published(bench: Bench) -> None:
    """Forward passes of the published network."""
    forwards(bench, "published", bench.published, bench.batches, single=True)


def small(bench: Bench) -> None:
    """Forward passes of the small network at 128 x 128 pixels."""
    forwards(bench, "small", bench.small, bench.batches, single=False)


def forwards(
    bench: Bench, part: str, config: UNetConfig, batches: tuple[int, ...], *, single: bool
) -> None:
    """Forward passes of a network in every precision and way."""
    work = work_of(config)
    bench.found.setdefault("work", {})[part] = work._asdict()
    network = random_network(config, bench.device)
    if single:
        for name in ("float32", "tf32") if bench.cuda else ("float32",):
            with float32_products(name), plain():  # type: ignore[arg-type]
                forward(bench, part, f"{name}, plain", network, work, batches[:1])
    with plain():
        forward(bench, part, "bfloat16 autocast, plain", network, work, batches, autocast=True)
    forward(bench, part, "bfloat16 autocast, fused norm", network, work, batches, autocast=True)
    cast_for_inference(network, "float16")
    with float32_products("float16"):
        with plain():
            forward(bench, part, "float16 weights, plain", network, work, batches)
        forward(bench, part, "float16 weights, fused norm", network, work, batches)
        if bench.cuda:
            with torch.backends.cudnn.flags(enabled=True, benchmark=True):
                name = "float16 weights, fused norm, cuDNN tried out"
                forward(bench, part, name, network, work, batches[-1:])


def forward(
    bench: Bench,
    part: str,
    name: str,
    network: nn.Module,
    work: Work,
    batches: tuple[int, ...],
    *,
    autocast: bool = False,
) -> None:
    """Time one way of a forward pass."""
    for batch in batches:
        given = inputs(network.config, batch, bench.device)  # type: ignore[arg-type]
        bench.reset_memory()

        def call(given: tuple[Tensor, ...] = given) -> None:
            with (
                torch.no_grad(),
                torch.autocast(bench.device.type, torch.bfloat16, enabled=autocast),
            ):
                network(*given)

        try:
            seconds = bench.time(call, repeats=3, warm=2)
        except torch.OutOfMemoryError:
            bench.row(part, name, batch=batch, out_of_memory=True)
            continue
        peak, tflops = bench.peak(), work.flops * batch / seconds / 1e12
        bench.row(
            part,
            name,
            batch=batch,
            slices_per_second=batch / seconds,
            tflops=tflops,
            share_of_peak=tflops / peak if peak else None,
            memory_gib=bench.memory(),
        )


def profile(bench: Bench) -> None:
    """Say where the time of the published network's forward pass goes."""
    network = random_network(bench.published, bench.device)
    given = inputs(bench.published, 128 if bench.cuda else 2, bench.device)

    def call(*, autocast: bool) -> None:
        with torch.no_grad(), torch.autocast(bench.device.type, torch.bfloat16, enabled=autocast):
            network(*given)
        synchronize(str(bench.device))

    with plain():
        kinds = profile_by_kind(lambda: call(autocast=True), cuda=bench.cuda)
    bench.found["profiles"]["bfloat16 autocast, plain"] = kinds
    bench.save()
    cast_for_inference(network, "float16")
    with float32_products("float16"):
        kinds = profile_by_kind(lambda: call(autocast=False), cuda=bench.cuda)
    bench.found["profiles"]["float16 weights, fused norm"] = kinds
    bench.save()


def regional(bench: Bench) -> None:
    """Compile every residual block, with the batch's size left open."""
    network = random_network(bench.published, bench.device)
    cast_for_inference(network, "float16")
    from anofpdm.model.unet_blocks import ResidualBlock

    for module in network.modules():
        if isinstance(module, ResidualBlock):
            module.compile(dynamic=True)
    given = inputs(bench.published, bench.batches[0], bench.device)
    start = time.perf_counter()
    with torch.no_grad(), float32_products("float16"):
        network(*given)
        synchronize(str(bench.device))
        bench.row("compile", "first call", seconds=time.perf_counter() - start)
        name = "float16 weights, residual blocks compiled"
        forward(bench, "compile", name, network, work_of(bench.published), bench.batches)
