"""`Frame`: between the viewer's world and the true coordinates of a scan."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from napari_anofpdm.space.placement import PlacedArray, place

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from anofpdm import Volume


@dataclass(frozen=True, eq=False)
class Frame:
    """Where a scan is shown, and where it is.

    The viewer shows oblique scans unrotated (see `place`); distances within a scan are true there,
    coordinates are not.

    Attributes
    ----------
    placed : PlacedArray
        The scan in the viewer.
    affine : ndarray, shape (4, 4)
        Canonical voxel to RAS mm.
    """

    placed: PlacedArray
    affine: NDArray[np.float64]

    @classmethod
    def of(cls, volume: Volume) -> Frame:
        """Return the frame of a scan."""
        from anofpdm.scans.orientation import Orientation

        orientation = Orientation.of_affine(volume.affine)
        return cls(place(volume), orientation.canonical_affine(volume.affine, volume.shape))

    def to_voxel(self, world: Sequence[float] | NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the voxel (s, a, r) at a point S, P, L in mm of the viewer, not rounded."""
        at = np.asarray(world, dtype=np.float64)
        return np.asarray((at - self.placed.translate) / np.array(self.placed.scale))

    def to_ras(self, world: Sequence[float] | NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the true coordinates, RAS in mm, of a point S, P, L in mm of the viewer."""
        voxel = self.to_voxel(world)[::-1]
        return np.asarray(self.affine[:3, :3] @ voxel + self.affine[:3, 3])

    def to_world(self, ras: Sequence[float] | NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the point S, P, L in mm of the viewer that shows true coordinates."""
        voxel = np.linalg.solve(self.affine, np.append(np.asarray(ras, dtype=np.float64), 1.0))
        return np.asarray(voxel[2::-1] * np.array(self.placed.scale) + self.placed.translate)
