"""`segment_live`: interpret the steps while the network makes them, and keep none."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from anofpdm.analysis.batches.step_buffers import NAMES
from anofpdm.analysis.steps import MemorySteps
from anofpdm.analysis.store import STEP_ARRAYS
from anofpdm.analysis.writer import kept_as
from anofpdm.common.errors import AnalysisError
from anofpdm.method.interpretation import (
    Interpretation,
    concatenate,
    interpret,
    interpret_stream,
)

if TYPE_CHECKING:
    import torch

    from anofpdm.analysis.analysis import Analysis
    from anofpdm.analysis.inputs import AnalysisInputs
    from anofpdm.analysis.metadata import AnalysisMetadata, StepDtype
    from anofpdm.method.forward_process import Step
    from anofpdm.method.settings import Settings


class DroppedSteps:
    """Steps of an analysis that were interpreted as they were made, and not kept.

    Parameters
    ----------
    shape : tuple of int
        (S, K, C, H, W).
    dtype : str
        What they were interpreted in.
    """

    def __init__(self, shape: tuple[int, ...], dtype: str) -> None:
        self.shape = shape
        self.dtype: np.dtype[Any] = np.dtype(dtype)

    def read(self, position: int) -> tuple[NDArray[Any], NDArray[Any]]:
        """Say that there are none.

        Raises
        ------
        AnalysisError
            Always.
        """
        raise AnalysisError(
            "The steps of this analysis were not kept; run it again and keep the analysis."
        )


class LiveInterpreter:
    """Takes the steps of batch after batch, and keeps what their slices are interpreted as.

    The steps are rounded as a kept analysis rounds them, so that both give the same masks.

    Parameters
    ----------
    metadata : AnalysisMetadata
    inputs : AnalysisInputs
    settings : Settings
    dtype : {"float16", "float32"}
        What a kept analysis would keep the steps as.
    """

    def __init__(
        self,
        metadata: AnalysisMetadata,
        inputs: AnalysisInputs,
        settings: Settings,
        dtype: StepDtype,
    ) -> None:
        self._metadata, self._inputs = metadata, inputs
        self._settings, self._dtype = settings, dtype
        self._parts: dict[int, Interpretation] = {}

    def interpret_steps(
        self, positions: Sequence[int], steps: Iterable[Step]
    ) -> list[Interpretation]:
        """Interpret the steps of a batch on the CPU as they come, one after another."""
        import torch

        return interpret_stream(
            self._rounded(steps),
            torch.from_numpy(self._inputs.x0[positions]),
            self._inputs.foreground[positions],
            self._metadata.bundle.schedule,
            self._metadata.timesteps,
            [self._settings],
            slice_ids=[int(i) for i in self._inputs.slice_ids[positions]],
            modalities=self._metadata.bundle.scored,
            clip=self._metadata.clip,
        )

    def interpret_kept(
        self, positions: Sequence[int], predictions: tuple[NDArray[Any], NDArray[Any]]
    ) -> None:
        """Interpret x0_null and eps_gap of a batch that has come from a GPU, and keep that."""
        from anofpdm.analysis.analysis import Analysis

        inputs = replace(
            self._inputs,
            x0=self._inputs.x0[positions],
            foreground=self._inputs.foreground[positions],
            slice_ids=self._inputs.slice_ids[positions],
        )
        steps = MemorySteps(dict(zip(STEP_ARRAYS, predictions, strict=True)))
        self.keep(positions, [interpret(Analysis(self._metadata, inputs, steps), self._settings)])

    def keep(self, positions: Sequence[int], found: list[Interpretation]) -> None:
        """Keep the interpretation of a batch."""
        self._parts[positions[0]] = found[0]

    def finish(self, metadata: AnalysisMetadata) -> tuple[Analysis, Interpretation]:
        """Return the analysis without its steps, and the interpretation of all slices."""
        from anofpdm.analysis.analysis import Analysis

        slices, channels, rows, columns = self._inputs.x0.shape
        shape = (slices, len(metadata.timesteps), channels, rows, columns)
        analysis = Analysis(metadata, self._inputs, DroppedSteps(shape, self._dtype))
        return analysis, concatenate([self._parts[first] for first in sorted(self._parts)])

    def _rounded(self, steps: Iterable[Step]) -> Iterator[Step]:
        import torch

        narrow: torch.dtype = getattr(torch, self._dtype)
        for step in steps:
            values = {name: getattr(step, name) for name in NAMES}
            for name, each in values.items():
                kept_as(self._dtype, name, float(each.abs().amax()))
            yield replace(step, **{name: each.to(narrow) for name, each in values.items()})
