"""Progress of the network on the slices of a scan or a dataset."""

from __future__ import annotations

from dataclasses import dataclass

from anofpdm.common.progress import Progress


@dataclass(frozen=True)
class SliceProgress(Progress):
    """Progress of the network: `done` and `total` are steps times slices.

    Attributes
    ----------
    slices_done, slices_total : int
        Slices whose steps are complete, and their total number.
    """

    slices_done: int = 0
    slices_total: int = 0

    @property
    def slices_per_second(self) -> float | None:
        """Completed slices per second; None while unknown."""
        if self.speed is None or not self.total:
            return None
        return self.speed * self.slices_total / self.total
