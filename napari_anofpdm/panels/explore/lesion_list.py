"""`LesionList`: the lesions of the mask; go to one, accept or reject it, write a note on it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import QModelIndex, QSignalBlocker, Qt
from qtpy.QtWidgets import (
    QAbstractItemView,
    QCheckBox,
    QHBoxLayout,
    QHeaderView,
    QLabel,
    QLineEdit,
    QVBoxLayout,
    QWidget,
)

from napari_anofpdm.host.weak_listener import listen
from napari_anofpdm.lesions.walking import go_to_lesion
from napari_anofpdm.panels.explore.lesion_model import (
    ACCEPT,
    PEAK,
    REGION,
    REJECT,
    SLICES,
    LesionModel,
)
from napari_anofpdm.panels.explore.limits import limits_in_words, midline_mm, side_of
from napari_anofpdm.panels.shared.lesion_table import LesionTable
from napari_anofpdm.session.region_names import UNNAMED
from napari_anofpdm.widgets.field import wrapped_label

if TYPE_CHECKING:
    import napari.viewer

    from anofpdm.results.lesions import Lesion, Lesions
    from napari_anofpdm.session.region_names import RegionNames
    from napari_anofpdm.session.session import Session

_ROWS_IN_VIEW = 5


def _count(lesions: int) -> str:
    return f"{lesions} lesion{'' if lesions == 1 else 's'}"


class LesionList(QWidget):
    """A summary above a table of lesions.

    Parameters
    ----------
    viewer : napari.viewer.Viewer
        It moves to the lesion whose row is clicked, or reached with the arrows.
    session : Session
        The session whose lesions are shown and reviewed.
    regions : RegionNames
        Names the regions on request.
    """

    def __init__(
        self, viewer: napari.viewer.Viewer, session: Session, regions: RegionNames
    ) -> None:
        super().__init__()
        self._viewer, self._session, self._regions = viewer, session, regions
        self.summary = QLabel()
        self.summary.setWordWrap(True)
        # As high as two lines, so that the settings below stay under the hand.
        self.summary.setFixedHeight(2 * self.summary.fontMetrics().lineSpacing() + 4)
        self.summary.setAlignment(Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignLeft)
        self.limits = QLabel()
        self.model = LesionModel()
        self.table = LesionTable()
        self.table.setAccessibleName("Lesions")
        self.table.setToolTip("The lesions of the mask. Click on a row to go to the lesion.")
        self.note = QLineEdit()
        self.note.setPlaceholderText("Note on the selected lesion")
        self.note.setAccessibleName("Note on the selected lesion")
        self.note.setToolTip(
            "A note on the selected lesion. The exported lesion table and report contain it."
        )
        self.own_colours = QCheckBox("Own colours")
        self.own_colours.setToolTip("Outline each lesion on the canvas in a colour of its own.")
        self.own_colours.toggled.connect(session.set_own_colours)
        self.name_regions = QCheckBox("Name regions")
        self.name_regions.setToolTip(
            "Name the lobe or region near each lesion, here and in exports. Approximate: by an "
            "affine fit to a template, which takes some 10 seconds."
        )
        self.name_regions.setChecked(regions.wanted)
        self.name_regions.toggled.connect(regions.set_wanted)
        self.region_state = wrapped_label()
        self._shown: Lesions | None = None
        self._follows = True
        self._noted: int | None = None
        self._build()
        self.table.clicked.connect(self._go_to_row)
        rows = self.table.selectionModel()
        assert rows is not None
        rows.currentRowChanged.connect(self._go_to_row)
        self.model.verdict_chosen.connect(session.set_verdict)
        self.note.editingFinished.connect(self._write_note)
        listen(
            self,
            [
                (session.native_changed, self._show_lesions),
                (session.edited_changed, self._show_lesions),
                (session.analysis_changed, self._show_lesions),
                (session.settings_changed, self._show_summary),
                (session.review_changed, self._show_lesions),
                (session.selected_changed, self._show_selected),
                (regions.changed, self._show_regions),
            ],
        )
        self._show_lesions()

    def set_theme(self, name: str) -> None:
        """Draw the check boxes like napari's own; `name` is a theme of napari."""
        from napari.utils.theme import get_theme

        theme = get_theme(name)
        frame, ground, ticked = (
            colour.as_hex(format="long") for colour in (theme.text, theme.primary, theme.current)
        )
        self.table.setStyleSheet(
            f"QTableView::indicator {{ width: 12px; height: 12px; border: 1px solid {frame};"
            f" background-color: {ground}; }}"
            f'QTableView::indicator:checked {{ image: url("theme_{theme.id}:/check.svg");'
            f" background-color: {ticked}; }}"
        )

    def _build(self) -> None:
        table = self.table
        table.setModel(self.model)
        table.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        table.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        table.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        table.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        rows, columns = table.verticalHeader(), table.horizontalHeader()
        assert rows is not None and columns is not None
        rows.hide()
        rows.setDefaultSectionSize(22)
        columns.setSectionResizeMode(QHeaderView.ResizeMode.Stretch)
        # Two numbers of three digits need more than an equal share of the width.
        columns.setSectionResizeMode(SLICES, QHeaderView.ResizeMode.ResizeToContents)
        columns.setSectionResizeMode(REGION, QHeaderView.ResizeMode.ResizeToContents)
        columns.setMinimumSectionSize(20)
        for column in (ACCEPT, REJECT):
            columns.setSectionResizeMode(column, QHeaderView.ResizeMode.Fixed)
            table.setColumnWidth(column, 26)
        columns.setSortIndicator(0, Qt.SortOrder.AscendingOrder)
        table.setSortingEnabled(True)
        table.setFixedHeight((_ROWS_IN_VIEW + 1) * 22 + 14)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        self.limits.setWordWrap(True)
        layout.addWidget(self.summary)
        layout.addWidget(self.limits)
        layout.addWidget(table)
        layout.addWidget(self.note)
        below = QHBoxLayout()
        below.addWidget(self.own_colours)
        below.addWidget(self.name_regions)
        below.addStretch(1)
        layout.addLayout(below)
        layout.addWidget(self.region_state)

    def _show_lesions(self, _: object = None) -> None:
        shown = self._session.reviews.shown
        lesions = None if shown is None else shown.lesions
        if shown is not None and lesions is self._shown:
            self.model.set_review(shown)  # a reset would lose the row in view
        else:
            self._shown = lesions
            self.model.set_lesions(shown, fixed=self._session.edited is not None)
        self._show_regions()
        self._show_selected()

    def _show_regions(self, _: object = None) -> None:
        """Show the regions beside the lesions, in the place of the peak."""
        lesions, state = self._shown, self._regions.state
        names = {} if lesions is None else self._regions.of(lesions)
        self.model.set_regions(names)
        self.table.setColumnHidden(REGION, not names)
        self.table.setColumnHidden(PEAK, bool(names))
        self.region_state.setText(state)
        self.region_state.setVisible(bool(state))
        self._show_summary()

    def _show_selected(self, _: object = None) -> None:
        """Select the row of the selected lesion, and show its note; the view stays."""
        reviews = self._session.reviews
        row = self.model.row_of(reviews.selected)
        rows = self.table.selectionModel()
        assert rows is not None
        if row is None:
            with QSignalBlocker(rows):
                self.table.setCurrentIndex(QModelIndex())
        elif row != self.table.currentIndex().row():
            self._follows = False
            try:
                self.table.selectRow(row)
            finally:
                self._follows = True
        shown = reviews.shown
        review = None if shown is None or row is None else shown.review.of(reviews.selected or 0)
        self.note.setEnabled(review is not None)
        number = None if review is None else reviews.selected
        if number != self._noted or not self.note.hasFocus():
            self._noted = number
            self.note.setText("" if review is None else review.note)

    def _write_note(self) -> None:
        if self._noted is not None:
            self._session.set_note(self._noted, self.note.text())

    def _show_summary(self, _: object = None) -> None:
        session = self._session
        analysis, settings = session.analysis, session.settings
        limits = ""
        if analysis is not None and settings is not None:
            limits = limits_in_words(analysis, settings)
        self.limits.setText(limits)
        if session.edited is not None:
            table = session.edited.lesions.table
            volume = round(session.edited.lesions.volume_ml, 6)
            self.summary.setText(f"Edited mask: {_count(len(table))}, {volume:.2f} ml")
            return
        if session.lesions is None:
            self.summary.setText("The lesions are counted once all slices are interpreted.")
            return
        table = session.lesions.table
        kept = [lesion for lesion in table if lesion.number not in session.rejected]
        volume = round(sum(lesion.volume_ml for lesion in kept), 6)
        count = f"{_count(len(kept))}, {volume:.2f} ml{self._largest(kept)}"
        rejected = f" ({len(table) - len(kept)} rejected)" if len(kept) < len(table) else ""
        waiting = "" if session.is_current else "; updating …"
        self.summary.setText(f"{count}{rejected}{waiting}")

    def _largest(self, kept: list[Lesion]) -> str:
        """Return where the largest of several lesions is, or the only one."""
        analysis = self._session.analysis
        if not kept or analysis is None:
            return ""
        fit = self._regions.fit
        region = None if fit is None else fit.names([kept[0].centre_mm])[0]
        side = side_of(kept[0].centre_mm, midline_mm(analysis))
        if region not in (None, UNNAMED):
            side = f"near the {region}"
        return (
            f"; {side}" if len(kept) == 1 else f"; the largest, {kept[0].volume_ml:.2f} ml, {side}"
        )

    def _go_to_row(self, index: QModelIndex, _: object = None) -> None:
        if not index.isValid() or index.column() in (ACCEPT, REJECT) or not self._follows:
            return
        go_to_lesion(self._viewer, self._session, self.model.item(index.row()).number)
