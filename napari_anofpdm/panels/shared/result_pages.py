"""`ResultPages`: what a panel shows of the scan in view, named; or why there is nothing to show."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import Qt
from qtpy.QtWidgets import (
    QHBoxLayout,
    QLabel,
    QPushButton,
    QStackedWidget,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from napari_anofpdm.host.weak_listener import listen
from napari_anofpdm.widgets.fitting_label import FittingLabel

if TYPE_CHECKING:
    from napari_anofpdm.session.scan import Scan
    from napari_anofpdm.session.session import Session

_HOW = (
    "Open a scan and press <i>Run volume</i> in the <i>Analyse</i> panel, or open a stored "
    "analysis (*.anofpdm.zarr)."
)
_SKULL = (
    "The skull is in view, and the model knows extracted brains only: do not trust verdicts or "
    "masks. Extract the brain, or add a brain mask, and run again."
)
_CHANGED = "The scan has changed since it was analysed; run it again."


class ResultPages(QWidget):
    """A panel's content under the names of scan and model, while the scan in view has an analysis.

    Otherwise a page says what is missing, and offers to bring each analysed scan back into view.

    Parameters
    ----------
    session : Session
    content : QWidget
        What the panel shows of an analysis.
    what_for : str
        One sentence on what an analysis gives here.
    """

    def __init__(self, session: Session, content: QWidget, what_for: str) -> None:
        super().__init__()
        self._session, self._what_for = session, what_for
        self.source = FittingLabel()
        self.close_button = QToolButton()
        self.close_button.setText("Close analysis")
        self.close_button.setToolTip("Close this analysis. Masks that you kept stay.")
        self.changed = QLabel(_CHANGED)
        self.changed.setWordWrap(True)
        self.skull = QLabel(_SKULL)
        self.skull.setWordWrap(True)
        self.words = QLabel()
        self.words.setWordWrap(True)
        self.words.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self.offers = QVBoxLayout()
        self._pages = QStackedWidget()
        self._pages.addWidget(self._empty_page())
        self._pages.addWidget(self._result_page(content))
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self._pages)
        self.close_button.clicked.connect(lambda: session.close_analysis())
        listen(
            self,
            [(session.analysis_changed, self.refresh), (session.scan_changed, self.refresh)],
        )
        self.refresh()

    @property
    def is_empty(self) -> bool:
        """Whether there is no analysis to show."""
        return self._pages.currentIndex() == 0

    def refresh(self, _: object = None) -> None:
        """Follow the session."""
        session = self._session
        self._pages.setCurrentIndex(int(session.analysis is not None))
        scan = session.scan
        if session.analysis is not None:
            from anofpdm.scans.skull import tells_of_skull

            model = session.analysis.metadata.bundle
            names = [f"{model.name} {model.version}"]
            if scan is not None:
                names = [f"{scan.name} · {names[0]}", *names]
            self.source.say(*names)
            self.skull.setVisible(tells_of_skull(session.analysis.metadata.warnings))
            self.changed.setVisible(scan is not None and scan.is_changed)
            return
        self.words.setText(self._why_empty(scan))
        while (item := self.offers.takeAt(0)) is not None:
            button = item.widget()
            if button is not None:
                button.hide()
                button.deleteLater()
        for kept in session.kept_scans:
            self._offer(kept)

    def _why_empty(self, scan: Scan | None) -> str:
        if not self._session.kept_scans:
            return f"<b>No analysis yet</b><br><br>{_HOW}<br><br>{self._what_for}"
        if scan is None:
            return "<b>No scan in view</b><br><br>These scans have been analysed:"
        return (
            f"<b>{scan.name} has not been analysed</b><br><br>Run it in the <i>Analyse</i> panel, "
            "or go back to an analysed scan:"
        )

    def _offer(self, kept: Scan) -> None:
        back = QPushButton(f"Show {kept.name}")
        back.setToolTip("Bring this scan back into view, with its analysis.")
        back.clicked.connect(lambda: self._session.scan_wanted.emit(kept))
        self.offers.addWidget(back)
        if self._session.scan is not None:
            join = QPushButton(f"Same head as {kept.name}")
            join.setToolTip("Show that analysis on the scan in view: both show one patient.")
            join.clicked.connect(lambda: self._session.scan_joined.emit(kept))
            self.offers.addWidget(join)

    def _empty_page(self) -> QWidget:
        page = QWidget()
        column = QVBoxLayout(page)
        column.setContentsMargins(12, 12, 12, 12)
        column.addStretch(1)
        column.addWidget(self.words)
        column.addLayout(self.offers)
        column.addStretch(1)
        return page

    def _result_page(self, content: QWidget) -> QWidget:
        page = QWidget()
        row = QHBoxLayout()
        row.setContentsMargins(4, 2, 4, 0)
        row.addWidget(self.source, 1)
        row.addWidget(self.close_button)
        column = QVBoxLayout(page)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(2)
        column.addLayout(row)
        column.addWidget(self.changed)
        column.addWidget(self.skull)
        column.addWidget(content, 1)
        return page
