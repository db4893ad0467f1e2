"""`DatasetForm`: from scans on disk to a dataset of labelled slices."""

from __future__ import annotations

from pathlib import Path

from magicgui.widgets import CheckBox, LineEdit

from napari_anofpdm.panels.jobs.job_form import JobForm
from napari_anofpdm.widgets.choice_box import ChoiceBox
from napari_anofpdm.widgets.path_field import PathField

_CSV = "Tables (*.csv *.tsv *.txt)"
_LAYOUTS = {
    "brats": ("BraTS", "The challenges of 2018 to 2023, by their file names."),
    "atlas": ("ATLAS v2.0", "T1 scans of stroke."),
    "bids": ("BIDS", "Any BIDS folder; name the modalities."),
    "table": ("Table", "A CSV with the columns subject and one for each modality."),
}
_SIZES = {str(n): (f"{n} pixels", f"{n} rows and columns.") for n in (64, 128, 256)}
_INTENSITIES = {
    "volume_p99": (
        "99th percentile (paper)",
        "White is the brightest hundredth of the brain; a large bright lesion moves it.",
    ),
    "volume_median": (
        "Median of the brain",
        "White is a fixed multiple of the brain's median, which lesions hardly move: small bright "
        "lesions stay brighter than tissue.",
    ),
    "slice_minmax": ("Slice by slice", "Each slice from black to white, as the public code does."),
}


class DatasetForm(JobForm):
    """Starts `anofpdm prepare`."""

    def __init__(self) -> None:
        super().__init__(
            "prepare",
            "Make a dataset of labelled slices from scans. It is labelled slice by slice, with "
            "masks or with a table that the panel Label writes; no pixel mask is needed.",
        )
        self.layout_box = ChoiceBox(_LAYOUTS)
        self.source = PathField("either", "Folder with the subjects; for a table, the CSV file.")
        self.labels = PathField("file", "CSV of labels.", _CSV, "from the masks")
        self.modalities = LineEdit()
        self.modalities.native.setPlaceholderText("as the layout has them")
        self.pixels = ChoiceBox(_SIZES)
        self.pixels.set_key("128")
        self.intensity = ChoiceBox(_INTENSITIES)
        self.skull = CheckBox(text="Scans with skull")
        self.out = PathField("folder", "A new folder.", optional="in the job's folder")
        self.add("Scans", self.source, "Where the scans are.")
        self.add("Layout", self.layout_box, "How they are arranged on disk.")
        self.add(
            "Labels",
            self.labels,
            "CSV with the columns subject, label and unhealthy_slices; it goes before masks.",
        )
        self.add(
            "Modalities",
            self.modalities,
            "What the model reads, in order, with commas between, such as flair, t1.",
        )
        self.add("Slices", self.pixels, "Rows and columns of the slices, in pixels.")
        self.add("Scaled by", self.intensity, "What a scan's intensities are measured by.")
        self.add(
            "",
            self.skull,
            "The scans are not brain-extracted, and the model is for such scans.",
        )
        self.add("Dataset", self.out, "The folder of the dataset, customarily NAME.zarr.")
        self.refresh()

    def fault(self) -> str:
        """Tell what is missing."""
        if self.source.path is None or not self.source.path.exists():
            return "Choose where the scans are."
        if self.layout_box.key == "bids" and not self._modalities():
            return "Name the modalities, for a BIDS folder may hold any."
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
