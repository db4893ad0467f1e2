"""Cohorts: the scheduler with a stand-in engine, and small phantoms against a plain loop.

python benchmarks/cohort.py simulate --tasks 100000 --workers 500
python benchmarks/cohort.py phantoms --timed 60 --scans 200

`simulate` starts a scheduler, and workers in a few processes, each with one thread and its own
connection, as on a cluster; their scans compute nothing. It prints the scheduler's memory and the
time a scan, in twenty parts: a cost that grows with the number of scans would show.

`phantoms` segments coarse phantoms, ten of them drawn and the others copies with one voxel changed.
--timed of them (0: none) go to one worker on one core and to two workers on two cores, --loop of
them to a loop of `anofpdm segment` on one core. --scans of them (0: none) and a broken file go to
two workers, of which one is killed, and once more. It prints scans a minute, memory of the workers
and what was done twice.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import dataclass
from pathlib import Path

import psutil

from anofpdm.cohorts.plan import Plan
from anofpdm.cohorts.run import CohortProgress, run_cohort
from anofpdm.cohorts.scan import CohortScan, Outcome
from anofpdm.common.executors.dask_cluster import DaskExecutor
from anofpdm.common.executors.stopping import Stop
from anofpdm.common.executors.tries import Tries
from anofpdm.segmentation.image_file import ImageFile

FIXED = ("--device", "cpu", "--skull", "keep", "--quiet")
"""Options of both commands: phantoms have no skull, and its extraction would hide the rest."""

Mark = tuple[float, float, float]
"""Seconds, scheduler's memory in MB, and its CPU seconds."""


@dataclass(frozen=True)
class StandIn:
    """Work that computes nothing and returns a line of the usual size."""

    padding: str = "x" * 1500  # about what settings and model take in `SegmentWork`

    def __call__(self, scan: CohortScan) -> Outcome:
        """Return at once."""
        row = {"scan": scan.name, "volume_ml": 1.0, "warnings": ["a warning of usual length"] * 2}
        return Outcome(scan.name, "done", row)


async def serve(address: str, count: int) -> None:
    """Run workers in this process until it is ended."""
    import dask
    from distributed import Worker

    # A hundred workers share a process: what each of them does beside its tasks, many times a
    # second, would take the time that is measured.
    with dask.config.set({"distributed.worker.http.routes": [],
                          "distributed.worker.profile.enabled": False,
                          "distributed.admin.system-monitor.interval": "60s",
                          "distributed.admin.tick.interval": "10s",
                          "distributed.admin.tick.limit": "10min"}):  # fmt: skip
        started = [
            await Worker(
                address, nthreads=1, dashboard=False, memory_limit=0, name=f"{os.getpid()}-{n}"
            )
            for n in range(count)
        ]
    await asyncio.gather(*(worker.finished() for worker in started))


