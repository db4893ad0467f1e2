"""The device that is measured, the sizes, and the measurements made so far."""

from __future__ import annotations

import json
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from anofpdm.common.device import synchronize
from anofpdm.model.unet_config import UNetConfig

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
