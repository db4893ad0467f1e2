"""Long runs: cases in a child process of limited memory, which may die or hang."""

from __future__ import annotations

import json
import queue
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path

import zarr

from tests.fuzz.harness import FAULTS, Bench, Finding, Reader, limited_memory


@dataclass
class Tally:
    """What the cases of a reader came to.

    Attributes
    ----------
    counts : Counter of str
        Cases by outcome.
    peak_mib : float
        Highest resident memory of a process.
    faults : list of Finding
        The cases that are faults of the program.
    """

    counts: Counter[str] = field(default_factory=Counter)
    peak_mib: float = 0.0
    faults: list[Finding] = field(default_factory=list)

    def add(self, finding: Finding, peak_mib: float = 0.0) -> None:
        """Count a case."""
        self.counts[finding.outcome] += 1
        self.peak_mib = max(self.peak_mib, peak_mib)
        if finding.outcome in FAULTS:
            self.faults.append(finding)


def soak(
    reader: Reader,
    cases: range,
    seed: int,
    *,
    memory_mib: int,
    seconds: float,
    keep: Path | None = None,
    report: Callable[[Finding], None] = lambda finding: None,
) -> Tally:
    """Run cases in child processes.

    Parameters
    ----------
    reader : Reader
    cases : range
    seed : int
    memory_mib : int
        Address space that a child may take beyond what it has when it begins.
    seconds : float
        Time for a case before it counts as hanging.
    keep : Path, optional
        Folder for the inputs of the faults.
    report : callable
        Called with each fault.
    """
    tally = Tally()
    first = cases.start
    while first < cases.stop:
        with tempfile.TemporaryDirectory(prefix="anofpdm-fuzz-") as folder:
            for finding, peak in _child(
                reader, range(first, cases.stop), seed, Path(folder), memory_mib, seconds
            ):
                tally.add(finding, peak)
                first = finding.case + 1
                if finding.outcome in FAULTS:
                    report(finding)
                    if keep is not None:
                        _keep(reader, finding, seed, keep)
    return tally


def _child(
    reader: Reader, cases: range, seed: int, folder: Path, memory_mib: int, seconds: float
) -> Iterator[tuple[Finding, float]]:
    """Run a child until its cases are done or it dies; a death is the last finding."""
    arguments = [reader.name, str(cases.start), str(cases.stop), str(seed), str(folder)]
    child = subprocess.Popen(
        [sys.executable, "-m", "tests.fuzz", "--child", *arguments, str(memory_mib)],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        stdin=subprocess.DEVNULL,
        text=True,
        start_new_session=True,
    )
    assert child.stdout is not None
    lines: queue.Queue[str | None] = queue.Queue()
    threading.Thread(target=_pump, args=(child.stdout, lines), daemon=True).start()
    begun = False
    case = cases.start
    try:
        while True:
            try:
                line = lines.get(timeout=seconds if begun else 300)
            except queue.Empty:
                yield Finding(case, "hang", f"no answer within {seconds:g} s"), 0.0
                return
            if line is None:
                break
            values = json.loads(line)
            begun = True
            if "begin" in values:
                case = values["begin"]
                continue
            peak = values.pop("peak_mib")
            yield Finding(**values), peak
            case = values["case"] + 1
        code = child.wait()
        if not begun:
            raise RuntimeError(
                f"{reader.name}: the child ended with {code} before its first case; run "
                f"python -m tests.fuzz --reader {reader.name} --in-process"
            )
        if case < cases.stop:
            name = signal.Signals(-code).name if code < 0 else f"exit status {code}"
            yield Finding(case, "killed", name), 0.0
    finally:
        child.kill()
        child.wait()


def _pump(stream: Iterator[str], lines: queue.Queue[str | None]) -> None:
    for line in stream:
        lines.put(line)
    lines.put(None)


def _keep(reader: Reader, finding: Finding, seed: int, keep: Path) -> None:
    """Make a fault's input once more, and keep it with what became of it."""
    place = keep / f"{reader.name}-{seed}-{finding.case}"
    shutil.rmtree(place, ignore_errors=True)
    Bench(reader, place, seed).damaged(finding.case)
    shutil.rmtree(place / "valid")
    (place / "finding.json").write_text(json.dumps(asdict(finding), indent=2) + "\n")


def child_main(reader: Reader, cases: range, seed: int, folder: Path, memory_mib: int) -> None:
    """Run cases and print one JSON line before and after each."""
    # Files of a few KiB: zarr's threads would spend more time on each other than on them.
    zarr.config.set({"threading.max_workers": 1})
    bench = Bench(reader, folder, seed)
    out = sys.stdout
    with limited_memory(memory_mib):
        for case in cases:
            out.write(json.dumps({"begin": case}) + "\n")
            out.flush()
            finding = bench.run(case)
            out.write(json.dumps(asdict(finding) | {"peak_mib": _peak_mib()}) + "\n")
            out.flush()


def _peak_mib() -> float:
    try:
        import resource
    except ImportError:
        return 0.0
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
