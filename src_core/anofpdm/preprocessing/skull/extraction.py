"""Extract the brain of a scan with a chosen tool, and where the scan still shows its skull."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import Any, get_args

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from anofpdm.common.errors import Cancelled, SettingsError, VolumeError
from anofpdm.preprocessing.skull.tool import ShouldCancel, Skull, Tool, ToolMissingError
from anofpdm.scans.skull import sign_of_skull
from anofpdm.scans.values import check_usable
from anofpdm.scans.volume import Volume

DEFAULT_TOOL: Tool = "deepbet"
_MODULES = {
    "deepbet": "anofpdm.preprocessing.skull.deepbet",
    "hd-bet": "anofpdm.preprocessing.skull.hd_bet",
    "synthstrip": "anofpdm.preprocessing.skull.synthstrip",
}
# Brains of adults have 1.0 to 1.8 litres with the fluid around them; a scan may show a part.
_PLAUSIBLE_ML = (300.0, 2200.0)
_LARGEST_MARGIN_MM = 30.0


@dataclass(frozen=True, eq=False)
class BrainExtraction:
    """The brain of a scan.

    Attributes
    ----------
    mask : Volume
        uint8, 1 in the brain, on the voxels of the scan.
    scan : str
        Name of the scan it was found on.
    tool : str
    version : str
        Version of the tool, or "unknown".
    margin_mm : float
        How far the mask was grown (or shrunk, below 0) after the tool.
    volume_ml : float
        Volume of the mask.
    seconds : float
        Time that it took.
    reason : str
        Why the brain was extracted: the sign of a skull, or "requested".
    """

    mask: Volume
    scan: str
    tool: Tool
    version: str
    margin_mm: float
    volume_ml: float
    seconds: float
    reason: str = "requested"

    @property
    def record(self) -> dict[str, Any]:
        """Values for a report, without the mask."""
        return {
            "scan": self.scan,
            "tool": self.tool,
            "version": self.version,
            "margin_mm": self.margin_mm,
            "volume_ml": round(self.volume_ml, 2),
            "seconds": round(self.seconds, 2),
            "reason": self.reason,
        }

    @property
    def sentence(self) -> str:
        """What was done, in one sentence."""
        margin = f", margin {self.margin_mm:g} mm" if self.margin_mm else ""
        why = "" if self.reason == "requested" else f" because {self.reason}"
        return (
            f"The brain of {self.scan} was extracted with {self.tool} {self.version}{why} (brain "
            f"{self.volume_ml:.0f} ml{margin}, {self.seconds:.1f} s); look at the brain mask "
            "before you use the result."
        )

    @property
    def warning(self) -> str | None:
        """A sentence if the volume is not that of a brain."""
        low, high = _PLAUSIBLE_ML
        if low <= self.volume_ml <= high:
            return None
        return (
            f"The brain mask of {self.scan} has {self.volume_ml:.0f} ml, but brains have "
            f"{low:g} to {high:g} ml; check the mask, or give a brain mask of your own."
        )


def extract_brain(
    volume: Volume,
    tool: Tool = DEFAULT_TOOL,
    *,
    margin_mm: float = 0.0,
    reason: str = "requested",
    should_cancel: ShouldCancel | None = None,
) -> BrainExtraction:
    """Find the brain of a scan. Nothing is downloaded.

    Parameters
    ----------
    volume : Volume
        A scan with its skull, on any grid.
    tool : {"deepbet", "hd-bet", "synthstrip"}
        deepbet is a Python package with its weights; HD-BET and SynthStrip are programs of the
        user's own.
    margin_mm : float
        Grow the mask by this much; a negative margin shrinks it.
    reason : str
        For the record.
    should_cancel : callable, optional
        Asked between the stages of the work, and while another program runs.

    Raises
    ------
    ToolMissingError
        When the tool is not installed.
    VolumeError
        When the scan is no MRI, or the tool finds no brain.
    SettingsError
        When the tool is unknown or the margin beyond 30 mm.
    Cancelled
        On request.
    """
    if tool not in get_args(Tool):
        raise SettingsError(f"{tool} is no tool; choose {', '.join(get_args(Tool))}.")
    if not abs(margin_mm) <= _LARGEST_MARGIN_MM:
        raise SettingsError(
            f"The margin of the brain mask is {margin_mm:g} mm; choose -{_LARGEST_MARGIN_MM:g} to "
            f"{_LARGEST_MARGIN_MM:g}."
        )
    check_usable(volume)
    cancelled = should_cancel or (lambda: False)
    started = time.perf_counter()
    finder = import_module(_MODULES[tool])
    found, version = finder.find_brain(volume, cancelled)
    if cancelled():
        raise Cancelled("The brain extraction was cancelled.")
    mask = with_margin(np.asarray(found, dtype=bool), volume.spacing, margin_mm)
    if not mask.any():
        raise VolumeError(
            f"{tool} found no brain in {volume.name}; check the scan, choose another tool, or give "
            "a brain mask."
        )
    return BrainExtraction(
        mask=Volume(
            mask.astype(np.uint8), volume.affine, modality="brain_mask", header=volume.header
        ),
        scan=volume.name,
        tool=tool,
        version=version,
        margin_mm=float(margin_mm),
        volume_ml=1.0 * np.count_nonzero(mask) * volume.voxel_volume_ml,
        seconds=time.perf_counter() - started,
        reason=reason,
    )


def brain_where_needed(
    volumes: Sequence[Volume],
    skull: Skull = "auto",
    *,
    margin_mm: float = 0.0,
    warn: Callable[[str], None],
    should_cancel: ShouldCancel | None = None,
) -> BrainExtraction | None:
    """Extract the brain as `--skull` asks for.

    Parameters
    ----------
    volumes : sequence of Volume
        Scans of one head on one grid.
    skull : {"auto", "deepbet", "hd-bet", "synthstrip", "keep"}
        A tool extracts the brain of the first scan. `auto` uses deepbet on the first scan that
        shows its skull, and does nothing where none does.
    margin_mm : float
        See `extract_brain`.
    warn : callable
        Told when `auto` finds a skull but no tool.
    should_cancel : callable, optional

    Returns
    -------
    BrainExtraction or None
        None where the scans stay as they are.
    """
    if skull == "keep":
        return None
    if skull != "auto":
        return extract_brain(volumes[0], skull, margin_mm=margin_mm, should_cancel=should_cancel)
    for volume in volumes:
        if (sign := sign_of_skull(volume)) is None:
            continue
        try:
            return extract_brain(
                volume, margin_mm=margin_mm, reason=sign, should_cancel=should_cancel
            )
        except ToolMissingError as error:
            warn(f"{volume.name} looks unstripped ({sign}), but {error}")
            return None
    return None


def with_margin(
    mask: NDArray[np.bool_], spacing: tuple[float, float, float], margin_mm: float
) -> NDArray[np.bool_]:
    """Grow a mask by a distance in mm, or shrink it by a negative one."""
    if margin_mm == 0 or not mask.any():
        return mask
    if margin_mm > 0:
        return np.asarray(
            ndimage.distance_transform_edt(~mask, sampling=spacing) <= margin_mm, dtype=bool
        )
    return np.asarray(
        ndimage.distance_transform_edt(mask, sampling=spacing) > -margin_mm, dtype=bool
    )
