"""What works on tasks, whatever distributes them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

from anofpdm.common.errors import AnofpdmError
from anofpdm.common.executors.stopping import Stop


class SchedulerLostError(AnofpdmError):
    """The connection to a scheduler was lost before a task ended."""


class Task(Protocol):
    """One of many things to work on, such as a scan; it can be pickled."""

    @property
    def name(self) -> str:
        """Unique in a run."""


Given = TypeVar("Given", bound=Task)
Found = TypeVar("Found")


@dataclass(frozen=True)
class Ended(Generic[Given, Found]):
    """A task that has ended.

    Attributes
    ----------
    task : Task
    found : object or None
        What the work returned.
    error : Exception or None
        Why it returned nothing.
    """

    task: Given
    found: Found | None = None
    error: Exception | None = None

    def result(self) -> Found:
        """Return what the work returned, or raise why it did not."""
        if self.error is not None:
            raise self.error
        return self.found  # type: ignore[return-value]


class Executor(Protocol):
    """Does the work on tasks.

    Attributes
    ----------
    parallel : bool
        Whether several processes work at the same time.
    """

    parallel: bool

    def run(
        self,
        work: Callable[[Given], Found],
        tasks: Sequence[Given],
        stop: Stop | None = None,
        *,
        in_order: bool = False,
    ) -> Iterator[Ended[Given, Found]]:
        """Yield each task as it ends, until a stop is asked for.

        Memory does not grow with the number of tasks: few are under way or wait to be yielded.

        Parameters
        ----------
        work : callable
            Takes a task; it can be pickled where several processes work.
        tasks : sequence of Task
        stop : Stop, optional
        in_order : bool
            Yield them in their own order.
        """


def ended(work: Callable[[Given], Found], task: Given) -> Ended[Given, Found]:
    """Do the work on one task in this process."""
    try:
        return Ended(task, work(task))
    except Exception as error:
        return Ended(task, error=error)
