"""`DatasetForm`: a form that makes a dataset of labelled slices from scans on disk."""

from __future__ import annotations

from pathlib import Path

from magicgui.widgets import CheckBox, LineEdit

from napari_anofpdm.panels.jobs.job_form import JobForm
from napari_anofpdm.widgets.boxes.choice_box import ChoiceBox
from napari_anofpdm.widgets.path_field import PathField

_CSV = "Tables (*.csv *.tsv *.txt)"
_LAYOUTS = {
    "brats": ("BraTS", "The challenges of 2018 to 2023, recognised by their file names."),
    "atlas": ("ATLAS v2.0", "T1 scans of stroke patients."),
    "bids": ("BIDS", "Any BIDS folder; enter the modalities."),
    "table": ("Table", "A CSV file with a column subject and one column per modality."),
}
_SIZES = {str(n): (f"{n} pixels", f"{n} rows and columns.") for n in (64, 128, 256)}
_INTENSITIES = {
    "volume_p99": (
        "99th percentile (paper)",
        "White is the brain's 99th percentile; a large bright lesion shifts it.",
    ),
    "volume_median": (
        "Median of the brain",
        "White is a fixed multiple of the brain's median. Lesions hardly shift it, so small bright "
        "lesions stay brighter than tissue.",
    ),
    "slice_minmax": (
        "Range of each slice",
        "Each slice is scaled from black to white, as in the paper's public code.",
    ),
}


class DatasetForm(JobForm):
    """Starts `anofpdm prepare`."""

    def __init__(self) -> None:
        super().__init__(
            "prepare",
            "Make a dataset of labelled slices from scans. The labels of the slices come from "
            "masks, or from a table written in the Label panel. Masks are not required.",
        )
        self.layout_box = ChoiceBox(_LAYOUTS)
        self.source = PathField("either", "Folder of the subjects; for a table, the CSV file.")
        self.labels = PathField("file", "A CSV file of labels.", _CSV, "from the masks")
        self.modalities = LineEdit()
        self.modalities.native.setPlaceholderText("from the layout")
        self.pixels = ChoiceBox(_SIZES)
        self.pixels.set_key("128")
        self.intensity = ChoiceBox(_INTENSITIES)
        self.skull = CheckBox(text="Scans with skull")
        self.out = PathField("folder", "A new folder.", optional="in the job's folder")
        self.add("Scans", self.source, "The folder of the scans, or the CSV file of a table.")
        self.add("Layout", self.layout_box, "How the scans are arranged on disk.")
        self.add(
            "Labels",
            self.labels,
            "A CSV file with the columns subject, label and unhealthy_slices. It takes "
            "precedence over masks.",
        )
        self.add(
            "Modalities",
            self.modalities,
            "The modalities that the model reads, in order, separated by commas: flair, t1.",
        )
        self.add("Slice size", self.pixels, "Rows and columns of the slices, in pixels.")
        self.add("Scaling", self.intensity, "How the intensities of a scan are scaled.")
        self.add(
            "",
            self.skull,
            "The scans are not brain-extracted; the model is trained for such scans.",
        )
        self.add("Dataset", self.out, "The folder of the dataset, usually NAME.zarr.")
        self.refresh()

    def fault(self) -> str:
        """Return a sentence about what is missing, or ""."""
        if self.source.path is None or not self.source.path.exists():
            return "Choose the folder or the table of the scans."
        if self.layout_box.key == "bids" and not self._modalities():
            return "Enter the modalities, which a BIDS folder does not define."
        return ""

    def arguments(self, folder: Path) -> list[str]:
        """Return the options of `anofpdm prepare`."""
        out = self.out.path or folder / "dataset.zarr"
        given = [str(self.source.path), "--layout", self.layout_box.key, "--out", str(out)]
        given += ["--size", self.pixels.key, "--intensity", self.intensity.key]
        for modality in self._modalities():
            given += ["--modality", modality]
        if self.labels.path is not None:
            given += ["--labels", str(self.labels.path)]
        if self.skull.value:
            given.append("--with-skull")
        return given

    def _modalities(self) -> list[str]:
        return [name.strip() for name in self.modalities.value.split(",") if name.strip()]
