"""The lesions of a mask as a table that spreadsheets and statistics programs read."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from anofpdm.common.quantities import rounded_volume

COLUMNS = (
    "number",
    "volume_ml",
    "voxels",
    "diameter_mm",
    "first_slice",
    "last_slice",
    "peak",
    "centre_right_mm",
    "centre_anterior_mm",
    "centre_superior_mm",
    "approximate_region",
    "verdict",
    "note",
)


def write_lesion_csv(path: Path, components: Sequence[Mapping[str, Any]]) -> None:
    """Write one line per lesion, largest first, after a line of column names.

    Parameters
    ----------
    path : Path
        The CSV file, in UTF-8 with commas; it is replaced.
    components : sequence of mapping
        As `anofpdm.results.report.lesions_of` lists them, the rejected ones last if they are to be
        listed. Slices count from the feet up, the centre is in RAS; the peak is empty without a
        map, the region where none was named.

    Raises
    ------
    OSError
        When the file cannot be written.
    """
    with path.open("w", encoding="utf-8", newline="") as stream:
        table = csv.writer(stream)
        table.writerow(COLUMNS)
        for each in components:
            table.writerow(
                [
                    each["number"],
                    rounded_volume(each["volume_ml"]),
                    each["voxels"],
                    each["diameter_mm"],
                    *each["slices"],
                    each["peak"],
                    *each["centre_mm"],
                    each.get("approximate_region", ""),
                    each["verdict"],
                    plain(each["note"]),
                ]
            )


def plain(note: str) -> str:
    """Let a spreadsheet take a note that begins like a formula as text."""
    return f"'{note}" if note.startswith(("=", "+", "-", "@")) else note
