"""The predictions of an analysis, step by step: in memory, and while they are being made."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from anofpdm.analysis.metadata import StepDtype
from anofpdm.analysis.store import STEP_ARRAYS
from anofpdm.common.errors import AnalysisError


def estimate_nbytes(
    slices: int, steps: int, channels: int, rows: int, columns: int, dtype: StepDtype = "float16"
) -> int:
    """Bytes that the steps of an analysis take in memory; on disk 10 to 25 % less."""
    return 2 * slices * steps * channels * rows * columns * np.dtype(dtype).itemsize


class Steps(Protocol):
    """Where the predictions of the steps lie: in memory or on disk."""

    @property
    def shape(self) -> tuple[int, ...]:
        """(S, K, C, H, W)."""

    @property
    def dtype(self) -> np.dtype[Any]:
        """float16 or float32."""

    def read(self, position: int) -> tuple[NDArray[Any], NDArray[Any]]:
        """Return x0_null and eps_gap of one slice, each (K, C, H, W)."""


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
