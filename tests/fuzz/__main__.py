"""Feed readers with damaged files, at length: python -m tests.fuzz --reader bundle --cases 5000."""

from __future__ import annotations

import argparse
import logging
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

from tests.fuzz.harness import FAULTS, Bench, Finding, limited_memory
from tests.fuzz.readers import READERS
from tests.fuzz.soak import Tally, child_main, soak


def main() -> int:
    if sys.argv[1:2] == ["--child"]:
        name, first, stop, seed, folder, memory = sys.argv[2:]
        child_main(
            READERS[name], range(int(first), int(stop)), int(seed), Path(folder), int(memory)
        )
        return 0
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument(
        "--reader", action="append", choices=sorted(READERS), help="repeatable; all by default"
    )
    parser.add_argument("--cases", type=int, default=1000, help="cases a reader (1000)")
    parser.add_argument("--first", type=int, default=0, help="number of the first case (0)")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--memory", type=int, default=2048, help="MiB a child may take (2048)")
    parser.add_argument("--seconds", type=float, default=30, help="until a case hangs (30)")
    parser.add_argument("--keep", type=Path, help="folder for the inputs of the faults")
    parser.add_argument("--in-process", action="store_true", help="without child processes")
    options = parser.parse_args()
    cases = range(options.first, options.first + options.cases)
    failed = False
    for name in options.reader or sorted(READERS):
        start = time.monotonic()
        if options.in_process:
            tally = _in_process(name, cases, options.seed, options.memory)
        else:
            tally = soak(
                READERS[name],
                cases,
                options.seed,
                memory_mib=options.memory,
                seconds=options.seconds,
                keep=options.keep,
                report=_say,
            )
        failed |= bool(tally.faults)
        counts = ", ".join(f"{tally.counts[each]} {each}" for each in (*_WELL, *sorted(FAULTS)))
        sys.stdout.write(
            f"{name}: {len(cases)} cases: {counts}; peak {tally.peak_mib:.0f} MiB, "
            f"{time.monotonic() - start:.0f} s\n"
        )
        for kind, count in Counter(_kind(each) for each in tally.faults).most_common():
            sys.stdout.write(f"    {count} times {kind}\n")
        sys.stdout.flush()
    return int(failed)


_WELL = ("own", "result")


def _in_process(name: str, cases: range, seed: int, memory: int) -> Tally:
    tally = Tally()
    with tempfile.TemporaryDirectory(prefix="anofpdm-fuzz-") as folder:
        bench = Bench(READERS[name], Path(folder), seed)
        logging.disable()
        with limited_memory(memory):
            for case in cases:
                finding = bench.run(case)
                tally.add(finding)
                if finding.outcome in FAULTS:
                    _say(finding)
    return tally


def _say(finding: Finding) -> None:
    sys.stdout.write(f"  case {finding.case}: {finding.outcome}: {finding.detail}\n")
    sys.stdout.flush()


def _kind(finding: Finding) -> str:
    error, _, place = finding.detail.partition(" at ")
    return f"{finding.outcome} {error.split(':')[0]} {place.split(' < ')[0]}".strip()


if __name__ == "__main__":
    sys.exit(main())
