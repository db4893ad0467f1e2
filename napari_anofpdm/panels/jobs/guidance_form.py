"""`GuidanceForm`: from a trained model to a calibrated one."""

from __future__ import annotations

from pathlib import Path

from magicgui.widgets import LineEdit

from napari_anofpdm.panels.jobs.job_form import JobForm, device_box
from napari_anofpdm.session.setting_choices import POLARITY_CHOICES
from napari_anofpdm.widgets.choice_box import ChoiceBox
from napari_anofpdm.widgets.path_field import PathField

_SPLITS = {
    "val": ("val", "Slices held out for this."),
    "train": ("train", "Slices that the model has learned from: too good to be true."),
    "test": ("test", "Slices that shall judge the model; after this they no longer can."),
}
_RULES = {
    "dynamic": (
        "Dynamic quantile (paper)",
        "The cosine of the error curves calls a slice healthy or not; the stronger a slice differs "
        "from healthy, the more of it is marked.",
    ),
    "absolute": (
        "Fixed threshold",
        "One value of the map, found from the slice labels, marks pixels; a slice in which it "
        "marks something is unhealthy.",
    ),
}
_CRITERIA = {
    "accuracy": (
        "All slices (paper)",
        "The share of all slices told rightly: cautious where healthy slices are many.",
    ),
    "balanced": (
        "Both classes alike",
        "The mean of the shares of healthy and of unhealthy slices told rightly: finds more where "
        "healthy slices are many, with more false marks.",
    ),
}
CANDIDATES = "0.5, 1, 2, 3, 4, 6, 8, 12, 16, 24, 32"


class GuidanceForm(JobForm):
    """Starts `anofpdm select-guidance`."""

    def __init__(self) -> None:
        super().__init__(
            "select-guidance",
            "Find the guidance and the thresholds of a trained model on labelled slices. The "
            "calibrated model is a new one; the old stays as it is.",
        )
        self.bundle = PathField("either", "A model: its name, or the path of its bundle.")
        self.dataset = PathField("folder", "A dataset, NAME.zarr.")
        self.split = ChoiceBox(_SPLITS)
        self.candidates = LineEdit(value=CANDIDATES)
        self.rule = ChoiceBox(_RULES)
        self.criterion = ChoiceBox(_CRITERIA)
        self.polarity = ChoiceBox(POLARITY_CHOICES)
        self.device = device_box()
        self.out = PathField("folder", "A new folder.", optional="in the job's folder")
        self.add("Model", self.bundle, "The model to calibrate, such as the folder run/bundle.")
        self.add("Dataset", self.dataset, "With healthy and unhealthy slices.")
        self.add("Split", self.split, "Which part of the dataset is looked at.")
        self.add(
            "Candidates",
            self.candidates,
            "Guidance strengths w to try (no unit), with commas between; one pass serves all.",
        )
        self.add("Masks by", self.rule, "How the calibrated model shall make its masks.")
        self.add("Chosen by", self.criterion, "What guidance and thresholds are chosen by.")
        self.add(
            "Polarity",
            self.polarity,
            "Which departures from the healthy picture count: brighter ones, darker ones, or both.",
        )
        self.add("Device", self.device, "Where the network runs.")
        self.add("New model", self.out, "Where the calibrated model goes.")
        self.refresh()

    def fault(self) -> str:
        """Tell what is missing."""
        if not self.bundle.text:
            return "Choose the model."
        if self.dataset.path is None or not self.dataset.path.is_dir():
            return "Choose the dataset."
        return "" if self.candidates.value.strip() else "Name at least one candidate."

    def arguments(self, folder: Path) -> list[str]:
        """Return the options of `anofpdm select-guidance`."""
        out = self.out.path or folder / "bundle"
        path = self.bundle.path
        bundle = str(path) if path is not None and path.exists() else self.bundle.text
        candidates = ",".join(part.strip() for part in self.candidates.value.split(","))
        return [
            *("--bundle", bundle, "--dataset", str(self.dataset.path), "--out", str(out)),
            *("--split", self.split.key, "--candidates", candidates),
            *("--rule", self.rule.key, "--criterion", self.criterion.key),
            *("--polarity", self.polarity.key, "--device", self.device.key),
        ]
