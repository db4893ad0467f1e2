"""Measure the network's speed and its share of the device's peak, the new paths beside the plain.

Run ``python benchmarks/gpu.py --out DIR [--device auto] [--seconds 120] [--parts NAME ...]``. It
writes gpu.json after every measurement, and at the end gpu.md (tables) and roofline.png. A part
that fails leaves its error in the JSON and the others untouched; parts that the seconds do not
suffice for are left out. On a CPU everything is of toy size. To write tables and picture again, run
``python benchmarks/gpu_report.py DIR/gpu.json``.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
import torch
from gpu_report import write_report
from gpu_work import Work, profile_by_kind, work_of
from torch import Tensor, nn
from training_step import random_slices, step_flops

from anofpdm.common.device import resolve_device, synchronize
from anofpdm.model import normalization
from anofpdm.model.precision import cast_for_inference, float32_products
from anofpdm.model.unet import UNet
from anofpdm.model.unet_config import UNetConfig
from anofpdm.training.config import TrainingConfig
from anofpdm.training.step.trainer import Trainer

SMALL = UNetConfig(
    image_size=128, in_channels=1, patch_size=2, base_channels=48,
    channel_multipliers=(1, 2, 3, 3), blocks_per_level=(1, 1, 2, 1),
    attention_resolutions=(16, 8), heads=4, dropout=0.0,
)  # fmt: skip
TOY = UNetConfig(
    image_size=32, in_channels=4, base_channels=32, channel_multipliers=(1, 2),
    attention_resolutions=(16,), heads=2, conditioning="reference",
)  # fmt: skip
TOY_SMALL = UNetConfig(
    image_size=32, in_channels=1, patch_size=2, base_channels=16, channel_multipliers=(1, 2),
    attention_resolutions=(8,), heads=2, dropout=0.0,
)  # fmt: skip


class Bench:
    """The device, the sizes, and the measurements made so far."""

    def __init__(self, device: str, out: Path, seconds: float) -> None:
        self.device = torch.device(device)
        self.cuda = self.device.type == "cuda"
        self.out, self.seconds = out, seconds
        self.started = time.perf_counter()
        self.published = UNetConfig.reference(128, 4, heads=2) if self.cuda else TOY
        self.small = SMALL if self.cuda else TOY_SMALL
        self.batches = (64, 256) if self.cuda else (2, 4)
        self.found: dict[str, Any] = {
            "device": torch.cuda.get_device_name(self.device) if self.cuda else "cpu",
            "toy_size": not self.cuda,
            "torch": str(torch.__version__),
            "cuda": torch.version.cuda,
            "triton": _triton_version(),
            "python": sys.version.split()[0],
            "threads": torch.get_num_threads(),
            "date": time.strftime("%Y-%m-%d"),
            "rows": [],
            "profiles": {},
            "errors": {},
            "part_seconds": {},
        }

    def row(self, part: str, name: str, **values: Any) -> None:
        """Add a measurement; it is written at once."""
        self.found["rows"].append({"part": part, "name": name, **values})
        shown = {k: f"{v:.4g}" if isinstance(v, float) else v for k, v in values.items()}
        print(f"[{time.perf_counter() - self.started:6.1f} s] {part}: {name}: {shown}", flush=True)
        self.save()

    def save(self) -> None:
        """Write what there is."""
        (self.out / "gpu.json").write_text(json.dumps(self.found, indent=1))

    def left(self) -> float:
        """Seconds of the budget that are left."""
        return self.seconds - (time.perf_counter() - self.started)

    def time(self, work: Callable[[], object], repeats: int = 3, warm: int = 2) -> float:
        """Median seconds of `repeats` calls after `warm` others."""
        seconds = []
        for turn in range(warm + repeats):
            synchronize(str(self.device))
            start = time.perf_counter()
            work()
            synchronize(str(self.device))
            if turn >= warm:
                seconds.append(time.perf_counter() - start)
        return statistics.median(seconds)

    def reset_memory(self) -> None:
        """Begin to count the memory's peak anew."""
        if self.cuda:
            torch.cuda.empty_cache()
            torch.cuda.reset_peak_memory_stats()

    def memory(self) -> float | None:
        """Peak GiB since `reset_memory`."""
        return torch.cuda.max_memory_allocated() / 2**30 if self.cuda else None

    def peak(self, name: str = "matmul bfloat16") -> float | None:
        """TFLOP/s of a matrix product, where it was measured."""
        rows = [r for r in self.found["rows"] if r["part"] == "peaks" and r["name"] == name]
        return rows[0]["tflops"] if rows else None


