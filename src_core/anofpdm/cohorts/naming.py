"""Where the results of a scan lie in the output folder, and what they are called."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from anofpdm.cohorts.scan import CohortScan
from anofpdm.results.folder import RESULT_NAMES

if TYPE_CHECKING:
    from anofpdm.segmentation.segment import Segmented

RECORD_FILE = "scan.json"
THUMBNAIL_FILE = "thumbnail.jpg"


class Naming(Protocol):
    """How results are named."""

    def folder(self, name: str) -> Path:
        """Folder of a scan, relative to the output folder."""

    def record(self, name: str) -> str:
        """Name of the scan's record in its folder."""

    def thumbnail(self, name: str) -> str:
        """Name of the scan's thumbnail in its folder."""

    def results(self, name: str) -> tuple[str, ...]:
        """Names of all files that may be written into its folder."""

    def arrange(self, staging: Path, scan: CohortScan, found: Segmented) -> None:
        """Give the results of `segment`, record and thumbnail their names."""

    def records(self, root: Path) -> Iterator[Path]:
        """Yield the records of all finished scans below an output folder."""


class PlainNaming:
    """One folder a scan in `scans`, with the files of `anofpdm segment`."""

    def folder(self, name: str) -> Path:
        """Folder of a scan, relative to the output folder."""
        return Path("scans") / name

    def record(self, name: str) -> str:
        """Name of the scan's record in its folder."""
        del name
        return RECORD_FILE

    def thumbnail(self, name: str) -> str:
        """Name of the scan's thumbnail in its folder."""
        del name
        return THUMBNAIL_FILE

    def results(self, name: str) -> tuple[str, ...]:
        """Names of all files that may be written into its folder."""
        del name
        return (*RESULT_NAMES, RECORD_FILE, THUMBNAIL_FILE)

    def arrange(self, staging: Path, scan: CohortScan, found: Segmented) -> None:
        """Leave the names as they are."""

    def records(self, root: Path) -> Iterator[Path]:
        """Yield the records of all finished scans below an output folder."""
        yield from sorted((root / "scans").glob(f"*/{RECORD_FILE}"))
