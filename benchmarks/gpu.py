"""Measure the network's speed and its share of the device's peak, the new paths beside the plain.

Run ``python benchmarks/gpu.py --out DIR [--device auto] [--seconds 120] [--parts NAME ...]``. It
writes gpu.json after every measurement, and at the end gpu.md (tables) and roofline.png. A part
that fails leaves its error in the JSON and the others untouched; parts that the seconds do not
suffice for are left out. On a CPU everything is of toy size. To write tables and picture again, run
``python benchmarks/gpu_report.py DIR/gpu.json``.
"""

from __future__ import annotations

import argparse
import sys
import time
import traceback
from collections.abc import Callable
from pathlib import Path

from gpu_parts.bench import Bench
from gpu_parts.forwards import profile, published, regional, small
from gpu_parts.guidance import guidance
from gpu_parts.peaks import norm, peaks
from gpu_parts.scans import analyze
from gpu_parts.training import training
from gpu_report import write_report

from anofpdm.common.device import resolve_device

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
