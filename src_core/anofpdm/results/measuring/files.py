"""Measurements in files: as a table for spreadsheets, and to be opened again."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field

from anofpdm.results.json_file import JsonFile
from anofpdm.results.measuring.measurement import Measurement

_MOST = 10_000
_VALUES = ("voxels", "mean", "sd", "minimum", "maximum")
_SIDES = ("right", "anterior", "superior")
COLUMNS = (
    "number",
    "kind",
    "plane",
    "length_mm",
    "area_mm2",
    *(f"scan_{name}" for name in _VALUES),
    *(f"map_{name}" for name in _VALUES),
    *(f"follow_up_{name}" for name in _VALUES),
    *(f"first_{side}_mm" for side in _SIDES),
    *(f"second_{side}_mm" for side in _SIDES),
)


class MeasurementFile(JsonFile):
    """The measurements on a scan.

    Attributes
    ----------
    format_version : int
    measurements : tuple of Measurement
    """

    what: ClassVar = "measurement file"
    again: ClassVar = "measure again"

    format_version: Literal[1] = 1
    measurements: Annotated[tuple[Measurement, ...], Field(max_length=_MOST)] = ()


def table_of(entries: Sequence[Mapping[str, Any]], delimiter: str = ",") -> str:
    """Return one line per measurement, after a line of column names.

    Parameters
    ----------
    entries : sequence of mapping
        As `anofpdm.results.measuring.values.measured` lists them. What a measurement does not have
        is left empty.
    delimiter : str
        Between the columns; a tab for the clipboard.
    """
    text = io.StringIO()
    table = csv.writer(text, delimiter=delimiter, lineterminator="\n")
    table.writerow(COLUMNS)
    for each in entries:
        pictures = [each.get(name) or {} for name in ("scan", "anomaly_map", "follow_up")]
        table.writerow(
            [
                *(each[name] for name in ("number", "kind", "plane")),
                *(each.get(name) for name in ("length_mm", "area_mm2")),
                *(picture.get(name) for picture in pictures for name in _VALUES),
                *(x for point in each["points_mm"] for x in point),
            ]
        )
    return text.getvalue()
