"""Scans that could not be worked on: the others are, and these are listed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Protocol, TypeVar

from anofpdm.common.errors import AnofpdmError, DatasetError
from anofpdm.common.executors.executor import Ended, Found, SchedulerLostError
from anofpdm.datasets.preparation.file_names import without_folders


class ReadCase(Protocol):
    """A case that is read from files."""

    @property
    def name(self) -> str:
        """Unique in an evaluation."""

    @property
    def files(self) -> Sequence[Path]:
        """Those that a sentence may name."""


Case = TypeVar("Case", bound=ReadCase)


@dataclass(frozen=True)
class SkippedScan:
    """A scan that is in no score.

    Attributes
    ----------
    case : str
        Its name.
    reason : str
        One sentence, without folders.
    """

    case: str
    reason: str

    @property
    def words(self) -> str:
        """For the console."""
        return f"Skipped {self.case}: {self.reason}"

    @property
    def document(self) -> dict[str, str]:
        """JSON values."""
        return asdict(self)


def skipped_of(ended: Ended[Case, Found]) -> SkippedScan | None:
    """Return why a scan has no outcome; None where it has one.

    Raises
    ------
    SchedulerLostError
        When nothing is known against the scan, because the workers were lost.
    """
    error = ended.error
    if error is None:
        return None
    if isinstance(error, SchedulerLostError):
        raise error
    case = ended.task
    # A scan that trips the code is one bad scan; the others need not wait for a remedy.
    told = str(error) if isinstance(error, AnofpdmError) else f"{type(error).__name__}: {error}"
    return SkippedScan(case.name, without_folders(told, case.files))


def check_some_left(skipped: Sequence[SkippedScan], scans: int) -> None:
    """Check that not all scans were skipped.

    Raises
    ------
    DatasetError
        With the reason of the first.
    """
    if skipped and len(skipped) == scans:
        first = skipped[0]
        raise DatasetError(
            f"None of the scans ({scans}) can be used; of {first.case}: {first.reason}"
        )
