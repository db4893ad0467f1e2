"""The values of a scan and of its anomaly map within a region, and what is reported of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from anofpdm.results.measuring.measurement import ACROSS, Measurement, area_mm2, voxel_points
from anofpdm.scans.orientation import Orientation

if TYPE_CHECKING:
    from anofpdm.scans.volume import Volume

_DECIMALS = 2  # of coordinates and lengths in mm
_ROUNDING = 1e-6  # pixels; a centre on the border of a region lies within


@dataclass(frozen=True)
class Statistics:
    """The values of the voxels whose centres lie in a region of one slice.

    Attributes
    ----------
    voxels : int
        At least one; those that are not finite do not count.
    mean, minimum, maximum : float
        In the units of the picture.
    sd : float or None
        Standard deviation of a sample (N - 1); None for a single voxel.
    """

    voxels: int
    mean: float
    sd: float | None
    minimum: float
    maximum: float


def statistics(measurement: Measurement, volume: Volume) -> Statistics | None:
    """Return the statistics of a volume within a region.

    Parameters
    ----------
    measurement : Measurement
        An ellipse or a rectangle. The slice is the one nearest to its centre.
    volume : Volume
        Any orientation.

    Returns
    -------
    Statistics or None
        None for a ruler, and where no finite voxel lies within.
    """
    if measurement.kind == "ruler":
        return None
    data = np.asarray(volume.data)
    canonical = Orientation.of_affine(volume.affine).to_canonical(data)
    first, second = voxel_points(measurement, volume.affine, volume.shape)
    axis = ACROSS[measurement.plane]
    at = round(float((first + second)[axis] / 2))
    if not 0 <= at < canonical.shape[axis]:
        return None
    plane = canonical[(slice(None),) * axis + (at,)]
    values = _within(measurement, plane, np.delete(first, axis), np.delete(second, axis))
    values = values[np.isfinite(values)].astype(np.float64)
    if not values.size:
        return None
    return Statistics(
        voxels=int(values.size),
        mean=float(values.mean()),
        sd=float(values.std(ddof=1)) if values.size > 1 else None,
        minimum=float(values.min()),
        maximum=float(values.max()),
    )


def _within(
    measurement: Measurement,
    plane: NDArray[Any],
    first: NDArray[np.float64],
    second: NDArray[np.float64],
) -> NDArray[Any]:
    """Return the pixels of a slice whose centres lie in a region; its corners are in pixels."""
    low, high = np.minimum(first, second), np.maximum(first, second)
    start = np.clip(np.ceil(low - _ROUNDING), 0, plane.shape).astype(int)
    stop = np.clip(np.floor(high + _ROUNDING) + 1, 0, plane.shape).astype(int)
    pixels = plane[start[0] : stop[0], start[1] : stop[1]]
    if measurement.kind == "rectangle" or not pixels.size:
        return pixels.ravel()
    centre, half = (low + high) / 2, (high - low) / 2 + _ROUNDING
    rows, columns = (np.arange(a, b) for a, b in zip(start, stop, strict=True))
    away = ((rows - centre[0]) / half[0])[:, None] ** 2 + ((columns - centre[1]) / half[1]) ** 2
    return np.asarray(pixels[away <= 1.0])


def measured(
    measurements: Sequence[Measurement],
    scan: Volume,
    anomaly_map: Volume | None,
    follow_up: Volume | None = None,
) -> list[dict[str, Any]]:
    """Gather what the report lists of measurements.

    Parameters
    ----------
    measurements : sequence of Measurement
    scan : Volume
        The scan that they lie on.
    anomaly_map : Volume or None
        On the scan's own voxels.
    follow_up : Volume, optional
        A later scan of the same head, on the same voxels.

    Returns
    -------
    list of dict
        `number`, `kind`, `plane` and `points_mm` (RAS) of each; `length_mm` of a ruler; `area_mm2`
        of a region, and its `scan` and `anomaly_map`, and `follow_up` where there is one, each
        None or a dict with `voxels`, `mean`, `sd`, `minimum` and `maximum`.
    """
    entries = []
    for number, each in enumerate(measurements, start=1):
        points = [[round(x, _DECIMALS) for x in point] for point in (each.first, each.second)]
        entry: dict[str, Any] = {
            "number": number,
            "kind": each.kind,
            "plane": each.plane,
            "points_mm": points,
        }
        if each.kind == "ruler":
            entry["length_mm"] = round(each.length_mm, _DECIMALS)
        else:
            entry["area_mm2"] = round(area_mm2(each, scan.affine, scan.shape), _DECIMALS)
            for name, volume in (("scan", scan), ("anomaly_map", anomaly_map)):
                found = None if volume is None else statistics(each, volume)
                entry[name] = None if found is None else asdict(found)
            if follow_up is not None:
                found = statistics(each, follow_up)
                entry["follow_up"] = None if found is None else asdict(found)
        entries.append(entry)
    return entries
