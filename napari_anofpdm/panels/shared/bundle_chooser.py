"""`BundleChooser`: choose the model to run, and show its key facts."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from qtpy.QtCore import QSignalBlocker, Qt, Signal
from qtpy.QtWidgets import QFileDialog, QHBoxLayout, QMenu, QPushButton, QVBoxLayout, QWidget

from napari_anofpdm.host.notify import show_error
from napari_anofpdm.host.preferences import folder, remember_bundle, run_preferences
from napari_anofpdm.widgets.boxes.choice_box import ChoiceBox
from napari_anofpdm.widgets.field import Field, wrapped_label

if TYPE_CHECKING:
    from anofpdm.model.bundle_metadata import BundleMetadata
    from anofpdm.model.registry import BundleEntry

_NOTICE = "Research use only"
_LONGEST = 240
_HASH_DIGITS = 12


class BundleChooser(QWidget):
    """A list of the bundled, registered and browsed models, with facts about the chosen one.

    Parameters
    ----------
    brief : bool
        Show the list alone.

    Attributes
    ----------
    changed : Signal()
        Another model is chosen, by the user or by `choose`.
    """

    changed = Signal()

    def __init__(self, *, brief: bool = False) -> None:
        super().__init__()
        self._brief = brief
        self._entries: dict[str, BundleEntry] = {}
        self._no_model = "No model is available."
        self.box = ChoiceBox({})
        self.browse = QPushButton("Browse")
        self.browse.setToolTip("Choose a model bundle that is not in the list.")
        menu = QMenu(self.browse)
        for text, choose in (("Folder…", self._ask_folder), ("Zip file…", self._ask_zip)):
            action = menu.addAction(text)
            assert action is not None
            action.triggered.connect(choose)
        self.browse.setMenu(menu)
        self.field = Field("Model", self.box, "The trained model to run.")
        self.field.name.hide()  # the group's title already names it
        self.warning = wrapped_label(_NOTICE)
        self.warning.setStyleSheet("font-weight: bold;")
        self.facts = wrapped_label()
        self.remember = QPushButton("Make default")
        self.remember.setToolTip(
            "Choose this model whenever the panel opens. This sets the model bundle in "
            "Preferences > AnoFPDM."
        )
        buttons = QHBoxLayout()
        buttons.addWidget(self.browse, 1)
        buttons.addWidget(self.remember, 1)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.addWidget(self.field)
        column.addLayout(buttons)
        column.addWidget(self.warning)
        column.addWidget(self.facts)
        for detail in (self.browse, self.remember, self.warning, self.facts):
            detail.setVisible(not brief)
        self.box.chosen.connect(lambda _: self._renew())
        self.remember.clicked.connect(self._remember)
        self.reload(run_preferences().bundle)

    @property
    def bundle(self) -> str:
        """Name or path for `anofpdm.load_bundle`; "" if there is none."""
        return self.box.key if self.box.count() else ""

    @property
    def metadata(self) -> BundleMetadata | None:
        """Metadata of the chosen bundle, or None if it is unusable."""
        entry = self._entries.get(self.bundle)
        return None if entry is None or entry.fault else entry.metadata

    def choose(self, bundle: str) -> None:
        """Choose a model by name or path; add it to the list, or read it again if it is listed."""
        from anofpdm.model.registry import read_entry

        if bundle in self._entries:
            self._entries[bundle] = read_entry(self._entries[bundle].path)
        else:
            self._add(bundle, read_entry(Path(bundle)), str(Path(bundle).parent))
        self.box.set_key(bundle)
        self._renew()

    def reload(self, chosen: str) -> None:
        """List the bundles that exist now, and choose one."""
        from anofpdm.common.errors import SettingsError
        from anofpdm.model.registry import PACKAGED, list_bundles

        with QSignalBlocker(self.box):
            self.box.clear()
        self._entries.clear()
        try:
            found = list_bundles()
        except SettingsError as error:
            self._no_model = str(error)
            self._renew()
            return
        for entry in found:
            clash = entry.fault is not None and entry.metadata is not None
            key = str(entry.path) if clash else entry.name
            self._add(key, entry, "bundled" if entry.path.parent == PACKAGED else "registered")
        self.choose(chosen)

    def check(self) -> None:
        """Check again whether the chosen bundle exists."""
        if self.bundle:
            from anofpdm.model.registry import read_entry

            self._entries[self.bundle] = read_entry(self._entries[self.bundle].path)
            self._renew()

    def _add(self, key: str, entry: BundleEntry, origin: str) -> None:
        from anofpdm.model.registry import read_entry

        if entry.fault is not None and entry.metadata is not None:
            entry = read_entry(entry.path)
        self._entries[key] = entry
        with QSignalBlocker(self.box):
            self.box.addItem(f"{entry.name} ({origin})", key)
            self.box.setItemData(self.box.count() - 1, str(entry.path), Qt.ItemDataRole.ToolTipRole)

    def _renew(self) -> None:
        entry = self._entries.get(self.bundle)
        fault = self._no_model if entry is None else entry.fault
        self.field.set_note(fault or "", wrong=bool(fault))
        metadata = self.metadata
        self.facts.setVisible(metadata is not None and not self._brief)
        if metadata is not None:
            self.facts.setText(facts_of(metadata))
            self.facts.setToolTip(more_on(metadata))
        usual = run_preferences().bundle
        self.remember.setEnabled(metadata is not None and self.bundle != usual)
        self.changed.emit()

    def _remember(self) -> None:
        from anofpdm.common.errors import SettingsError

        try:
            remember_bundle(self.bundle)
        except SettingsError as error:
            show_error(str(error))
        self._renew()

    def _ask_folder(self) -> None:
        start = str(folder("bundles") or "")
        path = QFileDialog.getExistingDirectory(self, "Choose the folder of a model bundle", start)
        if path:
            self.choose(path)

    def _ask_zip(self) -> None:
        start = str(folder("bundles") or "")
        path, _ = QFileDialog.getOpenFileName(self, "Choose a model bundle", start, "Zip (*.zip)")
        if path:
            self.choose(path)


def facts_of(metadata: BundleMetadata) -> str:
    """Return intended use, modalities, calibration, licence and hash of a model, as lines."""
    from anofpdm.method.settings_words import rates_words

    reads = ", ".join(metadata.modalities)
    if metadata.scored != metadata.modalities:
        reads += f" (maps from {', '.join(metadata.scored)})"
    lines = [
        _short(_beyond_notice(metadata.intended_use) or metadata.description),
        f"Reads: {reads}",
        f"Licence: {metadata.licence or 'not stated'}",
        f"Version: {metadata.version}",
        f"Hash: {metadata.fingerprint[:_HASH_DIGITS]}",
    ]
    if metadata.calibration is None:
        lines.insert(2, "Not calibrated: choose the threshold yourself; slices are not classified.")
    elif metadata.calibration.told_apart is False:
        lines.insert(
            2,
            "Do not trust the mask: no guidance classified the calibration slices better than one "
            "class for all.",
        )
    elif (rates := rates_words(metadata.calibration)) is not None:
        lines.insert(2, rates)
    return "\n".join(lines)


def more_on(metadata: BundleMetadata) -> str:
    """Return all texts of a model's metadata, for a tooltip."""
    parts = {
        "": metadata.description,
        "Intended use": metadata.intended_use,
        "Data": metadata.data_source,
        "Authors": metadata.authors,
        "Copyright": metadata.copyright,
        "References": "; ".join(metadata.references),
        "sha256": metadata.fingerprint,
    }
    return "\n\n".join(f"{name}: {text}" if name else text for name, text in parts.items() if text)


def _beyond_notice(text: str) -> str:
    """Remove the notice that is shown above in bold."""
    if not text.startswith(_NOTICE):
        return text
    rest = text.removeprefix(_NOTICE).lstrip(" ,;:.")
    return rest[:1].upper() + rest[1:]


def _short(text: str) -> str:
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1].rstrip()}…"
