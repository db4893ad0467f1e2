"""`DeviceBox`: a drop-down list of the devices that can run a network."""

from __future__ import annotations

import sys

from napari_anofpdm.host.preferences import run_preferences
from napari_anofpdm.widgets.boxes.choice_box import ChoiceBox

DEVICES = {
    "auto": ("automatic", "A GPU if one is available, else the CPU."),
    "cpu": ("CPU", "Works everywhere; slow with large models, very slow for training."),
    "cuda": ("GPU (CUDA)", "An NVIDIA GPU."),
    "mps": ("GPU (MPS)", "The GPU of a Mac with Apple silicon."),
}
"""Name and explanation of each device."""


class DeviceBox(ChoiceBox):
    """The devices of this platform; the preferred one is selected."""

    def __init__(self) -> None:
        super().__init__({k: v for k, v in DEVICES.items() if k != "mps" or _is_mac()})
        self.set_key(run_preferences().device)
        if self.currentIndex() < 0:
            self.set_key("auto")

    def set_usable(self, key: str, why_not: str | None) -> None:
        """Enable a device, or disable it and show why it is unavailable."""
        if self.findData(key) >= 0:
            self.set_available(key, why_not is None, why_not or DEVICES[key][1])


def _is_mac() -> bool:
    return sys.platform == "darwin"
