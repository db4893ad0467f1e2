"""Cost estimate of a guidance selection, from a trial of its first steps."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from anofpdm.common.cost import Cost, disk_problems, held_bytes, measured_range

if TYPE_CHECKING:
    from anofpdm.model.bundle import ModelBundle

_ENOUGH_SECONDS, _ENOUGH_REPORTS = 5.0, 4
_REPORT_BYTES = 2**20


class Search(Protocol):
    """`select_guidance` with everything but its progress given."""

    def __call__(self, *, progress: Callable[[int, int], None]) -> object:
        """Search."""


class _Enough(Exception):  # noqa: N818 - no fault
    pass


def guidance_cost(
    search: Search,
    bundle: ModelBundle,
    out: Path,
    candidates: Sequence[float],
    *,
    device: str,
    clock: Callable[[], float] = time.perf_counter,
) -> Cost:
    """Find what a guidance selection will take; nothing is written.

    Parameters
    ----------
    search : callable
        `select_guidance` with everything but its progress given.
    bundle : ModelBundle
        The model.
    out : Path
        The bundle to be made.
    candidates : sequence of float
        Guidances to try.
    device : str
        Where the network runs.
    clock : callable
        Seconds, monotonic.

    Raises
    ------
    AnofpdmError
        What the search would refuse.
    """
    from anofpdm.common.device import synchronize

    marks: list[tuple[float, int]] = []
    total = 0

    def note(done: int, in_all: int) -> None:
        nonlocal total
        synchronize(device)
        marks.append((clock(), done))
        total = in_all
        enough = len(marks) > _ENOUGH_REPORTS and marks[-1][0] - started > _ENOUGH_SECONDS
        if enough or marks[-1][0] - started > 6 * _ENOUGH_SECONDS:
            raise _Enough

    started = clock()
    with suppress(_Enough):
        search(progress=note)
    size = len(bundle.weights) + _REPORT_BYTES
    return Cost(
        work=f"{total:,} slice steps, {len(candidates)} candidates in one pass",
        seconds=_seconds(started, marks, total),
        basis=f"measured on {marks[-1][1]:,} of them",
        memory_bytes=held_bytes(device),
        device=device,
        disk_bytes=size,
        problems=tuple(disk_problems(out, size)),
    )


def _seconds(started: float, marks: Sequence[tuple[float, int]], total: int) -> tuple[float, float]:
    """Least and most time of all steps, by the fastest and the slowest report.

    The first report includes set-up; it gives the pace only where it is the only one.
    """
    (first, begun), *others = marks
    before = zip(marks, others, strict=False)
    paces = [(now - then) / (done - seen) for (then, seen), (now, done) in before if done > seen]
    setup = first - started
    if not paces:
        return measured_range(setup * total / begun, setup * total / begun)
    left = total - begun
    return measured_range(setup + left * min(paces), setup + left * max(paces))
