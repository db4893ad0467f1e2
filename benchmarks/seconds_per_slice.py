"""Time the network on a synthetic subject: seconds a slice, in float32 and bfloat16.

Run ``python benchmarks/seconds_per_slice.py [--bundle flair-synth] [--slices 8] [--steps 30]``.
The precisions take turns, so that their ratio holds on a machine that others use, too.
"""

from __future__ import annotations

import argparse
import statistics
import sys
from dataclasses import replace

from anofpdm.analysis.engine import analyze
from anofpdm.model.bundle import ModelBundle, load_bundle
from anofpdm.model.precision import Precision
from anofpdm.scans.volume import Volume
from anofpdm.synthetic import make_phantom

ROUNDS = 3
PRECISIONS: tuple[Precision, ...] = ("float32", "bfloat16")


def middle_slices(count: int) -> Volume:
    """`count` neighbouring slices through the middle of a subject's brain."""
    scan = make_phantom(500_000, spacing=(1.5, 1.5, 4.0)).volumes["flair"]
    first = max(0, (scan.data.shape[2] - count) // 2)
    return replace(scan, data=scan.data[:, :, first : first + count])


def seconds(model: ModelBundle, scan: Volume, steps: int, precision: Precision) -> float:
    """Network seconds a slice."""
    analysis = analyze({"flair": scan}, model, steps=steps, precision=precision)
    return analysis.metadata.seconds / len(analysis)


def main(arguments: list[str]) -> None:
    """Print the medians and their ratio."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--bundle", default="flair-synth")
    parser.add_argument("--slices", type=int, default=8)
    parser.add_argument("--steps", type=int, default=30)
    options = parser.parse_args(arguments)
    model, scan = load_bundle(options.bundle), middle_slices(options.slices)
    times: dict[str, list[float]] = {precision: [] for precision in PRECISIONS}
    for turn in range(ROUNDS):
        for precision in PRECISIONS[:: -1 if turn % 2 else 1]:
            times[precision].append(seconds(model, scan, options.steps, precision))
    medians = {precision: statistics.median(values) for precision, values in times.items()}
    for precision, median in medians.items():
        print(f"{precision}: {median:.3f} s a slice ({options.steps} steps, 2 evaluations a step)")
    print(f"float32 / bfloat16: {medians['float32'] / medians['bfloat16']:.2f}")


if __name__ == "__main__":
    main(sys.argv[1:])
