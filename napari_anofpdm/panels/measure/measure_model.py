"""`MeasureModel`: the measurements as rows of a table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from qtpy.QtCore import Qt

from napari_anofpdm.widgets.titled_table import Index, TitledTableModel

TITLES = (
    ("#", "Number on the canvas."),
    ("of", "What was measured; later: the follow-up that is compared with the scan."),
    ("size", "Length in mm, or area in mm²."),
    ("mean", "Mean of the voxels."),
    ("SD", "Standard deviation of the voxels (N - 1)."),
    ("min", "Lowest value."),
    ("max", "Highest value."),
    ("n", "Number of voxels whose centres lie within."),
)
_ALIGNED = Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter


class _Row(NamedTuple):
    measurement: int
    texts: tuple[str, ...]
    exact: tuple[str, ...]


class MeasureModel(TitledTableModel):
    """One row for a ruler; for a region one each for scan, anomaly map and follow-up."""

    def __init__(self) -> None:
        super().__init__(TITLES)
        self._rows: list[_Row] = []

    def set_entries(self, entries: Sequence[Mapping[str, Any]]) -> None:
        """Show what the report lists of measurements."""
        self.beginResetModel()
        self._rows = [row for at, entry in enumerate(entries) for row in _rows_of(at, entry)]
        self.endResetModel()

    def measurement(self, row: int) -> int:
        """Return the index of the measurement in a row."""
        return self._rows[row].measurement

    def row_of(self, measurement: int | None) -> int | None:
        """Return the first row of a measurement, or None."""
        rows = (at for at, row in enumerate(self._rows) if row.measurement == measurement)
        return next(rows, None)

    def number_of_rows(self) -> int:
        """Return the number of rows."""
        return len(self._rows)

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        """Return the text of a cell, or how it is aligned."""
        if role == Qt.ItemDataRole.DisplayRole:
            return self._rows[index.row()].texts[index.column()]
        if role == Qt.ItemDataRole.ToolTipRole:
            return self._rows[index.row()].exact[index.column()]
        if role == Qt.ItemDataRole.TextAlignmentRole and index.column() != 1:
            return _ALIGNED
        return None


def _rows_of(index: int, entry: Mapping[str, Any]) -> list[_Row]:
    number = str(entry["number"])
    if entry["kind"] == "ruler":
        length = (number, "length", f"{entry['length_mm']:.1f} mm", *("",) * 5)
        return [_Row(index, length, length)]
    size = f"{entry['area_mm2']:.0f} mm²"
    rows = [_row(index, (number, "scan", size), entry["scan"])]
    if entry["anomaly_map"] is not None:
        rows.append(_row(index, ("", "map", ""), entry["anomaly_map"]))
    if entry.get("follow_up") is not None:
        rows.append(_row(index, ("", "later", ""), entry["follow_up"]))
    return rows


def _row(index: int, head: tuple[str, ...], found: Mapping[str, Any] | None) -> _Row:
    if found is None:
        empty = (*head, "", "", "", "", "0")
        return _Row(index, empty, empty)
    numbers = [found[name] for name in ("mean", "sd", "minimum", "maximum")]
    short = ("" if x is None else _short(x) for x in numbers)
    exact = ("" if x is None else f"{x:.6g}" for x in numbers)
    voxels = str(found["voxels"])
    return _Row(index, (*head, *short, voxels), (*head, *exact, voxels))


def _short(value: float) -> str:
    """Return a number in some four letters, which a narrow column shows."""
    if 100 <= abs(value) < 1e5:
        return f"{value:.0f}"
    if abs(value) >= 1 or value == 0:
        return f"{value:.3g}"
    return "<.01" if 0 < value < 0.01 else f"{value:.2f}"
