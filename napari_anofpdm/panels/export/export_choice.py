"""`ExportChoice`: check boxes for the items to export, with their file names."""

from __future__ import annotations

from dataclasses import dataclass

from qtpy.QtCore import QSignalBlocker, Signal
from qtpy.QtWidgets import QCheckBox, QGridLayout, QLabel, QWidget

from anofpdm.results.folder import (
    ANALYSIS_FOLDER,
    ANOMALY_MAP_FILE,
    DICOM_NAMES,
    FUSED_MAP_FILE,
    LESION_TABLE_FILE,
    MASK_FILE,
    NRRD_NAMES,
    PICTURE_FILE,
    REPORT_FILE,
)
from napari_anofpdm.panels.export.exports import EDITED_MASK_FILE, with_companions
from napari_anofpdm.widgets.field import wrapped_label


@dataclass(frozen=True)
class Item:
    """One line of the list.

    Attributes
    ----------
    title, tooltip : str
    names : tuple of str
        The files that it writes.
    ticked : bool
        Whether it is selected by default.
    """

    title: str
    names: tuple[str, ...]
    tooltip: str
    ticked: bool = True


MASK = Item("Mask", (MASK_FILE,), "The mask, as 0 and 1 on the scan's own voxels (NIfTI).")
MAP = Item(
    "Anomaly map",
    (ANOMALY_MAP_FILE,),
    "The difference of each voxel from healthy, on the scan's own voxels\n"
    "(NIfTI, squared intensity on the network's scale).",
)
FUSED = Item(
    "Fused map",
    (FUSED_MAP_FILE,),
    "The anomaly map times the brightness of the smoothed scan, on the scan's own voxels\n"
    "(NIfTI, no unit). It ranks voxels; the mask does not depend on it.",
    ticked=False,
)
TABLE = Item(
    "Lesion table",
    (LESION_TABLE_FILE,),
    "One line per lesion: volume in ml, largest diameter in mm, slices, peak, centre (CSV).",
)
REPORT = Item(
    "Report",
    (REPORT_FILE, PICTURE_FILE),
    "The model, the settings and the findings, as a file for programs (JSON)\n"
    "and as a page of pictures (PNG).",
)
EDITED = Item(
    "Edited mask",
    (EDITED_MASK_FILE,),
    "The mask with your edits, on the scan's own voxels (NIfTI).",
)
ANALYSIS = Item(
    "Analysis",
    (ANALYSIS_FOLDER,),
    "All results of the network, with the scan. You can open it later, also on another\n"
    "computer, and change settings without the network. Some hundred megabytes.",
    ticked=False,
)
NRRD = Item(
    "NRRD",
    NRRD_NAMES,
    "Mask and anomaly map as NRRD, for 3D Slicer.",
    ticked=False,
)
DICOM = Item(
    "DICOM",
    DICOM_NAMES,
    "Mask and map as DICOM segmentations, and the measurements as a report (TID 1500).\n"
    "They belong to the patient and the series of the scan. If Edited mask is selected, the\n"
    "segmentation and the measurements are of that mask.",
    ticked=False,
)
ITEMS = (MASK, MAP, FUSED, TABLE, REPORT, EDITED, NRRD, DICOM, ANALYSIS)


class ExportChoice(QWidget):
    """Check boxes for `ITEMS`; unavailable ones are disabled and say why."""

    changed = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.boxes: dict[Item, QCheckBox] = {}
        self._unavailable: dict[Item, bool] = {}
        self._files: dict[Item, QLabel] = {}
        grid = QGridLayout(self)
        grid.setContentsMargins(0, 0, 0, 0)
        grid.setColumnStretch(1, 1)
        for row, item in enumerate(ITEMS):
            box = QCheckBox(item.title)
            box.setChecked(item.ticked)
            box.setToolTip(item.tooltip)
            box.toggled.connect(self.changed)
            files = wrapped_label(", ".join(item.names))
            files.setToolTip(item.tooltip)
            grid.addWidget(box, row, 0)
            grid.addWidget(files, row, 1)
            self.boxes[item], self._files[item] = box, files

    def set_available(self, item: Item, available: bool, why_not: str) -> None:
        """Enable an item, or disable and untick it, and give the reason in its tooltip.

        An item that is available again is ticked as it was before.
        """
        box = self.boxes[item]
        with QSignalBlocker(box):
            if not available:
                self._unavailable.setdefault(item, box.isChecked())
                box.setChecked(False)
            elif item in self._unavailable:
                box.setChecked(self._unavailable.pop(item))
        for widget in (box, self._files[item]):
            widget.setEnabled(available)
        box.setToolTip(item.tooltip if available else why_not)

    def is_chosen(self, item: Item) -> bool:
        """Return whether the item is selected and available."""
        return self.boxes[item].isChecked() and self.boxes[item].isEnabled()

    def names(self) -> tuple[str, ...]:
        """Return the files of all chosen items."""
        chosen = tuple(name for item in ITEMS if self.is_chosen(item) for name in item.names)
        return with_companions(chosen)
