"""`PathField`: a text field for a path, with a button that opens a dialog."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QFileDialog, QHBoxLayout, QLineEdit, QPushButton, QWidget

from anofpdm.common.user_path import user_path

PathKind = Literal["folder", "file", "either", "new file"]


class PathField(QWidget):
    """A path that the user types or chooses in a dialog.

    Parameters
    ----------
    kind : {"folder", "file", "either", "new file"}
        What the dialog asks for. "either" has a button for each; a "new file" may exist.
    tooltip : str
    pattern : str
        File filter in the format of Qt's dialogs.
    optional : str
        Placeholder of the empty field.

    Attributes
    ----------
    changed : Signal()
        The text has changed.
    chosen : Signal()
        A path was chosen in the dialog.
    """

    changed = Signal()
    chosen = Signal()

    def __init__(
        self, kind: PathKind, tooltip: str, pattern: str = "All files (*)", optional: str = ""
    ) -> None:
        super().__init__()
        self._pattern, self._may_be_new = pattern, kind == "new file"
        self.line = QLineEdit()
        self.line.setPlaceholderText(optional)
        self.line.setToolTip(tooltip)
        self.line.textChanged.connect(lambda: self.changed.emit())
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.addWidget(self.line, 1)
        choices = {"Folder…": self._ask_folder, "File…": self._ask_file}
        if kind != "either":
            choices = {"…": choices["Folder…" if kind == "folder" else "File…"]}
        for text, ask in choices.items():
            button = QPushButton(text)
            button.setToolTip("Choose the path in a dialog.")
            button.clicked.connect(ask)
            row.addWidget(button)

    @property
    def text(self) -> str:
        """The text of the field, without surrounding spaces."""
        return str(self.line.text()).strip()

    @property
    def path(self) -> Path | None:
        """The absolute path; None if the field is empty."""
        return user_path(self.text).absolute() if self.text else None

    def _ask_folder(self) -> None:
        chosen = QFileDialog.getExistingDirectory(self, "Choose a folder", self._start())
        self._take(chosen)

    def _ask_file(self) -> None:
        if self._may_be_new:
            # An existing file is added to, not replaced, so there is nothing to confirm.
            option = QFileDialog.Option.DontConfirmOverwrite
            chosen, _ = QFileDialog.getSaveFileName(
                self, "Choose a file", self._start(), self._pattern, options=option
            )
        else:
            chosen, _ = QFileDialog.getOpenFileName(
                self, "Choose a file", self._start(), self._pattern
            )
        self._take(chosen)

    def _take(self, chosen: str) -> None:
        if chosen:
            self.line.setText(chosen)
            self.chosen.emit()

    def _start(self) -> str:
        path = self.path or Path.home()
        return str(next((p for p in (path, *path.parents) if p.is_dir()), Path.home()))
