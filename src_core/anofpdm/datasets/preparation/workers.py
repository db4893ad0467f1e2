"""Make the missing parts, in this process or in several; bad cases are named, never raised."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from anofpdm.common.errors import AnofpdmError
from anofpdm.common.executors.choice import executor_of
from anofpdm.common.processes.worker_processes import usable_cpus
from anofpdm.datasets.case import Case
from anofpdm.datasets.preparation.parts import PartStore
from anofpdm.datasets.preparation.subject import Recipe, subject_slices

_LOG = logging.getLogger(__name__)


@dataclass(frozen=True)
class PartRequest:
    """One part to make.

    Attributes
    ----------
    case : Case
        What to read.
    recipe : Recipe
        How to make slices of it.
    folder : Path
        The part store's.
    key : str
        What the part is stored under.
    """

    case: Case
    recipe: Recipe
    folder: Path
    key: str

    @property
    def name(self) -> str:
        """The subject."""
        return self.case.subject


def make_parts(
    requests: Sequence[PartRequest],
    workers: int | None,
    on_done: Callable[[], None],
    scheduler: str | None = None,
) -> dict[str, str]:
    """Make the parts.

    Parameters
    ----------
    requests : sequence of PartRequest
        What to make.
    workers : int, optional
        Processes; one a CPU that this process may use by default. 1 works in this process.
    on_done : callable
        Called after each part.
    scheduler : str, optional
        Address of a Dask scheduler, whose workers take the place of processes.

    Returns
    -------
    dict of str to str
        Why a subject could not be made, one sentence, by its name.

    Raises
    ------
    OutputError
        When parts cannot be written.
    DatasetError
        When a worker process was ended from outside.
    """
    reasons = {}
    executor = executor_of(min(workers or usable_cpus(), len(requests)), scheduler)
    for ended in executor.run(_make, requests):
        reason = ended.result()
        if reason is not None:
            reasons[ended.task.name] = reason
        on_done()
    return reasons


def _make(request: PartRequest) -> str | None:
    try:
        slices = subject_slices(request.case, request.recipe)
    except AnofpdmError as error:
        return str(error)
    except Exception as error:
        # A scan that trips the code is one bad scan; the others need not wait for a remedy.
        _LOG.debug("%s", request.case.subject, exc_info=True)
        return f"{type(error).__name__}: {error}"
    PartStore(request.folder).save(request.case.subject, request.key, slices)
    return None
