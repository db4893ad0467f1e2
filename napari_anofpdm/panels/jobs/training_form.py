"""`TrainingForm`: a form that trains a model on a dataset."""

from __future__ import annotations

from pathlib import Path

from magicgui.widgets import FloatSpinBox, LineEdit
from qtpy.compat import isalive
from qtpy.QtCore import QLocale
from qtpy.QtGui import QShowEvent

from napari_anofpdm.panels.jobs.job_form import JobForm
from napari_anofpdm.session.engine_thread import submit
from napari_anofpdm.widgets.boxes.choice_box import ChoiceBox
from napari_anofpdm.widgets.boxes.count_box import CountBox
from napari_anofpdm.widgets.boxes.device_box import DeviceBox
from napari_anofpdm.widgets.path_field import PathField

CONFIG = "training.toml"
_NETWORKS = {
    "published": ("published", "The network of the paper; training takes a GPU and several days."),
    "small": ("small", "A network that trains on one small GPU, or slowly on a CPU."),
}
_STEPS, _BATCH, _RATE = 210_000, 64, 1e-4


class TrainingForm(JobForm):
    """Starts `anofpdm train`."""

    def __init__(self) -> None:
        super().__init__(
            "train",
            "Train a model on the labelled slices of a dataset. The fields start with the "
            "published settings. A stopped training resumes from its last checkpoint.",
        )
        self.dataset = PathField("folder", "A dataset, NAME.zarr.")
        self.config = PathField("file", "TOML file.", "TOML (*.toml)", "as chosen below")
        self.network = ChoiceBox(_NETWORKS)
        self.steps = CountBox(_STEPS, 1, 10_000_000)
        self.batch = CountBox(_BATCH, 1, 4096)
        self.rate = FloatSpinBox(value=_RATE, min=1e-6, max=1.0, step=1e-5)
        self.rate.native.setDecimals(6)
        self.rate.native.setLocale(QLocale.c())
        self.bundle = LineEdit(value="my-model")
        self.device = DeviceBox()
        self.processes = CountBox(1, 1, 1)
        self.out = PathField("folder", "A new folder.", optional="in the job's folder")
        self.add(
            "Dataset", self.dataset, "A dataset made in the Dataset tab or with `anofpdm prepare`."
        )
        self.add(
            "Settings",
            self.config,
            "A settings file for `anofpdm train`; it replaces the fields below.",
        )
        self._choices = [
            self.add("Network", self.network, "Size of the network."),
            self.add("Steps", self.steps, "Total number of training steps."),
            self.add("Batch", self.batch, "Slices per step; fewer need less memory."),
            self.add("Rate", self.rate, "Learning rate of AdamW (no unit)."),
            self.add("Model", self.bundle, "Name of the new model."),
        ]
        self.add("Device", self.device, "Where the network is trained.")
        self._processes_row = self.add(
            "Processes",
            self.processes,
            "Number of GPUs that share each batch, with one process on each.",
        )
        # Shown if more than one GPU is found; GPUs are counted when the form is first shown.
        self._processes_row.hide()
        self._looked = False
        self.add("Run", self.out, "The folder of checkpoints, pictures and the model.")
        self.refresh()

    def showEvent(self, event: QShowEvent | None) -> None:  # noqa: N802 - Qt's name
        """Count the GPUs, once."""
        super().showEvent(event)
        if not self._looked:
            self._looked = True
            submit(_gpu_count, on_done=self.offer_processes, lane="interpret")

    def offer_processes(self, gpus: int) -> None:
        """Offer one process per GPU, unless the panel has been closed."""
        if not isalive(self):
            return
        self.processes.setMaximum(max(gpus, 1))
        self.processes.setValue(max(gpus, 1))
        self._processes_row.setVisible(gpus > 1)

    def refresh(self, _: object = None) -> None:
        """Update the form from its fields."""
        super().refresh()
        for field in self._choices:
            field.setEnabled(self.config.path is None)

    def fault(self) -> str:
        """Return a sentence about what is missing, or ""."""
        if self.dataset.path is None or not self.dataset.path.is_dir():
            return "Choose the dataset."
        if self.config.path is not None and not self.config.path.is_file():
            return "Choose an existing settings file, or none."
        return "" if self.config.path or self.bundle.value.strip() else "Enter the model's name."

    def arguments(self, folder: Path) -> list[str]:
        """Return the options of `anofpdm train`."""
        config = self.config.path or folder / CONFIG
        out = self.out.path or folder / "run"
        given = [str(config), "--dataset", str(self.dataset.path), "--out", str(out)]
        given += ["--device", self.device.key]
        several = self.processes.value() > 1 and self.device.key in ("auto", "cuda")
        return [*given, "--processes", str(self.processes.value())] if several else given

    def choices(self) -> tuple[object, ...]:
        """Return the fields that time and memory depend on."""
        return self.network.key, self.steps.value(), self.batch.value()

    def files(self, folder: Path) -> dict[str, str]:
        """Return the settings file, unless the user chose one."""
        from anofpdm.jobs.training_file import training_toml

        dataset = self.dataset.path
        if self.config.path is not None or dataset is None:
            return {}
        text = training_toml(
            dataset,
            "published" if self.network.key == "published" else "small",
            self.bundle.value.strip(),
            steps=self.steps.value(),
            batch_size=self.batch.value(),
            lr=self.rate.value,
        )
        return {CONFIG: text}


def _gpu_count() -> int:
    from anofpdm.common.device import gpu_count

    return gpu_count()
