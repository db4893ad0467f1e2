"""Tables as CSV files, written row by row."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np


class CsvTable:
    """A CSV file in UTF-8 with commas, open while it is used as a context.

    Parameters
    ----------
    path : Path
        It is replaced.
    columns : sequence of str
        In order; they become the first line.

    Raises
    ------
    OSError
        When the file cannot be written.
    """

    def __init__(self, path: Path, columns: Sequence[str]) -> None:
        self._columns = tuple(columns)
        self._stream = path.open("w", encoding="utf-8", newline="")
        self._table = csv.writer(self._stream)
        self._table.writerow(self._columns)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stream.close()

    def write(self, row: Mapping[str, Any]) -> None:
        """Add a row; what it lacks, or is None or nan, stays empty.

        Floats are written with six significant digits.
        """
        self._table.writerow([_cell(row.get(column)) for column in self._columns])


def _cell(value: Any) -> Any:
    if isinstance(value, (float, np.floating)):
        return "" if np.isnan(value) else f"{value:.6g}"
    return "" if value is None else value