def simulate(tasks: int, workers: int, processes: int) -> None:
    """Measure the scheduler."""
    from cohort import StandIn as Sent  # under the name that workers import

    with tempfile.TemporaryDirectory() as folder:
        info = Path(folder) / "scheduler.json"
        scheduler = subprocess.Popen(
            [sys.executable, "-m", "distributed.cli.dask_scheduler", "--no-dashboard",
             "--scheduler-file", str(info), "--host", "127.0.0.1", "--port", "0"],
            stderr=subprocess.DEVNULL,
        )  # fmt: skip
        served = []
        try:
            while not info.exists() or not info.read_text():
                scheduler.poll()
                time.sleep(0.1)
            address = json.loads(info.read_text())["address"]
            served = [
                subprocess.Popen(
                    [sys.executable, __file__, "serve", address, str(workers // processes)],
                    stderr=subprocess.DEVNULL,
                )
                for _ in range(processes)
            ]
            _wait_for(address, workers // processes * processes)
            memory = psutil.Process(scheduler.pid)
            before = memory.memory_info().rss / 2**20
            print(
                f"{tasks} scans, {workers} workers; scheduler before: {before:.0f} MB", flush=True
            )
            marks, part = [(0.0, before, 0.0)], max(1, tasks // 20)
            used = memory.cpu_times()
            started, cpu = time.perf_counter(), used.user + used.system

            def note(progress: CohortProgress) -> None:
                if progress.done and progress.done % part == 0:
                    now = memory.cpu_times()
                    marks.append((time.perf_counter() - started,
                                  memory.memory_info().rss / 2**20,
                                  now.user + now.system - cpu))  # fmt: skip
                    _show(marks[-2], marks[-1], progress.done, part)

            todo = [CohortScan(f"sub-{n:06}", f"sub-{n:06}",
                               {"flair": ImageFile(Path(f"/data/sub-{n:06}/flair.nii.gz"))})
                    for n in range(tasks)]  # fmt: skip
            executor = DaskExecutor(Tries(Path(folder) / "tries"), scheduler=address)
            found = run_cohort(Plan(todo=todo), Sent(), executor, Stop(), on_progress=note)
            assert len(found.rows) == tasks, len(found.rows)
        finally:
            for process in (*served, scheduler):
                process.kill()


def _show(before: Mark, after: Mark, done: int, scans: int) -> None:
    wall, cpu = (1e3 * (after[n] - before[n]) / scans for n in (0, 2))
    print(f"  after {done}: {wall:.2f} ms a scan, scheduler {cpu:.2f} ms of CPU a scan, "
          f"{after[1]:.0f} MB", flush=True)  # fmt: skip


def _wait_for(address: str, workers: int) -> None:
    from distributed import Client

    with Client(address, set_as_default=False) as client:
        client.wait_for_workers(workers, timeout=600)


def phantoms(scans: int, timed: int, loop: int, steps: int) -> None:
    """Compare a plain loop with one and two workers, and disturb the latter."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        if timed:
            compare(folder, timed, loop, steps)
        if not scans:
            return
        source = draw(folder / "scans", scans)
        (source / "broken.nii.gz").write_bytes(b"broken")
        out = folder / "disturbed"
        threading.Thread(target=_kill_a_worker, args=(out, scans // 4), daemon=True).start()
        peaks = Peaks()
        with peaks:
            first = cohort(source, out, 2, steps)
        again = cohort(source, out, 2, steps)
        print(f"{scans} scans, a worker killed: {first['segmented']} segmented, "
              f"{first['counts']}, largest process at a quarter, half and the end: {peaks.words}; "
              f"restarted: {again['segmented']} segmented, {again['counts']}")  # fmt: skip


def compare(folder: Path, scans: int, loop: int, steps: int) -> None:
    """Print the rates of a loop of `segment`, of one worker and of two."""
    source = draw(folder / "timed", scans)
    files = sorted(source.iterdir())[:loop]
    cores = sorted(os.sched_getaffinity(0))
    os.sched_setaffinity(0, cores[:1])  # child processes keep it
    started = time.perf_counter()
    for number, file in enumerate(files):
        _anofpdm("segment", "--image", file, "--out", folder / "loop" / str(number),
                 "--steps", steps, *FIXED)  # fmt: skip
    alone = 60 * len(files) / (time.perf_counter() - started)
    print(f"loop of segment: {alone:.2f} scans/min ({len(files)} scans)", flush=True)
    rates = {}
    for workers in (1, 2):
        os.sched_setaffinity(0, cores[:workers])
        out = folder / f"out{workers}"
        started, peaks = time.perf_counter(), Peaks()
        with peaks:
            document = cohort(source, out, workers, steps)
        rates[workers] = 60 * scans / (time.perf_counter() - started)
        print(f"{workers} workers: {rates[workers]:.2f} scans/min, "
              f"{rates[workers] / alone:.1f} times the loop, {document['counts']}, "
              f"largest process at a quarter, half and the end: {peaks.words}",
              flush=True)  # fmt: skip
    print(f"two workers: {rates[2] / rates[1]:.2f} times one", flush=True)


def draw(folder: Path, count: int) -> Path:
    """Draw ten phantoms of 6 x 6 x 12 mm, and copy them with one voxel changed."""
    import numpy as np

    from anofpdm.scans.volume import write_nifti
    from anofpdm.synthetic import make_phantom

    folder.mkdir()
    drawn = [
        make_phantom(500_000 + n, ["flair"], spacing=(6.0, 6.0, 12.0)).volumes["flair"]
        for n in range(min(10, count))
    ]
    for number in range(count):
        volume = drawn[number % len(drawn)]
        data = np.array(volume.data, dtype=np.float32)
        data[tuple(n // 2 for n in data.shape)] += number / 100
        write_nifti(folder / f"s{number:04}.nii.gz", data, volume, "float32")
    return folder


def cohort(source: Path, out: Path, workers: int, steps: int) -> dict[str, object]:
    """Run segment-cohort, and return what it prints."""
    done = _anofpdm("segment-cohort", source, "--out", out, "--workers", workers, "--steps", steps,
                    "--json", *FIXED)  # fmt: skip
    document: dict[str, object] = json.loads(done)
    return document


def _anofpdm(*arguments: object) -> str:
    command = [sys.executable, "-m", "anofpdm.cli", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout


def _kill_a_worker(out: Path, after: int) -> None:
    """Kill a worker process when some scans are done, as the system does for lack of memory."""
    while len(list(out.glob("scans/*/scan.json"))) < after:
        time.sleep(0.2)
    workers = [p for p in psutil.Process().children(recursive=True)
               if "spawn_main" in " ".join(p.cmdline())]  # fmt: skip
    os.kill(max(workers, key=lambda p: p.memory_info().rss).pid, signal.SIGKILL)


class Peaks:
    """Memory of the largest process below this one, over time."""

    def __enter__(self) -> Peaks:
        """Begin."""
        self._seen: list[float] = []
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._look, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        """End."""
        self._end.set()
        self._thread.join()

    def _look(self) -> None:
        while not self._end.wait(0.5):
            sizes = [0]
            for process in psutil.Process().children(recursive=True):
                try:
                    sizes.append(process.memory_info().rss)
                except psutil.NoSuchProcess:
                    continue
            self._seen.append(max(sizes) / 2**20)

    @property
    def words(self) -> str:
        """Memory at a quarter, half and the end of the run."""
        seen = self._seen
        places = [len(seen) // 4, len(seen) // 2, max(0, len(seen) - 3)]
        return ", ".join(f"{seen[place]:.0f} MB" for place in places) if seen else "?"


def main() -> None:
    """Run one of the measurements."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    kinds = parser.add_subparsers(dest="kind", required=True)
    simulated = kinds.add_parser("simulate")
    simulated.add_argument("--tasks", type=int, default=100_000)
    simulated.add_argument("--workers", type=int, default=500)
    simulated.add_argument("--processes", type=int, default=5)
    real = kinds.add_parser("phantoms")
    real.add_argument("--scans", type=int, default=200)
    real.add_argument("--timed", type=int, default=60)
    real.add_argument("--loop", type=int, default=10)
    real.add_argument("--steps", type=int, default=4)
    served = kinds.add_parser("serve")
    served.add_argument("address")
    served.add_argument("count", type=int)
    given = parser.parse_args()
    if given.kind == "serve":
        asyncio.run(serve(given.address, given.count))
    elif given.kind == "simulate":
        simulate(given.tasks, given.workers, given.processes)
    else:
        phantoms(given.scans, given.timed, given.loop, given.steps)


if __name__ == "__main__":
    main()
