"""`PictureDialog`: a figure or a film of the result in view, with a preview."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from qtpy.compat import isalive
from qtpy.QtCore import QSize, Qt, QTimer
from qtpy.QtGui import QImage, QPixmap
from qtpy.QtWidgets import (
    QCheckBox,
    QComboBox,
    QDialog,
    QDoubleSpinBox,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QPushButton,
    QSpinBox,
    QVBoxLayout,
    QWidget,
)

from anofpdm.common.errors import AnofpdmError
from napari_anofpdm.host.notify import show_info
from napari_anofpdm.host.screen_room import resize_on_screen
from napari_anofpdm.panels.export.picture_job import PictureKind, Source, Wanted, content_for
from napari_anofpdm.session import engine_thread
from napari_anofpdm.widgets.boxes.choice_box import ChoiceBox
from napari_anofpdm.widgets.boxes.layer_box import LayerBox
from napari_anofpdm.widgets.field import Field, wrapped_label
from napari_anofpdm.widgets.save_dialog import ask_where_to_save
from napari_anofpdm.widgets.upright_scroll import UprightScroll

if TYPE_CHECKING:
    from napari.layers import Layer

    from anofpdm.results.pictures.content import Content
    from anofpdm.results.pictures.planes import Plane

_SETTLED_MS = 300
_KINDS: dict[PictureKind, tuple[str, str]] = {
    "figure": ("Figure", "Slices side by side, for a paper or a case conference."),
    "slices": ("Film of slices", "A film through the slices of the first plane."),
    "steps": ("Film of noise steps", "Scan, healthy prediction, step map and M_t, step by step."),
}
_FILTERS: dict[PictureKind, str] = {
    "figure": "PDF document (*.pdf);;SVG picture (*.svg);;PNG picture (*.png)",
    "slices": "GIF film (*.gif);;WebP film (*.webp);;APNG film (*.apng)",
    "steps": "GIF film (*.gif);;WebP film (*.webp);;APNG film (*.apng)",
}
_SLICES: dict[PictureKind, tuple[str, ...]] = {
    "figure": ("most:3", "even:4", "most:1", "even:6"),
    "slices": ("lesions", "even:20"),
    "steps": ("most:1",),
}
_PLANES: tuple[Plane, ...] = ("axial", "coronal", "sagittal")
_COLUMNS = {
    "scan": "Scan",
    "map": "Anomaly map",
    "mask": "Mask",
    "map+mask": "Map and mask",
    "healthy": "Healthy prediction",
    "mask+reference": "Mask and reference",
}
_TICKED = ("scan", "map", "mask")
_GROUNDS = {"white": ("White", "For paper."), "black": ("Black", "For slides.")}
_SLICES_TIP = (
    "most:N (the slices with the most lesion), even:N (equally spaced through the lesions),\n"
    "numbers (80,85) or ranges (80-100, 80-100:5), counted from 0 toward superior, anterior or\n"
    "right. For films of slices also lesions: all slices with a lesion."
)


class PictureDialog(QDialog):
    """A form beside a preview, which follows the form and the result in view.

    Parameters
    ----------
    source : callable
        Returns the result in view, with the layer given as the reference; None without a result.
    references : callable
        Returns the layers that may be the reference, and the index of the likely one, or None.
    name : callable
        Returns the name of the file to propose, without a suffix, in its folder.
    parent : QWidget, optional
    """

    def __init__(
        self,
        source: Callable[[Layer | None], Source | None],
        references: Callable[[], tuple[Sequence[Layer], int | None]],
        name: Callable[[], Path],
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setWindowTitle("Figure or film")
        self._source_with, self._references, self._name = source, references, name
        self._content: Content | None = None
        self._content_of: tuple[Source, bool] | None = None
        self._task: engine_thread.Task | None = None
        self._saving = self._outdated = False
        self._soon = QTimer(self)
        self._soon.setSingleShot(True)
        self._soon.setInterval(_SETTLED_MS)
        self._soon.timeout.connect(self._draw)
        self._make_form()
        self._lay_out()
        self._set_kind("figure")
        resize_on_screen(self, QSize(1080, 640))

    def _make_form(self) -> None:
        self.kind = ChoiceBox(_KINDS)
        self.planes = {plane: QCheckBox(plane.capitalize()) for plane in _PLANES}
        self.planes["axial"].setChecked(True)
        self.slices = QComboBox()
        self.slices.setEditable(True)
        self.columns = {column: QCheckBox(words) for column, words in _COLUMNS.items()}
        for column in _TICKED:
            self.columns[column].setChecked(True)
        self.reference = LayerBox("none")
        self.reference.setAccessibleName("Reference mask")
        self.width_cm = QDoubleSpinBox()
        self.width_cm.setRange(2.0, 100.0)
        self.width_cm.setValue(17.0)
        self.width_cm.setSuffix(" cm")
        self.dpi = QSpinBox()
        self.dpi.setRange(20, 1200)
        self.dpi.setValue(300)
        self.pixels = QSpinBox()
        self.pixels.setRange(200, 4000)
        self.pixels.setValue(800)
        self.pixels.setSuffix(" px")
        self.fps = QDoubleSpinBox()
        self.fps.setRange(0.2, 50.0)
        self.fps.setValue(8.0)
        self.font_size = QDoubleSpinBox()
        self.font_size.setRange(4.0, 30.0)
        self.font_size.setValue(7.0)
        self.font_size.setSuffix(" pt")
        self.ground = ChoiceBox(_GROUNDS)
        self.title = QLineEdit()
        self.title.setPlaceholderText("What was found")
        self.no_title = QCheckBox("No title")
        self.save = QPushButton("Save…")
        self.save.setToolTip("Save the figure (PDF, SVG, PNG) or the film (GIF, WebP, APNG).")
        self.save.clicked.connect(lambda: self._ask())
        self.state, self.outcome = wrapped_label(), wrapped_label()
        self.preview = QLabel()
        self.preview.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self.preview.setMinimumSize(320, 240)
        self.preview.setAccessibleName("Preview")
        self.kind.chosen.connect(self._set_kind)
        self.ground.chosen.connect(self.refresh)
        self.reference.chosen.connect(self.refresh)
        self.slices.currentTextChanged.connect(self.refresh)
        self.title.textChanged.connect(self.refresh)
        self.reference.setEnabled(False)
        self.columns["mask+reference"].toggled.connect(self.reference.setEnabled)
        for box in (*self.planes.values(), *self.columns.values(), self.no_title):
            box.toggled.connect(self.refresh)
        for number in (self.width_cm, self.dpi, self.pixels, self.fps, self.font_size):
            number.valueChanged.connect(self.refresh)

    def _lay_out(self) -> None:
        form = QWidget()
        column = QVBoxLayout(form)
        self._fields = {
            "kind": Field("Kind", self.kind, "What to draw."),
            "slices": Field("Slices", self.slices, _SLICES_TIP),
            "reference": Field(
                "Reference mask",
                self.reference,
                "A known lesion on the scan's own voxels: a labels layer, or an image of 0 and 1.\n"
                "Available while Mask and reference is ticked, which draws it.",
            ),
            "width": Field("Width", self.width_cm, "Width of the figure."),
            "dpi": Field("Dots per inch", self.dpi, "Of a PNG; 300 to 600 for print."),
            "pixels": Field("Width", self.pixels, "Width of the film."),
            "fps": Field("Frames a second", self.fps, "Speed of the film."),
            "ground": Field("Page", self.ground, "Colour of the page."),
            "font": Field("Text", self.font_size, "Size of the text."),
            "title": Field("Title", self.title, "Empty: name of the scan and what was found."),
        }
        column.addWidget(self._fields["kind"])
        self._plane_row = QWidget()
        planes = QHBoxLayout(self._plane_row)
        planes.setContentsMargins(0, 0, 0, 0)
        for plane in self.planes.values():
            planes.addWidget(plane)
        column.addWidget(self._plane_row)
        column.addWidget(self._fields["slices"])
        self._column_box = QWidget()
        listed = QVBoxLayout(self._column_box)
        listed.setContentsMargins(0, 0, 0, 0)
        listed.addWidget(QLabel("Side by side"))
        for box in self.columns.values():
            listed.addWidget(box)
        column.addWidget(self._column_box)
        for name in ("reference", "width", "dpi", "pixels", "fps", "ground", "font", "title"):
            column.addWidget(self._fields[name])
        column.addWidget(self.no_title)
        column.addWidget(self.save)
        column.addWidget(self.state)
        column.addWidget(self.outcome)
        column.addStretch(1)
        scroll = UprightScroll(form)
        scroll.setFixedWidth(300)
        row = QHBoxLayout(self)
        row.addWidget(scroll)
        row.addWidget(self.preview, 1)

    @property
    def wanted(self) -> Wanted:
        """What the form asks for."""
        kind: PictureKind = self.kind.key  # type: ignore[assignment]
        film = kind != "figure"
        ground: Any = self.ground.key
        return Wanted(
            kind=kind,
            planes=tuple(plane for plane, box in self.planes.items() if box.isChecked()),
            slices=self.slices.currentText().strip(),
            columns=tuple(name for name, box in self.columns.items() if box.isChecked()),
            width=float(self.pixels.value() if film else self.width_cm.value()),
            dpi=self.dpi.value(),
            fps=self.fps.value(),
            ground=ground,
            title="" if self.no_title.isChecked() else self.title.text().strip() or None,
            font_size=self.font_size.value(),
        )

    def _set_kind(self, kind: PictureKind) -> None:
        film = kind != "figure"
        for name in ("pixels", "fps"):
            self._fields[name].setVisible(film)
        for name in ("width", "dpi"):
            self._fields[name].setVisible(not film)
        for widget in (self._plane_row, self._column_box):
            widget.setVisible(kind != "steps")
        self._fields["reference"].setVisible(kind != "steps")
        source = self._source()
        self.slices.clear()
        if kind == "steps" and source is not None and source.slice_id is not None:
            self.slices.addItem(str(source.slice_id))
        self.slices.addItems(_SLICES[kind])
        self.refresh()

    def refresh(self, _: object = None) -> None:
        """Draw the preview anew, soon."""
        self._soon.start()

    def _source(self) -> Source | None:
        """Return the result in view; with the reference only where it is drawn."""
        drawn = self.columns["mask+reference"].isChecked() and self.kind.key != "steps"
        return self._source_with(self.reference.layer if drawn else None)

    def _draw(self) -> None:
        self.reference.offer(*self._references())
        wanted = self.wanted
        source: Source | None = None
        try:
            source = self._source()
            problem = self._problem(source, wanted)
        except AnofpdmError as error:
            problem = str(error)
        self.save.setEnabled(problem is None and not self._saving)
        if problem is not None:
            self.state.setText(problem)
            self.preview.clear()
            return
        if self._task is not None:
            self._outdated = True
            return
        assert source is not None
        self.state.setText("Drawing…")
        gathered = self._gathered(source, wanted)

        def draw() -> tuple[Content, Any]:
            content = gathered or content_for(source, healthy=wanted.shows_healthy)
            return content, wanted.preview(source, content)

        def done(found: tuple[Content, Any]) -> None:
            self._task = None
            if not isalive(self):
                return
            self._keep(source, wanted, found[0])
            self._show(found[1])
            self.state.setText("")
            self._again()

        self._task = engine_thread.submit(draw, on_done=done, on_error=self._failed, lane="draw")

    def _problem(self, source: Source | None, wanted: Wanted) -> str | None:
        if source is None:
            return "There is no result yet: run an analysis, or open a stored one."
        if wanted.kind != "steps" and not (wanted.planes and wanted.columns):
            return "Choose at least one plane and one picture."
        if wanted.shows_reference and source.reference is None:
            return "Choose the reference mask."
        return None

    def _gathered(self, source: Source, wanted: Wanted) -> Content | None:
        if self._content_of is None or not self._content_of[0].is_same(source):
            return None
        return self._content if self._content_of[1] or not wanted.shows_healthy else None

    def _keep(self, source: Source, wanted: Wanted, content: Content) -> None:
        if content is not self._content:
            self._content, self._content_of = content, (source, wanted.shows_healthy)

    def _show(self, pixels: Any) -> None:
        rows, columns, _ = pixels.shape
        data = pixels.tobytes()
        image = QImage(data, columns, rows, 3 * columns, QImage.Format.Format_RGB888)
        picture = QPixmap.fromImage(image.copy())
        room = self.preview.size()
        if columns > room.width() or rows > room.height():
            picture = picture.scaled(
                room,
                Qt.AspectRatioMode.KeepAspectRatio,
                Qt.TransformationMode.SmoothTransformation,
            )
        self.preview.setPixmap(picture)

    def _again(self) -> None:
        if self._outdated:
            self._outdated = False
            self._draw()

    def _failed(self, error: Exception) -> None:
        self._task = None
        if isalive(self):
            self.preview.clear()
            self.save.setEnabled(False)
            self.state.setText(str(error))
            self._again()

    def _ask(self) -> None:
        kind: PictureKind = self.kind.key  # type: ignore[assignment]
        answer = ask_where_to_save(self, "Save", str(self._name()), _FILTERS[kind])
        if answer is not None:
            self.save_to(*answer)

    def save_to(self, path: Path, overwrite: bool = False) -> None:
        """Write the figure or film in the background."""
        source, wanted = self._source(), self.wanted
        if source is None:
            return
        gathered = self._gathered(source, wanted)
        self._saving = True
        self.save.setEnabled(False)
        self.outcome.setText("Saving…")

        def write() -> Path:
            content = gathered or content_for(source, healthy=wanted.shows_healthy)
            return wanted.save(
                source,
                content,
                path,
                overwrite,
                lambda done, total: engine_thread.post(self._tell, done, total),
            )

        def done(written: Path) -> None:
            self._saving = False
            if isalive(self):
                self.save.setEnabled(True)
                self.outcome.setText(f"Saved {written}")
            show_info(f"Saved {written}.")

        def failed(error: Exception) -> None:
            self._saving = False
            if isalive(self):
                self.save.setEnabled(True)
                self.outcome.setText(str(error))

        engine_thread.submit(write, on_done=done, on_error=failed, lane="draw")

    def _tell(self, done: int, total: int) -> None:
        if isalive(self) and self._saving:
            self.outcome.setText(f"Saving: frame {done} of {total}")
