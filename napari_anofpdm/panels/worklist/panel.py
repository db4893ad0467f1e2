"""`WorklistPanel`: the cases to read, one after the other."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from qtpy.QtCore import QSize
from qtpy.QtWidgets import (
    QFileDialog,
    QGridLayout,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QMenu,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from napari_anofpdm.host.docked_panel import DockedPanel
from napari_anofpdm.host.notify import show_failure, show_info
from napari_anofpdm.host.preferences import run_preferences
from napari_anofpdm.host.weak_listener import listen
from napari_anofpdm.panels.worklist.background import Background
from napari_anofpdm.panels.worklist.case_model import CaseModel
from napari_anofpdm.panels.worklist.case_table import CaseTable
from napari_anofpdm.widgets.field import wrapped_label
from napari_anofpdm.widgets.fitting_label import FittingLabel
from napari_anofpdm.widgets.save_dialog import ask_where_to_save
from napari_anofpdm.widgets.upright_scroll import UprightScroll

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from napari_anofpdm.cases.reading_list import ReadingList

_WHAT_FOR = (
    "Read many cases one after the other. Open a folder of scans, a folder of results, or a CSV "
    "table with the columns subject and one for each modality. Verdicts, notes and corrections "
    "are stored as you make them."
)
_TABLE = "Comma-separated values (*.csv)"


class WorklistPanel(DockedPanel):
    """A table of cases with their states, and buttons to walk through them.

    Parameters
    ----------
    cases : ReadingList
    keys : mapping of str to str
        The key of each action, for the tooltips.
    """

    def __init__(self, cases: ReadingList, keys: Mapping[str, str]) -> None:
        super().__init__()
        self.cases, self._keys = cases, keys
        self.background = Background()
        self._make_controls()
        self._lay_out()
        self.table.opened.connect(cases.open)
        self.note.editingFinished.connect(lambda: cases.note(self.note.text()))
        self.background.changed.connect(cases.look)
        listen(self, [(cases.changed, self._renew), (cases.opened, self._show_open)])
        self._renew()
        self._show_open(cases.index)

    def sizeHint(self) -> QSize:  # noqa: N802 - Qt's name
        """Return a size that leaves space for the canvas; the panel scrolls."""
        return QSize(360, 420)

    def open_source(self, source: Path) -> None:
        """List the cases of a folder or a table, and open the first that is not reviewed.

        A fault is shown in one sentence.
        """
        from anofpdm.worklist.worklist import open_worklist

        try:
            found = open_worklist(source, _modalities())
        except Exception as error:
            show_failure(error, "opening the worklist")
            return
        self.cases.set(found)
        if found.notes:
            show_info(" ".join(found.notes))
        self.cases.open_unfinished()

    def export(self, path: Path, *, overwrite: bool) -> None:
        """Write all reviews as one table; show a fault in one sentence."""
        from anofpdm.worklist.review_table import write_review_table

        self.cases.store()
        try:
            reviewed = write_review_table(path, self.cases.cases, overwrite=overwrite)
        except Exception as error:
            show_failure(error, "exporting the reviews")
            return
        count = len(self.cases.cases)
        show_info(f"Wrote {path.name}: {reviewed} of {count} cases are reviewed.")

    def analyse_all(self) -> None:
        """Start the analysis of all cases in the background; show a fault in one sentence."""
        worklist, chosen = self.cases.worklist, run_preferences()
        if worklist is None:
            return
        try:
            self.background.start(worklist, chosen.bundle, chosen.device)
        except Exception as error:
            show_failure(error, "starting the analysis")
        self._renew()

    def _make_controls(self) -> None:
        self.what_for = wrapped_label(_WHAT_FOR)
        self.open = QPushButton("Open")
        self.open.setToolTip("Open a folder of scans or results, or a CSV table of scans.")
        menu = QMenu(self.open)
        for text, ask in (("Folder…", self._ask_folder), ("CSV table…", self._ask_table)):
            action = menu.addAction(text)
            assert action is not None
            action.triggered.connect(lambda _=False, ask=ask: ask())
        self.open.setMenu(menu)
        self.name = FittingLabel()
        self.model = CaseModel(self.cases)
        self.table = CaseTable(self.model)
        self.summary = QLabel()
        keys = self._keys
        self.previous = _button(
            "◀ Previous",
            f"Open the previous case. Key {keys['previous_case']}.",
            lambda: self.cases.walk(-1),
        )
        self.next = _button(
            "Next ▶", f"Open the next case. Key {keys['next_case']}.", lambda: self.cases.walk(1)
        )
        self.reviewed = _button(
            "Reviewed",
            f"You have finished this case; press again to take that back. Key "
            f"{keys['toggle_reviewed']}.",
            self.cases.toggle_reviewed,
        )
        self.reviewed.setCheckable(True)
        self.unfinished = _button(
            "Next unfinished",
            "Open the next case that is not reviewed.",
            self.cases.open_unfinished,
        )
        self.note = QLineEdit()
        self.note.setPlaceholderText("Note on this case")
        self.note.setToolTip("A note on the case as a whole. The exported table contains it.")
        self.note.setAccessibleName("Note on this case")
        self.analyse = _button(
            "Analyse all in the background",
            "Run the model of Preferences > AnoFPDM on all cases that are not analysed yet. The\n"
            "work goes on when you close the viewer; the panel Jobs shows and stops it.",
            self.analyse_all,
        )
        self.job = wrapped_label()
        self.save = _button(
            "Export reviews…",
            "Write all verdicts and notes as one table (CSV): one line for each lesion.",
            self._ask_where,
        )

    def _lay_out(self) -> None:
        inside = QWidget()
        column = QVBoxLayout(inside)
        column.setContentsMargins(6, 6, 6, 6)
        head = QHBoxLayout()
        head.addWidget(self.open)
        head.addWidget(self.name, 1)
        column.addLayout(head)
        column.addWidget(self.what_for)
        column.addWidget(self.summary)
        column.addWidget(self.table, 1)
        walk = QGridLayout()
        for place, button in enumerate((self.previous, self.next, self.reviewed, self.unfinished)):
            walk.addWidget(button, place // 2, place % 2)
        column.addLayout(walk)
        column.addWidget(self.note)
        column.addWidget(self.analyse)
        column.addWidget(self.job)
        column.addWidget(self.save)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(UprightScroll(inside))

    def _renew(self, _: object = None) -> None:
        """Show the cases and what can be done with them."""
        worklist, some = self.cases.worklist, bool(self.cases.cases)
        self.name.setText("" if worklist is None else worklist.source.name)
        self.name.setToolTip("" if worklist is None else str(worklist.source))
        self.what_for.setVisible(not some)
        self.summary.setText(self.cases.summary() if some else "")
        self.model.renew()
        for widget in (self.table, self.previous, self.next, self.unfinished, self.save):
            widget.setEnabled(some)
        running = self.background.is_running
        can = worklist is not None and worklist.can_analyse and "new" in self.cases.states
        self.analyse.setEnabled(can and not running)
        self.job.setText(self.background.words())
        self.job.setVisible(bool(self.job.text()))
        self._show_case()

    def _show_open(self, index: int | None) -> None:
        if index is not None:
            self.table.selectRow(index)
        self.model.renew()
        self._show_case()

    def _show_case(self) -> None:
        """Show what the reader says about the open case."""
        index = self.cases.index
        for widget in (self.reviewed, self.note):
            widget.setEnabled(index is not None)
        said = None if index is None else self.cases.cases[index].read()
        self.reviewed.setChecked(said is not None and said.reviewed)
        if not self.note.hasFocus() or said is None:
            self.note.setText("" if said is None else said.note)

    def _ask_folder(self) -> None:
        chosen = QFileDialog.getExistingDirectory(
            self.window(), "Open a folder of scans or results", str(self._start())
        )
        if chosen:
            self.open_source(Path(chosen))

    def _ask_table(self) -> None:
        chosen, _ = QFileDialog.getOpenFileName(
            self.window(), "Open a table of scans", str(self._start()), _TABLE
        )
        if chosen:
            self.open_source(Path(chosen))

    def _ask_where(self) -> None:
        answer = ask_where_to_save(self.window(), "Export the reviews", "reviews.csv", _TABLE)
        if answer is not None:
            path, replace = answer
            self.export(path, overwrite=replace)

    def _start(self) -> Path:
        return Path.home() if self.cases.worklist is None else self.cases.worklist.source.parent


def _button(text: str, tooltip: str, clicked: Callable[[], object]) -> QPushButton:
    button = QPushButton(text)
    button.setToolTip(tooltip)
    button.clicked.connect(lambda: clicked())
    return button


def _modalities() -> tuple[str, ...]:
    """Return what the model of the preferences reads."""
    from anofpdm.model.registry import read_entry, resolve

    entry = read_entry(resolve(run_preferences().bundle))
    return () if entry.metadata is None else entry.metadata.modalities
