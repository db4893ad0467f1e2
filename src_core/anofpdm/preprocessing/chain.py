"""The chain from raw scans to those a model reads: register, extract the brain, correct."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from anofpdm.common.errors import Cancelled, GeometryError, SettingsError
from anofpdm.preprocessing.skull.tool import ShouldCancel, Skull
from anofpdm.scans.foreground import CleanVoxels, cleaned, foreground_of
from anofpdm.scans.same_grid import on_grid_of
from anofpdm.scans.values import mask_voxels
from anofpdm.scans.volume import Volume

if TYPE_CHECKING:
    from anofpdm.preprocessing.registration import Registration

Register = Literal["auto", "always", "off"]
BiasField = Literal["keep", "n4"]


@dataclass(frozen=True)
class ChainSettings:
    """What is done to the scans of one head.

    Attributes
    ----------
    skull : {"auto", "deepbet", "hd-bet", "synthstrip", "keep"}
        See `brain_where_needed`.
    margin_mm : float
        Grows the extracted mask.
    register : {"auto", "always", "off"}
        `auto` registers the scans whose grid differs from that of the first.
    bias_field : {"keep", "n4"}
    """

    skull: Skull = "auto"
    margin_mm: float = 0.0
    register: Register = "auto"
    bias_field: BiasField = "keep"

    def stages(self, count: int) -> int:
        """Return how often `on_stage` of `prepare_scans` is called for so many scans."""
        corrected = count if self.bias_field == "n4" else 0
        return count - 1 + (self.skull != "keep") + corrected


@dataclass(frozen=True)
class PreparedScans:
    """The scans of one head on one grid.

    Attributes
    ----------
    volumes : dict of str to Volume
        In the order given; not masked.
    brain_mask : Volume or None
        The user's own, or the extracted one.
    extracted : bool
        Whether the mask was made here.
    record : dict
        What was done, as JSON values; empty where nothing was.
    registrations : dict of str to Registration
        Of the scans that were registered, by modality.
    """

    volumes: dict[str, Volume]
    brain_mask: Volume | None = None
    extracted: bool = False
    record: dict[str, Any] = field(default_factory=dict)
    registrations: dict[str, Registration] = field(default_factory=dict)

    def brains(self) -> dict[str, Volume]:
        """Return the scans with 0 outside the brain mask, if there is one."""
        if self.brain_mask is None:
            return self.volumes
        first = next(iter(self.volumes.values()))
        inside = mask_voxels(on_grid_of(first, self.brain_mask), "brain mask")
        return {
            name: replace(volume, data=np.where(inside, cleaned(volume.data), 0))
            for name, volume in self.volumes.items()
        }


def prepare_scans(
    volumes: Mapping[str, Volume],
    settings: ChainSettings,
    *,
    brain_mask: Volume | None = None,
    note: Callable[[str], None] = lambda _: None,
    warn: Callable[[str], None] = lambda _: None,
    on_stage: Callable[[str], None] = lambda _: None,
    should_cancel: ShouldCancel | None = None,
) -> PreparedScans:
    """Register the scans onto the first, extract the brain, correct the bias field.

    Registration comes first: whole heads fit better than what two extractions left of them.

    Parameters
    ----------
    volumes : mapping of str to Volume
        The scans of one head, by modality; the first keeps its voxels.
    settings : ChainSettings
    brain_mask : Volume, optional
        The user's own, on the voxels of the first scan; nothing is extracted then.
    note, warn : callable
        Told what was done, and what failed.
    on_stage : callable
        Told what begins; called `ChainSettings.stages` times at most.
    should_cancel : callable, optional

    Raises
    ------
    SettingsError
        When a tool is not installed, or a mask and a tool are both given.
    GeometryError
        When grids differ and `register` is off.
    Cancelled
        On request.
    """
    record: dict[str, Any] = {}
    if brain_mask is not None and settings.skull not in ("auto", "keep"):
        raise SettingsError(
            f"A brain mask and --skull {settings.skull} cannot be combined; use one of them."
        )
    registrations: dict[str, Registration] = {}
    scans = _on_one_grid(
        volumes, settings.register, registrations, record, note, warn, on_stage, should_cancel
    )
    extracted = False
    if brain_mask is None and settings.skull != "keep":
        from anofpdm.preprocessing.skull.extraction import brain_where_needed

        on_stage("Extracting the brain")
        found = brain_where_needed(
            tuple(scans.values()),
            settings.skull,
            margin_mm=settings.margin_mm,
            warn=warn,
            should_cancel=should_cancel,
        )
        if found is not None:
            note(found.sentence)
            if found.warning is not None:
                warn(found.warning)
            record["brain_extraction"] = found.record
            brain_mask, extracted = found.mask, True
    if settings.bias_field == "n4":
        scans = _corrected(scans, brain_mask, record, on_stage, should_cancel)
        note("The bias field of each scan was corrected (N4).")
    return PreparedScans(scans, brain_mask, extracted, record, registrations)


def _on_one_grid(
    volumes: Mapping[str, Volume],
    choice: Register,
    registrations: dict[str, Registration],
    record: dict[str, Any],
    note: Callable[[str], None],
    warn: Callable[[str], None],
    on_stage: Callable[[str], None],
    should_cancel: ShouldCancel | None,
) -> dict[str, Volume]:
    (name, first), *others = volumes.items()
    scans = {name: first}
    for name, volume in others:
        reason = "requested"
        on_stage(f"Registering {volume.name} onto {first.name}")
        if choice != "always":
            try:
                scans[name] = on_grid_of(first, volume)
                continue
            except GeometryError:
                if choice == "off":
                    raise
                reason = "its grid is another one"
        from anofpdm.preprocessing.registration import register

        found = register(first, volume, should_cancel=should_cancel)
        why = "" if reason == "requested" else f" because {reason}"
        note(
            f"{found.moving} was registered onto {found.fixed}{why} (largest shift "
            f"{found.shift_mm:.1f} mm, {found.similarity.words}, {found.seconds:.1f} s)."
        )
        if found.warning is not None:
            warn(found.warning)
        record.setdefault("registration", []).append({**found.record, "reason": reason})
        registrations[name], scans[name] = found, found.volume
    return scans


def _corrected(
    scans: Mapping[str, Volume],
    brain_mask: Volume | None,
    record: dict[str, Any],
    on_stage: Callable[[str], None],
    should_cancel: ShouldCancel | None,
) -> dict[str, Volume]:
    from anofpdm.preprocessing.bias_field import correct_bias_field

    first = next(iter(scans.values()))
    inside = None
    if brain_mask is not None:
        inside = mask_voxels(on_grid_of(first, brain_mask), "brain mask")
    record["bias_field"] = {"method": "N4", "scans": [scan.name for scan in scans.values()]}
    corrected = {}
    for name, scan in scans.items():
        if should_cancel is not None and should_cancel():  # N4 itself cannot be stopped
            raise Cancelled("The bias-field correction was cancelled.")
        on_stage(f"Correcting the bias field of {scan.name}")
        within = foreground_of(CleanVoxels(scan.data)) if inside is None else inside
        corrected[name] = correct_bias_field(scan, within)
    return corrected
