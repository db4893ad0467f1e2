"""What a model misses on a scan like the one in view, and on which side a lesion lies."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from anofpdm import Analysis, Settings

_NEAR_MIDLINE_MM = 5.0
_REFERENCE_WIDTH = 128  # pixels; the sizes of spots are stated for images of this width
_COARSE_MM = 2.0  # pixels and slices beyond this blur a lesion of a millilitre with its edge
_THICK_MM = 3.0


def midline_mm(analysis: Analysis) -> float:
    """Return the middle of the brain from right to left, an RAS coordinate in mm."""
    brain = np.asarray(analysis.foreground_native)
    points = np.argwhere(brain[::4, ::4, ::4]) * 4
    if not len(points):
        return 0.0
    affine = np.asarray(analysis.geometry.affine)
    middle = points.mean(axis=0)
    return float(affine[0, :3] @ middle + affine[0, 3])


def side_of(centre_mm: tuple[float, float, float], midline: float) -> str:
    """Return "on the right", "on the left" or "near the midline".

    Parameters
    ----------
    centre_mm : tuple of float
        A lesion's centre, RAS.
    midline : float
        As `midline_mm` returns it.
    """
    away = centre_mm[0] - midline
    if abs(away) < _NEAR_MIDLINE_MM:
        return "near the midline"
    return "on the right" if away > 0 else "on the left"


def limits_in_words(analysis: Analysis, settings: Settings) -> str:
    """Return the weak points of the model for the scan in view.

    They follow from the sizes of pixels and slices, from the smallest spot that the settings keep,
    and from the calibration's own slices; the model's data sheet has the measured ones.

    Parameters
    ----------
    analysis : Analysis
    settings : Settings
    """
    from anofpdm.method.settings_words import rates_words

    geometry = analysis.geometry
    rows, columns = geometry.pixel_mm
    spot = settings.min_component_pixels * (geometry.size / _REFERENCE_WIDTH) ** 2 * rows * columns
    facts = []
    if max(rows, columns) > _COARSE_MM:
        facts.append(f"sees pixels of {max(rows, columns):.1f} mm")
    if spot:
        facts.append(f"drops spots up to {spot:.0f} mm² of a slice")
    if geometry.slice_thickness_mm > _THICK_MM:
        facts.append(f"reads slices of {geometry.slice_thickness_mm:.1f} mm here")
    rates = rates_words(analysis.calibration)
    measured = "" if rates is None else f" {rates}"
    if not facts:
        return f"Weak points: see the model's data sheet.{measured}"
    return (
        f"Weak points: the model {_joined(facts)}; it can miss small and faint lesions.{measured}"
    )


def _joined(facts: list[str]) -> str:
    if len(facts) == 1:
        return facts[0]
    return f"{', '.join(facts[:-1])} and {facts[-1]}"
