"""A later examination of the same head, brought onto the voxels of the first one."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import product
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from anofpdm.common.errors import GeometryError
from anofpdm.preprocessing.chain import Register
from anofpdm.preprocessing.similarity import compare
from anofpdm.preprocessing.skull.tool import ShouldCancel
from anofpdm.scans.foreground import CleanVoxels, cleaned, foreground_of
from anofpdm.scans.same_grid import on_grid_of
from anofpdm.scans.volume import Volume

if TYPE_CHECKING:
    from anofpdm.preprocessing.registration import Registration

RESAMPLED = (
    "The follow-up was resampled onto the voxels of the baseline. Interpolation smooths it: small "
    "lesions may seem new, gone, grown or shrunk for that reason alone."
)
STILL_VOXELS = 0.1
"""Share of the smallest voxel spacing by which a head moves without being resampled."""
# Measured once each, on brains of 1 mm: 3 for FLAIR of two patients, 28 for FLAIR and T1 of one.
_ONE_HEAD_RATIO = 6.0


@dataclass(frozen=True, eq=False)
class AlignedFollowUp:
    """The scans of a later examination on the voxels of the baseline.

    Attributes
    ----------
    volumes : dict of str to Volume
        By modality; 0 where a scan does not reach.
    covered : ndarray of bool, shape of the baseline
        Voxels of the baseline that all scans of the follow-up reach.
    record : list of dict
        Each registration, as JSON values; empty where none was made.
    passed : bool
        Whether every registration fits better than by chance.
    doubtful : bool
        Whether one fits little better than by chance, as scans of two people do.
    resampled : bool
        Whether a scan was interpolated.
    note : str
        What that means for the lesions, or why the voxels are the scan's own; empty where nothing
        was registered.
    """

    volumes: dict[str, Volume]
    covered: NDArray[np.bool_]
    record: list[dict[str, Any]]
    passed: bool
    resampled: bool = False
    note: str = ""
    doubtful: bool = False


def align_follow_up(
    baseline: Volume,
    scans: Mapping[str, Volume],
    *,
    register: Register = "auto",
    note: Callable[[str], None] = lambda _: None,
    warn: Callable[[str], None] = lambda _: None,
    should_cancel: ShouldCancel | None = None,
) -> AlignedFollowUp:
    """Register each scan of the follow-up rigidly onto a scan of the baseline.

    A head never lies twice in the same place, so that equal grids are no reason to leave it out.
    A scan on the baseline's grid keeps its own voxels, uninterpolated, where the registration moves
    no voxel of the head by more than `STILL_VOXELS` of the smallest spacing, or improves nothing:
    the mutual information is as large without it.

    Parameters
    ----------
    baseline : Volume
        Its voxels are kept.
    scans : mapping of str to Volume
        The scans of the follow-up, by modality; with their skull if the baseline has it.
    register : {"auto", "always", "off"}
        `off` takes the scans as they lie, if their voxels are those of the baseline.
    note, warn : callable
        Told what was done, and what failed.
    should_cancel : callable, optional

    Raises
    ------
    SettingsError
        When SimpleITK is not installed.
    GeometryError
        When scans do not overlap, or grids differ and `register` is off.
    Cancelled
        On request.
    """
    covered = np.ones(baseline.shape, dtype=np.bool_)
    if register == "off":
        volumes = {name: on_grid_of(baseline, scan) for name, scan in scans.items()}
        return AlignedFollowUp(volumes, covered, [], passed=True)
    from anofpdm.preprocessing.registration import register as register_scan

    volumes, record, passed, doubtful = {}, [], True, False
    resampled, kept = False, list[str]()
    for name, scan in scans.items():
        found = register_scan(baseline, scan, should_cancel=should_cancel)
        note(
            f"Follow-up: {found.moving} was registered onto the baseline {found.fixed} (largest "
            f"shift {found.shift_mm:.1f} mm, {found.similarity.words}, {found.seconds:.1f} s)."
        )
        if found.warning is not None:
            warn(f"Follow-up: {found.warning} Do not trust the comparison.")
            passed = False
        elif found.similarity.value < _ONE_HEAD_RATIO * found.similarity.by_chance:
            doubtful = True
            warn(
                f"Follow-up: {found.moving} fits {found.fixed} little better than by chance "
                f"({found.similarity.words}); make sure that both show the same patient."
            )
        own = _own_voxels(baseline, scan, found)
        record.append({**found.record, "resampled": own is None})
        if own is None:
            resampled = True
            volumes[name] = found.volume
            covered &= covered_voxels(baseline, scan, found.to_moving)
        else:
            volumes[name], reason = own
            kept.append(f"{found.moving} was not resampled: {reason}.")
    note_on_voxels = RESAMPLED if resampled else " ".join(kept)
    return AlignedFollowUp(volumes, covered, record, passed, resampled, note_on_voxels, doubtful)


def _own_voxels(baseline: Volume, scan: Volume, found: Registration) -> tuple[Volume, str] | None:
    """Return the scan with its own voxels and the reason; None where it is to be resampled."""
    try:
        lying = on_grid_of(baseline, scan)
    except GeometryError:
        return None
    head = foreground_of(CleanVoxels(baseline.data))
    # An affine moves no point of a box further than the box's farthest corner.
    ends = [
        (where.min(), where.max()) if len(where) else (0, 0)
        for where in (np.flatnonzero(head.any(axis=tuple({0, 1, 2} - {axis}))) for axis in range(3))
    ]
    corners = np.array([[*corner, 1.0] for corner in product(*ends)])
    apart = corners @ (found.to_moving @ baseline.affine - lying.affine).T
    moved = float(np.linalg.norm(apart[:, :3], axis=1).max()) / min(baseline.spacing)
    if moved <= STILL_VOXELS:
        return lying, f"it lies within {STILL_VOXELS:g} voxels of the baseline"
    # On thick slices a registration strays by more than that, also of a scan onto itself.
    unmoved = compare(cleaned(baseline.data), cleaned(lying.data), head)
    if unmoved.value >= found.similarity.value:
        return lying, "the registration does not improve its fit to the baseline"
    return None


def covered_voxels(
    fixed: Volume, moving: Volume, to_moving: NDArray[np.float64]
) -> NDArray[np.bool_]:
    """Return the voxels of `fixed` whose centres lie inside the voxels of `moving`.

    Parameters
    ----------
    fixed, moving : Volume
    to_moving : ndarray, shape (4, 4)
        World mm (RAS) of the fixed scan to world mm of the moving one.

    Returns
    -------
    ndarray of bool, shape of `fixed`
    """
    indices = np.linalg.inv(moving.affine) @ to_moving @ fixed.affine
    i, j, k = np.ogrid[tuple(slice(0, n) for n in fixed.shape)]
    inside = np.ones(fixed.shape, dtype=np.bool_)
    for row, size in zip(indices[:3], moving.shape, strict=True):
        position = row[0] * i + row[1] * j + row[2] * k + row[3]
        inside &= (position >= -0.5) & (position <= size - 0.5)
    return inside
