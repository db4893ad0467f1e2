"""What the measurements on the scan in view come to."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from napari_anofpdm.layers.roles import FOLLOW_UP, ROLE
from napari_anofpdm.space.head_box import scan_in_front

if TYPE_CHECKING:
    from napari.viewer import Viewer

    from anofpdm import Volume
    from anofpdm.results.measuring.measurement import Measurement
    from napari_anofpdm.session.session import Session


Picture = Literal["scan", "follow_up"]
"""Whose values stand beside a measurement."""


def scan_to_measure(viewer: Viewer) -> Volume | None:
    """Return the scan in front, with its true affine."""
    scan = scan_in_front(viewer)
    volume: Volume | None = None if scan is None else scan.metadata["volume"]
    return volume


def entries_on(
    canvas: Viewer, scan: Volume, measurements: Sequence[Measurement]
) -> list[dict[str, Any]] | None:
    """Return what measurements come to on a canvas that shows another scan than the one in front.

    Parameters
    ----------
    canvas : napari.components.ViewerModel
    scan : Volume
        The one in front.
    measurements : sequence of Measurement

    Returns
    -------
    list of dict or None
        As a report lists them: values of the canvas's own scan if it has the voxels of the one in
        front, else lengths and areas alone. None where the canvas shows no other scan.
    """
    from anofpdm.results.measuring.values import measured

    own = scan_to_measure(canvas)
    if own is None or own is scan:
        return None
    if _share_voxels(own, scan):
        return measured(measurements, own, None)
    return [each | {"scan": None} for each in measured(measurements, scan, None)]


def entries_of(
    viewer: Viewer, session: Session, measurements: Sequence[Measurement] | None = None
) -> list[dict[str, Any]]:
    """Return what a report lists of measurements; see `anofpdm.results.measuring.values`.

    Parameters
    ----------
    viewer : napari.viewer.Viewer
    session : Session
    measurements : sequence of Measurement, optional
        All on the scan in view by default.
    """
    from anofpdm.results.measuring.values import measured

    chosen = session.measurements.items if measurements is None else measurements
    scan = scan_to_measure(viewer)
    if scan is None or not chosen:
        return []
    return measured(chosen, scan, _map_on(scan, session), _follow_up_on(scan, viewer))


def _map_on(scan: Volume, session: Session) -> Volume | None:
    """Return the anomaly map, if the scan has the voxels that were analysed."""
    analysis, native = session.analysis, session.native
    if analysis is None or native is None or native.anomaly_map is None:
        return None
    found = analysis.geometry.as_volume(native.anomaly_map)
    return found if _share_voxels(found, scan) else None


def _follow_up_on(scan: Volume, viewer: Viewer) -> Volume | None:
    """Return the follow-up that is compared with the scan, if it lies on its voxels."""
    for layer in viewer.layers:
        volume: Volume | None = layer.metadata.get(FOLLOW_UP)
        if volume is not None:
            return volume if _share_voxels(volume, scan) else None
    return None


def _share_voxels(one: Volume, other: Volume) -> bool:
    return one.shape == other.shape and np.allclose(one.affine, other.affine, atol=1e-3)


def picture_on(canvas: Viewer) -> Picture:
    """Tell which scan a canvas shows: the one in front, or the follow-up compared with it."""
    scan_is_here = scan_in_front(canvas) is not None
    roles = {layer.metadata.get(ROLE) for layer in canvas.layers}
    return "follow_up" if "follow_up" in roles and not scan_is_here else "scan"


def in_words(entry: Mapping[str, Any], picture: Picture = "scan") -> str:
    """Return what stands beside a measurement on the canvas, in one or two lines.

    Parameters
    ----------
    entry : mapping
        What a report lists of it.
    picture : {"scan", "follow_up"}
        Whose values are meant.
    """
    if entry["kind"] == "ruler":
        return f"{entry['length_mm']:.1f} mm"
    lines = [f"{entry['area_mm2']:.0f} mm²"]
    scan = entry.get(picture)
    if scan is not None:
        lines.insert(0, f"{scan['mean']:.4g} ± {0.0 if scan['sd'] is None else scan['sd']:.3g}")
    return "\n".join(lines)
