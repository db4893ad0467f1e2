"""`GuidanceForm`: a form that calibrates a trained model."""

from __future__ import annotations

from pathlib import Path

from magicgui.widgets import LineEdit

from napari_anofpdm.panels.jobs.job_form import JobForm
from napari_anofpdm.session.setting_choices import POLARITY_CHOICES
from napari_anofpdm.widgets.boxes.choice_box import ChoiceBox
from napari_anofpdm.widgets.boxes.device_box import DeviceBox
from napari_anofpdm.widgets.path_field import PathField

_SPLITS = {
    "val": ("val", "Slices held out for validation."),
    "train": ("train", "Slices that the model was trained on; the result is too optimistic."),
    "test": ("test", "Slices for the final test; they are no longer independent afterwards."),
}
_RULES = {
    "dynamic": (
        "Dynamic quantile (paper)",
        "The cosine of the error curves classifies each slice; the more a slice differs from "
        "healthy, the more of it is marked.",
    ),
    "absolute": (
        "Fixed threshold",
        "One value of the anomaly map, found from the slice labels, marks pixels; a slice with "
        "marked pixels is unhealthy.",
    ),
}
_CRITERIA = {
    "accuracy": (
        "All slices (paper)",
        "The share of correctly classified slices; cautious if most slices are healthy.",
    ),
    "balanced": (
        "Both classes equally",
        "The mean of the shares of correctly classified healthy and unhealthy slices; finds more "
        "lesions if most slices are healthy, with more false positives.",
    ),
}
_REFINEMENTS = {
    "off": ("Off", "Masks are those of the network's grid."),
    "on": (
        "On the scan's voxels",
        "Calibrate the refinement, too, in a second pass: on the masks of the dataset, if it has "
        "them, otherwise on its slice labels.",
    ),
}
CANDIDATES = "0.5, 1, 2, 3, 4, 6, 8, 12, 16, 24, 32"


class GuidanceForm(JobForm):
    """Starts `anofpdm select-guidance`."""

    def __init__(self) -> None:
        super().__init__(
            "select-guidance",
            "Find the guidance and the thresholds of a trained model on labelled slices. The "
            "result is a new, calibrated model; the trained model does not change.",
        )
        self.bundle = PathField("either", "Name of a model, or the path of its bundle.")
        self.dataset = PathField("folder", "A dataset, NAME.zarr.")
        self.split = ChoiceBox(_SPLITS)
        self.candidates = LineEdit(value=CANDIDATES)
        self.rule = ChoiceBox(_RULES)
        self.criterion = ChoiceBox(_CRITERIA)
        self.polarity = ChoiceBox(POLARITY_CHOICES)
        self.refinement = ChoiceBox(_REFINEMENTS)
        self.device = DeviceBox()
        self.out = PathField("folder", "A new folder.", optional="in the job's folder")
        self.add("Model", self.bundle, "The model to calibrate, such as the folder run/bundle.")
        self.add("Dataset", self.dataset, "A dataset with healthy and unhealthy slices.")
        self.add("Split", self.split, "The part of the dataset to use.")
        self.add(
            "Candidates",
            self.candidates,
            "Guidance strengths (w) to try, separated by commas (no unit). One pass tries all.",
        )
        self.add("Mask rule", self.rule, "How the calibrated model makes its masks.")
        self.add("Criterion", self.criterion, "How the guidance and the thresholds are chosen.")
        self.add(
            "Polarity",
            self.polarity,
            "Which differences from the healthy prediction count: brighter, darker, or both.",
        )
        self.add("Refinement", self.refinement, "Whether masks are redrawn on the scan.")
        self.add("Device", self.device, "Where the network runs.")
        self.add("New model", self.out, "The folder of the calibrated model.")
        self.refresh()

    def fault(self) -> str:
        """Return a sentence about what is missing, or ""."""
        if not self.bundle.text:
            return "Choose the model."
        if self.dataset.path is None or not self.dataset.path.is_dir():
            return "Choose the dataset."
        return "" if self.candidates.value.strip() else "Enter at least one candidate."

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
            *(("--refine",) if self.refinement.key == "on" else ()),
        ]