def _triton_version() -> str | None:
    try:
        import triton
    except ImportError:
        return None
    return str(triton.__version__)


@contextmanager
def plain() -> Iterator[None]:
    """Run the network by PyTorch's operations alone."""
    with (
        mock.patch.object(normalization, "uses_fused", lambda *_: False),
        mock.patch("anofpdm.model.unet_blocks.uses_fused", lambda *_: False),
    ):
        yield


@contextmanager
def as_it_is() -> Iterator[None]:
    """Run the network as the program does."""
    yield


def random_network(config: UNetConfig, device: torch.device) -> UNet:
    """Return a network of random weights, none of them zero, ready for inference."""
    torch.manual_seed(0)
    network = UNet(config).to(device).eval().requires_grad_(False)
    for parameter in network.parameters():
        if parameter.ndim > 1:
            nn.init.normal_(parameter, std=0.02)
    return network.to(memory_format=torch.channels_last)  # type: ignore[call-overload,no-any-return]


def inputs(config: UNetConfig, batch: int, device: torch.device) -> tuple[Tensor, Tensor, Tensor]:
    """Return noise, timesteps and labels."""
    size = (batch, config.in_channels, config.image_size, config.image_size)
    x = torch.randn(size, device=device).contiguous(memory_format=torch.channels_last)
    index = torch.full((batch,), 300, device=device)
    return x, index, torch.arange(batch, device=device) % 3


def peaks(bench: Bench) -> None:
    """Measure what the device does at best: copies and large matrix products."""
    words = 2**30 if bench.cuda else 2**24
    source = torch.zeros(words, dtype=torch.bfloat16, device=bench.device)
    target = torch.empty_like(source)
    seconds = bench.time(lambda: target.copy_(source), 5)
    bench.row("peaks", "copy", gb_per_s=4 * words / seconds / 1e9)
    size = 8192 if bench.cuda else 512
    for name, dtype, tf32 in (
        ("bfloat16", torch.bfloat16, False),
        ("tf32", torch.float32, True),
        ("float32", torch.float32, False),
    ):
        if tf32 and not bench.cuda:
            continue
        left, right = (torch.randn(size, size, device=bench.device).to(dtype) for _ in range(2))
        with float32_products("tf32" if tf32 else "float32"):
            seconds = bench.time(lambda a=left, b=right: a @ b, 5)  # type: ignore[misc]
        bench.row("peaks", f"matmul {name}", tflops=2 * size**3 / seconds / 1e12)


def norm(bench: Bench) -> None:
    """Measure the group norm by itself, with what is read and written at least once."""
    if bench.cuda:
        start = time.perf_counter()
        works = normalization.fused_works(bench.device.index or 0, torch.float16)
        bench.row("norm", "first use", works=works, seconds=time.perf_counter() - start)
    batch, channels, side = (256, 128, 128) if bench.cuda else (2, 32, 32)
    layer = nn.GroupNorm(32, channels).to(bench.device)
    modulation = torch.randn(batch, 2 * channels, device=bench.device)
    values = torch.randn(batch, channels, side, side, device=bench.device).half()
    values = values.contiguous(memory_format=torch.channels_last)
    for name, way in (("plain", plain), ("fused", as_it_is)):
        with torch.no_grad(), way():
            seconds = bench.time(
                lambda: normalization.normalized(values, layer, modulation=modulation, silu=True)
            )
        bench.row("norm", name, seconds=seconds, gb_per_s=4 * values.numel() / seconds / 1e9)


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


def published(bench: Bench) -> None:
    """Forward passes of the published network."""
    forwards(bench, "published", bench.published, bench.batches, single=True)


def small(bench: Bench) -> None:
    """Forward passes of the small network at 128 x 128 pixels."""
    forwards(bench, "small", bench.small, bench.batches, single=False)


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


