"""`PreparePanel`: register, extract and correct the scans of one head, and check how they fit."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from qtpy.QtWidgets import (
    QCheckBox,
    QGroupBox,
    QHBoxLayout,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from napari_anofpdm.host.docked_panel import DockedPanel
from napari_anofpdm.host.theme import doubt_colour, is_dark
from napari_anofpdm.host.weak_listener import listen
from napari_anofpdm.layers.windows import is_scan
from napari_anofpdm.panels.prepare.alignment_box import AlignmentBox
from napari_anofpdm.panels.prepare.scan_list import ScanList
from napari_anofpdm.preparation.records import preparation_of
from napari_anofpdm.widgets.boxes.layer_box import LayerBox
from napari_anofpdm.widgets.busy_bar import BusyBar
from napari_anofpdm.widgets.field import Field, wrapped_label
from napari_anofpdm.widgets.upright_scroll import UprightScroll

if TYPE_CHECKING:
    import napari.viewer

    from anofpdm.preprocessing.chain import ChainSettings
    from napari_anofpdm.preparation.preparer import Outcome, Preparer, PreparerState, Stage

_NO_SCAN = "Open the scans of one head to begin."


class PreparePanel(DockedPanel):
    """The panel that makes raw scans ready for a run.

    Parameters
    ----------
    viewer : napari.viewer.Viewer
    preparer : Preparer
        Does the work; it outlives the panel.
    """

    def __init__(self, viewer: napari.viewer.Viewer, preparer: Preparer) -> None:
        super().__init__()
        self._viewer, self._preparer = viewer, preparer
        self._make_controls()
        self._lay_out()
        self._connect()
        self._on_theme()
        self.refresh_layers()
        self._on_state(preparer.state)
        if preparer.state != "idle":
            self._on_stage(preparer.stage)

    def _make_controls(self) -> None:
        self.scans = ScanList()
        self.onto_box = LayerBox("Choose a scan")
        self.onto = Field(
            "First scan",
            self.onto_box,
            "Keeps its voxels; the others are registered onto it, and its brain is extracted.",
        )
        self.register = _tick(
            "Register the others onto the first",
            "Move the other scans rigidly onto the first, by mutual information, and resample\n"
            "them. Scans that already lie on its voxels are left as they are. Needs SimpleITK.",
        )
        self.extract = _tick(
            "Extract the brain",
            "Find the brain of the first scan with deepbet (published for T1 of healthy adults),\n"
            "as a labels layer that you can correct with the brush. Clear it for scans without a\n"
            "skull.",
        )
        self.correct = _tick(
            "Correct the bias field (N4)",
            "Divide each scan by its slow shading. It changes the intensities that a model\n"
            "judges; use it only where a scan is visibly shaded. Needs SimpleITK.",
            ticked=False,
        )
        self.prepare = QPushButton("Prepare")
        self.prepare.setToolTip("Do the ticked steps in the background; originals are kept.")
        self.cancel = QPushButton("Cancel")
        self.cancel.setToolTip("Stop; no layer is added.")
        self.bar = BusyBar()
        self.bar.setToolTip("Steps done, out of all steps of all scans.")
        self.words = wrapped_label()
        self.doubts = wrapped_label()
        self.outcome = wrapped_label()
        self.alignment = AlignmentBox()

    def _lay_out(self) -> None:
        inside = QWidget()
        column = QVBoxLayout(inside)
        column.addWidget(_group("Scans of one head", self.scans, self.onto))
        column.addWidget(_group("Steps", self.register, self.extract, self.correct))
        buttons = QHBoxLayout()
        buttons.addWidget(self.prepare, 1)
        buttons.addWidget(self.cancel)
        column.addLayout(buttons)
        for widget in (self.bar, self.words, self.doubts, self.outcome, self.alignment):
            column.addWidget(widget)
        column.addStretch(1)
        outer = QVBoxLayout(self)
        outer.setContentsMargins(0, 0, 0, 0)
        outer.addWidget(UprightScroll(inside))

    def _connect(self) -> None:
        self.scans.changed.connect(self._on_scans)
        self.onto_box.chosen.connect(self.refresh)
        for box in (self.register, self.extract, self.correct):
            box.toggled.connect(self.refresh)
        self.prepare.clicked.connect(self.start)
        self.cancel.clicked.connect(self._preparer.cancel)
        events = self._viewer.layers.events
        listen(
            self,
            [
                *((e, self.refresh_layers) for e in (events.inserted, events.removed)),
                (events.renamed, self.refresh_layers),
                (self._preparer.state_changed, self._on_state),
                (self._preparer.stage_changed, self._on_stage),
                (self._preparer.ended, self._on_end),
                (self._viewer.events.theme, self._on_theme),
            ],
        )

    def settings(self) -> ChainSettings:
        """Return the steps that are ticked."""
        from anofpdm.preprocessing.chain import ChainSettings

        return ChainSettings(
            skull="deepbet" if self.extract.isChecked() else "keep",
            register="auto" if self.register.isChecked() else "off",
            bias_field="n4" if self.correct.isChecked() else "keep",
        )

    def start(self) -> None:
        """Prepare the ticked scans."""
        from anofpdm.common.errors import AnofpdmError

        if self._why_not() or self._preparer.state != "idle":
            return
        first = self.onto_box.layer
        assert first is not None
        others = [layer for layer in self.scans.ticked if layer != first]
        self._say((), ())
        try:
            self._preparer.start([first, *others], self.settings())
        except AnofpdmError as error:
            self._say((), (str(error),))

    def refresh_layers(self, _: Any = None) -> None:
        """List the scans that are in the viewer now."""
        scans = [layer for layer in self._viewer.layers if is_scan(layer)]
        self.scans.offer([layer for layer in scans if not preparation_of([layer])])
        self.alignment.offer(scans)

    def refresh(self, _: Any = None) -> None:
        """Enable the button where there is something to do, and say why where there is not."""
        why_not = self._why_not()
        self.prepare.setEnabled(not why_not and self._preparer.state == "idle")
        if self._preparer.state == "idle":
            self.words.setText(why_not)
            self.words.setVisible(bool(why_not))

    def _why_not(self) -> str:
        ticked = self.scans.ticked
        if not self.scans.count():
            return _NO_SCAN
        if not ticked:
            return "Tick the scans of one head."
        if not (self.extract.isChecked() or self.correct.isChecked()):
            if not self.register.isChecked():
                return "Tick a step."
            if len(ticked) == 1:
                return "Tick two scans to register, or another step."
        return ""

    def _on_scans(self) -> None:
        ticked = self.scans.ticked
        self.onto_box.offer(ticked, 0 if ticked else None)
        self.refresh()

    def _on_state(self, state: PreparerState) -> None:
        self.cancel.setVisible(state != "idle")
        self.cancel.setEnabled(state == "running")
        self.bar.setVisible(state != "idle")
        if state == "cancelling":
            self.bar.setRange(0, 0)
            self.words.setText("Stopping…")
        self.refresh()

    def _on_stage(self, stage: Stage) -> None:
        if self._preparer.state == "running":
            # A range of 0 to 0 makes the bar a busy indicator.
            self.bar.setRange(0, stage.total if stage.done else 0)
            self.bar.setValue(stage.done)
            self.words.setText(f"{stage.text}…")
            self.words.show()

    def _on_end(self, outcome: Outcome) -> None:
        self._say(outcome.notes, outcome.warnings)
        if outcome.made is not None and outcome.made.registered:
            self.alignment.choose(outcome.made.fixed, outcome.made.registered[-1])

    def _say(self, notes: tuple[str, ...], warnings: tuple[str, ...]) -> None:
        for label, texts in ((self.doubts, warnings), (self.outcome, notes)):
            label.setText("\n".join(texts))
            label.setVisible(bool(texts))

    def _on_theme(self, _: Any = None) -> None:
        dark = is_dark(self._viewer.theme)
        for field in (self.onto, self.alignment.first, self.alignment.second):
            field.set_dark(dark)
        self.doubts.setStyleSheet(f"color: {doubt_colour(dark)};")


def _tick(text: str, tooltip: str, *, ticked: bool = True) -> QCheckBox:
    box = QCheckBox(text)
    box.setChecked(ticked)
    box.setToolTip(tooltip)
    return box


def _group(title: str, *widgets: QWidget) -> QGroupBox:
    group = QGroupBox(title)
    column = QVBoxLayout(group)
    for widget in widgets:
        column.addWidget(widget)
    return group
