"""`MeasurePanel`: the rulers and regions on the scan in view, as a table."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from qtpy.QtCore import QModelIndex, QSignalBlocker, QSize, Qt
from qtpy.QtWidgets import (
    QAbstractItemView,
    QApplication,
    QGridLayout,
    QHBoxLayout,
    QHeaderView,
    QPushButton,
    QVBoxLayout,
)

from napari_anofpdm.host.docked_panel import DockedPanel
from napari_anofpdm.host.notify import show_failure, show_info
from napari_anofpdm.host.weak_listener import listen
from napari_anofpdm.measuring.measured import entries_of, scan_to_measure
from napari_anofpdm.measuring.tools import TOOLS
from napari_anofpdm.panels.measure.measure_model import MeasureModel
from napari_anofpdm.panels.shared.lesion_table import LesionTable
from napari_anofpdm.space.camera import go_to_point
from napari_anofpdm.space.frame import Frame
from napari_anofpdm.widgets.field import wrapped_label
from napari_anofpdm.widgets.save_dialog import ask_where_to_save

if TYPE_CHECKING:
    import napari.viewer

    from anofpdm.results.measuring.measurement import MeasurementKind
    from napari_anofpdm.measuring.tools import MeasureTools
    from napari_anofpdm.session.session import Session

_HOW = (
    "Take a tool and drag over a slice, in any plane. Drag an end of a ruler, or a corner of the "
    "box around a region, to move it. The values are those of the voxels in this slice."
)
_WIDTHS_PX = (20, 46, 70)  # of the first columns
_NARROW = "QHeaderView::section { padding: 2px 3px; }"  # napari's own is as wide as two digits


class MeasurePanel(DockedPanel):
    """Lists measurements, goes to them, and hands them on as a table.

    Parameters
    ----------
    viewer : napari.viewer.Viewer
    session : Session
        Holds the measurements.
    tools : MeasureTools
        Draws them.
    keys : mapping of str to str
        The key of each action, for the tooltips.
    """

    def __init__(
        self,
        viewer: napari.viewer.Viewer,
        session: Session,
        tools: MeasureTools,
        keys: Mapping[str, str],
    ) -> None:
        super().__init__()
        self._viewer, self._session, self._tools = viewer, session, tools
        self._entries: list[dict[str, Any]] = []
        self._follows = True
        self.tools: dict[MeasurementKind, QPushButton] = {}
        self.model, self.table = MeasureModel(), LesionTable()
        self._make_buttons(keys)
        self._make_table()
        self._lay_out()
        listen(
            self,
            [
                (session.measurements.changed, self._renew),
                (session.native_changed, self._renew),
                (session.analysis_changed, self._renew),
                (viewer.layers.events.inserted, self._renew),
                (viewer.layers.events.removed, self._renew),
                (tools.armed_changed, self._show_armed),
            ],
        )
        self._renew()
        self._show_armed(tools.armed)

    def sizeHint(self) -> QSize:  # noqa: N802 - Qt's name
        """Return a size that leaves space for the canvas."""
        return QSize(360, 420)

    def _make_buttons(self, keys: Mapping[str, str]) -> None:
        drawn = self._session.measurements
        for kind, tool in TOOLS.items():
            button = _button(tool.title, f"{tool.tip} Key {keys[tool.action]}.")
            button.setCheckable(True)
            button.clicked.connect(lambda _=False, kind=kind: self._tools.toggle(kind))
            self.tools[kind] = button
        self.delete = _button(
            "Delete", f"Delete the selected measurement. Key {keys['delete_measurement']}."
        )
        self.clear = _button("Delete all", "Delete all measurements on this scan.")
        self.undo = _button("Undo", f"Take back the last change. Key {keys['undo_measurement']}.")
        self.redo = _button("Redo", "Make the change again that was taken back last.")
        self.copy = _button("Copy", "Copy the table, for a spreadsheet.")
        self.save = _button("Save CSV…", "Save the table as a CSV file.")
        actions: dict[QPushButton, Callable[[], object]] = {
            self.delete: lambda: drawn.remove(drawn.selected),
            self.clear: lambda: drawn.set(()),
            self.undo: drawn.undo,
            self.redo: drawn.redo,
            self.copy: self._copy,
            self.save: self._ask_and_save,
        }
        for button, action in actions.items():
            button.clicked.connect(lambda _=False, action=action: action())

    def _make_table(self) -> None:
        table = self.table
        table.setModel(self.model)
        table.setAccessibleName("Measurements")
        table.setToolTip("The rulers and regions on this scan. Click on a row to go to it.")
        table.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        table.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        table.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        table.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        table.setStyleSheet(_NARROW)
        rows, columns = table.verticalHeader(), table.horizontalHeader()
        chosen = table.selectionModel()
        assert rows is not None and columns is not None and chosen is not None
        rows.hide()
        rows.setDefaultSectionSize(22)
        columns.setMinimumSectionSize(20)
        columns.setSectionResizeMode(QHeaderView.ResizeMode.Stretch)
        for column, width in enumerate(_WIDTHS_PX):
            columns.setSectionResizeMode(column, QHeaderView.ResizeMode.Fixed)
            table.setColumnWidth(column, width)
        chosen.currentRowChanged.connect(self._go_to_row)
        table.clicked.connect(self._go_to_row)

    def _lay_out(self) -> None:
        layout = QVBoxLayout(self)
        drawing = QHBoxLayout()
        for button in self.tools.values():
            drawing.addWidget(button)
        layout.addLayout(drawing)
        layout.addWidget(wrapped_label(_HOW))
        layout.addWidget(self.table, 1)
        below = QGridLayout()
        buttons = (self.delete, self.undo, self.copy, self.clear, self.redo, self.save)
        for place, button in enumerate(buttons):
            below.addWidget(button, place // 3, place % 3)
        layout.addLayout(below)

    def _renew(self, _: object = None) -> None:
        drawn = self._session.measurements
        self._entries = entries_of(self._viewer, self._session)
        self._follows = False
        try:
            self.model.set_entries(self._entries)
            self._show_selected()
        finally:
            self._follows = True
        self.delete.setEnabled(drawn.selected is not None)
        self.undo.setEnabled(drawn.can_undo)
        self.redo.setEnabled(drawn.can_redo)
        for button in (self.clear, self.copy, self.save):
            button.setEnabled(bool(self._entries))

    def _show_selected(self) -> None:
        row = self.model.row_of(self._session.measurements.selected)
        if row is not None:
            self.table.selectRow(row)
            return
        chosen = self.table.selectionModel()
        assert chosen is not None
        with QSignalBlocker(chosen):
            self.table.setCurrentIndex(QModelIndex())

    def _show_armed(self, tool: MeasurementKind | None) -> None:
        for kind, button in self.tools.items():
            button.setChecked(kind == tool)

    def _go_to_row(self, index: QModelIndex, _: object = None) -> None:
        """Select a measurement, and show its slice."""
        scan = scan_to_measure(self._viewer)
        if not index.isValid() or not self._follows or scan is None:
            return
        at = self.model.measurement(index.row())
        drawn, frame = self._session.measurements.items[at], Frame.of(scan)
        ends = [frame.to_world(point) for point in (drawn.first, drawn.second)]
        self._session.measurements.select(at)
        go_to_point(self._viewer, np.mean(ends, axis=0), centred=False)

    def _copy(self) -> None:
        from anofpdm.results.measuring.files import table_of

        clipboard = QApplication.clipboard()
        assert clipboard is not None
        clipboard.setText(table_of(self._entries, "\t"))
        show_info("The measurements were copied.")

    def _ask_and_save(self) -> None:
        chosen = ask_where_to_save(
            self, "Save the measurements", "measurements.csv", "CSV table (*.csv)"
        )
        if chosen is not None:
            self.write(chosen[0], overwrite=chosen[1])

    def write(self, path: Path, *, overwrite: bool = False) -> None:
        """Write the table to a CSV file; a fault is shown in one sentence."""
        from anofpdm.common.atomic import atomic_path
        from anofpdm.results.measuring.files import table_of

        try:
            with atomic_path(path, overwrite) as pending:
                pending.write_text(table_of(self._entries), encoding="utf-8")
        except Exception as error:
            show_failure(error, "saving the measurements")
        else:
            show_info(f"The measurements were written to {path}.")


def _button(text: str, tip: str) -> QPushButton:
    button = QPushButton(text)
    button.setToolTip(tip)
    return button
