"""Steps of an analysis in memory, and of one that is still being made."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from anofpdm.analysis.analysis import Analysis, Steps
from anofpdm.analysis.store import STEP_ARRAYS
from anofpdm.common.errors import AnalysisError


class MemorySteps:
    """The steps of an analysis as two arrays, (S, K, C, H, W).

    Parameters
    ----------
    arrays : mapping of str to ndarray
        x0_null and eps_gap.
    """

    def __init__(self, arrays: Mapping[str, NDArray[Any]]) -> None:
        self.arrays = dict(arrays)

    @classmethod
    def empty(cls, shape: tuple[int, ...], dtype: str) -> MemorySteps:
        """Reserve memory for steps that are still to come."""
        return cls({name: np.empty(shape, dtype) for name in STEP_ARRAYS})

    @property
    def shape(self) -> tuple[int, ...]:
        """(S, K, C, H, W)."""
        return self.arrays[STEP_ARRAYS[0]].shape

    @property
    def dtype(self) -> np.dtype[Any]:
        """float16 or float32."""
        return self.arrays[STEP_ARRAYS[0]].dtype

    def read(self, position: int) -> tuple[NDArray[Any], NDArray[Any]]:
        """Return x0_null and eps_gap of one slice, each (K, C, H, W)."""
        x0_null, eps_gap = (self.arrays[name][position] for name in STEP_ARRAYS)
        return x0_null, eps_gap


class GrowingSteps:
    """Steps that one thread writes while others read the slices that are whole.

    Parameters
    ----------
    shape : tuple of int
        (S, K, C, H, W).
    dtype : str
        "float16" or "float32".

    Attributes
    ----------
    arrays : dict of str to array
        x0_null and eps_gap, in memory or of a Zarr group, to be filled.
    """

    def __init__(self, shape: tuple[int, ...], dtype: str) -> None:
        self.shape = shape
        self.dtype: np.dtype[Any] = np.dtype(dtype)
        self.arrays: dict[str, Any] = {}
        self._written = np.zeros(shape[0], dtype=bool)
        self._final: Steps | None = None
        # Held while the folder of a stored analysis moves to its place or goes.
        self.lock = threading.Lock()

    @property
    def missing(self) -> NDArray[np.intp]:
        """Positions that are still to come."""
        return np.flatnonzero(~self._written)

    def write(self, position: int, x0_null: NDArray[Any], eps_gap: NDArray[Any]) -> None:
        """Keep one slice, each array (K, C, H, W)."""
        for name, values in zip(STEP_ARRAYS, (x0_null, eps_gap), strict=True):
            self.arrays[name][position] = values
        self._written[position] = True

    def read(self, position: int) -> tuple[NDArray[Any], NDArray[Any]]:
        """Return x0_null and eps_gap of one slice, each (K, C, H, W).

        Raises
        ------
        AnalysisError
            When the slice is still to come, or was discarded.
        """
        with self.lock:
            if self._final is not None:
                return self._final.read(position)
            if not self._written[position]:
                raise AnalysisError(
                    f"The slice at position {position} of this analysis was not computed; run the "
                    "analysis again."
                )
            x0_null, eps_gap = (np.asarray(self.arrays[name][position]) for name in STEP_ARRAYS)
            return x0_null, eps_gap

    def become(self, final: Steps) -> None:
        """Read from the finished analysis from now on; the caller holds `lock`."""
        self._final = final
        self.arrays = {}

    def discard(self) -> None:
        """Forget all slices, unless they are finished; the caller holds `lock`."""
        if self._final is None:
            self._written[:] = False
            self.arrays = {}


def finished_part(analysis: Analysis) -> Analysis | None:
    """Analysis of those slices alone that were computed before a run ended early.

    Parameters
    ----------
    analysis : Analysis
        Handed out by ``analyze(on_start=...)``; its run has ended.

    Returns
    -------
    Analysis or None
        In memory; None when no slice was computed, or they were on disk and are gone.
    """
    steps = analysis.steps
    missing = steps.missing if isinstance(steps, GrowingSteps) else np.array([], dtype=np.intp)
    kept = np.setdiff1d(np.arange(len(analysis)), missing)
    if kept.size == 0:
        return None
    inputs = analysis.inputs
    inputs = replace(
        inputs,
        x0=inputs.x0[kept],
        foreground=inputs.foreground[kept],
        slice_ids=inputs.slice_ids[kept],
    )
    read = [steps.read(int(position)) for position in kept]
    arrays = {name: np.stack([r[i] for r in read]) for i, name in enumerate(STEP_ARRAYS)}
    return Analysis(analysis.metadata, inputs, MemorySteps(arrays))
