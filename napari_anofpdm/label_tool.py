"""`LabelPanel`: say which slices of a scan show disease, by two keys; saved as a CSV."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtWidgets import (
    QHBoxLayout,
    QLineEdit,
    QListWidget,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from napari_anofpdm.field import Field, wrapped_label
from napari_anofpdm.label_bar import LabelBar
from napari_anofpdm.labelling import Verdict, labelling_of
from napari_anofpdm.layer_box import LayerBox
from napari_anofpdm.layer_making import ROLE
from napari_anofpdm.notify import show_failure
from napari_anofpdm.path_field import PathField
from napari_anofpdm.plot_theme import plot_theme
from napari_anofpdm.shortcuts import key_of
from napari_anofpdm.slice_in_view import slice_in_view
from napari_anofpdm.viewer_setup import set_up_viewer
from napari_anofpdm.weak_listener import listen

if TYPE_CHECKING:
    import napari.viewer
    from napari.layers import Layer

_SUPERIOR = -3  # axis of the world, from the last
_CSV = "Tables (*.csv)"
_VERDICTS: dict[Verdict | None, tuple[str, str]] = {
    "healthy": ("All healthy", "No slice of this scan shows disease."),
    "unhealthy": ("Unhealthy somewhere", "There is disease; nobody says in which slices."),
    None: ("Clear", "Nothing is known of this scan."),
}


class LabelPanel(QWidget):
    """Marks ranges of unhealthy slices; every mark is saved at once.

    Parameters
    ----------
    viewer : napari.viewer.Viewer
        Its scans are labelled, its keys mark.
    """

    def __init__(self, viewer: napari.viewer.Viewer) -> None:
        super().__init__()
        self._viewer, self._marks = viewer, labelling_of(viewer)
        set_up_viewer(viewer)
        self._make_controls()
        self._lay_out()
        self._connect()
        self._on_theme()
        self._list_scans()
        self.refresh()

    def _make_controls(self) -> None:
        self.scan = LayerBox("choose the scan")
        self.subject = QLineEdit()
        self.file = PathField("new file", "CSV file; it is made when it is missing.", _CSV)
        self.state = wrapped_label()
        self.bar = LabelBar()
        self.first = QPushButton("First unhealthy")
        self.first.setToolTip(f"An unhealthy range begins here. Key {key_of('mark_first')}")
        self.last = QPushButton("Last unhealthy")
        self.last.setToolTip(f"It ends here, this slice included. Key {key_of('mark_last')}")
        self.ranges = QListWidget()
        self.ranges.setToolTip("The unhealthy ranges; click one to look at its first slice.")
        self.remove = QPushButton("Remove range")
        self.remove.setToolTip("Take the selected range away.")
        self.verdicts: dict[Verdict | None, QPushButton] = {}
        for verdict, (text, tooltip) in _VERDICTS.items():
            button = self.verdicts[verdict] = QPushButton(text)
            button.setToolTip(tooltip)
        self.saved = wrapped_label()

    def _lay_out(self) -> None:
        column = QVBoxLayout(self)
        column.addWidget(Field("Scan", self.scan, "The scan that is labelled."))
        column.addWidget(
            Field("Subject", self.subject, "Its name in the dataset; guessed from the file.")
        )
        column.addWidget(Field("Save in", self.file, "The table that prepare --labels reads."))
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
        self.subject.editingFinished.connect(self._load)
        self.file.line.editingFinished.connect(self._load)
        self.file.chosen.connect(self._load)
        self.bar.clicked.connect(self._go_to)
        self.first.clicked.connect(lambda: self._mark_first())
        self.last.clicked.connect(lambda: self._mark_last())
        self.remove.clicked.connect(self._remove)
        self.ranges.currentRowChanged.connect(self._show_range)
        for verdict, button in self.verdicts.items():
            button.clicked.connect(lambda _=False, verdict=verdict: self._marks.judge(verdict))
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
        """Show marks and slice in view."""
        layer, marks = self.scan.layer, self._marks
        ready = layer is not None
        for button in (self.first, self.last, *self.verdicts.values()):
            button.setEnabled(ready)
        self.remove.setEnabled(bool(marks.ranges))
        if layer is None:
            self.state.setText("Open a scan to label its slices.")
            self.bar.show_slices(0, 0, ())
            return
        index, count = slice_in_view(self._viewer, layer), layer.data.shape[_SUPERIOR]
        self.state.setText(f"Slice {index} (0 to {count - 1}, from the feet up): {self._of(index)}")
        self.bar.show_slices(count, index, marks.ranges)

    def _of(self, index: int) -> str:
        marks = self._marks
        if marks.open_end is not None:
            return f"unhealthy from {marks.open_end}; mark the last one"
        if marks.ranges:
            return "unhealthy" if marks.is_unhealthy(index) else "healthy"
        whole = {"healthy": "healthy, as all", "unhealthy": "unknown in an unhealthy scan"}
        return whole.get(marks.verdict or "", "not labelled")

    def _list_scans(self, _: object = None) -> None:
        from napari.layers import Image

        images = [
            layer
            for layer in self._viewer.layers
            if isinstance(layer, Image) and ROLE not in layer.metadata and layer.ndim == 3
        ]
        former = self.scan.layer
        self.scan.offer(images, 0 if images else None)
        if self.scan.layer != former:
            self._on_scan()

    def _on_scan(self, _: object = None) -> None:
        from anofpdm.datasets.label_file import proposed_subject

        layer = self.scan.layer
        path = None if layer is None else getattr(layer.metadata.get("volume"), "path", None)
        name = "" if layer is None else layer.name
        self.subject.setText(name if path is None else proposed_subject(path))
        self._load()

    def _load(self, _: object = None) -> None:
        """Begin with what the file says of the subject."""
        from anofpdm.datasets.label_file import labels_in

        self.saved.setText("")
        self._marks.load((), None)
        if self.file.path is not None:
            try:
                known = labels_in(self.file.path).get(self.subject.text().strip())
            except Exception as error:
                show_failure(error, "the reading of the labels")
            else:
                if known is not None:
                    self._marks.load(known.ranges, known.verdict)
        self._list_ranges()

    def _save(self) -> None:
        from anofpdm.datasets.case import Annotation
        from anofpdm.datasets.label_file import save_label

        self._list_ranges()
        if self.file.path is None:
            self.saved.setText("Not saved yet: choose a file to save in.")
            return
        annotation = Annotation(self._marks.verdict, self._marks.ranges)
        try:
            save_label(self.file.path, self.subject.text(), annotation)
        except Exception as error:
            self.saved.setText("Not saved.")
            show_failure(error, "the saving of the labels")
            return
        self.saved.setText(f"Saved in {self.file.path}")

    def _list_ranges(self) -> None:
        self.ranges.blockSignals(True)
        self.ranges.clear()
        self.ranges.addItems([f"{first} to {last}" for first, last in self._marks.ranges])
        self.ranges.blockSignals(False)
        self.refresh()

    def _mark_first(self) -> None:
        layer = self.scan.layer
        if layer is not None:
            self._marks.mark_first(slice_in_view(self._viewer, layer))

    def _mark_last(self) -> None:
        layer = self.scan.layer
        if layer is not None:
            self._marks.mark_last(slice_in_view(self._viewer, layer))

    def _remove(self) -> None:
        row = self.ranges.currentRow()
        self._marks.remove(row if row >= 0 else len(self._marks.ranges) - 1)

    def _show_range(self, row: int) -> None:
        if 0 <= row < len(self._marks.ranges):
            self._go_to(self._marks.ranges[row][0])

    def _go_to(self, index: int) -> None:
        layer: Layer | None = self.scan.layer
        if layer is not None:
            world = layer.translate[_SUPERIOR] + index * layer.scale[_SUPERIOR]
            self._viewer.dims.set_point(self._viewer.dims.ndim + _SUPERIOR, float(world))

    def _on_theme(self, _: object = None) -> None:
        self.bar.set_theme(plot_theme(self._viewer.theme))
