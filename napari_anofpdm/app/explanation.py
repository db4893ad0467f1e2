"""The page "What am I seeing?": a picture and a few plain sentences on each part of the window."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from qtpy.QtCore import QSize, Qt
from qtpy.QtGui import QPixmap
from qtpy.QtWidgets import (
    QDialog,
    QDialogButtonBox,
    QGridLayout,
    QLabel,
    QScrollArea,
    QVBoxLayout,
    QWidget,
)

from napari_anofpdm.host.parent_window import parent_window
from napari_anofpdm.host.screen_room import resize_on_screen

PICTURES = Path(__file__).parent / "pictures"
PICTURE_PX = 300
"""Width of the pictures; docs/scripts/explanation_pictures.py draws them."""
_SIZE_PX = (760, 640)


class Part(NamedTuple):
    """A part of the window: its name, its picture, and what it shows."""

    title: str
    picture: str
    text: str


PARTS = (
    Part(
        "The canvas",
        "canvas.png",
        "The scan in grey. Colours are the anomaly map: the brighter, the more the scan differs "
        "from what the model predicts for a healthy brain. The outline is the mask: where the map "
        "is above the threshold. Numbers name the lesions. The patient's left is on the right. "
        "Rulers and regions that you draw give lengths and the values of the voxels.",
    ),
    Part(
        "Scan, healthy prediction, map",
        "side_by_side.png",
        "The scan, what the model predicts for this brain if it were healthy, and the difference "
        "of the two, averaged over noise levels. Where the prediction looks wrong, the map is "
        "wrong too. Hold F5 for a lens that shows the prediction round the pointer.",
    ),
    Part(
        "Prepare",
        "prepare.png",
        "For scans with a skull, and scans of one head on different grids: register them, extract "
        "the brain, correct the bias field. The changed scans are new layers. Check the alignment "
        "before you rely on them.",
    ),
    Part(
        "Analyse",
        "analyse.png",
        "Choose the model and the scans, and run the network. This is the only step that takes "
        "long; what you change afterwards does not need the network again.",
    ),
    Part(
        "Lesions",
        "lesions.png",
        "Each connected part of the mask, with its volume and largest diameter. Accept or reject "
        "each one; a rejected lesion leaves the mask and all volumes. The grey text says what this "
        "model can miss on such a scan.",
    ),
    Part(
        "Threshold and guidance",
        "settings.png",
        "The threshold (Q*) decides from which value of the map a pixel is marked: to the right "
        "less is marked. The guidance (w) is how strongly the prediction is steered toward "
        "healthy. Both start at the values that the model was calibrated with.",
    ),
    Part(
        "Curves",
        "curves.png",
        "Why this slice looks healthy or not. The divergence (M_t) is how far the healthy and the "
        "unguided prediction are apart at each noise level; its peak is the end step (t_e), the "
        "last level that counts. Where the two error curves run apart, the slice looks unhealthy.",
    ),
    Part(
        "Measure",
        "measure.png",
        "Rulers, ellipses and boxes that you drew on the slices, with lengths and areas in true "
        "millimetres and the values of scan and map inside. Click on a row to go to it.",
    ),
    Part(
        "Compare",
        "compare.png",
        "Two examinations of one patient, side by side. Colours say what became of each lesion: "
        "new, gone, grown, shrunk or unchanged. Where the registration failed, do not trust them.",
    ),
    Part(
        "Worklist",
        "worklist.png",
        "Many cases, one after the other. New: not analysed. Analysed: results are stored. "
        "Reviewed: you have finished it. What you decide is stored as you go.",
    ),
    Part(
        "Export",
        "export.png",
        "Writes mask, map, tables and report to a folder, on the voxels of the scan. Rejected "
        "lesions are left out. A figure or a film of the result is drawn here, too.",
    ),
)


class ExplanationDialog(QDialog):
    """Picture and text of all parts, below each other."""

    def __init__(self) -> None:
        super().__init__(parent_window())
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setWindowTitle("What am I seeing?")
        inside = QWidget()
        grid = QGridLayout(inside)
        grid.setHorizontalSpacing(16)
        grid.setVerticalSpacing(20)
        grid.setColumnStretch(1, 1)
        for row, part in enumerate(PARTS):
            picture = QLabel()
            picture.setPixmap(QPixmap(str(PICTURES / part.picture)))
            picture.setAccessibleName(f"Picture: {part.title}")
            text = QLabel(f"<b>{part.title}</b><br>{part.text}")
            text.setWordWrap(True)
            text.setAlignment(Qt.AlignmentFlag.AlignTop)
            grid.addWidget(picture, row, 0, Qt.AlignmentFlag.AlignTop)
            grid.addWidget(text, row, 1)
        scroll = QScrollArea()
        scroll.setWidgetResizable(True)
        scroll.setWidget(inside)
        note = QLabel("Research use only; not a medical device. Tooltips explain every control.")
        note.setWordWrap(True)
        close = QDialogButtonBox(QDialogButtonBox.StandardButton.Close)
        close.rejected.connect(self.reject)
        layout = QVBoxLayout(self)
        layout.addWidget(scroll, 1)
        layout.addWidget(note)
        layout.addWidget(close)
        resize_on_screen(self, QSize(*_SIZE_PX))
