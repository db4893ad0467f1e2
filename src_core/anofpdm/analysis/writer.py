"""Filling an analysis, in memory or on disk, while batches of slices finish."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from anofpdm.analysis.inputs import AnalysisInputs
from anofpdm.analysis.metadata import AnalysisMetadata, StepDtype
from anofpdm.analysis.steps import GrowingSteps, MemorySteps, estimate_nbytes
from anofpdm.analysis.store import (
    INPUT_ARRAYS,
    STEP_ARRAYS,
    StoredAnalysis,
    create_group,
    create_steps,
    is_analysis,
    native_name,
    seal,
    write_array,
)
from anofpdm.common.atomic import AtomicTarget
from anofpdm.common.errors import AnalysisError, OutputError

SUFFIX = ".anofpdm.zarr"


class AnalysisWriter:
    """Collects the steps of slices; `finish` completes them, all else leaves nothing behind.

    As a context manager it aborts unless `finish` was called.

    Parameters
    ----------
    path : str, Path or None
        A folder NAME.anofpdm.zarr, which appears at `finish`; None keeps all in memory.
    metadata : AnalysisMetadata
    inputs : AnalysisInputs
    dtype : {"float16", "float32"}
        What the steps are kept as.
    overwrite : bool
        Replace an analysis at `path`.

    Attributes
    ----------
    steps : GrowingSteps
        What is written, to be read meanwhile.

    Raises
    ------
    OutputError
        When `path` exists and `overwrite` is false, is something else than an analysis, lacks the
        suffix, or cannot be written.
    """

    def __init__(
        self,
        path: str | os.PathLike[str] | None,
        metadata: AnalysisMetadata,
        inputs: AnalysisInputs,
        *,
        dtype: StepDtype = "float16",
        overwrite: bool = False,
    ) -> None:
        self.metadata, self.inputs = metadata, inputs
        slices, channels, rows, columns = inputs.x0.shape
        self.shape = (slices, len(metadata.timesteps), channels, rows, columns)
        self._dtype_name: StepDtype = dtype
        self._target: AtomicTarget | None = None
        self._memory: MemorySteps | None = None
        self.steps = GrowingSteps(self.shape, dtype)
        if path is None:
            self._memory = MemorySteps.empty(self.shape, dtype)
            self.steps.arrays = dict(self._memory.arrays)
            return
        self._target = _target(Path(path), overwrite)
        with self._all_or_nothing():
            self._group = create_group(self._target.path)
            self.steps.arrays = dict(create_steps(self._group, self.shape, dtype))
            self._write_inputs()

    def write(self, positions: Sequence[int], x0_null: ArrayLike, eps_gap: ArrayLike) -> None:
        """Keep the steps of some slices.

        Parameters
        ----------
        positions : sequence of int, length n
            Positions of the slices in ``inputs.x0``, in any order.
        x0_null, eps_gap : array, shape (n, K, C, H, W)
            The unguided prediction, unclipped, and eps_h - eps_null.

        Raises
        ------
        AnalysisError
            When the shapes do not fit, or a value is too large for the dtype.
        OutputError
            When the disk is full.
        """
        blocks = []
        for name, values in zip(STEP_ARRAYS, (x0_null, eps_gap), strict=True):
            block = kept_as(self._dtype_name, name, values)
            if block.shape != (len(positions), *self.shape[1:]):
                raise AnalysisError(
                    f"{name} has shape {block.shape} for {len(positions)} slices of "
                    f"{self.shape[1:]}."
                )
            blocks.append(block)
        with self._all_or_nothing():
            for position, *of_slice in zip(positions, *blocks, strict=True):
                self.steps.write(position, *of_slice)

    def finish(self) -> MemorySteps | StoredAnalysis:
        """Complete the steps and return them; on disk, the analysis appears at its path now.

        Raises
        ------
        AnalysisError
            When slices are missing.
        OutputError
            When the path now exists, or the disk is full.
        """
        missing = self.steps.missing
        if missing.size:
            self.abort()
            raise AnalysisError(
                f"The analysis is not complete: {missing.size} of {self.shape[0]} slices are "
                f"missing, the first at position {missing[0]}."
            )
        if self._memory is not None:
            with self.steps.lock:
                self.steps.become(self._memory)
            return self._memory
        assert self._target is not None
        document = {
            "metadata": self.metadata.model_dump(mode="json"),
            "geometry": self.inputs.geometry.to_dict(),
            "native": list(self.inputs.native),
        }
        with self._all_or_nothing():
            seal(self._group, document)
            with self.steps.lock:
                self._target.commit()
                path, self._target = self._target.target, None
                stored = StoredAnalysis(path)
                self.steps.become(stored)
        return stored

    def abort(self) -> None:
        """Remove what was written; after `finish`, do nothing."""
        if self._memory is None:
            with self.steps.lock:
                self.steps.discard()
                if self._target is not None:
                    self._target.discard()
                    self._target = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.abort()

    def _write_inputs(self) -> None:
        for name in INPUT_ARRAYS:
            write_array(self._group, name, getattr(self.inputs, name))
        for index, scan in enumerate(self.inputs.native.values()):
            write_array(self._group, native_name(index), scan)

    @contextmanager
    def _all_or_nothing(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            self.abort()
            raise OutputError(
                f"The analysis cannot be written ({error.strerror or error}); choose a disk with "
                f"{estimate_nbytes(*self.shape, self._dtype_name) >> 20} MiB of free space."
            ) from error
        except BaseException:
            self.abort()
            raise


def kept_as(dtype: StepDtype, name: str, values: ArrayLike) -> NDArray[Any]:
    """Convert the values of a step array, of any shape, to what it is kept as.

    Raises
    ------
    AnalysisError
        When a value is too large for the dtype.
    """
    block = np.asarray(values)
    try:
        with np.errstate(over="raise"):
            return block.astype(dtype, copy=False)
    except FloatingPointError as error:
        raise AnalysisError(
            f"{name} reaches {np.abs(block).max():.3g}, which is too large for {dtype}; store the "
            "analysis in float32."
        ) from error


def _target(path: Path, overwrite: bool) -> AtomicTarget:
    if not path.name.endswith(SUFFIX):
        raise OutputError(f"The analysis path {path} must end in {SUFFIX}.")
    if path.is_dir() and any(path.iterdir()) and not is_analysis(path):
        raise OutputError(f"{path} is a folder but not an analysis; choose another path.")
    return AtomicTarget(path, overwrite=overwrite)
