"""The inputs of an analysis: the scan, its slices, and the mapping between them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from anofpdm.common.errors import AnalysisError
from anofpdm.scans.geometry import SliceGeometry

if TYPE_CHECKING:
    from anofpdm.scans.preprocessing import SliceStack


@dataclass(frozen=True, eq=False)
class AnalysisInputs:
    """The inputs of an analysis: the scan, its slices on the network's grid, and the mapping.

    Attributes
    ----------
    x0 : ndarray, shape (S, C, H, W), float32 in [-1, 1]
        The slices, scored modalities only.
    foreground : ndarray of bool, shape (S, H, W)
        Brain on the network's grid.
    slice_ids : ndarray of int, shape (S,)
        Canonical axial index of each slice.
    foreground_native : ndarray of bool, shape of the scan
        Brain on the scan's own voxels.
    geometry : SliceGeometry
        The map between the two grids.
    native : Mapping of str to ndarray
        The scan of each modality in its own dtype, for display; may be empty.
    """

    x0: NDArray[np.float32]
    foreground: NDArray[np.bool_]
    slice_ids: NDArray[np.integer[Any]]
    foreground_native: NDArray[np.bool_]
    geometry: SliceGeometry
    native: Mapping[str, NDArray[Any]]

    @classmethod
    def of(
        cls, stack: SliceStack, native: Mapping[str, NDArray[Any]], scored: Sequence[int]
    ) -> AnalysisInputs:
        """Gather the inputs of preprocessed scans.

        Parameters
        ----------
        stack : SliceStack
        native : mapping of str to ndarray
            The scans, each on the stack's native grid.
        scored : sequence of int
            The scored ones of the stack's channels.
        """
        return cls(
            x0=np.ascontiguousarray(stack.slices[:, scored]),
            foreground=stack.foreground,
            slice_ids=stack.slice_ids,
            foreground_native=stack.foreground_native,
            geometry=stack.geometry,
            native=native,
        )

    def __post_init__(self) -> None:
        """Refuse arrays that do not belong together."""
        s, _, h, w = (*self.x0.shape, 0, 0, 0)[:4]
        fits = (
            self.x0.ndim == 4
            and self.foreground.shape == (s, h, w)
            and self.slice_ids.shape == (s,)
            and self.foreground_native.shape == self.geometry.shape
        )
        if not fits:
            raise AnalysisError(
                f"The parts of an analysis do not fit: slices {self.x0.shape}, foreground "
                f"{self.foreground.shape}, slice_ids {self.slice_ids.shape}, scan "
                f"{self.geometry.shape}, its foreground {self.foreground_native.shape}."
            )
        depth = self.geometry.canonical_shape[2]
        ids = self.slice_ids
        if s and (ids.min() < 0 or ids.max() >= depth or np.unique(ids).size != s):
            raise AnalysisError(
                f"The slices of an analysis must be different ones of the scan's 0 to {depth - 1}; "
                f"they are numbered {ids.min()} to {ids.max()}."
            )
