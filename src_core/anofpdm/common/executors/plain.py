"""One task after the other, in this process."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from anofpdm.common.executors.executor import Ended, Found, Given, ended
from anofpdm.common.executors.stopping import Stop


class PlainExecutor:
    """Works in this process."""

    parallel = False

    def run(
        self,
        work: Callable[[Given], Found],
        tasks: Sequence[Given],
        stop: Stop | None = None,
        *,
        in_order: bool = False,
    ) -> Iterator[Ended[Given, Found]]:
        """Yield each task as it ends; see `Executor`."""
        del in_order  # they always are
        for task in tasks:
            if stop is not None and stop.asked:
                return
            yield ended(work, task)