def analyze(bench: Bench) -> None:
    """Analyse a whole scan of four modalities by the published network."""
    import anofpdm
    from anofpdm.model.bundle import ModelBundle
    from anofpdm.model.bundle_metadata import BundleMetadata

    known = anofpdm.load_bundle("flair-synth").metadata
    names = ("flair", "t1", "t1ce", "t2")
    changes = {
        "network": bench.published,
        "modalities": names,
        "scored": ("flair", "t2"),
        "preprocessing": known.preprocessing.model_copy(
            update={"size": bench.published.image_size}
        ),
        "calibration": None,
        "max_timestep": None,
        "name": "published",
        "training": {},
    }
    metadata = BundleMetadata.model_validate(dict(known) | changes)
    network = random_network(bench.published, torch.device("cpu"))
    bundle = ModelBundle.create(metadata, network.state_dict(), "float16")
    shape = (240, 240, 155) if bench.cuda else (60, 60, 12)
    axes = np.meshgrid(*[np.linspace(-1, 1, n) for n in shape], indexing="ij")
    brain = sum((a / r) ** 2 for a, r in zip(axes, (0.6, 0.75, 0.95), strict=True)) < 1
    random = np.random.default_rng(0)
    affine = np.diag([-1.0, -1.0, 1.0, 1.0])
    scans = {
        name: anofpdm.Volume(
            data=(brain * random.uniform(300, 600, shape)).astype("f4"),
            affine=affine,
            modality=name,
        )
        for name in names
    }
    steps = 30 if bench.cuda else 2

    def run(name: str, steps: int) -> None:
        bench.reset_memory()
        start = time.perf_counter()
        found = anofpdm.analyze(
            scans, bundle, steps=steps, t_max=600, device=str(bench.device), precision="float16"
        )
        whole = time.perf_counter() - start
        evaluations = 2 * len(found) * steps
        bench.row(
            "analyze", name, slices=len(found), steps=steps, seconds=whole,
            network_seconds=found.metadata.seconds,
            evaluations_per_second=evaluations / found.metadata.seconds, memory_gib=bench.memory(),
        )  # fmt: skip

    run("float16, as the program does", steps)
    with plain():
        run("float16 weights, plain", max(2, steps // 5))


def training(bench: Bench) -> None:
    """Time steps of training: the published configuration, and the small network."""
    for name, config, batch in (
        ("published", bench.published, 64 if bench.cuda else 4),
        ("small", bench.small, 128 if bench.cuda else 4),
    ):
        for way_name, way in (("plain", plain), ("fused norm", as_it_is)):
            train_one(bench, f"{name}, {way_name}", config, batch, way)


def train_one(
    bench: Bench, name: str, network: UNetConfig, batch: int, way: Callable[[], Any]
) -> None:
    """Time a step of training."""
    config = TrainingConfig(network=network, batch_size=batch, precision="bfloat16", twins=False)
    flops = step_flops(config)
    bench.reset_memory()
    with tempfile.TemporaryDirectory() as folder, way():
        selection = random_slices(Path(folder), config).select("train")
        trainer = Trainer(config, UNet(network), selection, bench.device)
        numbers = iter(range(10**9))
        # Steps in a row, as in training: the host runs ahead of the device.
        row = 4 if bench.cuda else 2

        def steps() -> None:
            for _ in range(row):
                trainer.step(next(numbers), config.lr)

        seconds = bench.time(steps, repeats=2, warm=1) / row
        trainer.close()
    peak, tflops = bench.peak(), flops / seconds / 1e12
    bench.row(
        "training", name, batch=batch, step_seconds=seconds, slices_per_second=batch / seconds,
        tflops=tflops, share_of_peak=tflops / peak if peak else None, memory_gib=bench.memory(),
    )  # fmt: skip


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


PARTS: dict[str, Callable[[Bench], None]] = {
    "peaks": peaks,
    "norm": norm,
    "published": published,
    "small": small,
    "profile": profile,
    "analyze": analyze,
    "training": training,
    "guidance": guidance,
    "compile": regional,
}
# A compiler at work cannot be stopped in time.
LEAST_SECONDS = {"compile": 60.0}


def main(arguments: list[str]) -> int:
    """Run the parts in their order."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--device", default="auto")
    parser.add_argument("--seconds", type=float, default=120.0)
    parser.add_argument("--parts", nargs="+", choices=list(PARTS), default=list(PARTS))
    options = parser.parse_args(arguments)
    options.out.mkdir(parents=True, exist_ok=True)
    bench = Bench(resolve_device(options.device), options.out, options.seconds)
    for name in options.parts:
        if bench.left() < LEAST_SECONDS.get(name, 0.0):
            bench.found["errors"][name] = "left out: the seconds do not suffice"
            bench.save()
            continue
        start = time.perf_counter()
        try:
            PARTS[name](bench)
        except Exception:  # one part's failure must not cost the others
            bench.found["errors"][name] = traceback.format_exc()
            print(bench.found["errors"][name], flush=True)
        bench.found["part_seconds"][name] = time.perf_counter() - start
        bench.save()
        bench.reset_memory()
    write_report(bench.found, options.out)
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
