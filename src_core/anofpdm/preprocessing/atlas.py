"""Approximate names of places in the brain, through an affine to the ICBM152 template.

The regions are those of the 160 points of N. U. F. Dosenbach et al., "Prediction of individual
brain maturity using fMRI", Science 329 (2010) 1358-1361, which nilearn's package holds with the
template; nothing is downloaded. The points lie in grey matter, and an affine fits no single gyrus:
a name says which lobe is near, not in which structure a lesion lies.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from anofpdm.preprocessing.registration import fit, resampled
from anofpdm.preprocessing.similarity import SimilarityTest, compare
from anofpdm.scans.foreground import cleaned
from anofpdm.scans.volume import Volume

# Of a point's nearest neighbours the lobe with the largest sum of 1 / distance^2 names it.
_NEIGHBOURS = 5
_FARTHEST_MM = 30.0
_MIDLINE_MM = 4.0
_TEMPLATE_MM = 2

LOBES: Final = {
    "frontal lobe": (
        "vmPFC", "aPFC", "mPFC", "vent aPFC", "vlPFC", "dlPFC", "vPFC", "vFC", "dFC", "mFC",
        "sup frontal", "frontal", "SMA", "pre-SMA", "precentral gyrus",
    ),
    "parietal lobe": (
        "IPL", "IPS", "TPJ", "angular gyrus", "parietal", "post parietal", "precuneus",
        "sup parietal",
    ),
    "temporal lobe": ("fusiform", "inf temporal", "sup temporal", "temporal"),
    "occipital lobe": ("occipital", "post occipital"),
    "cingulate cortex": ("ACC", "dACC", "post cingulate"),
    "insula": ("ant insula", "mid insula", "post insula"),
    "basal ganglia": ("basal ganglia",),
    "thalamus": ("thalamus",),
    "cerebellum": ("inf cerebellum", "lat cerebellum", "med cerebellum"),
}  # fmt: skip
"""Which of the points' names belong to which region."""


@dataclass(frozen=True)
class TemplateFit:
    """Where a brain lies in the template's space.

    Attributes
    ----------
    to_template : ndarray, shape (4, 4)
        World mm (RAS) of the scan to mm of ICBM152.
    similarity : SimilarityTest
        Whether scan and template fit better than by chance.
    """

    to_template: NDArray[np.float64]
    similarity: SimilarityTest

    def names(self, centres_mm: Sequence[Sequence[float]]) -> list[str]:
        """Name places of the scan; see `region_name`."""
        points = np.asarray(centres_mm, dtype=float).reshape(-1, 3)
        moved = points @ self.to_template[:3, :3].T + self.to_template[:3, 3]
        return [region_name(point) for point in moved]


def fit_template(
    scan: Volume,
    brain: NDArray[np.bool_],
    *,
    should_cancel: Callable[[], bool] | None = None,
) -> TemplateFit:
    """Fit a scan's brain to the ICBM152 template by an affine.

    Parameters
    ----------
    scan : Volume
        Any contrast.
    brain : ndarray of bool, shape of the scan
    should_cancel : callable, optional

    Raises
    ------
    SettingsError
        When SimpleITK is not installed.
    GeometryError
        When they do not overlap.
    """
    template = _template()
    alone = replace(scan, data=np.where(brain, cleaned(scan.data), 0))
    to_scan = fit(template, alone, "affine", should_cancel=should_cancel)
    found = resampled(template, alone, to_scan)
    inside = template.data > 0.1  # its brightest voxel is 1
    to_template = np.asarray(np.linalg.inv(to_scan), dtype=np.float64)
    return TemplateFit(to_template, compare(template.data, found, inside))


def region_name(point_mm: NDArray[np.float64]) -> str:
    """Name the region near a point of the template's space, such as "left frontal lobe".

    Returns "unnamed" farther than 30 mm from every point of the atlas.
    """
    points, lobes = _points()
    x = float(point_mm[0])
    side = "" if abs(x) <= _MIDLINE_MM else "left " if x < 0 else "right "
    distances = np.linalg.norm(points - point_mm, axis=1)
    if side:
        across = points[:, 0] * x < 0
        distances = np.where(across, np.inf, distances)
    nearest = np.argsort(distances)[:_NEIGHBOURS]
    if distances[nearest[0]] > _FARTHEST_MM:
        return "unnamed"
    votes: dict[str, float] = {}
    for index in nearest:
        weight = 1.0 / max(float(distances[index]), 1.0) ** 2
        votes[lobes[index]] = votes.get(lobes[index], 0.0) + weight
    return f"{side}{max(votes, key=votes.__getitem__)}"


@functools.cache
def _points() -> tuple[NDArray[np.float64], tuple[str, ...]]:
    from nilearn.datasets import fetch_coords_dosenbach_2010

    atlas = fetch_coords_dosenbach_2010()
    of = {name: lobe for lobe, names in LOBES.items() for name in names}
    rois = atlas.rois
    points = np.column_stack([np.asarray(rois[axis], dtype=float) for axis in ("x", "y", "z")])
    return points, tuple(of[re.sub(r" \d+$", "", str(label))] for label in atlas.labels)


@functools.cache
def _template() -> Volume:
    from nilearn.datasets import load_mni152_template

    image = load_mni152_template(resolution=_TEMPLATE_MM)
    return Volume(np.asarray(image.dataobj, dtype=np.float32), np.asarray(image.affine))
