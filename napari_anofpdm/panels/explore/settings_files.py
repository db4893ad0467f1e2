"""Save and load buttons: the settings of a session in a file."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from qtpy.QtWidgets import QFileDialog, QHBoxLayout, QPushButton, QWidget

from napari_anofpdm.host.notify import show_failure, show_info, show_warning
from napari_anofpdm.widgets.save_dialog import ask_where_to_save

if TYPE_CHECKING:
    from napari_anofpdm.session.session import Session

_FILTER = "AnoFPDM settings (*.json)"


class SettingsFileButtons(QWidget):
    """Two buttons, Save and Load.

    Parameters
    ----------
    session : Session
    """

    def __init__(self, session: Session) -> None:
        super().__init__()
        self._session = session
        self.save_button = QPushButton("Save settings…")
        self.save_button.setToolTip(
            "Save the settings in a JSON file, with the name and hash of the model. "
            "`anofpdm interpret --settings` also reads this file."
        )
        self.load_button = QPushButton("Load settings…")
        self.load_button.setToolTip("Load all settings from a saved file.")
        self.save_button.clicked.connect(self._ask_where)
        self.load_button.clicked.connect(self._ask_which)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.save_button)
        layout.addWidget(self.load_button)

    def save(self, path: Path, *, overwrite: bool) -> None:
        """Save to a file; show a failure in one sentence."""
        from anofpdm.results.settings_files import ModelIdentity, SettingsFile

        analysis, settings = self._session.analysis, self._session.settings
        if analysis is None or settings is None:
            show_warning("There are no settings to save yet; run an analysis or open one.")
            return
        file = SettingsFile(model=ModelIdentity.of(analysis.metadata), settings=settings)
        try:
            file.write(path, overwrite=overwrite)
        except Exception as error:
            show_failure(error, "saving the settings")
        else:
            show_info(f"Saved {path}.")

    def load(self, path: Path) -> None:
        """Load from a file; show a failure, or another model's settings, in one sentence."""
        from anofpdm.results.settings_files import SettingsFile

        analysis = self._session.analysis
        if analysis is None:
            show_warning("Settings require an analysis; run one or open one first.")
            return
        try:
            file = SettingsFile.read(path)
            self._session.set_settings(file.settings)
        except Exception as error:
            show_failure(error, "loading the settings")
            return
        doubt = file.doubt(analysis.metadata)
        if doubt is not None:
            show_warning(doubt)

    def _ask_where(self) -> None:
        answer = ask_where_to_save(self.window(), "Save settings", "settings.json", _FILTER)
        if answer is not None:
            path, replace = answer
            self.save(path, overwrite=replace)

    def _ask_which(self) -> None:
        chosen, _ = QFileDialog.getOpenFileName(self.window(), "Load settings", "", _FILTER)
        if chosen:
            self.load(Path(chosen))
