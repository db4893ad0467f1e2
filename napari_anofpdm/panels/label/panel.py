"""`LabelPanel`: mark the slices of a scan that show disease; saved as a CSV file."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from qtpy.QtWidgets import (
    QHBoxLayout,
    QLineEdit,
    QListWidget,
    QMessageBox,
    QPushButton,
    QVBoxLayout,
)

from napari_anofpdm.host.docked_panel import DockedPanel
from napari_anofpdm.host.notify import show_failure
from napari_anofpdm.host.weak_listener import listen
from napari_anofpdm.layers.roles import ROLE
from napari_anofpdm.panels.label.label_subject import (
    SUPERIOR,
    fault_of_name,
    proposed_name,
    slice_count,
)
from napari_anofpdm.plots.label_bar import LabelBar
from napari_anofpdm.plots.plot_theme import plot_theme
from napari_anofpdm.space.slice_in_view import slice_in_view
from napari_anofpdm.widgets.boxes.layer_box import LayerBox
from napari_anofpdm.widgets.field import Field, wrapped_label
from napari_anofpdm.widgets.path_field import PathField

if TYPE_CHECKING:
    import napari.viewer
    from napari.layers import Layer

    from anofpdm.datasets.case import Annotation, Verdict
    from napari_anofpdm.session.labelling import Labelling

_CSV = "Tables (*.csv)"
_VERDICTS: dict[Verdict | None, tuple[str, str]] = {
    "healthy": ("All healthy", "No slice of this scan shows disease."),
    "unhealthy": ("Unhealthy somewhere", "The scan shows disease, but the slices are unknown."),
    None: ("Clear", "Remove all labels of this scan."),
}


class LabelPanel(DockedPanel):
    """Marks ranges of unhealthy slices; each mark is saved immediately.

    Parameters
    ----------
    viewer : napari.viewer.Viewer
        The viewer whose scans are labelled.
    labelling : Labelling
        Holds the marks and receives the keys; it outlives the panel.
    keys : mapping of str to str
        The key of each action, for the tooltips.
    """

    def __init__(
        self, viewer: napari.viewer.Viewer, labelling: Labelling, keys: Mapping[str, str]
    ) -> None:
        super().__init__()
        self._viewer, self._marks, self._keys = viewer, labelling, keys
        self._scans: list[Layer] = []
        self._loaded_subject: str | None = None
        self._base: Annotation | None = None
        self._blocked = ""
        self._make_controls()
        self._lay_out()
        self._connect()
        self._on_theme()
        self._list_scans()
        self.refresh()

    def _make_controls(self) -> None:
        self.scan = LayerBox("Choose the scan")
        self.subject = QLineEdit()
        self.file = PathField("new file", "A CSV file; it is created if it does not exist.", _CSV)
        self.file.line.setText(self._marks.file)
        self.state = wrapped_label()
        self.bar = LabelBar()
        self.first = QPushButton("First unhealthy")
        self.first.setToolTip(f"Start an unhealthy range here. Key {self._keys['mark_first']}.")
        self.last = QPushButton("Last unhealthy")
        self.last.setToolTip(f"End the range with this slice. Key {self._keys['mark_last']}.")
        self.ranges = QListWidget()
        self.ranges.setAccessibleName("Unhealthy ranges")
        self.ranges.setToolTip("The unhealthy ranges. Click a range to go to its first slice.")
        self.remove = QPushButton("Remove range")
        self.remove.setToolTip("Remove the selected range.")
        self.verdicts: dict[Verdict | None, QPushButton] = {}
        for verdict, (text, tooltip) in _VERDICTS.items():
            button = self.verdicts[verdict] = QPushButton(text)
            button.setToolTip(tooltip)
        self.saved = wrapped_label()

    def _lay_out(self) -> None:
        column = QVBoxLayout(self)
        column.addWidget(Field("Scan", self.scan, "The scan to label."))
        column.addWidget(
            Field("Subject", self.subject, "Subject name in the dataset, guessed from the file.")
        )
        column.addWidget(Field("Save in", self.file, "The table for `anofpdm prepare --labels`."))
        column.addWidget(self.state)
        column.addWidget(self.bar)
        for buttons in ([self.first, self.last], [*self.verdicts.values()]):
            row = QHBoxLayout()
            for button in buttons:
                row.addWidget(button, 1)
            column.addLayout(row)
        column.addWidget(self.ranges, 1)
        column.addWidget(self.remove)
        column.addWidget(self.saved)

    def _connect(self) -> None:
        self.scan.chosen.connect(self._on_scan)
        self.subject.editingFinished.connect(self._on_subject)
        self.file.line.editingFinished.connect(self._on_file)
        self.file.chosen.connect(self._on_file)
        self.bar.clicked.connect(self._go_to)
        self.first.clicked.connect(lambda: self._mark_first())
        self.last.clicked.connect(lambda: self._mark_last())
        self.remove.clicked.connect(self._remove)
        self.ranges.currentRowChanged.connect(self._show_range)
        for verdict, button in self.verdicts.items():
            button.clicked.connect(lambda _=False, verdict=verdict: self._judge(verdict))
        layers, marks = self._viewer.layers.events, self._marks
        listen(
            self,
            [
                (layers.inserted, self._list_scans),
                (layers.removed, self._list_scans),
                (self._viewer.dims.events.point, self.refresh),
                (self._viewer.events.theme, self._on_theme),
                (marks.first_asked, self._mark_first),
                (marks.last_asked, self._mark_last),
                (marks.changed, self._save),
            ],
        )

    def refresh(self, _: object = None) -> None:
        """Show the marks and the slice in view."""
        layer, marks = self.scan.layer, self._marks
        ready = layer is not None and not self._blocked
        for button in (self.first, self.last, *self.verdicts.values()):
            button.setEnabled(ready)
        self.remove.setEnabled(ready and bool(marks.ranges))
        if layer is None:
            self.state.setText("Open a scan to label its slices.")
            self.bar.show_slices(0, 0, ())
            return
        index, count = slice_in_view(self._viewer, layer), slice_count(layer)
        self.state.setText(f"Slice {index} (0 to {count - 1}, from the feet up): {self._of(index)}")
        self.bar.show_slices(count, index, marks.ranges)

    def _of(self, index: int) -> str:
        marks = self._marks
        if marks.open_end is not None:
            return f"unhealthy from {marks.open_end}; mark the last slice"
        if marks.ranges:
            return "unhealthy" if marks.is_unhealthy(index) else "healthy"
        whole = {"healthy": "healthy, like all", "unhealthy": "unknown, scan unhealthy"}
        return whole.get(marks.verdict or "", "not labelled")

    def _list_scans(self, _: object = None) -> None:
        """List the scans; select a new one, unless the user chose one or a range is open."""
        from napari.layers import Image

        images = [
            layer
            for layer in self._viewer.layers
            if isinstance(layer, Image) and ROLE not in layer.metadata and layer.ndim == 3
        ]
        former = self.scan.layer
        fresh = [i for i, layer in enumerate(images) if layer not in self._scans]
        kept = [i for i, layer in enumerate(images) if layer == former]
        self._scans = images
        if kept and (not fresh or self._marks.open_end is not None):
            guess: int | None = kept[0]
        else:
            guess = fresh[-1] if fresh else len(images) - 1 if images else None
        self.scan.offer(images, guess)
        if self.scan.layer != former:
            self._on_scan()
        elif self._blocked:
            self._load()  # the conflicting scan may have been closed

    def _on_scan(self, _: object = None) -> None:
        layer = self.scan.layer
        self.subject.setText("" if layer is None else proposed_name(layer))
        self._load()

    def _on_subject(self) -> None:
        if self._name() != self._loaded_subject:
            self._load()

    def _on_file(self) -> None:
        if self.file.text != self._marks.file:
            self._marks.file = self.file.text
            self._save_others()
            self._load()

    def _load(self) -> None:
        """Show the labels of the subject: unsaved marks, or the labels in the file."""
        marks, name = self._marks, self._name()
        same = name == self._loaded_subject
        open_end = marks.open_end if same else None
        self._loaded_subject, self._base = name, None
        self.saved.setText("")
        marks.load((), None)
        try:
            self._base = self._in_file(name)
        except Exception as error:
            show_failure(error, "reading the labels")
        waiting = marks.unsaved.get(name)
        known = waiting or self._base
        if known is not None:
            marks.load(known.ranges, known.verdict)
        marks.open_end = open_end
        self._blocked = self._why_not()
        self._list_ranges()
        if self._blocked:
            self.saved.setText(self._blocked)
        elif waiting is not None:
            self._base = None  # they were marked before the file was read
            self._save()

    def _save(self) -> None:
        from anofpdm.datasets.case import Annotation
        from anofpdm.datasets.labels.label_file import save_label

        self._list_ranges()
        marks, name, path = self._marks, self._name(), self.file.path
        annotation = Annotation(marks.verdict, marks.ranges)
        if annotation == (self._base or Annotation()) and name not in marks.unsaved:
            return
        marks.unsaved[name] = annotation
        if path is None:
            self.saved.setText("Not saved yet: choose a file to save in.")
            return
        try:
            known = self._in_file(name)
            if known not in (self._base, annotation) and not self._may_replace(known):
                del marks.unsaved[name]
                self._load()
                return
            save_label(path, name, annotation)
        except Exception as error:
            self.saved.setText("Not saved.")
            show_failure(error, "saving the labels")
            return
        del marks.unsaved[name]
        self._base = annotation
        self.saved.setText(f"Saved in {path}")

    def _save_others(self) -> None:
        """Save unsaved marks of other subjects, unless the file has different labels for them."""
        from anofpdm.datasets.labels.label_file import save_label

        path, waiting = self.file.path, self._marks.unsaved
        try:
            for name in [name for name in waiting if name != self._name()]:
                if path is not None and self._in_file(name) in (None, waiting[name]):
                    save_label(path, name, waiting[name])
                    del waiting[name]
        except Exception as error:
            show_failure(error, "saving the labels")

    def _in_file(self, name: str) -> Annotation | None:
        """Return the labels of a subject in the file, or None."""
        from anofpdm.datasets.case import Annotation
        from anofpdm.datasets.labels.label_file import labels_in

        path = self.file.path
        known = None if path is None else labels_in(path).get(name)
        return None if known == Annotation() else known

    def _may_replace(self, known: Annotation | None) -> bool:
        """Ask before replacing labels that have changed in the file since they were read."""
        from anofpdm.datasets.labels.annotations import written_ranges

        now: str = "none" if known is None else known.verdict or "unhealthy"
        if known is not None and known.ranges:
            now += f" in slices {written_ranges(known.ranges)}"
        answer = QMessageBox.question(
            self,
            "Replace labels?",
            f"The labels of {self._name()} in {self.file.text} have changed: {now}. Replace them "
            "with your marks? If not, your marks are discarded.",
        )
        return bool(answer == QMessageBox.StandardButton.Yes)

    def _why_not(self) -> str:
        """Return why labels under this name would be wrong, or ""."""
        scan = self.scan.layer
        if scan is None:
            return ""
        last = max((last for _, last in self._marks.ranges), default=0)
        return fault_of_name(self._name(), scan, self._scans, last)

    def _name(self) -> str:
        return str(self.subject.text()).strip()

    def _list_ranges(self) -> None:
        self.ranges.blockSignals(True)
        self.ranges.clear()
        self.ranges.addItems([f"{first} to {last}" for first, last in self._marks.ranges])
        self.ranges.blockSignals(False)
        self.refresh()

    def _mark_first(self) -> None:
        layer = self.scan.layer
        if layer is not None and not self._blocked:
            self._marks.mark_first(slice_in_view(self._viewer, layer))

    def _mark_last(self) -> None:
        layer = self.scan.layer
        if layer is not None and not self._blocked:
            self._marks.mark_last(slice_in_view(self._viewer, layer))

    def _judge(self, verdict: Verdict | None) -> None:
        """Set a verdict on the whole scan; ask before it erases ranges."""
        count = len(self._marks.ranges)
        if count:
            answer = QMessageBox.question(
                self,
                "Erase the ranges?",
                f"{self._name()} has {count} unhealthy range{'' if count == 1 else 's'}. "
                f'"{_VERDICTS[verdict][0]}" erases {"it" if count == 1 else "them"}. Continue?',
            )
            if answer != QMessageBox.StandardButton.Yes:
                return
        self._marks.judge(verdict)

    def _remove(self) -> None:
        row = self.ranges.currentRow()
        self._marks.remove(row if row >= 0 else len(self._marks.ranges) - 1)

    def _show_range(self, row: int) -> None:
        if 0 <= row < len(self._marks.ranges):
            self._go_to(self._marks.ranges[row][0])

    def _go_to(self, index: int) -> None:
        layer: Layer | None = self.scan.layer
        if layer is not None:
            world = layer.translate[SUPERIOR] + index * layer.scale[SUPERIOR]
            self._viewer.dims.set_point(self._viewer.dims.ndim + SUPERIOR, float(world))

    def _on_theme(self, _: object = None) -> None:
        self.bar.set_theme(plot_theme(self._viewer.theme))
