"""`RunFields`: how the network is run: process, steps and device."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from qtpy.QtCore import QSignalBlocker, Qt, Signal
from qtpy.QtWidgets import QSpinBox, QVBoxLayout, QWidget

from napari_anofpdm.widgets.boxes.choice_box import ChoiceBox
from napari_anofpdm.widgets.boxes.device_box import DeviceBox
from napari_anofpdm.widgets.field import Field
from napari_anofpdm.widgets.wheel_guard import WheelGuard

if TYPE_CHECKING:
    from anofpdm.method.calibration import Process
    from anofpdm.model.bundle_metadata import BundleMetadata
    from napari_anofpdm.panels.analyse.run_estimator import Devices

_PROCESSES = {
    "ddim": ("DDIM", "Each step is computed from the previous one, without new noise."),
    "ddpm": ("DDPM", "Each step adds new noise to the scan itself."),
}


class RunFields(QWidget):
    """Process, steps and device, initially from the model and the preferences."""

    changed = Signal()

    def __init__(self) -> None:
        super().__init__()
        self._metadata: BundleMetadata | None = None
        self._devices: Devices | None = None
        self.process_box = ChoiceBox(_PROCESSES)
        self.steps_box = QSpinBox()
        self.steps_box.setRange(1, 1000)
        self.steps_box.setKeyboardTracking(False)
        self.steps_box.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.steps_box.installEventFilter(WheelGuard(self))
        self.device_box = DeviceBox()
        self.process = Field(
            "Process",
            self.process_box,
            "How noise is added at each step. Keep the process that the model was calibrated with.",
        )
        self.steps = Field(
            "Steps",
            self.steps_box,
            "Number of noise levels that the network processes. More take longer. Keep the number "
            "that the model was calibrated with.",
        )
        self.device = Field("Device", self.device_box, "Where the network runs.")
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        for field in (self.process, self.steps, self.device):
            column.addWidget(field)
        self.process_box.chosen.connect(lambda _: self._check())
        self.steps_box.valueChanged.connect(lambda _: self._check())
        self.device_box.chosen.connect(lambda _: self._check_device())

    @property
    def chosen_process(self) -> Process:
        """The process: "ddim" or "ddpm"."""
        return cast("Process", self.process_box.key)

    @property
    def chosen_steps(self) -> int:
        """Number of steps."""
        return int(self.steps_box.value())

    @property
    def chosen_device(self) -> str:
        """The device: "auto", "cpu", "cuda" or "mps"."""
        return self.device_box.key

    def all_fields(self) -> list[Field]:
        """Return every row."""
        return [self.process, self.steps, self.device]

    def set_model(self, metadata: BundleMetadata | None) -> None:
        """Set process and steps as calibrated, unless the model is the same as before."""
        from anofpdm.method.calibration import chosen_grid

        known = self._metadata
        if metadata is None or (known and known.fingerprint == metadata.fingerprint):
            return
        self._metadata = metadata
        grid = chosen_grid(metadata.calibration)
        self.process_box.set_key(grid.process)
        with QSignalBlocker(self.steps_box):
            self.steps_box.setValue(grid.steps)
        self._check()

    def set_devices(self, devices: Devices) -> None:
        """Set the available devices; unavailable ones show the reason."""
        self._devices = devices
        for key, reason in devices.unusable.items():
            self.device_box.set_usable(key, reason)
        self._check_device()

    def _check_device(self) -> None:
        devices = self._devices
        if devices is not None:
            reason = devices.unusable.get(self.chosen_device)
            note = reason or ""
            if self.chosen_device == "auto":
                why = f" No CUDA: {devices.no_cuda}." if devices.no_cuda else ""
                note = f"Uses {devices.automatic}.{why}"
            self.device.set_note(note, wrong=reason is not None)
        self.changed.emit()

    def _check(self) -> None:
        from anofpdm.common.errors import SettingsError
        from anofpdm.method.calibration import chosen_grid
        from anofpdm.method.schedule import strided_timesteps

        metadata = self._metadata
        if metadata is None:
            return
        own = chosen_grid(metadata.calibration)
        grid = chosen_grid(metadata.calibration, self.chosen_process, self.chosen_steps)
        self.process.set_note("")
        self.steps.set_note("")
        try:
            taken = len(strided_timesteps(grid.steps, grid.t_max, metadata.schedule.num_steps))
        except SettingsError as error:
            self.steps.set_note(str(error), wrong=True)
        else:
            if taken < grid.steps:
                self.steps.set_note(
                    f"There are only {grid.t_max} noise levels; choose {grid.t_max} or fewer.",
                    wrong=True,
                )
            elif metadata.calibration is not None and grid != own:
                self.steps.set_note(
                    f"Calibrated with {own.process.upper()} and {own.steps} steps: the model's "
                    "thresholds may not apply."
                )
        self.changed.emit()
